"""Tell many sockets' handlers that they are ready, with few system calls and few calls of Python.

asyncio's `add_reader` and `add_writer` cost more than the rest of a glance: a handle, a context and two epoll_ctl for a
connection that is opened and then read. So the sockets are in a selector of our own. The event loop watches that
selector as one file, and a batch of ready sockets is one call of the event loop.

On Linux the selector is an epoll that reports edges: one epoll_ctl a connection, and none when it is closed. Elsewhere
it is what `selectors` has. Where the event loop watches no files (Windows' proactor), or the selector is no file
(Windows' select), it is asked for ready sockets every `POLL_SECONDS` while there are any.
"""

from __future__ import annotations

import asyncio
import select
import selectors
from collections.abc import Callable
from typing import Protocol

POLL_SECONDS = 0.01
"""Interval at which sockets are polled where the event loop cannot watch the selector."""
_EVENTS_PER_TURN = 256
"""Ready sockets that are handled before other work of the event loop runs."""

READABLE = 1
WRITABLE = 4
BROKEN = 8 | 16
"""Bits of `ready`: those of epoll (EPOLLIN, EPOLLOUT, EPOLLERR and EPOLLHUP). A poller that cannot tell whether a
connection failed says with `WRITABLE` that it may be broken."""


class FileWithNumber(Protocol):
    """A socket."""

    def fileno(self) -> int:
        """Return its number."""


class SocketHandler(Protocol):
    """Handles what happens at one socket."""

    def ready(self, events: int) -> None:
        """Take in that the socket is readable, writable or broken."""


class Poller(Protocol):
    """Calls the handlers of ready sockets."""

    def watch_connecting(self, sock: FileWithNumber, handler: SocketHandler) -> None:
        """Report once that the socket is connected, and then that there is something to read."""

    def connected(self, sock: FileWithNumber, handler: SocketHandler) -> None:
        """Report only that there is something to read from now on."""

    def watch_reading(self, sock: FileWithNumber, handler: SocketHandler) -> None:
        """Report as long as there is something to read."""

    def forget(self, sock: FileWithNumber) -> None:
        """Report nothing more; call it before the socket is closed."""

    def read_arrived(self) -> None:
        """Handle all sockets that are ready now."""

    def close(self) -> None:
        """Report nothing more and free what is held."""


class EpollPoller:
    """Linux: an epoll inside the event loop's.

    Args:
        loop: watches the epoll.
        after_turn: called after each batch of handlers.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, after_turn: Callable[[], None]) -> None:
        self._loop = loop
        self._after_turn = after_turn
        self._handlers: dict[int, SocketHandler] = {}
        self._epoll = select.epoll()
        loop.add_reader(self._epoll.fileno(), self._turn)
        self._connecting = select.EPOLLIN | select.EPOLLOUT | select.EPOLLET

    def watch_connecting(self, sock: FileWithNumber, handler: SocketHandler) -> None:
        """Report once that the socket is connected, and then each arrival of something to read."""
        number = sock.fileno()
        self._handlers[number] = handler
        self._epoll.register(number, self._connecting)

    def connected(self, sock: FileWithNumber, handler: SocketHandler) -> None:
        """Do nothing: a socket becomes writable once only, since little is written to it."""

    def watch_reading(self, sock: FileWithNumber, handler: SocketHandler) -> None:
        """Report as long as there is something to read."""
        number = sock.fileno()
        self._handlers[number] = handler
        self._epoll.register(number, select.EPOLLIN)

    def forget(self, sock: FileWithNumber) -> None:
        """Report nothing more. The kernel forgets the socket when it is closed."""
        self._handlers.pop(sock.fileno(), None)

    def read_arrived(self) -> None:
        """Handle all sockets that are ready now."""
        while self._turn() == _EVENTS_PER_TURN:
            pass

    def close(self) -> None:
        """Report nothing more and free what is held."""
        self._loop.remove_reader(self._epoll.fileno())
        self._epoll.close()
        self._handlers.clear()

    def _turn(self) -> int:
        events = self._epoll.poll(0, _EVENTS_PER_TURN)
        handlers = self._handlers
        for number, bits in events:
            handler = handlers.get(number)
            if handler is not None:
                handler.ready(bits)
        self._after_turn()
        return len(events)


class SelectorPoller:
    """Everywhere: a selector of the standard library, watched by the event loop where it can be, else polled.

    Args:
        loop: watches the selector, or runs the timer that polls it.
        after_turn: called after each batch of handlers.
        selector: the system's best when None.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        after_turn: Callable[[], None],
        selector: selectors.BaseSelector | None = None,
    ) -> None:
        self._loop = loop
        self._after_turn = after_turn
        self._selector = selector or selectors.DefaultSelector()
        self._timer: asyncio.TimerHandle | None = None
        self._number: int | None = None
        try:
            number = int(self._selector.fileno())  # type: ignore[attr-defined]
            loop.add_reader(number, self._turn)
        except (AttributeError, NotImplementedError):
            return
        self._number = number

    def watch_connecting(self, sock: FileWithNumber, handler: SocketHandler) -> None:
        """Report that the socket is connected, until `connected` is called."""
        self._register(sock, selectors.EVENT_READ | selectors.EVENT_WRITE, handler)

    def connected(self, sock: FileWithNumber, handler: SocketHandler) -> None:
        """Report only that there is something to read from now on."""
        self._selector.modify(sock, selectors.EVENT_READ, handler)

    def watch_reading(self, sock: FileWithNumber, handler: SocketHandler) -> None:
        """Report as long as there is something to read."""
        self._register(sock, selectors.EVENT_READ, handler)

    def forget(self, sock: FileWithNumber) -> None:
        """Report nothing more."""
        self._selector.unregister(sock)

    def read_arrived(self) -> None:
        """Handle all sockets that are ready now."""
        self._turn()

    def close(self) -> None:
        """Report nothing more and free what is held."""
        if self._number is not None:
            self._loop.remove_reader(self._number)
        if self._timer is not None:
            self._timer.cancel()
        self._selector.close()

    def _register(self, sock: FileWithNumber, events: int, handler: SocketHandler) -> None:
        self._selector.register(sock, events, handler)
        self._poll_later()

    def _poll_later(self) -> None:
        if self._number is None and self._timer is None:
            self._timer = self._loop.call_later(POLL_SECONDS, self._poll)

    def _poll(self) -> None:
        self._timer = None
        self._turn()
        if self._selector.get_map():
            self._poll_later()

    def _turn(self) -> None:
        if not self._selector.get_map():
            return  # Windows' select refuses to wait for nothing
        for key, events in self._selector.select(0):
            if self._selector.get_map().get(key.fd) is key:
                handler: SocketHandler = key.data
                handler.ready(events if events == READABLE else events & READABLE | WRITABLE | BROKEN)
        self._after_turn()


def make_poller(loop: asyncio.AbstractEventLoop, after_turn: Callable[[], None]) -> Poller:
    """Return the cheapest poller that this system and this event loop have."""
    if hasattr(select, "epoll"):
        return EpollPoller(loop, after_turn)
    return SelectorPoller(loop, after_turn)
