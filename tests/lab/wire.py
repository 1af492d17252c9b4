"""Read and build packets without a library: the parts of IPv4, IPv6, TCP, UDP and DNS that a middlebox needs.

scapy takes milliseconds a packet, and a forged answer must arrive before the true one.
"""

from __future__ import annotations

import ipaddress
import socket
import struct
from dataclasses import dataclass

FIN, SYN, RST, PSH, ACK = 0x01, 0x02, 0x04, 0x08, 0x10
TCP, UDP = 6, 17


@dataclass(frozen=True, slots=True)
class Packet:
    """An IP packet that carries TCP or UDP.

    Attributes:
        source: packed address, 4 or 16 bytes; `destination` likewise.
        sequence, acknowledgement, flags, window: of TCP, else 0.
        payload: of TCP or UDP.
    """

    source: bytes
    destination: bytes
    protocol: int
    source_port: int
    destination_port: int
    payload: bytes = b""
    sequence: int = 0
    acknowledgement: int = 0
    flags: int = 0
    window: int = 0
    ttl: int = 61

    def reply(self, **changes: object) -> Packet:
        """A packet in the other direction, forged to come from this one's destination."""
        fields: dict[str, object] = {
            "source": self.destination,
            "destination": self.source,
            "protocol": self.protocol,
            "source_port": self.destination_port,
            "destination_port": self.source_port,
            "ttl": self.ttl,
        }
        return Packet(**{**fields, **changes})  # type: ignore[arg-type]


def parse(raw: bytes) -> Packet:
    """Read an IP packet as NFQUEUE hands it over (IPv6 without extension headers)."""
    if raw[0] >> 4 == 4:
        start = (raw[0] & 15) * 4
        protocol, ttl, source, destination = raw[9], raw[8], raw[12:16], raw[16:20]
        end = struct.unpack("!H", raw[2:4])[0]
    else:
        start, protocol, ttl, source, destination = 40, raw[6], raw[7], raw[8:24], raw[24:40]
        end = 40 + struct.unpack("!H", raw[4:6])[0]
    ports = struct.unpack("!HH", raw[start : start + 4])
    if protocol == UDP:
        return Packet(source, destination, UDP, *ports, raw[start + 8 : end], ttl=ttl)
    sequence, acknowledgement, offset, flags, window = struct.unpack("!IIBBH", raw[start + 4 : start + 16])
    payload = raw[start + (offset >> 4) * 4 : end]
    return Packet(source, destination, TCP, *ports, payload, sequence, acknowledgement, flags, window, ttl)


def build(packet: Packet) -> bytes:
    """The packet's bytes, with correct checksums and without options."""
    ports = struct.pack("!HH", packet.source_port, packet.destination_port)
    if packet.protocol == UDP:
        length = 8 + len(packet.payload)
        head, tail = ports + struct.pack("!H", length), packet.payload
    else:
        numbers = (packet.sequence & 0xFFFFFFFF, packet.acknowledgement & 0xFFFFFFFF)
        head = ports + struct.pack("!IIBBH", *numbers, 5 << 4, packet.flags, packet.window)
        tail, length = struct.pack("!H", 0) + packet.payload, 20 + len(packet.payload)
    pseudo = packet.source + packet.destination + struct.pack("!IBBBB", length, 0, 0, 0, packet.protocol)
    segment = head + struct.pack("!H", checksum(pseudo + head + b"\0\0" + tail)) + tail
    if len(packet.source) == 16:
        fixed = struct.pack("!IHBB", 6 << 28, length, packet.protocol, packet.ttl)
        return fixed + packet.source + packet.destination + segment
    fixed = struct.pack("!BBHHHBB", 0x45, 0, 20 + length, 0x3039, 0, packet.ttl, packet.protocol)
    addresses = packet.source + packet.destination
    return fixed + struct.pack("!H", checksum(fixed + b"\0\0" + addresses)) + addresses + segment


def unreachable(packet: Packet) -> bytes:
    """An ICMP error in IPv4 (host unreachable, RFC 792) about a packet, as a router near its sender would send it."""
    quoted = build(packet)[:28]
    body = struct.pack("!BBHI", 3, 1, 0, 0) + quoted
    body = body[:2] + struct.pack("!H", checksum(body)) + body[4:]
    fixed = struct.pack("!BBHHHBB", 0x45, 0, 20 + len(body), 0x3039, 0, packet.ttl, 1)
    addresses = packet.destination + packet.source
    return fixed + struct.pack("!H", checksum(fixed + b"\0\0" + addresses)) + addresses + body


def checksum(octets: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    if len(octets) % 2:
        octets += b"\0"
    total = sum(struct.unpack(f"!{len(octets) // 2}H", octets))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def text(address: bytes) -> str:
    """The text of a packed address."""
    return str(ipaddress.ip_address(address))


def question(query: bytes) -> tuple[bytes, int]:
    """The question section of a DNS message (one question) and its record type."""
    end = 12
    while query[end]:
        end += query[end] + 1
    end += 5
    return query[12:end], struct.unpack("!H", query[end - 4 : end - 2])[0]


def forged_answer(query: bytes, address: str, ttl: int = 300) -> bytes | None:
    """A DNS answer to `query` with this one address; None when the question asks for another type.

    Args:
        query: the DNS message.
        address: the forged address; empty for NXDOMAIN.
        ttl: in seconds, of the record.
    """
    section, rrtype = question(query)
    if not address:
        return query[:2] + struct.pack("!HHHHH", 0x8183, 1, 0, 0, 0) + section
    packed = ipaddress.ip_address(address).packed
    if rrtype != (1 if len(packed) == 4 else 28):
        return None
    record = struct.pack("!HHHIH", 0xC00C, rrtype, 1, ttl, len(packed)) + packed
    return query[:2] + struct.pack("!HHHHH", 0x8180, 1, 1, 0, 0) + section + record


def raw_sockets() -> dict[int, socket.socket]:
    """Address length (4 or 16 bytes) -> a socket that sends whole packets from any source address."""
    six = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_RAW)
    return {4: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW), 16: six}


def send(sockets: dict[int, socket.socket], packet: Packet) -> None:
    """Send a packet."""
    sockets[len(packet.source)].sendto(build(packet), (text(packet.destination), 0))
