"""How far two pages are alike."""

from __future__ import annotations

from typing import Any

import pytest

from probe.model.observation import Exchange
from probe.model.page_likeness import (
    Likeness,
    has_same_text,
    is_same_page,
    is_unlike,
    likeness,
    same_program,
    title_words,
)
from tests.unit.judge.builders import HTTP, A, http, page
from tests.unit.measure.cpu_time import MAX_CPU_SECONDS, cpu_seconds


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
    ("here", "there", "said"),
    [
        ("Access Denied", "Welcome to www.denied-title.example", Likeness.UNLIKE),
        ("Blocked", "Blocked drains and how to clear them", Likeness.UNLIKE),
        ("Доступ запрещён", "Как получить доступ в личный кабинет", Likeness.UNLIKE),
        ("Access Denied", "Access Denied", Likeness.ALIKE),
        ("403 Forbidden", "Error 403: forbidden", Likeness.ALIKE),
        ("Access Denied", "Access denied - Herald", Likeness.ALIKE),
        ("Herald: access denied", "Herald - the daily paper", Likeness.ALIKE),
    ],
)
def test_a_word_that_any_notice_has_makes_no_two_titles_alike(here: str, there: str, said: Likeness) -> None:
    """A site's own title has such a word by chance; two notices have most of their words in common."""
    assert likeness(clear(title=here), page(title=there)) is said


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


TEXT = "<a href=/main.css>council votes about bridge, harvest begins early, school opens again</a>"
REGIONAL = "<a href=/main.css>council votes, bridge, harvest; Schule Fluss Markt Rat Wetter</a>"
FOREIGN = "<p>closed after decision number four hundred six under article nine</p>"
SHORT = "<p>closed after decision</p>"


@pytest.mark.parametrize(
    ("here", "there", "said"),
    [
        ({"title": "Zeitung", "sample": REGIONAL}, {"sample": TEXT}, Likeness.ALIKE),
        ({"title": "Zeitung", "sample": FOREIGN}, {"sample": TEXT}, Likeness.UNLIKE),
        ({"sample": FOREIGN}, {"sample": TEXT}, Likeness.ALIKE),
        ({"sample": FOREIGN, "headers": ("x-box",)}, {"sample": TEXT}, Likeness.SAME_TITLE),
        ({"sample": FOREIGN}, {"sample": TEXT, "headers": ("x-served-by",)}, Likeness.SAME_TITLE),
        ({"sample": SHORT, "headers": ("x-box",)}, {"sample": TEXT}, Likeness.ALIKE),
        ({"title": "", "sample": FOREIGN, "length": 90}, {"title": "", "sample": TEXT}, Likeness.UNLIKE),
        ({"title": "", "sample": SHORT, "length": 90}, {"title": "", "sample": TEXT}, Likeness.ALIKE),
    ],
)
def test_texts_and_header_fields_count_beside_the_title(
    here: dict[str, Any], there: dict[str, Any], said: Likeness
) -> None:
    """Shared words and files make pages alike; a copied title alone does not, where the rest can be compared."""
    mine = clear(**{"title": "Daily news", "sha256": "zz", **here})
    theirs = page(**{"title": "Daily news", **there})

    assert likeness(mine, theirs) is said
    assert is_unlike(mine, theirs) is (said is Likeness.UNLIKE)


@pytest.mark.parametrize(
    ("here", "there", "said"),
    [
        (("Server", "Date", "Content-Type"), ("Server", "Date", "X-A"), True),
        (("Server", "X-A", "Date"), ("Server", "Date"), True),
        (("Date", "Server"), ("Server", "Date"), False),
        (("server", "date"), ("Server", "Date"), False),
        (("Content-Type", "Connection"), ("Server", "Date"), False),
        ((), ("Server", "Date"), None),
        (("Server", "Date"), (), None),
    ],
)
def test_a_program_is_known_by_the_order_and_case_of_its_header_fields(
    here: tuple[str, ...], there: tuple[str, ...], said: bool | None
) -> None:
    """Fields that an application adds between them do not count."""
    assert same_program(clear(head=here, server="nginx/1"), page(head=there, server="nginx/2 (Debian)")) is said


def test_programs_with_different_names_differ() -> None:
    """The version does not count."""
    head = ("Server", "Date")

    assert same_program(clear(head=head, server="nginx"), page(head=head, server="Apache/2.4")) is False


def test_one_page_has_the_same_bytes_or_the_same_status_title_and_text() -> None:
    """A page that repeats the URL has other bytes under another name."""
    assert is_same_page(clear(sha256="aa", title="A"), clear(404, sha256="aa", title="B"))
    assert is_same_page(clear(sha256="zz", sample=TEXT), clear(sha256="yy", sample=TEXT + " of a.example"))
    assert not is_same_page(clear(sha256="zz", sample=TEXT), clear(404, sha256="yy", sample=TEXT))
    assert not is_same_page(clear(sha256="zz", sample=TEXT), clear(sha256="yy", sample=FOREIGN))
    assert has_same_text(clear(sha256="zz", sample=TEXT), page(sample=REGIONAL))
    assert not has_same_text(clear(sha256="", sample=SHORT), page(sha256="", sample=TEXT))


def test_words_of_a_title_have_four_letters_or_more() -> None:
    """Shorter ones are in any title."""
    assert title_words("The DAILY news of 2026") == {"daily", "news", "2026"}


@pytest.mark.parametrize("unit", ["<title>", "<", "a", "</a", "ab "])
def test_long_samples_of_hostile_pages_are_compared_in_little_time(unit: str) -> None:
    """Evidence from elsewhere may hold any number of characters."""
    sample = unit * (1_000_000 // len(unit))

    assert cpu_seconds(lambda: likeness(clear(sha256="zz", sample=sample), page(sample=sample))) < MAX_CPU_SECONDS
