"""TCP: open a connection, say how that went."""

from __future__ import annotations

import asyncio
import contextlib
import socket

from probe.measure.failures import Act, Ended, fault
from probe.measure.step_timeout import Phase
from probe.measure.timing import Emit, Stamp
from probe.measure.tools import Tools
from probe.model.failure import Failure
from probe.model.observation import Connection
from probe.model.step import Connect


async def open_tcp(address: str, port: int, seconds: float, segment: int = 0) -> socket.socket:
    """A connected non-blocking socket.

    Args:
        address: an IP literal without brackets.
        port: 1 to 65535.
        seconds: how long the TCP handshake may last.
        segment: the largest segment that the other side is asked to send; 0 for the usual. Where a system does not
            let that be chosen (Windows), it is the usual.

    Raises:
        Ended: it did not come to stand.
    """
    loop = asyncio.get_running_loop()
    turned: list[bool] = []
    try:
        sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    except OSError as error:
        raise Ended(fault(error, Act.CONNECT, at_once=True)) from error
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if segment and hasattr(socket, "TCP_MAXSEG"):
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, segment)
        # An error that is raised before the event loop has turned once is this host's own refusal (no route): no packet
        # can have come back yet. Later the same error number is an ICMP message.
        loop.call_soon(turned.append, True)
        with Phase(seconds):
            await loop.sock_connect(sock, (address, port))
    except BaseException as error:
        sock.close()
        if isinstance(error, Exception):
            raise Ended(fault(error, Act.CONNECT, at_once=not turned)) from error
        raise
    return sock


async def attempt(
    address: str, port: int, tools: Tools, stamp: Stamp, segment: int = 0
) -> tuple[socket.socket | None, Connection]:
    """Open a connection and the observation of it; the socket is the caller's to close, None when there is none."""
    loop = asyncio.get_running_loop()
    start = loop.time()
    sock = None
    failed = None
    try:
        sock = await open_tcp(address, port, tools.timeout, segment)
    except Ended as end:
        failed = end.fault
        if failed.failure is Failure.TIMEOUT:
            tools.pace.hushed(address)
    return sock, Connection(
        address=address,
        port=port,
        segment=segment,
        failure=failed.failure if failed else None,
        detail=failed.detail if failed else "",
        **stamp.fields(start, loop.time()),
    )


async def connect(step: Connect, tools: Tools, stamp: Stamp, emit: Emit) -> None:
    """Open a TCP connection and close it."""
    async with tools.connection(step.address):
        sock, seen = await attempt(step.address, step.port, tools, stamp)
        with contextlib.closing(sock) if sock else contextlib.nullcontext():
            emit(seen)
