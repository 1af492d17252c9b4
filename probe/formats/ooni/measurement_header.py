"""Read one OONI measurement: its header, its time, its test keys. A record that cannot be read is named and left out.

Nothing here raises for what a measurement contains: it is read, or set aside with a reason (`SetAside`).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from probe.formats.ooni.records import OoniHeader, OoniTestKeys

MAX_LINE_BYTES: Final = 32 * 1024 * 1024
"""Bytes of one measurement. The largest real one seen has 0.8 MB; the collector refuses more than some megabytes."""
MAX_AHEAD: Final = timedelta(hours=1)
"""How far a client's clock may be ahead of the collector's."""
MAX_RUN: Final = timedelta(days=7)
"""How long after the collector opened its report a client may still measure."""
MAX_BEHIND: Final = timedelta(days=365)
"""How long after its measurement a client may upload it, for its clock to be believed."""
MAX_NAMED: Final = 8
"""Odd records of one measurement that are named; the others are counted."""

_STAMP: Final = re.compile(r"(20\d{2})(\d{2})(\d{2})T?(\d{2})(\d{2})(\d{2})")
_OLD_UID: Final = re.compile(r"01(20\d{2})(\d{2})(\d{2})[0-9a-f]{20,}")
_TIME: Final = re.compile(r"(\d{4})-(\d{2})-(\d{2})[ T](\d{2}):(\d{2}):(\d{2})(?:\.\d+)?Z?")
_OLD_VERSION: Final = re.compile(r"[012]\.")

_header = msgspec.json.Decoder(OoniHeader)
_keys = msgspec.json.Decoder(OoniTestKeys)
_fields: Final = {field.encode_name: field for field in msgspec.structs.fields(OoniTestKeys)}
_FAULTS: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, OverflowError)


class SetAside(msgspec.Struct, frozen=True):
    """A measurement that was not judged.

    Attributes:
        reason: a few words that many measurements have in common, for the count.
        detail: what exactly is wrong.
    """

    reason: str
    detail: str = ""


class OoniMeasurement(msgspec.Struct, frozen=True):
    """A measurement whose header was read.

    Attributes:
        header: its header.
        time: when it began, corrected where the client's clock was wrong.
        uid: its uid, or its report id.
        odd: what of it could not be read, in words.
    """

    header: OoniHeader
    time: datetime
    uid: str
    odd: tuple[str, ...] = ()

    @property
    def asn(self) -> int:
        """The AS number of the network; 0 when not known."""
        text = str(self.header.probe_asn or "").upper().removeprefix("AS")
        return int(text) if text.isascii() and text.isdecimal() and len(text) <= 10 else 0

    @property
    def country(self) -> str:
        """ISO 3166 code of the country; empty when not known."""
        code = (self.header.probe_cc or "").upper()
        return code if len(code) == 2 and code.isascii() and code.isalpha() and code != "ZZ" else ""

    @property
    def verifies(self) -> bool:
        """Whether this version of the probe verified certificates: the Python ones before 3 did not say so."""
        return self.header.software_name != "ooniprobe" or not _OLD_VERSION.match(self.header.software_version or "")

    @property
    def text(self) -> str:
        """The input; empty where there is none."""
        given = self.header.input
        return given if isinstance(given, str) else (given[0] if given else "")


def read_header(line: bytes) -> OoniMeasurement | SetAside:
    """Read the header of a measurement."""
    try:
        header = _header.decode(line)
    except msgspec.ValidationError as error:
        return SetAside("not an OONI measurement", str(error)[:200])
    except _FAULTS as error:
        return SetAside("not JSON", str(error)[:200])
    if not header.test_name or not header.measurement_start_time:
        return SetAside("not an OONI measurement", "it has no test_name or no measurement_start_time")
    if bytes(header.test_keys) == b"null":
        return SetAside("test_keys is null")
    began = _moment(_TIME.fullmatch(header.measurement_start_time.strip()))
    if began is None:
        return SetAside("its time cannot be read", header.measurement_start_time[:40])
    uid = header.measurement_uid or ""
    by_uid = _received(uid)
    received, ahead = (by_uid, MAX_AHEAD) if by_uid else (_received(header.report_id or ""), MAX_RUN)
    odd: tuple[str, ...] = ()
    if received is not None and not -MAX_BEHIND <= began - received <= ahead:
        odd = (f"the client's clock said {began:%Y-%m-%d %H:%M}; the collector's is taken",)
        began = received
    return OoniMeasurement(header, began, (uid or header.report_id or "")[:120], odd)


def read_keys(raw: msgspec.Raw) -> tuple[OoniTestKeys, tuple[str, ...]] | SetAside:
    """Read the test keys, and name the records that cannot be read."""
    try:
        return _keys.decode(raw), ()
    except msgspec.ValidationError:
        return _read_piecewise(raw)
    except _FAULTS as error:
        return SetAside("not JSON", str(error)[:200])


def _read_piecewise(raw: msgspec.Raw) -> tuple[OoniTestKeys, tuple[str, ...]] | SetAside:
    """Read the test keys field by field, and lists record by record, where some of it has an unexpected form."""
    try:
        parts = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
    except _FAULTS as error:
        return SetAside("test_keys is no object", str(error)[:200])
    read: dict[str, Any] = {}
    odd: list[str] = []
    for name, field in _fields.items():
        if name not in parts:
            continue
        try:
            read[name] = msgspec.json.decode(parts[name], type=field.type)
        except _FAULTS as error:
            found, faults = _read_list(name, field.type, parts[name])
            odd += faults or [f"{name}: {str(error)[:80]}"]
            if found is not None:
                read[name] = found
    return OoniTestKeys(**read), tuple(odd[:MAX_NAMED])


def _read_list(name: str, kind: Any, raw: msgspec.Raw) -> tuple[list[Any] | None, list[str]]:
    """The readable records of a list, and what is wrong with the others; None where it is no list."""
    inner = next((one for one in getattr(kind, "__args__", ()) if getattr(one, "__origin__", None) is list), None)
    if inner is None:
        return None, []
    try:
        pieces = msgspec.json.decode(raw, type=list[msgspec.Raw])
    except _FAULTS:
        return None, []
    found: list[Any] = []
    odd: list[str] = []
    for number, piece in enumerate(pieces):
        try:
            found.append(msgspec.json.decode(piece, type=inner.__args__[0]))
        except _FAULTS as error:
            odd.append(f"{name}[{number}]: {str(error)[:80]}")
    return found, odd


def _received(text: str) -> datetime | None:
    """When the collector received a measurement, by its uid; or when it opened the report, by its id."""
    old = _OLD_UID.fullmatch(text)
    if old is not None:
        day = _day(*map(int, old.groups()))
        return None if day is None else day + timedelta(hours=23)
    return _moment(_STAMP.match(text))


def _day(year: int, month: int, day: int) -> datetime | None:
    try:
        return datetime(year, month, day, tzinfo=UTC)
    except ValueError:
        return None


def _moment(found: re.Match[str] | None) -> datetime | None:
    if found is None:
        return None
    try:
        return datetime(*map(int, found.groups()), tzinfo=UTC)  # type: ignore[misc,arg-type]
    except ValueError:
        return None
