"""Perform the step `Connect`: open a TCP connection and record how that went."""

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


async def connect(step: Connect, tools: Tools, timestamps: Timestamps, emit: Emit) -> None:
    """Open a TCP connection and close it."""
    async with tools.connection(step.address):
        sock, connection = await open_connection(step.address, step.port, tools, timestamps)
        with contextlib.closing(sock) if sock else contextlib.nullcontext():
            emit(connection)


async def open_connection(
    address: str, port: int, tools: Tools, timestamps: Timestamps, segment: int = 0
) -> tuple[socket.socket | None, Connection]:
    """Open a TCP connection; return its socket, None when it failed, and its observation.

    The caller closes the socket. After a time-out the pace limiter spares the network for a while.
    """
    loop = asyncio.get_running_loop()
    start = loop.time()
    sock = None
    failed = None
    try:
        sock = await open_tcp(address, port, tools.timeout, segment)
    except OperationError as error:
        failed = error.info
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
