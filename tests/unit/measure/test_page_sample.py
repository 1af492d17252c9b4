"""The text sample of a page: what it keeps, what it leaves out, and its bounds."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.measure import page_sample as module
from probe.measure.page_charset import MAX_DECODED_BYTES
from probe.measure.page_sample import (
    MAX_HEAD_NAMES,
    MAX_SAMPLE_CHARACTERS,
    MAX_SERVER_CHARACTERS,
    SHORT_PAGE_BYTES,
    head_names,
    is_sampled,
    page_sample,
    server_name,
)
from tests.unit.measure.cpu_time import MAX_CPU_SECONDS, cpu_seconds

# ruff: noqa: RUF001 - block pages are written in Cyrillic letters


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


def test_the_words_of_a_page_and_where_it_leads_are_kept() -> None:
    """White space is collapsed; what only arranges the page is left out."""
    page = (
        "<body class=x><div><h1 style='a'>Доступ\n\t огра<b>ни</b>чен</h1></div> &#1085;&#1077;&#1090; "
        "<a class='c' href='http://eais.rkn.gov.ru/'>реестр</a><IFRAME width=1 SRC=http://10.10.34.34></iframe>"
        "<meta name=a content=b><meta http-equiv=Refresh content='0; url=http://warning.rt.ru/'>"
    )

    assert page_sample(page) == (
        '<body> <h1>Доступ ограничен</h1> нет <a href="http://eais.rkn.gov.ru/">реестр '
        '<iframe src="http://10.10.34.34"> <meta http-equiv="Refresh" content="0; url=http://warning.rt.ru/">'
    )


@pytest.mark.parametrize(
    ("page", "sample"),
    [
        ("a<style>p{}</style>b", "a b"),
        ("a<STYLE type=x>p{}</Style>b", "a b"),
        ("a<!-- c -->b<!---->d", "abd"),
        ("a<svg><path/></svg>b", "a b"),
        ("a<script src=x></script>b", 'a<script src="x"> b'),
        ("a<script>" + "y" * 300 + "</script>b", "a <script>" + "y" * 256 + " b"),
        ("a<!-- c", "a"),
        (
            "<body bgcolor=x onload='location.href=\"http://b.example/\"'>",
            "<body onload='location.href=\"http://b.example/\"'>",
        ),
        ("<body onload='ip(95.165.1.20)' class=x>", "<body onload='ip(…)'>"),
        ("a<style>p", "a"),
        ("a<script>x", "a <script>x"),
        ("a &lt;b&gt; &amp; c", "a &lt;b> & c"),
        ('<img src="data:image/png;base64,' + "A" * 900 + '">b', '<img src="data:image/png;base64,AAAAAAAAAA">b'),
        ("", ""),
    ],
)
def test_style_sheets_comments_and_drawings_are_left_out(page: str, sample: str) -> None:
    """A script keeps its beginning. An element that is never closed ends with the page."""
    assert page_sample(page) == sample


def test_text_after_a_long_style_sheet_is_kept() -> None:
    """The text of a block page stands below it."""
    assert page_sample("<style>" + "a{b:c}" * 2_000 + "</style><p>blocked by order") == "<p>blocked by order"


def test_words_behind_much_markup_and_at_the_end_of_a_page_are_kept() -> None:
    """Tables, attributes and links must not push the words of a notice out of the sample."""
    rows = "<tr><td class='some-long-name' width=100><a href='/menu/entry'>x</a></td></tr>" * 300

    assert "blocked by order" in page_sample(f"<table>{rows}</table><p>blocked by order</p>{rows[:3000]}")
    assert page_sample("word " * 5_000 + "blocked by order").endswith("blocked by order")


def test_an_address_in_a_link_or_split_by_tags_is_left_out() -> None:
    """Block pages hand the visitor's address on to their forms."""
    page = "<form action='http://a.example/appeal?ip=95.165.1.20&lang=ru'>95.165.<b>1.20</b> 95&#46;165&#46;1&#46;20"

    assert page_sample(page) == '<form action="http://a.example/appeal?ip=*&lang=ru">… …'


@pytest.mark.parametrize("filler", range(12))
def test_half_an_address_beside_the_gap_of_a_long_page_is_left_out(filler: int) -> None:
    """What stands next to the part that is left out may be part of an address."""
    page = "x" * filler + " 95.165.1.20" * 2_000

    assert "165" not in page_sample(page)


@given(st.text(max_size=3_000))
def test_any_text_has_a_bounded_result(text: str) -> None:
    """Nothing is raised."""
    sample = page_sample(text)

    assert len(sample) <= MAX_SAMPLE_CHARACTERS
    assert sample.isprintable()


@pytest.mark.parametrize(
    "unit",
    [
        *("<style", "<!--", "<script>", "<svg ", "<", "9", "9.", ":", "a:", "a", "=", " ", "0:", "<a href='", "<a "),
        *("&#1;", "<style></style>", "<p>", "<a href=x>"),
    ],
)
def test_the_work_is_linear_in_the_length_of_the_page(unit: str) -> None:
    """A page of one repeated piece takes milliseconds."""
    page = unit * (MAX_DECODED_BYTES // len(unit))

    assert cpu_seconds(lambda: page_sample(page)) < MAX_CPU_SECONDS


def test_the_first_names_of_header_fields_are_kept_in_order() -> None:
    """They show which program wrote the answer; the server chooses their number and length."""
    assert head_names(("Date", "server", "X")) == ("Date", "server", "X")
    assert head_names(("x" * 900,) * 90) == ("x" * MAX_SERVER_CHARACTERS,) * MAX_HEAD_NAMES


def test_the_name_of_the_server_is_bounded_and_redacted() -> None:
    """Boxes of providers write their own address there."""
    assert server_name(b"squid/3.5 (10.1.2.3)") == "squid/3.5 (…)"
    assert server_name(b"\x00x") == "?x"
    assert len(server_name(b"x y " * 100)) == MAX_SERVER_CHARACTERS


@given(st.text(alphabet=st.one_of(st.sampled_from("a9.:-_+=% <>é…"), st.characters()), max_size=60))
def test_half_an_address_at_the_end_of_a_text_is_left_out(text: str) -> None:
    """As `str.rstrip` does, which is slow on a long run of letters."""
    assert module._without_half_address(text) == text.rstrip(string.ascii_letters + string.digits + ".:-_+=%")
