"""Readers of two shipped files: anchors to choose from, and registers that can be downloaded."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any, TypeVar

import msgspec

from probe.errors import ListError, TargetError
from probe.lists.catalogue import line_of, read_toml
from probe.lists.formats import format_by_name
from probe.model.target import UrlTarget, parse

T = TypeVar("T")


class AnchorClass(StrEnum):
    """Where an anchor works."""

    FOREIGN = "foreign"
    """from anywhere"""
    DOMESTIC = "domestic"
    """inside one country, also when only an allow-list is let through"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShippedAnchor:
    """A place that must work if the vantage works.

    Attributes:
        url: the URL that is fetched.
        kind: see `AnchorClass`.
        country: two capitals, for a domestic anchor.
        why: why it was chosen.
        checked: the day of that decision.
        verified: False where it could not be tried on that day.
    """

    url: str
    kind: AnchorClass
    why: str
    checked: date
    country: str = ""
    verified: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterSource:
    """A list or register that can be downloaded.

    Attributes:
        name: its name on the command line.
        title: its usual name.
        format: a name from `probe.lists.formats`.
        urls: tried in order.
        max_bytes: a longer answer is refused, also after decompression.
        timeout: seconds for the whole download.
        every: the fewest seconds between two downloads.
        terms: terms of use of the source.
        dead: why it can no longer be downloaded; empty while it can.
        checked, verified: as in `ShippedAnchor`.
    """

    name: str
    title: str
    format: str
    urls: tuple[str, ...]
    max_bytes: int
    timeout: float
    every: float
    terms: str
    checked: date
    dead: str = ""
    verified: bool = True


def anchors(content: bytes, where: str) -> tuple[ShippedAnchor, ...]:
    """Read `anchors.toml`.

    Raises:
        ListError: with file and line.
    """
    text, raw = read_toml(content, where)
    tables = raw.get("anchor")
    if set(raw) != {"anchor"} or not isinstance(tables, list):
        raise ListError("holds something else than [[anchor]]", where=f"{where}:1")
    found = tuple(_shaped(table, ShippedAnchor, text, where, "[[anchor]]") for table in tables)
    for anchor in found:
        _url(anchor.url, text, where)
        if (anchor.kind is AnchorClass.DOMESTIC) != bool(re.fullmatch("[A-Z]{2}", anchor.country)):
            raise ListError(
                f"{anchor.url} is {anchor.kind} with the country {anchor.country!r}",
                where=f"{where}:{line_of(text, anchor.url)}",
                mend="a domestic anchor has a country of two capitals, a foreign one has none",
            )
    return found


def registers(content: bytes, where: str) -> dict[str, RegisterSource]:
    """Read `registers.toml`: name -> register.

    Raises:
        ListError: with file and line.
    """
    text, raw = read_toml(content, where)
    found = {}
    for name, table in raw.items():
        place = f"[{name}]"
        if not isinstance(table, dict):
            raise ListError(f"{name!r} is no register", where=f"{where}:{line_of(text, name)}", mend=f"write {place}")
        register = _shaped({"name": name, **table}, RegisterSource, text, where, place)
        try:
            format_by_name(register.format)
        except ListError as error:
            raise ListError(error.what, where=f"{where}:{line_of(text, place)}", mend=error.mend) from error
        if not register.urls or min(register.max_bytes, register.timeout, register.every) <= 0:
            raise ListError(f"{name} lacks a URL or a bound", where=f"{where}:{line_of(text, place)}")
        for url in register.urls:
            _url(url, text, where)
        found[name] = register
    return found


def _shaped(table: Mapping[str, Any], kind: type[T], text: str, where: str, place: str) -> T:
    needle = str(table.get("url", place)) if isinstance(table, Mapping) else place
    try:
        known = kind.__dataclass_fields__  # type: ignore[attr-defined]
        unknown = next((key for key in table if key not in known), "") if isinstance(table, Mapping) else ""
        if not unknown:
            return msgspec.convert(table, kind)
        needle, what = unknown, f"the key {unknown!r} is unknown"
    except msgspec.ValidationError as error:
        what = str(error)
    raise ListError(f"{place}: {what}", where=f"{where}:{line_of(text, needle)}")


def _url(url: str, text: str, where: str) -> None:
    try:
        right = isinstance(parse(url), UrlTarget)
    except TargetError:
        right = False
    if not right:
        raise ListError(f"{url!r:.100} is no URL", where=f"{where}:{line_of(text, url)}")
