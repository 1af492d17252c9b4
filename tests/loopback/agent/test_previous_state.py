"""State folders written by earlier versions open, keep their content, and are continued."""

from __future__ import annotations

import asyncio
import shutil
from base64 import b64decode
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from probe.agent import hit_list, watchlist
from probe.agent.agent import HEARTBEAT_FILE, Agent, AgentContext
from probe.agent.agent_status import read_status
from probe.agent.collector_client import CollectorClient
from probe.agent.control_facts import CachedControl
from probe.agent.identity import KEY_FILE, load_or_create_key, read_enrolment
from probe.agent.outbox import Outbox
from probe.agent.state_file import STATE_FILE
from probe.agent.uplink_replies import Action
from probe.clock import Clock
from probe.detect.detector import Detector
from probe.formats.batch import Batch, decode
from probe.model.verdict import Cause, Status
from probe.session.session import Session
from probe.settings import Settings
from tests.loopback.agent.made import SettableClock, settings, tcp_server
from tests.loopback.agent.tiny_collector import TinyCollector

FOLDERS = Path(__file__).parents[2] / "fixtures" / "previous_state" / "agent"
ORIGIN = "https://collector.example"
STEADY = tuple(f"tcp://127.47.0.{last}:4701" for last in range(1, 5))
BLOCKED = "tcp://127.47.0.5:4701"
RANGE = "127.47.1.0/29:4701"
LAST_ROUND = datetime(2026, 10, 1, 15, 25, tzinfo=UTC)
"""Start of the last round of the vantage."""


def copied(name: str, target: Path) -> Path:
    """A copy of a state folder, with the file mode that git does not keep."""
    shutil.copytree(FOLDERS / name, target)
    (target / KEY_FILE).chmod(0o600)
    return target


@pytest.fixture
def vantage(tmp_path: Path) -> Path:
    """The vantage's state folder."""
    return copied("vantage", tmp_path / "state")


@pytest.fixture
def control(tmp_path: Path) -> Path:
    """The control agent's state folder."""
    return copied("control", tmp_path / "state")


@pytest.fixture
def servers() -> Iterator[None]:
    """Servers at the addresses of the targets that worked."""
    with ExitStack() as stack:
        for target in STEADY:
            stack.enter_context(tcp_server(target))
        yield


@asynccontextmanager
async def collector_of(folder: Path) -> AsyncIterator[tuple[TinyCollector, CollectorClient]]:
    """The collector where the agent enrolled: it knows the key and has what was acknowledged."""
    async with TinyCollector() as tiny:
        url, tiny.origin = tiny.origin, ORIGIN
        cached = folder / "control.jsonl"
        tiny.control = cached.read_text() if cached.exists() else ""
        enrolment = read_enrolment(folder)
        assert enrolment is not None
        tiny.keys[enrolment.agent] = b64decode(load_or_create_key(folder).public)
        for batch, body in acknowledged(folder):
            tiny.stored.setdefault((batch.agent, batch.epoch), []).append(body)
        async with CollectorClient((url,), ca_file="", timeout=30) as client:
            yield tiny, client


def acknowledged(folder: Path) -> list[tuple[Batch, bytes]]:
    """The batches that the collector had acknowledged, with their bytes."""
    copy = folder.with_name("acknowledged.sqlite")
    shutil.copy(folder / STATE_FILE, copy)
    with Outbox(copy) as outbox:
        first = outbox.next_unsent()
        assert first is not None
        assert outbox.rewind(1, LAST_ROUND)
        found = []
        while (waiting := outbox.next_unsent()) is not None and waiting.seq < first.seq:
            found.append((decode(waiting.body), waiting.body))
            outbox.acknowledge(waiting.seq, LAST_ROUND)
    return found


def agent_of(folder: Path, chosen: Settings, outbox: Outbox, now: datetime) -> Agent:
    context = AgentContext(folder=folder, clock=Clock(now), random=Random(1), stopping=asyncio.Event())
    return Agent(chosen, watchlist.load(chosen), outbox, context)


async def test_settled_statuses_are_kept(vantage: Path) -> None:
    """The blocked target is still blocked since its onset, and the others are reachable."""
    with Outbox(vantage / STATE_FILE) as outbox:
        kept = outbox.agent_state()
    assert kept.detector is not None
    detector = Detector.load(kept.detector)

    blocked = detector.settled(BLOCKED)
    assert blocked is not None
    assert (blocked.status, blocked.causes) == (Status.BLOCKED, (Cause.TCP_RESET,))
    assert blocked.since == datetime(2026, 10, 1, 12, 57, 30, tzinfo=UTC)
    assert [getattr(detector.settled(target), "status", None) for target in STEADY] == [Status.REACHABLE] * 4
    assert (kept.vantage, set(kept.measured)) == ("online", {RANGE})


async def test_the_outbox_is_delivered_in_order_with_its_transition(vantage: Path, tmp_path: Path) -> None:
    """Thirty batches follow the twelve acknowledged ones, under the same epoch and with valid signatures."""
    chosen = settings(tmp_path, *STEADY, BLOCKED)
    with Outbox(vantage / STATE_FILE) as outbox:
        assert outbox.unsent_count() == 30
        async with collector_of(vantage) as (tiny, client):
            made = agent_of(vantage, chosen, outbox, LAST_ROUND + timedelta(seconds=300))
            assert (await made.upload(client)).action is Action.DONE
        assert outbox.unsent_count() == 0

    (bodies,) = tiny.stored.values()
    batches = [decode(body) for body in bodies]
    assert [batch.seq for batch in batches] == list(range(1, 43))
    changes = [change.transition for batch in batches for change in batch.changes]
    assert [(one.target, one.before, one.after) for one in changes] == [(BLOCKED, "reachable", "blocked")]


@pytest.mark.usefixtures("servers")
async def test_the_next_round_continues_the_series(vantage: Path, tmp_path: Path) -> None:
    """Nothing is reported again: the round is one batch with the next number and nothing but its report."""
    chosen = settings(tmp_path, *STEADY, BLOCKED, asn=64500)
    with Outbox(vantage / STATE_FILE) as outbox:
        async with collector_of(vantage) as (tiny, client):
            made = agent_of(vantage, chosen, outbox, LAST_ROUND + timedelta(seconds=300))
            async with Session(chosen, made.context.clock) as session:
                result = await made.run_round(session, client)
            assert (await made.upload(client)).action is Action.DONE

    assert result.changes == []
    assert result.verdicts[BLOCKED].status is Status.BLOCKED
    (bodies,) = tiny.stored.values()
    last = decode(bodies[-1])
    assert (last.seq, last.changes, last.settled, len(last.rounds)) == (43, (), (), 1)


def test_the_cached_control_is_used_while_it_is_fresh(vantage: Path) -> None:
    facts = CachedControl(vantage, SettableClock(LAST_ROUND), max_age=1800).facts()

    assert set(facts) == {*STEADY, BLOCKED, RANGE}
    assert set(facts[RANGE].hits) == {"127.47.1.1", "127.47.1.2", "127.47.1.3"}


@pytest.mark.usefixtures("servers")
async def test_the_hit_list_is_kept_and_the_control_continues_its_series(control: Path, tmp_path: Path) -> None:
    """No address of the range answers any more. The range was measured within the hour, so its hit list stays."""
    counts = {RANGE: {"127.47.1.1": 0, "127.47.1.2": 0, "127.47.1.3": 0}}
    assert hit_list.read(control, {RANGE}) == counts
    chosen = settings(tmp_path, *STEADY, RANGE, role="control")
    with Outbox(control / STATE_FILE) as outbox:
        async with collector_of(control) as (tiny, client):
            made = agent_of(control, chosen, outbox, datetime(2026, 10, 1, 12, 20, tzinfo=UTC))
            async with Session(chosen, made.context.clock) as session:
                result = await made.run_round(session, client)
            assert (await made.upload(client)).action is Action.DONE

    assert set(result.verdicts) == set(STEADY)
    assert hit_list.read(control, {RANGE}) == counts
    (bodies,) = tiny.stored.values()
    assert [decode(body).seq for body in bodies] == [1, 2, 3, 4, 5]


def test_the_status_reads_heartbeat_enrolment_and_notes(vantage: Path, tmp_path: Path) -> None:
    found = read_status(settings(tmp_path), vantage, LAST_ROUND + timedelta(seconds=60))

    assert found.heartbeat is not None
    assert found.heartbeat.time == LAST_ROUND
    assert found.round is not None
    assert (found.round.start, found.round.state, found.round.measured) == (LAST_ROUND, "online", 5)
    assert found.vantage is not None
    assert (found.vantage.collector, found.vantage.agent) == (ORIGIN, "agent1")
    assert (found.queue.batches, found.queue.sent) == (30, datetime(2026, 10, 1, 12, 55, tzinfo=UTC))
    assert (vantage / HEARTBEAT_FILE).is_file()


@pytest.mark.usefixtures("servers")
async def test_a_state_of_november_2026_is_continued_with_glances_and_its_traffic(tmp_path: Path) -> None:
    """Its look book says that the steady targets need a glance alone, and the blocked one no look."""
    folder = copied("vantage_2026_11_30", tmp_path / "state")
    chosen = settings(tmp_path, *STEADY, BLOCKED, asn=64500)
    with Outbox(folder / STATE_FILE) as outbox:
        made = agent_of(folder, chosen, outbox, LAST_ROUND + timedelta(seconds=900))
        before = made.account.used_today()
        assert before.connections >= 10
        async with Session(chosen, made.context.clock, account=made.account) as session:
            result = await made.run_round(session, None)

        assert made.account.used_today().connections == before.connections + 4
        assert outbox.unsent_count() == 33

    assert result.changes == []
    assert set(result.verdicts) == set(STEADY)
    assert all(verdict.evidence.glance for verdict in result.looked)
