"""Write small MaxMind databases (MaxMind DB File Format Specification 2.0)."""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Mapping

MARK = b"\xab\xcd\xefMaxMind.com"


def made(records: Mapping[str, Mapping[str, object]]) -> bytes:
    """A database with 32-bit records of IPv4 prefixes and their data."""
    tree: list[list[int | bytes | None]] = [[None, None]]
    for prefix, data in records.items():
        network = ipaddress.IPv4Network(prefix)
        bits = f"{int(network.network_address):032b}"[: network.prefixlen]
        node = 0
        for bit in bits[:-1]:
            below = tree[node][int(bit)]
            if not isinstance(below, int):
                tree.append([None, None])
                below = tree[node][int(bit)] = len(tree) - 1
            node = below
        tree[node][int(bits[-1])] = _encoded(data)
    section = b""
    words = []
    for left, right in tree:
        for side in (left, right):
            if side is None:
                words.append(len(tree))
            elif isinstance(side, int):
                words.append(side)
            else:
                words.append(len(tree) + 16 + len(section))
                section += side
    metadata = {
        "node_count": len(tree), "record_size": 32, "ip_version": 4, "database_type": "Test-ASN", "languages": [],
        "binary_format_major_version": 2, "binary_format_minor_version": 0, "build_epoch": 0, "description": {},
    }  # fmt: skip
    return b"".join(struct.pack(">I", word) for word in words) + b"\0" * 16 + section + MARK + _encoded(metadata)


def _encoded(value: object) -> bytes:
    if isinstance(value, str):
        content = value.encode()
        return _control(2, len(content)) + content
    if isinstance(value, int):
        content = value.to_bytes(4, "big")
        return _control(6, 4) + content
    if isinstance(value, Mapping):
        return _control(7, len(value)) + b"".join(_encoded(key) + _encoded(item) for key, item in value.items())
    assert value == []
    return bytes([0, 11 - 7])


def _control(kind: int, size: int) -> bytes:
    if size < 29:
        return bytes([kind << 5 | size])
    return bytes([kind << 5 | 29, size - 29])
