"""No client address stays anywhere: database, log at the level DEBUG, exports, and the memory of the process.

A real collector, alone and behind a real nginx that is set up as docs/operations.md says. Clients come from addresses
of their own in 127.0.0.0/8, which Linux alone accepts.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import signal
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import msgspec
import pytest

from probe.collector.intake.enrolment import make_token
from probe.collector.store.database_url import open_store
from probe.model.observation import Exchange
from probe.model.verdict import Cause, Status
from tests.loopback.collector.vantages import FakeAgent, blocked_verdict, change, rounds

DIRECT, PROXIED, NAMED = "127.88.4.77", "127.77.3.99", "127.99.5.66"
ORIGIN = "http://c.test"
SERVE = """
import logging, sys
from probe.cli import collector, main
from probe.collector.connections.address_free_log import configure_collector_log
collector.configure_collector_log = lambda: configure_collector_log(logging.DEBUG)
raise SystemExit(main())
"""
MALFORMED = (
    b"GET / HTTP/9.9\r\n\r\n",
    b"POST /api/v1/enrol HTTP/1.1\r\nHost: c\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
    b"GET /\x00 HTTP/1.1\r\nHost: c\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01",
    b"POST /api/v1/batches HTTP/1.1\r\nHost: c\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
)
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="addresses of 127.0.0.0/8 and /proc are Linux's")


@contextlib.asynccontextmanager
async def collector(folder: Path) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """A collector process that logs everything to a file, and its URL."""
    with (folder / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", SERVE, "collector", "serve", "--db", str(folder / "c.db")),
            *("--listen", "127.0.0.1:0", "--origin", ORIGIN),
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
            env=os.environ | {"PROBE_CLOCK": "", "PYTHONASYNCIODEBUG": "1", "PYTHONPATH": str(Path.cwd())},
        )
    assert process.stdout is not None
    try:
        line = (await process.stdout.readline()).decode()
        yield process, line.removeprefix("probe collector: ").strip().rstrip("/")
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        await process.communicate()


def nginx_program() -> str:
    """The path of nginx; without it the test is skipped."""
    found = shutil.which("nginx") or "/usr/sbin/nginx"
    if not Path(found).exists():
        pytest.skip("nginx is not installed")
    return found


def nginx_settings(folder: Path, port: int, upstream: str) -> str:
    """The settings of docs/operations.md, for this port, without TLS and with all files in a folder."""
    found = re.search(r"```nginx\n(map .*?)```", Path("docs/operations.md").read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    text = found[1].replace("listen 443 ssl;", f"listen 127.0.0.1:{port};")
    text = text.replace("http://127.0.0.1:8017", upstream)
    text = re.sub(r"\s*(ssl_certificate|ssl_certificate_key|server_name) [^\n]*", "", text)
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    paths = "".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
    begin = f"daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/nginx.log crit;\n"
    return f"{begin}events {{}}\nhttp {{ {paths}\n{text}\n}}\n"


@contextlib.asynccontextmanager
async def nginx(folder: Path, upstream: str) -> AsyncIterator[str]:
    """Nginx before the collector, with the settings of docs/operations.md; its URL."""
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    found = nginx_program()
    (folder / "nginx.conf").write_text(nginx_settings(folder, port, upstream), encoding="utf-8")
    process = await asyncio.create_subprocess_exec(
        found, "-c", str(folder / "nginx.conf"), "-p", str(folder), stderr=asyncio.subprocess.DEVNULL
    )
    try:
        async with asyncio.timeout(30):
            while True:
                with contextlib.suppress(OSError):
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                    writer.close()
                    break
                await asyncio.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        await process.wait()


def client(address: str) -> aiohttp.ClientSession:
    """A client with this address."""
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(local_addr=(address, 0), force_close=True))


async def everything(url: str, address: str, token: str, text: str = "") -> list[str]:
    """Enrol, report a block whose page says `text`, read pages, send what is malformed; the pages."""
    now = datetime.now(UTC)
    agent = FakeAgent(url, origin=ORIGIN)
    verdict = blocked_verdict("https://a.example/", "a.example", now)
    seen = verdict.evidence.observations
    redirect = Exchange(at=1, took=2, url="http://a.example/", address="198.51.100.7", status=302, location=text)
    evidence = msgspec.structs.replace(verdict.evidence, observations=(*seen, redirect))
    verdict = msgspec.structs.replace(verdict, evidence=evidence)
    pages = []
    async with client(address) as http:
        assert (await agent.enrol(http, token))["status"] == 200
        found = change("https://a.example/", Status.BLOCKED, now, Cause.DNS_SPOOFED, verdict=verdict)
        batch = agent.batch(rounds=rounds(now - timedelta(minutes=10), 2), changes=(found,), services={})
        assert (await agent.post(http, batch))[0] == 200
        for path in ("/", "/api/v1/board", "/api/v1/spans", "/api/v1/events", "/feed.atom", "/nothing", "/metrics"):
            async with http.get(url + path) as answer:
                pages.append(await answer.text())
        digests = set(re.findall(r'"evidence":"([0-9a-f]{64})"', "".join(pages)))
        for digest in digests:
            async with http.get(f"{url}/api/v1/evidence/{digest}") as answer:
                pages.append(await answer.text())
    for request in MALFORMED:
        await _send(url, address, request)
    return pages


async def _send(url: str, address: str, request: bytes) -> None:
    host, _, port = url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port), local_addr=(address, 0))
    writer.write(request)
    writer.write_eof()
    with contextlib.suppress(ConnectionError):
        await reader.read()
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()


async def tokens(db: Path, count: int) -> list[str]:
    """Tokens of the collector."""
    store = open_store(db)
    now = datetime.now(UTC)
    try:
        return [
            await store.write(
                lambda session: make_token(session, role="vantage", sponsor="", now=now, ttl=timedelta(hours=1))
            )
            for _ in range(count)
        ]
    finally:
        await store.close()


def places_of(pid: int, text: bytes) -> int:
    """How often a text is in the writable memory of a process, as a core dump would have it."""
    count = 0
    with Path(f"/proc/{pid}/maps").open(encoding="ascii") as maps, Path(f"/proc/{pid}/mem").open("rb", 0) as memory:
        for line in maps:
            span, flags, *_ = line.split()
            if not flags.startswith("rw"):
                continue
            begin, end = (int(part, 16) for part in span.split("-"))
            with contextlib.suppress(OSError, OverflowError, ValueError):
                memory.seek(begin)
                count += memory.read(end - begin).count(text)
    return count


def contents(folder: Path) -> dict[str, bytes]:
    """The files of a folder."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


async def test_no_client_address_is_kept_anywhere(tmp_path: Path) -> None:
    """Through nginx it never reaches the collector; alone it is in no file and no answer."""
    async with collector(tmp_path) as (process, url), nginx(tmp_path, url) as proxy:
        direct, proxied, named = await tokens(tmp_path / "c.db", 3)
        pages = await everything(proxy, PROXIED, proxied)
        in_memory, of_origin = (places_of(process.pid, text.encode()) for text in (PROXIED, ORIGIN))
        pages += await everything(url, DIRECT, direct)
        escaped = NAMED.replace(".", "%2E")
        for_portal = f"http://portal.example/login?ip={escaped}&back={NAMED}"
        pages += await everything(url, NAMED, named, for_portal)

    assert (in_memory, of_origin > 0) == (0, True), "what is in memory is found, and the address is not"
    files = contents(tmp_path)
    assert len(files["c.db"]) > 0
    for address in (DIRECT, PROXIED, NAMED):
        forms = {address, address.replace(".", "%2E"), address.replace(".", "-")}
        assert not [(name, form) for name, body in files.items() for form in forms if form.encode() in body]
        assert not [page for page in pages for form in forms if form in page]
    assert any("own-address" in page for page in pages)
    assert b"DEBUG" in files["log"]
    assert b"[address]" in files["log"], "asyncio's debug mode logs peers, and the formatter removes them"
