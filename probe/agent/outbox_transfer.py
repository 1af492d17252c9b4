"""Carry an outbox to the collector by other ways: write signed batches for a file, forward those of such a file.

Nothing is marked as sent by it. When the agent reaches the collector again, it sends the same batches, and the
collector answers that it has them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from probe.agent.collector_client import BATCHES_PATH, CollectorClient
from probe.agent.identity import KEY_FILE, load_or_create_key, read_enrolment
from probe.agent.outbox import Outbox, OutboxEntry
from probe.agent.state_file import STATE_FILE
from probe.agent.uplink_replies import Action, classify_reply
from probe.errors import StateError
from probe.formats.batch import signed_bytes
from probe.formats.outbox_file import SignedBatch


class ForwardResult(msgspec.Struct, kw_only=True):
    """The result of forwarding a file.

    Attributes:
        taken: batches that the collector has now.
        refused: batches that it will never take, with its reasons.
        problem: why forwarding ended early; empty when every batch was offered.
    """

    taken: int = 0
    refused: list[str] = []
    problem: str = ""


def entries(folder: Path, *, acknowledged: bool) -> list[OutboxEntry]:
    """What is in the outbox of a state folder, in order.

    Args:
        folder: of the agent's state.
        acknowledged: whether batches that the collector has are listed too, as far as they are kept.

    Raises:
        StateError: there is no state.
    """
    with _opened(folder) as outbox:
        return [one for one in outbox.entries() if acknowledged or not one.acknowledged]


def signed_batches(folder: Path, *, acknowledged: bool = False) -> Iterator[SignedBatch]:
    """The batches of a state folder, signed by its agent, in order.

    Args:
        folder: of the agent's state.
        acknowledged: whether batches that the collector has are written too, as far as they are kept.

    Raises:
        StateError: there is no state, or the agent was never enrolled: nothing can be signed.
    """
    enrolment = read_enrolment(folder)
    if enrolment is None or not (folder / KEY_FILE).is_file():
        raise StateError("not enrolled, so nothing can be signed", where=str(folder), mend="run probe enrol first")
    key = load_or_create_key(folder)
    with _opened(folder) as outbox:
        for entry in outbox.entries():
            if entry.batch.agent != enrolment.agent or (entry.acknowledged and not acknowledged):
                continue
            batch = outbox.batch(entry.batch.seq)
            yield SignedBatch(
                agent=enrolment.agent,
                origin=enrolment.origin,
                seq=batch.seq,
                signature=key.sign(signed_bytes(enrolment.origin, batch.body)),
                body=batch.encoded,
            )


async def forward(client: CollectorClient, origin: str, batches: Iterable[SignedBatch]) -> ForwardResult:
    """Offer batches of other agents to the collector for which they are signed.

    Args:
        client: reaches that collector.
        origin: the collector's. Batches for another one are refused here.
        batches: of a file.
    """
    result = ForwardResult()
    for one in batches:
        if one.origin != origin:
            result.refused.append(f"batch {one.seq} of {one.agent}: signed for {one.origin}")
            continue
        headers = {
            "Content-Type": "application/json",
            "Content-Encoding": "gzip",
            "Probe-Agent": one.agent,
            "Probe-Signature": one.signature,
        }
        reply = await client.post(BATCHES_PATH, one.compressed, headers)
        if isinstance(reply, str):
            result.problem = reply
            return result
        found = classify_reply(reply.status, reply.body, reply.retry_after)
        if found.action is Action.DONE:
            result.taken += 1
        elif found.action is Action.RETRY:
            result.problem = f"{origin}: {found.status} {found.text}".rstrip()
            return result
        else:
            result.refused.append(f"batch {one.seq} of {one.agent}: {found.status} {found.text}".rstrip())
    return result


def _opened(folder: Path) -> Outbox:
    if not (folder / STATE_FILE).is_file():
        raise StateError("no state yet", where=str(folder / STATE_FILE), mend="start `probe run`")
    return Outbox(folder / STATE_FILE)
