"""One chunk of a sweep over a real session on loopback."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec
import pytest

from probe.clock import Clock
from probe.formats import jsonlines
from probe.measure.network_config import ResolverConfig
from probe.model.verdict import Evidence, Status, Vantage, VantageState, Verdict
from probe.plan.looks import LookTerms
from probe.session.session import Session
from probe.settings import Settings
from probe.sweep.sweep_pass import Chunk, Glancing, Repeat, SweepPass, SweptVerdict, swept
from probe.sweep.swept_looks import TargetLooks
from tests.loopback.agent.made import settings

CLOSED_ANCHORS = ("http://127.0.0.1:1/", "http://127.0.0.2:1/")


@contextmanager
def ports(count: int) -> Iterator[Chunk]:
    """Targets that are reachable, each at an address of its own."""
    with ExitStack() as stack:
        servers = [stack.enter_context(socket.create_server((f"127.0.7.{n}", 0))) for n in range(1, count + 1)]
        yield [(n, "tcp://{}:{}".format(*server.getsockname()[:2])) for n, server in enumerate(servers)]


def measuring(folder: Path, **measure: object) -> Settings:
    chosen = settings(folder)
    return msgspec.structs.replace(chosen, measure=msgspec.structs.replace(chosen.measure, **measure))


async def found(chosen: Settings, chunk: Chunk) -> tuple[list[SweptVerdict], SweepPass]:
    async with Session(chosen, Clock(), limit_traffic=True) as session:
        one = SweepPass(session, chunk)
        return [verdict async for verdict in one.verdicts({}) if isinstance(verdict, SweptVerdict)], one


async def test_verdicts_are_lines_as_check_prints_them(tmp_path: Path) -> None:
    with ports(20) as chunk:
        swept_verdicts, one = await found(measuring(tmp_path), [*chunk, (77, "tcp://127.0.0.1:1")])

    verdicts = {one.number: jsonlines.read_verdict(bytes(one.verdict)) for one in swept_verdicts}
    assert {number: verdict.target for number, verdict in verdicts.items()} == dict([*chunk, (77, "tcp://127.0.0.1:1")])
    assert {number for number, verdict in verdicts.items() if verdict.status is not Status.REACHABLE} == {77}
    assert all((one.status, one.repeat) == (verdicts[one.number].status, Repeat.NO) for one in swept_verdicts)
    assert (one.vantage.state, one.is_spent) == (VantageState.ONLINE, False)


async def test_nothing_is_measured_where_the_vantage_is_offline(tmp_path: Path) -> None:
    with ports(20) as chunk:
        verdicts, one = await found(measuring(tmp_path, anchors=CLOSED_ANCHORS), chunk)

    assert verdicts == []
    assert one.vantage.state is VantageState.OFFLINE


async def test_a_pass_ends_before_its_traffic_limit_is_reached(tmp_path: Path) -> None:
    """No target gets a verdict that says only that the limit was reached."""
    with ports(100) as chunk:
        verdicts, one = await found(measuring(tmp_path, round_connections=90, concurrency=2), chunk)

    assert one.is_spent
    assert 10 < len(verdicts) <= 90
    assert {verdict.status for verdict in verdicts} == {Status.REACHABLE}


async def test_a_limit_below_the_needs_of_one_target_still_measures_one_at_a_time(tmp_path: Path) -> None:
    with ports(3) as chunk:
        verdicts, one = await found(measuring(tmp_path, round_connections=4), chunk)

    assert (len(verdicts), one.is_spent) == (1, True)


def verdict(
    status: Status, state: VantageState = VantageState.ONLINE, rule: str = "served", **evidence: str
) -> Verdict:
    return Verdict(
        time=Clock().now(),
        target="a.example",
        status=status,
        causes=(),
        rule=rule,
        evidence=Evidence(**evidence),
        vantage=Vantage(state=state),
    )


def test_a_verdict_that_only_shows_a_passing_state_of_the_host_is_made_again() -> None:
    repeats = {
        (one.status, one.vantage.state, one.rule): swept(0, one).repeat
        for one in [
            verdict(Status.REACHABLE),
            verdict(Status.BLOCKED, rule="tls.reset.sni"),
            verdict(Status.UNKNOWN, VantageState.OFFLINE, "vantage.offline"),
            verdict(Status.UNKNOWN, VantageState.PORTAL, "vantage.portal"),
            verdict(Status.UNKNOWN, VantageState.POLICED, "vantage.policed"),
            verdict(Status.UNKNOWN, rule="host.no_way"),
            verdict(Status.UNKNOWN, rule="vantage.residual"),
            verdict(Status.UNKNOWN, VantageState.ALLOWLIST, "vantage.allowlist"),
            verdict(Status.UNKNOWN, rule="measurement.failed", error="a fault"),
        ]
    }

    assert list(repeats.values()) == [
        Repeat.NO,
        Repeat.NO,
        Repeat.SKIPPED,
        Repeat.SKIPPED,
        Repeat.TRIED,
        Repeat.TRIED,
        Repeat.TRIED,
        Repeat.NO,
        Repeat.NO,
    ]


async def test_a_target_that_was_found_well_is_glanced_at_until_it_differs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Glances acquit; the port that was closed meanwhile is looked at in full in the same pass, and remembered."""
    resolvers = ResolverConfig(("udp:127.0.0.1:53",), rotates=False, patience_seconds=1)
    monkeypatch.setattr("probe.session.session.resolver_config", lambda: resolvers)
    memories: dict[int, TargetLooks] = {}
    glancing = Glancing(LookTerms(interval=60, full_every=3600, blocked_every=0), memories, b"secret", Clock())
    rules: list[dict[int, str]] = []
    with ports(5) as chunk:
        with socket.create_server(("127.0.7.99", 0)) as closing:
            everything = [*chunk, (9, "tcp://{}:{}".format(*closing.getsockname()[:2]))]
            rules.append(await looked(measuring(tmp_path), everything, glancing, memories))
            while all(len(found) < 6 or "glance.same" not in found.values() for found in rules):
                rules.append(await looked(measuring(tmp_path), everything, glancing, memories))
        rules.extend([await looked(measuring(tmp_path), everything, glancing, memories) for _ in range(2)])

    assert set(rules[0].values()) == {"served"}
    assert rules[-2][9] not in {"glance.same", "glance.differs", "served"}
    assert rules[-1][9] == rules[-2][9]
    assert memories[9].memory.failed > 0


async def looked(
    chosen: Settings, chunk: Chunk, glancing: Glancing, memories: dict[int, TargetLooks]
) -> dict[int, str]:
    """The rules of one pass, by number; the memories are kept as a sweep keeps them."""
    rules: dict[int, str] = {}
    async with Session(chosen, Clock(), limit_traffic=True) as session:
        async for one in SweepPass(session, chunk).verdicts({}, glancing):
            if isinstance(one, SweptVerdict):
                rules[one.number] = jsonlines.read_verdict(bytes(one.verdict)).rule
            else:
                memories[one.number] = one.looks
    return rules
