"""Count packets, bytes, connections and TLS or QUIC handshakes of a host in a capture, by destination network.

It reads tcpdump's file (pcap, Ethernet) and uses nothing of the probe.
"""

from __future__ import annotations

import ipaddress
import struct
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.lab.wire import ACK, SYN, TCP, UDP, parse

_ETHERNET = 14
_IP = {b"\x08\x00", b"\x86\xdd"}
QUIC_PORT = 443


@dataclass(slots=True)
class Tally:
    """The traffic with one network.

    Attributes:
        packets, octets: both directions; octets of IP.
        connections: TCP connections begun (their first SYN) and UDP flows.
        handshakes: connections on which a ClientHello or a QUIC Initial was sent.
    """

    packets: int = 0
    octets: int = 0
    connections: int = 0
    handshakes: int = 0

    def __iadd__(self, other: Tally) -> Tally:
        self.packets += other.packets
        self.octets += other.octets
        self.connections += other.connections
        self.handshakes += other.handshakes
        return self


@dataclass(slots=True)
class Traffic:
    """The traffic of a host.

    Attributes:
        by_network: /16 (IPv4) or /32 (IPv6) of the other side -> the traffic with it.
        moments: the same -> when its connections began, in seconds.
    """

    by_network: dict[str, Tally] = field(default_factory=dict)
    moments: dict[str, list[float]] = field(default_factory=dict)

    def of(self, networks: Iterable[str]) -> Tally:
        """The sum over some networks."""
        total = Tally()
        for network in networks:
            total += self.by_network.get(network, Tally())
        return total

    def busiest(self, networks: Iterable[str], seconds: float = 1.0) -> tuple[int, str]:
        """The largest number of connections begun with one of these networks within `seconds`, and that network."""
        found = ((_most_within(self.moments.get(network, []), seconds), network) for network in networks)
        return max(found, default=(0, ""))


def _most_within(moments: list[float], seconds: float) -> int:
    """The largest number of these moments in a half-open window of that length."""
    most = start = 0
    for end, moment in enumerate(moments):
        while moments[start] <= moment - seconds:
            start += 1
        most = max(most, end - start + 1)
    return most


def packets(file: Path) -> Iterator[tuple[float, int, bytes]]:
    """Moment, length on the wire (of IP) and the captured bytes of each IP packet of a pcap file.

    Raises:
        ValueError: it is no pcap of Ethernet.
    """
    data = file.read_bytes()
    if data[:4] != b"\xd4\xc3\xb2\xa1" or struct.unpack_from("<I", data, 20)[0] != 1:
        raise ValueError(f"{file} is no little-endian pcap of Ethernet")
    at = 24
    while at + 16 <= len(data):
        seconds, micro, kept, length = struct.unpack_from("<IIII", data, at)
        frame = data[at + 16 : at + 16 + kept]
        at += 16 + kept
        if at <= len(data) and frame[12:14] in _IP:
            yield seconds + micro / 1e6, length - _ETHERNET, frame[_ETHERNET:]


def read(file: Path, own: Iterable[str]) -> Traffic:
    """Count a capture.

    Args:
        file: pcap.
        own: the host's addresses; only packets to or from one of them are counted.
    """
    mine = {ipaddress.ip_address(text).packed for text in own}
    traffic, begun, greeted = Traffic(), set(), Counter[tuple[object, ...]]()
    for moment, length, raw in packets(file):
        four = raw[0] >> 4 == 4
        source, destination = (raw[12:16], raw[16:20]) if four else (raw[8:24], raw[24:40])
        if (source in mine) == (destination in mine):
            continue
        network = _network(destination if source in mine else source)
        tally = traffic.by_network.setdefault(network, Tally())
        tally.packets += 1
        tally.octets += length
        if source not in mine or (raw[9] if four else raw[6]) not in (TCP, UDP):
            continue
        one = parse(raw)
        flow = (one.protocol, source, one.source_port, destination, one.destination_port)
        opens = one.flags & (SYN | ACK) == SYN if one.protocol == TCP else True
        if opens and flow not in begun:
            begun.add(flow)
            tally.connections += 1
            traffic.moments.setdefault(network, []).append(moment)
        hello = one.payload[:1] == b"\x16" and one.payload[5:6] == b"\x01"
        initial = one.protocol == UDP and one.destination_port == QUIC_PORT and bool(one.payload)
        if (hello or initial) and not greeted[flow]:
            greeted[flow] += 1
            tally.handshakes += 1
    return traffic


def _network(packed: bytes) -> str:
    prefix = 16 if len(packed) == 4 else 32
    return str(ipaddress.ip_network((packed, prefix), strict=False))
