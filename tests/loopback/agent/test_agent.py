"""Rounds of an agent on loopback: what is stored, and what is uploaded."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
import trustme

from probe.agent import hit_list, watchlist
from probe.agent.agent import HEARTBEAT_FILE, Agent, AgentContext
from probe.agent.look_book import LookBook
from probe.agent.outbox import Outbox
from probe.agent.state_file import STATE_FILE
from probe.agent.uplink_replies import Action
from probe.detect.detector import Detector
from probe.errors import RecordError, StateError, StorageError
from probe.formats.batch import decode
from probe.model.observation import Connection
from probe.model.verdict import Status
from probe.session.session import Session
from probe.settings import Settings
from tests.loopback.agent.made import SettableClock, agent_context, port, settings
from tests.loopback.agent.test_control_facts import line
from tests.loopback.agent.tiny_collector import TinyCollector
from tests.loopback.session.inspectors import FORBIDDEN, HEALTHY, inspected


@pytest.fixture
def target() -> Iterator[str]:
    with port() as text:
        yield text


def agent(chosen: Settings, outbox: Outbox, context: AgentContext) -> Agent:
    return Agent(chosen, watchlist.load(chosen), outbox, context)


async def run_round(made: Agent, tiny: TinyCollector | None = None) -> None:
    async with Session(made.settings, made.context.clock) as session:
        if tiny is None:
            await made.run_round(session, None)
        else:
            async with made.collector_client() as collector:
                await made.run_round(session, collector)
                assert (await made.upload(collector)).action is Action.DONE


async def test_a_round_without_a_collector_stores_state_and_heartbeat_and_no_batch(target: str, tmp_path: Path) -> None:
    context = agent_context(tmp_path)
    with Outbox(context.folder / STATE_FILE) as outbox:
        await run_round(agent(settings(tmp_path, target), outbox, context))

        assert outbox.agent_state().detector
        assert outbox.agent_state().vantage == "online"
        assert outbox.unsent_count() == 0
        assert outbox.notes()["round"]["targets"] == 1  # type: ignore[index]
    assert json.loads((context.folder / HEARTBEAT_FILE).read_text())["state"] == "online"


async def test_times_of_earlier_rounds_are_corrected_when_the_clock_was_set(target: str, tmp_path: Path) -> None:
    """A host without a battery clock starts with an old date, and NTP sets it a day ahead between two rounds."""
    clock = SettableClock(datetime(2017, 5, 1, tzinfo=UTC))
    context = dataclasses.replace(agent_context(tmp_path), clock=clock)
    with Outbox(context.folder / STATE_FILE) as outbox:
        made = agent(settings(tmp_path, target), outbox, context)
        await run_round(made)
        clock.wall += timedelta(days=1)
        await run_round(made)

        settled = Detector.load(outbox.agent_state().detector or b"").settled(target)
    assert settled is not None
    assert settled.since == datetime(2017, 5, 2, tzinfo=UTC)


async def test_what_is_known_of_relays_outlives_the_process(
    target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The unrouted address is tried in the first process only."""
    monkeypatch.setattr("probe.session.measurement_context.unrouted_address", lambda _: "127.0.0.9")
    clock = SettableClock(datetime(2017, 5, 1, tzinfo=UTC))
    context = dataclasses.replace(agent_context(tmp_path), clock=clock)
    tried = []
    for minutes in (0, 10, 10):
        clock.wall += timedelta(minutes=minutes)
        with Outbox(context.folder / STATE_FILE) as outbox:
            await run_round(agent(settings(tmp_path, target, full_every=0.0), outbox, context))
            relays = LookBook.load(outbox.agent_state().looks).relays
        tried += [one.tried for one in relays.values()]

    assert tried == [datetime(2017, 5, 1, tzinfo=UTC).timestamp()] * 3


async def test_the_collectors_client_has_the_settings_urls_and_timeout(tmp_path: Path) -> None:
    context = agent_context(tmp_path)
    chosen = settings(tmp_path, collectors=["http://127.0.0.1:1"], uplink_timeout=7.0)
    with Outbox(context.folder / STATE_FILE) as outbox:
        async with agent(chosen, outbox, context).collector_client() as client:
            assert client.urls == ["http://127.0.0.1:1"]
            assert client._timeout == 7.0


async def test_a_settled_status_is_reported_once_over_restarts(target: str, tmp_path: Path) -> None:
    """The second round runs in another process. It makes a batch with nothing but its report."""
    context = agent_context(tmp_path)
    async with TinyCollector() as tiny:
        (tmp_path / "token").write_text(tiny.token + "\n")
        chosen = settings(tmp_path, target, collectors=[tiny.origin], token_file=str(tmp_path / "token"))
        for _ in range(2):
            with Outbox(context.folder / STATE_FILE) as outbox:
                await run_round(agent(chosen, outbox, context), tiny)

    (kept,) = tiny.stored.values()
    first, second = map(decode, kept)
    assert ([item.target for item in first.settled], len(first.rounds)) == ([target], 1)
    assert (second.settled, second.changes, second.services, second.control, len(second.rounds)) == ((), (), {}, (), 1)


async def test_a_target_that_is_cut_when_the_agent_starts_is_said_in_the_first_round(
    believed: trustme.CA, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """As a settled status with its verdict: nothing was seen to change, so there is no transition."""
    context = agent_context(tmp_path)
    caplog.set_level(logging.DEBUG)
    async with TinyCollector() as tiny, inspected(believed, lambda hello: FORBIDDEN.encode() not in hello) as number:
        (tmp_path / "token").write_text(tiny.token + "\n")
        cut, *others = (f"tls://127.0.0.1:{number}/{name}" for name in (FORBIDDEN, HEALTHY, "www.example.com"))
        reporting = {"collectors": [tiny.origin], "token_file": str(tmp_path / "token")}
        chosen = settings(tmp_path, cut, *others, retests=2, retest_window=0.2, **reporting)
        with Outbox(context.folder / STATE_FILE) as outbox:
            await run_round(agent(chosen, outbox, context), tiny)

    ((kept,),) = tiny.stored.values()
    batch = decode(kept)
    (found,) = (item for item in batch.settled if item.target == cut)
    assert (found.status, found.before_watch, batch.changes) == (Status.BLOCKED, True, ())
    assert found.verdict is not None
    assert (found.verdict.rule, found.since <= found.verdict.time) == ("tls.reset.sni", True)
    assert f"{cut} blocked since before the first look at " in caplog.text
    public = [record.getMessage() for record in caplog.records if record.levelno >= logging.INFO]
    assert not [line for line in public if cut in line], "a journal is read by others: targets are named at DEBUG alone"


async def test_batches_from_before_enrolment_are_uploaded_under_the_id_given_at_enrolment(
    target: str, tmp_path: Path
) -> None:
    context = agent_context(tmp_path)
    async with TinyCollector() as tiny:
        chosen = settings(tmp_path, target, collectors=[tiny.origin])
        with Outbox(context.folder / STATE_FILE) as outbox:
            made = agent(chosen, outbox, context)
            async with Session(chosen, context.clock) as session, made.collector_client() as collector:
                await made.run_round(session, collector)
                delivery = await made.upload(collector)
                assert (delivery.action, outbox.unsent_count()) == (Action.ENROL, 1)
                assert "not enrolled (run probe enrol" in delivery.problem
                assert outbox.notes()["uplink"]["text"] == delivery.problem  # type: ignore[index]

            (tmp_path / "token").write_text(tiny.token)
            chosen = settings(tmp_path, target, collectors=[tiny.origin], token_file=str(tmp_path / "token"))
            await run_round(agent(chosen, outbox, context), tiny)
            assert outbox.notes()["uplink"] is None

    assert [(name, len(kept)) for (name, _), kept in tiny.stored.items()] == [("agent0", 2)]


async def test_a_token_that_cannot_be_read_delays_all_batches(target: str, tmp_path: Path) -> None:
    context = agent_context(tmp_path)
    chosen = settings(tmp_path, target, collectors=["http://127.0.0.1:1"], token_file=str(tmp_path / "none"))
    with Outbox(context.folder / STATE_FILE) as outbox:
        made = agent(chosen, outbox, context)
        async with made.collector_client() as collector:
            delivery = await made.upload(collector)

    assert delivery.action is Action.ENROL
    assert "none: the token cannot be read" in delivery.problem


async def test_a_control_stores_which_addresses_of_a_range_answered_and_measures_it_again_after_an_hour(
    target: str, tmp_path: Path
) -> None:
    """The range is a /30 in which one address listens. A restart does not shorten the hour."""
    context = agent_context(tmp_path)
    text = f"127.0.0.0/30:{target.rpartition(':')[2]}"
    chosen = settings(tmp_path, text)
    chosen = msgspec.structs.replace(chosen, agent=msgspec.structs.replace(chosen.agent, role="control"))
    measured = []
    for _ in range(2):
        with Outbox(context.folder / STATE_FILE) as outbox:
            await run_round(agent(chosen, outbox, context))
            measured.append(outbox.notes()["round"]["targets"])  # type: ignore[index]

    assert hit_list.read(context.folder, {text}) == {text: {"127.0.0.1": 0}}
    assert measured == [1, 0]


async def test_a_range_excludes_a_narrower_range_and_the_ports_of_a_range_take_turns(
    target: str, tmp_path: Path
) -> None:
    """Only the half of a /29 that is no target of its own is measured. Of two ports one is measured within an hour."""
    context, number = agent_context(tmp_path), target.rpartition(":")[2]
    wide, narrow = f"127.0.0.0/29:{number}", f"127.0.0.0/30:{number}"
    chosen = settings(tmp_path, wide, narrow, f"127.0.0.0/30:{int(number) - 1}")
    rounds = []
    for _ in range(2):
        with Outbox(context.folder / STATE_FILE) as outbox:
            made = agent(chosen, outbox, context)
            async with Session(chosen, context.clock) as session:
                rounds.append((await made.run_round(session, None)).verdicts)
    asked = {o.address for o in rounds[0][wide].evidence.observations if isinstance(o, Connection)}

    assert asked
    assert asked <= {f"127.0.0.{last}" for last in range(4, 8)}
    assert set(rounds[0]) == {wide, narrow}
    assert rounds[1] == {}


async def test_a_control_agent_uploads_its_verdicts_and_fetches_no_control(target: str, tmp_path: Path) -> None:
    context = agent_context(tmp_path)
    async with TinyCollector() as tiny:
        (tmp_path / "token").write_text(tiny.token)
        chosen = settings(
            tmp_path, target, collectors=[tiny.origin], token_file=str(tmp_path / "token"), role="control"
        )
        with Outbox(context.folder / STATE_FILE) as outbox:
            for _ in range(2):
                await run_round(agent(chosen, outbox, context), tiny)
        asked = [request.path for request in tiny.heard]

    (kept,) = tiny.stored.values()
    first, second = map(decode, kept)
    assert ([verdict.target for verdict in first.control], first.settled) == ([target], ())
    assert second.control == ()
    assert "/api/v1/control" not in asked


async def test_a_vantage_fetches_the_collectors_control(target: str, tmp_path: Path) -> None:
    context = agent_context(tmp_path)
    async with TinyCollector() as tiny:
        (tmp_path / "token").write_text(tiny.token)
        chosen = settings(tmp_path, target, collectors=[tiny.origin], token_file=str(tmp_path / "token"))
        with Outbox(context.folder / STATE_FILE) as outbox:
            await run_round(agent(chosen, outbox, context), tiny)

    assert tiny.heard[0].path == "/api/v1/control"
    assert (context.folder / "control.jsonl").exists()


async def test_an_agent_without_a_control_says_once_what_that_hides(
    target: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It says so too when a control appears; the state file has how many targets a control covers."""
    caplog.set_level(logging.INFO)
    context = agent_context(tmp_path)
    async with TinyCollector() as tiny:
        (tmp_path / "token").write_text(tiny.token)
        chosen = settings(tmp_path, target, collectors=[tiny.origin], token_file=str(tmp_path / "token"))
        with Outbox(context.folder / STATE_FILE) as outbox:
            made = agent(chosen, outbox, context)
            await run_round(made, tiny)
            await run_round(made, tiny)
            assert outbox.notes()["control"] == {"targets": 0, "of": 1}
            assert caplog.text.count("no control: silence and resets cannot be told from a dead site") == 1
            tiny.control = line(target)
            await run_round(made, tiny)
            assert outbox.notes()["control"] == {"targets": 1, "of": 1}
    assert "a control is here: it has measured 1 of 1 targets" in caplog.text


async def test_a_control_file_that_breaks_later_leaves_the_facts_read_before_in_use(
    target: str, tmp_path: Path
) -> None:
    context = agent_context(tmp_path)
    line = {
        "time": "2026-10-01T12:00:00Z",
        "target": "a.example",
        "status": "reachable",
        "vantage": {"state": "online"},
    }
    (tmp_path / "control.jsonl").write_text(json.dumps(line))
    chosen = settings(tmp_path, target, control=str(tmp_path / "control.jsonl"))
    with Outbox(context.folder / STATE_FILE) as outbox:
        made = agent(chosen, outbox, context)
        await run_round(made)
        (tmp_path / "control.jsonl").write_text("broken")
        await run_round(made)

        with pytest.raises(RecordError, match=r"control\.jsonl:1: not a verdict"):
            await run_round(agent(chosen, outbox, context))


async def test_a_disk_that_fills_up_during_a_round_leaves_the_state_of_before(
    target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A detector state of a megabyte does not fit into the pages that the file has."""
    context = agent_context(tmp_path)
    with Outbox(context.folder / STATE_FILE) as outbox:
        await run_round(agent(settings(tmp_path, target), outbox, context))
        before = outbox.agent_state(), outbox.notes()
        pages = outbox._db.execute("PRAGMA page_count").fetchone()[0]
        outbox._db.execute(f"PRAGMA max_page_count = {pages}")
        monkeypatch.setattr(Detector, "dump", lambda _: bytes(1_000_000))

        with pytest.raises(StorageError, match="the disk is full"):
            await run_round(agent(settings(tmp_path, target), outbox, context))

        assert (outbox.agent_state(), outbox.notes()) == before


async def test_the_state_of_a_target_that_left_the_watchlist_is_dropped_after_a_month(
    target: str, tmp_path: Path
) -> None:
    """It outlasts 29 days and a restart, because lists come back."""
    clock = SettableClock(datetime(2026, 5, 4, tzinfo=UTC))
    context = dataclasses.replace(agent_context(tmp_path), clock=clock)
    known = []
    with port() as other:
        for targets, days in (((target, other), 0), ((target,), 29), ((target,), 2)):
            clock.wall += timedelta(days=days)
            with Outbox(context.folder / STATE_FILE) as outbox:
                await run_round(agent(settings(tmp_path, *targets), outbox, context))
                detector = Detector.load(outbox.agent_state().detector or b"")
            known.append(sorted(detector.network.series))

    assert known == [sorted((target, other)), sorted((target, other)), [target]]


async def test_detector_state_of_a_newer_version_is_refused(target: str, tmp_path: Path) -> None:
    context = agent_context(tmp_path)
    with Outbox(context.folder / STATE_FILE) as outbox:
        await run_round(agent(settings(tmp_path, target), outbox, context))
        state = msgspec.msgpack.decode(outbox.agent_state().detector or b"")
        outbox._db.execute("UPDATE agent_state SET detector = ?", (msgspec.msgpack.encode(state | {"version": 99}),))

        with pytest.raises(StateError, match="version 99"):
            agent(settings(tmp_path, target), outbox, context)


async def test_a_round_that_is_stopped_is_stored(target: str, tmp_path: Path) -> None:
    context = agent_context(tmp_path)
    context.stopping.set()
    with Outbox(context.folder / STATE_FILE) as outbox:
        async with asyncio.timeout(60):
            await run_round(agent(settings(tmp_path, target), outbox, context))

        assert outbox.notes()["round"]["measured"] == 0  # type: ignore[index]
