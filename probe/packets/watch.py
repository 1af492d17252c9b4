"""The watcher's process: one packet socket, a line in for each question, a line out for each answer."""

from __future__ import annotations

import ctypes
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
_SO_ATTACH_FILTER = 26
_HOST, _OUTGOING = 0, 4
"""Packets to and from this host (linux/if_packet.h); others', that a shared wire shows, are not looked at."""
_BATCH = 256
_BUFFER = 4 * 1024 * 1024
_LONGEST = 1024 * 1024
"""Bytes of a question."""
_DNS = 53


class PacketWatcher:
    """What the process holds.

    Args:
        sock: a packet socket over the network layer (AF_PACKET, SOCK_DGRAM).
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._watched: dict[str, None] = {}  # oldest first
        self._flows = FlowTable()
        self._set_filter()

    def serve(self, question: int, answer: int) -> None:
        """Until the other side closes."""
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
            if not data or len(pending) > _LONGEST:
                return
            *lines, pending = pending.split(b"\n")
            for line in lines:
                _say(answer, self.answer(msgspec.json.decode(line, type=CaptureRequest)))

    def drain(self) -> None:
        """Keep what has come."""
        for _ in range(_BATCH):
            try:
                raw, (interface, _, kind, *_) = self._sock.recvfrom(bpf.SNAP)
            except BlockingIOError:
                return
            if kind in (_HOST, _OUTGOING) and interface != "lo":
                self._flows.add(raw, time.monotonic(), outgoing=kind == _OUTGOING)

    def answer(self, ask: CaptureRequest) -> CaptureReply:
        """Do what is asked."""
        fresh = [address for address in ask.watch if address not in self._watched]
        if fresh:
            self._watched.update(dict.fromkeys(fresh))
            while len(self._watched) > bpf.MOST:
                del self._watched[next(iter(self._watched))]
            self._set_filter()
        if not ask.names:
            return CaptureReply()
        self.drain()
        return self._report(ask)

    def _report(self, ask: CaptureRequest) -> CaptureReply:
        from probe.packets import dissect  # noqa: PLC0415 - imported before privileges went, see `main`

        found: list[tuple[PacketTrace, PacketFlow]] = []
        for flow in self._flows.since(ask.since):
            name = flow.said(ask.names)
            if not name or (flow.key.protocol == UDP and flow.key.remote_port != _DNS):
                continue
            dns = flow.key.protocol == UDP
            told = (report_dns if dns else report_tcp)(dissect.read(flow))
            if told.packets:
                trace = PacketTrace(
                    address=flow.key.remote,
                    port=flow.key.remote_port,
                    protocol="dns" if dns else "tcp",
                    name=name,
                    packets=told.packets,
                    heard=flow.heard,
                    oddities=told.oddities,
                )
                found.append((trace, flow))
        found = sorted(found, key=lambda pair: not pair[0].oddities)[:MAX_CAPTURED]
        pcaps = tuple(dissect.pcap(flow) for _, flow in found) if ask.pcap else ()
        return CaptureReply(traces=tuple(trace for trace, _ in found), pcaps=pcaps)

    def _set_filter(self) -> None:
        """Hand the kernel the filter for the addresses watched now."""
        code = bpf.program(self._watched)
        held = ctypes.create_string_buffer(code, len(code))
        # struct sock_fprog: the number of instructions and where they lie.
        program = _Program(len(code) // 8, ctypes.addressof(held))
        self._sock.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, bytes(program))


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def main() -> None:
    """Open the socket, give up every privilege, serve."""
    question, answer = sys.stdin.fileno(), sys.stdout.fileno()
    try:
        from probe.packets import dissect  # noqa: PLC0415 - its files may be out of nobody's reach

        dissect.preload()
        sock = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ETH_P_ALL))
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        watch = PacketWatcher(sock)
        become_nobody()
    except ImportError:
        _say(answer, CaptureReply(trouble="scapy is not installed (the extra `packets`)"))
        return
    except OSError as error:
        denied = isinstance(error, PermissionError)
        _say(answer, CaptureReply(trouble="no CAP_NET_RAW" if denied else f"no packet socket: {error.strerror}"))
        return
    _say(answer, CaptureReply())
    watch.serve(question, answer)


def _say(answer: int, reply: CaptureReply) -> None:
    """One line, whole."""
    line = msgspec.json.encode(reply) + b"\n"
    while line:
        line = line[os.write(answer, line) :]
