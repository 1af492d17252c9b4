"""Cookies go back to the host that set them, and evidence names URLs without what identifies the visitor."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.measure.chain_memory import MAX_COOKIES, MAX_URLS, ChainMemory

URL = "https://news.example.org/a"


def brought(field: bytes, url: str, *, set_by: str = URL) -> list[tuple[str, str]]:
    """The cookies of the request that follows an answer with one Set-Cookie field."""
    memory = ChainMemory()
    memory.take_cookies(0, 0, set_by, [field])
    return memory.cookies(0, 1, url)


@pytest.mark.parametrize(
    ("field", "url", "sent"),
    [
        (b"a=b", URL, True),
        (b"a=b; Path=/; HttpOnly", "https://news.example.org/other", True),
        (b"a=b", "https://other.example.org/", False),
        (b"a=b; Domain=example.org", "https://other.example.org/", True),
        (b"a=b; Domain=.example.org", "https://example.org/", True),
        (b"a=b; Domain=org", "https://example.org/", False),
        (b"a=b; Domain=evil.example", URL, False),
        (b"a=b; Secure", "http://news.example.org/", False),
        (b"a=b; Secure", URL, True),
        (b"a=b; Max-Age=0", URL, False),
        (b"a=b; Max-Age=60", URL, True),
        (b"no value", URL, False),
        (b"=b", URL, False),
        (b"a=" + b"x" * 5000, URL, False),
        (b"a=\xff", URL, False),
        (b"a=b\r\nHost: evil", URL, False),
    ],
)
def test_a_cookie_goes_back_where_it_belongs(field: bytes, url: str, sent: bool) -> None:
    """RFC 6265 sections 5.2 and 5.4."""
    assert bool(brought(field, url)) is sent


def test_a_cookie_is_sent_by_later_hops_of_its_chain_alone() -> None:
    """A second try of the same hop is the same request."""
    memory = ChainMemory()
    memory.take_cookies(0, 1, URL, [b"a=b"])

    assert memory.cookies(0, 1, URL) == memory.cookies(1, 2, URL) == []
    assert memory.cookies(0, 2, URL) == [("a", "b")]


def test_only_a_cookie_that_changes_the_next_request_counts() -> None:
    """The same again, one for another host and one over clear text that asks for TLS change nothing."""
    memory = ChainMemory()

    assert memory.take_cookies(0, 0, URL, [b"a=b"])
    assert not memory.take_cookies(0, 0, URL, [b"a=b"])
    assert memory.take_cookies(0, 1, URL, [b"a=c"])
    assert not memory.take_cookies(0, 1, URL, [b"x=y; Domain=evil.example"])
    assert not memory.take_cookies(0, 1, "http://news.example.org/", [b"x=y; Secure"])


@given(st.lists(st.binary(max_size=80), max_size=80))
def test_any_fields_are_bounded(fields: list[bytes]) -> None:
    """Nothing is raised."""
    memory = ChainMemory()
    memory.take_cookies(0, 0, URL, fields)
    memory.take_cookies(0, 0, URL, [b"c%d=1" % number for number in range(99)])

    assert len(memory.cookies(0, 1, URL)) <= MAX_COOKIES


def test_a_redacted_url_stands_for_the_true_one() -> None:
    """The same value has one name, another value another: a loop is told from a way that leads on."""
    memory = ChainMemory()
    one, two = (f"https://news.example.org/?s={value}&ip=95.165.1.20" for value in ("abcdefgh1", "abcdefgh2"))
    names = [memory.redact(url, URL) for url in (one, two, one)]

    assert names == [
        "https://news.example.org/?s=*&ip=*2",
        "https://news.example.org/?s=*3&ip=*2",
        "https://news.example.org/?s=*&ip=*2",
    ]
    assert [memory.true_url(name) for name in names] == [one, two, one]
    assert memory.true_url(URL) == URL


def test_a_measurement_remembers_a_bounded_number_of_urls() -> None:
    """A server may send any number."""
    memory = ChainMemory()
    named = [memory.redact(f"https://a.example/?s=abcdefgh{number}", URL) for number in range(99)]

    assert sum(memory.true_url(name) != name for name in named) == MAX_URLS
