"""One GET over a real connection."""

from __future__ import annotations

import asyncio
import gzip
import socket
import time
import zlib

import pytest

from probe.measure.connect import open_tcp
from probe.measure.http_get import MAX_BODY_BYTES, HttpResponse, get
from probe.measure.stream import TcpStream
from tests.loopback.tiny_servers import PAGE, Talk, answer, page_of, request, serving


async def asked(data: bytes, limit: int = MAX_BODY_BYTES) -> HttpResponse:
    """Return the response to one request."""
    return await asked_of(page_of(data), limit)


async def asked_of(talk: Talk, limit: int = MAX_BODY_BYTES) -> HttpResponse:
    """Return this server's response to one request."""
    response = HttpResponse(limit=limit)
    async with serving(talk) as port:
        sock: socket.socket = await open_tcp("127.0.0.1", port, 5)
        with sock:
            async with asyncio.timeout(60):
                await get(TcpStream(sock), "lab.example", "/", response)
    return response


@pytest.mark.parametrize(
    "coding, body",
    [
        ("gzip", gzip.compress(PAGE, mtime=0)),
        ("x-gzip", gzip.compress(PAGE, mtime=0) + b"\0" * 1000),
        ("deflate", zlib.compress(PAGE)),
        ("deflate", zlib.compress(PAGE, wbits=-15)),
        ("identity", PAGE),
        ("", PAGE),
    ],
    ids=["gzip", "x-gzip and padding", "deflate", "raw deflate", "identity", "none"],
)
async def test_content_codings_are_decoded(coding: str, body: bytes) -> None:
    """Raw deflate, which half of all servers send, and padding after the end are decoded, too."""
    response = await asked(answer(body, headers=f"Content-Encoding: {coding}\r\n" if coding else ""))

    assert (bytes(response.body), response.complete) == (PAGE, True)


async def test_a_body_is_read_up_to_its_bound() -> None:
    """It counts as complete then."""
    response = await asked(answer(b"x" * (MAX_BODY_BYTES + 9)))

    assert (len(response.body), response.complete) == (MAX_BODY_BYTES, True)


async def test_a_body_is_read_up_to_a_lower_limit() -> None:
    """It counts as complete then, whatever its coding and framing."""
    packed = gzip.compress(b"x" * 9_000)
    chunked = answer(
        b"2328\r\n" + b"x" * 9_000 + b"\r\n0\r\n\r\n", headers="Transfer-Encoding: chunked\r\n", length=False
    )
    for data in (answer(b"x" * 9_000), answer(packed, headers="Content-Encoding: gzip\r\n"), chunked):
        response = await asked(data, limit=5_000)
        assert (response.body, response.complete) == (b"x" * 5_000, True)


@pytest.mark.parametrize(
    ("stated", "length"), [("40000", 40_000), ("-1", 0), ("1" * 5000, 0), ("", 0)], ids=["", "negative", "long", "none"]
)
async def test_the_head_alone_can_be_asked_for(stated: str, length: int) -> None:
    """Its stated length is believed where it is a number of sensible size."""
    sent: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sent.append(await request(reader))
        field = f"Content-Length: {stated}\r\n" if stated else ""
        writer.write(f"HTTP/1.1 200 OK\r\n{field}\r\n".encode())
        await asyncio.sleep(30)

    response = await asked_of(talk, limit=0)

    assert sent[0].startswith(b"HEAD / HTTP/1.1\r\n")
    assert (response.status, response.complete, response.body, response.stated_length) == (200, True, b"", length)


async def test_informational_responses_are_skipped() -> None:
    """103 Early Hints precedes the final response."""
    response = await asked(
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + answer(b"", "204 No Content", length=False)
    )

    assert (response.status, response.complete, response.header("content-type")) == (204, True, b"text/html")


async def test_a_chunked_body_is_reassembled() -> None:
    """A chunk may be one byte."""
    body = b"".join(b"%x\r\n%s\r\n" % (1, bytes([byte])) for byte in PAGE) + b"0\r\n\r\n"
    response = await asked(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body)

    assert (bytes(response.body), response.complete) == (PAGE, True)


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 OK\r\n" + b"a:\r\n" * 16000 + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA: b\r\n" + b" x\r\n" * 16000 + b"Content-Length: 0\r\n\r\n",
        b"HTTP/1.1 100 C\r\n\r\n" * 30 + b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 10000 + b"0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: " + b"5," * 30000 + b"5\r\n\r\n12345",
    ],
    ids=["tiny fields", "folded fields", "informational responses", "tiny chunks", "a list of lengths"],
)
async def test_a_response_of_many_small_parts_costs_little(data: bytes) -> None:
    """64 KiB from the socket, with the time of the server in the same thread."""
    began = time.thread_time()
    assert (await asked(data)).complete
    assert time.thread_time() - began < 1
