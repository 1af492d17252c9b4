"""Open the connection of a step without a task: what waits for a SYN-ACK is a watched socket with a deadline.

A silent target waits for whole time-outs, several of them at once, and a list may have thousands. Here each waits as
one small object. Once the connection is established, a coroutine goes on with the rest of the step; a step that ends
with the connection needs none. Where anything has to wait before the first packet (the pace limiter, the round's
budget, a free socket), the step's own coroutine does all of it.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import Callable, Coroutine
from typing import Any

from probe.lazy import LateFunction
from probe.measure.connect import OpenedConnection, connection_outcome
from probe.measure.edge_poller import WRITABLE, EdgePoller, edge_poller
from probe.measure.failures import FailureInfo, Operation, classify
from probe.measure.socket_io import adopt, close_socket, new_tcp_socket
from probe.measure.step_timeout import PatientDeadline
from probe.measure.tools import Emit, Timestamps, Tools
from probe.model.failure import Failure
from probe.model.step import Connect, Fetch, Handshake
from probe.model.target import DEFAULT_PORTS, url_parts

Ended = Callable[[Coroutine[Any, Any, None] | None], None]
"""Called once, with the coroutine that performs the rest of the step, or None where nothing is left. The step is closed
after that."""

_FETCH = LateFunction("probe.measure.fetch", "fetch_over")
_HANDSHAKE = LateFunction("probe.measure.handshake", "handshake_over")


class ConnectUnderWay(PatientDeadline):
    """A connection that waits for the answer to its SYN; afterwards, the slot and the socket until they are taken.

    Args:
        step, tools, timestamps, emit, ended: as in `begin`. The slot of the connection is held.
        poller: watches the socket.
        sock: not connected yet.
    """

    __slots__ = (
        "_emit",
        "_ended",
        "_holds_slot",
        "_opened",
        "_owns_socket",
        "_poller",
        "_start",
        "_step",
        "_timestamps",
        "_tools",
        "_turned",
        "sock",
    )

    def __init__(  # noqa: PLR0917 - a step's four arguments, and what it needs of the network
        self,
        step: Connect | Handshake | Fetch,
        tools: Tools,
        timestamps: Timestamps,
        emit: Emit,
        ended: Ended,
        poller: EdgePoller,
        sock: socket.socket,
    ) -> None:
        super().__init__()
        self.sock = sock
        self._owns_socket = True
        self._step = step
        self._tools = tools
        self._timestamps = timestamps
        self._emit = emit
        self._ended = ended
        self._poller = poller
        self._holds_slot = True
        self._opened: OpenedConnection | None = None
        self._turned = False
        loop = asyncio.get_running_loop()
        self._start = loop.time()
        code = sock.connect_ex((step.address, port_of(step)))
        if code == errno.EINPROGRESS:
            poller.watch(self)
            self._turned = True
            self.begin(loop, min(seconds_of(step) or tools.timeout, tools.timeout))
        else:  # this host's own refusal, or an address of this host
            loop.call_soon(self._finish, code, 0)

    def on_events(self, events: int) -> None:
        """End the wait."""
        if events & WRITABLE and self._opened is None:
            self.cancel()
            self._finish(self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), events)

    def timed_out(self) -> None:
        """Observe the silence, and spare the network for a while."""
        if self._owns_socket and self._opened is None:
            self._fail(TimeoutError())

    def take(self) -> OpenedConnection:
        """Return the established connection, whose socket the caller closes."""
        assert self._opened is not None  # noqa: S101 - only the rest of the step, which begins then, takes it
        self._owns_socket = False
        return self._opened

    def release(self) -> None:
        """Give the slot of the connection back; may be called again."""
        if self._holds_slot:
            self._holds_slot = False
            open_for = asyncio.get_running_loop().time() - self._start
            self._tools.leave_connection(self._step.address, open_for)

    def close(self) -> None:
        """Give back what nobody has taken; may be called again."""
        self.cancel()
        if self._owns_socket:
            self._owns_socket = False
            self._poller.forget(self)
            close_socket(self.sock)
            self.release()

    def _finish(self, code: int, events: int) -> None:
        if not self._owns_socket:
            return  # closed meanwhile
        if code:
            self._fail(OSError(code, os.strerror(code)))
            return
        step = self._step
        self._opened = opened = self._outcome(self.sock, None)
        if isinstance(step, Connect):
            self.close()
            self._emit(opened.observation)
            self._ended(None)
            return
        if self._turned:
            adopt(self.sock, self._poller, events)
        self._emit(opened.observation)
        rest = _FETCH if isinstance(step, Fetch) else _HANDSHAKE
        self._ended(rest(step, self._tools, self._timestamps, self._emit, self))

    def _fail(self, error: Exception) -> None:
        failed = classify(error, Operation.CONNECT, at_once=not self._turned)
        if failed.failure is Failure.TIMEOUT:
            self._tools.pace.back_off(self._step.address)
        opened = self._outcome(None, failed)
        self.close()
        self._emit(opened.observation)
        self._ended(None)

    def _outcome(self, sock: socket.socket | None, failed: FailureInfo | None) -> OpenedConnection:
        step, end = self._step, asyncio.get_running_loop().time()
        return connection_outcome(
            (step.address, port_of(step), segment_of(step)), sock, failed, self._timestamps, self._start, end
        )


def begin(
    step: Connect | Handshake | Fetch, tools: Tools, timestamps: Timestamps, emit: Emit, ended: Ended
) -> ConnectUnderWay | None:
    """Send the SYN, if that is possible without waiting; None where the coroutine must do it from the start.

    Args:
        step: that begins with a connection.
        tools: shared resources.
        timestamps: of the step.
        emit: called with the observation of the connection.
        ended: called at the end of the step, or of its part without a coroutine, unless it was closed before.
    """
    poller = edge_poller()
    if poller is None or not tools.try_connection(step.address):
        return None
    sock = None
    try:
        sock = new_tcp_socket(step.address, segment_of(step))
        return ConnectUnderWay(step, tools, timestamps, emit, ended, poller, sock)
    except (OSError, ValueError):  # classified where it happens again
        tools.leave_connection(step.address, 0.0)
        if sock is not None:
            sock.close()
        return None


def port_of(step: Connect | Handshake | Fetch) -> int:
    """The port that a step connects to."""
    if not isinstance(step, Fetch):
        return step.port
    parts = url_parts(step.url)
    return parts.port or DEFAULT_PORTS[parts.scheme]


def seconds_of(step: Connect | Handshake | Fetch) -> float:
    """The time after which a step does not wait any longer; 0 for the usual."""
    return step.seconds if isinstance(step, Connect) else 0.0


def segment_of(step: Connect | Handshake | Fetch) -> int:
    """The maximum segment size that a step advertises; 0 for the usual."""
    return 0 if isinstance(step, Connect) else step.segment
