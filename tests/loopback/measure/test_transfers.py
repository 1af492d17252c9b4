"""Pages that stop or crawl under one name and not under another, from the server to the verdict."""

from __future__ import annotations

import asyncio
import gzip
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random

import pytest
import trustme

from probe.clock import Clock
from probe.judge.anchor_content import classify
from probe.measure.anchors import AnchorWatch
from probe.measure.fetch import fetch
from probe.measure.pace import PaceLimiter
from probe.measure.tools import Timestamps, Tools
from probe.model import flow
from probe.model.address import Family
from probe.model.failure import Failure
from probe.model.observation import Exchange, Observation
from probe.model.step import Fetch
from probe.model.target import parse
from probe.model.verdict import Cause, Status, Verdict
from probe.session.measurement import MeasurementContext, measure_target
from tests.loopback.tiny_servers import answer, page_of, request, server_context, serving

LARGE = answer(Random(7).randbytes(50_000).hex().encode())
"""A page of 100 kB."""


@asynccontextmanager
async def held(ca: trustme.CA, first: int, piece: int, pause: float) -> AsyncIterator[int]:
    """A server of a large page: without a server name `first` bytes come, then a piece after each pause."""
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


async def verdict_on(port: int, seconds: float) -> Verdict:
    """The verdict on the server's page."""
    async with Tools(seconds, PaceLimiter(0)) as tools:
        surroundings = MeasurementContext(
            tools=tools,
            anchors=AnchorWatch((), (), tools, Clock(), classify=classify),
            families=frozenset({Family.IPV4}),
        )
        text = f"https://127.0.0.1:{port}/"
        return await measure_target(text, parse(text), surroundings)


@pytest.mark.usefixtures("believed")
async def test_a_page_that_stops_after_sixteen_kilobytes_under_its_own_name_is_throttled(
    ca: trustme.CA, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twice, and whole under another; the evidence says where it stopped."""
    monkeypatch.setattr(flow, "MIN_FREEZE_SILENCE_MS", 300)
    async with held(ca, 16_000, 0, 30) as port:
        verdict = await verdict_on(port, 0.6)

    assert (verdict.status, verdict.rule) == (Status.THROTTLED, "throttle.freeze.sni")
    assert verdict.causes == (Cause.THROTTLE_FREEZE,)
    flows = [one.flow for one in verdict.evidence.observations if isinstance(one, Exchange) and one.frozen]
    assert len(flows) >= 2
    assert all(flow is not None and 16_000 <= flow.bytes < 18_000 for flow in flows)


@pytest.mark.usefixtures("believed")
async def test_a_page_that_crawls_under_its_own_name_is_throttled(ca: trustme.CA) -> None:
    """At 40 kB/s, and at once under another."""
    async with held(ca, 4_000, 4_000, 0.1) as port:
        verdict = await verdict_on(port, 5)

    assert (verdict.status, verdict.rule) == (Status.THROTTLED, "throttle.rate")
    assert verdict.causes == (Cause.THROTTLE_RATE,)


@pytest.mark.usefixtures("believed")
async def test_a_page_that_comes_at_once_is_fetched_once(ca: trustme.CA) -> None:
    """Reachable, with its flow in evidence and nothing asked twice."""
    async with held(ca, len(LARGE), 0, 0) as port:
        verdict = await verdict_on(port, 5)

    pages = [one for one in verdict.evidence.observations if isinstance(one, Exchange)]
    assert verdict.status is Status.REACHABLE
    assert len(pages) == 1
    assert pages[0].flow is not None
    assert pages[0].flow.bytes > 100_000


async def test_the_flow_counts_the_bytes_of_the_socket(tools: Tools) -> None:
    """The decoded text of a compressed page that stops is far longer."""
    packed = gzip.compress((Random(7).randbytes(12_000).hex() * 10).encode())
    data = answer(packed, headers="Content-Encoding: gzip\r\n")

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        writer.write(data[: len(data) - 200])
        await asyncio.sleep(30)

    seen: list[Observation] = []
    async with serving(talk) as port:
        step = Fetch(url=f"http://127.0.0.1:{port}/", address="127.0.0.1")
        await fetch(step, tools, Timestamps(asyncio.get_running_loop().time(), step.position), seen.append)

    page = seen[-1]
    assert isinstance(page, Exchange)
    assert page.failure is Failure.TIMEOUT
    assert page.flow is not None
    assert page.length > 4 * page.flow.bytes
    assert not page.answered


async def test_another_server_name_is_sent_in_tls_and_not_in_the_request(tools: Tools, ca: trustme.CA) -> None:
    """The Host header has the page's own name."""
    context = server_context(ca, "lab.example")
    names: list[str | None] = []
    heard: list[bytes] = []

    def note(session: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
        names.append(name)

    context.sni_callback = note
    plain = page_of(answer())

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await request(reader))
        reader.feed_data(heard[-1])
        await plain(reader, writer)

    seen: list[Observation] = []
    async with serving(talk, context) as port:
        url = f"https://lab.example:{port}/"
        step = Fetch(url=url, address="127.0.0.1", sni="other.example", verify=False)
        await fetch(step, tools, Timestamps(asyncio.get_running_loop().time(), step.position), seen.append)

    assert names == ["other.example"]
    assert f"Host: lab.example:{port}".encode() in heard[0]
    assert isinstance(seen[-1], Exchange)
    assert (seen[-1].status, seen[-1].secure) == (200, False)
