"""Checks of a batch before it reaches the database: size, gzip, signature, JSON, bounds.

The cheap checks come first. The sender and its rate limit are checked before (`agents_api`). Every check is bounded in
work: the wire by `MAX_COMPRESSED`, the inflated body by `MAX_BYTES`, nesting by the JSON decoder, and the lists by the
constants here.
"""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from hashlib import sha256

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from probe.collector.intake.apply_batch import VerifiedBatch
from probe.collector.intake.batch_decoding import DecodedBatch, Keeps, decode_batch
from probe.collector.intake.enrolment import MAX_ASN, is_country
from probe.collector.intake.evidence import EvidenceSampler, Packed, pack_control, pack_evidence, pack_unread
from probe.collector.intake.sender_scrub import SenderScrub
from probe.collector.store.agents import AgentRow
from probe.collector.web.responses import ApiError
from probe.errors import RecordError
from probe.formats.batch import (
    MAX_BYTES,
    MAX_CAUSES,
    MAX_CHANGES,
    MAX_COMPRESSED,
    Batch,
    ReportedChange,
    ReportedStatus,
    signed_bytes,
)
from probe.model.target import is_too_long
from probe.model.transition import VANTAGE, Transition
from probe.model.verdict import Status, Verdict

MAX_ROUNDS = 20_000
"""Rounds in one batch: a month of five-minute rounds is 8,640."""
MAX_TARGETS = 10_000
"""Statuses, services or control verdicts in one batch. An agent sends at most 512 of them; the oldest version sent all
targets of its list at once."""
MAX_SERVICE_LENGTH = 120
"""Characters of a service's name."""
MIN_YEAR, MAX_YEAR = 1990, 2200
"""Times outside of these years are refused; inside of them no arithmetic overflows."""
MAX_VALUES = 50_000
"""Numbers, texts and times in one verdict: some hundreds for a blocked target, some thousands for a range."""
MAX_NUMBER = 2**53
"""Absolute value of a number in evidence: JSON numbers are exact up to here."""
MAX_TEXT_LENGTH = 64 * 1024
"""Characters of one text in evidence."""
_EPOCH = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
NEWER_RETRY_SECONDS = 3600
"""How long an agent that is newer than this collector is asked to wait."""
_STATUSES = frozenset(Status)
_WORD = re.compile(r"[a-z][a-z0-9_]{0,39}", re.ASCII)
"""The form of a status or a state, also of one that a newer version adds."""
_UNKNOWN_WORD = re.compile(r"not a batch: Invalid (enum )?value '[a-z][a-z0-9_.]{0,63}'", re.ASCII)
"""The message of a batch whose only fault is a word that this version does not know."""


def signature_of(text: str) -> bytes:
    """The `Probe-Signature` header's bytes.

    Raises:
        ApiError: it is not 64 bytes in base64.
    """
    try:
        signature = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        signature = b""
    if len(signature) != 64:
        raise ApiError(401, "bad_signature", "the signature is not 64 bytes in base64")
    return signature


def inflate(raw: bytes, encoding: str) -> bytes:
    """The signed body.

    Only one gzip member is read. What follows it is not covered by the signature, so it is refused.

    Raises:
        ApiError: the body is too large, on the wire or inflated, or is not one gzip member.
    """
    if len(raw) > MAX_COMPRESSED:
        raise ApiError(413, "too_large", f"a batch is at most {MAX_COMPRESSED} bytes on the wire")
    if encoding in ("", "identity"):
        return raw
    if encoding != "gzip":
        raise ApiError(415, "bad_encoding", "send gzip")
    inflater = zlib.decompressobj(wbits=31)
    try:
        body = inflater.decompress(raw, MAX_BYTES + 1)
    except zlib.error as error:
        raise ApiError(400, "bad_gzip", "the body is not gzip") from error
    if len(body) > MAX_BYTES:
        raise ApiError(413, "too_large", f"a batch is at most {MAX_BYTES} bytes inflated")
    if not inflater.eof:
        raise ApiError(400, "bad_gzip", "the body ends early")
    if inflater.unused_data:
        raise ApiError(400, "bad_gzip", "bytes follow the end of the gzip body")
    return body


class BatchRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A batch as it was received.

    Attributes:
        raw: the body.
        encoding: the body's `Content-Encoding`.
        signature: 64 bytes.
        posted: the agent's clock at the request; None when it did not say.
        received: the collector's clock at the request.
        rate: speed of the collector's clock.
        prefix: of the sender's address, see `SenderScrub`; empty when not known.
    """

    raw: bytes
    encoding: str
    signature: bytes
    posted: datetime | None
    received: datetime
    rate: float = 1.0
    prefix: bytes = b""


def verify_batch(
    agent: AgentRow, request: BatchRequest, origin: str, sampler: EvidenceSampler | None = None
) -> VerifiedBatch:
    """Check a batch.

    Args:
        agent: the agent that the request names.
        request: what was received.
        origin: of this collector; it is part of what is signed.
        sampler: decides which verdicts are kept; None for all.

    Raises:
        ApiError: the batch is refused.
    """
    body = inflate(request.raw, request.encoding)
    try:
        Ed25519PublicKey.from_public_bytes(agent.pubkey).verify(request.signature, signed_bytes(origin, body))
    except (InvalidSignature, ValueError) as error:
        raise ApiError(401, "bad_signature", "the signature is not this agent's over this body and origin") from error
    found, named = _scrubbed(_decoded(body, _keeps(sampler, request.received)), body, request.prefix)
    batch = found.batch
    if batch.agent != agent.id:
        raise ApiError(400, "bad_batch", "the batch names another agent than its header")
    if len(batch.changes) + sum(item.verdict is not None for item in batch.settled) > MAX_CHANGES:
        raise ApiError(413, "too_large", f"a batch carries at most {MAX_CHANGES} changes and statuses with a verdict")
    if fault := find_fault(batch):
        raise ApiError(400, "bad_batch", fault)
    return VerifiedBatch(
        batch=batch,
        evidence=_packed(batch.changes, found.changed),
        settled_evidence=_packed(batch.settled, found.settled),
        unread=found.unread_control,
        control=tuple(pack_control(not_ahead(verdict, request.received)) for verdict in batch.control),
        digest=sha256(body).digest(),
        raw=b"" if named else _zipped(request),  # it would keep the address that was removed
        signature=request.signature,
        posted=request.posted,
        received=request.received,
        rate=request.rate,
    )


def not_ahead(verdict: Verdict, received: datetime) -> Verdict:
    """The verdict of a control, dated at its arrival at the latest: else one dated ahead beats honest ones for long."""
    return msgspec.structs.replace(verdict, time=received) if verdict.time > received else verdict


def _packed(
    items: Iterable[ReportedChange | ReportedStatus], outside: Iterable[Packed | None]
) -> tuple[Packed | None, ...]:
    """The verdict of each item as it is stored, whether it is in the item or was left outside."""
    return tuple(
        packed or (None if item.verdict is None else pack_evidence(item.verdict))
        for item, packed in zip(items, outside, strict=True)
    )


def _zipped(request: BatchRequest) -> bytes:
    return request.raw if request.encoding == "gzip" else zlib.compress(request.raw, 6, wbits=31)


def _scrubbed(found: DecodedBatch, body: bytes, prefix: bytes) -> tuple[DecodedBatch, bool]:
    """The batch without the address of its sender, and whether the body may name it."""
    scrub = SenderScrub(prefix)
    if not scrub.is_in(body):
        return found, False
    replace = msgspec.structs.replace
    batch = found.batch
    cleaned = replace(
        found,
        batch=replace(
            batch,
            changes=tuple(replace(each, verdict=scrub.removed(each.verdict)) for each in batch.changes),
            settled=tuple(replace(each, verdict=scrub.removed(each.verdict)) for each in batch.settled),
            control=tuple(each for each in map(scrub.removed, batch.control) if each is not None),
        ),
        changed=tuple(_scrubbed_unread(each, scrub) for each in found.changed),
        settled=tuple(_scrubbed_unread(each, scrub) for each in found.settled),
    )
    return cleaned, True


def _scrubbed_unread(packed: Packed | None, scrub: SenderScrub) -> Packed | None:
    if packed is None or packed.compressed is None:
        return packed
    return pack_unread(scrub.removed_from_json(zlib.decompress(packed.compressed)))


def _keeps(sampler: EvidenceSampler | None, received: datetime) -> Keeps:
    """Whether the verdict of a change in a batch is kept."""
    now = received.timestamp()

    def keeps(batch: Batch, change: Transition) -> bool:
        return sampler is None or sampler.keeps(batch.network, change.target, change.after, now)

    return keeps


def _decoded(body: bytes, keeps: Keeps) -> DecodedBatch:
    """Decode a batch. Words of a newer version in statuses, causes and verdicts are kept.

    A word of a newer version anywhere else is refused for now, not for good: the agent keeps the batch and sends it
    again, until this collector is updated. After a 400 it would send the batch without its content.

    Raises:
        ApiError: the body is not a batch, or has such a word.
    """
    try:
        return decode_batch(body, keeps)
    except RecordError as error:
        if _UNKNOWN_WORD.match(error.what):
            message = "the batch has a word of a newer version: keep it until this collector is updated"
            raise ApiError(503, "newer_version", message, retry_after=NEWER_RETRY_SECONDS) from error
        raise ApiError(400, "bad_batch", error.what[:200]) from error


def find_fault(batch: Batch) -> str:
    """Describe the first part of a decoded batch that is out of bounds; empty when none is."""
    if not _EPOCH.fullmatch(batch.epoch) or not 1 <= batch.seq < 2**53:
        return "epoch or sequence number out of bounds"
    if not 0 <= batch.network.asn <= MAX_ASN or not is_country(batch.network.country):
        return "network out of bounds"
    if len(batch.rounds) > MAX_ROUNDS or max(map(len, (batch.settled, batch.services, batch.control))) > MAX_TARGETS:
        return "too many rounds or targets"
    if not all(_WORD.fullmatch(report.state) for report in batch.rounds):
        return "a round has a state that is no word"
    if not all(0 < len(name) <= MAX_SERVICE_LENGTH and name.isprintable() for name in batch.services.values()):
        return "a service's name is empty, too long or not printable"
    if not all(_is_time(time) for time in _times(batch)):
        return "a time lacks its zone or is out of bounds"
    if not all(text and not is_too_long(text) and text.isprintable() for text in _targets(batch)):
        return "a target is empty, too long or not printable"
    transitions = [change.transition for change in batch.changes]
    words = {word for item in transitions if item.target != VANTAGE for word in (item.before, item.after)}
    words |= {item.status for item in batch.settled}
    if not all(map(_WORD.fullmatch, words - _STATUSES)):
        return "a status is no word"
    if not all(len(item.causes) <= MAX_CAUSES for item in transitions):
        return "a change has too many causes"
    if any(len(verdict.causes) > MAX_CAUSES for verdict in _verdicts(batch)):
        return "a verdict has too many causes"
    if any(fault := _fault_in_transition(item) for item in transitions):
        return fault
    return next((fault for verdict in _verdicts(batch) if (fault := _fault_in_values(verdict))), "")


def _verdicts(batch: Batch) -> Iterator[Verdict]:
    yield from (change.verdict for change in batch.changes if change.verdict is not None)
    yield from (status.verdict for status in batch.settled if status.verdict is not None)
    yield from batch.control


def _fault_in_transition(item: Transition) -> str:
    """Describe the part of a transition that is out of bounds; most batches have many, and their form is simple."""
    if len(item.evidence) > MAX_VALUES // 2:
        return "a change or a verdict has too many values"
    for value in (*item.causes, *item.evidence, *item.evidence.values()):
        if isinstance(value, str):
            if len(value) > MAX_TEXT_LENGTH:
                return "a text in evidence is too long"
        elif not -MAX_NUMBER <= value <= MAX_NUMBER:
            return "a number in evidence is out of bounds"
    return ""


def _fault_in_values(record: Verdict) -> str:
    """Describe the part of a verdict that is out of bounds; pages compute with the values."""
    pending: list[object] = [record]
    number = 0
    while pending:
        parts = _parts(pending.pop())
        number += len(parts)
        if number > MAX_VALUES:
            return "a change or a verdict has too many values"
        for part in parts:
            if not part:  # most fields of most records
                continue
            kind = type(part)
            if kind is str:
                if len(part) > MAX_TEXT_LENGTH:  # type: ignore[arg-type]
                    return "a text in evidence is too long"
            elif kind is int or kind is float:
                if not -MAX_NUMBER <= part <= MAX_NUMBER:  # type: ignore[operator]
                    return "a number in evidence is out of bounds"
            elif isinstance(part, datetime):
                if not _is_time(part):
                    return "a time in evidence lacks its zone or is out of bounds"
            elif not isinstance(part, str):  # a word of ours is no container, and short
                pending.append(part)
    return ""


def _parts(value: object) -> Sequence[object]:
    """The parts of a record, a mapping or a list."""
    if isinstance(value, msgspec.Struct):
        return msgspec.structs.astuple(value)
    if isinstance(value, dict):
        return (*value, *value.values())
    return value if isinstance(value, list | tuple) else ()


def _targets(batch: Batch) -> Iterator[str]:
    yield from batch.services
    yield from (item.target for item in batch.settled)
    yield from (change.transition.target for change in batch.changes)
    yield from (item.target for item in batch.failing)
    yield from (verdict.target for verdict in _verdicts(batch))


def _times(batch: Batch) -> Iterator[datetime]:
    yield batch.sent
    yield from (report.start for report in batch.rounds)
    yield from (item.since for item in batch.settled)
    yield from (item.since for item in batch.failing)
    yield from (time for change in batch.changes for time in (change.transition.time, change.transition.onset))


def _is_time(time: datetime) -> bool:
    return time.tzinfo is not None and MIN_YEAR <= time.year <= MAX_YEAR
