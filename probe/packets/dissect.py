"""Packets read and written by scapy: the only module of the program that imports it.

What it reads comes from strangers, so it is read in a process that can do nothing, and a packet that makes no sense is
left out. What it writes has this host's addresses taken out: the IP address is one for documentation (RFC 5737,
RFC 3849), there is no link layer, and whatever looks like an address in a payload is struck out, since block pages
tell their reader his own.
"""

from __future__ import annotations

import ipaddress
import re
import struct
from collections.abc import Iterable
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
from probe.packets.flows import CapturedPacket, FlowKey, PacketFlow

NEAR = {4: "192.0.2.1", 6: "2001:db8::1"}
"""This host, in what is written."""
FAR = {4: "192.0.2.2", 6: "2001:db8::2"}
"""The far side where it stands on the vantage's own network: a resolver."""
MOST = 64 * 1024
"""Bytes of one capture file."""

_LINKTYPE_RAW = 101
_DOTTED = re.compile(rb"(?<![\d.])\d{1,3}(?:[.-]\d{1,3}){3}(?![\d.])")
_COLONS = re.compile(rb"(?<![\w:])[0-9a-fA-F]{1,4}(?::{1,2}[0-9a-fA-F]{1,4}){3,7}(?![\w:])")


def preload() -> None:
    """Do all of it once, with packets of our own.

    Libraries load parts of themselves when those are first used, and nobody may not be allowed to read their files.
    """
    for ip, rrtype, address in ((IP, "A", "192.0.2.3"), (IPv6, "AAAA", "2001:db8::3")):
        query = dns.message.make_query("rehearsal.example", rrtype)
        answer = dns.message.make_response(query)
        answer.answer.append(dns.rrset.from_text("rehearsal.example.", 1, "IN", rrtype, address))
        near, far = (FAR[4], "9.9.9.9") if ip is IP else (FAR[6], "2620:fe::9")
        flow = PacketFlow(FlowKey(17, far, 53, 40000), near, 0.0)
        for body in (UDP(sport=53, dport=40000) / Raw(answer.to_wire()), TCP(flags="SA") / Raw(b"192.0.2.3")):
            flow.head.append(CapturedPacket(0.0, False, bytes(ip(src=far, dst=near) / body)))
        read(flow)
        pcap(flow)


def read(flow: PacketFlow) -> list[Packet]:
    """The packets of a conversation, those that make no sense left out."""
    return [found for one in flow.packets if (found := _read(one, flow.begun)) is not None]


def _read(one: CapturedPacket, begun: float) -> Packet | None:
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
    """A capture file of the conversation (magic 0xA1B2C3D4, raw IP), its times counted from its beginning."""
    parts = [struct.pack("=IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, _LINKTYPE_RAW)]
    room = MOST
    for one in flow.packets:
        octets, whole = _without_us(one, flow)
        room -= 16 + len(octets)
        if room < 0:
            break
        seconds, micro = divmod(round((one.at - flow.begun) * 1_000_000), 1_000_000)
        parts += [struct.pack("=IIII", seconds, micro, len(octets), max(whole, len(octets))), octets]
    return b"".join(parts)


def _without_us(one: CapturedPacket, flow: PacketFlow) -> tuple[bytes, int]:
    """The packet with nothing of this host in it, checksums made anew; how long it was on the wire."""
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
    """The payload without our addresses and whatever is written like one; as long as it was."""
    for word in ours:
        payload = payload.replace(word, b"x" * len(word))
    for form in (_DOTTED, _COLONS):
        payload = form.sub(lambda found: b"x" * len(found[0]), payload)
    return payload


def _layer(raw: bytes) -> Scapy:
    return IPv6(raw) if raw[0] >> 4 == 6 else IP(raw)
