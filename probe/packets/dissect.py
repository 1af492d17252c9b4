"""Parse packets and write capture files with scapy; the only module of the program that imports it.

The packets are not trusted, so they are parsed in a process without privileges, and malformed ones are skipped. Capture
files do not contain this host's addresses: IP addresses are replaced by documentation ones (RFC 5737, RFC 3849), there
is no link layer, and everything that looks like an address in a payload is overwritten, since block pages show readers
their own address.
"""

from __future__ import annotations

import ipaddress
import re
import struct
from collections.abc import Iterable
from itertools import islice
from typing import Any

import dns.exception
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.packet import NoPayload, Raw
from scapy.packet import Packet as Scapy

from probe.packets.capture_report import Packet
from probe.packets.flows import UDP as FLOW_UDP
from probe.packets.flows import FlowKey, PacketFlow, RawPacket

NEAR = {4: "192.0.2.1", 6: "2001:db8::1"}
"""This host's address in capture files."""
FAR = {4: "192.0.2.2", 6: "2001:db8::2"}
"""The remote address in capture files where it is on the vantage's own network, as a resolver's is."""
MOST = 64 * 1024
"""Bytes of one capture file."""
MAX_DATAGRAMS = 16
"""DNS packets parsed of one flow: a message of 1 KB with sixty compressed names takes 30 ms."""

_LINKTYPE_RAW = 101
_DOTTED = re.compile(rb"(?<![\d.])\d{1,3}(?:[.-]\d{1,3}){3}(?![\d.])")
_COLONS = re.compile(rb"(?<![\w:])[0-9a-fA-F]{1,4}(?::{1,2}[0-9a-fA-F]{1,4}){3,7}(?![\w:])")


def preload() -> None:
    """Parse and write packets of our own once, before privileges are dropped.

    Libraries load some of their files at first use, which user `nobody` may not be allowed to read.
    """
    for ip, rrtype, address in ((IP, "A", "192.0.2.3"), (IPv6, "AAAA", "2001:db8::3")):
        query = dns.message.make_query("rehearsal.example", rrtype)
        answer = dns.message.make_response(query)
        answer.answer.append(dns.rrset.from_text("rehearsal.example.", 1, "IN", rrtype, address))
        near, far = (FAR[4], "9.9.9.9") if ip is IP else (FAR[6], "2620:fe::9")
        flow = PacketFlow(FlowKey(17, far, 53, 40000), near, 0.0)
        for body in (UDP(sport=53, dport=40000) / Raw(answer.to_wire()), TCP(flags="SA") / Raw(b"192.0.2.3")):
            flow.head.append(RawPacket(0.0, False, bytes(ip(src=far, dst=near) / body)))
        read(flow)
        pcap(flow)


def read(flow: PacketFlow) -> list[Packet]:
    """The parsed packets of a flow, without malformed ones; of a DNS flow the first `MAX_DATAGRAMS`."""
    packets = islice(flow.packets, MAX_DATAGRAMS) if flow.key.protocol == FLOW_UDP else flow.packets
    return [found for one in packets if (found := _read(one, flow.begun)) is not None]


def _read(one: RawPacket, begun: float) -> Packet | None:
    layer = _layer(one.raw)
    six = isinstance(layer, IPv6)
    whole = (layer.plen or 0) if six else (layer.len or 0) - 4 * (layer.ihl or 5)
    common: dict[str, Any] = {
        "at": one.at - begun,
        "outgoing": one.outgoing,
        "ttl": int(layer.hlim if six else layer.ttl),
        "ipid": -1 if six else int(layer.id),
    }
    inner = layer.payload
    if isinstance(inner, TCP):
        return Packet(
            **common,
            flags="".join(flag for flag in str(inner.flags) if flag in "FSRPA"),
            sequence=int(inner.seq),
            window=int(inner.window),
            length=max(0, whole - 4 * (inner.dataofs or 5)),
        )
    if isinstance(inner, UDP):
        return _datagram(bytes(inner.payload), max(0, whole - 8), common)
    return None


def _datagram(payload: bytes, length: int, common: dict[str, Any]) -> Packet:
    try:
        message = dns.message.from_wire(payload, ignore_trailing=True)
    except (dns.exception.DNSException, ValueError, struct.error):
        return Packet(length=length, **common)
    addresses = (
        record.to_text()
        for group in message.answer
        for record in group
        if record.rdtype in (dns.rdatatype.A, dns.rdatatype.AAAA)
    )
    return Packet(
        length=length,
        ident=message.id,
        response=bool(message.flags & 0x8000),
        rcode=dns.rcode.to_text(message.rcode()),
        addresses=tuple(addresses),
        **common,
    )


def pcap(flow: PacketFlow) -> bytes:
    """A pcap file of the flow (magic 0xA1B2C3D4, raw IP), with times relative to its first packet."""
    parts = [struct.pack("=IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, _LINKTYPE_RAW)]
    room = MOST
    for one in flow.packets:
        octets, whole = _anonymised(one, flow)
        room -= 16 + len(octets)
        if room < 0:
            break
        seconds, micro = divmod(round((one.at - flow.begun) * 1_000_000), 1_000_000)
        parts += [struct.pack("=IIII", seconds, micro, len(octets), max(whole, len(octets))), octets]
    return b"".join(parts)


def _anonymised(one: RawPacket, flow: PacketFlow) -> tuple[bytes, int]:
    """The packet without this host's addresses, with new checksums; and its length on the wire."""
    layer = _layer(one.raw)
    version = 6 if isinstance(layer, IPv6) else 4
    near = ipaddress.ip_address(flow.local)
    far = flow.key.remote if ipaddress.ip_address(flow.key.remote).is_global else FAR[version]
    layer.src, layer.dst = (NEAR[version], far) if one.outgoing else (far, NEAR[version])
    whole = 40 + (layer.plen or 0) if version == 6 else (layer.len or 0)
    inner = layer.payload
    payload = bytes(inner.payload) if not isinstance(inner.payload, NoPayload) else b""
    struck = redact_addresses(payload, (near.packed, str(near).encode()))
    if struck != payload:
        inner.remove_payload()
        inner.add_payload(Raw(struck))
    if isinstance(inner, TCP | UDP):
        inner.chksum = None
    if version == 4:
        layer.chksum = None
    return bytes(layer), int(whole)


def redact_addresses(payload: bytes, ours: Iterable[bytes]) -> bytes:
    """The payload with our addresses, and everything written like an address, overwritten; its length is unchanged."""
    for word in ours:
        payload = payload.replace(word, b"x" * len(word))
    for form in (_DOTTED, _COLONS):
        payload = form.sub(lambda found: b"x" * len(found[0]), payload)
    return payload


def _layer(raw: bytes) -> Scapy:
    return IPv6(raw) if raw[0] >> 4 == 6 else IP(raw)
