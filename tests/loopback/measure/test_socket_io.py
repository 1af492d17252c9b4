"""Bytes over a real pair of sockets, on an event loop with readers and on one without."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

import pytest

from probe.measure.socket_io import AsyncSocket


@pytest.fixture(params=["watching", "completing"])
def completing(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Make the event loop one without readers, as Windows' proactor, in every second run."""
    if request.param == "completing":

        def refuse(*_: object) -> None:
            raise NotImplementedError

        # asyncio's own calls use the functions below these.
        monkeypatch.setattr(asyncio.SelectorEventLoop, "add_reader", refuse)
    return bool(request.param == "completing")


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Return both ends, non-blocking."""
    ours, theirs = socket.socketpair()
    for one in (ours, theirs):
        one.setblocking(False)
    with ours, theirs:
        yield ours, theirs


def watched(sock: socket.socket) -> bool:
    """Return whether the event loop watches the socket."""
    selector = asyncio.get_running_loop()._selector  # type: ignore[attr-defined]
    return sock.fileno() in selector.get_map()


@pytest.mark.usefixtures("completing")
async def test_bytes_are_received_in_order_with_and_without_waiting(pair: tuple[socket.socket, socket.socket]) -> None:
    """The end is reported at every further read."""
    ours, theirs = pair
    receiver = AsyncSocket(ours)
    got = []
    for word in (b"one", b"two", b"three"):
        asyncio.get_running_loop().call_later(0.01, theirs.send, word)
        got.append(await asyncio.wait_for(receiver.receive(100), 5))
    theirs.send(b"at once")
    got.append(await receiver.receive(100))
    theirs.close()

    assert got == [b"one", b"two", b"three", b"at once"]
    assert [await receiver.receive(100), await receiver.receive(100)] == [b"", b""]
    receiver.close()


@pytest.mark.usefixtures("completing")
async def test_a_wait_that_times_out_loses_no_bytes(pair: tuple[socket.socket, socket.socket]) -> None:
    """Bytes that arrive afterwards are read next."""
    ours, theirs = pair
    receiver = AsyncSocket(ours)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(receiver.receive(100), 0.02)
    theirs.send(b"late")
    await asyncio.sleep(0.02)

    assert await asyncio.wait_for(receiver.receive(100), 5) == b"late"
    receiver.close()


async def test_bytes_without_a_reader_do_not_keep_the_event_loop_busy(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    """The socket is unregistered when no task waits and when it is closed, since its number is used again."""
    ours, theirs = pair
    receiver = AsyncSocket(ours)
    asyncio.get_running_loop().call_soon(theirs.send, b"x")
    await receiver.receive(100)
    assert watched(ours)

    theirs.send(b"y")
    await asyncio.sleep(0.02)
    assert not watched(ours)

    asyncio.get_running_loop().call_soon(theirs.send, b"z")
    assert await receiver.receive(1) == b"y"
    number = ours.fileno()
    receiver.close()
    receiver.close()
    assert number not in asyncio.get_running_loop()._selector.get_map()  # type: ignore[attr-defined]


@pytest.mark.usefixtures("completing")
async def test_more_than_the_kernel_takes_is_sent_completely(pair: tuple[socket.socket, socket.socket]) -> None:
    """The other side reads slowly."""
    ours, theirs = pair
    receiver, sender = AsyncSocket(ours), AsyncSocket(theirs)
    data = bytes(range(256)) * 20_000
    sending = asyncio.create_task(receiver.send(data))
    got = b""
    while len(got) < len(data):
        got += await asyncio.wait_for(sender.receive(65536), 5)
    await sending

    assert got == data
    receiver.close()
    sender.close()


async def test_sending_on_a_broken_connection_is_an_error(pair: tuple[socket.socket, socket.socket]) -> None:
    """Also without waiting."""
    ours, theirs = pair
    receiver = AsyncSocket(ours)
    theirs.close()
    with pytest.raises((BrokenPipeError, ConnectionResetError)):
        receiver.send_now(b"x")
    receiver.close()


async def test_a_fast_sender_does_not_hold_the_event_loop(pair: tuple[socket.socket, socket.socket]) -> None:
    """Other tasks run although every read finds bytes."""
    ours, theirs = pair
    receiver = AsyncSocket(ours)
    turns = 0

    async def count_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    theirs.send(bytes(1000))
    counting = asyncio.create_task(count_turns())
    for _ in range(1000):
        await receiver.receive(1)
    counting.cancel()
    receiver.close()

    assert turns >= 30
