"""The part of a middlebox that reads packets: `python -m tests.lab.inspector ACTIONS`, one process a middlebox.

iptables matches a packet (by keyword, port, connection mark) and queues it with the number of its action as mark. This
program forges the packets of the action with a raw socket, then accepts, changes or drops the queued packet. Forged
packets leave before that, so an injected answer always wins its race.
"""

from __future__ import annotations

import ipaddress
import json
import sys
import time
from pathlib import Path
from typing import Any

from netfilterqueue import NetfilterQueue

from tests.lab import initial, wire
from tests.lab.wire import ACK, FIN, PSH, RST, Packet

ALERT = bytes.fromhex("15030300020228")
"""A fatal `handshake_failure` alert record (RFC 8446, 6.2)."""


class Inspector:
    """Carries out the actions, by number."""

    def __init__(self, actions: list[dict[str, Any]]) -> None:
        self._actions = actions
        self._sockets = wire.raw_sockets()
        self._condemned: dict[tuple[bytes, int, bytes], float] = {}

    def take(self, queued: Any) -> None:
        """Handle one queued packet."""
        action = self._actions[queued.get_mark() - 1]
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
        self._send(self._to_client(packet, action, FIN | PSH | ACK, action["page"].encode()), self._to_server(packet))

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


def main() -> None:
    """Bind the queue, say `ready`, inspect until killed."""
    inspector = Inspector(json.loads(Path(sys.argv[1]).read_text()))
    queue = NetfilterQueue()
    queue.bind(0, inspector.take)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    queue.run()


if __name__ == "__main__":
    main()
