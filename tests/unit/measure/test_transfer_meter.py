"""How bytes come in is told in a few numbers, and only of answers that can tell anything."""

from __future__ import annotations

import pytest

from probe.measure import transfer_meter
from probe.measure.transfer_meter import TransferMeter
from probe.model.failure import Failure


class Clock:
    """Seconds that the test sets."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        """The time now."""
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The meter's clock."""
    made = Clock()
    monkeypatch.setattr(transfer_meter, "time", made)
    return made


def fed(meter: TransferMeter, clock: Clock, *parts: tuple[float, int]) -> TransferMeter:
    """The meter after each of (seconds waited, bytes come)."""
    for seconds, count in parts:
        clock.now += seconds
        meter.count(count)
    return meter


def test_a_transfer_is_its_bytes_its_time_and_its_longest_silence(clock: Clock) -> None:
    """What came before the request was sent, and the wait for the first byte, are no part of it."""
    meter = fed(TransferMeter(), clock, (0, 500))
    meter.start()

    made = fed(meter, clock, (5, 10_000), (0.1, 10_000), (0.7, 10_000), (0, 0)).flow(None)

    assert made is not None
    assert (made.bytes, made.took, made.stall, made.quiet) == (30_000, 800, 700, 0)


def test_silence_at_the_end_counts_where_the_answer_was_cut_short_by_it(clock: Clock) -> None:
    """The transfer stopped, and time was up three seconds later."""
    meter = fed(TransferMeter(), clock, (0, 8_000), (0.05, 6_000))
    clock.now += 3

    made = meter.flow(Failure.TIMEOUT)

    assert made is not None
    assert (made.bytes, made.took, made.quiet) == (14_000, 50, 3000)


def test_small_answers_say_nothing(clock: Clock) -> None:
    """A page of a few kilobytes that came whole, or session tickets before a silence."""
    assert fed(TransferMeter(), clock, (0, 9_000)).flow(None) is None
    assert fed(TransferMeter(), clock, (0, 600)).flow(Failure.TIMEOUT) is None
    assert TransferMeter().flow(Failure.TIMEOUT) is None
