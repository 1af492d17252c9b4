"""Query and path parameters of the public pages: a typed record per endpoint, one strict rule per kind of value.

A parameter that is absent or empty has its default. A value that breaks its rule, or a name that is given twice, is
answered with status 400 and one line that names the parameter and its form; the value itself is not repeated. Unknown
names are ignored. Lengths are checked before anything is parsed, so a long value costs nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, Self

from probe.collector.web.responses import ApiError
from probe.fuse.revision import NEWS_KINDS
from probe.model.target import MAX_LENGTH, is_too_long

MAX_RECORDS = 1000
"""Records in one answer, and the default of `limit`."""
MAX_AS_NUMBER = 2**32 - 1

_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+ -]\d\d:\d\d)", re.ASCII)
_MOMENT_FORM = "a time with its zone, as 2017-05-04T00:00:00Z"
_FLAGS = {"": False, "0": False, "false": False, "1": True, "true": True}


class Query(Protocol):
    """The interface of aiohttp's `request.query`: every value of a name."""

    def getall(self, key: str, default: list[str]) -> list[str]:
        """The values of a name in their order; `default` when there is none."""


@dataclass(frozen=True, slots=True)
class EventsQuery:
    """Query of `/api/v1/following/events`.

    Attributes:
        since: events that lifted before it are left out; None for the endpoint's default.
        ongoing: `open` on the wire: only events that have not lifted.
        limit: the most events to answer with.
    """

    since: datetime | None
    ongoing: bool
    limit: int

    @classmethod
    def of(cls, query: Query) -> Self:
        """Read the query.

        Raises:
            ApiError: status 400; a value breaks its rule.
        """
        return cls(moment(query, "since"), flag(query, "open"), integer(query, "limit", MAX_RECORDS, 1, MAX_RECORDS))


@dataclass(frozen=True, slots=True)
class EventPageQuery:
    """Query of `/api/v1/events`.

    Attributes:
        since: events that lifted before it are left out; None for 30 days ago.
        ongoing: `open` on the wire: only events that have not lifted.
        service: only events of this service; empty for all.
        country: `cc` on the wire: only events of this country; empty for all.
        asn: only events of this network, by AS number; 0 for all.
        cursor: `next` of the page before; empty for the first page.
        limit: the most events to answer with.
    """

    since: datetime | None
    ongoing: bool
    service: str
    country: str
    asn: int
    cursor: str
    limit: int

    @classmethod
    def of(cls, query: Query) -> Self:
        """Read the query.

        Raises:
            ApiError: status 400; a value breaks its rule.
        """
        return cls(moment(query, "since"), flag(query, "open"), *_place(query), *_page(query))


@dataclass(frozen=True, slots=True)
class RevisionsQuery:
    """Query of `/api/v1/revisions`.

    Attributes:
        service: only revisions of events of this service; empty for all.
        country: `cc` on the wire: only those of this country; empty for all.
        asn: only those of this network, by AS number; 0 for all.
        cursor: `next` of the page before, however old; empty for the first revision of all.
        limit: the most revisions to answer with.
    """

    service: str
    country: str
    asn: int
    cursor: str
    limit: int

    @classmethod
    def of(cls, query: Query) -> Self:
        """Read the query.

        Raises:
            ApiError: status 400; a value breaks its rule.
        """
        return cls(*_place(query), *_page(query))


@dataclass(frozen=True, slots=True)
class SpansQuery:
    """Query of `/api/v1/spans`.

    Attributes:
        target: only spans of this target; empty for all.
        vantage: only spans of the vantage with this public name; empty for all.
        since: only spans that lasted at or after it; None for 30 days ago.
        cursor: `next` of the page before; empty for the first page.
        limit: the most spans to answer with.
    """

    target: str
    vantage: str
    since: datetime | None
    cursor: str
    limit: int

    @classmethod
    def of(cls, query: Query) -> Self:
        """Read the query.

        Raises:
            ApiError: status 400; a value breaks its rule.
        """
        return cls(text(query, "target"), text(query, "vantage"), moment(query, "since"), *_page(query))


@dataclass(frozen=True, slots=True)
class BadgeQuery:
    """Query of `/badge/<service>.svg`.

    Attributes:
        country: `cc` on the wire: only this country; empty for all.
    """

    country: str

    @classmethod
    def of(cls, query: Query) -> Self:
        """Read the query.

        Raises:
            ApiError: status 400; a value breaks its rule.
        """
        return cls(country_code(query, "cc"))


@dataclass(frozen=True, slots=True)
class FeedQuery:
    """Query of `/feed.atom`.

    Attributes:
        country: `cc` on the wire: only events of this country; empty for all.
        service: `s` on the wire: only events of this service; empty for all.
        asn: only events of this network, by AS number; 0 for all.
        kind: only revisions of this kind: `began`, `lifted`, `reopened`, `withdrawn`; empty for all.
    """

    country: str
    service: str
    asn: int
    kind: str

    @classmethod
    def of(cls, query: Query) -> Self:
        """Read the query.

        Raises:
            ApiError: status 400; a value breaks its rule.
        """
        asn = integer(query, "asn", 0, 1, MAX_AS_NUMBER)
        return cls(country_code(query, "cc"), text(query, "s"), asn, word(query, "kind", sorted(NEWS_KINDS)))


def integer(query: Query, name: str, default: int, lowest: int, highest: int) -> int:
    """A whole number in decimal digits, without sign, blanks or leading zeros.

    Raises:
        ApiError: status 400; it is no such number, or out of bounds.
    """
    value = _single(query, name)
    if not value:
        return default
    digits = len(str(highest))
    plain = len(value) <= digits and value.isascii() and value.isdigit() and str(int(value)) == value
    if not (plain and lowest <= int(value) <= highest):
        raise _bad(name, f"a whole number from {lowest} to {highest}")
    return int(value)


def moment(query: Query, name: str) -> datetime | None:
    """A time with its zone (RFC 3339); None when it is not given.

    The `+` of a zone may come as a blank: in a query a plus sign that is not percent-encoded means one.

    Raises:
        ApiError: status 400; it is no such time.
    """
    value = _single(query, name)
    if not value:
        return None
    if len(value) > 40 or not _MOMENT.fullmatch(value):
        raise _bad(name, _MOMENT_FORM)
    try:
        return datetime.fromisoformat(value.replace(" ", "+"))
    except ValueError as error:  # the 30th of February, or a zone of 25 hours
        raise _bad(name, _MOMENT_FORM) from error


def flag(query: Query, name: str) -> bool:
    """`1` or `true`, `0` or `false`; False when it is not given.

    Raises:
        ApiError: status 400; it is neither.
    """
    value = _single(query, name)
    if value not in _FLAGS:
        raise _bad(name, "1 or 0")
    return _FLAGS[value]


def country_code(query: Query, name: str) -> str:
    """Two capitals (ISO 3166); empty when it is not given.

    Raises:
        ApiError: status 400; it is anything else.
    """
    value = _single(query, name)
    if value and not (len(value) == 2 and value.isascii() and value.isalpha() and value.isupper()):
        raise _bad(name, "the two capitals of a country, as RU")
    return value


def word(query: Query, name: str, words: Sequence[str]) -> str:
    """One of a few words; empty when it is not given.

    Raises:
        ApiError: status 400; it is another.
    """
    value = _single(query, name)
    if value and value not in words:
        raise _bad(name, f"one of {', '.join(words)}")
    return value


def text(query: Query, name: str) -> str:
    """A target or the name of a service: at most `MAX_LENGTH` printable characters; empty when it is not given.

    Raises:
        ApiError: status 400; it is longer, or has a character that cannot be printed.
    """
    value = _single(query, name)
    if is_too_long(value) or not value.isprintable():
        raise _bad(name, f"at most {MAX_LENGTH} printable characters")
    return value


def hexadecimal(value: str, name: str, digits: int) -> str:
    """A path parameter of a fixed number of hexadecimal digits in lower case: an event's id, a digest.

    Raises:
        ApiError: status 400; it is anything else.
    """
    if len(value) != digits or not re.fullmatch("[0-9a-f]+", value, re.ASCII):
        raise _bad(name, f"{digits} hexadecimal digits in lower case")
    return value


def _place(query: Query) -> tuple[str, str, int]:
    """Service, country and AS number."""
    return text(query, "service"), country_code(query, "cc"), integer(query, "asn", 0, 1, MAX_AS_NUMBER)


def _page(query: Query) -> tuple[str, int]:
    """Cursor and limit."""
    return text(query, "cursor"), integer(query, "limit", MAX_RECORDS, 1, MAX_RECORDS)


def _single(query: Query, name: str) -> str:
    """The one value of a parameter; empty when it is not given."""
    values = query.getall(name, [])
    if len(values) > 1:
        raise ApiError(400, "bad_request", f"the parameter {name} is given more than once")
    return values[0] if values else ""


def _bad(name: str, form: str) -> ApiError:
    return ApiError(400, "bad_request", f"the parameter {name} is not {form}")
