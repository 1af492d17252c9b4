"""The outbox: what survives a restart, the order of sending, and errors of the disk."""

# ruff: noqa: D102 - the rules of the state machine at the end have sentences for names
from __future__ import annotations

import gzip
import os
import sqlite3
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from probe.agent.outbox import ACKNOWLEDGED_RETENTION_SECONDS, AgentState, LastReport, Outbox, read_notes
from probe.errors import ExitStatus, StateError, StorageError
from probe.formats.batch import Batch, ReportedStatus, RoundReport, decode
from probe.model.event import Network
from probe.model.verdict import Status

NOON = datetime(2017, 5, 4, 12, tzinfo=UTC)


def draft(name: str = "", padding: int = 0) -> Batch:
    settled = (ReportedStatus(target=name, status=Status.REACHABLE, since=NOON),) if name else ()
    return Batch(
        agent="",
        epoch="",
        seq=0,
        sent=NOON,
        interval=300,
        network=Network(asn=1),
        rounds=(RoundReport(start=NOON, seconds=1, targets=1, measured=1),),
        settled=settled,
        services={os.urandom(padding).hex(): "x"} if padding else {},
    )


def commit(outbox: Outbox, *drafts: Batch, agent: str = "a1") -> None:
    """A round with these batches, of an agent that was given this id."""
    reports = {item.target: LastReport(1, "reachable") for one in drafts for item in one.settled}
    if agent:
        outbox.assign_agent(agent)
    outbox.commit(AgentState(detector=b"state"), drafts, reports=reports, now=NOON)


def sent(outbox: Outbox) -> Batch:
    waiting = outbox.next_unsent()
    assert waiting is not None
    return decode(waiting.body)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.sqlite"


# What one round leaves for the next.


def test_a_new_file_is_empty(path: Path) -> None:
    with Outbox(path) as outbox:
        assert outbox.agent_state() == AgentState()
        assert outbox.last_reports() == {}
        assert outbox.next_unsent() is None


def test_a_committed_round_survives_a_restart(path: Path) -> None:
    with Outbox(path) as outbox:
        outbox.commit(
            AgentState(detector=b"\0\1", vantage="online", measured={"192.0.2.0/24": NOON}),
            [draft("a")],
            reports={"a": LastReport(1, "reachable")},
            now=NOON,
            notes={"round": {"state": "online"}},
        )

    with Outbox(path) as outbox:
        assert outbox.agent_state() == AgentState(detector=b"\0\1", vantage="online", measured={"192.0.2.0/24": NOON})
        assert outbox.last_reports() == {"a": LastReport(1, "reachable")}
        assert outbox.unsent_count() == 1
        size = outbox.total_bytes()
    assert read_notes(path) == {"round": {"state": "online"}, "unsent": 1, "bytes": size}


def test_acknowledged_batches_are_deleted_after_a_week_and_unsent_ones_never(path: Path) -> None:
    with Outbox(path) as outbox:
        commit(outbox, draft("a"), draft("b"))
        outbox.acknowledge(1, NOON)
        outbox.commit(AgentState(), [], reports={}, now=NOON + timedelta(seconds=ACKNOWLEDGED_RETENTION_SECONDS))
        assert outbox.rewind(1, NOON)
        outbox.acknowledge(1, NOON)
        outbox.commit(AgentState(), [], reports={}, now=NOON + timedelta(seconds=ACKNOWLEDGED_RETENTION_SECONDS + 1))

        assert not outbox.rewind(1, NOON)
        assert sent(outbox).seq == 2


def test_reports_and_measurements_of_targets_that_left_the_watchlist_are_deleted(path: Path) -> None:
    """They would accumulate for years."""
    with Outbox(path) as outbox:
        measured = {"192.0.2.0/24": NOON - timedelta(days=2), "198.51.100.0/24": NOON - timedelta(minutes=30)}
        reports = {"a": LastReport(1, "x"), "b": LastReport(1, "x")}
        outbox.commit(AgentState(measured=measured), [], reports=reports, now=NOON, watched={"a", "b", *measured})
        assert (set(outbox.last_reports()), outbox.agent_state().measured) == ({"a", "b"}, measured)

        outbox.commit(AgentState(measured=measured), [], reports={}, now=NOON, watched={"b"})

        assert set(outbox.last_reports()) == {"b"}
        assert set(outbox.agent_state().measured) == {"198.51.100.0/24"}, "an hour must pass before it is touched again"


def test_batches_acknowledged_far_in_the_future_are_deleted(path: Path) -> None:
    """The clock was ahead for a while. A date in 2037 would keep the batches until then."""
    with Outbox(path) as outbox:
        commit(outbox, draft("a"))
        outbox.acknowledge(1, NOON + timedelta(days=7300))
        commit(outbox, draft("b"))

        assert not outbox.rewind(1, NOON)
        assert sent(outbox).seq == 2


@pytest.mark.parametrize("count", [200, 400])
def test_delivering_a_backlog_costs_the_same_for_each_batch(path: Path, count: int) -> None:
    """SQLite's own instructions are counted, so that the load of the machine does not matter."""
    with Outbox(path) as outbox:
        commit(outbox, *[draft()] * count)
        steps = 0

        def step() -> int:
            nonlocal steps
            steps += 1
            return 0

        outbox._db.set_progress_handler(step, 1)
        while (batch := outbox.next_unsent()) is not None:
            outbox.acknowledge(batch.seq, NOON)

    assert 0 < steps < 100 * count


# Epoch and sequence: 1, 2, .. without gaps, whatever the collector asks for.


def test_batches_are_numbered_from_1_in_one_epoch_and_sent_in_order(path: Path) -> None:
    with Outbox(path) as outbox:
        commit(outbox, draft("a"), draft("b"))
        commit(outbox, draft("c"))
        seen = []
        while outbox.next_unsent() is not None:
            seen.append(sent(outbox))
            outbox.acknowledge(seen[-1].seq, NOON)

    assert [(batch.seq, batch.settled[0].target, batch.agent) for batch in seen] == [
        (1, "a", "a1"),
        (2, "b", "a1"),
        (3, "c", "a1"),
    ]
    assert len({batch.epoch for batch in seen}) == 1


def test_a_batch_that_is_sent_again_is_the_same_to_the_byte(path: Path) -> None:
    with Outbox(path) as outbox:
        commit(outbox, draft("a"))
        first = outbox.next_unsent()
    with Outbox(path) as outbox:
        assert outbox.next_unsent() == first


def test_a_collector_that_lost_its_last_hours_gets_them_again(path: Path) -> None:
    with Outbox(path) as outbox:
        commit(outbox, draft("a"), draft("b"), draft("c"))
        outbox.acknowledge(3, NOON)

        assert outbox.rewind(2, NOON)
        assert sent(outbox).seq == 2
        assert outbox.unsent_count() == 2


def test_a_rewind_to_the_next_number_acknowledges_everything(path: Path) -> None:
    with Outbox(path) as outbox:
        commit(outbox, draft("a"), draft("b"))

        assert outbox.rewind(3, NOON)
        assert outbox.next_unsent() is None


@pytest.mark.parametrize("expected", [0, -1, 4, 2**60])
def test_a_rewind_to_a_number_that_never_existed_is_refused(path: Path, expected: int) -> None:
    with Outbox(path) as outbox:
        commit(outbox, draft("a"), draft("b"))

        assert not outbox.rewind(expected, NOON)
        assert outbox.unsent_count() == 2


def test_a_new_epoch_numbers_unsent_batches_from_1_and_reports_statuses_again(path: Path) -> None:
    with Outbox(path) as outbox:
        commit(outbox, draft("a"), draft("b"), draft("c"))
        old = sent(outbox).epoch
        outbox.acknowledge(1, NOON)
        outbox.start_new_epoch()

        first = sent(outbox)
        assert (first.seq, first.settled[0].target) == (1, "b")
        assert first.epoch != old
        assert outbox.last_reports() == {}
        commit(outbox, draft("d"))
        outbox.acknowledge(2, NOON)
        assert sent(outbox).seq == 3


def test_a_batch_whose_content_is_dropped_keeps_its_number_and_its_round(path: Path) -> None:
    with Outbox(path) as outbox:
        commit(outbox, draft("a"), draft("b"))
        outbox.drop_content(1)

        bare = sent(outbox)
        assert (bare.seq, bare.settled, len(bare.rounds)) == (1, (), 1)


def test_batches_from_before_enrolment_get_the_id_given_then(path: Path) -> None:
    with Outbox(path) as outbox:
        commit(outbox, draft("a"), agent="")
        epoch = sent(outbox).epoch
        outbox.assign_agent("a7")

        assert (sent(outbox).agent, sent(outbox).seq, sent(outbox).epoch) == ("a7", 1, epoch)


def test_another_id_begins_another_epoch(path: Path) -> None:
    with Outbox(path) as outbox:
        commit(outbox, draft("a"), draft("b"), agent="a1")
        outbox.acknowledge(1, NOON)
        epoch = sent(outbox).epoch
        outbox.assign_agent("a2")

        assert (sent(outbox).agent, sent(outbox).seq) == ("a2", 1)
        assert sent(outbox).epoch != epoch
        commit(outbox, draft("c"), agent="a2")
        outbox.assign_agent("a2")
        assert outbox.unsent_count() == 2


# One line each: what, where, how to mend; nothing half-written, nothing lost.


def test_a_full_disk_loses_nothing_and_writes_no_half_round(path: Path) -> None:
    with Outbox(path, max_pages=40) as outbox:
        commit(outbox, draft("a"))
        with pytest.raises(StorageError, match=r"state\.sqlite: the disk is full \(free some space") as caught:
            outbox.commit(
                AgentState(detector=os.urandom(200_000)),
                [draft("b")],
                reports={"b": LastReport(1, "x")},
                now=NOON,
            )

        assert caught.value.status == ExitStatus.NOT_ALL_WELL
        assert (outbox.agent_state().detector, outbox.unsent_count(), set(outbox.last_reports())) == (
            b"state",
            1,
            {"a"},
        )
    with Outbox(path) as outbox:
        commit(outbox, draft("c"))
        assert outbox.unsent_count() == 2


def test_a_state_file_locked_by_another_process_is_one_line(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Outbox(path) as outbox:
        outbox._db.execute("PRAGMA busy_timeout = 10")
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StateError, match="in use by another process"):
            commit(outbox, draft("a"))
        other.close()


def test_reading_notes_without_a_state_file_is_one_line(path: Path) -> None:
    with pytest.raises(StateError, match="no state yet"):
        read_notes(path)


class Histories(RuleBasedStateMachine):
    """No order of operations leaves a gap in the numbers or loses an unsent batch."""

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.outbox = Outbox(Path(self.folder.name) / "state.sqlite")
        self.made = 0
        self.acked: set[str] = set()

    @rule(count=st.integers(0, 3))
    def round(self, count: int) -> None:
        """Do one round, and wait for the rest of its interval."""
        commit(self.outbox, *(draft(f"t{self.made + n}") for n in range(count)))
        self.made += count

    @rule()
    def acknowledge_first(self) -> None:
        if self.outbox.next_unsent() is not None:
            batch = sent(self.outbox)
            self.acked.update(item.target for item in batch.settled)
            self.outbox.acknowledge(batch.seq, NOON)

    @rule(expected=st.integers(1, 10))
    def rewind(self, expected: int) -> None:
        first = self.outbox.next_unsent()
        if first is None or expected <= first.seq:  # an honest collector never skips what it has not got
            self.outbox.rewind(expected, NOON)

    @rule()
    def restart(self) -> None:
        self.outbox.start_new_epoch()

    @invariant()
    def nothing_is_lost_and_numbers_have_no_gaps(self) -> None:
        rows = self.outbox._db.execute("SELECT seq, acked FROM batch ORDER BY seq").fetchall()
        numbers = [seq for seq, _ in rows]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers))) if numbers else True
        following = self.outbox._db.execute("SELECT next FROM agent_state").fetchone()[0]
        assert not numbers or following == numbers[-1] + 1
        waiting = set()
        for (body,) in self.outbox._db.execute("SELECT body FROM batch WHERE acked IS NULL"):
            waiting.update(item.target for item in decode(gzip.decompress(body)).settled)
        assert waiting | self.acked == {f"t{n}" for n in range(self.made)}

    def teardown(self) -> None:
        self.outbox.close()
        self.folder.cleanup()


Histories.TestCase.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)
TestHistories = Histories.TestCase
