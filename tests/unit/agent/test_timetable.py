"""Cron expressions and quiet hours: which moments a round may start at."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.agent.timetable import MIN_ROUND_SECONDS, STOP_MARGIN_SECONDS, QuietHours, Timetable, timetable_of
from probe.errors import SettingsError
from probe.settings import Settings, load

BERLIN = ZoneInfo("Europe/Berlin")
NIGHT = QuietHours.parse("23:00-07:00")
BASE = load(None, {"XDG_CONFIG_HOME": "/nonexistent"})


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text + "+00:00")


def settings(**agent: object) -> Settings:
    return msgspec.structs.replace(BASE, agent=msgspec.structs.replace(BASE.agent, **agent))


@pytest.mark.parametrize("text", ["23:00-23:00", "23-7", "23:00"])
def test_quiet_hours_of_another_form_or_without_a_length_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="it "):
        QuietHours.parse(text)


def test_quiet_hours_that_pass_midnight_are_read_in_the_local_zone() -> None:
    """In May Berlin is two hours ahead of UTC: 23:00 to 07:00 is 21:00 to 05:00 UTC."""
    timetable = Timetable(BERLIN, [NIGHT])

    assert timetable.quiet_until(utc("2026-05-04T20:59:59")) is None
    assert timetable.quiet_until(utc("2026-05-04T21:00:00")) == utc("2026-05-05T05:00:00")
    assert timetable.quiet_until(utc("2026-05-05T04:59:59")) == utc("2026-05-05T05:00:00")
    assert timetable.quiet_until(utc("2026-05-05T05:00:00")) is None
    assert timetable.next_quiet(utc("2026-05-05T05:00:00")) == utc("2026-05-05T21:00:00")


def test_the_night_in_which_summer_time_ends_is_an_hour_longer() -> None:
    timetable = Timetable(BERLIN, [NIGHT])

    end = timetable.quiet_until(utc("2026-10-24T21:00:00"))

    assert end == utc("2026-10-25T06:00:00")


def test_hours_within_the_hour_that_comes_twice_are_quiet_twice() -> None:
    """On 25 October 2026 Berlin has 02:30 at 00:30 UTC, and again at 01:30 UTC."""
    timetable = Timetable(BERLIN, [QuietHours.parse("02:30-02:45")])

    assert timetable.quiet_until(utc("2026-10-25T00:40:00")) is not None
    assert timetable.quiet_until(utc("2026-10-25T01:40:00")) == utc("2026-10-25T01:45:00")
    assert timetable.quiet_until(utc("2026-10-25T01:45:00")) is None


def test_hours_that_follow_one_another_are_one_span() -> None:
    timetable = Timetable(UTC, [QuietHours.parse("22:00-02:00"), QuietHours.parse("02:00-06:00")])

    assert timetable.quiet_until(utc("2026-05-04T23:00:00")) == utc("2026-05-05T06:00:00")


def test_a_round_that_would_begin_shortly_before_quiet_hours_begins_after_them() -> None:
    timetable = Timetable(UTC, [NIGHT])
    needed = timedelta(seconds=MIN_ROUND_SECONDS + STOP_MARGIN_SECONDS)
    start = utc("2026-05-04T23:00:00")

    assert timetable.allowed(start - needed) == start - needed
    assert timetable.allowed(start - needed + timedelta(seconds=1)) == utc("2026-05-05T07:00:00")
    assert timetable.seconds_left(start - needed) == MIN_ROUND_SECONDS


spans = st.builds(lambda a, b: QuietHours(time(a), time(b)), st.integers(0, 23), st.integers(0, 23)).filter(
    lambda one: one.start != one.end
)


@given(st.lists(spans, max_size=2), st.integers(0, 10**9).map(lambda n: datetime.fromtimestamp(n, UTC)))
def test_a_round_is_allowed_outside_of_quiet_hours_only(quiet: list[QuietHours], moment: datetime) -> None:
    """Where a day has any other hour."""
    timetable = Timetable(BERLIN, quiet)

    allowed = timetable.allowed(moment)

    assert allowed >= moment
    if len(quiet) < 2:
        local = allowed.astimezone(BERLIN).time()
        assert all(not _within(one, local) for one in quiet)


def _within(span: QuietHours, moment: time) -> bool:
    if span.start < span.end:
        return span.start <= moment < span.end
    return moment >= span.start or moment < span.end


def test_moments_of_an_expression_are_local_and_leave_quiet_hours_out() -> None:
    timetable = Timetable(BERLIN, [NIGHT], "0 */8 * * *")

    moments = list(islice(timetable.cron_moments(utc("2026-05-04T12:00:00")), 3))

    assert moments == [utc("2026-05-04T14:00:00"), utc("2026-05-05T06:00:00"), utc("2026-05-05T14:00:00")]
    assert timetable.shown(moments[0]) == "2026-05-04 16:00 CEST"


@pytest.mark.parametrize(("draw", "minutes"), [(0.0, 0.0), (0.5, 0.5), (1.0, 1.0)])
def test_a_round_of_an_expression_starts_later_by_a_share_of_the_gap(draw: float, minutes: float) -> None:
    timetable = Timetable(UTC, cron="*/10 * * * *")

    found = timetable.next_cron(utc("2026-05-04T12:01:00"), jitter=0.1, draw=draw)

    assert found == utc("2026-05-04T12:10:00") + timedelta(minutes=minutes)


def test_the_time_between_rounds_is_the_expressions_or_the_interval() -> None:
    noon = utc("2026-05-04T12:00:00")

    assert Timetable(UTC, cron="0 */6 * * *").seconds_between(noon, 300.0) == 6 * 3600
    assert Timetable(UTC).seconds_between(noon, 300.0) == 300
    assert Timetable(UTC, [QuietHours.parse("11:00-13:00")], "0 12 * * *").seconds_between(noon, 300.0) == 300


def test_an_expression_without_a_further_moment_has_no_next_round() -> None:
    never = Timetable(UTC, [QuietHours.parse("11:00-13:00")], "0 12 29 2 *")

    assert never.next_cron(utc("2026-05-04T12:01:00"), jitter=0.1, draw=0.5) is None


@pytest.mark.parametrize(
    ("agent", "said"),
    [
        ({"schedule": "61 * * * *"}, "agent.schedule '61 * * * *' is no cron expression: Bad minute"),
        ({"schedule": "0 0 30 2 *"}, "is no cron expression"),
        ({"schedule": "0 0 * * *", "time_zone": "Europe/Nowhere"}, "there is no time zone 'Europe/Nowhere'"),
        ({"quiet_hours": ("00:00-12:00", "11:00-00:00")}, "agent.quiet_hours leave no time for a round"),
        ({"schedule": "9" * 5000 + " * * * *"}, "is no cron expression"),
        ({"quiet_hours": ("23:00-23:00",)}, "agent.quiet_hours: it begins when it ends"),
    ],
)
def test_a_schedule_that_cannot_be_read_is_one_line(agent: dict[str, object], said: str) -> None:
    with pytest.raises(SettingsError) as caught:
        timetable_of(settings(**agent))

    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_zone_is_the_settings_else_the_environments() -> None:
    hours = {"quiet_hours": ("23:00-07:00",)}
    noon = utc("2026-05-04T12:00:00")

    assert timetable_of(settings(**hours, time_zone="Asia/Tokyo"), {"TZ": "UTC"}).shown(noon) == "2026-05-04 21:00 JST"
    assert timetable_of(settings(**hours), {"TZ": ":Asia/Tokyo"}).shown(noon) == "2026-05-04 21:00 JST"
    assert timetable_of(settings(**hours), {"TZ": "CEST-2"}).quiet_until(noon) is None


def test_without_hours_and_expression_no_zone_is_read() -> None:
    assert timetable_of(settings(time_zone="Europe/Nowhere")).cron == ""
