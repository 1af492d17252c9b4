"""Tell sockets of their readiness through one epoll of our own, registered once for each socket.

asyncio's selector registers and unregisters a socket at every wait and makes a handle for every event: some forty
Python calls, more than a connection costs otherwise. An `EdgePoller` is one reader of the event loop. It watches each
socket from its first packet to its end, edge-triggered, so that a wait costs no system call, and the kernel
unregisters a socket when it is closed. Linux only; elsewhere the event loop watches sockets itself.
"""

from __future__ import annotations

import asyncio
import select
import socket
import threading
from typing import Protocol

MAX_EVENTS = 1_023
"""Events that one call of `poll` returns."""


class Watched(Protocol):
    """An owner of a socket that is told of its readiness."""

    sock: socket.socket

    def on_events(self, events: int) -> None:
        """Take in events (`EPOLLIN`, `EPOLLOUT`, `EPOLLHUP`, ...); a handler runs no code of the measurement."""


class EdgePoller:
    """The epoll of one event loop.

    Raises:
        NotImplementedError: the event loop has no readers.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._epoll = select.epoll()
        self._watched: dict[int, Watched] = {}
        self._forgotten: set[int] = set()
        """Numbers whose remaining events of this turn belong to sockets that were closed meanwhile."""
        try:
            loop.add_reader(self._epoll.fileno(), self._dispatch)
        except BaseException:
            self._epoll.close()
            raise

    def watch(self, owner: Watched) -> None:
        """Tell `owner` of its socket's events from now on, first of what has arrived already."""
        number = owner.sock.fileno()
        self._watched[number] = owner
        try:
            self._epoll.register(number, _EVENTS)
        except FileExistsError:  # another owner of the same socket was forgotten
            self._epoll.modify(number, _EVENTS)

    def take_over(self, owner: Watched) -> None:
        """Tell `owner` of the events of its socket, which is watched already, in place of its owner so far."""
        self._watched[owner.sock.fileno()] = owner

    def owner(self, sock: socket.socket) -> Watched | None:
        """The owner of a socket that is watched."""
        found = self._watched.get(sock.fileno())
        return found if found is not None and found.sock is sock else None

    def forget(self, owner: Watched) -> None:
        """Tell `owner` of nothing more; called before its socket is closed."""
        number = owner.sock.fileno()
        if self._watched.get(number) is owner:
            del self._watched[number]
            self._forgotten.add(number)

    def _dispatch(self) -> None:
        """Tell of everything that has happened, however much: a deadline may pass in this turn of the loop.

        One call of `poll` returns 1,023 events at most. On a busy host with thousands of sockets, answers that had
        arrived long before would stay unread until their time was over.
        """
        while True:
            self._forgotten.clear()
            found = self._epoll.poll(0, MAX_EVENTS)
            for number, events in found:
                owner = self._watched.get(number)
                if owner is not None and number not in self._forgotten:
                    owner.on_events(events)
            if len(found) < MAX_EVENTS:
                return


class _ThreadPoller(threading.local):
    """The poller of the event loop that runs in this thread."""

    loop: asyncio.AbstractEventLoop | None = None
    poller: EdgePoller | None = None


_current = _ThreadPoller()
if hasattr(select, "epoll"):
    READABLE = select.EPOLLIN | select.EPOLLRDHUP | select.EPOLLHUP | select.EPOLLERR
    ENDED = select.EPOLLRDHUP | select.EPOLLHUP | select.EPOLLERR
    WRITABLE = select.EPOLLOUT | select.EPOLLHUP | select.EPOLLERR
    _EVENTS = select.EPOLLIN | select.EPOLLOUT | select.EPOLLRDHUP | select.EPOLLET
else:
    READABLE = ENDED = WRITABLE = _EVENTS = 0


def edge_poller() -> EdgePoller | None:
    """The poller of the running event loop; None where the platform or the loop has none."""
    loop = asyncio.get_running_loop()
    if _current.loop is not loop:
        _current.loop = loop
        try:
            _current.poller = EdgePoller(loop) if _EVENTS else None
        except NotImplementedError:
            _current.poller = None
    return _current.poller
