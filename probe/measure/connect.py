"""TCP: open a connection, say how that went."""

from __future__ import annotations

import asyncio
import contextlib
import socket

from probe.measure.failures import OperationError
from probe.measure.socket_io import open_tcp
from probe.measure.tools import Emit, Timestamps, Tools
from probe.model.failure import Failure
from probe.model.observation import Connection
from probe.model.step import Connect


async def open_connection(
    address: str, port: int, tools: Tools, timestamps: Timestamps, segment: int = 0
) -> tuple[socket.socket | None, Connection]:
    """Open a connection and the observation of it; the socket is the caller's to close, None when there is none."""
    loop = asyncio.get_running_loop()
    start = loop.time()
    sock = None
    failed = None
    try:
        sock = await open_tcp(address, port, tools.timeout, segment)
    except OperationError as end:
        failed = end.info
        if failed.failure is Failure.TIMEOUT:
            tools.pace.back_off(address)
    return sock, Connection(
        address=address,
        port=port,
        segment=segment,
        failure=failed.failure if failed else None,
        detail=failed.detail if failed else "",
        **timestamps.fields(start, loop.time()),
    )


async def connect(step: Connect, tools: Tools, timestamps: Timestamps, emit: Emit) -> None:
    """Open a TCP connection and close it."""
    async with tools.connection(step.address):
        sock, seen = await open_connection(step.address, step.port, tools, timestamps)
        with contextlib.closing(sock) if sock else contextlib.nullcontext():
            emit(seen)
