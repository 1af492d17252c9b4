"""Remove from texts and URLs what could identify the visitor for whom a server or a device on the path wrote them.

Login pages of captive portals and block pages repeat the visitor's address, hardware address, number or account, in
their text and in the queries of their redirects. Evidence must not identify the vantage, so these are left out before
an observation is made. Hosts of URLs stay: they show who answered.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import unquote, urlsplit

REMOVED = "…"
REMOVED_VALUE = "*"
"""Stands for a value in a URL; a digit follows where several different ones were removed."""

_SUSPECT = re.compile(r"[0-9:-]|\.(?:lo|la|ho|in|fr)")
"""Each pattern that `redacted` tries needs one of these, and an identifier without a digit is a word."""
_LONG_NUMBER = re.compile(r"[0-9]{7,}")
_IDENTIFIER = re.compile(r"[0-9A-Za-z+_-]{32,}=*")
_HARDWARE_ADDRESS = re.compile(r"(?<![0-9A-Fa-f])(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}(?![0-9A-Fa-f])")
_IPV4 = re.compile(r"(?<![0-9.])(?<!//)[0-9]{1,6}(?:\.[0-9]{1,6}){3}")
_IPV6 = re.compile(r"(?<![0-9A-Fa-f:])(?<!//\[)(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}")
_TOKEN = re.compile(r"[0-9A-Za-z+_-]{8,}")
_DASHED_ADDRESS = re.compile(r"(?<![0-9])[0-9]{1,3}(?:[-_][0-9]{1,3}){3}(?![0-9])")
_OCTET = "(?:25[0-5]|2[0-4][0-9]|1?[0-9]{1,2})"
_SPELLED_IPV4 = re.compile(rf"(?<![0-9])(?<![0-9][-_]){_OCTET}(?:(?:-|_|%2[Ee]){_OCTET}){{3}}(?![-_]?[0-9])")
"""An address with other marks than dots; no telephone number such as 8-800-200-00-00."""
_LAN_NAME = re.compile(
    r"(?<![0-9A-Za-z_.-])(?<!//)[0-9A-Za-z_-]{1,63}"
    r"(?=\.(?:local|lan|home|internal|intranet|localdomain|fritz\.box|home\.arpa)(?![0-9A-Za-z_.-]))"
)
"""A name that a home router or the multicast DNS of a host gives, such as `annas-laptop.local`."""
_SEPARATOR = re.compile(r"([&;])")


def redacted(text: str) -> str:
    """Return the text without addresses, names of hosts in a home network, long numbers and long identifiers."""
    if not _SUSPECT.search(text):
        return text
    # Long runs go first: after that, every pattern has a bounded number of characters to try at each place.
    text = _IDENTIFIER.sub(_without_identifier, text)
    text = _LONG_NUMBER.sub(REMOVED, text)
    text = _HARDWARE_ADDRESS.sub(REMOVED, text)
    text = _IPV4.sub(REMOVED, text)
    text = _SPELLED_IPV4.sub(REMOVED, text)
    text = _IPV6.sub(REMOVED, text)
    return _LAN_NAME.sub(REMOVED, text)


def redacted_url(url: str, asked: str, name_of: Callable[[str], str] = lambda _: REMOVED_VALUE) -> str:
    """Return the URL without the values in its query, and the addresses in its path, that could identify the visitor.

    Host, path and keys stay, and so do values that are words or short numbers, or that the request had already.

    Args:
        url: absolute, without a user name.
        asked: the URL that was asked for.
        name_of: gives what stands for a removed value.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return redacted(url)
    known = unquote(asked)
    path = "/".join(
        part if _is_free_of_addresses(unquote(part)) or unquote(part) in known else name_of(part)
        for part in parts.path.split("/")
    )
    query = "".join(_redacted_field(field, known, name_of) for field in _SEPARATOR.split(parts.query))
    return parts._replace(path=path, query=query).geturl()


def _redacted_field(field: str, known: str, name_of: Callable[[str], str]) -> str:
    key, equals, value = field.partition("=")
    if not equals:
        key, value = "", field
    plain = unquote(value)
    if not plain or plain in known or _is_plain(plain):
        return field
    return f"{key}{equals}{name_of(value)}"


def _is_plain(value: str) -> bool:
    """Whether a value consists of words and short numbers, which many visitors have in common."""
    if redacted(value) != value or not _is_free_of_addresses(value):
        return False
    return not any(any(c.isdigit() for c in token) for token in _TOKEN.findall(value))


def _is_free_of_addresses(text: str) -> bool:
    bare = _HARDWARE_ADDRESS.sub("", _IPV4.sub("", text))
    return bare == text and not _DASHED_ADDRESS.search(text) and not _IPV6.search(text)


def _without_identifier(found: re.Match[str]) -> str:
    run = found.group()
    return REMOVED if any(c.isdecimal() for c in run) else run
