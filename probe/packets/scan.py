"""The SYN scanner, a process: `python -m probe.packets.scan`. It reads requests and writes answers, in JSON Lines.

It opens raw sockets, drops every privilege, and only then reads the first request. It needs no scapy. The kernel knows
nothing of its SYNs and answers each SYN-ACK with an RST, which ends the half-open connection at the other side.
"""

from __future__ import annotations

import contextlib
import errno
import os
import selectors
import socket
import struct
import sys
import time
from collections.abc import Callable, Iterator
from ipaddress import ip_address

import msgspec

from probe.model.syn import SynReply, SynRequest
from probe.packets import bpf
from probe.packets.syn_segments import SegmentAnswer, SynBuilder, read_icmp4, read_icmp6, read_tcp, read_tcp4
from probe.packets.syn_sweep import MAX_BURST, SynSweep
from probe.privileges import become_nobody

_MAX_REQUEST_BYTES = 1024 * 1024
_MAX_PACKETS_AT_ONCE = 256
"""Packets read of one socket before anything else is done."""
_RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024
_LOST_SYN = {errno.ENOBUFS, errno.EAGAIN, errno.EWOULDBLOCK}
"""The packet was lost on this host; it is sent again when it is due."""
_FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}
_ANY_PORT = 1
_ROUTE_BITS = {4: 8, 6: 64}
"""Addresses that differ in these last bits only count as reached by one route: a /24, in IPv6 a /64."""


class RawSockets:
    """The raw sockets of one address family: one that sends, one for TCP answers, one for ICMP errors."""

    def __init__(self, version: int) -> None:
        family = _FAMILIES[version]
        self.version = version
        self._bound = ""
        self.sender = socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_TCP)
        self.tcp = socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_TCP)
        icmp = socket.IPPROTO_ICMP if version == 4 else socket.IPPROTO_ICMPV6
        self.icmp = socket.socket(family, socket.SOCK_RAW, icmp)
        bpf.attach(self.sender, bpf.nothing())
        bpf.attach(self.tcp, bpf.nothing())
        for sock in (self.sender, self.tcp, self.icmp):
            sock.setblocking(False)
        self.tcp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER_BYTES)

    def source_for(self, address: str) -> str:
        """The address from which this host would connect there.

        Raises:
            OSError: there is no route.
        """
        with socket.socket(_FAMILIES[self.version], socket.SOCK_DGRAM) as sock:
            sock.connect((address, _ANY_PORT))
            return str(sock.getsockname()[0])

    def send(self, segment: bytes, source: str, address: str) -> None:
        """Send a segment from a source address of this host, which its checksum covers.

        Raises:
            OSError: this host refused.
        """
        if source != self._bound:
            self.sender.bind((source, 0))
            self._bound = source
        self.sender.sendto(segment, (address, 0))

    def tcp_answers(self) -> Iterator[SegmentAnswer]:
        """The TCP answers that have arrived."""
        for _ in range(_MAX_PACKETS_AT_ONCE):
            try:
                packet, sender = self.tcp.recvfrom(bpf.SNAP_BYTES)
            except BlockingIOError:
                return
            if self.version == 4:
                found = read_tcp4(packet)
            else:
                found = read_tcp(packet, int(ip_address(sender[0].partition("%")[0])))
            if found is not None:
                yield found

    def icmp_answers(self) -> Iterator[SegmentAnswer]:
        """The ICMP errors that have arrived."""
        read = read_icmp4 if self.version == 4 else read_icmp6
        for _ in range(_MAX_PACKETS_AT_ONCE):
            try:
                found = read(self.icmp.recv(bpf.SNAP_BYTES))
            except BlockingIOError:
                return
            if found is not None:
                yield found


class RunningSweep:
    """A sweep with its source port, which a TCP socket reserves: no other connection of this host may have it."""

    def __init__(self, request: SynRequest, raw: RawSockets) -> None:
        self.raw = raw
        self.rate = request.rate
        self._route_bits = _ROUTE_BITS[raw.version]
        self.reserved = socket.socket(_FAMILIES[raw.version], socket.SOCK_STREAM)
        self.reserved.bind(("", 0))
        self.local_port = int(self.reserved.getsockname()[1])
        count = len(request.addresses)
        self.sweep = SynSweep(request, struct.unpack(f"!{count}I", os.urandom(4 * count)))
        self._request = request
        self._sources: dict[int, tuple[str, SynBuilder]] = {}
        """Block of addresses that share a route -> the source address, and what builds its SYNs."""

    def send(self, index: int, number: int) -> int:
        """Send a SYN to an address of the request; return 0, or the error number with which this host refused."""
        address, destination = self._request.addresses[index], self.sweep.destinations[index]
        try:
            found = self._sources.get(destination >> self._route_bits)
            if found is None:
                found = self._find_source(address, destination)
            self.raw.send(found[1].segment(destination, number), found[0], address)
        except OSError as error:
            return 0 if error.errno in _LOST_SYN else error.errno or errno.EIO
        return 0

    def _find_source(self, address: str, destination: int) -> tuple[str, SynBuilder]:
        source = self.raw.source_for(address)
        builder = SynBuilder(ip_address(source).packed, self.local_port, self._request.port)
        found = self._sources[destination >> self._route_bits] = (source, builder)
        return found


class SynScanner:
    """The sweeps under way, over one pair of raw sockets a family.

    Args:
        sockets: version of IP -> its sockets.
        write: takes each line of answers.
    """

    def __init__(self, sockets: dict[int, RawSockets], write: Callable[[bytes], None]) -> None:
        self._sockets = sockets
        self._write = write
        self._sweeps: dict[int, RunningSweep] = {}
        """Source port -> sweep."""
        self._may_send = 0.0

    def serve(self, question: int) -> None:
        """Serve requests until the other side closes."""
        selector = selectors.DefaultSelector()
        selector.register(question, selectors.EVENT_READ)
        for raw in self._sockets.values():
            selector.register(raw.tcp, selectors.EVENT_READ, lambda raw=raw: self._take(raw.tcp_answers()))
            selector.register(raw.icmp, selectors.EVENT_READ, lambda raw=raw: self._take(raw.icmp_answers()))
        pending = b""
        while True:
            for key, _ in selector.select(self._wait()):
                if key.data is not None:
                    key.data()
                    continue
                data = os.read(question, 65536)
                pending += data
                if not data or len(pending) > _MAX_REQUEST_BYTES:
                    return
                *lines, pending = pending.split(b"\n")
                for line in lines:
                    self._begin(msgspec.json.decode(line, type=SynRequest))
            self._send()
            self._report()

    def _begin(self, request: SynRequest) -> None:
        raw = self._sockets[ip_address(request.addresses[0]).version]
        running = RunningSweep(request, raw)
        self._sweeps[running.local_port] = running
        self._set_filter(raw)

    def _set_filter(self, raw: RawSockets) -> None:
        ports = [port for port, running in self._sweeps.items() if running.raw is raw]
        bpf.attach(raw.tcp, bpf.answers(ports, version=raw.version) if ports else bpf.nothing())

    def _wait(self) -> float | None:
        """Seconds until something is due; None when nothing is."""
        deadlines = [running.sweep.next_deadline() for running in self._sweeps.values()]
        if any(running.sweep.unsent for running in self._sweeps.values()):
            deadlines.append(self._may_send)
        return max(0.0, min(deadlines) - time.monotonic()) if deadlines else None

    def _take(self, found: Iterator[SegmentAnswer]) -> None:
        now = time.monotonic()
        for one in found:
            running = self._sweeps.get(one.local_port)
            if running is not None and running.sweep.port == one.remote_port:
                running.sweep.answered(one.remote, one.number, one.code, now)

    def _send(self) -> None:
        now = time.monotonic()
        if now < self._may_send:
            return
        for running in list(self._sweeps.values()):
            sent = running.sweep.send_again(running.send, now)
            if sent < MAX_BURST:
                sent += running.sweep.send_first(running.send, time.monotonic, MAX_BURST - sent)
            if sent and running.rate:
                self._may_send = max(self._may_send, now) + sent / running.rate

    def _report(self) -> None:
        for port, running in list(self._sweeps.items()):
            if answers := running.sweep.take_answers():
                self._write(msgspec.json.encode(SynReply(running.sweep.ident, answers)) + b"\n")
            if running.sweep.over:
                running.reserved.close()
                del self._sweeps[port]
                self._set_filter(running.raw)


def main() -> None:
    """Open the sockets, drop every privilege, serve requests."""
    question, answer = sys.stdin.fileno(), sys.stdout.fileno()

    def write(line: bytes) -> None:
        while line:
            line = line[os.write(answer, line) :]

    try:
        sockets = {4: RawSockets(4)}
        with contextlib.suppress(OSError):  # a host without IPv6
            sockets[6] = RawSockets(6)
        become_nobody()
    except OSError as error:
        denied = isinstance(error, PermissionError)
        trouble = "no CAP_NET_RAW" if denied else f"no raw socket: {error.strerror}"
        write(msgspec.json.encode(SynReply(0, trouble=trouble)) + b"\n")
        return
    write(msgspec.json.encode(SynReply(0)) + b"\n")
    SynScanner(sockets, write).serve(question)


if __name__ == "__main__":
    main()
