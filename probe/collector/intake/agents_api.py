"""The HTTP interface for agents: enrolment, batches, and the control's verdicts."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from math import ceil

import msgspec
from aiohttp import web

from probe.collector.connections.request_limits import mark_known
from probe.collector.intake.apply_batch import BatchOutcome, BatchResult, VerifiedBatch, apply_batch, network_of_batch
from probe.collector.intake.enrolment import EnrolmentRequest, check_form, enrol, is_token
from probe.collector.intake.verify_batch import MAX_YEAR, MIN_YEAR, BatchRequest, signature_of, verify_batch
from probe.collector.intake.vote_notes import vote_notes
from probe.collector.intake.votes import votes_of
from probe.collector.state import STATE, Collector, public_name
from probe.collector.store import batches, to_ms
from probe.collector.store.agents import AgentRow
from probe.collector.store.announcements import MARKS
from probe.collector.web.responses import ApiError, json_response, storage_unavailable
from probe.errors import StorageError
from probe.formats.batch import MAX_COMPRESSED

MAX_INLINE_BYTES = 2048
"""A larger body is checked on another thread, so that one agent's backlog does not hold up the others. Gzip inflates
at most 1032 times: a body of this size is at most two megabytes of JSON."""
MAX_ENROLMENT_BYTES = 4096
"""Bytes of an enrolment request; a real one has some 200."""
CONTROL_MAX_AGE = timedelta(days=7)
"""Older verdicts of a control are not served."""
UNKNOWN_AGENT = "this agent is not enrolled here"
SignListing = Callable[[bytes], Awaitable[dict[str, str]]]
SIGN_CONTROL: web.AppKey[SignListing] = web.AppKey("sign_control")
"""Gives the header fields that sign a listing of the controls' verdicts."""
_ENROLMENT = msgspec.json.Decoder(EnrolmentRequest)


async def post_enrol(request: web.Request) -> web.Response:
    """`POST /api/v1/enrol`: exchange a token and a public key for an agent's id."""
    collector = request.app[STATE]
    body = await collector.bodies.read(request, MAX_ENROLMENT_BYTES, "an enrolment")
    now = collector.clock.now()
    try:
        agent = await _enrolled(collector, body, now)
    except ApiError as refusal:
        # A good token passes at once, however many bad ones come: there is no limit that a flood could use up for
        # others. Each bad one waits, so a connection tries one a second.
        await collector.real.sleep(0.0 if refusal.status == 503 else collector.refusal_seconds)
        raise
    collector.metrics.add("enrolments_total")
    mark_known(request)
    return json_response({"agent": agent, "clock": now})


async def _enrolled(collector: Collector, body: bytes, now: datetime) -> str:
    """The id of the agent that this request enrols.

    Raises:
        ApiError: it is refused, or the database cannot be used now.
    """
    try:
        enrolment = _ENROLMENT.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ApiError(400, "bad_request", f"not an enrolment: {error}"[:200]) from error
    check_form(enrolment)
    try:
        # A token that nobody gave out does not reach the writer.
        if not await collector.store.read(lambda session: is_token(session, enrolment.token)):
            raise ApiError(401, "bad_token", "the token is not known here")
        return await collector.store.write(lambda session: enrol(session, enrolment, now, collector.shadow))
    except StorageError as error:
        raise storage_unavailable(error) from error


async def post_batch(request: web.Request) -> web.Response:
    """`POST /api/v1/batches`: store a batch; the acknowledgement is sent after the commit."""
    collector = request.app[STATE]
    began = collector.real.monotonic()
    received = collector.clock.now()
    agent = await _sender(collector, request)
    with collector.limits.one_request(agent.id) as within_limit:
        if not within_limit:
            raise ApiError(429, "slow_down", "too many requests of one agent at once", retry_after=1)
        return await _store_batch(collector, agent, request, began, received)


async def _store_batch(
    collector: Collector, agent: AgentRow, request: web.Request, began: float, received: datetime
) -> web.Response:
    """Read, verify and store the batch of an agent; the response acknowledges it."""
    raw = await collector.bodies.read(request, MAX_COMPRESSED, "a batch")
    wait = collector.limits.take(agent.id, len(raw), collector.clock.monotonic(), agent.sponsor)
    if wait:
        raise ApiError(429, "slow_down", "too many batches at once", retry_after=ceil(wait / collector.clock.rate))
    unverified = BatchRequest(
        raw=raw,
        encoding=request.headers.get("Content-Encoding", "").strip().lower(),
        signature=signature_of(request.headers.get("Probe-Signature", "")),
        posted=_posted(request),
        received=received,
        rate=collector.clock.rate,
        prefix=collector.strangers.client_of(request).prefix,
    )
    outcome = await check_and_store(collector, agent, unverified)
    collector.metrics.add("batch_seconds_sum", collector.real.monotonic() - began)
    collector.metrics.add("batch_seconds_count")
    answer: dict[str, object] = {"acked": acknowledged(outcome), "clock": collector.clock.now()}
    if agent.role == "vantage":
        answer["vantage"] = public_name(collector.secret, agent.id, outcome.network)
        answer |= vote_notes(agent, outcome, collector.clock.now())
    return json_response(answer)


async def get_control(request: web.Request) -> web.Response:
    """`GET /api/v1/control`: the newest verdict of each target from a control, JSON Lines, signed in the header."""
    collector = request.app[STATE]
    revision = await collector.store.read(batches.control_revision)
    tag = f"c{revision}"
    unchanged = any(tag == known.value for known in request.if_none_match or ())
    answer = web.Response(status=304 if unchanged else 200)
    answer.etag = tag
    answer.headers["Cache-Control"] = "no-cache"
    if not unchanged:
        since = to_ms(collector.clock.now() - CONTROL_MAX_AGE)
        bodies = await collector.store.read(lambda session: batches.control_bodies(session, since))
        answer.content_type = "application/jsonl"
        answer.body = listing = b"".join(zlib.decompress(body) + b"\n" for body in bodies)
        answer.headers.update(await request.app[SIGN_CONTROL](listing))
        answer.enable_compression()
    return answer


async def _sender(collector: Collector, request: web.Request) -> AgentRow:
    """The enrolled agent that the header names; checked before the body is read."""
    agent_id = request.headers.get("Probe-Agent", "")
    if not collector.has_seen(agent_id):
        collector.strangers.take(collector.strangers.client_of(request), collector.real.monotonic())
    agent = await collector.agent(agent_id) if agent_id.isascii() and 0 < len(agent_id) <= 64 else None
    if agent is None:
        raise ApiError(401, "unknown_agent", UNKNOWN_AGENT)
    if agent.state != "active":
        raise ApiError(403, "revoked", "this agent has been revoked")
    mark_known(request)
    return agent


def _posted(request: web.Request) -> datetime | None:
    """The agent's clock at the request, from `Probe-Clock` (RFC 3339); None when absent or out of bounds."""
    text = request.headers.get("Probe-Clock", "")
    try:
        moment = datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
    if moment is None or moment.tzinfo is None or not MIN_YEAR <= moment.year <= MAX_YEAR:
        return None
    return moment


async def check_and_store(collector: Collector, agent: AgentRow, unverified: BatchRequest) -> BatchOutcome:
    """Verify a batch and store it, once; a large one is verified on another thread.

    Raises:
        ApiError: the batch is refused, or the database cannot be written now.
    """
    try:
        if len(unverified.raw) > MAX_INLINE_BYTES:
            async with collector.large_batches:
                verified = await asyncio.to_thread(verify_batch, agent, unverified, collector.origin, collector.sampler)
                verified = await _with_votes(collector, agent, verified)
                outcome = await collector.store.write(lambda session: apply_batch(session, agent, verified), large=True)
        else:
            verified = verify_batch(agent, unverified, collector.origin, collector.sampler)
            verified = await _with_votes(collector, agent, verified)
            outcome = await collector.store.write(lambda session: apply_batch(session, agent, verified))
    except StorageError as error:
        raise storage_unavailable(error) from error
    metrics = collector.metrics
    metrics.add("batches_total", answer=outcome.answer)
    metrics.add("rounds_total", outcome.rounds)
    metrics.add("changes_total", outcome.changes)
    metrics.add("ignored_total", outcome.ignored)
    if outcome.answer is BatchResult.STORED:
        for part in ("connections", "handshakes", "bytes", "refused"):
            metrics.add(f"vantage_{part}_total", sum(getattr(report, part) for report in verified.batch.rounds))
        if verified.batch.changes or verified.batch.settled or verified.batch.services:
            collector.fusion_requested.set()
            collector.store.announce(MARKS)
    return msgspec.structs.replace(outcome, network=network_of_batch(agent, verified.batch))


async def _with_votes(collector: Collector, agent: AgentRow, verified: VerifiedBatch) -> VerifiedBatch:
    """The batch within the quota of targets, with the votes of its reports; evidence is judged on another thread."""
    if agent.role != "vantage":
        return verified
    verified = await collector.quota.within(collector.store, agent.id, verified, collector.clock.monotonic())
    batch = verified.batch
    if not (batch.changes or batch.settled):
        return verified
    votes = await asyncio.to_thread(votes_of, batch, verified.evidence, agent.sponsor, collector.sampler)
    return msgspec.structs.replace(verified, votes=votes)


def acknowledged(outcome: BatchOutcome) -> int:
    """The sequence number that is acknowledged.

    Raises:
        ApiError: the batch was not stored: batches before it are missing, another one has its number, or its agent was
            erased.
    """
    match outcome.answer:
        case BatchResult.GAP:
            raise ApiError(409, "gap", "batches before this one are missing", expected=outcome.seq)
        case BatchResult.NO_AGENT:
            raise ApiError(401, "unknown_agent", UNKNOWN_AGENT)
        case BatchResult.CONFLICT:
            raise ApiError(422, "conflict", "another body was stored under this number before")
        case _:
            return outcome.seq
