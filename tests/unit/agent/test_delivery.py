"""Sending an outbox in order, with corrections, whoever carries the batches."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from probe.agent.delivery import MAX_CORRECTIONS, SendBatch, UploadResult, send_all
from probe.agent.outbox import AgentState, Outbox, UnsentBatch
from probe.agent.uplink_replies import Action, CollectorReply
from probe.clock import Clock
from tests.unit.agent.batches import NOON, draft


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    with Outbox(tmp_path / "state.sqlite") as box:
        box.commit(AgentState(), [draft("a"), draft("b"), draft("c")], reports={}, now=NOON)
        yield box


async def deliver(outbox: Outbox, send: SendBatch) -> UploadResult:
    return await send_all(outbox, send, Clock(NOON), where="the collector")


async def test_batches_go_in_order_until_all_are_acknowledged(outbox: Outbox) -> None:
    sent: list[int] = []

    async def take(batch: UnsentBatch) -> CollectorReply:
        sent.append(batch.seq)
        return CollectorReply(action=Action.DONE, status=200, number=batch.seq)

    assert await deliver(outbox, take) == UploadResult(sent=3)
    assert (sent, outbox.unsent_count()) == ([1, 2, 3], 0)


async def test_a_reply_that_corrects_nothing_ends_the_delivery_and_names_the_collector(outbox: Outbox) -> None:
    async def revoke(_: UnsentBatch) -> CollectorReply:
        return CollectorReply(action=Action.STOP, status=403, text="revoked")

    result = await deliver(outbox, revoke)

    assert (result.action, result.sent) == (Action.STOP, 0)
    assert result.problem == "the collector: the collector does not take reports: 403 revoked"
    assert outbox.unsent_count() == 3


async def test_corrections_are_bounded_and_what_is_left_is_retried(outbox: Outbox) -> None:
    asked: list[int] = []

    async def restart(batch: UnsentBatch) -> CollectorReply:
        asked.append(batch.seq)
        return CollectorReply(action=Action.NEW_EPOCH, status=422)

    assert (await deliver(outbox, restart)).action is Action.RETRY
    assert len(asked) == MAX_CORRECTIONS + 1
    assert outbox.unsent_count() == 3


class Steps:
    """Counts the steps of SQLite's machine, which do not depend on how busy this host is."""

    def __init__(self, outbox: Outbox) -> None:
        self.counted = 0
        outbox._db.set_progress_handler(self._step, 1)

    def _step(self) -> int:
        self.counted += 1
        return 0


async def take_all(batch: UnsentBatch) -> CollectorReply:
    return CollectorReply(action=Action.DONE, status=200, number=batch.seq)


async def steps_per_batch(folder: Path, batches: int) -> float:
    """The work of sending one batch of a backlog of so many."""
    with Outbox(folder / f"{batches}.sqlite") as outbox:
        outbox.commit(AgentState(), [draft(f"t{n}") for n in range(batches)], reports={}, now=NOON)
        steps = Steps(outbox)
        assert (await deliver(outbox, take_all)).sent == batches
        return steps.counted / batches


async def test_a_backlog_is_sent_in_linear_time(tmp_path: Path) -> None:
    """A month of rounds costs as much a batch as a day: nothing is searched or counted for each."""
    few, many = await steps_per_batch(tmp_path, 50), await steps_per_batch(tmp_path, 1000)

    assert many < 1.5 * few


async def steps_of_shedding(folder: Path, batches: int) -> float:
    """The work of one further round, for each batch, in an outbox that is far over its bound."""
    with Outbox(folder / f"{batches}.sqlite") as outbox:
        drafts = [draft(changed=f"t{n}", evidence_bytes=2000) for n in range(batches)]
        outbox.commit(AgentState(), drafts, reports={}, now=NOON)
        steps = Steps(outbox)
        outbox.commit(AgentState(), [draft("last")], reports={}, now=NOON, max_bytes=outbox.total_bytes() // 2)
        changes = [change.transition.target for entry in outbox.entries() for change in entry.batch.changes]
        assert changes == [f"t{n}" for n in range(batches)]
        return steps.counted / batches


async def test_evidence_is_shed_in_linear_time_and_no_transition_with_it(tmp_path: Path) -> None:
    few, many = await steps_of_shedding(tmp_path, 50), await steps_of_shedding(tmp_path, 1000)

    assert many < 1.5 * few
