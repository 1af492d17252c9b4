"""The kernel's packet filters: only packets that a process needs reach it.

Classic BPF (`linux/filter.h`) over the network layer, so offsets count from the IP header. Other traffic of this host
is not copied.
"""

from __future__ import annotations

import ctypes
import ipaddress
import socket
import struct
from collections.abc import Iterable

SNAP_BYTES = 1024
"""Bytes kept of a packet: a ClientHello up to its server name, a DNS answer of the usual size."""
MAX_ADDRESSES = 224
"""Addresses watched at once; the oldest are dropped. The kernel takes 4,096 instructions, an IPv6 address needs 18."""

_LOAD_BYTE, _LOAD_WORD, _SHIFT_RIGHT, _EQUAL, _RETURN, _JUMP = 0x30, 0x20, 0x74, 0x15, 0x06, 0x05
_LOAD_HALF, _HEADER_LENGTH, _INDEXED_BYTE, _INDEXED_HALF, _ANY_BIT = 0x28, 0xB1, 0x50, 0x48, 0x45
_SO_ATTACH_FILTER = 26
_SYN_OR_RST, _FRAGMENT_OFFSET = 0x06, 0x1FFF
_Instruction = tuple[int, int, int, int]


def program(addresses: Iterable[str]) -> bytes:
    """The filter that accepts TCP and UDP to and from these addresses: an array of `struct sock_filter`."""
    found = [ipaddress.ip_address(address) for address in addresses][-MAX_ADDRESSES:]
    four = _family(9, (12, 16), [one.packed for one in found if one.version == 4])
    six = _family(6, (8, 24), [one.packed for one in found if one.version == 6])
    head: tuple[_Instruction, ...] = (
        (_LOAD_BYTE, 0, 0, 0),
        (_SHIFT_RIGHT, 0, 0, 4),
        (_EQUAL, 0, 1, 4),
        (_JUMP, 0, 0, 3),
        (_EQUAL, 0, 1, 6),
        (_JUMP, 0, 0, 1 + len(four)),
        (_RETURN, 0, 0, 0),
    )
    return b"".join(struct.pack("HBBI", *one) for one in (*head, *four, *six))


def answers(ports: Iterable[int], *, version: int) -> bytes:
    """The filter of a raw TCP socket that accepts SYN-ACKs and RSTs to these ports.

    An IPv4 socket gets its packets with the IP header, an IPv6 socket without.
    """
    lines: list[_Instruction]
    if version == 4:
        lines = [
            (_LOAD_HALF, 0, 0, 6),
            (_ANY_BIT, 0, 1, _FRAGMENT_OFFSET),
            (_RETURN, 0, 0, 0),
            (_HEADER_LENGTH, 0, 0, 0),
        ]
        lines += [
            (_INDEXED_BYTE, 0, 0, 13),
            (_ANY_BIT, 1, 0, _SYN_OR_RST),
            (_RETURN, 0, 0, 0),
            (_INDEXED_HALF, 0, 0, 2),
        ]
    else:
        lines = [(_LOAD_BYTE, 0, 0, 13), (_ANY_BIT, 1, 0, _SYN_OR_RST), (_RETURN, 0, 0, 0), (_LOAD_HALF, 0, 0, 2)]
    for port in list(ports)[-MAX_ADDRESSES:]:
        lines += [(_EQUAL, 0, 1, port), (_RETURN, 0, 0, SNAP_BYTES)]
    return b"".join(struct.pack("HBBI", *one) for one in (*lines, (_RETURN, 0, 0, 0)))


def nothing() -> bytes:
    """The filter that accepts no packet: of a socket that only sends."""
    return struct.pack("HBBI", _RETURN, 0, 0, 0)


class _SocketFilter(ctypes.Structure):
    """`struct sock_fprog`: the number of instructions and their address."""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def attach(sock: socket.socket, code: bytes) -> None:
    """Have the kernel pass only what the filter accepts to this socket (SO_ATTACH_FILTER)."""
    held = ctypes.create_string_buffer(code, len(code))
    sock.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, bytes(_SocketFilter(len(code) // 8, ctypes.addressof(held))))


def _family(protocol_at: int, ends: tuple[int, int], packed: list[bytes]) -> list[_Instruction]:
    """Instructions for one address family: accept TCP and UDP from or to these addresses, drop everything else."""
    lines: list[_Instruction] = [
        (_LOAD_BYTE, 0, 0, protocol_at),
        (_EQUAL, 2, 0, 6),
        (_EQUAL, 1, 0, 17),
        (_RETURN, 0, 0, 0),
    ]
    for address in packed:
        words = struct.unpack(f"!{len(address) // 4}I", address)
        for start in ends:
            for number, word in enumerate(words):
                left = 2 * (len(words) - number - 1)
                lines += [(_LOAD_WORD, 0, 0, start + 4 * number), (_EQUAL, 0, left + 1, word)]
            lines.append((_RETURN, 0, 0, SNAP_BYTES))
    return [*lines, (_RETURN, 0, 0, 0)]
