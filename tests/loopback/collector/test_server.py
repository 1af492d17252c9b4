"""The server's health endpoints, headers, errors and orderly stop."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import sys
from pathlib import Path

import aiohttp
import pytest

from probe.clock import Clock
from probe.collector.server import parse_listen, running
from probe.errors import SettingsError
from tests.loopback.collector.conftest import Server


async def test_health_and_readiness_are_reported(server: Server) -> None:
    """`/healthz` for the process, `/readyz` for the database and the background tasks."""
    assert await server.get("/healthz") == (200, '{"status":"ok"}')
    tasks = '{"fuser":"running","upkeep":"running","log":"running","following":"running","notify":"running"}'
    assert await server.get("/readyz") == (200, f'{{"status":"ready","tasks":{tasks}}}')


async def test_a_collector_without_a_writable_database_is_alive_but_not_ready(server: Server) -> None:
    """A load balancer then sends agents to another collector."""
    await server.collector.store.close()

    assert (await server.get("/healthz"))[0] == 200
    assert (await server.get("/readyz"))[0] == 503


async def test_every_answer_has_the_security_headers(server: Server) -> None:
    """Errors and static files too."""
    for path in ("/", "/healthz", "/nothing", "/metrics", "/static/style.css"):
        async with server.http.get(server.page + path) as answer:
            assert answer.headers["Content-Security-Policy"].startswith("default-src 'self'")
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert "aiohttp" not in answer.headers["Server"]


async def test_another_method_is_refused_with_a_json_error(server: Server) -> None:
    """The status is 405, and the body has a code for programs."""
    async with server.http.get(server.page + "/api/v1/batches") as answer:
        assert (answer.status, (await answer.json())["error"]["code"]) == (405, "method_not_allowed")


async def test_an_address_in_use_is_reported_in_one_line(server: Server, tmp_path: Path) -> None:
    """The line has advice, and the database is closed."""
    listen = server.page.removeprefix("http://")
    with pytest.raises(SettingsError, match="cannot listen on"):
        async with running(tmp_path / "other.db", listen, "", Clock()):
            pass


@pytest.mark.parametrize("text", ["", "8080", "a:b", ":80", "h:99999", "h:-1"])
def test_a_malformed_listen_address_is_refused(text: str) -> None:
    """It is refused before the database is opened."""
    with pytest.raises(SettingsError):
        parse_listen(text)


def test_addresses_of_both_families_are_read() -> None:
    """IPv6 in brackets."""
    assert parse_listen("127.0.0.1:0") == ("127.0.0.1", 0)
    assert parse_listen("[::1]:8080") == ("::1", 8080)


async def test_sigterm_finishes_open_requests_and_exits_with_0(tmp_path: Path) -> None:
    """One line at the start, a sound database, and no address in the log."""
    command = [sys.executable, "-c", "from probe.cli import main; raise SystemExit(main())", "collector", "serve"]
    process = await asyncio.create_subprocess_exec(
        *command,
        *("--db", str(tmp_path / "c.db"), "--listen", "127.0.0.1:0"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=os.environ | {"PROBE_CLOCK": ""},
    )
    assert process.stdout is not None
    line = (await process.stdout.readline()).decode()
    address = line.removeprefix("probe collector: ").strip()
    async with aiohttp.ClientSession() as http, http.get(address + "readyz") as answer:
        assert answer.status == 200
    process.send_signal(signal.SIGTERM)
    _, errors = await process.communicate()

    assert process.returncode == 0
    assert b"127.0.0.1" not in errors
    assert not (tmp_path / "c.db-wal").exists()
    with sqlite3.connect(tmp_path / "c.db") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
