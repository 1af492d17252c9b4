"""Perform the step `Trace`: send a request with a low TTL from an ordinary socket (`IP_TTL`, `IPV6_UNICAST_HOPS`).

No privilege is needed. The connection is made at the usual TTL; then the TTL is lowered and the request is sent. It is
answered on the way or its TTL expires. Linux reports the router's ICMP Time Exceeded through `IP_RECVERR` as an error;
the router's address is not read. On other systems only answers are seen.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
import ssl
import struct
import sys
from urllib.parse import urlsplit

from probe.measure.connect import open_connection
from probe.measure.dns_wire import DnsQuestion, MalformedDnsError, dns_question
from probe.measure.failures import Operation, classify
from probe.measure.http_get import BROWSER_HEADERS
from probe.measure.step_timeout import StepTimeout
from probe.measure.stream import READ_BYTES, all_acknowledged
from probe.measure.tools import Emit, Timestamps, Tools
from probe.model.failure import Failure
from probe.model.observation import TracePayload, TraceReply
from probe.model.step import Trace
from probe.model.target import DEFAULT_PORTS, bracketed
from probe.traffic_account import QUERY_TRAFFIC, STREAM_TRAFFIC, demand

WAIT_SECONDS = 2.5
"""Time to wait for an answer. The kernel retransmits after 0.2, 0.6 and 1.4 s on a fast line (RFC 6298), so it takes
four losses in a row to miss an answer."""
GRACE_SECONDS = 0.3
"""Time to read on after ICMP Time Exceeded: a device beside the path lets the packet pass, and its answer and the ICMP
message race each other."""
CALM_SECONDS = 0.15
"""Time for which a new connection must stay open before the request: a device with residual blocking resets every
connection of this client, and would seem to be at no distance."""
RESEND_SECONDS = 0.8
"""Delay until an unanswered query is sent again."""
_MAX_STRAY_DATAGRAMS = 64
"""Datagrams read without a usable answer, and ICMP errors read in a row."""

_RECVERR = {socket.AF_INET: (socket.IPPROTO_IP, 11), socket.AF_INET6: (socket.IPPROTO_IPV6, 25)}
"""`IP_RECVERR` and `IPV6_RECVERR` (linux/in.h, linux/in6.h); Python's socket module has no names for them."""
_LINGER = struct.Struct("hh" if sys.platform == "win32" else "ii")


async def trace(step: Trace, tools: Tools, timestamps: Timestamps, emit: Emit) -> None:
    """Send the request and observe the answer."""
    if step.payload is TracePayload.QUERY:
        async with tools.concurrency.sockets:
            emit(await _trace_udp(step, tools, timestamps))
        return
    async with tools.connection(step.address):
        start = asyncio.get_running_loop().time()
        opened = await open_connection(step.address, step.port, tools, timestamps)
        if opened.sock is None:
            fields = timestamps.fields(start, asyncio.get_running_loop().time())
            emit(_observation(step, opened.observation.failure, fields, opened=False))
            return
        tools.pace.budget.count_sent(STREAM_TRAFFIC)
        try:
            emit(await _trace_tcp(opened.sock, step, tools, timestamps))
        finally:
            _reset(opened.sock)


async def _trace_tcp(sock: socket.socket, step: Trace, tools: Tools, timestamps: Timestamps) -> TraceReply:
    loop = asyncio.get_running_loop()
    start = loop.time()
    with contextlib.suppress(TimeoutError), StepTimeout(CALM_SECONDS):
        cut = await _next_event(sock)
        return _observation(step, cut, timestamps.fields(start, loop.time()), opened=False)
    data = _client_hello(step.name, tools) if step.payload is TracePayload.HELLO else _request(step.name)
    start = loop.time()
    try:
        _set_ttl(sock, step.ttl)
        await loop.sock_sendall(sock, data)
    except OSError as error:
        return _observation(
            step, classify(error, Operation.STREAM).failure, timestamps.fields(start, loop.time()), opened=False
        )
    expired = False
    until = start + min(tools.timeout, WAIT_SECONDS)
    failure: Failure | None = Failure.TIMEOUT
    while (rest := until - loop.time()) > 0:
        try:
            with StepTimeout(rest):
                failure = await _next_event(sock)
        except TimeoutError:
            break
        if failure is not Failure.UNREACHABLE:
            return _observation(step, failure, timestamps.fields(start, loop.time()))
        if not expired:
            expired = True
            until = min(until, loop.time() + GRACE_SECONDS)
        await asyncio.sleep(0)  # errors may come without a wait
    if expired:
        return _observation(step, Failure.UNREACHABLE, timestamps.fields(start, loop.time()))
    return _observation(step, Failure.TIMEOUT, timestamps.fields(start, loop.time()), acked=all_acknowledged(sock))


async def _next_event(sock: socket.socket) -> Failure | None:
    """Wait for bytes, an error or the end; return the failure, None for bytes."""
    try:
        data = await asyncio.get_running_loop().sock_recv(sock, READ_BYTES)
    except OSError as error:
        return classify(error, Operation.STREAM).failure
    return None if data else Failure.EOF


async def _trace_udp(step: Trace, tools: Tools, timestamps: Timestamps) -> TraceReply:
    loop = asyncio.get_running_loop()
    start = loop.time()
    asked = dns_question(step.name, step.rrtype)
    ident = secrets.randbelow(65536)
    failure: Failure | None = Failure.TIMEOUT
    sock = socket.socket(socket.AF_INET6 if ":" in step.address else socket.AF_INET, socket.SOCK_DGRAM)
    with contextlib.closing(sock):
        try:
            sock.setblocking(False)
            _set_ttl(sock, step.ttl)
            sock.connect((step.address, step.port))
            wait = min(tools.timeout, WAIT_SECONDS)
            for pause in (min(RESEND_SECONDS, wait / 2), wait - min(RESEND_SECONDS, wait / 2)):
                demand(QUERY_TRAFFIC)
                sock.send(asked.message(ident))
                with contextlib.suppress(TimeoutError), StepTimeout(pause):
                    failure = await _answer(sock, asked, ident, min(GRACE_SECONDS, pause / 2))
                    break
        except OSError as error:
            failure = classify(error, Operation.DATAGRAM, at_once=True).failure
    return _observation(step, failure, timestamps.fields(start, loop.time()))


async def _answer(sock: socket.socket, asked: DnsQuestion, ident: int, grace: float) -> Failure | None:
    """Wait for an answer; return the failure, None for an answer of any content.

    After ICMP Time Exceeded, wait `grace` seconds for an answer that lost the race against it.
    """
    loop = asyncio.get_running_loop()
    for _ in range(_MAX_STRAY_DATAGRAMS):
        try:
            data = await loop.sock_recv(sock, READ_BYTES)
        except OSError as error:
            _discard_errors(sock)
            failure = classify(error, Operation.DATAGRAM).failure
            if failure is not Failure.UNREACHABLE:
                return failure
            with contextlib.suppress(TimeoutError), StepTimeout(grace):
                return await _late_answer(sock, asked, ident)
            return Failure.UNREACHABLE
        if _answers(data, asked, ident):
            return None
    return Failure.GARBAGE


async def _late_answer(sock: socket.socket, asked: DnsQuestion, ident: int) -> Failure | None:
    """Wait for an answer after an ICMP error; return the failure, None for an answer."""
    loop = asyncio.get_running_loop()
    for _ in range(_MAX_STRAY_DATAGRAMS):
        try:
            data = await loop.sock_recv(sock, READ_BYTES)
        except OSError:
            _discard_errors(sock)
            continue
        if _answers(data, asked, ident):
            return None
    return Failure.UNREACHABLE


def _answers(data: bytes, asked: DnsQuestion, ident: int) -> bool:
    try:
        return asked.parse(data, ident) is not None
    except MalformedDnsError:
        return True


def _discard_errors(sock: socket.socket) -> None:
    """Empty the error queue without reading it: while it holds anything, the socket counts as readable."""
    queue = getattr(socket, "MSG_ERRQUEUE", None)
    if queue is None:
        return
    with contextlib.suppress(OSError):
        for _ in range(_MAX_STRAY_DATAGRAMS):
            sock.recvmsg(0, 0, queue)


def _client_hello(name: str, tools: Tools) -> bytes:
    """Return a ClientHello as `probe.measure.handshake` sends it."""
    outgoing = ssl.MemoryBIO()
    context = tools.contexts.get(verify=False, alpn=("http/1.1",))
    tls = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=name or None)
    with contextlib.suppress(ssl.SSLWantReadError):
        tls.do_handshake()
    return outgoing.read()


def _request(url: str) -> bytes:
    """Return a request as `probe.measure.fetch` sends it."""
    parts = urlsplit(url)
    port = f":{parts.port}" if parts.port and parts.port != DEFAULT_PORTS["http"] else ""
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    fields = (("Host", bracketed(parts.hostname or "") + port), *BROWSER_HEADERS)
    return "".join((f"GET {path} HTTP/1.1\r\n", *(f"{key}: {value}\r\n" for key, value in fields), "\r\n")).encode()


def _set_ttl(sock: socket.socket, ttl: int) -> None:
    """Set the TTL of the socket's packets, and have ICMP errors reported on it.

    Raises:
        OSError: the system refuses the TTL.
    """
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, ttl)
    else:
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, ttl)
    if sys.platform == "linux":
        sock.setsockopt(*_RECVERR[sock.family], 1)


def _reset(sock: socket.socket) -> None:
    """Close with an RST at the usual TTL, so that the kernel does not retransmit the request."""
    with contextlib.suppress(OSError):
        if sock.family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, -1 if sys.platform == "linux" else 64)
        else:
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 64)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER.pack(1, 0))
    sock.close()


def _observation(
    step: Trace, failure: Failure | None, fields: dict[str, object], *, opened: bool = True, acked: bool | None = None
) -> TraceReply:
    return TraceReply(
        payload=step.payload,
        address=step.address,
        port=step.port,
        name=step.name,
        ttl=step.ttl,
        opened=opened,
        acked=acked,
        failure=failure,
        **fields,  # type: ignore[arg-type]
    )
