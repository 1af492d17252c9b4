"""How far two pages are alike."""

from __future__ import annotations

from typing import Any

import pytest

from probe.model.observation import Exchange
from probe.model.page_likeness import Likeness, likeness
from tests.unit.judge.builders import HTTP, A, http, page


def clear(status: int = 200, **more: Any) -> Exchange:
    """A page in clear text."""
    return http(A, status, url=HTTP, **more)


@pytest.mark.parametrize(
    ("here", "there", "said"),
    [
        ({"sha256": "aa"}, {}, False),
        ({"headers": ("x-served-by",)}, {"headers": ("x-served-by",)}, False),
        ({"title": ""}, {"title": ""}, False),
        ({"title": "Daily notice"}, {}, False),
        ({"title": "Unavailable"}, {}, True),
        ({"title": ""}, {}, False),
        ({"title": "", "length": 100}, {}, True),
        ({"title": "", "status": 403}, {}, True),
        ({"title": "", "length": 0}, {"length": 0}, True),
    ],
)
def test_pages_differ_in_everything_that_identifies_one_or_not_at_all(
    here: dict[str, Any], there: dict[str, Any], said: bool
) -> None:
    """Never by length alone."""
    made = (
        clear(**{"sha256": "zz", **here})
        if "status" not in here
        else clear(here["status"], **{k: v for k, v in here.items() if k != "status"})
    )

    assert (likeness(made, page(**there)) is Likeness.UNLIKE) is said


@pytest.mark.parametrize(
    ("here", "there", "other"),
    [
        ({"title": "", "length": 90}, {"title": "", "length": 500}, False),
        ({"title": "", "length": 350}, {"length": 500}, False),
        ({"title": "", "length": 349}, {"length": 500}, True),
        ({"title": "", "length": 1000}, {"length": 500}, True),
        ({"title": "", "length": 1}, {"length": 1}, False),
        ({"length": 500}, {"title": "", "length": 500}, False),
        ({"length": 500}, {"title": "", "length": 500, "status": 404}, True),
        ({"title": "News of today"}, {"title": "Old NEWS"}, False),
        ({"title": "Blocked"}, {"title": "News"}, True),
    ],
)
def test_pages_differ_by_their_titles_else_by_status_and_length(here: Any, there: Any, other: bool) -> None:
    """Two pages without titles do not differ.

    Where one has a title, lengths within a ratio of 0.7 may be one page's.
    """
    made = likeness(clear(**{"title": "News", "sha256": "zz", **here}), page(**{"title": "News", **there}))

    assert (made is Likeness.UNLIKE) is other
