"""What a sweep and its worker processes tell each other: JSON, one message a line, through the worker's pipes."""

from __future__ import annotations

import msgspec

from probe.model.verdict import ControlFacts, VantageState
from probe.plan.looks import LookTerms
from probe.session.recent_cuts import CutEvent
from probe.settings import Settings
from probe.sweep.sweep_pass import SweptVerdict
from probe.sweep.swept_looks import LookChange, TargetLooks

MAX_MESSAGE_BYTES = 16 * 1024 * 1024
"""Bytes of one message. The longest are chunks: 10,000 targets, and what the control knows of each."""


class BeginMessage(msgspec.Struct, frozen=True, tag="begin"):
    """To a worker, once: how to measure.

    Attributes:
        settings: with this worker's share of pace, concurrency and traffic.
        clock: as `PROBE_CLOCK`.
        terms: of looks; None for full looks alone.
        secret: of the key of the vantage.
    """

    settings: Settings
    clock: str
    terms: LookTerms | None = None
    secret: bytes = b""


class ChunkMessage(msgspec.Struct, frozen=True, tag="chunk"):
    """To a worker: measure these targets.

    Attributes:
        targets: numbers and texts.
        control: text -> the control's facts.
        is_alone: whether no other worker measures meanwhile.
        memories: number -> what is remembered of looks at the target.
    """

    targets: tuple[tuple[int, str], ...]
    control: dict[str, ControlFacts]
    is_alone: bool
    memories: dict[int, TargetLooks] = {}


class CutMessage(msgspec.Struct, frozen=True, tag="cut"):
    """From a worker to the others: what happened to an address of which all must know."""

    event: CutEvent


class VerdictMessage(msgspec.Struct, frozen=True, tag="verdict"):
    """From a worker: a verdict."""

    verdict: SweptVerdict


class LookMessage(msgspec.Struct, frozen=True, tag="look"):
    """From a worker: what is to be remembered of a target."""

    change: LookChange


class ChunkEndMessage(msgspec.Struct, frozen=True, tag="end"):
    """From a worker: the chunk has ended.

    Attributes:
        state: of the vantage at the end.
        notes: about the vantage (`probe.model.verdict.VantageNote`).
        is_spent: whether the round's traffic limit was nearly reached.
    """

    state: VantageState
    is_spent: bool
    notes: tuple[str, ...] = ()


ToWorker = BeginMessage | ChunkMessage | CutMessage
FromWorker = VerdictMessage | LookMessage | CutMessage | ChunkEndMessage

_encoder = msgspec.json.Encoder()
_to_worker: msgspec.json.Decoder[ToWorker] = msgspec.json.Decoder(ToWorker)
_from_worker: msgspec.json.Decoder[FromWorker] = msgspec.json.Decoder(FromWorker)


def packed(message: ToWorker | FromWorker) -> bytes:
    """The message as a line."""
    return _encoder.encode(message) + b"\n"


def unpack_for_worker(line: bytes) -> ToWorker:
    """The message of a line that a worker has read."""
    return _to_worker.decode(line)


def unpack_from_worker(line: bytes) -> FromWorker:
    """The message of a line that a worker has written.

    Raises:
        msgspec.DecodeError: the line is none: something else in that process has written to its standard output.
    """
    return _from_worker.decode(line)
