"""The text sample of a page: what it keeps, what it leaves out, and its bounds."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.measure.page_sample import (
    MAX_SAMPLE_CHARACTERS,
    MAX_SERVER_CHARACTERS,
    MAX_SOURCE_BYTES,
    SHORT_PAGE_BYTES,
    is_sampled,
    page_sample,
    redacted,
    server_name,
)


@pytest.mark.parametrize(
    ("status", "secure", "length", "sampled"),
    [
        (0, False, 0, False),
        (200, False, 500_000, True),
        (302, False, 100, False),
        (299, True, SHORT_PAGE_BYTES + 1, False),
        (300, False, 10, False),
        (399, True, 10, False),
        (400, True, 500_000, True),
        (200, True, SHORT_PAGE_BYTES, True),
        (399, True, SHORT_PAGE_BYTES + 1, False),
    ],
)
def test_a_page_is_sampled_where_somebody_else_may_have_written_it(
    status: int, secure: bool, length: int, sampled: bool
) -> None:
    """A page in clear text, an error, a short page; never a redirect or a long page over verified TLS."""
    assert is_sampled(status=status, secure=secure, length=length) is sampled


def test_the_words_and_links_of_a_page_are_kept() -> None:
    """White space is collapsed; the markup stays, since links and frames identify block pages too."""
    page = "<h1>Доступ\n\t ограничен</h1> <a href='http://eais.rkn.gov.ru/'>реестр</a>"

    assert page_sample(page.encode("windows-1251"), "windows-1251") == (
        "<h1>Доступ ограничен</h1> <a href='http://eais.rkn.gov.ru/'>реестр</a>"
    )


@pytest.mark.parametrize(
    ("page", "sample"),
    [
        (b"a<style>p{}</style>b", "a</style>b"),
        (b"a<STYLE type=x>p{}</Style>b", "a</Style>b"),
        (b"a<!-- c -->b<!---->d", "abd"),
        (b"a<svg><path/></svg>b", "a</svg>b"),
        (b"a<script src=x></script>b", "a<script src=x></script>b"),
        (b"a<script>" + b"y" * 300 + b"</script>b", "a<script>" + "y" * 248 + "</script>b"),
        (b"a<!-- c", "a"),
        (b"a<style>p", "a"),
        (b"a<script>x", "a<script>x"),
        (b"", ""),
    ],
)
def test_style_sheets_comments_and_drawings_are_left_out(page: bytes, sample: str) -> None:
    """A script keeps its beginning. An element that is never closed ends with the page."""
    assert page_sample(page, "utf-8") == sample


def test_text_after_a_long_style_sheet_is_kept() -> None:
    """The text of a block page stands below it."""
    page = b"<style>" + b"a{b:c}" * 2_000 + b"</style><p>blocked by order"

    assert page_sample(page, "utf-8").endswith("<p>blocked by order")


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Your IP: 95.165.1.20.", "Your IP: …."),
        ("ip=95.165.1.20&x", "ip=…&x"),
        ("%2095.165.1.20", "%…"),
        ("ip 10.1.2.3 too", "ip … too"),
        ('<iframe src="http://10.10.34.34?x', '<iframe src="http://10.10.34.34?x'),
        ("your 2a00:1370:8190::1f, or ::1", "your …, or …"),
        ("http://[2a00::1]/", "http://[2a00::1]/"),
        ("mac=00:1A:2b:3c:4d:5e;", "mac=…;"),
        ("mac 00-1a-2b-3c-4d-5e", "mac …"),
        ("call 79161234567 now", "call … now"),
        ("law 149-FZ, 27.07.2006", "law 149-FZ, 27.07.2006"),
        ("id=MTcyLjE2LjAuMTIzNDU2Nzg5MDEyMzQ1Njc4OTA= x", "id=… x"),
        ("access-to-this-site-has-been-blocked-by-order", "access-to-this-site-has-been-blocked-by-order"),
    ],
)
def test_text_that_identifies_the_visitor_is_left_out(text: str, kept: str) -> None:
    """IP addresses (but for the hosts of URLs), hardware addresses, long numbers, long identifiers with digits."""
    assert redacted(text) == kept


def test_half_an_address_at_the_end_of_the_sample_is_left_out() -> None:
    """The text after the last separator is dropped, since it may be part of an address."""
    page = b"<p>" + b"9" * 7 + b"<b>" + b"word " * 1_635 + b"95.165.1.20 and more"

    assert "95.165" not in page_sample(page, "utf-8")


@given(st.binary(max_size=3_000), st.sampled_from(["utf-8", "windows-1251", "gb18030", "shift_jis"]))
def test_any_bytes_have_a_bounded_result(body: bytes, charset: str) -> None:
    """Nothing is raised."""
    sample = page_sample(body, charset)

    assert len(sample) <= MAX_SAMPLE_CHARACTERS
    assert sample.isprintable()


@pytest.mark.parametrize(
    "unit",
    [
        b"<style",
        b"<!--",
        b"<script>",
        b"<svg ",
        b"<",
        b"9",
        b"9.",
        b":",
        b"a:",
        b"a",
        b"=",
        b" ",
        b"0:",
        b"<style></style>",
    ],
)
def test_the_work_is_linear_in_the_bytes_that_are_read(unit: bytes) -> None:
    """A page of one repeated piece takes milliseconds, and bytes beyond the bound are not read."""
    page = unit * (2 * MAX_SOURCE_BYTES // len(unit))
    begun = time.process_time()
    sample = page_sample(page, "utf-8")

    assert time.process_time() - begun < 0.25
    assert sample == page_sample(page[:MAX_SOURCE_BYTES], "utf-8")


def test_the_name_of_the_server_is_bounded_and_redacted() -> None:
    """Boxes of providers write their own address there."""
    assert server_name(b"squid/3.5 (10.1.2.3)") == "squid/3.5 (…)"
    assert server_name(b"\x00x") == "?x"
    assert len(server_name(b"x y " * 100)) == MAX_SERVER_CHARACTERS
