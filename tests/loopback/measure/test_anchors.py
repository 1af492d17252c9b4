"""Looking at anchors that work, that are silent, and that somebody else answers for."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta

import trustme
from tiny_servers import answer, page_of, server_context, serving, silent

from probe.clock import Clock
from probe.measure import anchors
from probe.measure.anchors import AnchorWatch
from probe.measure.tools import Tools
from probe.model.failure import Failure
from probe.model.verdict import AnchorKind


async def test_anchors_are_looked_at_together_and_each_in_its_kind(tools: Tools, ca: trustme.CA) -> None:
    """One that works, one that is silent, one behind another's certificate, one that redirects elsewhere."""
    context, wrong = server_context(ca, "127.0.0.1"), server_context(trustme.CA(), "127.0.0.1")
    portal = page_of(answer(b"", "302 Found", "Location: http://portal.lan/\r\n"))
    async with (
        serving(page_of(answer()), context) as good,
        serving(silent) as dumb,
        serving(page_of(answer()), wrong) as posing,
        serving(portal) as login,
    ):
        foreign = [f"https://127.0.0.1:{port}/" for port in (good, dumb, posing)]
        watch = AnchorWatch([*foreign, ""], [f"http://127.0.0.1:{login}/"], tools, Clock())
        began = time.monotonic()
        looks = await watch.look()

    assert time.monotonic() - began < 3
    assert [(look.failure, look.foreign_content) for look in looks] == [
        (None, False),
        (Failure.TIMEOUT, False),
        (Failure.CERTIFICATE, True),
        (None, True),
    ]
    assert [look.kind for look in looks] == [AnchorKind.FOREIGN] * 3 + [AnchorKind.DOMESTIC]
    assert watch.latest == looks


async def test_those_who_want_a_look_at_the_same_time_share_one(tools: Tools, monkeypatch) -> None:  # noqa: ANN001
    """And who is content with an older one gets it."""
    monkeypatch.setattr(anchors, "APART", 0.05)
    visits = 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal visits
        visits += 1
        await page_of(answer())(reader, writer)

    async with serving(talk) as port:
        watch = AnchorWatch([f"http://127.0.0.1:{port}/"], [], tools, Clock())
        since = datetime.now(UTC)
        looks = await asyncio.gather(*(watch.fresh(since) for _ in range(20)))
        assert visits == 1
        assert len(set(looks)) == 1
        assert looks[0][0].at >= since
        await watch.fresh(since - timedelta(hours=1))
        assert visits == 1
        await watch.fresh(datetime.now(UTC))
        assert visits == 2


async def test_looks_are_kept_apart_by_the_clock_given(tools: Tools) -> None:
    """A laboratory's minute is a second, and its rounds must not wait for the world's."""
    async with serving(page_of(answer())) as port:
        clock = Clock(rate=100)
        watch = AnchorWatch([f"http://127.0.0.1:{port}/"], [], tools, clock)
        (first,) = await watch.look()
        (second,) = await watch.look()

    assert second.at - first.at >= timedelta(seconds=anchors.APART)


async def test_a_caller_who_gives_up_leaves_nothing_and_nobody_stuck(tools: Tools) -> None:
    """The next one looks for itself."""
    async with serving(silent) as port:
        watch = AnchorWatch([f"http://127.0.0.1:{port}/"], [], tools, Clock())
        first = asyncio.create_task(watch.look())
        await asyncio.sleep(0.1)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        (look,) = await watch.look()

    assert look.failure is Failure.TIMEOUT


async def test_without_anchors_there_is_nothing_to_see(tools: Tools) -> None:
    """An empty string means none."""
    assert await AnchorWatch([""], [], tools, Clock()).look() == ()


async def test_an_anchors_name_is_asked_of_the_system(tools: Tools, ca: trustme.CA) -> None:
    """Whichever of its addresses serves is enough."""
    async with serving(page_of(answer()), server_context(ca, "localhost")) as port:
        (look,) = await AnchorWatch([f"https://localhost:{port}/"], [], tools, Clock()).look()

    assert look.failure is None
