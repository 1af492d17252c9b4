"""Decode the common DNS answer by hand, without objects for its parts.

The common answer is NOERROR, repeats the question octet for octet, and has CNAME records in the order of their chain
and then addresses, each owner a pointer to the name before it (RFC 1035 section 4.1.4). Everything else (an error, a
cut answer, owners written out, records in another order) is left to `probe.measure.dns_wire`. Tests compare the two:
what both decode, they decode alike.
"""

from __future__ import annotations

import ipaddress
import socket
import struct

_RECORD = struct.Struct("!HHHIH")
"""A pointer, type, class, TTL and length."""
_QUESTION_AT = 12
_POINTER = 0xC000
_IN, _A, _CNAME, _AAAA = 1, 1, 5, 28
_ADDRESS_BYTES = {_A: 4, _AAAA: 16}
MAX_RECORDS = 64
"""Answer records that are decoded here; a UDP answer of 1,232 bytes has room for 76 addresses."""


def common_addresses(data: bytes, question: bytes) -> list[str] | None:
    """Return the addresses of an answer, in its order, each once; None where it is not the common answer.

    Args:
        data: the whole message. Its id is not looked at.
        question: the encoded question section of an A or AAAA query.
    """
    # QR set, opcode 0, no TC; RCODE 0; one question (RFC 1035 section 4.1.1).
    if len(data) < _QUESTION_AT or data[2] & 0xFA != 0x80 or data[3] & 0x0F or data[4:6] != b"\0\1":
        return None
    count = data[6] << 8 | data[7]
    if not 0 < count <= MAX_RECORDS or not data.startswith(question, _QUESTION_AT):
        return None
    rrtype = question[-3]
    size = _ADDRESS_BYTES[rrtype]
    owner = _POINTER | _QUESTION_AT
    offset = _QUESTION_AT + len(question)
    found: list[str] = []
    try:
        for _ in range(count):
            name, kind, class_, _, length = _RECORD.unpack_from(data, offset)
            offset += 12
            if name != owner or class_ != _IN:
                return None
            if kind == rrtype and length == size:
                address = data[offset : offset + size]
                found.append(socket.inet_ntoa(address) if size == 4 else _ipv6_text(address))
            elif kind == _CNAME and not found and _ends_like_a_name(data, offset, length):
                owner = _POINTER | offset
            else:
                return None
            offset += length
    except (struct.error, OSError, ValueError):
        return None
    if not found or offset > len(data):
        return None
    return found if len(found) == 1 else list(dict.fromkeys(found))


def _ends_like_a_name(data: bytes, offset: int, length: int) -> bool:
    """Whether the labels from an offset on fill these bytes, up to the root or to one pointer that points backwards."""
    at, end = offset, offset + length
    if end > len(data) or offset > 0x3FFF:
        return False
    while at < end:
        size = data[at]
        if size >= 0xC0:
            return at + 2 == end and (size & 0x3F) << 8 | data[at + 1] < offset
        if size > 63:
            return False
        at += size + 1
        if not size:
            return at == end
    return False


def _ipv6_text(address: bytes) -> str:
    """Return an IPv6 address as the rest of the program writes it (`inet_ntop` writes some with dots)."""
    return str(ipaddress.IPv6Address(address))
