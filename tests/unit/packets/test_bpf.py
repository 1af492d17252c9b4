"""The filter that the kernel runs, tested with a small interpreter of classic BPF."""

from __future__ import annotations

import ipaddress
import socket
import struct
import sys

import pytest

from probe.packets import bpf

FOUR, OTHER = "151.101.1.10", "95.24.1.2"
SIX, OTHER_SIX = "2a04:4e42::10", "2a02:2168:1::2"


def kept(code: bytes, packet: bytes) -> int:
    """The number of bytes of a packet that the program keeps (BPF machine of McCanne and Jacobson, 1993)."""
    lines = [struct.unpack("HBBI", code[at : at + 8]) for at in range(0, len(code), 8)]
    accumulator = at = index = 0
    while True:
        operation, right, wrong, constant = lines[at]
        at += 1
        match operation:
            case 0x30:
                accumulator = packet[constant]
            case 0x28:
                accumulator = int.from_bytes(packet[constant : constant + 2], "big")
            case 0xB1:
                index = (packet[constant] & 15) * 4
            case 0x50:
                accumulator = packet[index + constant]
            case 0x48:
                accumulator = int.from_bytes(packet[index + constant : index + constant + 2], "big")
            case 0x45:
                at += right if accumulator & constant else wrong
            case 0x20:
                accumulator = int.from_bytes(packet[constant : constant + 4], "big")
            case 0x74:
                accumulator >>= constant
            case 0x15:
                at += right if accumulator == constant else wrong
            case 0x05:
                at += constant
            case 0x06:
                return constant
            case _:
                raise AssertionError(hex(operation))


def packet(source: str, destination: str, protocol: int = 6) -> bytes:
    """An IP packet with 20 bytes of zeros after its header."""
    ends = ipaddress.ip_address(source).packed + ipaddress.ip_address(destination).packed
    if ":" in source:
        return struct.pack("!IHBB", 6 << 28, 20, protocol, 60) + ends + bytes(20)
    return struct.pack("!BBHHHBBH", 0x45, 0, 40, 1, 0, 60, protocol, 0) + ends + bytes(20)


@pytest.mark.parametrize("protocol", [6, 17])
@pytest.mark.parametrize(("watched", "near"), [(FOUR, OTHER), (SIX, OTHER_SIX)])
def test_packets_to_and_from_a_watched_address_are_kept(watched: str, near: str, protocol: int) -> None:
    """The number of watched addresses and their order do not matter."""
    crowd = [f"10.0.{n}.1" for n in range(60)] + [f"2001:db8:{n}::1" for n in range(60)]
    for addresses in ([watched], [*crowd, watched], [watched, *crowd]):
        code = bpf.program(addresses)
        assert kept(code, packet(watched, near, protocol)) == bpf.SNAP_BYTES
        assert kept(code, packet(near, watched, protocol)) == bpf.SNAP_BYTES


@pytest.mark.parametrize(
    "other",
    [
        packet(OTHER, "8.8.8.8"),
        packet(OTHER_SIX, "2001:4860:4860::8888"),
        packet(FOUR, OTHER, 1),
        packet(SIX, OTHER_SIX, 58),
        packet("2a04:4e42::11", OTHER_SIX),
        b"\x00" * 60,
    ],
)
def test_other_packets_are_dropped(other: bytes) -> None:
    """Other hosts, other protocols, packets that are not IP; all packets when no address is watched."""
    assert kept(bpf.program([FOUR, SIX]), other) == 0
    assert kept(bpf.program([]), other) == 0


def test_a_program_has_at_most_as_many_instructions_as_the_kernel_accepts() -> None:
    """The limit is 4,096; the oldest addresses are dropped."""
    many = [f"2001:db8::{n:x}" for n in range(1000)]

    code = bpf.program(many)

    assert len(code) // 8 <= 4096
    assert kept(code, packet(many[-1], OTHER_SIX)) == bpf.SNAP_BYTES
    assert kept(code, packet(many[0], OTHER_SIX)) == 0


def segment(flags: int, port: int = 51_000) -> bytes:
    """A TCP segment to one of this host's ports."""
    return struct.pack("!HHIIBBHHH", 443, port, 1, 2, 0x50, flags, 0, 0, 0)


def in_ip4(payload: bytes, fragment: int = 0, options: int = 0) -> bytes:
    """A payload in an IPv4 packet."""
    return struct.pack("!BBHHHBBHII", 0x45 + options, 0, 40, 1, fragment, 60, 6, 0, 1, 2) + bytes(4 * options) + payload


@pytest.mark.parametrize("flags", [0x12, 0x04, 0x14])
def test_a_scanner_hears_answers_to_its_ports(flags: int) -> None:
    """SYN-ACK and RST, with and without IP options; IPv6 sockets get no IP header."""
    assert kept(bpf.answers([50_000, 51_000], version=4), in_ip4(segment(flags))) == bpf.SNAP_BYTES
    assert kept(bpf.answers([51_000], version=4), in_ip4(segment(flags), options=2)) == bpf.SNAP_BYTES
    assert kept(bpf.answers([51_000], version=6), segment(flags)) == bpf.SNAP_BYTES


def test_a_scanner_hears_nothing_else() -> None:
    """Other ports, data, fragments; no packet at all with a filter that accepts none."""
    four, six = bpf.answers([51_000], version=4), bpf.answers([51_000], version=6)

    assert kept(four, in_ip4(segment(0x12, 52_000))) == kept(six, segment(0x12, 52_000)) == 0
    assert kept(four, in_ip4(segment(0x18))) == kept(six, segment(0x18)) == 0
    assert kept(four, in_ip4(segment(0x12), fragment=100)) == 0
    assert kept(bpf.nothing(), in_ip4(segment(0x12))) == 0


def test_a_filter_is_attached_to_a_socket() -> None:
    """A datagram that the filter does not accept never arrives."""
    if sys.platform != "linux":
        pytest.skip("SO_ATTACH_FILTER is Linux's")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.setblocking(False)
        bpf.attach(receiver, bpf.nothing())
        receiver.sendto(b"x", receiver.getsockname())
        with pytest.raises(BlockingIOError):
            receiver.recv(10)
