"""An agent on loopback that glances: cheap rounds, full looks at once where something changes, memory over restarts."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from random import Random

import msgspec
import pytest

from probe.agent import watchlist
from probe.agent.agent import Agent, AgentContext
from probe.agent.look_book import LookBook
from probe.agent.outbox import Outbox
from probe.agent.round import RoundResult
from probe.agent.state_file import STATE_FILE
from probe.errors import StorageError
from probe.model.glance import GlanceKind
from probe.model.verdict import Status
from probe.session.session import Session
from tests.loopback.agent.made import SettableClock, settings

START = datetime(2026, 11, 30, 12, tzinfo=UTC)
PAGE = "<html><head><title>{}</title></head><body>The same page for everybody.</body></html>"


class Website:
    """A page in clear on loopback, whose title can change, and which counts its requests."""

    def __init__(self) -> None:
        self.title = "Daily news"
        self.requests = 0

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        """Serve; its URL."""
        server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        async with server:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            self.requests += 1
            body = PAGE.format(self.title).encode()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n")
            writer.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@contextmanager
def listening() -> Iterator[tuple[str, socket.socket]]:
    """A port that accepts connections until it is closed: its target, and the socket."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"tcp://127.0.0.1:{server.getsockname()[1]}", server


class LatePhases(Random):
    """Draws of 0.99, so that the next full look is nearly `full_every` away."""

    def random(self) -> float:
        """The same each time."""
        return 0.99


class Rounds:
    """Rounds of an agent, each by a process of its own as far as its state goes (cron)."""

    def __init__(self, folder: Path, *targets: str, **agent: object) -> None:
        self.settings = settings(folder, *targets, **agent)
        self.clock = SettableClock(START)
        self.folder = folder / "state"

    async def round(self, after: float = 300.0) -> RoundResult:
        """One round, so many seconds after the last."""
        self.clock.wall += timedelta(seconds=after)
        self.clock.seconds += after
        context = AgentContext(folder=self.folder, clock=self.clock, random=LatePhases(), stopping=asyncio.Event())
        with Outbox(self.folder / STATE_FILE) as outbox:
            agent = Agent(self.settings, watchlist.load(self.settings), outbox, context)
            async with Session(self.settings, self.clock) as session:
                return await agent.run_round(session, None)

    def book(self) -> LookBook:
        """The stored memory of looks."""
        with Outbox(self.folder / STATE_FILE) as outbox:
            return LookBook.load(outbox.agent_state().looks)


def said(result: RoundResult, target: str) -> list[tuple[Status, str]]:
    """Status and rule of each verdict of a target."""
    return [(one.status, one.rule) for one in result.looked if one.target == target]


async def test_a_healthy_target_is_looked_at_in_full_once_and_then_glanced_at(tmp_path: Path) -> None:
    """The memory is in the state file, so the rounds of cron go on where the last one stopped."""
    site = Website()
    async with site.serving() as url:
        rounds = Rounds(tmp_path, url)
        first, *later = [await rounds.round() for _ in range(4)]

        assert said(first, url) == [(Status.REACHABLE, "served")]
        assert [said(one, url) for one in later] == [[(Status.REACHABLE, "glance.same")]] * 3
        (glance,) = later[0].looked[0].evidence.glance
        assert (glance.kind, glance.seen) == (GlanceKind.HTTP, "200 Daily news")
        assert glance.same_as == int(first.looked[0].time.timestamp())
        assert len(msgspec.json.encode(glance)) < 100
        assert later[0].report.measured == 1
        assert later[0].report.connections == 1


async def test_a_round_of_cron_goes_on_with_the_anchors_where_the_one_before_ended(tmp_path: Path) -> None:
    """Four anchors: the first process asks all, each later one three of them, unless it comes too late to go on."""
    anchors = [Website() for _ in range(4)]
    async with AsyncExitStack() as stack:
        urls = tuple([await stack.enter_async_context(one.serving()) for one in anchors])
        with listening() as (target, _):
            rounds = Rounds(tmp_path, target)
            measure = msgspec.structs.replace(rounds.settings.measure, anchors=urls)
            rounds.settings = msgspec.structs.replace(rounds.settings, measure=measure)
            asked = []
            for after in (300.0, 300.0, 300.0, 2000.0):
                before = sum(one.requests for one in anchors)
                await rounds.round(after)
                asked.append(sum(one.requests for one in anchors) - before)

    assert asked == [4, 3, 3, 4]


async def test_another_page_is_looked_at_in_full_in_the_same_round(tmp_path: Path) -> None:
    """Without a control, another title alone shows nothing; the page becomes known with the next reference glance."""
    site = Website()
    async with site.serving() as url:
        rounds = Rounds(tmp_path, url)
        await rounds.round()
        site.title = "Spring edition"
        changed, after = await rounds.round(), await rounds.round()

        assert said(changed, url) == [(Status.REACHABLE, "served")]
        assert said(after, url) == [(Status.REACHABLE, "glance.same")]
        assert after.looked[0].evidence.glance[0].seen == "200 Spring edition"


async def test_a_port_that_refuses_is_looked_at_in_full_at_once_and_then_for_an_hour(tmp_path: Path) -> None:
    with listening() as (target, server):
        number = server.getsockname()[1]
        rounds = Rounds(tmp_path, target)
        await rounds.round()
        server.close()
        refused = await rounds.round()

        assert said(refused, target) == [(Status.UNREACHABLE, "tcp.ambiguous")]
        with socket.create_server(("127.0.0.1", number)):
            within = [await rounds.round() for _ in range(3)]
            assert [said(one, target) for one in within] == [[(Status.REACHABLE, "served")]] * 3
            later = await rounds.round(3600)
            again = await rounds.round()
        assert said(later, target)[0][0] is Status.REACHABLE
        assert said(again, target) == [(Status.REACHABLE, "glance.same")]


async def test_each_target_is_looked_at_in_full_again_within_full_every(tmp_path: Path) -> None:
    with listening() as (target, _):
        rounds = Rounds(tmp_path, target, full_every=1200.0)
        rules = [said(await rounds.round(), target)[0][1] for _ in range(24)]

    full = [number for number, rule in enumerate(rules) if rule == "served"]
    gaps = [after - before for before, after in pairwise(full)]
    assert full[0] == 0
    assert "glance.same" in rules
    assert all(300 * gap <= 1200 for gap in gaps)


async def test_without_full_every_every_look_is_a_full_one(tmp_path: Path) -> None:
    with listening() as (target, _):
        rounds = Rounds(tmp_path, target, full_every=0.0)

        assert {said(await rounds.round(), target)[0][1] for _ in range(3)} == {"served"}


async def test_a_control_never_glances(tmp_path: Path) -> None:
    """Others compare with what it saw."""
    with listening() as (target, _):
        rounds = Rounds(tmp_path, target, role="control")

        assert {said(await rounds.round(), target)[0][1] for _ in range(3)} == {"served"}


async def test_a_change_of_the_vantage_leads_to_full_looks(tmp_path: Path) -> None:
    with listening() as (target, _):
        rounds = Rounds(tmp_path, target)
        before = [said(await rounds.round(), target)[0][1] for _ in range(2)]
        key = rounds.book().vantage
        rounds.settings = settings(tmp_path, target, asn=64500)
        after = [said(await rounds.round(), target)[0][1] for _ in range(2)]

    assert before == after == ["served", "glance.same"]
    assert rounds.book().vantage != key
    assert "127.0.0.1" not in key


async def test_a_round_that_cannot_be_stored_leaves_the_memory_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The detector's state, the outbox and the memory of looks are one transaction."""
    with listening() as (target, _):
        rounds = Rounds(tmp_path, target)
        await rounds.round()
        before = rounds.book()

        def full(*_: object) -> None:
            raise StorageError("the disk is full")

        with monkeypatch.context() as patched:
            patched.setattr(Outbox, "_delete_acknowledged", full)
            with pytest.raises(StorageError):
                await rounds.round()
        assert rounds.book() == before
        await rounds.round()
        assert rounds.book().rounds == before.rounds + 1


async def test_targets_that_are_no_longer_watched_are_forgotten(tmp_path: Path) -> None:
    with listening() as (one, _), listening() as (other, _):
        rounds = Rounds(tmp_path, one, other)
        await rounds.round()
        assert set(rounds.book().targets) == {one, other}
        rounds.settings = settings(tmp_path, one)
        await rounds.round()

    assert set(rounds.book().targets) == {one}


async def test_a_clock_that_was_set_back_stops_no_full_look(tmp_path: Path) -> None:
    with listening() as (target, _):
        rounds = Rounds(tmp_path, target)
        await rounds.round()
        rounds.clock.wall -= timedelta(days=30)
        first, second = await rounds.round(), await rounds.round()

    assert said(first, target) == [(Status.REACHABLE, "served")]
    assert said(second, target) == [(Status.REACHABLE, "glance.same")]
