"""Whether a page deserves a second look."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from probe.model.observation import Exchange
from probe.model.verdict import ControlFacts, ControlPage, Status
from probe.plan.page_check import doubtful

URL = "http://news.example.org/"
CONTROL = ControlFacts(
    time=datetime(2026, 10, 1, tzinfo=UTC),
    statuses=(Status.REACHABLE,),
    pages=(ControlPage(url=URL, status=200, title="News"),),
)


@pytest.mark.parametrize(
    ("page", "control", "said"),
    [
        (Exchange(url=URL, address="", status=200, title="News"), CONTROL, False),
        (Exchange(url=URL, address="", status=403, title="News"), CONTROL, True),
        (Exchange(url=URL, address="", status=200, title="Other"), CONTROL, True),
        (Exchange(url=URL, address="", status=200, title="News", location="http://x.example/"), CONTROL, True),
        (Exchange(url=URL + "a", address="", status=403), CONTROL, False),
        (Exchange(url=URL, address="", status=403), None, False),
        (Exchange(url=URL, address="", status=200, marks=("ru.mts",)), None, True),
    ],
)
def test_a_page_is_doubtful_by_its_marks_or_where_it_is_not_controls(
    page: Exchange, control: ControlFacts | None, said: bool
) -> None:
    """Without anything to compare with, only a known notice is."""
    assert doubtful(page, control) is said
