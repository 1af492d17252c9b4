"""Title, charset, location and header names are read from any bytes, and hostile bytes cost little."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.measure import html_facts
from tests.unit.measure.cpu_time import MAX_CPU_SECONDS, cpu_seconds


@pytest.mark.parametrize(
    "text, title",
    [
        ("<TITLE id=x>\n A  &amp; B </TITLE>", "A & B"),
        ("<title" + "x" * 300 + "> <title>second</title>", "second"),
        ("no title", ""),
        ("<title>" + "x y " * 500 + "</title>", ("x y " * 30).rstrip()),
        ("<title>Blocked for 95.165.1.20</title>", "Blocked for …"),
        ("<title>\u0130\u0130 A</title>", "\u0130\u0130 A"),
    ],
)
def test_a_title_is_read(text: str, title: str) -> None:
    """White space collapsed, entities decoded, without what identifies the visitor."""
    assert html_facts.title(text) == title


@given(st.text(max_size=3000))
def test_any_text_has_a_bounded_result(text: str) -> None:
    """Nothing is raised."""
    assert len(html_facts.title("<title>" + text)) <= html_facts.MAX_TITLE_CHARACTERS


@pytest.mark.parametrize(
    "status, value, location",
    [
        (302, b"/b?c#d", "https://lab.example/b?c"),
        (301, b"//other.example/", "https://other.example/"),
        (307, b"http://other.example:8080/x", "http://other.example:8080/x"),
        (302, b"http://[broken", "http://[broken"),
        (308, b"/b", "https://lab.example/b"),
        (302, b"/two words", "https://lab.example/two%20words"),
        (302, b" /a\tb ", "https://lab.example/ab"),
        (302, b"https://user:secret@lab.example:8443/b", "https://lab.example:8443/b"),
        (302, b"tg://resolve?domain=x", "tg://resolve?domain=x"),
        (302, "/д".encode(), "https://lab.example/%D0%B4"),
        (302, b"/\xe4", "https://lab.example/%E4"),
        (302, b"/%D0%B4?a=b|c", "https://lab.example/%D0%B4?a=b|c"),
        (200, b"/b", ""),
        (302, b"", ""),
    ],
)
def test_a_location_is_absolute(status: int, value: bytes, location: str) -> None:
    """A value that is no URL is kept unchanged."""
    assert html_facts.location(status, value, "https://lab.example/a") == location


@given(st.binary(max_size=4000))
def test_any_location_header_has_a_bounded_result(value: bytes) -> None:
    """Nothing is raised."""
    assert len(html_facts.location(302, value, "https://lab.example/a")) <= html_facts.MAX_LOCATION_CHARACTERS


def test_header_names_are_sorted_bounded_and_without_common_ones() -> None:
    """The server chooses the names."""
    assert html_facts.header_names([("x-b", b""), ("server", b""), ("x-a", b""), ("x-b", b"")]) == ("x-a", "x-b")
    many = html_facts.header_names([(f"x-{rank:05}" + "y" * 100, b"") for rank in range(500)])
    assert len(many) == html_facts.MAX_HEADER_NAMES
    assert max(map(len, many)) <= 48


def test_a_page_of_title_tags_costs_little() -> None:
    """No tag is closed, or each title is too long to count."""
    for text in ("<title>" * 9362, "<title" * 10922, ("<title>" + " " * 2001) * 32):
        assert cpu_seconds(lambda text=text: html_facts.title(text)) < MAX_CPU_SECONDS / 10  # type: ignore[misc]
        assert html_facts.title(text) == ""


def test_the_title_is_the_first_one_that_is_closed() -> None:
    """A tag in a script before it may have no end within 2,000 characters."""
    text = "<title>" + "x" * 2001 + "<TITLE lang=en>The  page</TITLE><title>other</title>"
    assert html_facts.title(text) == "The page"
