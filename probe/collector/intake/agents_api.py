"""What agents talk to: enrolment, batches, and the control's verdicts."""

from __future__ import annotations

import asyncio
import zlib
from datetime import datetime, timedelta
from math import ceil

import msgspec
from aiohttp import web

from probe.collector.intake.apply_batch import BatchOutcome, BatchResult, VerifiedBatch, apply_batch
from probe.collector.intake.enrolment import EnrolmentRequest, enrol
from probe.collector.intake.verify_batch import BatchRequest, signature_of, verify_batch
from probe.collector.state import STATE, Collector
from probe.collector.store import batches, to_ms
from probe.collector.store.agents import AgentRow
from probe.collector.web.responses import ApiError, json_response, storage_unavailable
from probe.errors import StorageError
from probe.formats.batch import MAX_COMPRESSED

_APART = 64 * 1024
"""A body larger than this on the wire is checked on another thread: one agent's outbox does not hold up the rest."""
_CONTROL_LASTS = timedelta(days=7)
"""A control's verdict older than this is not handed out any more."""
_APPLICATION = msgspec.json.Decoder(EnrolmentRequest)


async def post_enrol(request: web.Request) -> web.Response:
    """`POST /api/v1/enrol`: a token and a public key against an agent's id."""
    collector = request.app[STATE]
    wait = collector.enrolments.take("", 1024, collector.clock.monotonic())
    if wait:
        raise ApiError(429, "slow_down", "too many enrolments at once", retry_after=ceil(wait / collector.clock.rate))
    body = await request.read()
    try:
        application = _APPLICATION.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ApiError(400, "bad_request", f"not an application: {error}"[:200]) from error
    now = collector.clock.now()
    try:
        agent = await collector.store.write(lambda session: enrol(session, application, now))
    except StorageError as error:
        raise storage_unavailable(error) from error
    collector.metrics.add("enrolments_total")
    return json_response({"agent": agent, "clock": now})


async def post_batch(request: web.Request) -> web.Response:
    """`POST /api/v1/batches`: acknowledged only once it is on the disk."""
    collector = request.app[STATE]
    began = collector.real.monotonic()
    received = collector.clock.now()
    agent = await _sender(collector, request)
    raw = await request.read()
    wait = collector.limits.take(agent.id, len(raw), collector.clock.monotonic())
    if wait:
        raise ApiError(429, "slow_down", "too many batches at once", retry_after=ceil(wait / collector.clock.rate))
    delivery = BatchRequest(
        raw=raw,
        encoding=request.headers.get("Content-Encoding", "").strip().lower(),
        signature=signature_of(request.headers.get("Probe-Signature", "")),
        posted=_posted(request),
        received=received,
        rate=collector.clock.rate,
    )
    if len(raw) > _APART:
        parcel = await asyncio.to_thread(verify_batch, agent, delivery, collector.origin)
    else:
        parcel = verify_batch(agent, delivery, collector.origin)
    outcome = await _store(collector, agent, parcel)
    collector.metrics.add("batch_seconds_sum", collector.real.monotonic() - began)
    collector.metrics.add("batch_seconds_count")
    return _answer(outcome, collector.clock.now())


async def get_control(request: web.Request) -> web.Response:
    """`GET /api/v1/control`: the newest verdict of each target from a control, JSON Lines."""
    collector = request.app[STATE]
    revision = await collector.store.read(batches.control_revision)
    tag = f"c{revision}"
    unchanged = any(tag == known.value for known in request.if_none_match or ())
    answer = web.Response(status=304 if unchanged else 200)
    answer.etag = tag
    answer.headers["Cache-Control"] = "no-cache"
    if not unchanged:
        since = to_ms(collector.clock.now() - _CONTROL_LASTS)
        bodies = await collector.store.read(lambda session: batches.control_bodies(session, since))
        answer.content_type = "application/jsonl"
        answer.body = b"".join(zlib.decompress(body) + b"\n" for body in bodies)
        answer.enable_compression()
    return answer


async def _sender(collector: Collector, request: web.Request) -> AgentRow:
    """The enrolled agent that the header names, before anything of the body is looked at."""
    agent_id = request.headers.get("Probe-Agent", "")
    agent = await collector.agent(agent_id) if 0 < len(agent_id) <= 64 else None
    if agent is None:
        raise ApiError(401, "unknown_agent", "this agent is not enrolled here")
    if agent.state != "active":
        raise ApiError(403, "revoked", "this agent has been revoked")
    if (request.content_length or 0) > MAX_COMPRESSED:
        raise ApiError(413, "too_large", f"a batch is at most {MAX_COMPRESSED} bytes on the wire")
    return agent


def _posted(request: web.Request) -> datetime | None:
    """The agent's clock at the request, where it says so in `Probe-Clock` (RFC 3339)."""
    text = request.headers.get("Probe-Clock", "")
    try:
        moment = datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
    return moment if moment is not None and moment.tzinfo is not None and 1990 <= moment.year <= 2200 else None


async def _store(collector: Collector, agent: AgentRow, parcel: VerifiedBatch) -> BatchOutcome:
    try:
        outcome = await collector.store.write(lambda session: apply_batch(session, agent, parcel))
    except StorageError as error:
        raise storage_unavailable(error) from error
    metrics = collector.metrics
    metrics.add("batches_total", answer=outcome.answer)
    metrics.add("rounds_total", outcome.rounds)
    metrics.add("changes_total", outcome.changes)
    metrics.add("ignored_total", outcome.ignored)
    if outcome.answer is BatchResult.STORED:
        for part in ("connections", "handshakes", "bytes", "refused"):
            metrics.add(f"vantage_{part}_total", sum(getattr(report, part) for report in parcel.batch.rounds))
    if outcome.answer is BatchResult.STORED:
        collector.stirred.set()
    return outcome


def _answer(outcome: BatchOutcome, now: datetime) -> web.Response:
    match outcome.answer:
        case BatchResult.GAP:
            raise ApiError(409, "gap", "batches before this one are missing", expected=outcome.seq)
        case BatchResult.CONFLICT:
            raise ApiError(422, "conflict", "another body came under this number before")
        case _:
            return json_response({"acked": outcome.seq, "clock": now})
