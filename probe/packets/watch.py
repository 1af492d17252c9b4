"""The packet watcher: reads one packet socket, and answers each request line with one reply line."""

from __future__ import annotations

import os
import selectors
import socket
import sys
import time

import msgspec

from probe.model.packets import MAX_CAPTURED, CaptureReply, CaptureRequest, PacketTrace
from probe.packets import bpf
from probe.packets.capture_report import report_dns, report_tcp
from probe.packets.flows import UDP, FlowTable, PacketFlow
from probe.privileges import become_nobody

_ETH_P_ALL = 0x0003
_HOST, _OUTGOING = 0, 4
"""Packet types to and from this host (linux/if_packet.h); packets of other hosts on a shared link are ignored."""
_MAX_PACKETS_AT_ONCE = 256
"""Packets read before the next request is looked for."""
_RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024
_MAX_REQUEST_BYTES = 1024 * 1024
_DNS = 53


class PacketWatcher:
    """The packet socket, its filter and the flows captured so far.

    Args:
        sock: a packet socket over the network layer (AF_PACKET, SOCK_DGRAM).
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._watched: dict[str, None] = {}  # oldest first
        self._flows = FlowTable()
        self._set_filter()

    def serve(self, question: int, answer: int) -> None:
        """Serve requests until the other side closes."""
        selector = selectors.DefaultSelector()
        selector.register(question, selectors.EVENT_READ)
        selector.register(self._sock, selectors.EVENT_READ)
        pending = b""
        while True:
            ready = [key.fd for key, _ in selector.select()]
            if self._sock.fileno() in ready:
                self.drain()
            if question not in ready:
                continue
            data = os.read(question, 65536)
            pending += data
            if not data or len(pending) > _MAX_REQUEST_BYTES:
                return
            *lines, pending = pending.split(b"\n")
            for line in lines:
                _write_reply(answer, self.answer(msgspec.json.decode(line, type=CaptureRequest)))

    def drain(self) -> None:
        """Read the packets that have arrived."""
        for _ in range(_MAX_PACKETS_AT_ONCE):
            try:
                raw, (interface, _, kind, *_) = self._sock.recvfrom(bpf.SNAP_BYTES)
            except BlockingIOError:
                return
            if kind in (_HOST, _OUTGOING) and interface != "lo":
                self._flows.add(raw, time.monotonic(), outgoing=kind == _OUTGOING)

    def answer(self, ask: CaptureRequest) -> CaptureReply:
        """Serve one request: watch more addresses, report the flows of some names."""
        fresh = [address for address in ask.watch if address not in self._watched]
        if fresh:
            self._watched.update(dict.fromkeys(fresh))
            while len(self._watched) > bpf.MAX_ADDRESSES:
                del self._watched[next(iter(self._watched))]
            self._set_filter()
        if not ask.names:
            return CaptureReply()
        self.drain()
        return self._report(ask)

    def _report(self, ask: CaptureRequest) -> CaptureReply:
        from probe.packets import dissect  # noqa: PLC0415 - imported before privileges were dropped, see `main`

        found: list[tuple[PacketTrace, PacketFlow]] = []
        for flow in self._flows.since(ask.since):
            name = flow.mentioned_name(ask.names)
            if not name or (flow.key.protocol == UDP and flow.key.remote_port != _DNS):
                continue
            dns = flow.key.protocol == UDP
            report = (report_dns if dns else report_tcp)(dissect.read(flow))
            if report.packets:
                trace = PacketTrace(
                    address=flow.key.remote,
                    port=flow.key.remote_port,
                    protocol="dns" if dns else "tcp",
                    name=name,
                    packets=report.packets,
                    heard=flow.received,
                    oddities=report.oddities,
                )
                found.append((trace, flow))
        found = sorted(found, key=lambda pair: not pair[0].oddities)[:MAX_CAPTURED]
        pcaps = tuple(dissect.pcap(flow) for _, flow in found) if ask.pcap else ()
        return CaptureReply(traces=tuple(trace for trace, _ in found), pcaps=pcaps)

    def _set_filter(self) -> None:
        """Install the kernel filter for the watched addresses."""
        bpf.attach(self._sock, bpf.program(self._watched))


def main() -> None:
    """Open the socket, drop every privilege, serve requests."""
    question, answer = sys.stdin.fileno(), sys.stdout.fileno()
    try:
        from probe.packets import dissect  # noqa: PLC0415 - user `nobody` may not be able to read its files

        dissect.preload()
        sock = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ETH_P_ALL))
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER_BYTES)
        watch = PacketWatcher(sock)
        become_nobody()
    except ImportError:
        _write_reply(answer, CaptureReply(trouble="scapy is not installed (the extra `packets`)"))
        return
    except OSError as error:
        denied = isinstance(error, PermissionError)
        _write_reply(
            answer, CaptureReply(trouble="no CAP_NET_RAW" if denied else f"no packet socket: {error.strerror}")
        )
        return
    _write_reply(answer, CaptureReply())
    watch.serve(question, answer)


def _write_reply(answer: int, reply: CaptureReply) -> None:
    """Write one reply line completely."""
    line = msgspec.json.encode(reply) + b"\n"
    while line:
        line = line[os.write(answer, line) :]
