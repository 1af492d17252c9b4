"""Servers that speak HTTP/2 alone are asked in it, and hostile ones are bounded."""

from __future__ import annotations

import asyncio
import gzip
import struct
from collections.abc import Callable

import h2.connection
import pytest
import trustme

from probe.measure.fetch import fetch
from probe.measure.tools import Timestamps, Tools
from probe.model.failure import Failure
from probe.model.observation import Connection, Exchange, Observation, TlsHandshake
from probe.model.step import Fetch
from tests.loopback.h2_servers import h2_context, h2_page, refusing_others, speaking_h2
from tests.loopback.tiny_servers import PAGE, Talk, serving


@pytest.fixture
def tools(both_tools: Tools) -> Tools:
    """Every test of this file runs with both TLS libraries."""
    return both_tools


async def seen_at(port: int, tools: Tools) -> list[Observation]:
    """The observations of one step."""
    seen: list[Observation] = []
    step = Fetch(url=f"https://lab.example:{port}/a?b=c", address="127.0.0.1")
    await fetch(step, tools, Timestamps(asyncio.get_running_loop().time(), step.position), seen.append)
    return seen


async def page_at(port: int, tools: Tools) -> Exchange:
    """The exchange of one step."""
    last = (await seen_at(port, tools))[-1]
    assert isinstance(last, Exchange)
    return last


async def test_the_head_alone_can_be_asked_for_in_http_2(tools: Tools, ca: trustme.CA) -> None:
    """The stream's end completes the answer."""
    asked: list[dict[str, str]] = []
    async with (
        serving(speaking_h2(h2_page(b"", "200"), asked), h2_context(ca, "lab.example")) as behind,
        refusing_others(behind) as port,
    ):
        seen: list[Observation] = []
        step = Fetch(url=f"https://lab.example:{port}/", address="127.0.0.1", body_limit=0)
        await fetch(step, tools, Timestamps(asyncio.get_running_loop().time(), step.position), seen.append)

    page = seen[-1]
    assert isinstance(page, Exchange)
    assert (page.status, page.complete, page.failure) == (200, True, None)
    assert [one[":method"] for one in asked] == ["HEAD"]


async def test_a_server_that_refuses_other_protocols_by_an_alert_is_asked_in_http_2(
    tools: Tools, ca: trustme.CA
) -> None:
    """The alert stays in evidence; the second ClientHello offers `h2`."""
    asked: list[dict[str, str]] = []
    async with (
        serving(
            speaking_h2(h2_page(PAGE, "200", ("X-Served-By".lower(), "edge")), asked), h2_context(ca, "lab.example")
        ) as behind,
        refusing_others(behind) as port,
    ):
        seen = await seen_at(port, tools)

    assert [type(one) for one in seen] == [Connection, TlsHandshake, Connection, TlsHandshake, Exchange]
    assert isinstance(seen[1], TlsHandshake)
    assert isinstance(seen[3], TlsHandshake)
    assert (seen[1].failure, seen[1].alert) == (Failure.ALERT, "no_application_protocol")
    assert (seen[3].verified, seen[3].alpn) == (True, "h2")
    page = seen[-1]
    assert isinstance(page, Exchange)
    assert (page.status, page.secure, page.complete, page.title, page.headers) == (
        200,
        True,
        True,
        "Lab page",
        ("x-served-by",),
    )
    assert (asked[0][":path"], asked[0][":authority"]) == ("/a?b=c", f"lab.example:{port}")
    assert asked[0]["user-agent"].startswith("Mozilla/5.0")


async def test_a_server_that_answers_http_1_in_http_2_is_asked_in_http_2(tools: Tools, ca: trustme.CA) -> None:
    """It ignores what the ClientHello offers."""
    async with serving(speaking_h2(h2_page()), h2_context(ca, "lab.example")) as port:
        page = await page_at(port, tools)

    assert (page.status, page.complete, page.length) == (200, True, len(PAGE))


async def test_a_coded_body_and_informational_answers_are_read(tools: Tools, ca: trustme.CA) -> None:
    """103 Early Hints precedes the final answer."""

    def respond(http: h2.connection.H2Connection, stream: int) -> None:
        http.send_headers(stream, [(":status", "103"), ("link", "</a>")])
        http.send_headers(stream, [(":status", "404"), ("content-encoding", "gzip")])
        http.send_data(stream, gzip.compress(PAGE), end_stream=True)

    async with serving(speaking_h2(respond), h2_context(ca, "lab.example")) as port:
        page = await page_at(port, tools)

    assert (page.status, page.title) == (404, "Lab page")


def frame(kind: int, flags: int, stream: int, body: bytes = b"") -> bytes:
    """A frame of HTTP/2."""
    return struct.pack("!I", len(body))[1:] + bytes([kind, flags]) + struct.pack("!I", stream) + body


SETTINGS = frame(4, 0, 0)
HEADERS = frame(1, 4, 1, b"\x88")  # :status 200


def forever(piece: Callable[[], bytes], *head: bytes) -> Talk:
    """Return a server that sends its preface, these frames after the request, and then a piece without an end."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(SETTINGS)
        await reader.read(65536)
        writer.write(b"".join(head))
        while not writer.is_closing():
            writer.write(piece())
            await writer.drain()

    return talk


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        ((), frame(4, 0, 0) * 100),
        ((), frame(6, 0, 0, b"12345678") * 100),
        ((HEADERS,), frame(0, 0, 1) * 100),
        ((frame(1, 0, 1, b"\x88"),), frame(9, 0, 1, b"\x00\x01a\x01b") * 100),
        ((), frame(1, 4, 1, b"\x82" * 16_000)),
        ((HEADERS,), frame(0, 8, 1, b"\xff" + b"z" + bytes(255)) * 60),
        ((), frame(99, 0, 0, bytes(16_000))),
        ((), b"\xff" * 9000),
    ],
    ids=["settings", "pings", "empty data", "continuations", "a header bomb", "padding", "unknown frames", "garbage"],
)
async def test_an_endless_answer_is_cut_off(
    head: tuple[bytes, ...], piece: bytes, ca: trustme.CA, believed: trustme.CA
) -> None:
    """Every kind of frame is bounded; the session is verified, so that a status line counts."""
    async with (
        Tools(60) as tools,
        serving(forever(lambda: piece, *head), h2_context(ca, "lab.example")) as port,
        asyncio.timeout(50),
    ):
        page = await page_at(port, tools)

    assert page.failure in {Failure.TOO_MUCH, Failure.GARBAGE}
    assert page.status in {0, 200}


async def test_the_ends_of_an_answer_are_told_apart(tools: Tools, ca: trustme.CA) -> None:
    """A stream that is reset, a connection that goes away, silence."""

    def reset(http: h2.connection.H2Connection, stream: int) -> None:
        http.reset_stream(stream, 2)

    def leave(http: h2.connection.H2Connection, stream: int) -> None:
        http.close_connection(2)

    ends = {}
    for name, respond in {"reset": reset, "leave": leave, "silent": lambda *_: None}.items():
        async with serving(speaking_h2(respond), h2_context(ca, "lab.example")) as port:
            ends[name] = (await page_at(port, tools)).failure

    assert ends == {"reset": Failure.EOF, "leave": Failure.EOF, "silent": Failure.TIMEOUT}
