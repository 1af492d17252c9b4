"""Words that only so many routers pass on, from an ordinary socket: `IP_TTL`, `IPV6_UNICAST_HOPS`.

No privilege: the connection is made at full reach, the reach is lowered, and what is said then either meets somebody or
runs out of routers. On Linux the router's word that it did (ICMP Time Exceeded) is heard through `IP_RECVERR`, as an
error without a sender: whose word it was stays unread. Elsewhere only answers are heard.
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

from probe.measure import connect
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

WAIT_SECONDS = 2.5
"""Seconds until what nobody answered is called silence: the kernel repeats the words after 0.2, 0.6 and 1.4 s on a
quick line (RFC 6298), so four losses in a row are needed to mistake an answer for none."""
GRACE_SECONDS = 0.3
"""Seconds to read on after the path's word that the packet ran out of routers: a device beside the path lets it pass,
and its answer and that word race each other."""
CALM_SECONDS = 0.15
"""Seconds for which a new connection must stay uncut before anything is said: a device that remembers this client
resets whatever it does, and would be found at no distance at all."""
RESEND_SECONDS = 0.8
"""Seconds until an unanswered query is sent again."""
_MAX_STRAY_DATAGRAMS = 64
"""Datagrams that are no answer of ours before we stop reading."""

_RECVERR = {socket.AF_INET: (socket.IPPROTO_IP, 11), socket.AF_INET6: (socket.IPPROTO_IPV6, 25)}
"""`IP_RECVERR` and `IPV6_RECVERR` (linux/in.h, linux/in6.h), which Python's socket module does not name."""
_LINGER = struct.Struct("hh" if sys.platform == "win32" else "ii")


async def trace(step: Trace, tools: Tools, timestamps: Timestamps, emit: Emit) -> None:
    """Say it within reach; tell who answered."""
    if step.payload is TracePayload.QUERY:
        async with tools.concurrency.sockets:
            emit(await _query(step, tools, timestamps))
        return
    async with tools.connection(step.address):
        start = asyncio.get_running_loop().time()
        sock, seen = await connect.open_connection(step.address, step.port, tools, timestamps)
        if sock is None:
            fields = timestamps.fields(start, asyncio.get_running_loop().time())
            emit(_traced(step, seen.failure, fields, opened=False))
            return
        try:
            emit(await _speak(sock, step, tools, timestamps))
        finally:
            _leave(sock)


async def _speak(sock: socket.socket, step: Trace, tools: Tools, timestamps: Timestamps) -> TraceReply:
    loop = asyncio.get_running_loop()
    start = loop.time()
    with contextlib.suppress(TimeoutError), StepTimeout(CALM_SECONDS):
        cut = await _one(sock)
        return _traced(step, cut, timestamps.fields(start, loop.time()), opened=False)
    words = _hello(step.name, tools) if step.payload is TracePayload.HELLO else _request(step.name)
    start = loop.time()
    try:
        _limit(sock, step.ttl)
        await loop.sock_sendall(sock, words)
    except OSError as error:
        return _traced(
            step, classify(error, Operation.STREAM).failure, timestamps.fields(start, loop.time()), opened=False
        )
    expired = False
    until = start + min(tools.timeout, WAIT_SECONDS)
    failure: Failure | None = Failure.TIMEOUT
    while (rest := until - loop.time()) > 0:
        try:
            with StepTimeout(rest):
                failure = await _one(sock)
        except TimeoutError:
            break
        if failure is not Failure.UNREACHABLE:
            return _traced(step, failure, timestamps.fields(start, loop.time()))
        if not expired:
            expired = True
            until = min(until, loop.time() + GRACE_SECONDS)
    if expired:
        return _traced(step, Failure.UNREACHABLE, timestamps.fields(start, loop.time()))
    return _traced(step, Failure.TIMEOUT, timestamps.fields(start, loop.time()), acked=all_acknowledged(sock))


async def _one(sock: socket.socket) -> Failure | None:
    """How the next thing that comes ends the waiting; None for bytes."""
    try:
        data = await asyncio.get_running_loop().sock_recv(sock, READ_BYTES)
    except OSError as error:
        return classify(error, Operation.STREAM).failure
    return None if data else Failure.EOF


async def _query(step: Trace, tools: Tools, timestamps: Timestamps) -> TraceReply:
    loop = asyncio.get_running_loop()
    start = loop.time()
    asked = dns_question(step.name, step.rrtype)
    ident = secrets.randbelow(65536)
    failure: Failure | None = Failure.TIMEOUT
    sock = socket.socket(socket.AF_INET6 if ":" in step.address else socket.AF_INET, socket.SOCK_DGRAM)
    with contextlib.closing(sock):
        try:
            sock.setblocking(False)
            _limit(sock, step.ttl)
            sock.connect((step.address, step.port))
            wait = min(tools.timeout, WAIT_SECONDS)
            for pause in (min(RESEND_SECONDS, wait / 2), wait - min(RESEND_SECONDS, wait / 2)):
                sock.send(asked.message(ident))
                with contextlib.suppress(TimeoutError), StepTimeout(pause):
                    failure = await _answer(sock, asked, ident, min(GRACE_SECONDS, pause / 2))
                    break
        except OSError as error:
            failure = classify(error, Operation.DATAGRAM, at_once=True).failure
    return _traced(step, failure, timestamps.fields(start, loop.time()))


async def _answer(sock: socket.socket, asked: DnsQuestion, ident: int, grace: float) -> Failure | None:
    """None once an answer came, whatever it says; so many seconds for one that lost its race against ICMP."""
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
                return await _late(sock, asked, ident)
            return Failure.UNREACHABLE
        if _answers(data, asked, ident):
            return None
    return Failure.GARBAGE


async def _late(sock: socket.socket, asked: DnsQuestion, ident: int) -> Failure | None:
    """An answer that lost its race against the path's word."""
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
    """Empty the error queue, unread: as long as something lies in it the socket counts as readable."""
    queue = getattr(socket, "MSG_ERRQUEUE", None)
    with contextlib.suppress(OSError):
        while queue is not None:
            sock.recvmsg(0, 0, queue)


def _hello(name: str, tools: Tools) -> bytes:
    """A ClientHello as the handshakes of this program send it."""
    outgoing = ssl.MemoryBIO()
    context = tools.contexts.get(verify=False, alpn=("http/1.1",))
    tls = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=name or None)
    with contextlib.suppress(ssl.SSLWantReadError):
        tls.do_handshake()
    return outgoing.read()


def _request(url: str) -> bytes:
    """A request as the fetches of this program send it."""
    parts = urlsplit(url)
    port = f":{parts.port}" if parts.port and parts.port != DEFAULT_PORTS["http"] else ""
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    fields = (("Host", bracketed(parts.hostname or "") + port), *BROWSER_HEADERS)
    return "".join((f"GET {path} HTTP/1.1\r\n", *(f"{key}: {value}\r\n" for key, value in fields), "\r\n")).encode()


def _limit(sock: socket.socket, ttl: int) -> None:
    """From now on this many routers see the socket's packets; hear it when they run out of them.

    Raises:
        OSError: the platform cannot.
    """
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, ttl)
    else:
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, ttl)
    if sys.platform == "linux":
        sock.setsockopt(*_RECVERR[sock.family], 1)


def _leave(sock: socket.socket) -> None:
    """Tell the server at full reach that the connection is over, without the words it never heard."""
    with contextlib.suppress(OSError):
        if sock.family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, -1 if sys.platform == "linux" else 64)
        else:
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 64)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER.pack(1, 0))
    sock.close()


def _traced(
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
