"""SYNs as they are sent, and what is read of the packets that come back."""

from __future__ import annotations

import errno
import ipaddress
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.packets.syn_segments import SegmentAnswer, SynBuilder, read_icmp4, read_icmp6, read_tcp, read_tcp4

NEAR, FAR = "95.24.1.2", "151.101.1.10"
NEAR_SIX, FAR_SIX = "2a02:2168:1::2", "2a04:4e42::10"
MINE, THEIRS, NUMBER = 51_000, 443, 0xFFFFFFFF


def number_of(address: str) -> int:
    """The address as a number."""
    return int(ipaddress.ip_address(address))


def syn(near: str = NEAR, far: str = FAR, number: int = NUMBER) -> bytes:
    """A SYN as it is sent."""
    return SynBuilder(ipaddress.ip_address(near).packed, MINE, THEIRS).segment(number_of(far), number)


def words_sum(octets: bytes) -> int:
    """The internet checksum's sum of 16-bit words, with its carries (RFC 1071)."""
    total = sum(struct.unpack(f"!{len(octets) // 2}H", octets))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


@pytest.mark.parametrize(("near", "far"), [(NEAR, FAR), (NEAR_SIX, FAR_SIX), ("0.0.0.0", "255.255.255.255")])
@pytest.mark.parametrize("number", [0, 1, 0x8000FFFF, 0xFFFFFFFF])
def test_the_checksum_is_right(near: str, far: str, number: int) -> None:
    """A receiver sums the pseudo-header and the segment and gets all ones (RFC 9293 section 3.1)."""
    segment = syn(near, far, number)
    ends = ipaddress.ip_address(near).packed + ipaddress.ip_address(far).packed

    assert words_sum(ends + struct.pack("!HH", 6, len(segment)) + segment) == 0xFFFF


def test_a_syn_has_the_options_of_linux() -> None:
    """Maximum segment size, SACK, timestamps, window scale; flags SYN alone."""
    segment = syn()

    assert struct.unpack_from("!HHIIBBH", segment) == (MINE, THEIRS, NUMBER, 0, 0xA0, 0x02, 64_240)
    assert len(segment) == 40
    assert [segment[20], segment[24], segment[26], segment[36], segment[37]] == [2, 4, 8, 1, 3]


def tcp(flags: int, acknowledged: int = 0) -> bytes:
    """A segment from the far side; by default it acknowledges the SYN."""
    return struct.pack("!HHIIBBHHH", THEIRS, MINE, 1234, acknowledged, 0x50, flags, 1000, 0, 0)


def in_ip4(payload: bytes, protocol: int = 6, source: str = FAR, target: str = NEAR, options: int = 0) -> bytes:
    """A payload in an IPv4 packet."""
    ends = ipaddress.ip_address(source).packed + ipaddress.ip_address(target).packed
    head = struct.pack("!BBHHHBBH", 0x45 + options, 0, 0, 0, 0, 60, protocol, 0)
    return head + ends + bytes(4 * options) + payload


def in_ip6(payload: bytes, source: str, target: str) -> bytes:
    """A payload in an IPv6 packet."""
    ends = ipaddress.ip_address(source).packed + ipaddress.ip_address(target).packed
    return struct.pack("!IHBB", 6 << 28, len(payload), 6, 60) + ends + payload


def answer(code: int, far: str = FAR) -> SegmentAnswer:
    """What is read."""
    return SegmentAnswer(MINE, number_of(far), THEIRS, NUMBER, code)


@pytest.mark.parametrize("options", [0, 3])
def test_a_syn_ack_and_an_rst_are_answers(options: int) -> None:
    """They acknowledge the SYN's number and one, which wraps at 2**32."""
    assert read_tcp4(in_ip4(tcp(0x12), options=options)) == answer(0)
    assert read_tcp4(in_ip4(tcp(0x14), options=options)) == answer(errno.ECONNREFUSED)
    assert read_tcp(tcp(0x52), number_of(FAR_SIX)) == answer(0, FAR_SIX)


@pytest.mark.parametrize("flags", [0x02, 0x04, 0x10, 0x18, 0x11])
def test_other_segments_are_none(flags: int) -> None:
    """A SYN or RST without an acknowledgement, which connect(2) ignores too; data; FIN."""
    assert read_tcp4(in_ip4(tcp(flags))) is None


@pytest.mark.parametrize(
    ("kind", "detail", "code"),
    [
        (3, 0, errno.ENETUNREACH),
        (3, 1, errno.EHOSTUNREACH),
        (3, 3, errno.ECONNREFUSED),
        (3, 13, errno.EHOSTUNREACH),
        (11, 0, errno.EHOSTUNREACH),
        (12, 0, errno.EPROTO),
    ],
)
def test_an_icmp_error_is_about_the_syn_that_it_quotes(kind: int, detail: int, code: int) -> None:
    """Its error number is that of a connection (Linux: icmp_err_convert)."""
    quoted = in_ip4(syn()[:8], source=NEAR, target=FAR)

    assert read_icmp4(in_ip4(bytes([kind, detail, 0, 0, 0, 0, 0, 0]) + quoted, 1, "62.115.1.1")) == answer(code)


@pytest.mark.parametrize(
    ("kind", "detail", "code"),
    [(1, 0, errno.ENETUNREACH), (1, 1, errno.EACCES), (1, 4, errno.ECONNREFUSED), (3, 0, errno.EHOSTUNREACH)],
)
def test_an_icmpv6_error_too(kind: int, detail: int, code: int) -> None:
    quoted = in_ip6(syn(NEAR_SIX, FAR_SIX), NEAR_SIX, FAR_SIX)

    assert read_icmp6(bytes([kind, detail, 0, 0, 0, 0, 0, 0]) + quoted) == answer(code, FAR_SIX)


@pytest.mark.parametrize(("kind", "detail"), [(0, 0), (3, 4), (3, 200), (4, 0), (5, 1)])
def test_other_icmp_messages_are_none(kind: int, detail: int) -> None:
    """An echo, a path's MTU, an unknown code, a source quench, a redirect."""
    quoted = in_ip4(syn()[:8], source=NEAR, target=FAR)

    assert read_icmp4(in_ip4(bytes([kind, detail, 0, 0, 0, 0, 0, 0]) + quoted, 1)) is None


def test_icmp_errors_about_other_protocols_are_none() -> None:
    four = in_ip4(bytes(8), 17, NEAR, FAR)
    six = bytearray(in_ip6(bytes(8), NEAR_SIX, FAR_SIX))
    six[6] = 17

    assert read_icmp4(in_ip4(bytes([3, 1, 0, 0, 0, 0, 0, 0]) + four, 1)) is None
    assert read_icmp6(bytes([1, 0, 0, 0, 0, 0, 0, 0]) + bytes(six)) is None


@given(st.binary(max_size=120))
def test_any_bytes_are_read(octets: bytes) -> None:
    """Packets come from the network; none raises."""
    for read in (read_tcp4, read_icmp4, read_icmp6, lambda packet: read_tcp(packet, 0)):
        found = read(octets)
        assert found is None or found.code >= 0
