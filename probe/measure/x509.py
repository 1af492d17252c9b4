"""Read the fields of an X.509 certificate from DER (RFC 5280, X.690), whatever else is wrong with it.

A general library refuses a whole certificate for one oddity: an unknown version, a duplicate extension, an unknown kind
of name, an invalid date. A certificate that a hostile server made is a finding, so each field is read on its own. The
work is linear in the size of the certificate.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime

import msgspec

_INTEGER, _OBJECT_IDENTIFIER, _SEQUENCE, _SET, _OCTET_STRING = 0x02, 0x06, 0x30, 0x31, 0x04
_UTC_TIME, _GENERALIZED_TIME = 0x17, 0x18
_VERSION, _EXTENSIONS, _DNS_NAME = 0xA0, 0xA3, 0x82
_COMMON_NAME, _ORGANIZATION = b"\x55\x04\x03", b"\x55\x04\x0a"
_SUBJECT_ALTERNATIVE_NAME = b"\x55\x1d\x11"
_VERSIONS = frozenset({b"\0", b"\1", b"\2"})
_TIME = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})?Z")
_CHARSETS = {0x0C: "utf-8", 0x1C: "utf-32-be", 0x1E: "utf-16-be"}
"""String types that are not Latin-1 or ASCII."""


class _UnreadableError(ValueError):
    """The bytes are not what X.509 has at this place."""


class _Element(msgspec.Struct, frozen=True):
    """A DER element: its tag and content."""

    tag: int
    content: bytes


_NOTHING = _Element(0, b"")


class X509Fields(msgspec.Struct, frozen=True):
    """The readable fields of a certificate.

    Attributes:
        issuer, subject: the encoded names; empty when unreadable.
        issuer_name: common name of the issuer, or its organisation.
        subject_name: common name of the subject.
        names: DNS names of the subject alternative name, in order.
        not_before, not_after: None when unreadable.
        problems: what is unreadable or against RFC 5280.
    """

    issuer: bytes = b""
    subject: bytes = b""
    issuer_name: str = ""
    subject_name: str = ""
    names: tuple[str, ...] = ()
    not_before: datetime | None = None
    not_after: datetime | None = None
    problems: tuple[str, ...] = ()


def read_fields(der: bytes, *, first: bool = False) -> X509Fields | None:
    """Return the fields of a certificate; None when nothing of it can be read.

    Args:
        der: the certificate.
        first: of several common names the first counts; else the last, which is the most specific.
    """
    try:
        (tbs, *_) = _elements(_content(der, _SEQUENCE))
        parts = _partial_elements(_expect(tbs, _SEQUENCE))
    except (_UnreadableError, ValueError):
        return None
    fields = _read_parts(parts, first=first)
    if not (fields.issuer or fields.subject or fields.not_after):
        return None
    return fields


def _read_parts(parts: list[_Element], *, first: bool) -> X509Fields:
    problems: list[str] = []
    if parts and parts[0].tag == _VERSION and _version(parts.pop(0).content) not in _VERSIONS:
        problems.append("unknown version")
    issuer, validity, subject = ([*parts, *[_NOTHING] * 5][position] for position in (2, 3, 4))
    issuer_names = _attributes(issuer, "issuer", problems, first=first)
    subject_names = _attributes(subject, "subject", problems, first=first)
    not_before, not_after = _validity(validity, problems)
    extensions = next((part for part in parts[6:] if part.tag == _EXTENSIONS), None)
    return X509Fields(
        issuer=issuer.content if issuer_names is not None else b"",
        subject=subject.content if subject_names is not None else b"",
        issuer_name=(issuer_names or {}).get(_COMMON_NAME) or (issuer_names or {}).get(_ORGANIZATION, ""),
        subject_name=(subject_names or {}).get(_COMMON_NAME, ""),
        names=_dns_names(extensions, problems) if extensions is not None else (),
        not_before=not_before,
        not_after=not_after,
        problems=tuple(problems),
    )


def _version(content: bytes) -> bytes:
    try:
        return _content(content, _INTEGER)
    except _UnreadableError:
        return b""


def _attributes(name: _Element, field: str, problems: list[str], *, first: bool) -> dict[bytes, str] | None:
    """Return attribute type -> its first or last value in a distinguished name; None when nothing is readable."""
    found: dict[bytes, str] = {}
    try:
        for group in _elements(_expect(name, _SEQUENCE)):
            for attribute in _elements(_expect(group, _SET)):
                kind, value, *_ = _elements(_expect(attribute, _SEQUENCE))
                if not first or kind.content not in found:
                    found[kind.content] = value.content.decode(_CHARSETS.get(value.tag, "latin-1"), "replace")
    except ValueError:
        problems.append(field)
        return found or None
    return found


def _validity(validity: _Element, problems: list[str]) -> tuple[datetime | None, datetime | None]:
    try:
        times = list(_elements(_expect(validity, _SEQUENCE)))
    except _UnreadableError:
        times = []
    moments: list[datetime | None] = []
    for time in [*times, _NOTHING, _NOTHING][:2]:
        try:
            moments.append(_moment(time))
        except ValueError:
            moments.append(None)
    if None in moments:
        problems.append("dates")
    return moments[0], moments[1]


def _moment(time: _Element) -> datetime:
    """Read UTCTime (two digits of the year, 1950 to 2049) or GeneralizedTime (RFC 5280 section 4.1.2.5)."""
    text = time.content.decode("ascii")
    if time.tag == _UTC_TIME:
        text = ("19" if text[:2] >= "50" else "20") + text
    found = _TIME.fullmatch(text)
    if found is None or time.tag not in (_UTC_TIME, _GENERALIZED_TIME):
        raise _UnreadableError
    year, month, day, hour, minute, second = (int(part or 0) for part in found.groups())
    return datetime(year, month, day, hour, minute, second, tzinfo=UTC)


def _dns_names(extensions: _Element, problems: list[str]) -> tuple[str, ...]:
    """Return the DNS names of the first subject alternative name."""
    names: list[str] = []
    kinds: list[bytes] = []
    try:
        for extension in _elements(_content(extensions.content, _SEQUENCE)):
            kind, *_, value = _elements(_expect(extension, _SEQUENCE))
            kinds.append(kind.content)
            if kind.content == _SUBJECT_ALTERNATIVE_NAME and kinds.count(_SUBJECT_ALTERNATIVE_NAME) == 1:
                general_names = _elements(_content(_expect(value, _OCTET_STRING), _SEQUENCE))
                names.extend(one.content.decode("ascii", "replace") for one in general_names if one.tag == _DNS_NAME)
    except ValueError:
        problems.append("extensions")
    if len(set(kinds)) < len(kinds):
        problems.append("duplicate extension")
    return tuple(names)


def _elements(data: bytes) -> Iterator[_Element]:
    """Yield the elements of a constructed value.

    Raises:
        _UnreadableError: the bytes are not a sequence of elements.
    """
    offset = 0
    while offset < len(data):
        if offset + 2 > len(data):
            raise _UnreadableError
        tag, length = data[offset], data[offset + 1]
        offset += 2
        if length >= 0x80:
            size = length & 0x7F
            if not 1 <= size <= 4 or offset + size > len(data):
                raise _UnreadableError
            length = int.from_bytes(data[offset : offset + size], "big")
            offset += size
        if offset + length > len(data):
            raise _UnreadableError
        yield _Element(tag, data[offset : offset + length])
        offset += length


def _partial_elements(data: bytes) -> list[_Element]:
    """Return the elements of a constructed value up to the first unreadable one."""
    found: list[_Element] = []
    try:
        for element in _elements(data):
            found.append(element)  # noqa: PERF402 - what came before an error counts
    except _UnreadableError:
        pass
    return found


def _expect(element: _Element, tag: int) -> bytes:
    if element.tag != tag:
        raise _UnreadableError
    return element.content


def _content(data: bytes, tag: int) -> bytes:
    """Return the content of the first element, which must have this tag."""
    for element in _elements(data):
        return _expect(element, tag)
    raise _UnreadableError
