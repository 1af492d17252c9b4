"""Perform the step `Connect`: open a TCP connection and record how that went."""

from __future__ import annotations

import asyncio
import socket
from typing import NamedTuple

from probe.measure.failures import FailureInfo, OperationError
from probe.measure.round_trip import KernelRoundTrip, kernel_round_trip
from probe.measure.socket_io import close_socket, open_tcp
from probe.measure.tools import Emit, Timestamps, Tools
from probe.model.failure import Failure
from probe.model.observation import Connection
from probe.model.step import Connect


class OpenedConnection(NamedTuple):
    """The outcome of opening a TCP connection.

    Attributes:
        sock: None when it failed; the caller closes it.
        observation: what was seen.
        established: when the kernel had the SYN-ACK, of `time.monotonic`; 0 when unknown.
    """

    sock: socket.socket | None
    observation: Connection
    established: float = 0.0


async def connect(step: Connect, tools: Tools, timestamps: Timestamps, emit: Emit) -> None:
    """Open a TCP connection and close it."""
    async with tools.connection(step.address):
        opened = await open_connection(step.address, step.port, tools, timestamps, seconds=step.seconds)
        try:
            emit(opened.observation)
        finally:
            if opened.sock is not None:
                close_socket(opened.sock)


async def open_connection(
    address: str, port: int, tools: Tools, timestamps: Timestamps, segment: int = 0, *, seconds: float = 0.0
) -> OpenedConnection:
    """Open a TCP connection. After a time-out the pace limiter spares the network for a while.

    Args:
        address: an IP literal.
        port: of the server.
        tools: has the time-out.
        timestamps: of the step.
        segment: maximum segment size to ask for; 0: the system's.
        seconds: to wait at most, where that is less than the time-out; 0: the time-out.
    """
    loop = asyncio.get_running_loop()
    start = loop.time()
    sock = None
    failed = None
    try:
        sock = await open_tcp(address, port, min(seconds or tools.timeout, tools.timeout), segment)
    except OperationError as error:
        failed = error.info
        if failed.failure is Failure.TIMEOUT:
            tools.pace.back_off(address)
    return connection_outcome((address, port, segment), sock, failed, timestamps, start, loop.time())


def connection_outcome(  # noqa: PLR0917 - what an observation is made of
    asked: tuple[str, int, int],
    sock: socket.socket | None,
    failed: FailureInfo | None,
    timestamps: Timestamps,
    start: float,
    end: float,
) -> OpenedConnection:
    """Return the outcome of opening a connection, with its observation.

    Args:
        asked: address, port, and the maximum segment size that was advertised.
        sock: connected; None where that failed.
        failed: how; None where it did not.
        timestamps: of the step.
        start: on the event loop's clock.
        end: likewise.
    """
    address, port, segment = asked
    kernel = KernelRoundTrip() if sock is None else kernel_round_trip(sock)
    rtt = 0 if kernel.resent else kernel.smoothed
    observation = Connection(
        address=address,
        port=port,
        segment=segment,
        rtt=rtt,
        resent=kernel.resent,
        failure=failed.failure if failed else None,
        detail=failed.detail if failed else "",
        **timestamps.fields(start, end),
    )
    return OpenedConnection(sock, observation, start + rtt / 1e6 if rtt else 0.0)
