"""Names that are cut at more than one layer, over real sockets: the second attempt fails before the first one did."""

from __future__ import annotations

import asyncio
import socket
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime

import pytest
import trustme

from probe.clock import Clock
from probe.judge import again
from probe.judge.anchor_content import classify
from probe.judge.control import facts
from probe.measure.anchors import AnchorWatch
from probe.measure.tools import Tools
from probe.model.address import Family
from probe.model.failure import Failure
from probe.model.observation import Connection, Exchange, TlsHandshake
from probe.model.target import parse
from probe.model.verdict import ControlFacts, Status, Verdict
from probe.session.measurement import MeasurementContext, measure_target
from tests.loopback.tiny_servers import Talk, abort, answer, page_of, request, server_context, serving, silent

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux drops SYNs where the accept queue is full")
NAME = "suspect.example"
SERVED = ControlFacts(time=datetime.now(UTC), statuses=(Status.REACHABLE,))
NOTICE = answer(b"<title>Forbidden</title>", "403 Forbidden")


class Listener:
    """A server whose connections are given to `talk`; once it is `deaf`, its full accept queue drops every SYN."""

    def __init__(self, talk: Talk, context: ssl.SSLContext | None) -> None:
        self.talk = talk
        self._context = context
        self.connections = 0
        self._sock = socket.socket()
        self._sock.setblocking(False)
        self._sock.bind(("127.0.0.1", 0))
        self._sock.listen(0)
        self.port = int(self._sock.getsockname()[1])
        self._fillers: list[socket.socket] = []
        self._tasks = [asyncio.create_task(self._accept())]

    async def _accept(self) -> None:
        while True:
            sock, _ = await asyncio.get_running_loop().sock_accept(self._sock)
            if self._fillers:
                sock.close()  # it was on its way when the queue was filled
                continue
            self.connections += 1
            self._tasks.append(asyncio.create_task(self._serve(sock)))

    async def _serve(self, sock: socket.socket) -> None:
        loop, reader = asyncio.get_running_loop(), asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(reader)
        transport, _ = await loop.connect_accepted_socket(lambda: protocol, sock, ssl=self._context)
        writer = asyncio.StreamWriter(transport, protocol, reader, loop)
        try:
            with suppress(OSError, asyncio.IncompleteReadError):
                await self.talk(reader, writer)
        finally:
            writer.close()

    async def fall_silent(self) -> None:
        """Accept no more, and fill the queue."""
        self._tasks.pop(0).cancel()
        for _ in range(3):
            filler = socket.socket()
            filler.setblocking(False)
            with suppress(BlockingIOError):
                filler.connect(("127.0.0.1", self.port))
            self._fillers.append(filler)

    async def close(self) -> None:
        """Close everything."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for sock in (self._sock, *self._fillers):
            sock.close()


@asynccontextmanager
async def listening(talk: Talk = silent, context: ssl.SSLContext | None = None) -> AsyncIterator[Listener]:
    """Run a server."""
    server = Listener(talk, context)
    try:
        yield server
    finally:
        await server.close()


async def measured(text: str, tools: Tools, control: ControlFacts | None = None, *, suspected: bool = False) -> Verdict:
    """The verdict on a target, judged again with the same result."""
    context = MeasurementContext(
        tools=tools,
        anchors=AnchorWatch((), (), tools, Clock(), classify=classify),
        network_resolvers=(),
        families=frozenset({Family.IPV4}),
    )
    verdict = await measure_target(text, parse(text), context, control=control, suspected=suspected)
    assert again(verdict) == verdict
    return verdict


async def served(text: str, tools: Tools) -> ControlFacts:
    """The control of a target that is served."""
    verdict = await measured(text, tools)
    assert verdict.status is Status.REACHABLE
    return facts([verdict])[text]


def silent_syns(verdict: Verdict) -> int:
    """How many SYNs of a measurement met silence."""
    seen = verdict.evidence.observations
    return sum(isinstance(one, Connection) and one.failure is Failure.TIMEOUT for one in seen)


async def test_silence_after_a_request_and_then_to_every_syn_is_one_block(tools: Tools) -> None:
    """As the censors of Geneva drop everything from a client after a forbidden word."""
    async with listening(page_of(answer())) as server:
        text = f"http://127.0.0.1:{server.port}/"
        control = await served(text, tools)

        async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await request(reader)
            await server.fall_silent()
            await reader.read()

        server.talk = cut
        verdict = await measured(text, tools, control)
        alone = await measured(text, tools)

    assert (verdict.status, verdict.causes) == (Status.BLOCKED, ("http.timeout",))
    assert silent_syns(verdict) == 6
    assert alone.status is Status.UNREACHABLE


async def test_silence_after_a_verified_handshake_and_then_to_every_syn_is_one_block(
    tools: Tools, ca: trustme.CA
) -> None:
    """The neutral name meets the silence, too."""
    async with listening(page_of(answer()), server_context(ca, "127.0.0.1")) as server:
        text = f"https://127.0.0.1:{server.port}/"
        control = await served(text, tools)

        async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await request(reader)
            await server.fall_silent()
            await reader.read()

        server.talk = cut
        verdict = await measured(text, tools, control)

    assert (verdict.status, verdict.causes) == (Status.BLOCKED, ("http.timeout",))
    assert any(isinstance(one, TlsHandshake) and one.verified for one in verdict.evidence.observations)


async def test_a_reset_hello_and_then_silence_to_every_syn_is_one_block(tools: Tools) -> None:
    """A re-test sees the neutral name answered first, and names the server name as a cause."""
    async with listening(alerting) as server:
        text = f"tls://127.0.0.1:{server.port}/{NAME}"

        async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            if NAME.encode() not in await reader.read(65536):
                await send_alert(writer)
                return
            abort(writer)
            await server.fall_silent()

        server.talk = cut
        verdict = await measured(text, tools, SERVED, suspected=True)

    assert (verdict.status, verdict.causes) == (Status.BLOCKED, ("tls.reset", "tls.sni"))
    assert silent_syns(verdict) >= 3


async def test_a_reset_hello_and_then_resets_of_other_names_and_silence_are_one_block(tools: Tools) -> None:
    """What other names meet at the address counts, too."""
    async with listening() as server:
        text = f"tls://127.0.0.1:{server.port}/{NAME}"

        async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(65536)
            abort(writer)
            if server.connections == 2:
                await server.fall_silent()

        server.talk = cut
        verdict = await measured(text, tools, SERVED)

    assert (verdict.status, verdict.causes) == (Status.BLOCKED, ("tls.reset",))


@pytest.mark.parametrize("garbage", [NOTICE, bytes(range(64))], ids=["a notice in clear text", "no protocol at all"])
async def test_garbage_in_place_of_tls_under_this_name_alone_is_a_block(tools: Tools, garbage: bytes) -> None:
    """Where every name gets it, the server speaks no TLS."""

    async def by_name(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if NAME.encode() in await reader.read(65536):
            writer.write(garbage)
            await writer.drain()
        else:
            await send_alert(writer)

    async def whatever(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(65536)
        writer.write(garbage)
        await writer.drain()

    async with serving(by_name) as port:
        censored = await measured(f"tls://127.0.0.1:{port}/{NAME}", tools)
        control = facts([censored])[censored.target]
        own = await measured(f"tls://127.0.0.1:{port}/{NAME}", tools, control)
    async with serving(whatever) as port:
        honest = await measured(f"tls://127.0.0.1:{port}/{NAME}", tools, SERVED)

    assert (censored.status, censored.causes) == (Status.BLOCKED, ("tls.eof", "tls.sni"))
    assert own.status is Status.DOWN
    assert honest.status is Status.UNREACHABLE


async def test_tries_that_stop_before_the_page_or_in_it_are_one_block(tools: Tools, ca: trustme.CA) -> None:
    """A filter lets the first packets of the answer through; another name gets all."""
    context = server_context(ca, "127.0.0.1")
    named: set[object] = set()
    context.sni_callback = lambda session, name, _: named.add(session) if name else None
    page, turns = answer(b"x" * 14_000), iter(["all", "before", "before", "before", "in"])

    async def stop(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        turn = "all" if writer.get_extra_info("ssl_object") in named else next(turns, "before")
        if turn != "before":
            writer.write(page if turn == "all" else page[:8_000])
        await reader.read()

    async with serving(stop, context) as port:
        text = f"https://127.0.0.1:{port}/"
        control = await served(text, tools)
        verdict = await measured(text, tools, control)

    tries = [one.status for one in verdict.evidence.observations if isinstance(one, Exchange)]
    if any(one.frozen for one in verdict.evidence.observations if isinstance(one, Exchange)):
        # on a host that stands still for seconds the try that ends in the page is a freeze
        assert (verdict.status, verdict.causes) == (Status.THROTTLED, ("throttle.freeze",))
    else:
        assert (verdict.status, verdict.causes) == (Status.BLOCKED, ("http.timeout", "tls.sni"))
    assert sorted(tries) == [0, 0, 0, 0, 200, 200]


async def alerting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer every ClientHello with an alert."""
    await reader.read(65536)
    await send_alert(writer)


async def send_alert(writer: asyncio.StreamWriter) -> None:
    """Send a fatal alert (handshake_failure)."""
    writer.write(bytes.fromhex("15030300020228"))
    await writer.drain()
