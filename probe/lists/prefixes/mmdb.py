"""Reader of MaxMind AS databases (`GeoLite2-ASN.mmdb`, those of db-ip.com), from the operator's own copy.

The library `maxminddb` (extra `asn`) reads the format; it is imported only when such a file is read.
"""

from __future__ import annotations

import io
import ipaddress
import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from probe.errors import ListError
from probe.lists.lines import BadRow
from probe.lists.prefixes.prefix import MAX_ASN, MAX_PREFIXES, Prefix, PrefixItem

MAX_FILE = 128 * 1024 * 1024
"""Bytes in a database; GeoLite2-ASN has about 10 MB. It is a tree, so it is held in memory and not streamed."""

MARK = b"\xab\xcd\xefMaxMind.com"
"""The bytes before the metadata at the end of every such file."""

MAX_RECORD_COST = 4096
"""Values in a record plus its bytes divided by 16; a record of GeoLite2-ASN has 5 values. Pointers let a record of a
few bytes stand for 2 to the power of 500 values."""
SEPARATOR_BYTES = 16
"""Zeros between the tree and the data."""
_ASN = ("autonomous_system_number", "asn")
_NAME = ("autonomous_system_organization", "as_name", "name")
_COUNTRY = re.compile("[A-Z]{2}")


def read(chunks: Iterable[bytes], name: str) -> Iterator[PrefixItem]:
    """Read an AS database. The `line` of an item is the number of its record.

    Raises:
        ListError: the library is not installed, or the file is not such a database.
    """
    maxminddb = _library(name)
    content = bytearray()
    for chunk in chunks:
        content += chunk
        if len(content) > MAX_FILE:
            raise ListError(f"larger than {MAX_FILE} bytes", where=name)
    metadata = content.rfind(MARK)
    if metadata < 0:
        raise ListError("no MaxMind database, or one without its end", where=name, mend="fetch it again")
    number = 0
    try:
        check_record(content, metadata + len(MARK), 0, {})
        with maxminddb.open_database(io.BytesIO(bytes(content)), maxminddb.MODE_FD) as database:
            facts = database.metadata()
            check_tree(content, facts.node_count, facts.record_size)
            for number, (network, record) in enumerate(database, start=1):
                yield _prefix(str(network), record, number)
    except (maxminddb.InvalidDatabaseError, ValueError, LookupError, TypeError, RecursionError, MemoryError) as error:
        raise ListError(
            f"a broken MaxMind database ({type(error).__name__})", where=f"{name}:{number + 1}", mend="fetch it again"
        ) from error


class PlaceRecord(NamedTuple):
    """What a database says of one address.

    Attributes:
        asn: of the network; 0 where the database does not say.
        owner: of the network; empty likewise.
        country: two capitals; empty likewise.
    """

    asn: int = 0
    owner: str = ""
    country: str = ""


def look_up(content: bytes, name: str, address: str) -> PlaceRecord:
    """What a database of ASes, of countries or of both says of one address.

    Raises:
        ListError: the library is not installed, or the content is not such a database.
    """
    maxminddb = _library(name)
    metadata = content.rfind(MARK)
    if metadata < 0 or len(content) > MAX_FILE:
        raise ListError("no MaxMind database, or one without its end", where=name, mend="fetch it again")
    try:
        check_record(content, metadata + len(MARK), 0, {})
        with maxminddb.open_database(io.BytesIO(content), maxminddb.MODE_FD) as database:
            facts = database.metadata()
            if facts.ip_version < ipaddress.ip_address(address).version:
                return PlaceRecord()
            _check_record_of(content, facts.node_count, facts.record_size, facts.ip_version, address)
            record = database.get(address)
    except (maxminddb.InvalidDatabaseError, ValueError, LookupError, TypeError, RecursionError, MemoryError) as error:
        raise ListError(
            f"a broken MaxMind database ({type(error).__name__})", where=name, mend="fetch it again"
        ) from error
    country = _first(record, "country")
    country = _first(country, "iso_code") if isinstance(country, dict) else country or _first(record, "country_code")
    asn, owner = (_first(record, *keys) for keys in (_ASN, _NAME))
    return PlaceRecord(
        asn if isinstance(asn, int) and 0 < asn <= MAX_ASN else 0,
        owner if isinstance(owner, str) else "",
        country if isinstance(country, str) and _COUNTRY.fullmatch(country) else "",
    )


def _check_record_of(content: bytes, nodes: int, record_size: int, version: int, address: str) -> None:
    """Check that reading the record of one address takes bounded work.

    Raises:
        ValueError: it does not, or the tree is larger than the file.
    """
    if record_size not in (24, 28, 32) or not 0 < nodes <= len(content) * 4 // record_size:
        raise ValueError(nodes)
    length = 32 if version == 4 else 128
    bits = int(ipaddress.ip_address(address))
    node = 0
    for shift in range(length - 1, -1, -1):
        if node >= nodes:
            break
        node = _children(content, node, record_size)[bits >> shift & 1]
    if node > nodes:
        check_record(content, nodes * record_size // 4 + SEPARATOR_BYTES, node - nodes - SEPARATOR_BYTES, {})


def _first(record: object, *keys: str) -> Any:
    """The value of the first of these keys that a record has; None where it has none."""
    return next((record[key] for key in keys if key in record), None) if isinstance(record, dict) else None


def _library(name: str) -> Any:
    try:
        import maxminddb  # noqa: PLC0415 - an optional dependency
    except ImportError as error:
        raise ListError(
            "reading mmdb files needs the library maxminddb", where=name, mend="install reachability-probe[asn]"
        ) from error
    return maxminddb


def check_tree(content: bytes | bytearray, nodes: int, record_size: int) -> None:
    """Check that walking the tree and reading its records takes bounded work.

    Raises:
        ValueError: the tree has a cycle, is larger than the file, or has more than `MAX_PREFIXES` paths through it, or
            a record fails `check_record`.
    """
    if record_size not in (24, 28, 32) or not 0 < nodes <= len(content) * 4 // record_size:
        raise ValueError(nodes)
    data = nodes * record_size // 4 + SEPARATOR_BYTES
    costs: dict[int, tuple[int, int]] = {}
    counts = [-1] * nodes  # paths below each node; -1 not visited, -2 on the current path
    path = [0]
    while path:
        node = path[-1]
        if counts[node] >= 0:
            path.pop()
            continue
        children = _children(content, node, record_size)
        for child in children:
            if child > nodes:  # the record of a prefix; `nodes` itself stands for none
                check_record(content, data, child - nodes - SEPARATOR_BYTES, costs)
        inner = [child for child in children if child < nodes]
        waiting = [child for child in inner if counts[child] < 0]
        if any(counts[child] == -2 for child in waiting):
            raise ValueError(node)
        if waiting:
            counts[node] = -2
            path.append(waiting[0])
            continue
        counts[node] = 2 - len(inner) + sum(counts[child] for child in inner)
        if counts[node] > MAX_PREFIXES:
            raise ValueError(counts[node])
        path.pop()


def check_record(
    content: bytes | bytearray, section: int, offset: int, known: dict[int, tuple[int, int]]
) -> tuple[int, int]:
    """The cost of reading one value, and its end (MaxMind DB File Format Specification 2.0, "Data Section").

    A pointer has the cost of its target each time it is followed. The cost of an offset is computed once, so a record
    that doubles itself with pointers is refused after a dozen steps.

    Args:
        content: the file.
        section: the start of the data section; pointers are relative to it.
        offset: the value's offset in the section.
        known: offset -> cost and end of the values computed so far; this call adds to it.

    Raises:
        ValueError: the cost is more than `MAX_RECORD_COST`, or the value is outside the file.
        RecursionError: it is nested deeper than Python allows.
    """
    if offset in known:
        return known[offset]
    start = section + offset
    if offset < 0 or start >= len(content):
        raise ValueError(offset)
    kind, size, at = _control(content, start)
    if kind == _POINTER:
        cost, _ = check_record(content, section, _pointer(content, start, size), known)
    elif kind in (_MAP, _ARRAY):
        cost, at = _check_items(content, section, at, 2 * size if kind == _MAP else size, known)
    else:
        at += 0 if kind == _BOOLEAN else size
        cost = 1 + size // 16
    if cost > MAX_RECORD_COST or at > len(content):
        raise ValueError(cost)
    known[offset] = cost, (start + 2 + (size >> 3 & 3) if kind == _POINTER else at) - section
    return known[offset]


def _check_items(
    content: bytes | bytearray, section: int, at: int, number: int, known: dict[int, tuple[int, int]]
) -> tuple[int, int]:
    """The cost of a container of `number` values, and its end in the file."""
    cost, following = 1, at - section
    for _ in range(number):
        more, following = check_record(content, section, following, known)
        cost += more
        if cost > MAX_RECORD_COST:
            raise ValueError(cost)
    return cost, section + following


_POINTER, _MAP, _ARRAY, _BOOLEAN = 1, 7, 11, 14


def _control(content: bytes | bytearray, at: int) -> tuple[int, int, int]:
    """Type and size of the value at this position, and the start of its payload; for a pointer its raw size bits."""
    first = content[at]
    kind, size, at = first >> 5, first & 31, at + 1
    if kind == _POINTER:
        return kind, size, at
    if kind == 0:
        kind, at = content[at] + 7, at + 1
    if size > 28:
        length = size - 28
        size = (29, 285, 65_821)[length - 1] + int.from_bytes(content[at : at + length], "big")
        at += length
    return kind, size, at


def _pointer(content: bytes | bytearray, start: int, size: int) -> int:
    """The offset that a pointer stands for: 11, 19, 27 or 32 bits, the first three counted from different bases."""
    length = size >> 3 & 3
    value = int.from_bytes(content[start + 1 : start + 2 + length], "big")
    if length == 3:
        return value
    return ((size & 7) << 8 * (length + 1)) + value + (0, 2048, 526_336)[length]


def _children(content: bytes | bytearray, node: int, record_size: int) -> tuple[int, int]:
    """The two records of a node (MaxMind DB File Format Specification 2.0, "Node Layout")."""
    size = record_size // 4
    record = content[node * size : (node + 1) * size]
    half = record_size // 8
    left, right = int.from_bytes(record[:half], "big"), int.from_bytes(record[-half:], "big")
    if record_size == 28:
        left, right = left | record[3] >> 4 << 24, right | (record[3] & 15) << 24
    return left, right


def _prefix(network: str, record: Any, number: int) -> Prefix | BadRow:
    facts = record if isinstance(record, dict) else {}
    asn = next((facts[key] for key in _ASN if isinstance(facts.get(key), int)), 0)
    if not 0 < asn <= MAX_ASN:
        return BadRow(number, "a record without an AS number")
    owner = next((facts[key] for key in _NAME if isinstance(facts.get(key), str)), "")
    return Prefix(line=number, network=network, asns=(asn,), name=owner)
