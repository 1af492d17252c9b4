"""One HTTP request: bodies of every framing, replies that are none, and proxies."""

from __future__ import annotations

import asyncio
import gzip
import ssl
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
import trustme

from probe.agent.http_exchange import MAX_HEAD_BYTES, HttpExchange, ProxyAddress, ReplyHead, proxy_of
from tests.loopback.tiny_servers import server_context, serving

PLAIN = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
Reply = Callable[[bytes], bytes]


def fixed(data: bytes) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], object]:
    """A server that reads a request and sends these bytes, whatever it was."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(data)
        await writer.drain()

    requests: list[bytes] = []
    talk.requests = requests  # type: ignore[attr-defined]
    return talk


async def fetched(url: str, context: ssl.SSLContext = PLAIN) -> tuple[ReplyHead, bytes]:
    """The head and the body of the reply."""
    exchange = HttpExchange("GET", url, {}, None, context)
    async with asyncio.timeout(10), exchange as head:
        return head, b"".join([piece async for piece in exchange.chunks()])


@pytest.mark.parametrize(
    ("reply", "body"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello and more", b"hello"),
        (b"HTTP/1.1 200 OK\r\n\r\nuntil the end", b"until the end"),
        (b"HTTP/1.0 200\r\ncontent-length: 0\r\n\r\n", b""),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n", b"abcde"),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nX: y\r\n\r\nHTTP/1.1 200 OK\r\n\r\nlate", b"late"),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", b""),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + gzip.compress(b"z" * 300_000), b"z" * 300_000),
    ],
)
async def test_a_body_is_read_as_it_is_framed(reply: bytes, body: bytes) -> None:
    """By its length, in chunks, until the end, or not at all."""
    async with serving(fixed(reply)) as port:  # type: ignore[arg-type]
        _, found = await fetched(f"http://127.0.0.1:{port}/")

    assert found == body


@pytest.mark.parametrize(
    ("reply", "what"),
    [
        (b"SSH-2.0-x\r\n\r\n", "not HTTP"),
        (b"HTTP/1.1 2xx OK\r\n\r\n", "not HTTP"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * (2 * MAX_HEAD_BYTES), "too long a head"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 100, "interim"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello", "bad Content-Length"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", "bad chunk"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n", "bad chunk"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\nplain", "not gzip"),
    ],
)
async def test_a_reply_that_makes_no_sense_is_an_error_of_one_line(reply: bytes, what: str) -> None:
    async with serving(fixed(reply)) as port:  # type: ignore[arg-type]
        with pytest.raises(ValueError, match=what):
            await fetched(f"http://127.0.0.1:{port}/")


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nX: y",
        b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
    ],
)
async def test_a_reply_that_is_cut_short_is_an_error_of_the_connection(reply: bytes) -> None:
    """A part is never taken for the whole."""
    async with serving(fixed(reply)) as port:  # type: ignore[arg-type]
        with pytest.raises(ConnectionError):
            await fetched(f"http://127.0.0.1:{port}/")


async def test_the_request_names_the_host_and_ends_the_connection() -> None:
    talk = fixed(b'HTTP/1.1 200 OK\r\nETag: "a"\r\n\r\n')
    async with serving(talk) as port:  # type: ignore[arg-type]
        head, _ = await fetched(f"http://127.0.0.1:{port}/a/b?c=d")

    assert head.fields["etag"] == '"a"'
    first, *fields = talk.requests[0].decode().split("\r\n")  # type: ignore[attr-defined]
    assert first == "GET /a/b?c=d HTTP/1.1"
    assert f"Host: 127.0.0.1:{port}" in fields
    assert "Connection: close" in fields


async def test_a_certificate_must_verify_for_the_host(ca: trustme.CA) -> None:
    believing = ssl.create_default_context()
    ca.configure_trust(believing)
    talk = fixed(b"HTTP/1.1 200 OK\r\n\r\nsecret")
    async with serving(talk, server_context(ca, "127.0.0.1")) as port:  # type: ignore[arg-type]
        assert (await fetched(f"https://127.0.0.1:{port}/", believing))[1] == b"secret"
        with pytest.raises(ssl.SSLCertVerificationError):
            await fetched(f"https://127.0.0.1:{port}/", ssl.create_default_context())


async def tunnel(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """An HTTP proxy that takes CONNECT to this host, with the password `p`, and passes bytes on."""
    request = (await reader.readuntil(b"\r\n\r\n")).decode()
    if "Proxy-Authorization: Basic dTpw\r\n" not in request:
        writer.write(b"HTTP/1.1 407 Who are you\r\n\r\n")
        return
    host, _, port = request.split()[1].rpartition(":")
    there, back = await asyncio.open_connection(host, int(port))
    writer.write(b"HTTP/1.1 200 Connected\r\n\r\n")

    async def pass_on(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(65536):
            sink.write(data)

    await asyncio.wait(
        {asyncio.create_task(pass_on(reader, back)), asyncio.create_task(pass_on(there, writer))},
        return_when=asyncio.FIRST_COMPLETED,
    )
    back.close()


async def test_a_proxy_of_the_environment_carries_tls_to_the_collector(
    ca: trustme.CA, monkeypatch: pytest.MonkeyPatch
) -> None:
    believing = ssl.create_default_context()
    ca.configure_trust(believing)
    talk = fixed(b"HTTP/1.1 200 OK\r\n\r\nthrough")
    async with serving(talk, server_context(ca, "127.0.0.1")) as port, serving(tunnel) as proxy:  # type: ignore[arg-type]
        monkeypatch.setenv("https_proxy", f"http://u:p@127.0.0.1:{proxy}")
        monkeypatch.setenv("no_proxy", "")
        assert (await fetched(f"https://127.0.0.1:{port}/", believing))[1] == b"through"
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{proxy}")
        with pytest.raises(ValueError, match="answers 407"):
            await fetched(f"https://127.0.0.1:{port}/", believing)


async def test_a_proxy_is_asked_for_the_whole_url_of_a_request_in_clear(monkeypatch: pytest.MonkeyPatch) -> None:
    talk = fixed(b"HTTP/1.1 200 OK\r\n\r\nby proxy")
    async with serving(talk) as port:  # type: ignore[arg-type]
        monkeypatch.setenv("http_proxy", f"127.0.0.1:{port}")
        assert (await fetched("http://collector.invalid/x"))[1] == b"by proxy"

    assert talk.requests[0].startswith(b"GET http://collector.invalid/x HTTP/1.1\r\n")  # type: ignore[attr-defined]


def test_a_host_that_the_environment_excepts_has_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    monkeypatch.setenv("no_proxy", "collector.example")

    assert proxy_of(urlsplit("https://collector.example/")) is None
    assert proxy_of(urlsplit("https://other.example/")) == ProxyAddress("proxy.example", 3128)
