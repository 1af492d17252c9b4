"""A transfer is measured in a few numbers, and only where it is large enough to show anything."""

from __future__ import annotations

import pytest

from probe.measure import stream
from probe.measure.stream import TransferMeter
from probe.model.failure import Failure


class Clock:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        """Return the time of the test."""
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Replace the meter's clock."""
    made = Clock()
    monkeypatch.setattr(stream, "time", made)
    return made


def fed(meter: TransferMeter, clock: Clock, *parts: tuple[float, int]) -> TransferMeter:
    """Count each of (seconds waited, bytes received) and return the meter."""
    for seconds, count in parts:
        clock.now += seconds
        meter.count(count)
    return meter


def test_a_flow_has_the_bytes_the_time_and_the_longest_pause(clock: Clock) -> None:
    """Bytes from before the request and the wait for the first byte do not count."""
    meter = fed(TransferMeter(), clock, (0, 500))
    meter.start()

    made = fed(meter, clock, (5, 10_000), (0.1, 10_000), (0.7, 10_000), (0, 0)).flow(None)

    assert made is not None
    assert (made.bytes, made.took, made.stall, made.quiet) == (30_000, 800, 700, 0)


def test_silence_at_the_end_counts_after_a_time_out(clock: Clock) -> None:
    """The transfer stopped three seconds before the step timed out."""
    meter = fed(TransferMeter(), clock, (0, 8_000), (0.05, 6_000))
    clock.now += 3

    made = meter.flow(Failure.TIMEOUT)

    assert made is not None
    assert (made.bytes, made.took, made.quiet) == (14_000, 50, 3000)


def test_small_answers_have_no_flow(clock: Clock) -> None:
    """A whole page of a few kilobytes, or session tickets before a time-out."""
    assert fed(TransferMeter(), clock, (0, 9_000)).flow(None) is None
    assert fed(TransferMeter(), clock, (0, 600)).flow(Failure.TIMEOUT) is None
    assert TransferMeter().flow(Failure.TIMEOUT) is None
