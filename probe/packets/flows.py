"""Captured packets by flow, within bounds on memory. Pure."""

from __future__ import annotations

import ipaddress
from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

TCP, UDP = 6, 17
HEAD, TAIL = 48, 16
"""Packets kept of one flow: its first and its last ones."""
MAX_TABLE_BYTES = 16 * 1024 * 1024
"""Memory for all flows; the oldest are dropped first."""
FLOW_OVERHEAD_BYTES, PACKET_OVERHEAD_BYTES = 2048, 160
"""Memory that Python needs for a flow and for a packet beside its bytes. Without them a host that sends 28-byte packets
from every port would fill forty times the bound."""


class FlowKey(NamedTuple):
    """A flow, seen from this host."""

    protocol: int
    remote: str
    remote_port: int
    local_port: int


class RawPacket(NamedTuple):
    """The bytes of a packet from its IP header on, and its capture time."""

    at: float
    outgoing: bool
    raw: bytes


@dataclass
class PacketFlow:
    """The captured packets of a flow.

    Attributes:
        local: this host's address in it.
        begun: time of its first packet, in seconds of CLOCK_MONOTONIC.
        received: packets received, kept or not.
        size: memory it counts for, in bytes.
    """

    key: FlowKey
    local: str
    begun: float
    received: int = 0
    size: int = 0
    head: list[RawPacket] = field(default_factory=list)
    tail: deque[RawPacket] = field(default_factory=deque)

    @property
    def packets(self) -> Iterator[RawPacket]:
        """The kept packets, in order."""
        yield from self.head
        yield from self.tail

    def mentioned_name(self, names: Iterable[str]) -> str:
        """The first of these names that this host sent, as a TLS or HTTP host or a DNS question; empty for none."""
        words = b"".join(one.raw for one in self.packets if one.outgoing).lower()
        for name in names:
            octets = name.lower().encode("ascii", "replace")
            asked = b"".join(bytes((len(label) & 63,)) + label for label in octets.split(b".")) + b"\0"
            if (asked if self.key.protocol == UDP else octets) in words:
                return name
        return ""


class FlowTable:
    """The flows in memory.

    Args:
        room: the most memory, in bytes.
    """

    def __init__(self, room: int = MAX_TABLE_BYTES) -> None:
        self._flows: OrderedDict[FlowKey, PacketFlow] = OrderedDict()
        self._left = room

    def add(self, raw: bytes, at: float, *, outgoing: bool) -> None:
        """Keep a packet of TCP or UDP; others and later fragments are ignored."""
        ends = _ends(raw)
        if ends is None:
            return
        protocol, source, destination, source_port, destination_port = ends
        near, far = (source, destination) if outgoing else (destination, source)
        near_port, far_port = (source_port, destination_port) if outgoing else (destination_port, source_port)
        key = FlowKey(protocol, far, far_port, near_port)
        flow = self._flows.get(key)
        if flow is None:
            flow = self._flows[key] = PacketFlow(key, near, at)
            self._count(flow, FLOW_OVERHEAD_BYTES)
        flow.received += not outgoing
        kept = RawPacket(at, outgoing, raw)
        if len(flow.head) < HEAD:
            flow.head.append(kept)
        else:
            flow.tail.append(kept)
            if len(flow.tail) > TAIL:
                self._count(flow, -PACKET_OVERHEAD_BYTES - len(flow.tail.popleft().raw))
        self._count(flow, PACKET_OVERHEAD_BYTES + len(raw))
        while self._left < 0 and len(self._flows) > 1:
            _, oldest = self._flows.popitem(last=False)
            self._left += oldest.size

    def _count(self, flow: PacketFlow, octets: int) -> None:
        flow.size += octets
        self._left -= octets

    def since(self, moment: float) -> Iterator[PacketFlow]:
        """The flows that began at this time or later, oldest first."""
        return (flow for flow in self._flows.values() if flow.begun >= moment)


def _ends(raw: bytes) -> tuple[int, str, str, int, int] | None:
    """Protocol, addresses and ports of an IP packet."""
    if len(raw) < 28:
        return None
    if raw[0] >> 4 == 4:
        start, protocol, source, destination = (raw[0] & 15) * 4, raw[9], raw[12:16], raw[16:20]
        if (raw[6] & 0x1F) or raw[7]:
            return None
    elif raw[0] >> 4 == 6 and len(raw) >= 48:
        start, protocol, source, destination = 40, raw[6], raw[8:24], raw[24:40]
    else:
        return None
    if protocol not in (TCP, UDP) or len(raw) < start + 8:
        return None
    ports = int.from_bytes(raw[start : start + 2], "big"), int.from_bytes(raw[start + 2 : start + 4], "big")
    return protocol, str(ipaddress.ip_address(source)), str(ipaddress.ip_address(destination)), *ports
