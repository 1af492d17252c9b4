"""Build TCP SYNs, and read what comes back: SYN-ACK, RST, ICMP errors that quote a SYN. Pure.

A SYN looks like Linux's (options, window), because a segment unlike any system's may be treated differently on its way.
Its sequence number is random: whoever does not see the SYN cannot forge an answer to it (RFC 9293 section 3.10.7.3
accepts only an acknowledgement of exactly that number, and so does this module).
"""

from __future__ import annotations

import errno
import struct
from typing import NamedTuple

_HEADER = struct.Struct("!HHIIBBHHH")
_OPTIONS = bytes.fromhex("020405b4 0402 080a 00000001 00000000 01 030307".replace(" ", ""))
"""Maximum segment size 1,460, SACK permitted, timestamps, no operation, window scale 7: the order of Linux."""
_LENGTH = _HEADER.size + len(_OPTIONS)
_OFFSET, _SYN_FLAG, _WINDOW = (_LENGTH // 4) << 4, 0x02, 64_240
_SYN_ACK_MASK, _RST_BIT, _ACK_BIT = 0x12, 0x04, 0x10
_TCP = 6
_MODULUS = 0xFFFF
"""The internet checksum is a sum modulo 65535 (RFC 1071), for 2**16 is 1 there: any number counts as its words do."""

# Error numbers as Linux gives them to a socket that connects (net/ipv4/icmp.c, net/ipv6/icmp.c).
_ICMP4_UNREACHABLE = (
    *(errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENOPROTOOPT, errno.ECONNREFUSED, 0, errno.EOPNOTSUPP),
    *(errno.ENETUNREACH, errno.EHOSTDOWN, getattr(errno, "ENONET", errno.EHOSTUNREACH), errno.ENETUNREACH),
    *(errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EHOSTUNREACH, errno.EHOSTUNREACH),
    errno.EHOSTUNREACH,
)
_ICMP6_UNREACHABLE = (
    *(errno.ENETUNREACH, errno.EACCES, errno.EHOSTUNREACH, errno.EHOSTUNREACH, errno.ECONNREFUSED),
    *(errno.EACCES, errno.EACCES),
)


class SegmentAnswer(NamedTuple):
    """An answer to a SYN.

    Attributes:
        local_port: the SYN's source port.
        remote: the address as a number, and its port.
        number: the sequence number that the answer is about.
        code: 0 for a SYN-ACK, else an error number.
    """

    local_port: int
    remote: int
    remote_port: int
    number: int
    code: int


class SynBuilder:
    """The SYNs from one source address and port to one port.

    Args:
        source: the source address, packed.
    """

    def __init__(self, source: bytes, local_port: int, remote_port: int) -> None:
        self._ports = (local_port, remote_port)
        fixed = _HEADER.pack(local_port, remote_port, 0, 0, _OFFSET, _SYN_FLAG, _WINDOW, 0, 0) + _OPTIONS
        self._sum = int.from_bytes(fixed, "big") + int.from_bytes(source, "big") + _TCP + _LENGTH

    def segment(self, destination: int, number: int) -> bytes:
        """The SYN with this sequence number, without its IP header."""
        checksum = _MODULUS - (self._sum + destination + number) % _MODULUS
        return _HEADER.pack(*self._ports, number, 0, _OFFSET, _SYN_FLAG, _WINDOW, checksum, 0) + _OPTIONS


def read_tcp(segment: bytes, source: int) -> SegmentAnswer | None:
    """Read a TCP segment; None where it is no answer to a SYN."""
    if len(segment) < _HEADER.size:
        return None
    remote_port, local_port, _, acknowledged, _, flags, _, _, _ = _HEADER.unpack_from(segment)
    if not flags & _ACK_BIT:
        return None  # connect(2) ignores an RST without an acknowledgement, too
    if flags & _RST_BIT:
        code = errno.ECONNREFUSED
    elif flags & _SYN_ACK_MASK == _SYN_ACK_MASK:
        code = 0
    else:
        return None
    return SegmentAnswer(local_port, source, remote_port, (acknowledged - 1) & 0xFFFFFFFF, code)


def read_tcp4(packet: bytes) -> SegmentAnswer | None:
    """Read a TCP segment with its IPv4 header."""
    if len(packet) < 20:
        return None
    return read_tcp(packet[(packet[0] & 15) * 4 :], int.from_bytes(packet[12:16], "big"))


def read_icmp4(packet: bytes) -> SegmentAnswer | None:
    """Read an ICMP error with its IPv4 header (RFC 792); None where it quotes no SYN or means no failure."""
    start = (packet[0] & 15) * 4 if packet else 0
    if len(packet) < start + 8 + 20:
        return None
    kind, detail, quoted = packet[start], packet[start + 1], packet[start + 8 :]
    if kind == 3:
        code = _ICMP4_UNREACHABLE[detail] if detail < len(_ICMP4_UNREACHABLE) else 0
    else:
        code = {11: errno.EHOSTUNREACH, 12: errno.EPROTO}.get(kind, 0)
    if not code or quoted[9] != _TCP:
        return None
    return _quoted(quoted[(quoted[0] & 15) * 4 :], int.from_bytes(quoted[16:20], "big"), code)


def read_icmp6(message: bytes) -> SegmentAnswer | None:
    """Read an ICMPv6 error without its IPv6 header (RFC 4443); None where it quotes no SYN or means no failure."""
    if len(message) < 8 + 40:
        return None
    kind, detail, quoted = message[0], message[1], message[8:]
    if kind == 1:
        code = _ICMP6_UNREACHABLE[detail] if detail < len(_ICMP6_UNREACHABLE) else errno.EHOSTUNREACH
    else:
        code = {3: errno.EHOSTUNREACH, 4: errno.EPROTO}.get(kind, 0)
    if not code or quoted[6] != _TCP:
        return None
    return _quoted(quoted[40:], int.from_bytes(quoted[24:40], "big"), code)


def _quoted(segment: bytes, destination: int, code: int) -> SegmentAnswer | None:
    """The first eight bytes of our own segment, which every ICMP error quotes."""
    if len(segment) < 8:
        return None
    local_port, remote_port, number = struct.unpack_from("!HHI", segment)
    return SegmentAnswer(local_port, destination, remote_port, number, code)
