"""Bytes over a real pair of sockets, on a loop that watches sockets and on one that does not."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

import pytest

from probe.measure.socket_io import AsyncSocket


@pytest.fixture(params=["watching", "completing"])
def completing(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether the loop is of the kind that has no readers, as Windows' own."""
    if request.param == "completing":

        def refuse(*_: object) -> None:
            raise NotImplementedError

        # What such a loop does itself goes to the functions beneath these.
        monkeypatch.setattr(asyncio.SelectorEventLoop, "add_reader", refuse)
    return bool(request.param == "completing")


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Ours and theirs, non-blocking."""
    ours, theirs = socket.socketpair()
    for one in (ours, theirs):
        one.setblocking(False)
    with ours, theirs:
        yield ours, theirs


def watched(sock: socket.socket) -> bool:
    """Whether the loop watches the socket."""
    selector = asyncio.get_running_loop()._selector  # type: ignore[attr-defined]
    return sock.fileno() in selector.get_map()


@pytest.mark.usefixtures("completing")
async def test_bytes_come_in_order_whether_waited_for_or_not(pair: tuple[socket.socket, socket.socket]) -> None:
    """And their end is told as often as it is asked for."""
    ours, theirs = pair
    inlet = AsyncSocket(ours)
    got = []
    for word in (b"one", b"two", b"three"):
        asyncio.get_running_loop().call_later(0.01, theirs.send, word)
        got.append(await asyncio.wait_for(inlet.receive(100), 5))
    theirs.send(b"at once")
    got.append(await inlet.receive(100))
    theirs.close()

    assert got == [b"one", b"two", b"three", b"at once"]
    assert [await inlet.receive(100), await inlet.receive(100)] == [b"", b""]
    inlet.close()


@pytest.mark.usefixtures("completing")
async def test_a_wait_that_is_given_up_loses_nothing(pair: tuple[socket.socket, socket.socket]) -> None:
    """What comes afterwards is there for the next who asks."""
    ours, theirs = pair
    inlet = AsyncSocket(ours)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(inlet.receive(100), 0.02)
    theirs.send(b"late")
    await asyncio.sleep(0.02)

    assert await asyncio.wait_for(inlet.receive(100), 5) == b"late"
    inlet.close()


async def test_bytes_that_nobody_waits_for_do_not_keep_the_loop_busy(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    """The socket is watched only while somebody waits, and never after it is closed: its number will be another's."""
    ours, theirs = pair
    inlet = AsyncSocket(ours)
    asyncio.get_running_loop().call_soon(theirs.send, b"x")
    await inlet.receive(100)
    assert watched(ours)

    theirs.send(b"y")
    await asyncio.sleep(0.02)
    assert not watched(ours)

    asyncio.get_running_loop().call_soon(theirs.send, b"z")
    assert await inlet.receive(1) == b"y"
    number = ours.fileno()
    inlet.close()
    inlet.close()
    assert number not in asyncio.get_running_loop()._selector.get_map()  # type: ignore[attr-defined]


@pytest.mark.usefixtures("completing")
async def test_more_than_the_kernel_takes_is_sent_all_the_same(pair: tuple[socket.socket, socket.socket]) -> None:
    """While the other side reads slowly."""
    ours, theirs = pair
    inlet, outlet = AsyncSocket(ours), AsyncSocket(theirs)
    data = bytes(range(256)) * 20_000
    sending = asyncio.create_task(inlet.send(data))
    got = b""
    while len(got) < len(data):
        got += await asyncio.wait_for(outlet.receive(65536), 5)
    await sending

    assert got == data
    inlet.close()
    outlet.close()


async def test_a_connection_that_broke_is_an_error(pair: tuple[socket.socket, socket.socket]) -> None:
    """Also for who sends without waiting."""
    ours, theirs = pair
    inlet = AsyncSocket(ours)
    theirs.close()
    with pytest.raises((BrokenPipeError, ConnectionResetError)):
        inlet.send_now(b"x")
    inlet.close()
