"""Pages are fetched from real servers, and hostile ones are bounded."""

from __future__ import annotations

import asyncio
import gzip
import ssl
import time
from random import Random

import pytest
import trustme

from probe.measure.fetch import fetch
from probe.measure.tools import Timestamps, Tools
from probe.model.failure import Failure
from probe.model.hop import Purpose
from probe.model.observation import Connection, Exchange, Observation, TlsHandshake
from probe.model.step import Fetch, StepPosition
from tests.loopback.tiny_servers import (
    PAGE,
    Talk,
    abort,
    answer,
    bomb,
    closed_port,
    forever,
    page_of,
    request,
    server_context,
    serving,
    silent,
)


@pytest.fixture
def tools(both_tools: Tools) -> Tools:
    """Every test of this file runs with both TLS libraries."""
    return both_tools


async def get(url: str, tools: Tools, *, verify: bool = True) -> list[Observation]:
    """Return the observations of one step."""
    seen: list[Observation] = []
    step = Fetch(url=url, address="127.0.0.1", verify=verify)
    await fetch(step, tools, Timestamps(asyncio.get_running_loop().time(), step.position), seen.append)
    return seen


async def page(url: str, tools: Tools) -> Exchange:
    """Return the exchange of one step."""
    last = (await get(url, tools))[-1]
    assert isinstance(last, Exchange)
    return last


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_connection_that_fails_is_the_only_observation(tools: Tools, scheme: str) -> None:
    """Neither TLS nor HTTP is observed."""
    port = closed_port()
    (only,) = await get(f"{scheme}://lab.example:{port}/", tools)

    assert isinstance(only, Connection)
    assert (only.address, only.port, only.failure) == ("127.0.0.1", port, Failure.RESET)


async def test_a_handshake_that_fails_is_the_last_observation(tools: Tools) -> None:
    """The connection before it succeeded."""
    async with serving(silent) as port:
        connection, tls = await get(f"https://lab.example:{port}/", tools)

    assert isinstance(connection, Connection)
    assert connection.failure is None
    assert isinstance(tls, TlsHandshake)
    assert (tls.failure, tls.sni) == (Failure.TIMEOUT, "lab.example")


async def test_a_response_that_fails_is_observed_after_the_layers_below(tools: Tools, ca: trustme.CA) -> None:
    """In clear there are two observations, under TLS three."""

    async def close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)

    async with serving(close) as clear, serving(close, server_context(ca, "lab.example")) as secure:
        in_clear = await get(f"http://lab.example:{clear}/", tools)
        under_tls = await get(f"https://lab.example:{secure}/", tools)

    assert [(type(one), one.failure) for one in in_clear] == [(Connection, None), (Exchange, Failure.EOF)]
    assert [(type(one), one.failure) for one in under_tls] == [
        (Connection, None),
        (TlsHandshake, None),
        (Exchange, Failure.EOF),
    ]


async def test_a_page_over_tls_is_observed_layer_by_layer(tools: Tools, ca: trustme.CA) -> None:
    """TCP, TLS with its certificate, HTTP with the facts that identify the page."""
    talk = page_of(answer(headers="X-Backend: a\r\nServer: b\r\n"))
    async with serving(talk, server_context(ca, "lab.example")) as port:
        tcp, tls, http = await get(f"https://lab.example:{port}/", tools)

    assert isinstance(tcp, Connection)
    assert tcp.failure is None
    assert isinstance(tls, TlsHandshake)
    assert tls.verified
    assert tls.version == "TLSv1.3"
    assert tls.certificate is not None
    assert tls.certificate.names == ("lab.example",)
    assert isinstance(http, Exchange)
    assert (http.status, http.secure, http.complete, http.title) == (200, True, True, "Lab page")
    assert (http.headers, http.length) == (("x-backend",), len(PAGE))


async def test_the_request_is_a_browsers_and_does_not_name_the_program(tools: Tools) -> None:
    """Host first, then a browser's User-Agent."""
    heard: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await request(reader))
        writer.write(answer())

    async with serving(talk) as port:
        await page(f"http://lab.example:{port}/a?b=c", tools)

    assert heard[0].startswith(f"GET /a?b=c HTTP/1.1\r\nHost: lab.example:{port}\r\nUser-Agent: Mozilla/5.0".encode())
    assert b"probe" not in heard[0].lower()


async def test_a_redirect_is_observed_and_not_followed(tools: Tools) -> None:
    """The location is made absolute and its fragment removed."""
    async with serving(page_of(answer(b"", "302 Found", "Location: /there?x=1#part\r\n"))) as port:
        seen = await page(f"http://lab.example:{port}/a", tools)

    assert (seen.status, seen.location) == (302, f"http://lab.example:{port}/there?x=1")


async def test_each_early_end_of_a_response_is_classified(tools: Tools) -> None:
    """An RST, a FIN or silence after the request, within the head and within the body."""

    def ending(data: bytes, *, reset: bool = False, close: bool = False) -> Talk:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await request(reader)
            writer.write(data)
            await asyncio.sleep(0.05)
            if reset:
                abort(writer)
            elif not close:
                await silent(reader, writer)

        return talk

    half = answer()[:-50]
    expected = {Failure.RESET: {"reset": True}, Failure.EOF: {"close": True}, Failure.TIMEOUT: {}}
    for failure, how in expected.items():
        for data in (b"", b"HTTP/1.1 200 OK\r\nContent-", half):
            async with serving(ending(data, **how)) as port:
                seen = await page(f"http://lab.example:{port}/", tools)
            assert (seen.failure, seen.complete) == (failure, False), data
            assert seen.status == (200 if data is half else 0)


@pytest.mark.parametrize("reset", [True, False])
async def test_a_reset_after_a_complete_response_is_no_failure(tools: Tools, ca: trustme.CA, reset: bool) -> None:
    """With a stated length, or without one after the page's last tag."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        writer.write(answer(length=not reset))
        await writer.drain()
        await asyncio.sleep(0.05)
        abort(writer)

    async with serving(talk, server_context(ca, "lab.example")) as port:
        seen = await page(f"https://lab.example:{port}/", tools)

    assert (seen.failure, seen.complete, seen.length) == (None, True, len(PAGE))


async def test_a_body_without_a_length_ends_with_the_connection(tools: Tools) -> None:
    """HTTP/1.0 servers send such bodies."""
    async with serving(page_of(b"HTTP/1.0 200 OK\r\n\r\n" + PAGE)) as port:
        seen = await page(f"http://lab.example:{port}/", tools)

    assert (seen.failure, seen.complete, seen.length) == (None, True, len(PAGE))


async def test_bytes_that_are_not_http_are_garbage(tools: Tools) -> None:
    """SSH on port 80."""
    async with serving(page_of(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")) as port:
        assert (await page(f"http://lab.example:{port}/", tools)).failure is Failure.GARBAGE


ODD_ANSWERS = {
    "blank before a colon": answer(headers="X-A : b\r\n"),
    "line without a colon": answer(headers="nonsense\r\n"),
    "NUL": answer(headers="X-A: a\0b\r\n"),
    "leading empty lines": b"\r\n\r\n" + answer(),
    "two transfer codings": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"
    + b"%x\r\n%s\r\n0\r\n\r\n" % (len(PAGE), PAGE),
    "empty length": b"HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n" + PAGE,
    "label of a coding": answer(headers="Content-Encoding: gzip\r\n"),
    "long headers": answer(headers="".join(f"X-{n}: {'y' * 1000}\r\n" for n in range(100))),
    "early hints": b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 3 + answer(),
    "processing": b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n" + answer(),
    "bare line feeds": answer().replace(b"\r\n", b"\n"),
}


@pytest.mark.parametrize("data", ODD_ANSWERS.values(), ids=ODD_ANSWERS)
@pytest.mark.parametrize("secure", [True, False])
async def test_answers_that_browsers_accept_are_answers(
    tools: Tools, ca: trustme.CA, data: bytes, secure: bool
) -> None:
    """However far they are from the standard."""
    async with serving(page_of(data), server_context(ca, "lab.example") if secure else None) as port:
        seen = await page(f"http{'s' if secure else ''}://lab.example:{port}/", tools)

    assert (seen.failure, seen.status, seen.title, seen.complete) == (None, 200, "Lab page", True)


async def test_a_page_without_a_length_on_a_connection_that_stays_open_is_whole(tools: Tools) -> None:
    """A browser shows it and goes on waiting."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: \r\n\r\n" + PAGE)
        await silent(reader, writer)

    async with serving(talk) as port:
        seen = await page(f"http://lab.example:{port}/", tools)

    assert (seen.failure, seen.complete, seen.answered) == (None, True, True)


async def test_a_status_line_over_a_verified_session_is_the_servers_word(tools: Tools, ca: trustme.CA) -> None:
    """Whatever follows it cannot be read."""
    data = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nno chunk\r\n"
    async with serving(page_of(data), server_context(ca, "lab.example")) as port:
        seen = await page(f"https://lab.example:{port}/", tools)

    assert (seen.failure, seen.status, seen.answered) == (Failure.GARBAGE, 200, True)


async def test_headers_that_no_browser_accepts_are_no_answer(tools: Tools, ca: trustme.CA) -> None:
    """More than 256 KiB."""
    data = b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 60_000
    async with serving(page_of(data), server_context(ca, "lab.example")) as port:
        seen = await page(f"https://lab.example:{port}/", tools)

    assert (seen.failure, seen.status, seen.answered) == (Failure.TOO_MUCH, 0, False)


@pytest.mark.parametrize(
    ("location", "kept"),
    [
        ("/two words", "/two%20words"),
        ("/b?ip=95.165.1.20&id=7", "/b?ip=*&id=7"),
        ("tg://resolve?domain=x", "tg://resolve?domain=x"),
    ],
)
async def test_a_location_is_stored_without_what_identifies_the_visitor(tools: Tools, location: str, kept: str) -> None:
    """Blanks are encoded, as browsers do."""
    async with serving(page_of(answer(b"", "308 Permanent Redirect", f"Location: {location}\r\n"))) as port:
        seen = await page(f"http://lab.example:{port}/", tools)

    assert seen.location == (kept if "://" in kept else f"http://lab.example:{port}{kept}")
    assert not seen.sets_cookie


@pytest.mark.parametrize(
    "head, piece, failure",
    [
        (b"HTTP/1.1 200 OK\r\n", b"X-Y: " + b"z" * 1000 + b"\r\n", Failure.TOO_MUCH),
        (b"HTTP/1.1 200 OK\r\nX: ", b"z" * 4096, Failure.TOO_MUCH),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 40, Failure.TOO_MUCH),
        (b"", b"\r\n" * 400, Failure.GARBAGE),
        (b"HTTP/1.1 200 OK\r\n\r\n", b"z" * 65536, None),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nz\r\n" * 1000, Failure.TOO_MUCH),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            b"1;" + b"e" * 4000 + b"\r\nz\r\n",
            Failure.TOO_MUCH,
        ),
    ],
    ids=["headers", "one header", "informational answers", "empty lines", "body", "tiny chunks", "chunk extensions"],
)
async def test_an_endless_response_is_cut_off(head: bytes, piece: bytes, failure: Failure | None) -> None:
    """Every part has a bound. A body that reaches its bound counts as complete."""
    tools = Tools(120)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await forever(reader, writer, head, piece)

    async with serving(talk) as port, asyncio.timeout(100):
        seen = await page(f"http://lab.example:{port}/", tools)

    assert seen.failure is failure
    assert seen.length <= 524288


async def test_a_decompression_bomb_is_decoded_up_to_the_bound(tools: Tools) -> None:
    """64 KiB that decode to 64 MiB yield 512 KiB."""
    async with serving(page_of(bomb())) as port:
        seen = await page(f"http://lab.example:{port}/", tools)

    assert (seen.failure, seen.complete, seen.length) == (None, True, 524288)


async def test_a_response_of_single_bytes_ends_at_the_step_time_out(tools: Tools) -> None:
    """No byte extends the time."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        for byte in answer() * 10:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0.05)

    began = time.monotonic()
    async with serving(talk) as port:
        seen = await page(f"http://lab.example:{port}/", tools)

    assert seen.failure is Failure.TIMEOUT
    assert time.monotonic() - began < 20


async def test_without_verification_the_page_behind_a_wrong_certificate_is_fetched(
    tools: Tools, ca: trustme.CA
) -> None:
    """It does not count as secure."""
    async with serving(page_of(answer()), server_context(ca, "other.example")) as port:
        *_, refused = await get(f"https://lab.example:{port}/", tools)
        *_, seen = await get(f"https://lab.example:{port}/", tools, verify=False)

    assert isinstance(refused, TlsHandshake)
    assert (refused.failure, refused.verified) == (Failure.CERTIFICATE, False)
    assert refused.certificate is not None
    assert refused.certificate.error == "Hostname mismatch"
    assert isinstance(seen, Exchange)
    assert (seen.status, seen.secure) == (200, False)


async def test_a_page_in_clear_text_is_sampled_and_not_judged(tools: Tools) -> None:
    """Its decoded markup and its server's name are stored, without the visitor's address; no fingerprint is."""
    body = gzip.compress(b"<p>Blocked by order of eais.rkn.gov.ru</p><p>Your address: 95.165.1.20</p>")
    headers = "Content-Encoding: gzip\r\nServer: filter/1.0\r\n"
    async with serving(page_of(answer(body, headers=headers))) as port:
        seen = await page(f"http://lab.example:{port}/", tools)

    assert seen.sample == "<p>Blocked by order of eais.rkn.gov.ru</p><p>Your address: …</p>"
    assert (seen.server, seen.marks) == ("filter/1.0", ())


@pytest.mark.parametrize(("status", "sampled"), [("200 OK", False), ("403 Forbidden", True)])
async def test_over_verified_tls_only_an_error_or_a_short_page_is_sampled(
    tools: Tools, ca: trustme.CA, status: str, sampled: bool
) -> None:
    """Nobody but the server can have written a page of some length."""
    talk = page_of(answer(b"<p>" + b"words " * 2_000, status, "Server: b\r\n"))
    async with serving(talk, server_context(ca, "lab.example")) as port:
        seen = await page(f"https://lab.example:{port}/", tools)

    assert (bool(seen.sample), bool(seen.server)) == (sampled, sampled)


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_page_under_another_name_is_sampled_in_clear_text_alone(
    tools: Tools, ca: trustme.CA, scheme: str
) -> None:
    """There it shows which program answers at the address."""
    seen: list[Observation] = []
    context = server_context(ca, "lab.example") if scheme == "https" else None
    async with serving(page_of(answer(headers="Server: b\r\n")), context) as port:
        position = StepPosition(purpose=Purpose.NEUTRAL)
        step = Fetch(url=f"{scheme}://lab.example:{port}/", address="127.0.0.1", position=position)
        await fetch(step, tools, Timestamps(asyncio.get_running_loop().time(), step.position), seen.append)

    last = seen[-1]
    assert isinstance(last, Exchange)
    clear = scheme == "http"
    assert (last.status, bool(last.sample), last.server) == (200, clear, "b" if clear else "")
    assert last.head == (("Content-Type", "Content-Length", "Server") if clear else ())


async def test_the_flow_counts_the_bytes_of_the_socket(tools: Tools) -> None:
    """The decoded text of a compressed page that is cut short is far longer."""
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
