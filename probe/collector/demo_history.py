"""An invented history for trying pages and their speed: services, networks, vantages, and what was blocked when.

The same scale and seed give the same history. Names say that it is invented; AS numbers are those that RFC 5398 sets
aside for documentation.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import pairwise

import msgspec

from probe.collector.store import Store, StoreSession, agents, batches, history, to_ms
from probe.collector.store.agents import AgentRow
from probe.collector.store.history import NewSpan, PresenceRun
from probe.model.verdict import Cause, Status

COUNTRIES = ("RU", "CN", "IR", "TR", "KZ", "UZ", "BY", "PK", "IN", "ID", "VN", "MM", "TM", "AZ", "EG", "AE", "CU", "VE")
FIRST_ASN = 65536
"""RFC 5398: 65536 to 65551 are for documentation; the numbers after them are used by nobody who is named here."""
CAUSES = (Cause.TLS_RESET, Cause.DNS_SPOOFED, Cause.TCP_TIMEOUT, Cause.HTTP_BLOCKPAGE, Cause.DNS_NXDOMAIN)
INTERVAL_MS = 300_000
SPONSORS = 40
MAX_EPISODE = timedelta(days=60)
STANDING_SHARE = 0.05
"""Of the services of a country, how many are blocked now."""
FAILING_SHARE = 0.02
VANTAGES_IN_A_WRITE = 40


class DemoScale(msgspec.Struct, frozen=True, kw_only=True):
    """How large the history is."""

    services: int = 200
    networks: int = 500
    vantages: int = 2_000
    days: int = 730
    seed: int = 1


class _Episode(msgspec.Struct, frozen=True):
    """A block of a service in a country, in milliseconds; `stop` is None while it lasts."""

    start: int
    stop: int | None
    cause: Cause
    spread: float


Episodes = dict[tuple[int, str], list[_Episode]]


async def seed_demo(store: Store, scale: DemoScale, now: datetime, told: Callable[[int], None]) -> None:
    """Fill an empty database with the history up to `now`.

    Args:
        store: without agents.
        scale: of the history.
        now: its end.
        told: called with the number of vantages that were added.
    """
    episodes = _episodes(scale, now)
    await store.write(lambda session: _add_targets(session, scale))
    for start in range(0, scale.vantages, VANTAGES_IN_A_WRITE):
        some = range(start, min(start + VANTAGES_IN_A_WRITE, scale.vantages))
        await store.write(lambda session, some=some: _add_vantages(session, scale, some, episodes, now))  # type: ignore[misc]
        told(len(some))
    marks = sorted({(service_name(service), country) for service, country in episodes})

    def mark(session: StoreSession) -> None:
        for service, country in marks:
            history.mark_dirty(session, service, country, to_ms(now))

    await store.write(mark)


def service_name(number: int) -> str:
    """The invented name of a service."""
    return f"demo-service-{number:03}"


def _target(number: int) -> str:
    return f"https://{service_name(number)}.example/"


def _country(network: int, scale: DemoScale) -> str:
    return COUNTRIES[network % min(len(COUNTRIES), scale.networks)]


def _episodes(scale: DemoScale, now: datetime) -> Episodes:
    """The blocks of every service in every country."""
    chance = random.Random(scale.seed)  # noqa: S311 - an invented history
    found: Episodes = {}
    end, first = to_ms(now), to_ms(now - timedelta(days=scale.days))
    for service in range(scale.services):
        for country in COUNTRIES[: min(len(COUNTRIES), scale.networks)]:
            its = list(_of_pair(chance, first, end))
            if its:
                found[service, country] = its
    return found


def _of_pair(chance: random.Random, first: int, end: int) -> Iterator[_Episode]:
    longest = MAX_EPISODE // timedelta(milliseconds=1)
    for _ in range(chance.choices((0, 1, 2, 3), (60, 25, 10, 5))[0]):
        start = chance.randrange(first + (end - first) // 50, end - longest - INTERVAL_MS)
        yield _Episode(start, start + chance.randrange(3_600_000, longest), chance.choice(CAUSES), chance.random())
    if chance.random() < STANDING_SHARE:
        yield _Episode(end - chance.randrange(600_000, longest), None, chance.choice(CAUSES), chance.random())


def _add_targets(session: StoreSession, scale: DemoScale) -> None:
    rows = [(_target(number), service_name(number)) for number in range(scale.services)]
    session.many("INSERT INTO target (text, service) VALUES (?, ?) ON CONFLICT (text) DO NOTHING", rows)


def _add_vantages(session: StoreSession, scale: DemoScale, some: range, episodes: Episodes, now: datetime) -> None:
    numbers = {
        text: row.no for text, row in batches.target_rows(session, [_target(n) for n in range(scale.services)]).items()
    }
    first = to_ms(now - timedelta(days=scale.days))
    for vantage in some:
        chance = random.Random(f"{scale.seed} {vantage}")  # noqa: S311 - an invented history
        network = vantage % scale.networks
        country = _country(network, scale)
        place = batches.network_number(session, FIRST_ASN + network, country)
        name = f"demo{vantage:012}"
        key = chance.randbytes(32)
        sponsor = f"demo sponsor {vantage % SPONSORS}"
        agents.add_agent(
            session, AgentRow(0, name, key, "vantage", sponsor, FIRST_ASN + network, country, "active", "", 0, first)
        )
        stored = agents.agent(session, name)
        assert stored is not None  # noqa: S101 it was written above
        _add_presence(session, stored.no, place, (first, to_ms(now)), chance)
        spans: list[NewSpan] = []
        for service in range(scale.services):
            changes = _changes(first, chance, episodes.get((service, country), []))
            spans += _spans(numbers[_target(service)], stored.no, place, changes)
        history.add_spans(session, spans)
        history.add_first_looks(session, place, dict.fromkeys(numbers.values(), first))


def _add_presence(
    session: StoreSession, agent: int, place: int, period: tuple[int, int], chance: random.Random
) -> None:
    """Presence with two gaps; one vantage in twenty has fallen silent."""
    start, end = period
    cuts = sorted(chance.randrange(start, end) for _ in range(2))
    bounds = [start, *cuts, end]
    for begin, stop in pairwise(bounds):
        until = stop - 3_600_000 if stop != end else end - (86_400_000 if chance.random() < 0.05 else 30_000)
        rounds = max(1, (until - begin) // INTERVAL_MS)
        history.save_presence_run(
            session, agent, PresenceRun(begin, max(begin + 1, until), place, INTERVAL_MS, "online", rounds, rounds)
        )


def _changes(first: int, chance: random.Random, episodes: list[_Episode]) -> list[tuple[int, Status, str]]:
    """Reachable since `first`, and blocked in those episodes that this vantage's network takes part in."""
    changes: list[tuple[int, Status, str]] = [(first, Status.REACHABLE, "")]
    for episode in sorted(episodes, key=lambda each: each.start):
        start = episode.start + chance.randrange(0, 900_000)
        if chance.random() > 0.4 + 0.6 * episode.spread or start <= changes[-1][0]:
            continue
        changes.append((start, Status.BLOCKED, episode.cause))
        if episode.stop is not None:
            changes.append((max(start + 1, episode.stop + chance.randrange(0, 900_000)), Status.REACHABLE, ""))
    if len(changes) == 1 and chance.random() < FAILING_SHARE:
        return [(first, Status.UNREACHABLE, Cause.TCP_TIMEOUT)]
    return changes


def _spans(target: int, agent: int, place: int, changes: list[tuple[int, Status, str]]) -> list[NewSpan]:
    """The spans between these changes; the last one lasts."""
    stops = [*(change[0] for change in changes[1:]), None]
    return [
        NewSpan(
            target=target,
            agent=agent,
            start=start,
            known=start + INTERVAL_MS,
            network=place,
            status=status,
            causes=causes,
            evidence=None,
            stop=stop,
        )
        for (start, status, causes), stop in zip(changes, stops, strict=True)
    ]
