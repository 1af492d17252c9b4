"""Connections that are opened without a task, and what goes on with them."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import trustme

from probe.measure import handshake_slots
from probe.measure.budget import Budget
from probe.measure.connect_at_once import ConnectUnderWay, begin
from probe.measure.edge_poller import edge_poller
from probe.measure.handshake_slots import MAX_HANDSHAKES
from probe.measure.pace import PaceLimiter
from probe.measure.tools import Timestamps, Tools
from probe.model.failure import Failure
from probe.model.observation import Connection, Exchange, Observation, TlsHandshake
from probe.model.step import Connect, Fetch, Handshake
from tests.loopback.tiny_servers import answer, closed_port, page_of, server_context, serving, silent

Rest = Coroutine[Any, Any, None] | None


class Begun:
    """A step that was begun, and what came of it."""

    def __init__(self, step: Connect | Handshake | Fetch, tools: Tools) -> None:
        loop = asyncio.get_running_loop()
        self.seen: list[Observation] = []
        self.end: asyncio.Future[Rest] = loop.create_future()
        timestamps = Timestamps(loop.time(), step.position)
        self.step = begin(step, tools, timestamps, self.seen.append, self.end.set_result)

    @property
    def under_way(self) -> ConnectUnderWay:
        """The step, where this platform begins it without a task."""
        if self.step is None:
            pytest.skip("this platform has no epoll")
        return self.step

    async def finished(self) -> list[Observation]:
        """All observations, those of the rest of the step among them."""
        begun = self.under_way
        rest = await self.end
        if rest is not None:
            await rest
        begun.close()
        begun.close()
        return self.seen


@contextmanager
def full_listener() -> Iterator[int]:
    """A port that drops further SYNs."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        waiting = [socket.socket() for _ in range(4)]
        for sock in waiting:
            sock.setblocking(False)
            sock.connect_ex(("127.0.0.1", port))
        yield port
        for sock in waiting:
            sock.close()


@pytest.fixture
def free(tools: Tools) -> Iterator[None]:
    """Every slot is free again at the end."""
    before = tools.concurrency.sockets.free
    yield
    assert tools.concurrency.sockets.free == before


@pytest.mark.usefixtures("free")
async def test_a_connection_alone_needs_no_coroutine(tools: Tools) -> None:
    """It is closed as soon as it is established."""
    async with serving(silent) as port:
        begun = Begun(Connect(address="127.0.0.1", port=port), tools)
        (one,) = await begun.finished()

    assert isinstance(one, Connection)
    assert (one.address, one.port, one.failure) == ("127.0.0.1", port, None)
    assert begun.end.result() is None
    assert begun.under_way.sock.fileno() == -1


@pytest.mark.usefixtures("free")
async def test_a_refused_connection_is_a_reset(tools: Tools) -> None:
    """As where a coroutine opens it."""
    (one,) = await Begun(Connect(address="127.0.0.1", port=closed_port()), tools).finished()

    assert (one.failure, one.detail) == (Failure.RESET, errno.errorcode[errno.ECONNREFUSED])


@pytest.mark.usefixtures("free")
@pytest.mark.parametrize("fetched", [False, True])
async def test_silence_is_a_time_out_and_makes_the_pace_limiter_back_off(
    tools: Tools, monkeypatch: pytest.MonkeyPatch, fetched: bool
) -> None:
    """Without a coroutine, whatever the step was to do with the connection."""
    spared: list[str] = []
    monkeypatch.setattr(tools.pace, "back_off", spared.append)
    with full_listener() as port:
        fetch = Fetch(url=f"http://a.example:{port}/", address="127.0.0.1")
        step = fetch if fetched else Connect(address="127.0.0.1", port=port)
        (one,) = await Begun(step, tools).finished()

    assert one.failure is Failure.TIMEOUT
    assert 450 <= one.took < 3000
    assert spared == ["127.0.0.1"]


@pytest.mark.usefixtures("free")
async def test_a_page_is_fetched_over_the_connection(tools: Tools) -> None:
    """A coroutine performs the rest; it may be the first to read what the server sent at once."""
    async with serving(page_of(answer(b"<title>Here</title>"))) as port:
        connection, page = await Begun(Fetch(url=f"http://a.example:{port}/", address="127.0.0.1"), tools).finished()

    assert isinstance(connection, Connection)
    assert isinstance(page, Exchange)
    assert (page.status, page.title, page.failure) == (200, "Here", None)
    assert page.wait > 0


@pytest.mark.usefixtures("free")
async def test_a_handshake_is_performed_over_the_connection(tools: Tools, believed: trustme.CA) -> None:
    """A coroutine performs it."""
    async with serving(silent, server_context(believed, "a.example")) as port:
        step = Handshake(address="127.0.0.1", port=port, sni="a.example")
        connection, handshake = await Begun(step, tools).finished()

    assert isinstance(connection, Connection)
    assert isinstance(handshake, TlsHandshake)
    assert handshake.verified


@pytest.mark.usefixtures("free")
async def test_a_step_that_is_closed_while_it_waits_emits_nothing(tools: Tools) -> None:
    """Its socket is closed, and its deadline does not pass."""
    with full_listener() as port:
        begun = Begun(Connect(address="127.0.0.1", port=port), tools)
        begun.under_way.close()
        await asyncio.sleep(2 * tools.timeout)

    assert begun.seen == []
    assert not begun.end.done()
    assert begun.under_way.sock.fileno() == -1


@pytest.mark.usefixtures("free")
async def test_a_step_that_is_closed_before_its_rest_begins_closes_the_connection(tools: Tools) -> None:
    """The rest would have taken it."""
    async with serving(silent) as port:
        begun = Begun(Fetch(url=f"http://a.example:{port}/", address="127.0.0.1"), tools)
        under_way = begun.under_way
        rest = await begun.end
        assert rest is not None
        rest.close()
        under_way.close()

    poller = edge_poller()
    assert under_way.sock.fileno() == -1
    assert poller is not None
    assert under_way not in poller._watched.values()


@pytest.mark.parametrize("reason", ["pace", "budget", "going", "sockets"])
async def test_what_has_to_wait_is_left_to_the_coroutine(reason: str) -> None:
    """For the pace limiter, the budget, a look at a full line, or a free socket; nothing is taken then."""
    pace = PaceLimiter(1.0 if reason == "pace" else 0, budget=Budget(max_connections=int(reason == "budget")))
    async with Tools(0.5, pace, sockets=1 if reason == "sockets" else 0) as tools:
        if reason == "going":
            tools.going.clear()
        if reason == "sockets":
            assert tools.concurrency.sockets.try_acquire()
        if reason in {"pace", "budget"}:
            assert tools.try_connection("127.0.0.1")
            tools.leave_connection("127.0.0.1", 0.0)
        free, counted = tools.concurrency.sockets.free, pace.counters.connections

        assert Begun(Connect(address="127.0.0.1", port=9), tools).step is None
        assert (tools.concurrency.sockets.free, pace.counters.connections) == (free, counted)
        assert pace.budget.refused == 0


async def test_connections_to_one_address_are_paced_as_those_of_coroutines_are() -> None:
    """The slot of the address is held while the connection is open, and counted once."""
    pace = PaceLimiter(1000.0)
    async with Tools(0.5, pace) as tools:
        assert tools.try_connection("127.0.0.1")
        assert not tools.try_connection("127.0.0.1")
        tools.leave_connection("127.0.0.1", 0.0)
        waiting = asyncio.create_task(tools.connection("127.0.0.1").__aenter__())
        await asyncio.wait_for(waiting, 5)

    assert pace.counters.connections == 2


@pytest.mark.usefixtures("free")
@pytest.mark.parametrize("fetched", [False, True])
async def test_a_connection_that_waited_for_its_handshake_for_too_long_is_made_again(
    tools: Tools, believed: trustme.CA, monkeypatch: pytest.MonkeyPatch, fetched: bool
) -> None:
    """The server may have given it up; the new one is made in the slot, so that it need not wait."""
    monkeypatch.setattr(handshake_slots, "MAX_WAIT_SECONDS", -1.0)
    async with serving(page_of(answer(b"<title>Here</title>")), server_context(believed, "a.example")) as port:
        handshake = Handshake(address="127.0.0.1", port=port, sni="a.example")
        fetch = Fetch(url=f"https://a.example:{port}/", address="127.0.0.1")
        seen = await Begun(fetch if fetched else handshake, tools).finished()

    kinds = [Connection, Connection, TlsHandshake, *([Exchange] if fetched else [])]
    assert [type(one) for one in seen] == kinds
    assert [one.failure for one in seen] == [None] * len(kinds)
    assert tools.concurrency._handshakes.free == MAX_HANDSHAKES
