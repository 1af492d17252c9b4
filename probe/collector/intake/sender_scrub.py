"""Remove the sender's address from the evidence that it sends, whatever form somebody has repeated it in.

Block pages, portals and redirects name the visitor. The agent removes its own addresses; behind a NAT it does not know
the one that the world sees. The collector knows it, as a prefix (`connections.client_prefix`), while the connection
lasts: every address of this prefix is removed, and nothing of it is stored. The forms are those of
`probe.measure.own_addresses`: with dots, dashes, underscores, URL-encoded once or twice, reversed as in DNS, in
hexadecimal, in base64. Fields that hold the addresses of servers stay as they are.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from probe.measure.own_addresses import OWN_ADDRESS
from probe.model.verdict import Verdict

_SEPARATORS = (".", "-", "_", "%2e", "%252e")
_COLONS = (":", "-", "_", "%3a", "%253a")
_OF_SERVERS = frozenset({"address", "addresses", "resolver"})
_OCTET = "(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])"
_NO_DIGIT_BEFORE = r"(?:(?<![0-9])|(?<=%[0-9a-f]{2})|(?<=%25[0-9a-f]{2}))"
"""Not inside a longer number, but after an encoded character such as %20."""


class SenderScrub:
    """Finds and removes the addresses of one prefix.

    Args:
        prefix: three bytes of an IPv4 address or six of an IPv6 address; empty: nothing is found.
    """

    def __init__(self, prefix: bytes) -> None:
        found = list(_ipv4_forms(prefix) if len(prefix) == 3 else _ipv6_forms(prefix) if len(prefix) == 6 else ())
        self._signs = [sign.encode() for sign, _ in found]
        encoded = list(_base64_forms(prefix)) if len(prefix) == 3 else []
        self._cased_signs = [text.encode() for text in encoded]
        patterns = [f"(?i:{pattern})" for _, pattern in found] + [
            f"{re.escape(text)}[0-9A-Za-z+/=]*" for text in encoded
        ]
        self._pattern = re.compile("|".join(patterns)) if patterns else None

    def is_in(self, body: bytes) -> bool:
        """Whether an address of the prefix may be in a text: a quick search for what all its forms begin with."""
        lower = body.lower()
        return any(sign in lower for sign in self._signs) or any(sign in body for sign in self._cased_signs)

    def removed(self, verdict: Verdict | None) -> Verdict | None:
        """The verdict without these addresses; the same verdict where there is none."""
        if verdict is None or self._pattern is None or not self.is_in(msgspec.json.encode(verdict)):
            return verdict
        measured = verdict.target
        cleaned = {name: self._replaced(value) for name, value in msgspec.to_builtins(verdict).items()}
        return msgspec.convert(cleaned | {"target": measured}, Verdict, strict=False)

    def removed_from_json(self, raw: bytes) -> bytes:
        """The JSON of a verdict that this version cannot read, without these addresses."""
        if self._pattern is None or not self.is_in(raw):
            return raw
        return msgspec.json.encode(self._replaced(msgspec.json.decode(raw)))

    def _replaced(self, value: Any) -> Any:
        assert self._pattern is not None  # noqa: S101 its callers have looked
        match value:
            case str():
                return self._pattern.sub(OWN_ADDRESS, value)
            case dict():
                return {key: one if key in _OF_SERVERS else self._replaced(one) for key, one in value.items()}
            case list() | tuple():
                return [self._replaced(one) for one in value]
            case _:
                return value


def _ipv4_forms(prefix: bytes) -> Iterator[tuple[str, str]]:
    """What each form begins with, and its pattern, in lower case."""
    octets = [str(byte) for byte in prefix]
    for separator in _SEPARATORS:
        joint = re.escape(separator)
        yield separator.join(octets) + separator, _pattern(octets, _OCTET, joint)
        yield separator + separator.join(octets[::-1]), _pattern([], _OCTET, joint, octets[::-1])
    packed = prefix.hex()
    yield packed, f"(?<![0-9a-f]){packed}[0-9a-f]{{2}}(?![0-9a-f])"
    high, low = packed[:4].lstrip("0") or "0", packed[4:].lstrip("0")
    mapped = f"ffff:{high}:{low}"  # ::ffff:cb00:7107
    yield mapped, f"{mapped}[0-9a-f]{{{2 if low else 1},2}}(?![0-9a-f])"


def _pattern(before: list[str], octet: str, joint: str, after: Iterable[str] = ()) -> str:
    return _NO_DIGIT_BEFORE + joint.join([*before, octet, *after]) + r"(?![0-9])"


def _ipv6_forms(prefix: bytes) -> Iterator[tuple[str, str]]:
    groups = [prefix.hex()[place : place + 4] for place in range(0, 12, 4)]
    short = [group.lstrip("0") or "0" for group in groups]
    for separator in _COLONS:
        joint = re.escape(separator)
        for spelled in {tuple(groups), tuple(short)}:
            begin = separator.join(spelled) + separator
            yield begin, f"(?<![0-9a-f:]){re.escape(begin)}(?:[0-9a-f]|{joint})*"
    if short[2] == "0":  # 2001:db8::7
        begin = ":".join(short[:2]) + "::"
        yield begin, f"(?<![0-9a-f:]){re.escape(begin)}[0-9a-f:]*"
    yield prefix.hex(), f"(?<![0-9a-f]){prefix.hex()}[0-9a-f]{{20}}(?![0-9a-f])"
    reverse = ".".join(prefix.hex()[::-1])
    yield reverse, rf"(?:[0-9a-f]\.)*{re.escape(reverse)}(?![0-9a-f])"


def _base64_forms(prefix: bytes) -> Iterator[str]:
    """The characters that `203.0.113.` leaves in base64, at each of the three places where it may begin."""
    text = ".".join(str(byte) for byte in prefix) + "."
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + text.encode()).decode().rstrip("=")
        whole = encoded[(0, 2, 3)[before] : len(encoded) - (1 if (before + len(text)) % 3 else 0)]
        if len(whole) >= 8:
            yield whole
