"""The kernel's round trips and the wait for an answer, on real connections."""

from __future__ import annotations

import asyncio
import socket
import struct
import sys
import threading
import time

import pytest
import trustme

from probe.measure.fetch import fetch
from probe.measure.handshake import handshake
from probe.measure.handshake_slots import HandshakeSlot
from probe.measure.pace import PaceLimiter
from probe.measure.round_trip import AnswerTimer, KernelRoundTrip, kernel_round_trip, parse_darwin, parse_linux
from probe.measure.tools import Timestamps, Tools
from probe.model.failure import Failure
from probe.model.hop import Purpose, StepPosition
from probe.model.observation import Connection, Exchange, Observation, TlsHandshake
from probe.model.step import Fetch, Handshake
from tests.loopback.tiny_servers import Talk, abort, answer, page_of, request, server_context, serving, silent

DELAY_SECONDS = 0.05

linux = pytest.mark.skipif(sys.platform != "linux", reason="TCP_INFO with the lowest round trip")


async def seen_of(step: Fetch | Handshake, tools: Tools) -> list[Observation]:
    """Return the observations of one step."""
    seen: list[Observation] = []
    perform = fetch if isinstance(step, Fetch) else handshake
    await perform(step, tools, Timestamps(asyncio.get_running_loop().time(), step.position), seen.append)  # type: ignore[arg-type]
    return seen


def after(seconds: float, data: bytes = b"", *, reset: bool = False) -> Talk:
    """Return a server that reads something, waits, and then sends these bytes, resets or closes."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(65536)
        await asyncio.sleep(seconds)
        if reset:
            abort(writer)
            return
        writer.write(data)
        await writer.drain()

    return talk


@linux
@pytest.mark.parametrize("reset", [True, False], ids=["RST", "FIN"])
async def test_the_wait_for_the_end_of_a_handshake_is_the_servers_delay(tools: Tools, reset: bool) -> None:
    """It is at least the server's delay; the round trip of the SYN on loopback is far shorter."""
    async with serving(after(DELAY_SECONDS, reset=reset)) as port:
        connection, tls = await seen_of(Handshake(address="127.0.0.1", port=port, sni="lab.example"), tools)

    assert isinstance(connection, Connection)
    assert isinstance(tls, TlsHandshake)
    assert tls.failure is (Failure.RESET if reset else Failure.EOF)
    assert 0 < connection.rtt < DELAY_SECONDS * 1e6 <= tls.wait
    assert tls.floor == 0
    assert connection.resent == 0


@linux
async def test_the_wait_for_a_page_in_clear_is_the_servers_delay(tools: Tools) -> None:
    """It ends with the first bytes, however long the rest of the page takes."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        await asyncio.sleep(DELAY_SECONDS)
        data = answer()
        writer.write(data[:40])
        await writer.drain()
        await asyncio.sleep(4 * DELAY_SECONDS)
        writer.write(data[40:])

    async with serving(talk) as port:
        _, page = await seen_of(Fetch(url=f"http://lab.example:{port}/", address="127.0.0.1"), tools)

    assert isinstance(page, Exchange)
    assert page.status == 200
    assert DELAY_SECONDS * 1e6 <= page.wait < 4 * DELAY_SECONDS * 1e6
    assert page.floor == 0


@linux
async def test_over_tls_the_wait_for_a_page_ends_with_readable_data(tools: Tools, ca: trustme.CA) -> None:
    """Session tickets of TLS 1.3 come on their own after the handshake and are no answer to the request.

    The subject's own is not kept: a server may end the connection beside its last flight, before it has the request.
    """

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        await asyncio.sleep(DELAY_SECONDS)
        writer.write(answer())
        await writer.drain()

    async with serving(talk, server_context(ca, "lab.example")) as port:
        url, place = f"https://lab.example:{port}/", StepPosition(purpose=Purpose.NEUTRAL)
        _, tls, page = await seen_of(Fetch(url=url, address="127.0.0.1", position=place), tools)
        *_, subject = await seen_of(Fetch(url=url, address="127.0.0.1"), tools)

    assert isinstance(tls, TlsHandshake)
    assert isinstance(page, Exchange)
    assert tls.wait > 0
    assert page.status == 200
    assert page.wait >= DELAY_SECONDS * 1e6
    assert isinstance(subject, Exchange)
    assert (subject.status, subject.wait) == (200, 0)


@linux
async def test_a_server_that_closes_unasked_does_not_look_near(tools: Tools, monkeypatch: pytest.MonkeyPatch) -> None:
    """The wait begins with the connection: a request that this host sends late does not shorten it."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(DELAY_SECONDS)
        abort(writer)

    slot = tools.concurrency.handshake_slot

    class Late:
        async def __aenter__(self) -> HandshakeSlot:
            await asyncio.sleep(3 * DELAY_SECONDS)
            self._slot = slot()
            return await self._slot.__aenter__()

        async def __aexit__(self, *raised: object) -> None:
            await self._slot.__aexit__(None, None, None)

    monkeypatch.setattr(tools.concurrency, "handshake_slot", Late)
    async with serving(talk) as port:
        _, tls = await seen_of(Handshake(address="127.0.0.1", port=port, sni="lab.example"), tools)

    assert isinstance(tls, TlsHandshake)
    assert tls.failure in {Failure.RESET, Failure.EOF}
    assert tls.wait >= DELAY_SECONDS * 1e6


@linux
async def test_the_lowest_round_trip_is_that_of_conversations_under_other_names(tools: Tools, ca: trustme.CA) -> None:
    """The kernel measures forged data too, so that of the subject's own connection shows nothing."""
    place = StepPosition(purpose=Purpose.NEUTRAL)
    async with serving(page_of(answer()), server_context(ca, "lab.example")) as port:
        step = Fetch(url=f"https://other.example:{port}/", address="127.0.0.1", verify=False, position=place)
        connection, tls, page = await seen_of(step, tools)

    assert isinstance(connection, Connection)
    assert isinstance(tls, TlsHandshake)
    assert isinstance(page, Exchange)
    assert 0 < tls.floor <= connection.rtt
    assert 0 < page.floor <= tls.floor


@linux
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_host_that_stands_still_does_not_make_the_server_look_near(tools: Tools, scheme: str) -> None:
    """A suspended laptop or a busy processor: the request is late, and the server's RST to it has long arrived."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(DELAY_SECONDS)
        abort(writer)

    seen: list[Observation] = []

    def stand_still(one: Observation) -> None:
        seen.append(one)
        if isinstance(one, Connection):
            busy_until = time.monotonic() + 3 * DELAY_SECONDS
            while time.monotonic() < busy_until:
                pass

    ready = threading.Event()
    ports: list[int] = []

    def serve() -> None:
        async def run() -> None:
            async with serving(talk) as port:
                ports.append(port)
                ready.set()
                await asyncio.to_thread(done.wait)

        asyncio.run(run())

    done = threading.Event()
    server = threading.Thread(target=serve)
    server.start()
    try:
        await asyncio.to_thread(ready.wait)
        step = Fetch(url=f"{scheme}://lab.example:{ports[0]}/", address="127.0.0.1")
        for _ in range(10):  # where this machine is so busy that the RST comes before the connection is seen
            await fetch(step, tools, Timestamps(asyncio.get_running_loop().time(), step.position), stand_still)
            if not isinstance(seen[-1], Connection):
                break
    finally:
        done.set()
        await asyncio.to_thread(server.join)

    last = seen[-1]
    assert isinstance(last, TlsHandshake | Exchange)
    assert last.failure in {Failure.RESET, Failure.EOF}
    assert last.wait >= DELAY_SECONDS * 1e6


async def test_silence_has_no_wait() -> None:
    """Nothing arrived, so nothing arrived soon."""
    async with Tools(0.1, PaceLimiter(0)) as tools, serving(silent) as port:
        _, tls = await seen_of(Handshake(address="127.0.0.1", port=port, sni="lab.example"), tools)

    assert isinstance(tls, TlsHandshake)
    assert (tls.failure, tls.wait) == (Failure.TIMEOUT, 0)


def test_linux_tells_smoothed_and_lowest_round_trip_and_what_was_sent_again() -> None:
    """The offsets are those of linux/tcp.h."""
    info = bytearray(struct.pack("=152x"))
    for offset, value in ((68, 41_000), (100, 2), (148, 40_500)):
        struct.pack_into("=I", info, offset, value)
    assert parse_linux(bytes(info)) == KernelRoundTrip(41_000, 40_500, 2)
    struct.pack_into("=I", info, 148, 0xFFFFFFFF)
    assert parse_linux(bytes(info)).lowest == 0


def test_darwin_tells_milliseconds() -> None:
    """The offsets are those of netinet/tcp.h; there is no lowest round trip."""
    info = bytearray(struct.pack("=112x"))
    struct.pack_into("=I", info, 44, 41)
    struct.pack_into("=Q", info, 104, 1)
    assert parse_darwin(bytes(info)) == KernelRoundTrip(41_000, 0, 1)


@pytest.mark.parametrize("platform", ["win32", sys.platform])
def test_an_unknown_round_trip_is_zero(platform: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows does not tell, and a socket that is no TCP connection cannot."""
    monkeypatch.setattr(sys, "platform", platform)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        assert kernel_round_trip(sock) == KernelRoundTrip()


def test_only_the_first_answer_ends_a_wait_and_an_unknown_start_has_none() -> None:
    """A later read does not lengthen it."""
    timer = AnswerTimer()
    timer.answered()
    assert timer.wait == 0
    timer.start(1e-9)
    timer.answered()
    first = timer.wait
    timer.answered()
    assert first == timer.wait > 0
