"""The log as static files, served by a web server that knows nothing of logs."""

from __future__ import annotations

from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from probe.clock import Clock
from probe.collector.log.export import export_log
from probe.collector.log.own_log import OwnLog
from probe.collector.state import Collector
from probe.collector.store.database_url import open_store
from probe.errors import StateError, StorageError
from tests.loopback.collector.conftest import Server
from tests.loopback.collector.log.hostile_log import HostileLog
from tests.loopback.collector.log.independent_client import IndependentClient
from tests.loopback.collector.log.published import MAY, publish_many

NOW = MAY


class FileClient(IndependentClient):
    """The independent client on files, where only the bytes count."""

    async def get(self, path: str) -> bytes:
        """A file."""
        async with self.http.get(f"{self.prefix}/{path}") as answer:
            assert answer.status == 200, path
            return await answer.read()


async def test_the_files_verify_and_only_new_ones_are_written(server: Server, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    await publish_many(server.collector, 300)
    await OwnLog(server.collector, None).append_all()
    first = await export_log(server.collector.store, folder)
    again = await export_log(server.collector.store, folder)
    await publish_many(server.collector, 10, first=300)
    await OwnLog(server.collector, None).append_all()
    second = await export_log(server.collector.store, folder)

    assert (first, again, second) == ((300, 5), (300, 0), (310, 2))
    app = web.Application()
    app.router.add_static("/", folder)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        async with aiohttp.ClientSession() as http:
            url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            head, entries = await FileClient(http, url, (folder / "key").read_text().strip()).verify_all()
    finally:
        await runner.cleanup()
    assert (head.size, len(entries)) == (310, 310)


async def test_a_database_that_is_older_than_the_files_writes_nothing(server: Server, tmp_path: Path) -> None:
    """The folder remembers what was published."""
    folder = tmp_path / "out"
    await publish_many(server.collector, 3)
    await OwnLog(server.collector, None).append_all()
    await export_log(server.collector.store, folder)
    published = (folder / "checkpoint").read_bytes()
    other = open_store(tmp_path / "older.db")
    try:
        with pytest.raises(StateError, match="has no log yet"):
            await export_log(other, folder)
        older = Collector(other, Clock(NOW), server.collector.origin, b"")
        await publish_many(older, 2)
        await OwnLog(older, None).append_all()
        with pytest.raises(StateError, match="has 2 entries, and 3 were published"):
            await export_log(other, folder)
    finally:
        await other.close()

    assert (folder / "checkpoint").read_bytes() == published
    log = HostileLog(b"x")
    (folder / "checkpoint").write_bytes(log.checkpoint())
    with pytest.raises(StateError, match=r"another log, hostile\.example/log"):
        await export_log(server.collector.store, folder)


async def test_a_folder_that_cannot_be_written_is_named(server: Server, tmp_path: Path) -> None:
    await publish_many(server.collector, 1)
    await OwnLog(server.collector, None).append_all()
    (tmp_path / "tile").write_text("a file in the way")

    with pytest.raises(StorageError, match="cannot be written"):
        await export_log(server.collector.store, tmp_path)
