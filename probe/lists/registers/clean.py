r"""What registers write as names, addresses and times becomes ours, or nothing.

The faults mended here are all in real dumps: blanks around, commas for dots, `https:/` and `http:\\`, Cyrillic names,
underscores in labels, IPv6 spelt in full, times without a zone.
"""

from __future__ import annotations

import ipaddress
import re
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache

from probe.model.target import normalise_host

MOSCOW = timezone(timedelta(hours=3))
"""What a time without a zone means in the Russian register: UTC+3 since 2014-10-26. Older times are off by an hour at
most, which is under the hour between publications then."""

_PLAIN = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
_QUAD = re.compile(r"(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)\.){3}(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)", re.ASCII)
_SPELT_OUT = re.compile(r"(?!(?:0{1,4}:){5})[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{1,4}){7}", re.ASCII)
"""IPv6 in full, as the dump has it; not what begins with five zero groups, which may be IPv4 in disguise."""
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:[/\\]{1,3}", re.ASCII | re.IGNORECASE)
_HOST_END = re.compile(r"[/\\?#]")
MAX_MOMENT = 64
"""Characters of a time."""
MAX_NAME = 512
"""Characters of a name or address field; a host name has at most 253, in Cyrillic fewer."""


def host_name(text: str) -> str:
    """A host name, or a mask `*.name`, as the wire has it; empty when it is none (an IP literal is none)."""
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
    """The host name of a URL however badly it is written; empty when it has none. The rest of the URL is let go."""
    text = url.strip()[:4096]
    scheme = _SCHEME.match(text)  # at the beginning alone: a search would try every character
    rest = text[scheme.end() :] if scheme else text
    authority = _HOST_END.split(rest, maxsplit=1)[0].rpartition("@")[2]
    if authority.startswith("["):
        return ""
    return host_name(authority.partition(":")[0])


def address(text: str) -> str:
    """An IP address in its shortest spelling; empty when it is none."""
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
    """As `ipaddress` does it (RFC 5952: the first longest run of two zero groups or more), in an eighth of its time."""
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
    """A prefix; empty when it is none. Bits beyond the mask are let go: providers do the same."""
    text = text.strip()
    if len(text) > MAX_NAME or "/" not in text:
        return ""
    try:
        return str(ipaddress.ip_network(text, strict=False))
    except ValueError:
        return ""


def moment(text: str) -> datetime | None:
    """A time as registers write it, in UTC; None when it is none."""
    return _moment(text) if len(text) <= MAX_MOMENT else None


@lru_cache(maxsize=4096)
def _moment(text: str) -> datetime | None:
    """Cached, since the time of a decision is on all its records; the texts are short, and so is the cache."""
    try:
        read = datetime.fromisoformat(text.strip())
        return (read if read.tzinfo else read.replace(tzinfo=MOSCOW)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
