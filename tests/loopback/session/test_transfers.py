"""Throttled pages, from the server to the verdict: a page freezes or is slow under its own name only."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from random import Random

import pytest
import trustme

from probe.clock import Clock
from probe.judge.anchor_content import classify
from probe.measure.anchors import AnchorWatch
from probe.measure.pace import PaceLimiter
from probe.measure.tools import Tools
from probe.model import flow
from probe.model.address import Family
from probe.model.flow import Flow
from probe.model.hop import Purpose
from probe.model.observation import Exchange
from probe.model.target import parse
from probe.model.verdict import Cause, ControlFacts, ControlPage, Status, Verdict
from probe.session.measurement import MeasurementContext, measure_target
from tests.loopback.tiny_servers import answer, page_of, request, server_context, serving

LARGE = answer(Random(7).randbytes(50_000).hex().encode())
"""A page of 100 kB."""


@asynccontextmanager
async def throttled_by_name(ca: trustme.CA, first: int, piece: int, pause: float) -> AsyncIterator[int]:
    """Serve a large page: without a server name `first` bytes come, then a piece after each pause."""
    context = server_context(ca, "127.0.0.1")
    named: set[object] = set()
    context.sni_callback = lambda session, name, _: named.add(session) if name else None

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        if writer.get_extra_info("ssl_object") in named:
            writer.write(LARGE)
            await writer.drain()
            return
        writer.write(LARGE[:first])
        for start in range(first, len(LARGE), piece or len(LARGE)):
            await asyncio.sleep(pause)
            writer.write(LARGE[start : start + piece])
            await writer.drain()

    async with serving(talk, context) as port:
        yield port


@asynccontextmanager
async def slow_line(ca: trustme.CA, stop: int) -> AsyncIterator[int]:
    """Serve a large page at 40 kB/s; without a server name it stops after so many bytes."""
    context = server_context(ca, "127.0.0.1")
    named: set[object] = set()
    context.sni_callback = lambda session, name, _: named.add(session) if name else None

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        size = len(LARGE) if writer.get_extra_info("ssl_object") in named else stop
        for start in range(0, size, 2_000):
            writer.write(LARGE[start : start + 2_000])
            await writer.drain()
            await asyncio.sleep(0.05)
        if size < len(LARGE):
            await asyncio.sleep(30)

    async with serving(talk, context) as port:
        yield port


async def verdict_on(port: int, seconds: float, anchor: str = "", control: ControlFacts | None = None) -> Verdict:
    """Return the verdict on the server's page."""
    async with Tools(seconds, PaceLimiter(0)) as tools:
        anchors = AnchorWatch((anchor,), (), tools, Clock(), classify=classify)
        context = MeasurementContext(tools=tools, anchors=anchors, families=frozenset({Family.IPV4}))
        await anchors.look()
        text = f"https://127.0.0.1:{port}/"
        return await measure_target(text, parse(text), context, control=control)


@pytest.mark.usefixtures("believed")
async def test_a_page_that_freezes_after_sixteen_kilobytes_under_its_own_name_is_throttled(
    ca: trustme.CA, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It freezes twice and is complete under another name. Evidence has the bytes of both transfers."""
    monkeypatch.setattr(flow, "MIN_FREEZE_SILENCE_MS", 300)
    async with throttled_by_name(ca, 16_000, 0, 30) as port:
        verdict = await verdict_on(port, 0.6)

    assert (verdict.status, verdict.rule) == (Status.THROTTLED, "throttle.freeze.sni")
    assert verdict.causes == (Cause.THROTTLE_FREEZE,)
    flows = [one.flow for one in verdict.evidence.observations if isinstance(one, Exchange) and one.frozen]
    assert len(flows) >= 2
    assert all(flow is not None and 16_000 <= flow.bytes < 18_000 for flow in flows)


@pytest.mark.usefixtures("believed")
async def test_a_page_that_is_slow_under_its_own_name_is_throttled(ca: trustme.CA) -> None:
    """It comes at 40 kB/s, and at once under another name."""
    async with throttled_by_name(ca, 4_000, 4_000, 0.1) as port:
        verdict = await verdict_on(port, 5)

    assert (verdict.status, verdict.rule) == (Status.THROTTLED, "throttle.rate")
    assert verdict.causes == (Cause.THROTTLE_RATE,)


@pytest.mark.usefixtures("believed")
async def test_a_freeze_under_a_name_shows_on_a_slow_line(ca: trustme.CA, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page comes at 40 kB/s under any name, stops after 24 kB under its own, and is whole under none."""
    monkeypatch.setattr(flow, "MIN_FREEZE_SILENCE_MS", 800)
    async with slow_line(ca, stop=24_000) as port:
        verdict = await verdict_on(port, 1.5)

    assert (verdict.status, verdict.rule) == (Status.THROTTLED, "throttle.freeze.sni")
    beside = [
        one for one in verdict.evidence.observations if isinstance(one, Exchange) and one.purpose is Purpose.NEUTRAL
    ]
    assert not any(one.complete for one in beside)


@pytest.mark.usefixtures("believed")
async def test_a_server_that_sends_slowly_to_visitors_from_here_is_no_network_that_slows(ca: trustme.CA) -> None:
    """The control and an anchor's page are fast, and every name crawls; no packet was lost or waited on the path."""
    quick = Flow(bytes=100_000, took=50)
    async with (
        slow_line(ca, stop=len(LARGE)) as port,
        serving(page_of(LARGE), server_context(ca, "127.0.0.2"), host="127.0.0.2") as fast,
    ):
        url = f"https://127.0.0.1:{port}/"
        known = ControlFacts(
            time=datetime.now(UTC),
            statuses=(Status.REACHABLE,),
            pages=(ControlPage(url=url, status=200, length=100_000, flow=quick),),
        )
        verdict = await verdict_on(port, 5, anchor=f"https://127.0.0.2:{fast}/", control=known)

    line = [one for one in verdict.evidence.observations if isinstance(one, Exchange) and one.purpose is Purpose.LINE]
    assert (verdict.status, verdict.rule) == (Status.REACHABLE, "served")
    assert [one.flow is not None and len(one.flow.marks) for one in line] == [3, 3, 3]


@pytest.mark.usefixtures("believed")
async def test_a_page_at_full_speed_is_fetched_once(ca: trustme.CA) -> None:
    """It is reachable, and evidence has its flow."""
    async with throttled_by_name(ca, len(LARGE), 0, 0) as port:
        verdict = await verdict_on(port, 5)

    pages = [one for one in verdict.evidence.observations if isinstance(one, Exchange)]
    assert verdict.status is Status.REACHABLE
    assert len(pages) == 1
    assert pages[0].flow is not None
    assert pages[0].flow.bytes > 100_000
