"""When digests are due."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from probe.collector.notify.digest import check_schedule, next_digest
from probe.errors import UsageError


def at(day: int, hour: int, minute: int = 0) -> datetime:
    """A moment in May 2026."""
    return datetime(2026, 5, day, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    ("schedule", "now", "due"),
    [
        ("hourly", at(4, 10, 59), at(4, 11)),
        ("hourly", at(4, 11), at(4, 12)),
        ("daily", at(4, 5, 59), at(4, 6)),
        ("daily", at(4, 6), at(5, 6)),
        ("30 7 * * 1", at(4, 8), at(11, 7, 30)),
    ],
)
def test_the_next_digest_is_after_now(schedule: str, now: datetime, due: datetime) -> None:
    check_schedule(schedule)

    assert next_digest(schedule, now) == due


@pytest.mark.parametrize("schedule", ["weekly", "* *", "61 * * * *", "0 0 31 2 *"])
def test_another_schedule_is_refused(schedule: str) -> None:
    with pytest.raises(UsageError, match="is no schedule"):
        check_schedule(schedule)
