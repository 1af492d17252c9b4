"""The part of a middlebox that reads packets: `python -m tests.lab.inspector ACTIONS`, one process a middlebox.

iptables matches a packet (by keyword, port, connection mark) and queues it with the number of its action as mark. This
program forges the packets of the action with a raw socket, then accepts, changes or drops the queued packet. Forged
packets leave before that, so an injected answer always wins its race.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import random
import sys
import time
from pathlib import Path
from typing import Any

from netfilterqueue import NetfilterQueue

from tests.lab import initial, wire
from tests.lab.wire import ACK, FIN, PSH, RST, Packet

ALERT = bytes.fromhex("15030300020228")
"""A fatal `handshake_failure` alert record (RFC 8446, 6.2)."""
IDLE_SECONDS = 20.0
"""A connection without a packet for so long is forgotten."""
MTU = 1500
SEGMENT = 1400
"""Octets of a page in one forged packet."""


class Inspector:
    """Carries out the actions, by number."""

    def __init__(self, actions: list[dict[str, Any]]) -> None:
        self._actions = actions
        self._sockets = wire.raw_sockets()
        self._condemned: dict[tuple[bytes, int, bytes], float] = {}
        self._awake: dict[tuple[bytes, int, bytes, int], float] = {}
        self._random = random.Random(9)

    def take(self, queued: Any) -> None:
        """Handle one queued packet."""
        action = self._actions[queued.get_mark() - 1]
        if action["act"] in ("delay", "wake", "duplicate"):  # of any protocol
            self._carry(queued, action)
            return
        packet = wire.parse(queued.get_payload())
        changed = getattr(self, f"_{action['act']}")(packet, action)
        if changed is None:
            queued.drop()
            return
        if isinstance(changed, bytes):
            queued.set_payload(changed)
        # Accepted with mark 0, because later rules match on marks.
        queued.set_mark(0)
        queued.accept()

    def _carry(self, queued: Any, action: dict[str, Any]) -> None:
        """Let a packet through later, or twice."""
        payload = queued.get_payload()
        if action["act"] == "duplicate":
            if self._chance(action) and len(payload) <= MTU:
                self._again(payload)
        elif self._late(payload, action):
            queued.retain()
            asyncio.get_running_loop().call_later(action["after"] / 1000, self._release, queued)
            return
        self._release(queued)

    def _release(self, queued: Any) -> None:
        queued.set_mark(0)
        queued.accept()

    def _chance(self, action: dict[str, Any]) -> bool:
        return not action["percent"] or self._random.random() * 100 < action["percent"]

    def _late(self, payload: bytes, action: dict[str, Any]) -> bool:
        """Whether this packet is delayed."""
        if action["act"] == "delay":
            return self._chance(action)
        packet = wire.parse(payload)
        ends = (packet.source, packet.source_port, packet.destination, packet.destination_port)
        now = time.monotonic()
        asleep = now - self._awake.get(ends, -IDLE_SECONDS) >= IDLE_SECONDS
        self._awake[ends] = now
        return asleep

    def _again(self, payload: bytes) -> None:
        """Send a copy ahead of the packet."""
        four = payload[0] >> 4 == 4
        to = payload[16:20] if four else payload[24:40]
        self._sockets[len(to)].sendto(payload, (wire.text(to), 0))

    def _send(self, *packets: Packet) -> None:
        for packet in packets:
            wire.send(self._sockets, packet)

    def _to_client(
        self, packet: Packet, action: dict[str, Any], flags: int, payload: bytes = b"", shift: int = 0
    ) -> Packet:
        end = packet.sequence + len(packet.payload)
        return packet.reply(
            sequence=packet.acknowledgement + shift,
            acknowledgement=end,
            flags=flags,
            window=512,
            payload=payload,
            ttl=action["ttl"] or packet.ttl,
        )

    def _to_server(self, packet: Packet, shift: int = 0) -> Packet:
        ours = (packet.source, packet.destination, wire.TCP, packet.source_port, packet.destination_port)
        return Packet(*ours, b"", packet.sequence + shift, packet.acknowledgement, RST | ACK, 0)

    def _hello_rst(self, packet: Packet, action: dict[str, Any]) -> None:
        payload = bytes.fromhex(action["page"])
        self._send(self._to_client(packet, action, RST | ACK, payload), self._to_server(packet))

    _host_rst = _hello_residual = _hello_later = _hello_rst

    def _hello_tuple(self, packet: Packet, action: dict[str, Any]) -> bool | None:
        ends = (packet.source, packet.source_port, packet.destination)
        now = time.monotonic()
        if now < self._condemned.get(ends, 0.0):
            return None
        if action["name"].encode() not in packet.payload:
            return True
        self._condemned[ends] = now + action["after"]
        self._hello_rst(packet, action)
        return None

    def _censor(self, packet: Packet, action: dict[str, Any]) -> bool | None:
        """Punish a forbidden word, and remember the client for a while."""
        first, _, later = action["page"].partition(" ")
        ends = (packet.source, action["port"], packet.destination if action["address"] else b"")
        now = time.monotonic()
        if now < self._condemned.get(ends, 0.0):
            return self._punish(later, packet, action)
        if action["name"].encode() not in packet.payload:
            return True
        self._condemned[ends] = now + action["after"]
        return self._punish(first, packet, action)

    def _punish(self, how: str, packet: Packet, action: dict[str, Any]) -> bool | None:
        if how in ("rst", "rst-client") and not packet.flags & RST:
            self._send(*[self._to_client(packet, action, RST | ACK)] * 5)
        if how in ("rst", "rst-server") and not packet.flags & RST:
            self._send(*[self._to_server(packet)] * 5)
        return None if how == "drop" else True

    def _icmp_flood(self, packet: Packet, action: dict[str, Any]) -> bool:
        error = wire.unreachable(packet)
        for _ in range(action["after"]):
            self._sockets[len(packet.source)].sendto(error, (wire.text(packet.source), 0))
        return True

    def _hello_rst3(self, packet: Packet, action: dict[str, Any]) -> bool:
        for shift in (0, 1460, 4380):  # the sequence offsets of the GFW's second kind of reset
            self._send(self._to_client(packet, action, RST | ACK, shift=shift), self._to_server(packet, shift))
        return True

    def _hello_rewrite(self, packet: Packet, action: dict[str, Any]) -> bytes:
        fields = {name: getattr(packet, name) for name in Packet.__dataclass_fields__}
        return wire.build(Packet(**{**fields, "payload": b"", "flags": RST | ACK, "window": 0}))

    def _hello_fin(self, packet: Packet, action: dict[str, Any]) -> None:
        self._send(self._to_client(packet, action, FIN | ACK))

    def _hello_alert(self, packet: Packet, action: dict[str, Any]) -> None:
        self._send(self._to_client(packet, action, FIN | PSH | ACK, ALERT), self._to_server(packet))

    def _host_page(self, packet: Packet, action: dict[str, Any]) -> None:
        self._page(packet, action)
        self._send(self._to_server(packet))

    def _page(self, packet: Packet, action: dict[str, Any]) -> None:
        """Send a page in segments that fit; the last ends the connection."""
        page = action["page"].encode()
        for start in range(0, max(1, len(page)), SEGMENT):
            flags = PSH | ACK | (0 if start + SEGMENT < len(page) else FIN)
            self._send(self._to_client(packet, action, flags, page[start : start + SEGMENT], start))

    def _host_answer(self, packet: Packet, action: dict[str, Any]) -> bool:
        self._page(packet, action)
        return True

    def _tls_answer(self, packet: Packet, action: dict[str, Any]) -> None:
        answer = bytes.fromhex(action["page"])
        self._send(self._to_client(packet, action, FIN | PSH | ACK, answer), self._to_server(packet))

    def _quic_answer(self, packet: Packet, action: dict[str, Any]) -> None:
        """Answer with fixed bytes; `connection` stands for the client's connection ids in a version negotiation."""
        if action["page"] == "echo":
            answer = packet.payload
        elif action["page"] == "versions":
            answer = _version_negotiation(packet.payload)
        else:
            answer = bytes.fromhex(action["page"])
        self._send(packet.reply(payload=answer))

    def _dns_inject(self, packet: Packet, action: dict[str, Any]) -> bool:
        for address in action["answers"]:
            forged = wire.forged_answer(packet.payload, address)
            if forged is not None:
                whose = {"source": ipaddress.ip_address(action["to"]).packed} if action["to"] else {}
                self._send(packet.reply(payload=forged, ttl=action["ttl"] or packet.ttl, **whose))
            if action["after"]:
                time.sleep(action["after"] / 1000)
        return True

    def _quic_name(self, packet: Packet, action: dict[str, Any]) -> bool | None:
        ends = (packet.source, packet.source_port, packet.destination)
        now = time.monotonic()
        if action["name"].encode() in initial.plaintext(packet.payload):
            self._condemned.setdefault(ends, now + action["after"] / 1000)
        return None if now >= self._condemned.get(ends, float("inf")) else True


def _version_negotiation(initial_packet: bytes) -> bytes:
    """A version negotiation packet that answers an Initial (RFC 9000, 17.2.1): one unknown version."""
    to, end = initial_packet[5], 6 + initial_packet[5]
    whose = initial_packet[end + 1 : end + 1 + initial_packet[end]]
    return b"\xc0\0\0\0\0" + bytes((len(whose),)) + whose + bytes((to,)) + initial_packet[6:end] + b"\x1a\x2a\x3a\x4a"


async def main(actions: list[dict[str, Any]]) -> None:
    """Bind the queue, say `ready`, inspect until killed."""
    inspector = Inspector(actions)
    queue = NetfilterQueue()
    queue.bind(0, inspector.take, max_len=16384)
    asyncio.get_running_loop().add_reader(queue.get_fd(), lambda: queue.run(block=False))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(json.loads(Path(sys.argv[1]).read_text())))
