"""Packets, connections and handshakes of a capture are counted."""

from __future__ import annotations

import socket
import struct
from pathlib import Path

import pytest

from tests.lab import traffic, wire
from tests.lab.wire import ACK, PSH, SYN, TCP, UDP, Packet

US, THEM = socket.inet_aton("95.24.1.2"), socket.inet_aton("151.7.80.1")
HELLO = b"\x16\x03\x01\x02\x00\x01" + bytes(100)
Q = bytes([0xC0]) + bytes(1199)


def capture(file: Path, *timed: tuple[float, Packet]) -> Path:
    """A pcap of these packets."""
    data = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
    for moment, packet in timed:
        frame = bytes(12) + b"\x08\x00" + wire.build(packet)
        data += struct.pack("<IIII", int(moment), round(moment % 1 * 1e6), len(frame), len(frame)) + frame
    file.write_bytes(data)
    return file


def out(port: int, flags: int = SYN, payload: bytes = b"") -> Packet:
    """A TCP packet of ours."""
    return Packet(US, THEM, TCP, port, 443, payload, flags=flags)


def test_a_connection_and_its_handshake_count_once_with_retransmissions(tmp_path: Path) -> None:
    """A SYN that is sent again is another packet of the same connection."""
    sent = [(1.0, out(4000)), (2.0, out(4000)), (2.1, out(4000).reply(flags=SYN | ACK))]
    sent += [(2.2, out(4000, ACK | PSH, HELLO)), (3.2, out(4000, ACK | PSH, HELLO))]

    seen = traffic.read(capture(tmp_path / "x.pcap", *sent), ["95.24.1.2"])

    tally = seen.by_network["151.7.0.0/16"]
    assert (tally.packets, tally.connections, tally.handshakes) == (5, 1, 1)
    assert tally.octets == 3 * 40 + 2 * (40 + len(HELLO))


def test_a_quic_flow_is_a_connection_and_a_handshake(tmp_path: Path) -> None:
    """The number of its datagrams does not matter."""
    sent = [(1.0 + n, Packet(US, THEM, UDP, 4000, 443, Q)) for n in range(3)]

    tally = traffic.read(capture(tmp_path / "x.pcap", *sent), ["95.24.1.2"]).of(["151.7.0.0/16"])

    assert (tally.packets, tally.connections, tally.handshakes) == (3, 1, 1)


def test_the_second_with_most_connections_is_found_at_any_offset(tmp_path: Path) -> None:
    """Of connections at 0.0, 0.6, 1.2 and 1.5 s, three are within a second."""
    sent = [(10 + moment, out(4000 + n)) for n, moment in enumerate((0.0, 0.6, 1.2, 1.5))]

    seen = traffic.read(capture(tmp_path / "x.pcap", *sent), ["95.24.1.2"])

    assert seen.busiest(["151.7.0.0/16"]) == (3, "151.7.0.0/16")
    assert seen.busiest(["9.9.0.0/16"]) == (0, "9.9.0.0/16")


def test_a_file_that_is_no_capture_is_refused(tmp_path: Path) -> None:
    """The error names the file."""
    (tmp_path / "x.pcap").write_bytes(bytes(64))
    with pytest.raises(ValueError, match=r"x\.pcap"):
        traffic.read(tmp_path / "x.pcap", [])
