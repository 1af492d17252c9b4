r"""What an agent sends to a collector: a signed batch (docs/ontology.md, design of intake in docs/architecture.md).

The signature is over the bytes that are sent, so there is no canonical JSON: Ed25519 over
``b"probe-batch-v1\0" + collector origin + b"\0" + sha256(body)``. The origin is inside, so a batch for one collector
cannot be replayed to another.
"""

from __future__ import annotations

from datetime import datetime
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
"""Bytes of a decompressed batch; larger ones are refused while decompressing."""
MAX_COMPRESSED = 1024 * 1024
"""Bytes of a batch on the wire."""
MAX_CHANGES = 512
"""Changes in one batch; an agent with more sends several."""


MAX_COUNT = 2**31 - 1
"""Targets, connections or handshakes in one round."""
MAX_ROUND_BYTES = 2**48
"""Bytes read in one round: 256 TiB."""
MAX_SECONDS = 7 * 86_400
"""Length of a round, and the time between rounds."""
MIN_INTERVAL_SECONDS = 0.001
MAX_CAUSES = 64
"""Causes of one status. There are fewer causes than this, and each is named once."""
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
    """A target's settled status where no change led to it: sent once per epoch and list."""

    target: str
    status: Status
    since: datetime
    causes: Annotated[tuple[Cause, ...], Meta(max_length=MAX_CAUSES)] = ()


class ReportedChange(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A transition, and the verdict that tipped the scale."""

    transition: Transition
    verdict: Verdict | None = None


class Batch(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The unit of sending, of signing and of acknowledgement.

    The bounds in the types of a batch are checked when it is decoded. They are far above what an agent sends.

    Attributes:
        agent: id given at enrolment.
        epoch: random id of this outbox; a new one begins at seq 1.
        seq: 1, 2, ..: no gaps.
        sent: the agent's wall clock when the batch was made.
        interval: seconds between rounds.
        services: target -> name of the service it belongs to, with `settled` or when it changed.
        control: newest verdicts of a control agent; empty for any other.
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


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Batch)


def encode(batch: Batch) -> bytes:
    """The batch as the bytes that are signed (before compression)."""
    return _encoder.encode(batch)


def decode(body: bytes) -> Batch:
    """Read a batch.

    Raises:
        RecordError: it is none; the text names the offending field.
    """
    try:
        return _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RecordError(f"not a batch: {error}") from error


def signed_bytes(origin: str, body: bytes) -> bytes:
    """What the Ed25519 signature of a batch covers.

    Args:
        origin: of the collector, `https://host[:port]`, lower case, no final slash.
        body: the uncompressed JSON.
    """
    return DOMAIN + b"\0" + origin.encode() + b"\0" + sha256(body).digest()
