"""Query and path parameters: what is accepted, and what is answered with status 400."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta, timezone

import pytest
from multidict import MultiDict

from probe.collector.web.parameters import (
    MAX_RECORDS,
    EventPageQuery,
    EventsQuery,
    FeedQuery,
    RevisionsQuery,
    SpansQuery,
    country_code,
    flag,
    hexadecimal,
    integer,
    moment,
    text,
    word,
)
from probe.collector.web.responses import ApiError

NOON = datetime(2017, 5, 4, 12, tzinfo=UTC)


def query(value: str) -> MultiDict[str]:
    """A query with the parameter `p`."""
    return MultiDict(p=value)


def message(error: pytest.ExceptionInfo[ApiError]) -> str:
    """The line of an error with status 400."""
    assert (error.value.status, error.value.code) == (400, "bad_request")
    return error.value.message


@pytest.mark.parametrize("value", ["1", "19", "1000"])
def test_a_plain_number_within_its_bounds_is_accepted(value: str) -> None:
    """Both bounds are included."""
    assert integer(query(value), "p", 5, 1, 1000) == int(value)


@pytest.mark.parametrize(
    "value",
    [
        "0",
        "1001",
        "-1",
        "+1",
        " 1",
        "1 ",
        "01",
        "0000000019999999",
        "1_0",
        "1.0",
        "1e2",
        "0x1",
        "x",
        "\u0661",
        "\xb2",
        "9" * 5009,
    ],
)
def test_any_other_spelling_of_a_number_is_refused(value: str) -> None:
    """Python refuses to read more than 4,300 digits, and reads many other spellings: signs, blanks, other scripts."""
    with pytest.raises(ApiError) as caught:
        integer(query(value), "p", 5, 1, 1000)
    assert message(caught) == "the parameter p is not a whole number from 1 to 1000"


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ("2017-05-04T12:00:00Z", NOON),
        ("2017-05-04T12:00Z", NOON),
        ("2017-05-04T12:00:00.000001Z", NOON + timedelta(microseconds=1)),
        ("2017-05-04T15:00:00+03:00", NOON),
        ("2017-05-04T15:00:00 03:00", NOON),
        ("2017-05-04T09:00:00-03:00", NOON),
        ("0001-01-01T00:00:00+23:59", datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=23, minutes=59)))),
    ],
)
def test_a_moment_with_its_zone_is_accepted(value: str, read: datetime) -> None:
    """A plus sign that is not percent-encoded arrives as a blank."""
    assert moment(query(value), "p") == read


@pytest.mark.parametrize(
    "value",
    [
        "yesterday",
        "2017-05-04",
        "2017-05-04T12:00:00",
        "2017-05-04 12:00:00Z",
        "2017-02-30T12:00:00Z",
        "2017-05-04T12:00:00+25:00",
        "2017-W18-4T12:00:00Z",
        "0000-01-01T00:00:00Z",
        "2017-05-04T12:00:00." + "1" * 9000 + "Z",
        "\uff12017-05-04T12:00:00Z",
    ],
)
def test_any_other_moment_is_refused(value: str) -> None:
    """The line shows the form to write."""
    with pytest.raises(ApiError) as caught:
        moment(query(value), "p")
    assert message(caught) == "the parameter p is not a time with its zone, as 2017-05-04T00:00:00Z"


@pytest.mark.parametrize(("value", "read"), [("1", True), ("true", True), ("0", False), ("false", False), ("", False)])
def test_a_flag_is_one_or_zero(value: str, read: bool) -> None:
    """Or the words that JSON has for them."""
    assert flag(query(value), "p") is read


@pytest.mark.parametrize("value", ["yes", "TRUE", "2", " 1"])
def test_any_other_flag_is_refused(value: str) -> None:
    """Reading it as false would answer another question."""
    with pytest.raises(ApiError) as caught:
        flag(query(value), "p")
    assert message(caught) == "the parameter p is not 1 or 0"


def test_a_country_is_two_capitals() -> None:
    """Absent and empty mean all countries."""
    assert [country_code(query(value), "p") for value in ("RU", "")] == ["RU", ""]


@pytest.mark.parametrize("value", ["ru", "RUS", "R", "R1", "ЯЯ", "RU ", "R" * 9000])
def test_any_other_country_is_refused(value: str) -> None:
    """A misspelt country would look like one without events."""
    with pytest.raises(ApiError) as caught:
        country_code(query(value), "p")
    assert message(caught) == "the parameter p is not the two capitals of a country, as RU"


def test_a_text_is_short_and_printable() -> None:
    """As long as a target may be."""
    assert text(query("https://a.example/"), "p") == "https://a.example/"
    for value in ("x" * 2049, "a\x00b", "a\nb", "\u202e"):
        with pytest.raises(ApiError) as caught:
            text(query(value), "p")
        assert message(caught) == "the parameter p is not at most 2048 printable characters"


@pytest.mark.parametrize(
    "value", ["", "0", "0123456789ABCDEF", "0123456789abcdeg", "0123456789abcdef0", "\u0660" * 16, "a" * 15 + "\n"]
)
def test_an_identifier_has_its_hexadecimal_digits_and_nothing_else(value: str) -> None:
    """In the path of an event or of a piece of evidence."""
    assert hexadecimal("0123456789abcdef", "id", 16) == "0123456789abcdef"
    with pytest.raises(ApiError) as caught:
        hexadecimal(value, "id", 16)
    assert message(caught) == "the parameter id is not 16 hexadecimal digits in lower case"


def test_a_parameter_given_twice_is_refused() -> None:
    """It is not said which of the two would count."""
    with pytest.raises(ApiError) as caught:
        EventsQuery.of(MultiDict([("limit", "1"), ("limit", "2")]))
    assert message(caught) == "the parameter limit is given more than once"


def test_absent_and_empty_parameters_have_their_defaults() -> None:
    """And unknown ones are ignored."""
    names = ("since", "open", "limit", "target", "vantage", "cursor", "service", "asn", "kind", "cc", "s")
    for read in (MultiDict[str](), MultiDict(dict.fromkeys(names, "") | {"other": "x" * 9000})):
        assert EventsQuery.of(read) == EventsQuery(None, False, MAX_RECORDS)
        assert EventPageQuery.of(read) == EventPageQuery(None, False, "", "", 0, "", MAX_RECORDS)
        assert RevisionsQuery.of(read) == RevisionsQuery("", "", 0, "", MAX_RECORDS)
        assert SpansQuery.of(read) == SpansQuery("", "", None, "", MAX_RECORDS)
        assert FeedQuery.of(read) == FeedQuery("", "", 0, "")


def test_every_parameter_of_every_endpoint_reaches_its_record() -> None:
    """By its name on the wire."""
    given = MultiDict(since="2017-05-04T12:00:00Z", open="1", limit="7", target="t", vantage="v", cc="RU", s="wechat")
    given.extend(service="line", asn="8359", cursor="c", kind="lifted")

    assert EventsQuery.of(given) == EventsQuery(NOON, True, 7)
    assert EventPageQuery.of(given) == EventPageQuery(NOON, True, "line", "RU", 8359, "c", 7)
    assert RevisionsQuery.of(given) == RevisionsQuery("line", "RU", 8359, "c", 7)
    assert SpansQuery.of(given) == SpansQuery("t", "v", NOON, "c", 7)
    assert FeedQuery.of(given) == FeedQuery("RU", "wechat", 8359, "lifted")


def test_a_word_that_is_none_of_the_few_is_refused() -> None:
    with pytest.raises(ApiError) as caught:
        word(query("gone"), "p", ["began", "lifted"])
    assert message(caught) == "the parameter p is not one of began, lifted"


def test_a_value_of_a_megabyte_costs_next_to_nothing() -> None:
    """Lengths are checked before anything is parsed."""
    big = query("9" * 1_000_000)
    start = time.process_time()
    for read in (lambda: integer(big, "p", 1, 1, 1000), lambda: moment(big, "p"), lambda: country_code(big, "p")):
        with pytest.raises(ApiError):
            read()
    assert time.process_time() - start < 0.5
