"""Take in a file of signed batches (`probe outbox export`), as they would be taken in over HTTPS.

Every batch passes the same checks as one that was posted, and is stored once, however it comes. A batch that cannot be
stored is named and passed over. There is no `Probe-Clock` in a file, so the agent's times are taken as they are.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from probe.collector.intake.agents_api import acknowledged, check_and_store
from probe.collector.intake.apply_batch import BatchResult
from probe.collector.intake.verify_batch import BatchRequest, signature_of
from probe.collector.state import Collector
from probe.collector.web.responses import ApiError
from probe.errors import RecordError
from probe.formats.outbox_file import SignedBatch


class ImportResult(msgspec.Struct, kw_only=True):
    """What became of the batches of a file.

    Attributes:
        new: stored now.
        known: stored before.
        refused: why others were not, a line each.
    """

    new: int = 0
    known: int = 0
    refused: list[str] = []


async def import_batches(collector: Collector, batches: Iterable[SignedBatch]) -> ImportResult:
    """Store the batches of a file.

    Args:
        collector: with its store open; it need not serve.
        batches: in the order of the file.

    Raises:
        RecordError: a line of the file is no batch; those before it are stored.
        ApiError: the database cannot be written now.
    """
    result = ImportResult()
    for one in batches:
        try:
            repeated = await _store(collector, one)
        except ApiError as refusal:
            if refusal.status == 503:
                raise
            result.refused.append(f"batch {one.seq} of {one.agent}: {refusal.message}")
        except RecordError as error:
            result.refused.append(str(error))
        else:
            result.known += repeated
            result.new += not repeated
    return result


async def _store(collector: Collector, one: SignedBatch) -> bool:
    """Store a batch; whether it had been stored before.

    Raises:
        ApiError, RecordError: it is refused.
    """
    if one.origin != collector.origin:
        raise RecordError(f"batch {one.seq} of {one.agent}: signed for {one.origin}, not for {collector.origin}")
    agent = await collector.agent(one.agent) if len(one.agent) <= 64 else None
    if agent is None:
        raise ApiError(401, "unknown_agent", "this agent is not enrolled here")
    if agent.state != "active":
        raise ApiError(403, "revoked", "this agent has been revoked")
    now = collector.clock.now()
    request = BatchRequest(
        raw=one.compressed,
        encoding="gzip",
        signature=signature_of(one.signature),
        posted=now,  # the way of a stick takes days: what has passed since the batch was made shows no wrong clock
        received=now,
        rate=collector.clock.rate,
    )
    outcome = await check_and_store(collector, agent, request)
    acknowledged(outcome)
    return outcome.answer is BatchResult.AGAIN
