"""From a request to a `VerifiedBatch`: everything that must be true of a batch before the database hears of it.

The order is that of cost: who says it is, how much has it sent lately, how large is it, does it inflate within bounds,
has it been signed by that agent for this collector, is it a batch, and are its parts within bounds.
"""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from datetime import datetime
from hashlib import sha256

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from probe.collector.intake.apply_batch import VerifiedBatch
from probe.collector.intake.enrolment import MAX_ASN, is_country
from probe.collector.store.agents import AgentRow
from probe.collector.web.responses import ApiError
from probe.errors import RecordError
from probe.formats.batch import MAX_BYTES, MAX_CHANGES, MAX_COMPRESSED, Batch, decode, signed_bytes
from probe.model.target import MAX_LENGTH
from probe.model.verdict import Status, VantageState

MAX_ROUNDS = 20_000
"""Rounds in one batch: a month of five-minute rounds is 8,640."""
MAX_TARGETS = 50_000
"""Statuses, services or control verdicts in one batch."""
MAX_SERVICE = 120
"""Characters of a service's name."""
MAX_INTERVAL = 7 * 86_400
"""Seconds between rounds."""
YEARS = (1990, 2200)
"""Moments outside of these are no moments of ours; inside of them no arithmetic overflows."""
_EPOCH = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_STATES = frozenset(VantageState)
_STATUSES = frozenset(Status)


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

    Raises:
        ApiError: it is too large, on the wire or inflated, or not gzip.
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
    return body


class BatchRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A batch as it came.

    Attributes:
        raw: the body.
        encoding: of the body, by its header.
        signature: 64 bytes.
        posted: the agent's clock at the request; None when it did not say.
        received: ours, and `rate` how fast it runs.
    """

    raw: bytes
    encoding: str
    signature: bytes
    posted: datetime | None
    received: datetime
    rate: float = 1.0


def verify_batch(agent: AgentRow, delivery: BatchRequest, origin: str) -> VerifiedBatch:
    """Check a batch.

    Args:
        agent: who says it is.
        delivery: what came.
        origin: of this collector, inside what is signed.

    Raises:
        ApiError: it cannot be taken in.
    """
    body = inflate(delivery.raw, delivery.encoding)
    try:
        Ed25519PublicKey.from_public_bytes(agent.pubkey).verify(delivery.signature, signed_bytes(origin, body))
    except (InvalidSignature, ValueError) as error:
        raise ApiError(401, "bad_signature", "the signature is not this agent's over this body and origin") from error
    try:
        batch = decode(body)
    except RecordError as error:
        raise ApiError(400, "bad_batch", error.what[:200]) from error
    if batch.agent != agent.id:
        raise ApiError(400, "bad_batch", "the batch names another agent than its header")
    fault = find_fault(batch)
    if fault:
        raise ApiError(400, "bad_batch", fault)
    if len(batch.changes) > MAX_CHANGES:
        raise ApiError(413, "too_large", f"a batch carries at most {MAX_CHANGES} changes")
    zipped = delivery.encoding == "gzip"
    return VerifiedBatch(
        batch=batch,
        digest=sha256(body).digest(),
        raw=delivery.raw if zipped else zlib.compress(delivery.raw, 6, wbits=31),
        signature=delivery.signature,
        posted=delivery.posted,
        received=delivery.received,
        rate=delivery.rate,
    )


def find_fault(batch: Batch) -> str:
    """What is out of bounds in a batch; empty when nothing is."""
    if not _EPOCH.fullmatch(batch.epoch) or not 1 <= batch.seq < 2**53:
        return "epoch or sequence number out of bounds"
    if not 0 < batch.interval <= MAX_INTERVAL:
        return "interval out of bounds"
    if not 0 <= batch.network.asn <= MAX_ASN or not is_country(batch.network.country):
        return "network out of bounds"
    if len(batch.rounds) > MAX_ROUNDS or max(map(len, (batch.settled, batch.services, batch.control))) > MAX_TARGETS:
        return "too many rounds or targets"
    for one in batch.rounds:
        if one.state not in _STATES or not 0 <= one.seconds <= MAX_INTERVAL or not 0 <= one.measured <= 2**31:
            return "a round is out of bounds"
    if not all(0 < len(name) <= MAX_SERVICE and name.isprintable() for name in batch.services.values()):
        return "a service's name is empty, too long or not printable"
    if not all(_is_moment(moment) for moment in _moments(batch)):
        return "a moment lacks its zone or is out of bounds"
    transitions = [change.transition for change in batch.changes]
    if not all(item.target == "vantage" or {item.before, item.after} <= _STATUSES for item in transitions):
        return "a change passes between statuses that do not exist"
    if not all(0 < len(text) <= MAX_LENGTH and text.isprintable() for text in _targets(batch)):
        return "a target is empty, too long or not printable"
    return ""


def _targets(batch: Batch) -> list[str]:
    found = [*batch.services, *(item.target for item in batch.settled)]
    return [*found, *(change.transition.target for change in batch.changes), *(item.target for item in batch.control)]


def _moments(batch: Batch) -> list[datetime]:
    found = [batch.sent, *(item.start for item in batch.rounds), *(item.since for item in batch.settled)]
    found += [moment for change in batch.changes for moment in (change.transition.time, change.transition.onset)]
    return [*found, *(verdict.time for verdict in batch.control)]


def _is_moment(moment: datetime) -> bool:
    return moment.tzinfo is not None and YEARS[0] <= moment.year <= YEARS[1]
