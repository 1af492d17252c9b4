r"""What an agent sends to a collector: a signed batch (docs/ontology.md, design of intake in docs/architecture.md).

The signature is over the bytes that are sent, so there is no canonical JSON: Ed25519 over
``b"probe-batch-v1\0" + collector origin + b"\0" + sha256(body)``. The origin is inside, so a batch for one collector
cannot be replayed to another.
"""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256

import msgspec

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
    seconds: float
    targets: int
    measured: int
    state: str = "online"
    connections: int = 0
    handshakes: int = 0
    busiest: int = 0
    bytes: int = 0
    refused: int = 0
    notes: tuple[str, ...] = ()


class ReportedStatus(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A target's settled status where no change led to it: sent once per epoch and list."""

    target: str
    status: Status
    since: datetime
    causes: tuple[Cause, ...] = ()


class ReportedChange(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A transition, and the verdict that tipped the scale."""

    transition: Transition
    verdict: Verdict | None = None


class Batch(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The unit of sending, of signing and of acknowledgement.

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
    interval: float
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
