"""The facts that identify a page are read from any bytes, and hostile bytes cost little."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.measure import html_facts
from tests.unit.measure.cpu_time import MAX_CPU_SECONDS, cpu_seconds


@pytest.mark.parametrize(
    "body, content, title",
    [
        (b"<TITLE id=x>\n A  &amp; B </TITLE>", "text/html", "A & B"),
        (
            "<title>Доступ ограничен</title>".encode("windows-1251"),
            "text/html; charset=windows-1251",
            "Доступ ограничен",
        ),
        ("<meta charset='koi8-r'><title>Доступ</title>".encode("koi8-r"), "text/html", "Доступ"),
        ("<title>Доступ</title>".encode(), "text/html; charset=punycode", "Доступ"),
        ("<title>Доступ</title>".encode(), "text/html; CharSet = ISO-8859-12", "Доступ"),
        (b"<title" + b"x" * 300 + b"> <title>second</title>", "", "second"),
        (b"no title", "text/html", ""),
        (b"<title>" + b"x" * 500 + b"</title>", "", "x" * 120),
    ],
)
def test_a_title_is_read_by_the_charset_that_is_named(body: bytes, content: str, title: str) -> None:
    """The header's goes before the page's; a codec that is no charset is not believed."""
    assert html_facts.title(body, html_facts.charset(body, content)) == title


@given(st.binary(max_size=3000), st.text(max_size=40))
def test_no_bytes_make_it_fail(body: bytes, content: str) -> None:
    """And a title is never longer than evidence allows."""
    charset = html_facts.charset(body, content)
    assert len(html_facts.title(b"<title>" + body, charset)) <= html_facts.MAX_TITLE
    body.decode(charset, "replace")


@pytest.mark.parametrize(
    "status, value, location",
    [
        (302, b"/b?c#d", "https://lab.example/b?c"),
        (301, b"//other.example/", "https://other.example/"),
        (307, b"http://other.example:8080/x", "http://other.example:8080/x"),
        (302, b"http://[broken", "http://[broken"),
        (200, b"/b", ""),
        (302, b"", ""),
    ],
)
def test_a_location_is_absolute(status: int, value: bytes, location: str) -> None:
    """A value that is no URL is kept as it came."""
    assert html_facts.location(status, value, "https://lab.example/a") == location


@given(st.binary(max_size=4000))
def test_no_location_makes_it_fail(value: bytes) -> None:
    """Bounded, whatever the server says."""
    assert len(html_facts.location(302, value, "https://lab.example/a")) <= html_facts.MAX_LOCATION


def test_header_names_are_sorted_bounded_and_without_the_everyday_ones() -> None:
    """The other side chooses them."""
    assert html_facts.header_names([("x-b", b""), ("server", b""), ("x-a", b""), ("x-b", b"")]) == ("x-a", "x-b")
    many = html_facts.header_names([(f"x-{rank:05}" + "y" * 100, b"") for rank in range(500)])
    assert len(many) == html_facts.MAX_HEADER_NAMES
    assert max(map(len, many)) <= 48


def test_a_page_of_title_tags_costs_little() -> None:
    """None of the tags is closed, or a title is so long that it counts as none."""
    for body in (b"<title>" * 9362, b"<title" * 10922, (b"<title>" + b" " * 2001) * 32):
        assert cpu_seconds(lambda body=body: html_facts.title(body, "utf-8")) < MAX_CPU_SECONDS / 10  # type: ignore[misc]
        assert html_facts.title(body, "utf-8") == ""


def test_the_first_title_that_is_closed_is_the_pages() -> None:
    """A tag in a script before it may have no end within 2,000 bytes."""
    body = b"<title>" + b"x" * 2001 + b"<TITLE lang=en>The  page</TITLE><title>other</title>"
    assert html_facts.title(body, "utf-8") == "The page"
