"""One epoll tells every socket's owner of its events, and of no other socket's."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

import pytest

from probe.measure import edge_poller as module
from probe.measure.edge_poller import READABLE, EdgePoller, edge_poller

pytestmark = pytest.mark.skipif(not READABLE, reason="this platform has no epoll")


class Owner:
    """Notes its events."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.events: list[int] = []
        self.told = asyncio.Event()

    def on_events(self, events: int) -> None:
        """Note them."""
        self.events.append(events)
        if events & READABLE:
            self.told.set()


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Return both ends, non-blocking."""
    ours, theirs = socket.socketpair()
    for one in (ours, theirs):
        one.setblocking(False)
    with ours, theirs:
        yield ours, theirs


def poller() -> EdgePoller:
    """Return the poller of this event loop; the same one every time."""
    found = edge_poller()
    assert found is not None
    assert edge_poller() is found
    return found


async def test_an_owner_is_told_of_what_arrived_before_and_after(pair: tuple[socket.socket, socket.socket]) -> None:
    """Each arrival is one event, until it is read or not."""
    ours, theirs = pair
    theirs.send(b"before")
    owner = Owner(ours)
    poller().watch(owner)
    await asyncio.wait_for(owner.told.wait(), 5)
    owner.told.clear()
    theirs.send(b"after")
    await asyncio.wait_for(owner.told.wait(), 5)

    assert poller().owner(ours) is owner
    poller().forget(owner)


async def test_another_owner_of_the_same_socket_is_told_from_the_beginning(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    """What the first one left unread is an event for the second."""
    ours, theirs = pair
    first, second = Owner(ours), Owner(ours)
    poller().watch(first)
    theirs.send(b"x")
    await asyncio.wait_for(first.told.wait(), 5)
    poller().forget(first)
    assert poller().owner(ours) is None
    poller().watch(second)
    await asyncio.wait_for(second.told.wait(), 5)
    poller().forget(second)


async def test_an_owner_that_was_forgotten_is_told_nothing(pair: tuple[socket.socket, socket.socket]) -> None:
    """Also of events that had arrived already."""
    ours, theirs = pair
    owner = Owner(ours)
    poller().watch(owner)
    theirs.send(b"x")
    poller().forget(owner)
    await asyncio.sleep(0.02)

    assert owner.events == []


async def test_a_loop_without_readers_has_no_poller(monkeypatch: pytest.MonkeyPatch) -> None:
    """As Windows' proactor."""

    def refuse(*_: object) -> None:
        raise NotImplementedError

    monkeypatch.setattr(asyncio.SelectorEventLoop, "add_reader", refuse)
    monkeypatch.setattr(module._current, "loop", None)
    assert edge_poller() is None
    monkeypatch.undo()
    module._current.loop = None


async def test_all_owners_are_told_in_one_turn_however_many_events_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel returns so many at once; what is left unread until later could pass for silence."""
    monkeypatch.setattr(module, "MAX_EVENTS", 2)
    pairs = [socket.socketpair() for _ in range(7)]
    owners = [Owner(ours) for ours, _ in pairs]
    for owner, (_, theirs) in zip(owners, pairs, strict=True):
        poller().watch(owner)
        theirs.send(b"arrived")
    poller()._dispatch()

    assert all(owner.told.is_set() for owner in owners)
    for owner, pair in zip(owners, pairs, strict=True):
        poller().forget(owner)
        for end in pair:
            end.close()


async def test_a_new_owner_of_a_watched_socket_is_told_of_what_happens_from_then_on(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    """What the owner before it was told of is not told again."""
    ours, theirs = pair
    before, after = Owner(ours), Owner(ours)
    poller().watch(before)
    theirs.send(b"before")
    await asyncio.wait_for(before.told.wait(), 5)
    poller().take_over(after)
    assert poller().owner(ours) is after
    theirs.send(b"after")
    await asyncio.wait_for(after.told.wait(), 5)
    poller().forget(after)
