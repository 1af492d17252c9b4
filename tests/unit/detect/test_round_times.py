from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from probe.detect.detector import Detector
from probe.detect.detector_input import DetectorInput
from probe.detect.round_times import MAX_REMEMBERED_BATCHES, ClockCorrection, RoundTimes
from probe.model.verdict import Cause, Status

START = datetime(2017, 5, 1, tzinfo=UTC)


def rounds(*begins: float) -> RoundTimes:
    """Batches of 20 s that begin at these moments."""
    return RoundTimes([(begin, begin + 20.0) for begin in begins])


def test_a_correction_moves_moments_and_keeps_the_absence_of_one() -> None:
    """0 stands for a moment that never was."""
    assert ClockCorrection(-60.0).corrected(1000.0) == 940.0
    assert ClockCorrection(-60.0).corrected(0.0) == 0.0


def test_a_correction_leaves_moments_from_before_the_wrong_clock() -> None:
    """Those after it do not move to before it."""
    correction = ClockCorrection(-500.0, after=1000.0)

    assert [correction.corrected(moment) for moment in (900.0, 1000.0, 1200.0, 1700.0)] == [
        900.0,
        1000.0,
        1000.0,
        1200.0,
    ]


def test_a_clock_set_back_has_passed_the_usual_time_between_two_rounds() -> None:
    """Every recorded moment moves."""
    times = rounds(1000.0, 1300.0, 1600.0, 1900.0)

    assert times.set_back(200.0, 1920.0) == ClockCorrection(200.0 - 280.0 - 1920.0)
    assert times.spans[-1][1] == 200.0 - 280.0


def test_a_clock_that_was_ahead_for_two_rounds_leaves_older_moments_alone() -> None:
    """It jumped ahead by an hour after the second round, and back after the fourth."""
    times = rounds(1000.0, 1300.0, 1600.0 + 3600.0, 1900.0 + 3600.0)

    correction = times.set_back(2200.0, 1920.0 + 3600.0)

    assert correction == ClockCorrection(-3600.0, after=1320.0)
    assert [begin for begin, _ in times.spans] == [1000.0, 1300.0, 1600.0, 1900.0]


def test_only_the_last_batches_are_remembered() -> None:
    """The state stays small."""
    times = RoundTimes()
    for number in range(100):
        times.add(300.0 * number, 300.0 * number + 20.0)

    assert len(times.spans) == MAX_REMEMBERED_BATCHES


offsets = st.sampled_from([-86400.0, -3600.0, -400.0, -90.0, 0.0, 0.0, 120.0, 3600.0, 86400.0])


@settings(deadline=None)
@given(before=offsets, after=offsets, jump=st.integers(2, 30), back=st.integers(1, 8), change=st.integers(14, 28))
def test_onsets_lie_in_the_rounds_in_which_the_change_was_seen(
    before: float, after: float, jump: int, back: int, change: int
) -> None:
    """The clock is wrong, jumps, and jumps again some rounds later; the target is blocked in one of the rounds.

    The onset lies between the last round in which the target worked and the first in which it did not, by the clock
    that is shown at the report, or by the clocks that these rounds had.
    """
    detector = Detector()
    rng = Random(f"{before} {after} {jump} {back} {change}")
    shown: list[float] = []
    for number in range(40):
        clock = before if number < jump else after if number < jump + back else before / 2
        truth = 300.0 * number + rng.uniform(-20.0, 20.0)
        shown.append(truth + clock)
        found = []
        for place, target in enumerate("abcde"):
            blocked = target == "a" and number >= change
            for attempt in range(4 if blocked and number == change else 1):
                moment = START + timedelta(seconds=truth + clock + place + 5.0 * attempt)
                status, causes = (Status.BLOCKED, (Cause.DNS_INJECTED,)) if blocked else (Status.REACHABLE, ())
                found += detector.feed(DetectorInput(moment, target, status, causes, attempt))
        found += detector.end_round(START + timedelta(seconds=truth + clock + 30.0))
        for one in (one for one in found if one.target == "a"):
            onset = (one.onset - START).total_seconds()
            new_clock = shown[change] - 300.0 - 60.0 <= onset <= shown[change] + 30.0
            old_clock = (
                min(shown[change - 1 : change + 1]) - 60.0 <= onset <= max(shown[change - 1 : change + 1]) + 30.0
            )
            assert one.onset <= one.time
            assert new_clock or old_clock


@pytest.mark.parametrize("seconds", [86400.0, -86400.0])
def test_an_agent_that_knows_of_the_jump_dates_the_change_exactly(seconds: float) -> None:
    """Without `clock_set`, a jump ahead would look like a day of sleep."""
    detector = Detector()
    for number in range(12):
        for place, target in enumerate("abcde"):
            moment = START + timedelta(seconds=300.0 * number + place)
            detector.feed(DetectorInput(moment, target, Status.REACHABLE, ()))
        detector.end_round(START + timedelta(seconds=300.0 * number + 20.0))
    detector.clock_set(seconds)

    begin = START + timedelta(seconds=300.0 * 12 + seconds)
    for attempt in range(4):
        moment = begin + timedelta(seconds=10.0 * attempt)
        detector.feed(DetectorInput(moment, "a", Status.BLOCKED, (Cause.DNS_INJECTED,), attempt))
        for place, target in enumerate("bcde"):
            detector.feed(DetectorInput(moment + timedelta(seconds=1.0 + place), target, Status.REACHABLE, ()))
    (found,) = detector.end_round(begin + timedelta(seconds=60.0))

    assert begin - timedelta(seconds=300.0) < found.onset < begin
