"""When rounds may start by the wall clock: a cron expression, and quiet hours in which nothing is sent.

Pure but for the host's time zone, which `timetable_of` reads: the moment and the random number are given.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, time, timedelta, tzinfo
from itertools import chain, islice, repeat
from pathlib import Path

import msgspec

from probe.errors import SettingsError
from probe.settings import Settings

LATE_SECONDS = 90.0
"""How late a round of a cron expression may still start, in seconds. Later, the host slept, and the round is missed."""
MIN_ROUND_SECONDS = 60.0
"""Seconds that a round needs at least before quiet hours; with less, it waits until they are over."""
STOP_MARGIN_SECONDS = 40.0
"""Seconds before quiet hours at which a round ends: work under way has a grace period of 25 s."""
MAX_QUIET_MOMENTS = 3000
"""Moments of an expression that are looked at: two days of one a minute. If all lie in quiet hours, no round starts."""
MAX_AHEAD = timedelta(days=3700)
"""How far ahead a moment of an expression may lie: "0 0 29 2 *" comes true every fourth year, once not in eight."""
_SPAN = re.compile(r"(\d\d):(\d\d)-(\d\d):(\d\d)")
_LOCAL_TIME = Path("/etc/localtime")


class QuietHours(msgspec.Struct, frozen=True):
    """Hours of every day, in local time; they may pass midnight.

    Attributes:
        start, end: of the span; the end does not belong to it.
    """

    start: time
    end: time

    @classmethod
    def parse(cls, text: str) -> QuietHours:
        """Read `23:00-07:00`.

        Raises:
            ValueError: the text has another form, or the span is empty.
        """
        found = _SPAN.fullmatch(text)
        if found is None:
            raise ValueError("it is not of the form 23:00-07:00")
        hours, minutes, last_hours, last_minutes = map(int, found.groups())
        start, end = time(hours, minutes), time(last_hours, last_minutes)
        if start == end:
            raise ValueError("it begins when it ends")
        return cls(start, end)


class Timetable:
    """The moments of rounds.

    Args:
        zone: in which the hours and the expression are read.
        quiet: hours in which nothing is sent.
        cron: a cron expression; empty where rounds follow an interval.

    Attributes:
        cron: as given.
    """

    def __init__(self, zone: tzinfo, quiet: Sequence[QuietHours] = (), cron: str = "") -> None:
        self._zone = zone
        self._quiet = tuple(quiet)
        self.cron = cron

    def quiet_until(self, now: datetime) -> datetime | None:
        """The end of the quiet hours that this moment lies in, with those that follow at once; None outside of them."""
        end = now
        for _ in range(2 * len(self._quiet) + 1):  # each span may follow another, also around midnight
            later = max((until for begin, until in self._spans(end) if begin <= end < until), default=end)
            if later == end:
                break
            end = later
        return end if end > now else None

    def next_quiet(self, now: datetime) -> datetime | None:
        """The start of the next quiet hours after this moment; None where there are none."""
        return min((begin for begin, _ in self._spans(now) if begin > now), default=None)

    def seconds_left(self, now: datetime) -> float:
        """Seconds that a round which starts now may take until it must end for quiet hours; infinite without any."""
        following = self.next_quiet(now)
        return float("inf") if following is None else (following - now).total_seconds() - STOP_MARGIN_SECONDS

    def allowed(self, moment: datetime) -> datetime:
        """The first moment from this one on at which a round may start: not in quiet hours, nor shortly before."""
        end = self.quiet_until(moment)
        if end is None and self.seconds_left(moment) < MIN_ROUND_SECONDS:
            following = self.next_quiet(moment)
            end = None if following is None else self.quiet_until(following)
        return moment if end is None else end

    def cron_moments(self, after: datetime) -> Iterator[datetime]:
        """The moments of the expression after this one, without those in quiet hours."""
        from cronsim import CronSim  # noqa: PLC0415 - only a cron expression needs it

        for moment in islice(CronSim(self.cron, after.astimezone(self._zone)), MAX_QUIET_MOMENTS):
            found = moment.astimezone(UTC)
            if found - after > MAX_AHEAD:
                return
            if self.allowed(found) == found:
                yield found

    def next_cron(self, after: datetime, *, jitter: float, draw: float) -> datetime | None:
        """The next round by the expression: its moment, later by a random share of the gap to the following one.

        Args:
            after: the moment, or the one that the last round was for.
            jitter: largest share of the gap.
            draw: random, from 0 to 1.

        Returns:
            None where the expression has no further moment.
        """
        moments = self.cron_moments(after)
        first = next(moments, None)
        if first is None:
            return None
        second = next(moments, first)
        return self.allowed(first + (second - first) * jitter * draw)

    def seconds_between(self, now: datetime, interval: float) -> float:
        """Seconds between two rounds: of the expression, the next two; else the interval."""
        if not self.cron:
            return interval
        one, two = islice(chain(self.cron_moments(now), repeat(now)), 2)
        return max(interval, (two - one).total_seconds())

    def shown(self, moment: datetime) -> str:
        """The moment in local time, for people."""
        return moment.astimezone(self._zone).strftime("%Y-%m-%d %H:%M %Z")

    def _spans(self, now: datetime) -> Iterator[tuple[datetime, datetime]]:
        """The quiet spans around a moment, in UTC, so that a change of summer time moves none of them."""
        today = now.astimezone(self._zone).date()
        for span in self._quiet:
            for offset in range(-1, 3):
                day = today + timedelta(days=offset)
                last = day + timedelta(days=span.end <= span.start)
                begin = datetime.combine(day, span.start, self._zone).astimezone(UTC)
                ends = (datetime.combine(last, span.end.replace(fold=fold), self._zone) for fold in (0, 1))
                yield begin, max(end.astimezone(UTC) for end in ends)  # an hour that comes twice is quiet twice


def timetable_of(settings: Settings, environ: Mapping[str, str] = os.environ) -> Timetable:
    """The timetable of the settings.

    Raises:
        SettingsError: quiet hours, time zone or cron expression are bad, or the library for expressions is missing.
    """
    chosen = settings.agent
    try:
        quiet = [QuietHours.parse(text) for text in chosen.quiet_hours]
    except ValueError as error:
        raise SettingsError(
            f"agent.quiet_hours: {error}", where=settings.source, mend='write ["23:00-07:00"]'
        ) from error
    if _leaves_no_time(quiet):
        raise SettingsError("agent.quiet_hours leave no time for a round", where=settings.source, mend="shorten them")
    zone = UTC if not quiet and not chosen.schedule else _zone(chosen.time_zone, settings.source, environ)
    if chosen.schedule:
        _check_cron(chosen.schedule, settings.source)
    return Timetable(zone, quiet, chosen.schedule)


def _leaves_no_time(quiet: Sequence[QuietHours]) -> bool:
    days = Timetable(UTC, quiet)
    return days.quiet_until(days.allowed(datetime(2024, 1, 1, tzinfo=UTC))) is not None


def _check_cron(text: str, source: str) -> None:
    try:
        from cronsim import CronSim, CronSimError  # noqa: PLC0415 - as above
    except ImportError as error:
        raise SettingsError(
            "agent.schedule needs the library cronsim",
            where=source,
            mend="install the extra: pip install 'reachability-probe[cron]'",
        ) from error
    problem = ""
    try:
        if next(CronSim(text, datetime(2024, 1, 1, tzinfo=UTC)), None) is None:
            problem = "it never comes true"
    except (CronSimError, ValueError) as error:
        problem = str(error)
    if problem:
        raise SettingsError(
            f"agent.schedule {text!r} is no cron expression: {problem}", where=source, mend='write "*/10 * * * *"'
        )


def _zone(name: str, source: str, environ: Mapping[str, str]) -> tzinfo:
    """The time zone of this name; the host's for no name."""
    from zoneinfo import ZoneInfo  # noqa: PLC0415 - an agent with an interval alone needs none

    wanted = name or environ.get("TZ", "").removeprefix(":")
    try:
        if wanted:
            return ZoneInfo(wanted)
        with _LOCAL_TIME.open("rb") as file:
            return ZoneInfo.from_file(file, key="local time")
    except (OSError, ValueError, KeyError) as error:
        if name:
            raise SettingsError(
                f"agent.time_zone: there is no time zone {name!r}", where=source, mend='write "Europe/Berlin"'
            ) from error
    return datetime.now().astimezone().tzinfo or UTC  # the offset of today: Windows, and hosts without zone files
