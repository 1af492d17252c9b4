"""Remove this host's own addresses from observations, in whatever form somebody repeats them.

Block pages, portals and proxies write the visitor's address into pages, certificates and the hosts and queries of
redirects. `probe.measure.redaction` removes what looks like an address where a page is read; this module knows the
addresses and finds them in every text of an observation: dotted, with dashes, URL-encoded, reversed as in DNS, in
hexadecimal, in base64. Where there is none, it costs one search in the encoded observations of a measurement.

The fields that hold the addresses of servers stay as they are. So does an address of ours that is measured itself,
since its evidence would be worth nothing.
"""

from __future__ import annotations

import base64
import ipaddress
import re
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

import msgspec

OWN_ADDRESS = "own-address"
"""Stands for an address of this host; also good as a label of a host name."""
MIN_BASE64_CHARACTERS = 8
"""Shorter pieces of base64 are found by chance."""
_SEPARATORS = ("-", "_", "%2e", "%252e")
_OF_SERVERS = frozenset({"address", "addresses", "resolver"})
"""Fields that name a server's address."""
_OF_OTHERS = ("detail", "certificate", "aliases", "title", "location", "sample", "server", "headers", "head")
"""Fields that hold what somebody else has written. Without any of them, an observation is not searched."""

_Record = TypeVar("_Record", bound=msgspec.Struct)


class OwnAddresses:
    """Finds and removes the addresses of this host.

    Args:
        addresses: of this host, both families.
    """

    def __init__(self, addresses: Iterable[str] = ()) -> None:
        self._forms = {address: (tuple(_plain_forms(address)), tuple(_base64_forms(address))) for address in addresses}
        self._plain = [form.encode() for plain, _ in self._forms.values() for form in plain]
        self._cased = [form.encode() for _, cased in self._forms.values() for form in cased]

    def removed(self, records: tuple[_Record, ...]) -> tuple[_Record, ...]:
        """The records without addresses of this host in their texts; the same records where there is none.

        Args:
            records: observations of one measurement, or other facts about answers. Their JSON must decode to them.
        """
        if not self._forms:
            return records
        said = [record for record in records if any(getattr(record, name, None) for name in _OF_OTHERS)]
        if not said or not self._found_in(msgspec.json.encode(said)):
            return records
        measured = {getattr(record, "address", "") for record in records}
        pattern = self._pattern(address for address in self._forms if address not in measured)
        if pattern is None:
            return records
        return tuple(
            msgspec.convert(_replaced(msgspec.to_builtins(record), pattern), type(record), strict=False)
            for record in records
        )

    def removed_from(self, text: str) -> str:
        """The text without addresses of this host."""
        pattern = self._pattern(self._forms) if self._found_in(text.encode()) else None
        return text if pattern is None else pattern.sub(OWN_ADDRESS, text)

    def _found_in(self, encoded: bytes) -> bool:
        lower = encoded.lower()
        return any(form in lower for form in self._plain) or any(form in encoded for form in self._cased)

    def _pattern(self, addresses: Iterable[str]) -> re.Pattern[str] | None:
        plain: list[str] = []
        cased: list[str] = []
        for address in addresses:
            plain += self._forms[address][0]
            cased += self._forms[address][1]
        if not plain:
            return None
        longest_first = sorted(plain, key=len, reverse=True)
        inside = "|".join(
            rf"{re.escape(form)}[0-9a-f:.]*" if form.endswith(":") else rf"{_begin(form)}{re.escape(form)}{_end(form)}"
            for form in longest_first
        )
        return re.compile("|".join([f"(?i:{inside})", *map(re.escape, cased)]))


def _begin(form: str) -> str:
    """Where a form may begin: not inside a longer number, but after an encoded character such as %20."""
    return rf"(?:(?<![{_digits(form)}])|(?<=%[0-9a-f]{{2}})|(?<=%25[0-9a-f]{{2}}))"


def _end(form: str) -> str:
    return rf"(?![{_digits(form)}])"


def _digits(form: str) -> str:
    return "0-9a-f" if any(c in "abcdef:" for c in form.replace("%2e", "").replace("%252e", "")) else "0-9"


def _replaced(value: Any, pattern: re.Pattern[str]) -> Any:
    """The value with every text in it replaced, but for the addresses of servers."""
    match value:
        case str():
            return pattern.sub(OWN_ADDRESS, value)
        case dict():
            return {key: one if key in _OF_SERVERS else _replaced(one, pattern) for key, one in value.items()}
        case list() | tuple():
            return [_replaced(one, pattern) for one in value]
        case _:
            return value


def _plain_forms(address: str) -> Iterator[str]:
    """The forms of an address in which case does not matter, in lower case; one that ends with a colon is a prefix."""
    parsed = ipaddress.ip_address(address.partition("%")[0])
    packed = parsed.packed.hex()
    yield packed
    if isinstance(parsed, ipaddress.IPv4Address):
        yield f"ffff:{packed[:4].lstrip('0') or '0'}:{packed[4:].lstrip('0') or '0'}"  # ::ffff:c000:201
        octets = str(parsed).split(".")
        for order in (octets, octets[::-1]):
            yield ".".join(order)
            yield from (separator.join(order) for separator in _SEPARATORS)
        return
    compressed, exploded = str(parsed), parsed.exploded
    for text in (compressed, exploded, ":".join(group.lstrip("0") or "0" for group in exploded.split(":"))):
        yield text
        yield from (text.replace(":", separator) for separator in ("-", "_", "%3a", "%253a"))
    yield ".".join(packed[::-1])  # in ip6.arpa
    groups = [packed[number : number + 4] for number in range(0, 16, 4)]  # a /64 belongs to one household
    yield ":".join(groups) + ":"
    yield ":".join(group.lstrip("0") or "0" for group in groups) + ":"
    yield ".".join(packed[15::-1])


def _base64_forms(address: str) -> Iterator[str]:
    """The characters that an address leaves in base64, at each of the three places where it may begin."""
    for text in {address, str(ipaddress.ip_address(address.partition("%")[0]))}:
        for before in range(3):
            encoded = base64.b64encode(b"\0" * before + text.encode()).decode().rstrip("=")
            whole = encoded[(0, 2, 3)[before] : len(encoded) - (1 if (before + len(text)) % 3 else 0)]
            if len(whole) >= MIN_BASE64_CHARACTERS:
                yield whole
