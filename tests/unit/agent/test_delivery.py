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
