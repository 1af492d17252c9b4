r"""Normalise names, addresses and times as registers write them.

All faults repaired here occur in real dumps: surrounding blanks, commas for dots, `https:/` and `http:\\`, Cyrillic
names, underscores in labels, IPv6 written in full, times without a zone.
"""

from __future__ import annotations

import ipaddress
import re
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache

from probe.model.target import normalise_host

MOSCOW = timezone(timedelta(hours=3))
"""The zone of times without one in the Russian register: UTC+3 since 2014-10-26. Older times are wrong by at most an
hour, less than the time between publications then."""

_PLAIN = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
_QUAD = re.compile(r"(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)\.){3}(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)", re.ASCII)
_SPELT_OUT = re.compile(r"(?!(?:0{1,4}:){5})[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{1,4}){7}", re.ASCII)
"""IPv6 written in full, as the dump has it; not with five leading zero groups, which may be an IPv4-mapped address."""
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:[/\\]{1,3}", re.ASCII | re.IGNORECASE)
_HOST_END = re.compile(r"[/\\?#]")
MAX_MOMENT = 64
"""Characters of a time."""
MAX_NAME = 512
"""Characters of a name or address field; a host name has at most 253, in Cyrillic fewer."""


def host_name(text: str) -> str:
    """A host name, or a mask `*.name`, as DNS carries it; empty for any other text, also for an IP literal."""
    text = text.strip()
    if len(text) > MAX_NAME:
        return ""
    mask = text.startswith("*.")
    host = text[2:] if mask else text
    if not (_PLAIN.fullmatch(host) and len(host) <= 253):
        host = _repaired(host)
    elif _QUAD.fullmatch(host):
        host = ""
    return f"*.{host}" if mask and host else host


def _repaired(host: str) -> str:
    normal = normalise_host(host.replace(",", "."))
    return normal if normal is not None and "." in normal and address(normal) == "" else ""


def host_of_url(url: str) -> str:
    """The host name of a URL, however malformed; empty when it has none. The rest of the URL is discarded."""
    text = url.strip()[:4096]
    scheme = _SCHEME.match(text)  # at the beginning alone: a search would try every character
    rest = text[scheme.end() :] if scheme else text
    authority = _HOST_END.split(rest, maxsplit=1)[0].rpartition("@")[2]
    if authority.startswith("["):
        return ""
    return host_name(authority.partition(":")[0])


def address(text: str) -> str:
    """An IP address in its shortest spelling; empty for any other text."""
    if _QUAD.fullmatch(text):
        return text
    if _SPELT_OUT.fullmatch(text):
        return _shortened(text)
    text = text.strip()
    if len(text) > MAX_NAME:
        return ""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return ""


def _shortened(text: str) -> str:
    """The spelling of RFC 5952 (the first longest run of zero groups), eight times faster than `ipaddress`."""
    groups = [group.lstrip("0") or "0" for group in text.lower().split(":")]
    start = length = run = 0
    for at, group in enumerate(groups):
        run = run + 1 if group == "0" else 0
        if run > length:
            start, length = at - run + 1, run
    if length < 2:
        return ":".join(groups)
    return f"{':'.join(groups[:start])}::{':'.join(groups[start + length :])}"


def network(text: str) -> str:
    """A prefix; empty for any other text. Bits beyond the mask are cleared, as providers do."""
    text = text.strip()
    if len(text) > MAX_NAME or "/" not in text:
        return ""
    try:
        return str(ipaddress.ip_network(text, strict=False))
    except ValueError:
        return ""


def moment(text: str) -> datetime | None:
    """A time as registers write it, in UTC; None for any other text."""
    return _moment(text) if len(text) <= MAX_MOMENT else None


@lru_cache(maxsize=4096)
def _moment(text: str) -> datetime | None:
    """As `moment`, cached: all records of a decision have its time. Only short texts are cached."""
    try:
        read = datetime.fromisoformat(text.strip())
        return (read if read.tzinfo else read.replace(tzinfo=MOSCOW)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
