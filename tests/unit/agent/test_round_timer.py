"""When the daemon's rounds start, on a clock that only sleeping moves."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from probe.agent.round_timer import RoundTimer
from probe.agent.timetable import QuietHours, Timetable
from probe.clock import Clock
from probe.errors import SettingsError
from probe.settings import load

BASE = load(None, {"XDG_CONFIG_HOME": "/nonexistent"})
EVENING = datetime(2026, 5, 4, 22, 0, tzinfo=UTC)
NIGHT = QuietHours.parse("23:00-07:00")


class SleepingClock(Clock):
    """Moves by sleeping alone; `suspended` seconds are added to the next sleep."""

    def __init__(self, start: datetime) -> None:
        super().__init__()
        self.wall = start
        self.seconds = 0.0
        self.suspended = 0.0

    def now(self) -> datetime:
        """The wall time."""
        return self.wall

    def monotonic(self) -> float:
        """The monotonic time."""
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        """Move on at once."""
        self.wall += timedelta(seconds=seconds + self.suspended)
        self.seconds += seconds + self.suspended
        self.suspended = 0.0


def timer(clock: SleepingClock, *quiet: QuietHours, cron: str = "", jitter: float = 0.0) -> RoundTimer:
    agent = msgspec.structs.replace(BASE.agent, interval=300.0, jitter=jitter)
    return RoundTimer(msgspec.structs.replace(BASE, agent=agent), Timetable(UTC, quiet, cron), clock)


async def test_the_first_round_starts_after_its_delay_and_the_next_an_interval_after_its_start() -> None:
    clock = SleepingClock(EVENING)
    rounds = timer(clock)

    rounds.first(20.0, 0.5)
    assert await rounds.wait(0.5)
    assert clock.now() == EVENING + timedelta(seconds=20)
    start = clock.monotonic()
    await clock.sleep(70)  # the round
    rounds.following(start, 0.5)
    assert await rounds.wait(0.5)
    assert clock.monotonic() == start + 300


async def test_no_round_starts_in_quiet_hours_and_those_missed_are_not_made_up_for() -> None:
    clock = SleepingClock(EVENING + timedelta(minutes=57))
    rounds = timer(clock, NIGHT, jitter=0.1)

    rounds.following(clock.monotonic(), 0.5)
    assert await rounds.wait(0.5)
    morning = datetime(2026, 5, 5, 7, tzinfo=UTC)
    assert clock.now() == morning + timedelta(seconds=15), "spread by half of the jitter"
    rounds.following(clock.monotonic(), 0.5)
    assert await rounds.wait(0.5)
    assert clock.now() == morning + timedelta(seconds=315)


async def test_a_host_that_wakes_in_quiet_hours_waits_for_their_end() -> None:
    clock = SleepingClock(EVENING)
    rounds = timer(clock, NIGHT)
    rounds.following(clock.monotonic(), 0.5)

    clock.suspended = 5 * 3600.0

    assert await rounds.wait(0.5)
    assert clock.now() == datetime(2026, 5, 5, 7, tzinfo=UTC)


async def test_rounds_by_an_expression_start_at_its_moments_and_one_that_was_slept_through_is_left_out() -> None:
    clock = SleepingClock(EVENING)
    rounds = timer(clock, cron="*/10 * * * *")

    rounds.first(20.0, 0.0)
    assert await rounds.wait(0.0)
    assert clock.now() == EVENING + timedelta(minutes=10)
    rounds.following(clock.monotonic(), 0.0)
    clock.suspended = 25 * 60.0
    assert await rounds.wait(0.0)
    assert clock.now() == EVENING + timedelta(minutes=40)


async def test_a_round_by_an_expression_follows_the_wall_clock_when_it_is_set() -> None:
    clock = SleepingClock(EVENING)
    rounds = timer(clock, cron="0 */2 * * *")
    rounds.first(0.0, 0.0)
    clock.wall -= timedelta(minutes=30)

    assert await rounds.wait(0.0)
    assert clock.now() == datetime(2026, 5, 5, tzinfo=UTC)


async def test_an_event_ends_the_wait() -> None:
    rounds, stop = timer(SleepingClock(EVENING)), asyncio.Event()
    rounds.first(0.0, 0.5)
    stop.set()

    assert not await rounds.wait(0.5, stop)


def test_an_expression_without_a_moment_outside_of_quiet_hours_is_an_error_of_the_settings() -> None:
    with pytest.raises(SettingsError, match="allows no round"):
        timer(SleepingClock(EVENING), NIGHT, cron="0 0 29 2 *").first(0.0, 0.0)
