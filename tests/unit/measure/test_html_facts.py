"""Title, charset, location and header names are read from any bytes, and hostile bytes cost little."""

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
def test_a_title_is_decoded_with_the_charset_of_header_or_page(body: bytes, content: str, title: str) -> None:
    """The header goes before the page. Names that are no charset are ignored."""
    assert html_facts.title(body, html_facts.charset(body, content)) == title


@given(st.binary(max_size=3000), st.text(max_size=40))
def test_any_bytes_have_a_bounded_result(body: bytes, content: str) -> None:
    """Nothing is raised."""
    charset = html_facts.charset(body, content)
    assert len(html_facts.title(b"<title>" + body, charset)) <= html_facts.MAX_TITLE_CHARACTERS
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
    for body in (b"<title>" * 9362, b"<title" * 10922, (b"<title>" + b" " * 2001) * 32):
        assert cpu_seconds(lambda body=body: html_facts.title(body, "utf-8")) < MAX_CPU_SECONDS / 10  # type: ignore[misc]
        assert html_facts.title(body, "utf-8") == ""


def test_the_title_is_the_first_one_that_is_closed() -> None:
    """A tag in a script before it may have no end within 2,000 bytes."""
    body = b"<title>" + b"x" * 2001 + b"<TITLE lang=en>The  page</TITLE><title>other</title>"
    assert html_facts.title(body, "utf-8") == "The page"
