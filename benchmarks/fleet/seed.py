"""A database as it is the day before the event: agents enrolled months ago, every target settled as reachable."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from benchmarks.fleet.agents import EPOCH, INTERVAL_SECONDS, Agent, Fleet
from probe.collector.store import Store, StoreSession, agents, batches, history, to_ms
from probe.collector.store.agents import AgentRow
from probe.collector.store.history import PresenceRun

SPONSORS = 40
HISTORY = timedelta(days=60)
AGENTS_IN_A_WRITE = 50


async def seed(store: Store, fleet: Fleet, everyone: list[Agent], now: datetime) -> None:
    """Fill an empty database."""
    await store.write(lambda session: _targets(session, fleet))
    for start in range(0, len(everyone), AGENTS_IN_A_WRITE):
        some = everyone[start : start + AGENTS_IN_A_WRITE]
        await store.write(_agents(fleet, some, now))


def _targets(session: StoreSession, fleet: Fleet) -> None:
    rows = [(fleet.target(number), fleet.service(number)) for number in range(fleet.targets)]
    session.many("INSERT INTO target (text, service) VALUES (?, ?)", rows)


def _agents(fleet: Fleet, some: list[Agent], now: datetime) -> Callable[[StoreSession], None]:
    began = to_ms(now - HISTORY)

    def fill(session: StoreSession) -> None:
        numbers = dict(session.rows("SELECT text, no FROM target"))
        for agent in some:
            key = agent.key.public_key().public_bytes_raw()
            network = agent.network
            sponsor = f"sponsor {agent.number % SPONSORS}"
            row = (agent.id, key, "vantage", sponsor, network.asn, network.country, "active", "", 0, began)
            agents.add_agent(session, AgentRow(0, *row))
            stored = agents.agent(session, agent.id)
            assert stored is not None  # noqa: S101 it was written above
            batches.advance(session, stored.no, EPOCH, agent.seq, began)
            place = batches.network_number(session, network.asn, network.country)
            rounds = HISTORY // timedelta(seconds=INTERVAL_SECONDS)
            stop = to_ms(now) - 60_000
            run = PresenceRun(began, stop, place, round(INTERVAL_SECONDS * 1000), "online", rounds, rounds)
            history.save_presence_run(session, stored.no, run)
            spans = [
                (numbers[fleet.target(number)], stored.no, began, began, place, "reachable", "")
                for number in range(fleet.targets)
            ]
            session.many(
                "INSERT INTO span (target, agent, start, known, network, status, causes) VALUES (?, ?, ?, ?, ?, ?, ?)",
                spans,
            )
            history.add_first_looks(session, place, dict.fromkeys((span[0] for span in spans), began))
            votes = [(span[0], stored.no, fleet.service(number)) for number, span in enumerate(spans)]
            session.many("INSERT INTO membership (target, agent, service) VALUES (?, ?, ?)", votes)

    return fill
