"""Looks at anchors that work, are silent, or whose content comes from somebody else."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import datetime, timedelta

import msgspec
import pytest
import trustme

from probe.clock import Clock
from probe.judge.anchor_content import classify
from probe.judge.vantage import conclude, notes
from probe.measure import anchors
from probe.measure.anchors import AnchorWatch
from probe.measure.tools import Tools
from probe.model.anchor_parts import AnchorMemory
from probe.model.failure import Failure
from probe.model.verdict import AnchorKind, VantageState
from tests.loopback.tiny_servers import (
    Talk,
    answer,
    page_of,
    server_context,
    serving,
    silent,
)


async def test_all_anchors_are_looked_at_together(tools: Tools, ca: trustme.CA) -> None:
    """One works, one is silent, one has a foreign certificate, one redirects to another site."""
    context, wrong = server_context(ca, "127.0.0.1"), server_context(trustme.CA(), "127.0.0.1")
    portal = page_of(answer(b"", "302 AnchorAddresses", "Location: http://portal.lan/\r\n"))
    async with (
        serving(page_of(answer()), context) as good,
        serving(silent) as dumb,
        serving(page_of(answer()), wrong) as posing,
        serving(portal) as login,
    ):
        foreign = [f"https://127.0.0.1:{port}/" for port in (good, dumb, posing)]
        watch = AnchorWatch([*foreign, ""], [f"http://127.0.0.1:{login}/"], tools, Clock(), classify=classify)
        began = time.monotonic()
        looks = await watch.look()

    assert time.monotonic() - began < 20
    assert [(look.failure, look.foreign_content) for look in looks] == [
        (None, False),
        (Failure.TIMEOUT, False),
        (Failure.CERTIFICATE, True),
        (None, True),
    ]
    assert [look.kind for look in looks] == [AnchorKind.FOREIGN] * 3 + [AnchorKind.DOMESTIC]
    assert watch.latest == looks
    assert watch.reached == ("127.0.0.1",)


async def test_callers_that_want_a_look_at_the_same_time_share_one(tools: Tools, monkeypatch) -> None:  # noqa: ANN001
    """A caller that accepts an older one gets it."""
    monkeypatch.setattr(anchors, "MIN_LOOK_INTERVAL_SECONDS", 0.05)
    visits = 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal visits
        visits += 1
        await page_of(answer())(reader, writer)

    async with serving(talk) as port:
        clock = Clock()
        watch = AnchorWatch([f"http://127.0.0.1:{port}/"], [], tools, clock, classify=classify)
        since, earliest = clock.monotonic(), clock.now()
        looks = await asyncio.gather(*(watch.fresh(since) for _ in range(20)))
        assert visits == 1
        assert len(set(looks)) == 1
        assert looks[0][0].at >= earliest
        await watch.fresh(since - 3600)
        assert visits == 1
        await watch.fresh(clock.monotonic())
        assert visits == 2


class ClockSetBack(Clock):
    """A clock whose wall time can be set back; its monotonic time goes on."""

    set_back = timedelta()

    def now(self) -> datetime:
        """The wall time, set back."""
        return super().now() - self.set_back


async def test_a_wall_clock_that_is_set_back_does_not_stop_looks(tools: Tools, monkeypatch: pytest.MonkeyPatch) -> None:
    """The age of the last look is counted on the monotonic clock."""
    monkeypatch.setattr(anchors, "MIN_LOOK_INTERVAL_SECONDS", 0.0)
    clock = ClockSetBack()
    async with serving(page_of(answer())) as port:
        watch = AnchorWatch([f"http://127.0.0.1:{port}/"], [], tools, clock, classify=classify)
        (before,) = await watch.look()
        clock.set_back = timedelta(hours=1)
        (after,) = await watch.look()

    assert after.at < before.at
    assert watch.latest == (after,)


async def test_the_interval_between_looks_is_counted_on_the_given_clock(tools: Tools) -> None:
    """With a fast laboratory clock a minute passes in a second."""
    async with serving(page_of(answer())) as port:
        clock = Clock(rate=100)
        watch = AnchorWatch([f"http://127.0.0.1:{port}/"], [], tools, clock, classify=classify)
        (first,) = await watch.look()
        (second,) = await watch.look()

    assert second.at - first.at >= timedelta(seconds=anchors.MIN_LOOK_INTERVAL_SECONDS)


async def test_a_cancelled_look_does_not_block_the_next(tools: Tools) -> None:
    """The next caller looks anew."""
    async with serving(silent) as port:
        watch = AnchorWatch([f"http://127.0.0.1:{port}/"], [], tools, Clock(), classify=classify)
        first = asyncio.create_task(watch.look())
        await asyncio.sleep(0.1)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        (look,) = await watch.look()

    assert look.failure is Failure.TIMEOUT


async def test_without_anchors_a_look_is_empty(tools: Tools) -> None:
    """An empty string is no anchor."""
    assert await AnchorWatch([""], [], tools, Clock(), classify=classify).look() == ()


async def test_an_anchor_that_is_silent_beside_others_is_tried_a_second_time(
    tools: Tools, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Packet loss does not put a line in doubt; an anchor that stays silent is not tried twice at every look."""
    monkeypatch.setattr(anchors, "MIN_LOOK_INTERVAL_SECONDS", 0.0)
    visits: list[str] = []

    async def lossy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        visits.append("lossy")
        await (silent if visits.count("lossy") == 1 else page_of(answer()))(reader, writer)

    async def dead(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        visits.append("dead")
        await silent(reader, writer)

    async with serving(page_of(answer())) as good, serving(lossy) as bad, serving(dead) as worst:
        urls = [f"http://127.0.0.1:{port}/" for port in (good, bad, worst)]
        watch = AnchorWatch(urls, [], tools, Clock(), classify=classify)
        looks = await watch.look()
        assert (visits.count("lossy"), visits.count("dead")) == (2, 2)
        await watch.look()
        assert (visits.count("lossy"), visits.count("dead")) == (3, 3)

    assert [look.failure for look in looks] == [None, None, Failure.TIMEOUT]


class Vendors:
    """Servers of anchors that can be silenced, and count their visits.

    Attributes:
        visits: names of the anchors asked, in order.
        silenced: names of those that do not answer.
    """

    def __init__(self) -> None:
        self.visits: list[str] = []
        self.silenced: set[str] = set()
        self.urls: list[str] = []

    def talk(self, name: str) -> Talk:
        """The server of this anchor."""

        async def asked(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.visits.append(name)
            right = page_of(answer(b"", "204 No Content") if name.startswith("c") else answer())
            await (silent if name in self.silenced else right)(reader, writer)

        return asked

    def taken(self) -> list[str]:
        """The visits since this was last asked, sorted."""
        visits, self.visits = sorted(self.visits), []
        return visits


@pytest.fixture
async def vendors(ca: trustme.CA, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Vendors]:
    """Two anchors over https and five in clear text."""
    monkeypatch.setattr(anchors, "MIN_LOOK_INTERVAL_SECONDS", 0.0)
    context = server_context(ca, "127.0.0.1")
    made = Vendors()
    async with AsyncExitStack() as stack:
        for name in ("s0", "s1"):
            port = await stack.enter_async_context(serving(made.talk(name), context))
            made.urls.append(f"https://127.0.0.1:{port}/")
        for name in ("c0", "c1", "c2", "c3", "c4"):
            port = await stack.enter_async_context(serving(made.talk(name)))
            made.urls.append(f"http://127.0.0.1:{port}/generate_204")
        yield made


ALL = ["c0", "c1", "c2", "c3", "c4", "s0", "s1"]


async def test_a_usual_look_asks_a_part_of_the_anchors_in_turns(tools: Tools, vendors: Vendors) -> None:
    """One over https and two in clear text; the first look asks all. The latest look at each counts."""
    watch = AnchorWatch(vendors.urls, [], tools, Clock(), classify=classify)
    await watch.look()
    assert vendors.taken() == ALL
    turns = []
    for _ in range(5):
        looks = await watch.look()
        turns.append(vendors.taken())

    assert all([name[0] for name in turn] == ["c", "c", "s"] for turn in turns)
    assert sorted(name for turn in turns for name in turn if name[0] == "c") == sorted(2 * ALL[:5])
    assert {name for turn in turns[:2] for name in turn} >= {"s0", "s1"}
    assert len(looks) == 7
    assert len({look.at for look in looks}) == 3


class EarlierClock(Clock):
    """The real clock, some seconds ago."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds

    def now(self) -> datetime:
        """So many seconds before the real time."""
        return super().now() - timedelta(seconds=self._seconds)


async def remembered(tools: Tools, vendors: Vendors, *, seconds: float = 300.0) -> AnchorMemory:
    """The memory of a process that looked three times, some seconds ago."""
    watch = AnchorWatch(vendors.urls, [], tools, EarlierClock(seconds), classify=classify)
    for _ in range(3):
        await watch.look()
    vendors.taken()
    return msgspec.msgpack.decode(msgspec.msgpack.encode(watch.memory()), type=AnchorMemory)


async def test_a_later_process_goes_on_with_the_anchors_in_turns(tools: Tools, vendors: Vendors) -> None:
    """Its first look asks the next part, and its looks count beside those of the process before it."""
    memory = await remembered(tools, vendors)
    watch = AnchorWatch(vendors.urls, [], tools, Clock(), classify=classify)
    watch.recall(memory)
    before = watch.latest
    looks = await watch.look()
    first = vendors.taken()
    await watch.look()

    assert before == ()
    assert [name[0] for name in first] == ["c", "c", "s"]
    assert [name[0] for name in vendors.taken()] == ["c", "c", "s"]
    assert len(looks) == 7
    assert watch.reached == ("127.0.0.1",) * 7
    assert {url for url, _ in watch.large_pages} <= set(vendors.urls[:2])


async def test_where_an_anchor_fails_at_a_later_processs_first_look_all_are_asked(
    tools: Tools, vendors: Vendors
) -> None:
    """Whichever of its part it is; the process believes no look of the one before it then."""
    memory = await remembered(tools, vendors)
    watch = AnchorWatch(vendors.urls, [], tools, Clock(), classify=classify)
    watch.recall(memory)
    vendors.silenced = set(ALL)
    looks = await watch.look()

    assert set(vendors.taken()) == set(ALL)
    assert {look.failure for look in looks} == {Failure.TIMEOUT}


@pytest.mark.parametrize("case", ["old", "future", "failed", "unknown", "empty"])
async def test_a_memory_that_does_not_show_the_line_well_is_not_used(tools: Tools, vendors: Vendors, case: str) -> None:
    """It is too old, from a clock that was set back since, an anchor failed, or one was never asked."""
    memory = await remembered(tools, vendors, seconds={"old": 1000.0, "future": -1000.0}.get(case, 300.0))
    if case == "failed":
        bad = msgspec.structs.replace(memory.looks[3], failure=Failure.RESET)
        memory = msgspec.structs.replace(memory, looks=(bad, *memory.looks[:3], *memory.looks[4:]))
    if case == "unknown":
        memory = msgspec.structs.replace(memory, looks=memory.looks[1:])
    watch = AnchorWatch(vendors.urls, [], tools, Clock(), classify=classify)
    watch.recall(AnchorMemory() if case == "empty" else memory)
    await watch.look()

    assert vendors.taken() == ALL


async def test_where_an_anchor_has_changed_all_are_asked(tools: Tools, vendors: Vendors) -> None:
    """When it fails, a second time at once; and while it has failed for minutes only, at every look."""
    watch = AnchorWatch(vendors.urls, [], tools, Clock(), classify=classify)
    await watch.look()
    vendors.taken()
    vendors.silenced = {"c2", "c3"}  # of the next part
    lost = await watch.look()
    after_loss = vendors.taken()
    steady = await watch.look()
    after_steady = vendors.taken()
    vendors.silenced = set()
    found = await watch.look()

    assert after_loss == sorted([*ALL, "c2", "c3"])
    assert [look.failure for look in lost] == [None] * 4 + [Failure.TIMEOUT] * 2 + [None]
    assert [look.failure for look in steady] == [look.failure for look in lost]
    assert {"c2", "c3"} <= set(after_steady) < set(ALL)
    assert vendors.taken() == ALL
    assert all(look.failure is None for look in found)


async def test_old_looks_do_not_count_with_later_ones(
    tools: Tools, vendors: Vendors, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where an anchor fails then, all are asked."""
    watch = AnchorWatch(vendors.urls, [], tools, Clock(), classify=classify)
    await watch.look()
    vendors.silenced = {"c2"}
    await watch.look()
    monkeypatch.setattr(anchors, "MAX_LOOK_AGE_SECONDS", 0.0)
    vendors.taken()
    while True:
        looks = await watch.look()
        asked = vendors.taken()
        if "c2" in asked:
            break
        assert len(looks) == 3

    assert asked == ALL
    assert len(looks) == 7


async def test_patient_verdicts_share_one_look(tools: Tools, vendors: Vendors) -> None:
    """It begins once all measurements under way wait for it; the order of their ends does not matter."""
    watch = AnchorWatch(vendors.urls, [], tools, clock := Clock(), classify=classify)
    await watch.look()
    vendors.taken()
    going = asyncio.Event()

    async def measure(ends: asyncio.Event | None) -> datetime:
        with watch.measuring():
            if ends is not None:
                await ends.wait()
            looks = await watch.fresh(clock.monotonic(), patient=True)
        return max(look.at for look in looks)

    last = asyncio.create_task(measure(going))
    first = [asyncio.create_task(measure(None)) for _ in range(5)]
    await asyncio.sleep(0.05)
    assert vendors.visits == []
    going.set()
    times = await asyncio.gather(*first, last)

    assert len(set(times)) == 1
    assert len(vendors.taken()) == 3


async def test_a_patient_verdict_does_not_wait_for_long(
    tools: Tools, vendors: Vendors, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor at all where another one has doubts about the line, or the other measurements end without a look."""
    watch = AnchorWatch(vendors.urls, [], tools, clock := Clock(), classify=classify)
    await watch.look()
    with watch.measuring():
        with watch.measuring():
            monkeypatch.setattr(anchors, "PATIENCE_SECONDS", 0.2)
            await watch.fresh(clock.monotonic(), patient=True)
            monkeypatch.setattr(anchors, "PATIENCE_SECONDS", 3600.0)
            patient = asyncio.create_task(watch.fresh(clock.monotonic(), patient=True))
            await asyncio.sleep(0.05)
            assert not patient.done()
            await watch.fresh(clock.monotonic())
            await patient
            patient = asyncio.create_task(watch.fresh(clock.monotonic(), patient=True))
            await asyncio.sleep(0.05)
            assert not patient.done()
        await patient


async def test_a_line_that_is_full_is_looked_at_again_when_it_is_quiet(
    tools: Tools, vendors: Vendors, monkeypatch: pytest.MonkeyPatch
) -> None:
    """New connections wait meanwhile. The anchors work then, and the looks say that they were lost before."""
    monkeypatch.setattr(anchors, "QUIET_SECONDS", 0.1)
    watch = AnchorWatch(vendors.urls, [], tools, Clock(), classify=classify)
    await watch.look()
    vendors.silenced = set(ALL)

    async def transfer() -> None:
        while tools.going.is_set():
            tools.pace.budget.count(anchors.MIN_LOAD_BYTES)
            await asyncio.sleep(0.02)
        vendors.silenced = set()

    transferring = asyncio.create_task(transfer())
    looks = await watch.look()
    await transferring

    assert tools.going.is_set()
    assert all(look.failure is None and look.lost_under_load for look in looks)
    assert (conclude(looks), notes(looks)) == (VantageState.ONLINE, ("anchors_disagree",))
    again = await watch.look()
    assert notes(again) == ()


async def test_a_line_that_carries_nothing_is_not_waited_for(tools: Tools, vendors: Vendors) -> None:
    """It is offline; and an allow-list that lets a domestic anchor through is seen although data comes from there."""
    home = vendors.urls.pop()
    watch = AnchorWatch(vendors.urls, [home], tools, Clock(), classify=classify)
    await watch.look()
    vendors.silenced = set(ALL)
    assert conclude(await watch.look()) is VantageState.OFFLINE
    vendors.silenced = set()
    assert conclude(await watch.look()) is VantageState.ONLINE

    vendors.silenced = set(ALL) - {"c4"}
    looking = asyncio.create_task(watch.look())
    await asyncio.sleep(0.05)
    tools.pace.budget.count(anchors.MIN_LOAD_BYTES)
    looks = await looking

    assert conclude(looks) is VantageState.ALLOWLIST
    assert not any(look.lost_under_load for look in looks)
