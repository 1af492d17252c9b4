"""Whether a real collector is ready: full disk, damage, failing tasks."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from unittest.mock import Mock

import pytest

from probe.collector import readiness
from probe.errors import StorageError
from tests.loopback.collector.conftest import Server


@pytest.fixture(autouse=True)
def no_repeated_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each question is answered anew."""
    monkeypatch.setattr(readiness, "ANSWER_SECONDS", -1.0)


async def code(server: Server) -> str:
    """The error code of `/readyz`; empty when the collector is ready."""
    status, text = await server.get("/readyz")
    assert (status == 200) == ("error" not in json.loads(text))
    return str(json.loads(text).get("error", {}).get("code", ""))


async def written(server: Server) -> object:
    """What `/readyz` wrote last."""
    return await server.collector.store.read(lambda session: session.row("SELECT value FROM meta WHERE key = 'ready'"))


async def test_every_question_writes_a_row(server: Server) -> None:
    """A database that only reads is not ready."""
    await code(server)
    before = await server.collector.store.read(
        lambda session: session.row("SELECT value FROM meta WHERE key = 'ready'")
    )
    await code(server)
    after = await server.collector.store.read(lambda session: session.row("SELECT value FROM meta WHERE key = 'ready'"))

    assert before != after


async def test_a_full_disk_is_noticed(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where a last write still succeeds; it is ready again when there is room."""
    assert not await code(server)
    with monkeypatch.context() as full:
        full.setattr(shutil, "disk_usage", lambda _: Mock(free=readiness.MIN_FREE_BYTES - 1))
        assert await code(server) == "disk_full"
    assert not await code(server)


async def test_a_damaged_page_that_a_reader_met_is_noticed(server: Server, tmp_path: Path) -> None:
    """A page that cannot be shown is 503, and the collector is not ready from then on."""
    await server.collector.store.write(
        lambda session: session.many(
            "INSERT INTO network (asn, cc) VALUES (?, 'RU')", [(number,) for number in range(20_000)]
        )
    )
    await server.collector.store.erase_remains()  # empties the log into the file
    path = tmp_path / "collector.db"
    with path.open("r+b") as file:
        file.seek(4096 * 20)
        file.write(b"\xa5" * (path.stat().st_size - 4096 * 20))
    with pytest.raises(StorageError) as caught:
        await server.collector.store.read(lambda session: session.row("SELECT sum(asn), max(cc) FROM network"))
    server.collector.readiness.note_failure(caught.value)

    assert await code(server) == "corrupt"
    assert await code(server) == "corrupt"


async def test_a_busy_database_does_not_count_as_damaged(server: Server) -> None:
    """It is ready as soon as it answers."""
    server.collector.readiness.note_failure(StorageError("too many writes wait"))

    assert not await code(server)


async def test_a_task_that_fails_makes_the_collector_unready(server: Server) -> None:
    """The answer names it."""

    async def fail() -> None:
        raise RuntimeError

    async with server.collector.supervisor.supervise("doomed", fail):
        while not server.collector.supervisor.failing():
            await server.collector.real.sleep(0.01)
        assert await code(server) == "task_failing"
    assert await code(server) == "task_failing", "a task that has ended does not run"
