"""Pages in clear text, cookies and odd servers, from a target to its verdict over real sockets."""

# ruff: noqa: RUF001 - block pages are written in Cyrillic letters

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import msgspec
import pytest
import trustme

from probe.clock import Clock
from probe.judge import again
from probe.judge.anchor_content import classify
from probe.judge.control import facts
from probe.measure.anchors import AnchorWatch
from probe.measure.tools import Tools
from probe.model.address import Family
from probe.model.target import parse
from probe.model.verdict import ControlFacts, Status, Verdict
from probe.session.measurement import MeasurementContext, measure_target
from tests.loopback.h2_servers import h2_context, h2_page, refusing_others, speaking_h2
from tests.loopback.tiny_servers import PAGE, Talk, answer, page_of, request, server_context, serving

NEWS = (
    b"<title>Daily news</title>" + b"<p>council votes about bridge, harvest begins early, school opens again</p>" * 160
)
DENIAL = b"<title>Access Denied</title><h1>Access Denied</h1><p>Number 17.</p>"
DENIED = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n%s" % (len(DENIAL), DENIAL)
SERVER = "Server: nginx\r\nDate: Mon, 30 Nov 2026 12:00:00 GMT\r\n"


async def measured(tools: Tools, text: str, control: ControlFacts | None = None) -> Verdict:
    """The verdict on a target."""
    context = MeasurementContext(
        tools=tools,
        anchors=AnchorWatch((), (), tools, Clock(), classify=classify),
        network_resolvers=(),
        families=frozenset({Family.IPV4}),
    )
    verdict = await measure_target(text, parse(text), context, control=control)
    assert again(verdict) == verdict
    return verdict


def by_host(pages: dict[str, bytes], other: bytes) -> Talk:
    """Return a server that answers by the Host header."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await request(reader)).decode("latin-1")
        host = next(line for line in head.splitlines() if line.lower().startswith("host:")).partition(" ")[2]
        writer.write(pages.get(host.partition(":")[0], other))

    return talk


def nginx(body: bytes, status: str = "200 OK") -> bytes:
    """An answer with nginx's header fields."""
    head = f"HTTP/1.1 {status}\r\n{SERVER}Content-Type: text/html\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


async def verdict_in_place(tools: Tools, forged: bytes) -> Verdict:
    """The verdict where the control got the site's page, and the same address now answers with these bytes."""
    pages = {"127.0.0.1": nginx(NEWS)}
    not_found = nginx(b"<title>404 Not Found</title>", "404 Not Found")
    async with serving(by_host(pages, not_found)) as port:
        text = f"http://127.0.0.1:{port}/"
        known = facts([await measured(tools, text)])[text]
        pages["127.0.0.1"] = forged
        return await measured(tools, text, known)


async def test_a_page_of_another_program_in_the_place_of_the_sites_is_a_block_page(tools: Tools) -> None:
    """`Access Denied` with 200 and some 100 bytes, 12 kB at the control; other names get the server's own answer."""
    verdict = await verdict_in_place(tools, DENIED)

    assert (verdict.status, verdict.rule) == (Status.BLOCKED, "http.blockpage")


async def test_a_copied_title_does_not_acquit_a_page_of_another_program(tools: Tools) -> None:
    """Title and length are the site's; text and header fields are not."""
    body = (
        b"<title>Daily news</title><p>closed after decision number four hundred six under article nine of some law</p>"
    )
    body = body.ljust(len(NEWS))
    forged = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nX-Box: 1\r\nContent-Length: %d\r\n\r\n%s" % (
        len(body),
        body,
    )
    verdict = await verdict_in_place(tools, forged)

    assert (verdict.status, verdict.rule) == (Status.BLOCKED, "http.blockpage")


@pytest.mark.parametrize(
    "body",
    [
        b"<title>Nachrichten</title><p>Heute</p>",
        b"<title>Before you continue</title><p>We use cookies</p>",
        b"<title>Not available in your country</title><p>Sorry</p>",
        b"<title>Under maintenance</title>",
    ],
)
async def test_another_page_of_the_same_program_is_no_block_page(tools: Tools, body: bytes) -> None:
    """By region, consent or experiment."""
    verdict = await verdict_in_place(tools, nginx(body))

    assert (verdict.status, verdict.rule) == (Status.UNREACHABLE, "http.doubtful")


async def test_a_page_in_another_language_with_the_sites_own_files_is_the_sites(tools: Tools) -> None:
    """Words and addresses of files that the control's page has, too."""
    body = b"<title>Zeitung</title><p>council votes about bridge, harvest begins early, Schule, Fluss, Markt, Rat</p>"
    assert (await verdict_in_place(tools, nginx(body))).status is Status.REACHABLE


@pytest.mark.parametrize(
    ("codec", "label"),
    [
        ("windows-1251", ""),
        ("windows-1251", "; charset=iso-8859-1"),
        ("windows-1251", "; charset=utf-8"),
        ("cp866", ""),
        ("koi8-r", "; charset=windows-1252"),
        ("utf-16", ""),
        ("utf-16-le", "; charset=utf-8"),
    ],
)
async def test_a_russian_notice_is_read_whatever_its_charset(tools: Tools, codec: str, label: str) -> None:
    """Without a control."""
    body = "<html><h1>Доступ к запраши<b>ваемому</b> ресурсу<br>ограничен</h1></html>".encode(codec)
    async with serving(page_of(answer(body, content="text/html" + label))) as port:
        verdict = await measured(tools, f"http://127.0.0.1:{port}/")

    assert (verdict.status, verdict.rule) == (Status.BLOCKED, "http.blockpage")


def walled(location: str, *, secure: bool) -> Talk:
    """Return a server that redirects whoever brings no cookie, and refuses another cookie than its own."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await request(reader)
        if b"Cookie: id=7f3a; lang=en\r\n" in head:
            writer.write(answer())
        else:
            flags = "; Secure" if secure else ""
            cookies = f"Set-Cookie: id=7f3a; Path=/{flags}\r\nSet-Cookie: lang=en\r\n"
            writer.write(answer(b"", "302 Found", f"Location: {location}\r\n{cookies}"))

    return talk


@pytest.fixture
def followed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let redirects lead to this machine."""
    monkeypatch.setattr("probe.plan.url.is_bogon", lambda _: False)


@pytest.mark.parametrize("secure", [True, False])
async def test_a_site_that_wants_its_cookie_back_is_reachable(
    tools: Tools, ca: trustme.CA, followed: None, secure: bool
) -> None:
    """302 to itself; the cookie is not in evidence."""
    async with serving(walled("/", secure=secure), server_context(ca, "127.0.0.1") if secure else None) as port:
        verdict = await measured(tools, f"http{'s' if secure else ''}://127.0.0.1:{port}/")

    assert (verdict.status, verdict.rule) == (Status.REACHABLE, "served")
    assert b"7f3a" not in msgspec.json.encode(verdict)


async def test_a_redirect_with_the_visitors_address_is_followed_and_stored_without_it(
    tools: Tools, ca: trustme.CA, followed: None
) -> None:
    """The server is asked for the true URL."""
    asked: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await request(reader)
        asked.append(head.partition(b" HTTP")[0])
        moved = answer(b"", "302 Found", "Location: /in?ip=95.165.1.20&s=0123456789abcdef&lang=ru\r\n")
        writer.write(answer() if b"ip=" in head else moved)

    async with serving(talk, server_context(ca, "127.0.0.1")) as port:
        verdict = await measured(tools, f"https://127.0.0.1:{port}/")

    assert verdict.status is Status.REACHABLE
    assert asked == [b"GET /", b"GET /in?ip=95.165.1.20&s=0123456789abcdef&lang=ru"]
    stored = msgspec.json.encode(verdict)
    assert b"95.165" not in stored
    assert b"/in?ip=*&s=*2&lang=ru" in stored


async def test_a_redirect_to_an_app_over_verified_tls_is_the_servers_word(tools: Tools, ca: trustme.CA) -> None:
    """A browser hands it to the app."""
    data = answer(b"", "302 Found", "Location: tg://resolve?domain=x\r\n")
    async with serving(page_of(data), server_context(ca, "127.0.0.1")) as port:
        verdict = await measured(tools, f"https://127.0.0.1:{port}/")

    assert (verdict.status, verdict.rule) == (Status.REACHABLE, "served")


async def test_a_server_of_http_2_alone_is_reachable(tools: Tools, ca: trustme.CA) -> None:
    """It refuses a ClientHello without `h2` by an alert."""
    async with (
        serving(speaking_h2(h2_page(PAGE)), h2_context(ca, "127.0.0.1")) as behind,
        refusing_others(behind) as port,
    ):
        verdict = await measured(tools, f"https://127.0.0.1:{port}/")

    assert (verdict.status, verdict.rule) == (Status.REACHABLE, "served")


async def test_a_url_of_many_cyrillic_letters_finds_its_own_control(tools: Tools) -> None:
    """Percent-encoded it has more characters than a target may have; what fails here alone is not down."""
    async with serving(page_of(answer())) as port:
        text = f"http://127.0.0.1:{port}/{'я' * 400}"
        known = facts([await measured(tools, text)])[text]
    assert known.statuses == (Status.REACHABLE,)
    verdict = await measured(tools, text, msgspec.structs.replace(known, time=datetime.now(UTC)))

    assert (verdict.status, verdict.rule) == (Status.BLOCKED, "tcp.reset")
