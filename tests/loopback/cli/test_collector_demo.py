"""`probe collector seed-demo`, and the pages over an invented history."""

from __future__ import annotations

from pathlib import Path

import aiohttp

from probe.clock import Clock
from probe.collector.server import running
from tests.e2e.processes import probe

SCALE = ("--services", "12", "--networks", "20", "--vantages", "40", "--days", "150")


def test_an_existing_file_is_left_alone(tmp_path: Path) -> None:
    """An invented history must not mix with a real one."""
    file = tmp_path / "c.sqlite"
    file.write_bytes(b"something")

    done = probe("collector", "seed-demo", "--db", str(file), *SCALE)

    assert done.returncode == 2
    assert b"name a new file" in done.stderr
    assert file.read_bytes() == b"something"


async def test_the_pages_show_the_invented_history(tmp_path: Path) -> None:
    """The board by country, a country, and a service; the same seed gives the same events."""
    found = []
    for name in ("one.sqlite", "two.sqlite"):
        done = probe("collector", "seed-demo", "--db", str(tmp_path / name), *SCALE)
        assert done.returncode == 0, done.stderr
        async with (
            running(str(tmp_path / name), "127.0.0.1:0", "http://collector.test", Clock()) as (collector, page),
            aiohttp.ClientSession() as http,
        ):
            while await collector.store.read(lambda session: session.row("SELECT 1 FROM dirty LIMIT 1")):
                await collector.real.sleep(0.1)
            board = await _text(http, page)
            assert "Services by country" in board
            assert "demo-service-" in await _text(http, f"{page}cc/RU")
            events = await (await http.get(f"{page}api/v1/events")).json()
            found.append(sorted((event["service"], event["network"]["asn"]) for event in events["events"]))
    assert found[0] == found[1] != []


async def _text(http: aiohttp.ClientSession, url: str) -> str:
    async with http.get(url, headers={"Accept": "text/html"}) as answer:
        assert answer.status == 200
        return await answer.text()
