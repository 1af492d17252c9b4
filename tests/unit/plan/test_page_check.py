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
    ],
)
def test_a_page_without_a_fingerprint_is_doubtful_where_it_is_not_the_controls(
    page: Exchange, control: ControlFacts | None, said: bool
) -> None:
    """Without a control there is nothing to compare it with."""
    assert doubtful(page, control, fingerprinted=False) is said


def test_a_page_with_a_fingerprint_is_doubtful() -> None:
    """Whatever the control got."""
    page = Exchange(url=URL, address="", status=200, title="News")

    assert doubtful(page, CONTROL, fingerprinted=True)
    assert doubtful(page, None, fingerprinted=True)
