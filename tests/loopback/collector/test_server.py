"""The server's own manners: health, headers, errors, draining."""

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


async def test_it_says_that_it_lives_and_that_it_can_store(server: Server) -> None:
    """Two different questions."""
    assert await server.get("/healthz") == (200, '{"status":"ok"}')
    assert await server.get("/readyz") == (200, '{"status":"ready","tasks":{"fuser":"running"}}')


async def test_a_database_that_cannot_be_written_is_alive_but_not_ready(server: Server) -> None:
    """So that a balancer sends agents elsewhere."""
    await server.collector.store.close()

    assert (await server.get("/healthz"))[0] == 200
    assert (await server.get("/readyz"))[0] == 503


async def test_every_answer_forbids_what_no_page_of_ours_needs(server: Server) -> None:
    """Also the failing ones."""
    for path in ("/", "/healthz", "/nothing", "/metrics", "/static/style.css"):
        async with server.http.get(server.page + path) as answer:
            assert answer.headers["Content-Security-Policy"].startswith("default-src 'self'")
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert "aiohttp" not in answer.headers["Server"]


async def test_another_method_is_refused_in_the_one_shape(server: Server) -> None:
    """405 with a word for programs."""
    async with server.http.get(server.page + "/api/v1/batches") as answer:
        assert (answer.status, (await answer.json())["error"]["code"]) == (405, "method_not_allowed")


async def test_an_address_that_is_taken_is_one_line(server: Server, tmp_path: Path) -> None:
    """With advice, and the database closed again."""
    listen = server.page.removeprefix("http://")
    with pytest.raises(SettingsError, match="cannot listen on"):
        async with running(tmp_path / "other.db", listen, "", Clock()):
            pass


@pytest.mark.parametrize("text", ["", "8080", "a:b", ":80", "h:99999", "h:-1"])
def test_what_is_no_address_is_refused(text: str) -> None:
    """Before anything is opened."""
    with pytest.raises(SettingsError):
        parse_listen(text)


def test_addresses_of_both_families_are_read() -> None:
    """IPv6 in brackets."""
    assert parse_listen("127.0.0.1:0") == ("127.0.0.1", 0)
    assert parse_listen("[::1]:8080") == ("::1", 8080)


async def test_sigterm_finishes_what_is_under_way_and_ends_well(tmp_path: Path) -> None:
    """One line when it begins, exit status 0, a database that is whole, and no address in its log."""
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
