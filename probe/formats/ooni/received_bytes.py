"""The flow of an answer from OONI's counts of received bytes, which it samples about four times a second."""

from __future__ import annotations

from itertools import pairwise

import msgspec

from probe.formats.ooni.names import milliseconds
from probe.formats.ooni.records import OoniNetworkEvent
from probe.model.flow import FIRST_MARK_BYTES, MAX_MARKS, Flow

MAX_EVENTS = 2_000
"""Events of a measurement that are read."""
_events = msgspec.json.Decoder(list[OoniNetworkEvent] | None)


def read_events(raw: msgspec.Raw) -> list[OoniNetworkEvent]:
    """The events of a measurement that count received bytes; none where they cannot be read."""
    try:
        found = _events.decode(raw) or []
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return []
    return [one for one in found[:MAX_EVENTS] if one.operation == "bytes_received_cumulative" and one.num_bytes]


def flow_of(events: list[OoniNetworkEvent], transaction: int, *, start: float | None, end: float | None) -> Flow | None:
    """The flow of one answer; None where its bytes were not counted.

    Bytes that came between two samples are dated by the later one, so pauses seem up to half a second longer.

    Args:
        events: of the measurement.
        transaction: the number of the answer's connection.
        start: seconds at which the request was sent.
        end: seconds at which it ended.
    """
    own = sorted((one for one in events if one.transaction_id == transaction), key=lambda one: one.t)
    if not own or start is None or end is None:
        return None
    before = max((one.num_bytes or 0 for one in own if one.t <= start), default=0)
    samples: list[tuple[float, int]] = []
    for one in own:
        received = (one.num_bytes or 0) - before
        if one.t > start and received > (samples[-1][1] if samples else 0):
            samples.append((one.t, received))
    if not samples:
        return None
    first, last = samples[0][0], samples[-1][0]
    pauses = [later[0] - earlier[0] for earlier, later in pairwise(samples)]
    return Flow(
        bytes=samples[-1][1],
        took=milliseconds(last - first),
        stall=milliseconds(max(pauses, default=0.0)),
        quiet=milliseconds(max(0.0, end - last)),
        marks=_marks(samples, first),
    )


def _marks(samples: list[tuple[float, int]], first: float) -> tuple[int, ...]:
    """Milliseconds until each mark of a flow was passed."""
    found: list[int] = []
    for number in range(MAX_MARKS):
        reached = next((at for at, received in samples if received >= FIRST_MARK_BYTES << number), None)
        if reached is None:
            break
        found.append(milliseconds(reached - first))
    return tuple(found)
