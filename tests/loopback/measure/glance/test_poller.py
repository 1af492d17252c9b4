"""A poller reports connections, arrivals and breaks, and nothing after it was told to forget."""

from __future__ import annotations

import asyncio
import select
import socket

import pytest

from probe.measure.glance import poller as module
from probe.measure.glance.poller import READABLE, WRITABLE, EpollPoller, SelectorPoller, make_poller
from tests.loopback.measure.glance.glances import POLLERS

pytestmark = pytest.mark.parametrize("poller", POLLERS)


class Noting:
    """Notes what happens at its socket, and reads it."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.events: list[int] = []
        self.data = b""

    def ready(self, events: int) -> None:
        """Note it."""
        self.events.append(events)
        if events & READABLE:
            self.data += self.sock.recv(100)


async def until(handler: Noting, data: bytes) -> None:
    """Let the event loop run until this has arrived."""
    async with asyncio.timeout(10):
        while handler.data != data:  # noqa: ASYNC110 - a poller has no event to wait for
            await asyncio.sleep(0.005)


async def test_a_connection_is_reported_then_what_arrives(poller: str) -> None:
    """Only what arrives is, once the handler knows that it is connected."""
    turns: list[int] = []
    made = POLLERS[poller](asyncio.get_running_loop(), lambda: turns.append(1))
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as client:
        client.setblocking(False)
        client.connect_ex(server.getsockname())
        handler = Noting(client)
        made.watch_connecting(client, handler)
        async with asyncio.timeout(10):
            while not handler.events:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.005)
        made.connected(client, handler)
        accepted, _ = server.accept()
        with accepted:
            accepted.send(b"one")
            await until(handler, b"one")
            accepted.send(b" two")
            await until(handler, b"one two")
            quiet = len(handler.events)
            await asyncio.sleep(0.05)
        made.forget(client)
    made.close()

    assert handler.events[0] & WRITABLE
    assert len(handler.events) >= quiet
    assert len(handler.events) <= quiet + 1
    assert turns


async def test_a_forgotten_socket_is_not_reported(poller: str) -> None:
    """Its number may be another socket's by then."""
    made = POLLERS[poller](asyncio.get_running_loop(), lambda: None)
    near, far = socket.socketpair()
    with near, far:
        handler = Noting(near)
        made.watch_reading(near, handler)
        far.send(b"a")
        await until(handler, b"a")
        made.forget(near)
    near, far = socket.socketpair()
    with near, far:
        far.send(b"b")
        made.read_arrived()
    made.close()

    assert handler.data == b"a"


async def test_all_that_has_arrived_is_handled_at_once(poller: str) -> None:
    """Before a deadline expires: more sockets than one turn handles."""
    made = POLLERS[poller](asyncio.get_running_loop(), lambda: None)
    pairs = [socket.socketpair() for _ in range(300)]
    handlers = [Noting(near) for near, _ in pairs]
    for handler, (near, far) in zip(handlers, pairs, strict=True):
        made.watch_reading(near, handler)
        far.send(b"x")
    made.read_arrived()
    for near, far in pairs:
        made.forget(near)
        near.close()
        far.close()
    made.close()

    assert [handler.data for handler in handlers] == [b"x"] * 300


async def test_the_best_poller_of_the_system_is_made(poller: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An epoll where there is one."""
    made = make_poller(asyncio.get_running_loop(), lambda: None)
    made.close()
    assert isinstance(made, EpollPoller)

    monkeypatch.delattr(module.select, "epoll")
    other = make_poller(asyncio.get_running_loop(), lambda: None)
    other.close()
    assert isinstance(other, SelectorPoller)
    assert not hasattr(select, "epoll")
