"""Plans are performed over real sockets; small scripts stand in for them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import pytest
import trustme

from probe.measure import perform as performing
from probe.measure.pace import PaceLimiter
from probe.measure.perform import perform
from probe.measure.tools import Tools
from probe.model.failure import Failure
from probe.model.observation import Connection, Exchange, LateAnswer, Observation, Resolution
from probe.model.resolver import Trust
from probe.model.step import Connect, Fetch, Handshake, Resolve, Step
from tests.loopback.tiny_servers import answer, page_of, reply_to, resolving, server_context, serving, silent


class Script:
    """A plan that asks for its first steps, then for the steps that `react` returns for each observation."""

    def __init__(self, *steps: Step, react: Callable[[Observation], list[Step]] = lambda _: []) -> None:
        self.told: list[str] = []
        self._fresh = list(steps)
        self._react = react

    def pending(self) -> tuple[Step, ...]:
        """Return the steps that are new."""
        fresh, self._fresh = self._fresh, []
        return tuple(fresh)

    def observe(self, step: Step, observation: Observation) -> None:
        """Record the observation and add the steps that follow."""
        self.told.append(type(observation).__name__)
        self._fresh += self._react(observation)

    def finish(self, step: Step) -> None:
        """Record the end of the step."""
        self.told.append("finish")


def connect(port: int) -> Connect:
    """Return a step that connects to a port of this host."""
    return Connect(address="127.0.0.1", port=port)


async def test_listening_is_called_once_when_every_step_only_listens(tools: Tools) -> None:
    """It is called after the answer and the steps that follow from it, before the time for late answers is over."""
    said: list[int] = []

    async with serving(silent) as open_port, resolving(lambda query: [(0, reply_to(query, "127.0.0.1"))]) as (_, port):
        first = Resolve(name="lab.example", rrtype="A", resolver=f"udp:127.0.0.1:{port}", trust=Trust.NETWORK)
        plan = Script(first, react=lambda seen: [connect(open_port)] if isinstance(seen, Resolution) else [])
        await perform(plan, tools, listening=lambda: said.append(plan.told.count("finish")))

    assert (said, plan.told.count("finish")) == ([1], 2)


async def test_a_plan_gets_observations_while_the_step_goes_on(tools: Tools) -> None:
    """The connection to an address of the answer is made before the late answer arrives."""

    def react(query: bytes) -> list[tuple[float, bytes]]:
        return [(0, reply_to(query, "127.0.0.1")), (0.3, reply_to(query, "192.0.2.1"))]

    async with serving(silent) as open_port, resolving(react) as (_, port):
        first = Resolve(name="lab.example", rrtype="A", resolver=f"udp:127.0.0.1:{port}", trust=Trust.NETWORK)
        plan = Script(first, react=lambda seen: [connect(open_port)] if isinstance(seen, Resolution) else [])
        seen = await perform(plan, tools)

    assert [type(one) for one in seen] == [Resolution, Connection, LateAnswer]
    assert plan.told == ["Resolution", "Connection", "finish", "LateAnswer", "finish"]
    assert seen[2].at + seen[2].took >= seen[1].at + 200


async def test_an_exception_in_a_step_is_observed_and_the_others_go_on(
    tools: Tools, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As BUG with its text; the step is finished."""

    async def broken(*_: object) -> None:
        raise KeyError("oops")

    monkeypatch.setitem(performing._loaded, performing.PERFORMERS[Handshake], broken)
    monkeypatch.delitem(performing.BEGINNERS, Handshake)
    async with serving(silent) as port:
        plan = Script(Handshake(address="127.0.0.1", port=1, sni="lab.example"), connect(port))
        seen = await perform(plan, tools)

    assert {one.failure for one in seen} == {None, Failure.BUG}
    assert "KeyError" in next(one.detail for one in seen if one.failure)
    assert plan.told.count("finish") == 2


async def test_an_exception_in_the_plan_is_raised(tools: Tools) -> None:
    """It belongs to no step."""

    def react(_: Observation) -> list[Step]:
        raise ZeroDivisionError

    async with serving(silent) as port:
        with pytest.raises(ExceptionGroup) as group:
            await perform(Script(connect(port), react=react), tools)
    assert group.group_contains(ZeroDivisionError)


async def test_a_step_that_the_deadline_cuts_off_is_a_local_failure_and_no_time_out(believed: trustme.CA) -> None:
    """Earlier observations are kept."""
    async with Tools(30, PaceLimiter(0)) as tools, serving(silent) as port:
        plan = Script(Fetch(url=f"http://lab.example:{port}/", address="127.0.0.1"))
        seen = await perform(plan, tools, seconds=0.2)

    assert [(type(one), one.failure) for one in seen] == [(Connection, None), (Exchange, Failure.LOCAL)]


async def test_a_cancellation_ends_all_steps(believed: trustme.CA) -> None:
    """No task and no socket is left."""
    async with Tools(30, PaceLimiter(0)) as tools, serving(silent) as port, resolving(lambda _: []) as (_, dns):
        url = f"https://lab.example:{port}/"
        plan = Script(
            Fetch(url=url, address="127.0.0.1"),
            Handshake(address="127.0.0.1", port=port, sni="lab.example"),
            Resolve(name="lab.example", rrtype="A", resolver=f"udp:127.0.0.1:{dns}", trust=Trust.NETWORK),
            Resolve(name="lab.example", rrtype="A", resolver=f"tls://127.0.0.1:{port}", trust=Trust.TRUSTED),
        )
        task = asyncio.create_task(perform(plan, tools))
        await asyncio.sleep(1.4)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_one_connection_at_a_time_is_opened_to_one_address(believed: trustme.CA) -> None:
    """With a pace, steps to one address follow each other."""
    inside = 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal inside
        inside += 1
        assert inside == 1
        await reader.read(65536)
        await asyncio.sleep(0.02)
        inside -= 1
        writer.write(answer())

    async with Tools(5, PaceLimiter(50)) as tools, serving(talk) as port:
        steps = [Fetch(url=f"http://lab.example:{port}/{rank}", address="127.0.0.1") for rank in range(6)]
        seen = await perform(Script(*steps), tools)

    assert {one.failure for one in seen} == {None}
    assert len(seen) == 12


async def test_two_hundred_measurements_leave_no_task_and_no_socket(believed: trustme.CA) -> None:
    """Healthy, silent, refused and half-dead targets at once; the fixture counts what is left."""
    context = server_context(believed, "lab.example")
    began = time.monotonic()
    async with (
        Tools(1.0, PaceLimiter(0)) as tools,
        serving(page_of(answer()), context) as good,
        serving(silent) as dumb,
        resolving(lambda query: [(0, reply_to(query, "127.0.0.1"))]) as (_, dns),
    ):

        def plan(rank: int) -> Script:
            port = (good, dumb, 1)[rank % 3]
            name = Resolve(name="lab.example", rrtype="A", resolver=f"udp:127.0.0.1:{dns}", trust=Trust.NETWORK)
            return Script(name, Fetch(url=f"https://lab.example:{port}/", address="127.0.0.1"))

        results = await asyncio.gather(*(perform(plan(rank), tools) for rank in range(200)))

    ends = [next(one for one in reversed(seen) if not isinstance(one, Resolution)).failure for seen in results]
    assert [ends.count(end) for end in (None, Failure.TIMEOUT, Failure.RESET)] == [67, 67, 66]
    assert time.monotonic() - began < 90
