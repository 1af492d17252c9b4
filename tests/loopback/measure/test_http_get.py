"""One GET over a real connection, event by event."""

from __future__ import annotations

import asyncio
import gzip
import socket
import zlib

import pytest

from probe.measure.connect import open_tcp
from probe.measure.http_get import MAX_BODY_BYTES, HttpResponse, get
from probe.measure.stream import TcpStream
from tests.loopback.tiny_servers import PAGE, answer, page_of, serving


async def asked(data: bytes) -> HttpResponse:
    """The reply to one request."""
    reply = HttpResponse()
    async with serving(page_of(data)) as port:
        sock: socket.socket = await open_tcp("127.0.0.1", port, 5)
        with sock:
            async with asyncio.timeout(60):
                await get(TcpStream(sock), "lab.example", "/", reply)
    return reply


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
async def test_content_codings_are_taken_off(coding: str, body: bytes) -> None:
    """Also raw deflate, which half of all servers send, and padding after the end."""
    reply = await asked(answer(body, headers=f"Content-Encoding: {coding}\r\n" if coding else ""))

    assert (bytes(reply.body), reply.complete) == (PAGE, True)


async def test_a_body_is_read_up_to_its_bound() -> None:
    """And counts as complete as far as we go."""
    reply = await asked(answer(b"x" * (MAX_BODY_BYTES + 9)))

    assert (len(reply.body), reply.complete) == (MAX_BODY_BYTES, True)


async def test_informational_answers_come_before_the_answer() -> None:
    """They are passed over."""
    reply = await asked(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + answer(b"", "204 No Content", length=False))

    assert (reply.status, reply.complete, reply.header("content-type")) == (204, True, b"text/html")


async def test_chunks_are_joined() -> None:
    """In any cut."""
    body = b"".join(b"%x\r\n%s\r\n" % (1, bytes([byte])) for byte in PAGE) + b"0\r\n\r\n"
    reply = await asked(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body)

    assert (bytes(reply.body), reply.complete) == (PAGE, True)
