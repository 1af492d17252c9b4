"""MaxMind databases (`GeoLite2-ASN.mmdb` and files of that shape, such as those of db-ip.com), the operator's own copy.

The format is read by the library `maxminddb` (extra `asn`), which is imported when such a file is and not before.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from typing import Any

from probe.errors import ListError
from probe.lists.entries import BadLine
from probe.lists.prefixes.record import MAX_ASN, Prefix, PrefixItem

MAX_FILE = 128 * 1024 * 1024
"""Bytes in a database; GeoLite2-ASN has some 10 MB. It is a tree, so it cannot be streamed and is held."""

MARK = b"\xab\xcd\xefMaxMind.com"
"""What the metadata at the end of every such file begins with."""

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
            for number, (network, record) in enumerate(database, start=1):
                yield _prefix(str(network), record, number)
    except (maxminddb.InvalidDatabaseError, ValueError, LookupError, TypeError, RecursionError, MemoryError) as error:
        raise ListError(f"a broken MaxMind database ({type(error).__name__})", where=f"{name}:{number + 1}") from error


def _prefix(network: str, record: Any, number: int) -> Prefix | BadLine:
    facts = record if isinstance(record, dict) else {}
    asn = next((facts[key] for key in _ASN if isinstance(facts.get(key), int)), 0)
    if not 0 < asn <= MAX_ASN:
        return BadLine(number, "a record without an AS number")
    owner = next((facts[key] for key in _NAME if isinstance(facts.get(key), str)), "")
    return Prefix(line=number, network=network, asns=(asn,), name=owner)
