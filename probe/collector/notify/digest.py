"""When a digest is due: every hour, every day, or by a cron expression, in UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from probe.errors import UsageError

HOURLY = "hourly"
DAILY = "daily"
DAILY_HOUR = 6
"""Hour of daily digests, UTC."""
_HOUR = timedelta(hours=1)


def next_digest(schedule: str, now: datetime) -> datetime:
    """The first digest after a moment.

    Args:
        schedule: `hourly`, `daily` or a cron expression, as `check_schedule` accepts it.
        now: the moment.
    """
    whole = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    if schedule == HOURLY:
        return whole + _HOUR
    if schedule == DAILY:
        today = whole.replace(hour=DAILY_HOUR)
        return today if today > now else today + timedelta(days=1)
    from cronsim import CronSim  # noqa: PLC0415 - only a cron expression needs it

    found: datetime = next(CronSim(schedule, now.astimezone(UTC)))
    return found


def check_schedule(schedule: str) -> None:
    """Return if the text is the schedule of a digest.

    Raises:
        UsageError: it is not, or a cron expression is given and the library for it is missing.
    """
    if schedule in ("", HOURLY, DAILY):
        return
    try:
        from cronsim import CronSim, CronSimError  # noqa: PLC0415 - as above
    except ImportError as error:
        raise UsageError(
            "a cron expression needs the library cronsim",
            where="--digest",
            mend="pip install 'reachability-probe[cron]', or write hourly or daily",
        ) from error
    try:
        next(CronSim(schedule, datetime(2026, 1, 1, tzinfo=UTC)))
    except (CronSimError, StopIteration) as error:
        raise UsageError(
            f"{schedule!r} is no schedule", where="--digest", mend="write hourly, daily or a cron expression: 0 7 * * 1"
        ) from error
