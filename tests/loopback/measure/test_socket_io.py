"""Bytes over a real pair of sockets, on an event loop with readers and on one without."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

import pytest

from probe.measure import socket_io
from probe.measure.socket_io import async_socket, close_socket, open_tcp


@pytest.fixture
def watching(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the event loop watch sockets itself, as on macOS."""
    monkeypatch.setattr(socket_io, "edge_poller", lambda: None)


@pytest.fixture(params=["edge", "watching", "completing"])
def completing(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Make the event loop one without our epoll (macOS) or without readers (Windows' proactor) in two of three runs."""
    if request.param != "edge":
        monkeypatch.setattr(socket_io, "edge_poller", lambda: None)
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
    receiver = async_socket(ours)
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
    receiver = async_socket(ours)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(receiver.receive(100), 0.02)
    theirs.send(b"late")
    await asyncio.sleep(0.02)

    assert await asyncio.wait_for(receiver.receive(100), 5) == b"late"
    receiver.close()


@pytest.mark.usefixtures("watching")
async def test_bytes_without_a_reader_do_not_keep_the_event_loop_busy(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    """The socket is unregistered when no task waits and when it is closed, since its number is used again."""
    ours, theirs = pair
    receiver = async_socket(ours)
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
    receiver, sender = async_socket(ours), async_socket(theirs)
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
    receiver = async_socket(ours)
    theirs.close()
    with pytest.raises((BrokenPipeError, ConnectionResetError)):
        receiver.send_now(b"x")
    receiver.close()


async def test_a_fast_sender_does_not_hold_the_event_loop(pair: tuple[socket.socket, socket.socket]) -> None:
    """Other tasks run although every read finds bytes."""
    ours, theirs = pair
    receiver = async_socket(ours)
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


async def test_a_socket_of_our_epoll_is_read_to_its_end_after_one_event(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    """Bytes and the end of the connection arrive together; every read takes a part."""
    ours, theirs = pair
    receiver = async_socket(ours)
    theirs.send(b"abc")
    theirs.close()
    await asyncio.sleep(0.01)

    got = [await asyncio.wait_for(receiver.receive(2), 5) for _ in range(4)]
    receiver.close()
    assert got == [b"ab", b"c", b"", b""]


async def test_the_number_of_a_closed_socket_may_be_used_again() -> None:
    """The new socket gets its own events, whoever closed the old one."""
    served: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.append(await reader.read(10))
        writer.write(served[-1])
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        for number in range(20):
            first = await open_tcp("127.0.0.1", port, 5.0)
            if number % 2:
                close_socket(first)
            else:
                first.close()
            sock = await open_tcp("127.0.0.1", port, 5.0)
            conversation = async_socket(sock)
            await conversation.send(b"%d" % number)
            assert await asyncio.wait_for(conversation.receive(100), 5) == b"%d" % number
            conversation.close()


async def test_datagrams_are_read_one_by_one_after_one_event() -> None:
    """A read of a datagram never fills its buffer."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ours,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as theirs,
    ):
        ours.setblocking(False)
        ours.bind(("127.0.0.1", 0))
        receiver = async_socket(ours, datagrams=True)
        for word in (b"one", b"two"):
            theirs.sendto(word, ours.getsockname())
        got = [await asyncio.wait_for(receiver.receive(100), 5) for _ in range(2)]
        receiver.close()
    assert got == [b"one", b"two"]
