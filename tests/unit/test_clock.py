"""The real clock and the faster clock of laboratories."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from probe.clock import Clock, ClockJumps
from probe.errors import SettingsError


def test_the_real_clock_shows_the_machine_s_time() -> None:
    """Without an origin the clock shows the time in UTC."""
    before = datetime.now(UTC)
    now = Clock().now()

    assert before <= now <= datetime.now(UTC)


def test_a_laboratory_clock_starts_at_its_origin_and_runs_at_its_rate() -> None:
    """A thousand real seconds after the start, a clock of rate 60 shows 60,000 seconds more."""
    origin = datetime(2017, 5, 1, tzinfo=UTC)

    clock = Clock(origin, 60.0, time.time() - 1000)

    assert (clock.now() - origin).total_seconds() == pytest.approx(60_000, abs=60)


def test_two_processes_that_parse_the_same_text_agree() -> None:
    """The third part ties the origin to a real moment, so that agents and collectors show the same time."""
    text = f"2017-05-01T00:00:00Z@60@{time.time() - 10}"

    difference = Clock.parse(text).now() - Clock.parse(text).now()

    assert abs(difference.total_seconds()) < 5


def test_the_monotonic_clock_counts_suspended_time_and_runs_at_the_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is Linux' CLOCK_BOOTTIME: after a night with the lid closed, a file fetched in the evening is old."""
    if not hasattr(time, "CLOCK_BOOTTIME"):
        pytest.skip("no such clock here")
    monkeypatch.setattr(time, "clock_gettime", {time.CLOCK_BOOTTIME: 100.0}.__getitem__)

    assert (Clock().monotonic(), Clock(rate=60).monotonic()) == (100.0, 6000.0)


def test_the_monotonic_clock_ignores_that_the_wall_clock_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    before = clock.monotonic()
    monkeypatch.setattr(time, "time", lambda: 0.0)

    assert 0 <= clock.monotonic() - before < 60


class SetClock(Clock):
    """A clock whose wall time and monotonic time are set apart."""

    def __init__(self, *, counts_suspension: bool = True) -> None:
        super().__init__()
        self.wall = datetime(2017, 5, 1, tzinfo=UTC)
        self.seconds = 0.0
        self.counts = counts_suspension

    def now(self) -> datetime:
        """The wall time."""
        return self.wall

    def monotonic(self) -> float:
        """The monotonic time."""
        return self.seconds

    @property
    def counts_suspension(self) -> bool:
        """As given."""
        return self.counts

    def passes(self, seconds: float, *, set_by: float = 0.0) -> None:
        """Let time pass; the wall clock is also set by a number of seconds."""
        self.wall += timedelta(seconds=seconds + set_by)
        self.seconds += seconds


def test_a_clock_that_is_set_is_noticed_once_with_the_difference() -> None:
    """Time that passes, asleep or not, is no jump; nor is a correction of a few seconds."""
    clock = SetClock()
    jumps = ClockJumps(clock)
    found = []
    for passed, set_by in ((300.0, 0.0), (300.0, 5.0), (300.0, -3600.0), (36_000.0, 0.0), (300.0, 86_400.0)):
        clock.passes(passed, set_by=set_by)
        found.append(jumps.since_last_call())

    assert found == [0.0, 0.0, -3600.0, 0.0, 86_400.0]


def test_no_jump_is_reported_where_sleep_would_look_like_one() -> None:
    clock = SetClock(counts_suspension=False)
    jumps = ClockJumps(clock)
    clock.passes(300.0, set_by=3600.0)

    assert jumps.since_last_call() == 0.0


async def test_sleeping_is_shorter_where_time_runs_faster() -> None:
    """Sixty of the clock's seconds are 0.06 real ones at a rate of 1000."""
    began = time.monotonic()
    await Clock(datetime(2017, 5, 1, tzinfo=UTC), 1000.0).sleep(60)

    assert 0.05 < time.monotonic() - began < 30


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("yesterday", "it has two or three parts"),
        ("2017-05-01T00:00:00Z", "it has two or three parts"),
        ("2017-05-01T00:00:00Z@60@0@0", "it has two or three parts"),
        ("@@", "Invalid isoformat"),
        ("2017-05-01T00:00:00Z@fast", "could not convert string to float"),
        ("2017-05-01T00:00:00@60", "the origin has no time zone"),
        ("2017-05-01@60@0", "the origin has no time zone"),
        ("2017-05-01T00:00:00Z@0", "the rate must be a number above 0"),
        ("2017-05-01T00:00:00Z@-60", "the rate must be a number above 0"),
        ("2017-05-01T00:00:00Z@nan", "the rate must be a number above 0"),
        ("2017-05-01T00:00:00Z@60@inf", "and the moment a number"),
        ("0001-01-01T00:00:00+01:00@60", "date value out of range"),
    ],
)
def test_a_malformed_clock_is_refused_in_one_line_with_the_reason(text: str, reason: str) -> None:
    """The error names PROBE_CLOCK and shows the form."""
    with pytest.raises(SettingsError, match=f"^PROBE_CLOCK: .* is no clock: .*{reason}") as caught:
        Clock.parse(text)

    assert "\n" not in str(caught.value)


def test_an_origin_in_another_time_zone_is_the_same_moment_in_utc() -> None:
    assert Clock.parse("2017-05-01T03:00:00+03:00@1@0").now().tzinfo is UTC


def test_no_text_is_the_real_clock() -> None:
    """An unset PROBE_CLOCK changes nothing."""
    assert Clock.parse("").rate == 1.0
