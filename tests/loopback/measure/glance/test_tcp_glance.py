"""Every way in which a connection can end has the name that the full look has for it."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct

import pytest
import trustme

from probe.measure.glance import tcp_glance
from probe.model.failure import Failure
from probe.model.glance import GlanceRequest, glance_requests
from probe.model.hop import Layer, LayerFailure
from probe.model.target import parse
from tests.loopback.measure.glance.glances import POLLERS, all_of, engine, tcp, tls
from tests.loopback.tiny_servers import PAGE, abort, answer, page_of, request, server_context, serving, silent

pytestmark = pytest.mark.parametrize("poller", POLLERS)
Reader, Writer = asyncio.StreamReader, asyncio.StreamWriter


def page(port: int) -> GlanceRequest:
    """Return a request for a page in clear."""
    return glance_requests(parse(f"http://127.0.0.1:{port}/"))[0]


async def reset(reader: Reader, writer: Writer) -> None:
    """Read something and answer with an RST."""
    await reader.read(1)
    abort(writer)


async def finish(reader: Reader, writer: Writer) -> None:
    """Read the hello and close."""
    await reader.read(517)


async def finish_at_once(reader: Reader, writer: Writer) -> None:
    """Close before anything is read."""


async def alert(reader: Reader, writer: Writer) -> None:
    """Answer the hello with an alert, and close with FIN."""
    await reader.read(517)
    writer.write(b"\x15\3\3\0\2\2\x28")
    await writer.drain()


async def garbage(reader: Reader, writer: Writer) -> None:
    """Answer in another protocol."""
    writer.write(b"220 mail.lab.example ESMTP\r\n")
    await reader.read(517)


async def endless(reader: Reader, writer: Writer) -> None:
    """Answer with warnings without an end."""
    await reader.read(517)
    while True:
        writer.write(b"\x15\3\3\0\2\1\x70" * 2000)
        await writer.drain()


async def begun(reader: Reader, writer: Writer) -> None:
    """Send the beginning of a page and no more."""
    await request(reader)
    writer.write(answer(PAGE)[:60])
    await asyncio.sleep(60)


@pytest.mark.parametrize(
    ("talk", "failure"),
    [
        (reset, Failure.RESET),
        (finish, Failure.EOF),
        (alert, Failure.ALERT),
        (garbage, Failure.GARBAGE),
        (endless, Failure.TOO_MUCH),
        (silent, Failure.TIMEOUT),
    ],
)
async def test_a_hello_that_gets_no_server_hello_fails_as_in_the_full_look(
    poller: str, talk: object, failure: Failure
) -> None:
    """Each as a failure of TLS."""
    async with serving(talk) as port, engine(poller) as running:  # type: ignore[arg-type]
        (result,) = await all_of(running, [tls(port)])

    assert result.failure == LayerFailure(Layer.TLS, failure)


async def test_a_connection_that_is_closed_at_once_is_cut_after_the_hello(poller: str) -> None:
    """By FIN, or by the RST that the hello then meets."""
    async with serving(finish_at_once) as port, engine(poller) as running:
        (result,) = await all_of(running, [tls(port)])

    assert result.failure in {LayerFailure(Layer.TLS, Failure.EOF), LayerFailure(Layer.TLS, Failure.RESET)}


async def test_a_syn_without_an_answer_is_a_time_out(poller: str) -> None:
    """The backlog of the listening socket is full, so the kernel drops the SYN."""
    with socket.socket() as full, socket.socket() as first, socket.socket() as second:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for sock in (first, second):
            sock.setblocking(False)
            sock.connect_ex(full.getsockname())
        await asyncio.sleep(0.1)
        async with engine(poller) as running:
            (result,) = await all_of(running, [tcp(full.getsockname()[1])])

    assert result.failure == LayerFailure(Layer.TCP, Failure.TIMEOUT)


async def test_a_page_that_begins_and_stops_is_a_failure_of_the_body(poller: str) -> None:
    """Silence before it is one of HTTP."""
    async with serving(begun) as port, serving(silent) as quiet, engine(poller) as running:
        results = {one.request.port: one.failure for one in await all_of(running, [page(port), page(quiet)])}

    assert results[port] == LayerFailure(Layer.BODY, Failure.TIMEOUT)
    assert results[quiet] == LayerFailure(Layer.HTTP, Failure.TIMEOUT)


async def test_a_page_is_seen_by_its_title(poller: str) -> None:
    """The octets of both directions are counted."""
    async with serving(page_of(answer(PAGE))) as port, engine(poller) as running:
        (result,) = await all_of(running, [page(port)])

    assert (result.seen, result.failure) == ("200 Lab page", None)
    assert result.octets > len(answer(PAGE)) + 200


async def test_a_server_hello_in_single_octets_is_read(poller: str, ca: trustme.CA) -> None:
    """Each in a segment of its own."""
    inside = server_context(ca, "lab.example")

    async def drip(reader: Reader, writer: Writer) -> None:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        session = inside.wrap_bio(incoming, outgoing, server_side=True)
        incoming.write(await reader.read(4096))
        with pytest.raises(ssl.SSLWantReadError):
            session.do_handshake()
        for octet in outgoing.read():
            writer.write(bytes((octet,)))
            await writer.drain()
            await asyncio.sleep(0)

    async with serving(drip) as port, engine(poller, seconds=5) as running:
        (result,) = await all_of(running, [tls(port)])

    assert (result.seen, result.failure) == ("TLSv1.3 1302 001d", None)


async def test_an_answer_in_too_many_pieces_is_given_up(poller: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each read costs time."""
    monkeypatch.setattr(tcp_glance, "MAX_READS", 3)

    async def drip(reader: Reader, writer: Writer) -> None:
        for octet in b"\x16\3\3\1\0\2\0\0\xf0" + bytes(200):
            writer.write(bytes((octet,)))
            await writer.drain()
            await asyncio.sleep(0.02)

    async with serving(drip) as port, engine(poller, seconds=5) as running:
        (result,) = await all_of(running, [tls(port)])

    assert result.failure == LayerFailure(Layer.TLS, Failure.TOO_MUCH)


async def test_a_server_without_x25519_asks_for_another_hello(poller: str, ca: trustme.CA) -> None:
    """A HelloRetryRequest is an answer: its group is in what is seen."""
    context = server_context(ca, "lab.example")
    context.set_ecdh_curve("secp384r1")
    async with serving(silent, context) as port, engine(poller) as running:
        (result,) = await all_of(running, [tls(port)])

    assert result.seen == "TLSv1.3 1302 0018 retry"


async def test_a_hello_is_in_one_segment(poller: str) -> None:
    """What arrives first is all of it."""
    first: list[bytes] = []

    async def take(reader: Reader, writer: Writer) -> None:
        first.append(await reader.read(4096))

    async with serving(take) as port, engine(poller) as running:
        await all_of(running, [tls(port)])

    assert struct.unpack("!H", first[0][3:5])[0] == len(first[0]) - 5
