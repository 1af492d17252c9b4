"""Send an outbox in order, one batch at a time, and correct the numbers where the collector's history differs.

Who carries a batch is the caller's business: the uplink (HTTPS), or the collector itself for its own control.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from probe.agent.outbox import Outbox, UnsentBatch
from probe.agent.uplink_replies import Action, CollectorReply
from probe.clock import Clock

MAX_CORRECTIONS = 5
"""Rewinds, new epochs and dropped contents in one delivery; a collector that wants more is left alone for a while."""
SendBatch = Callable[[UnsentBatch], Awaitable[CollectorReply]]
"""Carries one batch to the collector."""


class UploadResult(msgspec.Struct, frozen=True, kw_only=True):
    """How a delivery ended.

    Attributes:
        sent: batches acknowledged.
        action: `DONE` when every batch is acknowledged, else why the delivery stopped: `RETRY`, `ENROL` or `STOP`.
        wait: seconds that the collector asked to wait; 0 when it did not say.
        problem: one line for the log; empty when done.
    """

    sent: int = 0
    action: Action = Action.DONE
    wait: float = 0.0
    problem: str = ""


async def send_all(outbox: Outbox, send: SendBatch, clock: Clock, *, where: str) -> UploadResult:
    """Send every batch, with at most `MAX_CORRECTIONS` corrections.

    Args:
        outbox: open, under the agent's id.
        send: carries one batch.
        clock: dates acknowledgements.
        where: the collector, for the problem's text.

    Raises:
        StorageError: an acknowledgement cannot be written down. The batch is sent again later, without effect.
    """
    sent = corrections = emptied = 0
    while batch := outbox.next_unsent():
        reply = await send(batch)
        if reply.action is Action.DONE and reply.number >= batch.seq:
            outbox.acknowledge(reply.number, clock.now())
            sent += 1
            continue
        corrections += 1
        if corrections > MAX_CORRECTIONS or reply.action not in _CORRECTIONS or emptied == batch.seq:
            return _stopped(reply, sent, where)
        if reply.action is Action.DROP_CONTENT:
            outbox.drop_content(batch.seq)
            emptied = batch.seq
        elif reply.action is Action.NEW_EPOCH or not outbox.rewind(reply.number, clock.now()):
            outbox.start_new_epoch()
    return UploadResult(sent=sent)


def _stopped(reply: CollectorReply, sent: int, where: str) -> UploadResult:
    action = reply.action if reply.action in (Action.ENROL, Action.STOP) else Action.RETRY
    problem = reply.text
    if reply.status:
        text = f"{reply.status} {reply.text}".strip()
        problem = f"{where}: the collector does not take reports: {text}"
    return UploadResult(sent=sent, action=action, wait=reply.wait, problem=problem)


_CORRECTIONS = frozenset({Action.REWIND, Action.NEW_EPOCH, Action.DROP_CONTENT})
