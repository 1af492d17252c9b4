"""When the daemon's next round starts: after the interval or by the cron expression, never in quiet hours."""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime, timedelta

from probe.agent.scheduler import next_start
from probe.agent.timetable import LATE_SECONDS, Timetable
from probe.clock import Clock
from probe.errors import SettingsError
from probe.session.concurrency import pause, pause_until
from probe.settings import Settings

log = logging.getLogger(__name__)


class RoundTimer:
    """Waits for the moments of rounds, one after the other.

    Args:
        settings: merged.
        timetable: of the settings.
        clock: of the agent.

    Attributes:
        moment: of the round that was decided on.
    """

    def __init__(self, settings: Settings, timetable: Timetable, clock: Clock) -> None:
        self._interval = settings.agent.interval
        self._jitter = settings.agent.jitter
        self._timetable = timetable
        self._clock = clock
        self.moment = clock.now()

    def first(self, delay: float, draw: float) -> datetime:
        """Decide on the first round: by the expression, else now or where the quiet hours end, after the delay."""
        now = self._clock.now()
        if self._timetable.cron:
            return self._by_cron(now, draw)
        self.moment = self._timetable.allowed(now + timedelta(seconds=delay))
        return self.moment

    def following(self, start: float, draw: float) -> datetime:
        """Decide on the round after one that began at `start`; returns its moment.

        Args:
            start: of the round that has just ended, in monotonic seconds of the clock.
            draw: random, from 0 to 1.
        """
        now = self._clock.now()
        if self._timetable.cron:
            return self._by_cron(now, draw)
        monotonic = self._clock.monotonic()
        seconds = next_start(start, monotonic, interval=self._interval, jitter=self._jitter, draw=draw) - monotonic
        wanted = now + timedelta(seconds=seconds)
        self.moment = allowed = self._timetable.allowed(wanted)
        if allowed > wanted:  # many agents share the end of the quiet hours
            self.moment = self._timetable.allowed(allowed + timedelta(seconds=self._jitter * draw * self._interval))
        return self.moment

    async def wait(self, draw: float, *ends: asyncio.Event) -> bool:
        """Wait for the round that was decided on; False when an event cut the wait short.

        A moment of the expression that passed while the host slept is left out; a round after an interval starts late.
        """
        while True:
            moment = self.moment
            if not await self._passed(moment, *ends):
                return False
            late = (self._clock.now() - moment).total_seconds()
            if self._timetable.cron and late > LATE_SECONDS:
                log.info("a round was missed by %.0f s and is left out", late)
                self._by_cron(self._clock.now(), draw)
            elif (allowed := self._timetable.allowed(self._clock.now())) > self._clock.now():
                self.moment = allowed
            else:
                return True

    async def _passed(self, moment: datetime, *ends: asyncio.Event) -> bool:
        """Wait for a moment: by the wall clock where hours matter, else for a length of time, as clocks may be set."""
        seconds = (moment - self._clock.now()).total_seconds()
        if self._timetable.cron or self._timetable.quiet_until(self._clock.now()) is not None:
            return await pause_until(self._clock, moment, *ends)
        return await pause(self._clock, max(0.0, seconds), *ends)

    def _by_cron(self, after: datetime, draw: float) -> datetime:
        moment = self._timetable.next_cron(after, jitter=self._jitter, draw=draw)
        if moment is None:
            raise SettingsError(
                f"agent.schedule {self._timetable.cron!r} allows no round outside of the quiet hours",
                mend="change one of them",
            )
        self.moment = moment
        return moment
