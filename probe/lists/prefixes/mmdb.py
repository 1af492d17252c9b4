"""MaxMind databases (`GeoLite2-ASN.mmdb` and files of that shape, such as those of db-ip.com), the operator's own copy.

The format is read by the library `maxminddb` (extra `asn`), which is imported when such a file is and not before.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from typing import Any

from probe.errors import ListError
from probe.lists.lines import BadRow
from probe.lists.prefixes.prefix import MAX_ASN, Prefix, PrefixItem

MAX_FILE = 128 * 1024 * 1024
"""Bytes in a database; GeoLite2-ASN has some 10 MB. It is a tree, so it cannot be streamed and is held."""

MARK = b"\xab\xcd\xefMaxMind.com"
"""What the metadata at the end of every such file begins with."""

MAX_PREFIXES = 20_000_000
"""Ways through the tree; GeoLite2-ASN has about a million. A small file can be made that has 2 to the power of 128."""

_ASN = ("autonomous_system_number", "asn")
_NAME = ("autonomous_system_organization", "as_name", "name")


def read(chunks: Iterable[bytes], name: str) -> Iterator[PrefixItem]:
    """Read an AS database. `line` of what comes out is the number of the record.

    Raises:
        ListError: the library is not installed, or the file is no such database.
    """
    try:
        import maxminddb  # noqa: PLC0415 - optional, and only here
    except ImportError as error:
        raise ListError(
            "reading mmdb files needs the library maxminddb", where=name, mend="install reachability-probe[asn]"
        ) from error
    content = bytearray()
    for chunk in chunks:
        content += chunk
        if len(content) > MAX_FILE:
            raise ListError(f"larger than {MAX_FILE} bytes", where=name)
    if MARK not in content:
        raise ListError("no MaxMind database", where=name)
    number = 0
    try:
        with maxminddb.open_database(io.BytesIO(bytes(content)), maxminddb.MODE_FD) as database:
            facts = database.metadata()
            check_tree(bytes(content), facts.node_count, facts.record_size)
            for number, (network, record) in enumerate(database, start=1):
                yield _prefix(str(network), record, number)
    except (maxminddb.InvalidDatabaseError, ValueError, LookupError, TypeError, RecursionError, MemoryError) as error:
        raise ListError(f"a broken MaxMind database ({type(error).__name__})", where=f"{name}:{number + 1}") from error


def check_tree(content: bytes, nodes: int, record_size: int) -> None:
    """See that walking the tree comes to an end, and soon.

    Raises:
        ValueError: it goes in circles, is larger than the file, or has more than `MAX_PREFIXES` ways through.
    """
    if record_size not in (24, 28, 32) or not 0 < nodes <= len(content) * 4 // record_size:
        raise ValueError(nodes)
    ways = [-1] * nodes  # -1 not seen, -2 under way
    path = [0]
    while path:
        node = path[-1]
        if ways[node] >= 0:
            path.pop()
            continue
        children = _children(content, node, record_size)
        inner = [child for child in children if child < nodes]
        waiting = [child for child in inner if ways[child] < 0]
        if any(ways[child] == -2 for child in waiting):
            raise ValueError(node)
        if waiting:
            ways[node] = -2
            path.append(waiting[0])
            continue
        ways[node] = 2 - len(inner) + sum(ways[child] for child in inner)
        if ways[node] > MAX_PREFIXES:
            raise ValueError(ways[node])
        path.pop()


def _children(content: bytes, node: int, record_size: int) -> tuple[int, int]:
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
