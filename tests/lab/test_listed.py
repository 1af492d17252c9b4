"""The demo compares the register's dates on the collector's page with the true ones."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.lab.listed import beside_truth

EVERY = 300.0
T0 = datetime(2017, 5, 4, 1, tzinfo=UTC)
LISTED, DELISTED = T0 + timedelta(seconds=0.5), T0 + timedelta(hours=1, seconds=0.5)
TRUTH = {64500: (T0 + timedelta(minutes=3), T0 + timedelta(minutes=62))}


def page(**seen: Any) -> dict[str, Any]:
    """The collector's page with other dates for one network."""
    network = {
        "network": {"asn": 64500, "country": "RU"},
        "blocked": (T0 + timedelta(minutes=5)).isoformat(),
        "unblocked": (T0 + timedelta(minutes=60)).isoformat(),
    }
    windows = [
        {"after": (at - timedelta(seconds=EVERY)).isoformat(), "before": at.isoformat()}
        for at in (T0, T0 + timedelta(hours=1))
    ]
    listing = {"listed": windows[0], "delisted": windows[1]}
    return {"listed_beside_observed": [{"listing": listing, "networks": [network | seen]}]}


def test_four_right_dates_are_shown_without_a_fault() -> None:
    """Two are the register's, and two are each ISP's."""
    lines, wrong = beside_truth(page(), (LISTED, DELISTED), TRUTH, EVERY)

    assert len(lines) == 4
    assert wrong == []


def test_a_date_that_is_missing_or_several_rounds_off_is_wrong() -> None:
    """A page without a listing is wrong too."""
    late = (T0 + timedelta(minutes=30)).isoformat()

    assert len(beside_truth(page(blocked=late), (LISTED, DELISTED), TRUTH, EVERY)[1]) == 1
    assert len(beside_truth(page(unblocked=None), (LISTED, DELISTED), TRUTH, EVERY)[1]) == 1
    assert len(beside_truth(page(), (LISTED, DELISTED + timedelta(hours=1)), TRUTH, EVERY)[1]) == 1
    assert len(beside_truth(None, (LISTED, DELISTED), TRUTH, EVERY)[1]) == 1
