"""A vantage's addresses are nowhere after an end-to-end run: state, outbox, log, wire, collector's database.

Servers and a portal repeat the visitor's addresses in every form they can. The agent is real, so is the collector;
between the two stands a relay that records every byte.
"""

from __future__ import annotations

import asyncio
import base64
import gzip
import ipaddress
import json
import logging
import sqlite3
import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, suppress
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from probe.agent.daemon import run_once
from probe.agent.outbox import Outbox
from probe.agent.state_file import STATE_FILE
from probe.clock import Clock
from probe.collector.intake.enrolment import make_token
from probe.collector.server import running
from probe.collector.state import Collector
from probe.errors import ExitStatus
from probe.model.transition import Transition
from tests.loopback.agent.made import agent_context, settings
from tests.loopback.tiny_servers import serving

FOUR, SIX = "95.24.1.2", "2a02:2168:84:1::1f"
ECHOES = (
    FOUR,
    FOUR.replace(".", "-") + ".dynamic.isp.example",
    FOUR.replace(".", "%2E"),
    "::ffff:" + FOUR,
    ipaddress.ip_address(FOUR).reverse_pointer,
    ipaddress.ip_address(FOUR).packed.hex(),
    base64.b64encode(FOUR.encode()).decode(),
    SIX,
    SIX.upper(),
    ipaddress.ip_address(SIX).exploded,
    ipaddress.ip_address(SIX).reverse_pointer,
    ipaddress.ip_address(SIX).packed.hex(),
    base64.b64encode(SIX.encode()).decode(),
)


def repeated(request: bytes) -> bytes:
    """An answer that repeats the visitor's addresses: a redirect to a portal, or its page."""
    head = "".join(
        f"X-Client-{number}: {echo}\r\nSet-Cookie: c{number}={echo}\r\n" for number, echo in enumerate(ECHOES)
    )
    head += f"X-{FOUR}: 1\r\nServer: proxy for {FOUR}\r\nVia: 1.1 {FOUR}\r\n"
    if b" /moved " in request.partition(b"\r\n")[0]:
        query = "&".join(f"k{number}={echo}" for number, echo in enumerate(ECHOES))
        return f"HTTP/1.1 302 Found\r\n{head}Location: /blocked/{FOUR}/?{query}\r\nContent-Length: 0\r\n\r\n".encode()
    body = f"<html><title>No, {FOUR}</title>" + "".join(f"<p>You are {echo}</p>" for echo in ECHOES) + "</html>"
    return f"HTTP/1.1 403 No\r\n{head}Content-Length: {len(body)}\r\nContent-Type: text/html\r\n\r\n{body}".encode()


def forms() -> Iterator[bytes]:
    """Every form of the two addresses, in lower case where case does not matter."""
    for address in map(ipaddress.ip_address, (FOUR, SIX)):
        text = str(address)
        spelled = [text, address.exploded, address.reverse_pointer, address.packed.hex()]
        spelled += [text.replace(mark, other) for mark in ".:" for other in "-_" if mark in text]
        yield from (one.lower().encode() for one in spelled)
        yield from (base64.b64encode(b"\0" * n + text.encode())[4 if n else 0 : -4].lower() for n in range(3))


def found(content: bytes) -> set[bytes]:
    """The forms that are in some bytes."""
    lower = content.lower()
    return {form for form in forms() if form in lower}


def opened(content: bytes) -> Iterator[bytes]:
    """Some bytes, and what is compressed in them from their beginning on."""
    yield content
    with suppress(OSError, EOFError, zlib.error):
        yield gzip.decompress(content)
    with suppress(zlib.error):
        yield zlib.decompress(content)


def in_files(folder: Path) -> Iterator[bytes]:
    """All files of a folder, and every value of the databases among them."""
    for path in folder.rglob("*"):
        if not path.is_file():
            continue
        yield path.read_bytes()
        if path.read_bytes()[:15] != b"SQLite format 3":
            continue
        with closing(sqlite3.connect(path)) as db:
            for (table,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
                for row in db.execute(f'SELECT * FROM "{table}"'):  # noqa: S608 - a name from the database itself
                    for value in row:
                        yield from opened(value if isinstance(value, bytes) else str(value).encode())


class Wire:
    """Servers and a relay on loopback that record what the agent sent."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.port = 0

    async def repeat(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer with the visitor's addresses."""
        request = await reader.readuntil(b"\r\n\r\n")
        self.sent.append(request)
        writer.write(repeated(request))
        await writer.drain()

    @asynccontextmanager
    async def relay(self) -> AsyncIterator[str]:
        """Relay to `port`; yields the relay's URL."""

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.port)
            with closing(far_writer):
                head = await reader.readuntil(b"\r\n\r\n")
                length = next((int(x.split(b":")[1]) for x in head.lower().split(b"\r\n") if b"content-length" in x), 0)
                body = await reader.readexactly(length)
                self.sent += [head, *opened(body)]
                far_writer.write(head + body)
                writer.write(await far_reader.read())
                await writer.drain()

        async with serving(talk) as own:
            yield f"http://127.0.0.1:{own}"


async def token_file(collector: Collector, folder: Path) -> str:
    """A file with a token for a control, which reports the evidence of every target."""
    now = collector.clock.now()
    token = await collector.store.write(
        lambda session: make_token(session, role="control", sponsor="", now=now, ttl=timedelta(hours=1))
    )
    (folder / "token").write_text(token)
    return str(folder / "token")


def no_change(transition: Transition) -> None:
    pytest.fail(f"nothing has changed, and yet: {transition}")


async def test_no_address_of_the_vantage_is_stored_sent_or_logged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setattr("probe.session.session.own_addresses", lambda: frozenset({FOUR, SIX}))
    wire = Wire()
    (tmp_path / "collector").mkdir()
    async with (
        serving(wire.repeat) as site,
        wire.relay() as origin,
        running(tmp_path / "collector" / "c.db", "127.0.0.1:0", origin, Clock()) as (collector, page),
    ):
        wire.port = int(page.rstrip("/").rpartition(":")[2])
        chosen = settings(
            *(tmp_path, f"http://127.0.0.1:{site}/", f"http://127.0.0.1:{site}/moved"),
            role="control",
            collectors=[origin],
            token_file=await token_file(collector, tmp_path),
        )
        chosen = msgspec.structs.replace(chosen, measure=msgspec.structs.replace(chosen.measure, timeout=2.0))
        context = agent_context(tmp_path)
        assert await run_once(chosen, context, no_change) == (ExitStatus.OK, "")
        with Outbox(context.folder / STATE_FILE) as outbox:
            assert outbox.unsent_count() == 0

    stored = [*in_files(tmp_path / "state"), *in_files(tmp_path / "collector")]
    verdicts = [json.loads(one) for one in stored if one.startswith(b'{"time":"') and b'"evidence"' in one]
    assert {one["target"].rpartition("/")[2] for one in verdicts} == {"", "moved"}, "a verdict is not in the database"
    assert any(b"own-address" in one for one in stored), "nothing was removed: the servers said nothing"
    assert [found(one) for one in stored if found(one)] == []
    assert [found(one) for one in wire.sent if found(one)] == []
    assert found(caplog.text.encode()) == set()
