"""The control of another collector: fetched, verified, stored, by two real collectors on loopback."""

from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp import web

from probe.clock import Clock
from probe.collector.own_control import own_control, signature_fields
from probe.collector.server import running
from probe.collector.state import Collector
from probe.collector.trusted_control import TrustedControl
from probe.errors import RecordError, SettingsError, UplinkError
from probe.formats.batch import Batch, encode
from probe.model.event import Network
from probe.model.verdict import Evidence, Status, Vantage, VantageState, Verdict
from tests.loopback.collector.conftest import Server
from tests.loopback.tiny_servers import serving

OUT_OF_BOUNDS = (
    b'{"time":"2026-05-04T12:00:00Z","target":"a.example","status":"down","causes":[],"rule":"r",'
    b'"evidence":{"rules":99999999999999999},"vantage":{"state":"online"}}'
)
NO_ZONE = OUT_OF_BOUNDS.replace(b"12:00:00Z", b"12:00:00").replace(b"99999999999999999", b"1")
HERE = Network(asn=64500, country="NL")


@pytest.fixture
async def other(tmp_path: Path) -> AsyncIterator[Collector]:
    """Another collector, whose origin is where it listens."""
    async with running(tmp_path / "other.db", "127.0.0.1:0", "http://c.test", Clock()) as (collector, page):
        collector.origin = page.rstrip("/")
        yield collector


async def measure(collector: Collector, target: str, status: Status, *, age: timedelta = timedelta(0)) -> None:
    """Let the collector's own control report a verdict."""
    control, now = await own_control(collector, HERE), collector.clock.now()
    verdict = Verdict(
        time=now - age,
        target=target,
        status=status,
        rule="r",
        evidence=Evidence(rules=1),
        vantage=Vantage(state=VantageState.ONLINE),
    )
    epoch = f"{target}{age.total_seconds():.0f}".translate(str.maketrans(dict.fromkeys(":/.", "_")))
    batch = Batch(
        agent=control.agent_id, epoch=epoch, seq=1, sent=now, interval=300.0, network=HERE, control=(verdict,)
    )
    status_code, body = await control.take(gzip.compress(encode(batch)))
    assert status_code == 200, body


async def known(server: Server) -> dict[str, str]:
    """Target -> status in the control that a collector serves."""
    _, lines = await server.get("/api/v1/control")
    return {line["target"]: line["status"] for line in map(json.loads, lines.splitlines())}


async def test_verdicts_are_taken_over_and_the_control_counts_as_present(server: Server, other: Collector) -> None:
    await measure(other, "https://a.example/", Status.REACHABLE)
    trusted = TrustedControl(server.collector, other.origin)

    await trusted.run_once()

    assert await known(server) == {"https://a.example/": "reachable"}
    board = json.loads((await server.get("/api/v1/board"))[1])
    assert board["control"] == {"present": 1, "own": False}


async def test_the_newer_verdict_of_two_controls_wins_and_two_that_trust_each_other_settle(
    server: Server, other: Collector
) -> None:
    await measure(other, "https://a.example/", Status.DOWN, age=timedelta(minutes=10))
    await measure(other, "https://b.example/", Status.DOWN)
    await measure(server.collector, "https://a.example/", Status.REACHABLE)
    await measure(server.collector, "https://b.example/", Status.REACHABLE, age=timedelta(minutes=10))
    server.collector.origin = server.page

    for _ in range(2):
        await TrustedControl(server.collector, other.origin).run_once()
        await TrustedControl(other, server.page).run_once()

    assert await known(server) == {"https://a.example/": "reachable", "https://b.example/": "down"}


async def test_a_verdict_dated_ahead_does_not_outlast_what_the_own_control_measures_next(
    server: Server, other: Collector
) -> None:
    await measure(other, "https://a.example/", Status.REACHABLE, age=-timedelta(minutes=4))
    await TrustedControl(server.collector, other.origin).run_once()

    await measure(server.collector, "https://a.example/", Status.DOWN)

    assert await known(server) == {"https://a.example/": "down"}


async def test_an_unchanged_control_is_not_sent_again(server: Server, other: Collector) -> None:
    server.collector.clock.rate = 1e6  # the interval passes at once
    await measure(other, "https://a.example/", Status.REACHABLE)
    trusted = TrustedControl(server.collector, other.origin)
    await trusted.run_once()
    commits = server.collector.store.commits  # type: ignore[attr-defined]

    await trusted.run_once()

    assert server.collector.store.commits == commits  # type: ignore[attr-defined]


async def test_another_key_than_the_first_is_refused_and_nothing_is_stored(server: Server, other: Collector) -> None:
    """Somebody who takes over the name, or the certificate, of the other collector has not its key."""
    await TrustedControl(server.collector, other.origin).run_once()
    await measure(other, "https://a.example/", Status.DOWN)
    await other.store.write(lambda session: session.run("DELETE FROM meta WHERE key = 'published control: key'"))

    with pytest.raises(UplinkError, match="not signed with the key that is known"):
        await TrustedControl(server.collector, other.origin).run_once()

    assert await known(server) == {}


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "the control is not signed"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n" + b"x" * 17_000_000, "a control of more than"),
        (b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", "status 302"),
        (b"HTTP/1.1 304 Not Modified\r\n\r\n", "status 304"),
        (b"", "cannot be fetched"),
    ],
)
async def test_what_is_no_signed_control_is_refused(server: Server, reply: bytes, said: str) -> None:
    async def talk(reader: object, writer: object) -> None:
        await reader.readuntil(b"\r\n\r\n")  # type: ignore[attr-defined]
        writer.write(reply)  # type: ignore[attr-defined]
        await writer.drain()  # type: ignore[attr-defined]

    async with serving(talk) as port:  # type: ignore[arg-type]
        with pytest.raises(UplinkError, match=said):
            await TrustedControl(server.collector, f"http://127.0.0.1:{port}").run_once()


@pytest.mark.parametrize(
    ("line", "error", "said"),
    [
        (b"not a verdict", RecordError, "http"),
        (NO_ZONE, RecordError, "a time lacks its zone"),
        (OUT_OF_BOUNDS, UplinkError, "its control is refused: a number in evidence is out of bounds"),
    ],
)
async def test_a_signed_control_that_is_none_is_refused_too(
    server: Server, line: bytes, error: type[Exception], said: str
) -> None:
    """A signature says whose it is, not that it is sound."""
    app = web.Application()

    async def listing(request: web.Request) -> web.Response:
        return web.Response(body=line, headers=await signature_fields(impostor, line))

    app.router.add_get("/api/v1/control", listing)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        impostor = Collector(server.collector.store, Clock(), url, b"")
        with pytest.raises(error, match=said):
            await TrustedControl(server.collector, url).run_once()
    finally:
        await runner.cleanup()
    assert await known(server) == {}


def test_a_text_that_is_no_origin_is_refused(server: Server) -> None:
    with pytest.raises(SettingsError):
        TrustedControl(server.collector, "collector.example/path")


async def test_a_control_that_is_revoked_here_is_not_taken_over(server: Server, other: Collector) -> None:
    await measure(other, "https://a.example/", Status.REACHABLE)
    await TrustedControl(server.collector, other.origin).run_once()
    await server.collector.store.write(lambda session: session.run("UPDATE agent SET state = 'revoked'"))

    with pytest.raises(Exception, match="revoked"):
        await TrustedControl(server.collector, other.origin).run_once()
