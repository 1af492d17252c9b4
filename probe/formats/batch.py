r"""Batches: what an agent signs and sends to a collector (docs/ontology.md, docs/architecture.md).

The signature is over the JSON as sent, before compression, so no canonical JSON is needed: Ed25519 over
``b"probe-batch-v1\0" + collector origin + b"\0" + sha256(body)``. The origin is signed as well, so that a
batch for one collector cannot be replayed to another.
"""

from __future__ import annotations

from datetime import datetime
from functools import cache
from hashlib import sha256
from typing import Annotated

import msgspec
from msgspec import Meta

from probe.errors import RecordError
from probe.model.event import Network
from probe.model.transition import Transition
from probe.model.verdict import Cause, Status, Verdict

DOMAIN = b"probe-batch-v1"
MAX_BYTES = 8 * 1024 * 1024
"""Bytes of an inflated batch; inflating stops at this size and the batch is refused."""
MAX_COMPRESSED = 1024 * 1024
"""Bytes of a batch as sent."""
MAX_CHANGES = 512
"""Changes in one batch; an agent with more changes sends several batches."""


MAX_COUNT = 2**31 - 1
"""Targets, connections or handshakes in one round."""
MAX_ROUND_BYTES = 2**48
"""Bytes read in one round: 256 TiB."""
MAX_SECONDS = 7 * 86_400
"""Length of a round, and the time between rounds."""
MIN_INTERVAL_SECONDS = 0.001
MAX_CAUSES = 64
"""Causes of one status. There are fewer causes than this, and each is named once."""
MAX_FAILING = 100
"""Failing targets without a settled status that one batch names, those that have failed longest."""
MAX_NOTES = 64
"""Notes of one round."""
MAX_WORD = 200
"""Characters of a state or a note."""

Count = Annotated[int, Meta(ge=0, le=MAX_COUNT)]
ByteCount = Annotated[int, Meta(ge=0, le=MAX_ROUND_BYTES)]
Word = Annotated[str, Meta(max_length=MAX_WORD)]


class RoundReport(msgspec.Struct, frozen=True, kw_only=True):
    """One pass over the due targets.

    Attributes:
        start: when it began.
        seconds: how long it took.
        targets: how many were due; `measured`: how many gave a verdict other than `unknown`.
        state: the vantage's state over the round.
        connections, handshakes: TCP and TLS handshakes begun with targets.
        busiest: the most TLS handshakes begun within a second with one network.
        bytes: read from targets, anchors and trusted resolvers.
        refused: connections that were not begun because the round's budget was spent.
        notes: what was wrong with the vantage besides, or stood between it and its network (`VantageNote`), sorted.
    """

    start: datetime
    seconds: Annotated[float, Meta(ge=0, le=MAX_SECONDS)]
    targets: Count
    measured: Count
    state: Word = "online"
    connections: Count = 0
    handshakes: Count = 0
    busiest: Count = 0
    bytes: ByteCount = 0
    refused: Count = 0
    notes: Annotated[tuple[Word, ...], Meta(max_length=MAX_NOTES)] = ()


class ReportedStatus(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A target's settled status without a change in this batch; sent once for each epoch and network.

    Attributes:
        since: when the status began, or with `before_watch` the first measurement of the target.
        before_watch: the status began before the first measurement, nobody knows when.
        verdict: with `before_watch` or interference, a verdict that supports the status.
    """

    target: str
    status: Status
    since: datetime
    causes: Annotated[tuple[Cause, ...], Meta(max_length=MAX_CAUSES)] = ()
    before_watch: bool = False
    verdict: Verdict | None = None


class ReportedChange(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A transition, and the verdict after which the detector was sure."""

    transition: Transition
    verdict: Verdict | None = None


class ReportedFailure(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A target that has failed for longer than an interval and has no settled failing status yet.

    Attributes:
        since: the first failure after the last success.
        causes: of the newest failure.
    """

    target: str
    since: datetime
    causes: Annotated[tuple[Cause, ...], Meta(max_length=MAX_CAUSES)] = ()


class Batch(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The unit that an agent sends and signs, and that the collector acknowledges.

    The bounds in the types of a batch are checked when it is decoded. They are far above what an agent sends.

    Attributes:
        agent: id given at enrolment.
        epoch: random id of this outbox; a new outbox begins at seq 1.
        seq: 1, 2, .. without gaps.
        sent: the agent's wall clock when the batch was made.
        interval: seconds between rounds.
        services: target -> name of its service; sent with `settled` and when it changed.
        control: newest verdicts of a control agent; empty for a vantage.
        failing: beside `rounds`, the targets that fail and are not settled yet; it replaces the list before.
    """

    agent: str
    epoch: str
    seq: int
    sent: datetime
    interval: Annotated[float, Meta(ge=MIN_INTERVAL_SECONDS, le=MAX_SECONDS)]
    network: Network
    rounds: tuple[RoundReport, ...] = ()
    settled: tuple[ReportedStatus, ...] = ()
    changes: tuple[ReportedChange, ...] = ()
    services: dict[str, str] = {}
    control: tuple[Verdict, ...] = ()
    failing: Annotated[tuple[ReportedFailure, ...], Meta(max_length=MAX_FAILING)] = ()


_encoder = msgspec.json.Encoder()


@cache
def _decoder() -> msgspec.json.Decoder[Batch]:
    """The decoder of batches. Making it takes as long as measuring a target, and an agent reads none."""
    return msgspec.json.Decoder(Batch)


def encode(batch: Batch) -> bytes:
    """The batch as JSON: the bytes that are signed, before compression."""
    return _encoder.encode(batch)


def decode(body: bytes) -> Batch:
    """Read a batch from its JSON.

    Raises:
        RecordError: the bytes are not a batch, or a value is out of bounds; the text names the field.
    """
    try:
        return _decoder().decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RecordError(f"not a batch: {error}") from error


def signed_bytes(origin: str, body: bytes) -> bytes:
    """The bytes that the Ed25519 signature of a batch covers.

    Args:
        origin: of the collector, `https://host[:port]`, lower case, no final slash.
        body: the uncompressed JSON.
    """
    return DOMAIN + b"\0" + origin.encode() + b"\0" + sha256(body).digest()
