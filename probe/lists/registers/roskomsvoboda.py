"""Reader of Roskomsvoboda's API (`/api/v3/` and `/api/v2/` of reestr.rublacklist.net and its mirrors).

Every answer is one JSON array:

- `domains`, `ips`, `ips-only`: of strings.
- `snapshot`: of objects with `appearDate`, `domains`, an authority (`name`), `ips`.
- `dpi`: of objects with `domains`: what is blocked outside the register.

`record/<id>` is one object of the second kind and reads as an array of one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

from probe.lists import jsonarray
from probe.lists.lines import BadRow
from probe.lists.registers import clean
from probe.lists.registers.assemble import implied_type, make_decision, make_entry
from probe.lists.registers.flat import parse_plain_item
from probe.lists.registers.register_entry import BlockType, RegisterEntry, RegisterItem

MAX_PARTS = 50_000
"""Names and addresses in one object."""

OUTSIDE = "outside the register"
"""The authority of what is blocked without an entry, by providers or by the state's equipment."""

_AUTHORITY = ("authority", "org", "name", "organization")
_NUMBER = ("number", "decisionNumber", "gosorgNumber")
_DATE = ("date", "decisionDate", "appearDate")


def read(chunks: Iterable[bytes], name: str) -> Iterator[RegisterItem]:
    """Read an answer of the API. The `line` of an item is its number in the array.

    Raises:
        ListError: it is not JSON, or was cut short.
    """
    for number, value in enumerate(jsonarray.items(_as_array(chunks), name), start=1):
        if isinstance(value, str):
            yield parse_plain_item(value.strip(), number) or BadRow(
                number, "an item that is neither a name nor an address"
            )
        elif isinstance(value, dict):
            yield _record(value, number)
        else:
            yield BadRow(number, "an item that is neither a text nor an object")


def _as_array(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes, in brackets when they are a single object."""
    pieces = iter(chunks)
    head = b""
    for piece in pieces:
        head += piece
        if head.strip():
            break
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        return chain([b"[", head.removeprefix(b"\xef\xbb\xbf")], pieces, [b"]"])
    return chain([head], pieces)


def _record(value: dict[str, Any], number: int) -> RegisterEntry | BadRow:
    names, addresses = _texts(value, "domains", "domain"), _texts(value, "ips", "ip")
    urls = _texts(value, "urls", "url", "pages")
    if names is None or addresses is None or urls is None:
        return BadRow(number, "an object whose names or addresses are no list of texts")
    if len(names) + len(addresses) + len(urls) > MAX_PARTS:
        return BadRow(number, f"an object with more than {MAX_PARTS} names and addresses")
    if not names and not addresses and not urls:
        return BadRow(number, "an object without names and addresses")
    appeared = _first(value, ("appearDate",))
    # `dpi` objects have no decision: they list what is blocked without one.
    outside = not appeared and not _first(value, _NUMBER)
    authority = OUTSIDE if outside else _first(value, _AUTHORITY)
    decision = make_decision(_first(value, _DATE), _first(value, _NUMBER), authority)
    return make_entry(
        [
            *(("ip", text) for text in addresses),
            *(("domain", text) for text in names),
            *(("url", text) for text in urls),
        ],
        line=number,
        id=_first(value, ("id",))[:32],
        decision=decision,
        entry_type=implied_type(decision),
        block_type=BlockType.URL if urls else BlockType.DOMAIN if names else BlockType.ADDRESS,
        included=clean.moment(appeared),
    )


def _texts(value: dict[str, Any], *keys: str) -> list[str] | None:
    """The texts under the first key that is present; None when its value has another type."""
    for key in keys:
        found = value.get(key)
        if found is None:
            continue
        if isinstance(found, str):
            return [found]
        if isinstance(found, list) and all(isinstance(text, str) for text in found):
            return found
        return None
    return []


def _first(value: dict[str, Any], keys: tuple[str, ...]) -> str:
    for key in keys:
        found = value.get(key)
        if isinstance(found, str | int) and not isinstance(found, bool):
            return str(found)[:500]
    return ""
