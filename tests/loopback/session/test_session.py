"""A session on loopback: its settings, its control, its limits, and the stream of verdicts."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterator
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import msgspec
import pytest

from probe import judge
from probe.clock import Clock
from probe.measure.anchors import AnchorWatch
from probe.measure.network_config import ResolverConfig
from probe.measure.watcher import Watcher
from probe.model.address import Family
from probe.model.failure import Failure
from probe.model.hop import Purpose
from probe.model.target import TargetText, parse
from probe.model.verdict import AnchorKind, AnchorLook, ControlFacts, Status, VantageNote, VantageState, Verdict
from probe.session.measurement_run import Retests
from probe.session.session import Session
from probe.settings import Settings
from tests import required
from tests.loopback.agent.made import port, settings

CLOSED = "tcp://127.0.0.1:1"


@pytest.fixture
def target() -> Iterator[str]:
    with port() as text:
        yield text


def measuring(folder: Path, **measure: object) -> Settings:
    """Return settings with these under `[measure]`."""
    chosen = settings(folder)
    return msgspec.structs.replace(chosen, measure=msgspec.structs.replace(chosen.measure, **measure))


def parsed(*texts: str) -> list[TargetText]:
    """Return the targets of a list."""
    return [(text, parse(text)) for text in texts]


async def test_a_target_is_measured_under_the_settings_network(target: str, tmp_path: Path) -> None:
    chosen = settings(tmp_path)
    chosen = msgspec.structs.replace(chosen, network=msgspec.structs.replace(chosen.network, asn=64500, country="RU"))

    async with Session(chosen, Clock()) as session:
        verdict = await session.measure(target, parse(target), attempt=2)

    assert (verdict.status, verdict.target, verdict.evidence.attempt) == (Status.REACHABLE, target, 2)
    assert (verdict.vantage.asn, verdict.vantage.country) == (64500, "RU")


async def test_a_target_is_compared_with_its_own_control(tmp_path: Path) -> None:
    down = ControlFacts(time=datetime.now(UTC), statuses=(Status.DOWN,), failures=("tcp.reset",))

    async with Session(settings(tmp_path), Clock()) as session:
        alone = await session.measure(CLOSED, parse(CLOSED))
        session.prepare({CLOSED: down})
        compared = await session.measure(CLOSED, parse(CLOSED))

    assert (alone.status, alone.evidence.control) == (Status.UNREACHABLE, None)
    assert (compared.status, compared.evidence.control) == (Status.DOWN, down)


async def test_the_vantage_is_judged_by_the_settings_anchors(tmp_path: Path) -> None:
    chosen = measuring(tmp_path, anchors=("http://127.0.0.1:1/",), domestic_anchors=("http://127.0.0.1:2/",))

    async with Session(chosen, Clock()) as session:
        vantage = await session.look()

    assert vantage.state is VantageState.OFFLINE
    assert [(look.url, look.kind) for look in vantage.anchors] == [
        ("http://127.0.0.1:1/", AnchorKind.FOREIGN),
        ("http://127.0.0.1:2/", AnchorKind.DOMESTIC),
    ]
    assert all(look.failure is not None for look in vantage.anchors)


async def test_without_anchors_the_vantage_is_online(tmp_path: Path) -> None:
    async with Session(settings(tmp_path), Clock()) as session:
        vantage = await session.look()

    assert (vantage.state, vantage.anchors) == (VantageState.ONLINE, ())


async def test_connections_beyond_the_limit_are_left_out_until_the_next_pass(target: str, tmp_path: Path) -> None:
    chosen = measuring(tmp_path, round_connections=1)
    async with Session(chosen, Clock(), limit_traffic=True) as session:
        verdicts = [await session.measure(target, parse(target)) for _ in range(2)]
        refused = session.connections_refused
        session.prepare({})
        verdicts.append(await session.measure(target, parse(target)))

    assert [one.status for one in verdicts] == [Status.REACHABLE, Status.UNKNOWN, Status.REACHABLE]
    assert verdicts[1].rule == "host.no_way"
    assert refused > 0
    assert session.connections_refused == 0


async def test_where_the_budget_leaves_no_look_at_the_anchors_a_failure_proves_nothing(
    target: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """As where anchors disagree: nobody knows whether the line works."""
    chosen = measuring(tmp_path, round_connections=1, anchors=[target.replace("tcp://", "http://") + "/"])
    async with Session(chosen, Clock(), limit_traffic=True) as session:
        await session.measure(target, parse(target))
        vantage = await session.look()

    assert (vantage.state, vantage.notes) == (VantageState.ONLINE, (VantageNote.ANCHORS_DISAGREE,))
    assert "the anchors were not looked at: a traffic budget is spent" in caplog.text


async def test_traffic_is_not_limited_unless_asked_for(target: str, tmp_path: Path) -> None:
    async with Session(measuring(tmp_path, round_connections=1), Clock()) as session:
        verdicts = [await session.measure(target, parse(target)) for _ in range(2)]

    assert [one.status for one in verdicts] == [Status.REACHABLE] * 2
    assert session.connections_refused == 0


async def test_boringssl_is_used_when_the_settings_say(tmp_path: Path) -> None:
    required.package("utls")

    assert Session(measuring(tmp_path), Clock())._tools.boringssl is None
    assert Session(measuring(tmp_path, tls="boringssl"), Clock())._tools.boringssl is not None


@pytest.mark.parametrize(
    ("when", "retests", "attempt"), [("never", 3, None), ("always", 3, 0), ("changes", 3, 3), ("changes", 0, 1)]
)
async def test_a_block_is_localised_when_the_settings_say(
    when: str, retests: int, attempt: int | None, tmp_path: Path
) -> None:
    """With `changes`: at the last re-test, and never at a first look."""
    chosen = measuring(tmp_path, localise=when)
    agent = msgspec.structs.replace(chosen.agent, retests=retests)

    async with Session(msgspec.structs.replace(chosen, agent=agent), Clock()) as session:
        assert session._context.localise_from_attempt == attempt


@pytest.mark.parametrize("when", ["never", "always"])
async def test_uploads_are_tested_when_the_settings_say(when: str, tmp_path: Path) -> None:
    """Never by default."""
    async with Session(measuring(tmp_path, send=when), Clock()) as session:
        assert session._context.test_upload is (when == "always")
    assert settings(tmp_path).measure.send == "never"


async def test_a_target_is_measured_although_packets_cannot_be_captured(target: str, tmp_path: Path) -> None:
    """Where this test is root they can be, and nothing is missing."""
    async with Session(measuring(tmp_path, packets="numbers"), Clock()) as session:
        verdict = await session.measure(target, parse(target))
        captures = session._tools.watcher is not None

    assert verdict.status is Status.REACHABLE
    assert captures is not bool(session.missing_packets)


@pytest.mark.parametrize(("packets", "folder"), [("numbers", None), ("pcap", "pcap")])
async def test_capture_files_are_kept_when_the_settings_say(
    packets: str, folder: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are in the state folder."""
    folders: list[Path | None] = []

    async def start(folder: Path | None) -> tuple[None, str]:
        folders.append(folder)
        return None, "no privilege"

    monkeypatch.setattr(Watcher, "start", start)
    chosen = measuring(tmp_path, packets=packets)
    agent = msgspec.structs.replace(chosen.agent, state=str(tmp_path))
    async with Session(msgspec.structs.replace(chosen, agent=agent), Clock()) as session:
        assert session.missing_packets == "no privilege"

    assert folders == [folder and tmp_path / folder]


async def test_each_pass_reads_this_hosts_network_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It reaches the context of the measurements, as do the arguments about ranges."""
    session = Session(settings(tmp_path), Clock())
    for name, found in {
        "resolver_config": ResolverConfig(("udp:192.0.2.53:53",), rotates=True, patience_seconds=7),
        "hosts_file_names": frozenset({"box.example"}),
        "routed_families": frozenset({Family.IPV6}),
        "tunnel_notes": ("tunnel",),
    }.items():
        monkeypatch.setattr(f"probe.session.session.{name}", lambda found=found: found)
    session.prepare(
        {},
        range_samples={"192.0.2.0/24": 5},
        range_hits={"a": ("192.0.2.1",)},
        range_excluded_prefixes={"b": ("192.0.2.8/29",)},
    )

    context = session._context
    assert (context.network_resolvers, context.hosts_file_names) == (("udp:192.0.2.53:53",), {"box.example"})
    assert (context.rotates, context.tools.lookups.patience_seconds) == (True, 7)
    assert (context.families, context.host_notes) == ({Family.IPV6}, ("tunnel",))
    assert (context.range_samples, context.range_hits) == ({"192.0.2.0/24": 5}, {"a": ("192.0.2.1",)})
    assert context.range_excluded_prefixes == {"b": ("192.0.2.8/29",)}


async def test_the_watcher_of_packets_ends_with_the_session(tmp_path: Path) -> None:
    closed: list[bool] = []

    class Running:
        async def close(self) -> None:
            closed.append(True)

    async with Session(settings(tmp_path), Clock()) as session:
        session._tools.watcher = Running()  # type: ignore[assignment]
        assert closed == []

    assert closed == [True]


async def test_a_list_gives_a_verdict_a_target_and_re_tests_where_asked_for(target: str, tmp_path: Path) -> None:
    retests = Retests(lambda verdict: verdict.status is not Status.REACHABLE, 1, 8.0)

    async with Session(settings(tmp_path), Clock()) as session:
        stream = session.verdicts(parsed(target, CLOSED), retests=retests, shuffle=Random(1))
        verdicts = [verdict async for verdict in stream]

    assert sorted((one.target, one.status.value, one.evidence.attempt) for one in verdicts) == [
        (CLOSED, "unreachable", 0),
        (CLOSED, "unreachable", 1),
        (target, "reachable", 0),
    ]
    assert [judge.again(verdict) for verdict in verdicts] == verdicts


@pytest.mark.parametrize("shuffled", [False, True])
async def test_targets_are_begun_in_the_order_given_or_in_random_order(tmp_path: Path, shuffled: bool) -> None:
    texts = [f"tcp://127.0.0.1:{number}" for number in range(1, 21)]

    async with Session(measuring(tmp_path, concurrency=1), Clock()) as session:
        stream = session.verdicts(parsed(*texts), shuffle=Random(1) if shuffled else None)
        begun = [verdict.target async for verdict in stream]

    assert sorted(begun) == sorted(texts)
    assert (begun == texts) is not shuffled


async def test_an_offline_vantage_gives_verdicts_that_carry_a_rule(target: str, tmp_path: Path) -> None:
    chosen = measuring(tmp_path, anchors=("http://127.0.0.1:1/",))

    async with Session(chosen, Clock()) as session:
        verdicts = [verdict async for verdict in session.verdicts(parsed(target, CLOSED))]

    assert {(v.status, v.vantage.state, v.rule) for v in verdicts} == {
        (Status.UNKNOWN, VantageState.OFFLINE, "vantage.offline")
    }
    assert [judge.again(verdict) for verdict in verdicts] == verdicts


async def test_targets_share_the_trial_of_an_unrouted_address_over_passes(
    target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each has it in its evidence. What fails needs none, and a re-test takes one of the last minute."""
    monkeypatch.setattr("probe.session.measurement_context.unrouted_address", lambda _: "127.0.0.9")
    async with Session(settings(tmp_path), Clock()) as session:
        given = [(await session.measure(target, parse(target), attempt=attempt)) for attempt in (0, 0, 1)]
        session.prepare({})
        given += [await session.measure(text, parse(text)) for text in (target, CLOSED)]

    trials = [[one for one in v.evidence.observations if one.purpose is Purpose.RELAY] for v in given]
    assert [[one.at < 0 for one in each] for each in trials] == [[False], [True], [True], [True], []]
    assert [one.failure for each in trials for one in each] == [Failure.RESET] * 4
    assert [verdict.status for verdict in given[:4]] == [Status.REACHABLE] * 4
    assert [judge.again(verdict) for verdict in given] == given


async def test_a_relay_is_found_by_every_target_that_it_accepts(
    target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The trial that was accepted is remembered, and is in the evidence of each."""
    monkeypatch.setattr("probe.session.measurement_context.unrouted_address", lambda _: "127.0.0.1")
    async with Session(settings(tmp_path), Clock()) as session:
        given = [await session.measure(target, parse(target)) for _ in range(2)]

    assert [verdict.rule for verdict in given] == ["tcp.relayed"] * 2
    assert [one.at >= 0 for verdict in given for one in verdict.evidence.observations] == [True] * 3 + [False]
    assert [judge.again(verdict) for verdict in given] == given


async def test_a_fault_of_ours_is_written_into_the_verdict_and_the_others_are_measured(
    target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is judged, too: it carries a rule, and judging it again changes nothing."""

    def broken(given: object) -> str:
        if given == parse(CLOSED):
            raise ValueError("a fault")
        return ""

    monkeypatch.setattr("probe.session.measurement_context.unrouted_address", broken)
    async with Session(settings(tmp_path), Clock()) as session:
        verdicts = {v.target: v async for v in session.verdicts(parsed(target, CLOSED))}

    assert verdicts[target].status is Status.REACHABLE
    assert (verdicts[CLOSED].status, verdicts[CLOSED].evidence.error) == (Status.UNKNOWN, "ValueError: a fault")
    assert verdicts[CLOSED].rule
    assert judge.again(verdicts[CLOSED]) == verdicts[CLOSED]


async def test_a_fault_in_looking_at_the_anchors_does_not_end_the_pass(
    target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(self: AnchorWatch, since: float) -> tuple[AnchorLook, ...]:
        raise ValueError

    monkeypatch.setattr(AnchorWatch, "fresh", broken)
    async with Session(settings(tmp_path), Clock()) as session:
        verdicts = [verdict async for verdict in session.verdicts(parsed(target))]

    assert [verdict.status for verdict in verdicts] == [Status.REACHABLE]


@pytest.mark.parametrize("rate", [1.0, 60.0])
async def test_after_a_stop_nothing_on_the_network_outlasts_the_grace(tmp_path: Path, rate: float) -> None:
    """The server never answers, the time-out is a minute, the grace a real second whatever the rate of the clock."""
    stopping = asyncio.Event()
    chosen = measuring(tmp_path, timeout=60.0)
    retests = Retests(lambda _: True, 3, 60.0)
    with port() as open_port, socket.create_server(("127.0.0.1", 0)) as mute:
        silent = f"http://127.0.0.1:{mute.getsockname()[1]}/"
        async with Session(chosen, Clock(rate=rate)) as session:
            verdicts: list[Verdict] = []
            async with aclosing(
                session.verdicts(parsed(open_port, silent), retests=retests, stopping=stopping, grace=1.0)
            ) as stream:
                async for verdict in stream:
                    verdicts.append(verdict)
                    stopping.set()
                    stopped = time.monotonic()

    assert [verdict.target for verdict in verdicts] == [open_port]
    assert time.monotonic() - stopped < 30
