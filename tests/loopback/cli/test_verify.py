"""`probe verify`, as a shell sees it, against a real collector and against files alone."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import aiohttp
import pytest
from click.testing import CliRunner, Result

from probe.cli.verify import command
from probe.clock import Clock
from probe.collector.log.own_log import OwnLog, own_key
from probe.collector.server import running
from probe.errors import ProbeError, UplinkError, UsageError
from probe.fuse.revision import RevisionKind
from tests.loopback.collector.conftest import Server
from tests.loopback.collector.log.published import MAY, publish, publish_many

ID = "a" * 16


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    """A collector with a log of four revisions."""
    db = tmp_path / "c.db"
    async with (
        running(db, "127.0.0.1:0", "http://c.test", Clock(MAY)) as (collector, page),
        aiohttp.ClientSession() as http,
    ):
        await publish_many(collector, 3)
        await publish(collector)
        await OwnLog(collector, None).append_all()
        yield Server(collector, page, http)


async def run(*words: str | Path) -> Result:
    """Run the command beside the collector's event loop; its exit status is the `return_value`."""
    result = await asyncio.to_thread(CliRunner().invoke, command, [str(word) for word in words], standalone_mode=False)
    if isinstance(result.exception, ProbeError):
        raise result.exception
    return result


async def key_of(server: Server) -> str:
    """The key of the collector's log."""
    return str(await own_key(server.collector.store, server.collector.origin))


async def test_an_event_is_verified_by_its_address_and_offline_by_what_was_saved(
    server: Server, tmp_path: Path
) -> None:
    """The saved proof and the key are enough, also when the collector is gone."""
    saved, event = tmp_path / "e.tlog-proof", tmp_path / "e.json"
    online = await run(f"{server.page}/e/{ID}", "--save", saved)
    event.write_text((await server.get(f"/api/v1/events/{ID}"))[1])

    offline = await run(saved, "--key", await key_of(server))
    compared = await run(event, "--proof", saved, "--key", await key_of(server))

    for each in (online, offline, compared):
        assert each.return_value == 0, each.output
        assert "It is entry 3 of the 4 of the log c.test/log" in each.output
    assert "came from the same address" in online.output
    assert "came from the same address" not in offline.output
    assert "Revision 1 is shown as the log has it." in online.output
    assert "Revision 1 is shown as the log has it." in compared.output
    assert "Revision 1 is shown as the log has it." not in offline.output


async def test_an_event_that_was_changed_after_publication_is_not_proven(server: Server) -> None:
    """Exit status 1: the database now says something else than the log."""
    await server.collector.store.write(
        lambda session: session.run(
            "UPDATE revision SET body = CAST(replace(CAST(body AS TEXT), 'blocked', 'throttled') AS BLOB) WHERE id = ?",
            ID,
        )
    )

    result = await run(f"{server.page}/e/{ID}")

    assert result.return_value == 1
    assert "NOT proven: what is shown as revision 1" in result.stderr


async def test_a_changed_proof_and_another_key_are_not_proven(server: Server, tmp_path: Path) -> None:
    saved = tmp_path / "e.tlog-proof"
    await run(f"{server.page}/e/{ID}", "--save", saved)
    text = saved.read_text()
    (tmp_path / "other").write_text(text.replace("index 3", "index 2"))

    changed = await run(tmp_path / "other", "--key", await key_of(server))
    wrong = await run(saved, "--key", "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")

    assert (changed.return_value, wrong.return_value) == (1, 1)
    assert "does not lead from the entry" in changed.stderr
    assert "not signed with the key" in wrong.stderr


async def test_a_log_that_only_grew_is_consistent_with_a_kept_checkpoint(server: Server, tmp_path: Path) -> None:
    kept, key_file = tmp_path / "kept", tmp_path / "key"
    key_file.write_text(await key_of(server) + "\n")
    first = await run("--log", server.page, "--save", kept)
    await publish(server.collector, RevisionKind.LIFTED, revision=2, lifted=MAY)
    await OwnLog(server.collector, None).append_all()

    then = await run("--log", server.page, "--since", kept, "--save", kept, "--key", key_file)

    assert (first.return_value, then.return_value) == (0, 0)
    assert "has 4 entries" in first.output
    assert "Keep this checkpoint" in first.output
    assert "has 5 entries" in then.output
    assert "begins with the 4 of the checkpoint you kept" in then.output
    assert kept.read_text().splitlines()[1] == "5"


async def test_a_log_that_was_rewritten_is_found_out(tmp_path: Path) -> None:
    """By whoever has kept a checkpoint, though the operator has the key; the kept checkpoint is not overwritten."""
    kept, db = tmp_path / "kept", tmp_path / "rewritten.db"
    async with running(db, "127.0.0.1:0", "http://c.test", Clock(MAY)) as (collector, page):
        await publish_many(collector, 3)
        await OwnLog(collector, None).append_all()
        await run("--log", page, "--save", kept)
    before = kept.read_bytes()
    with closing(sqlite3.connect(db)) as connection:
        connection.executescript(
            "DELETE FROM tlog; DELETE FROM tlog_entry; DELETE FROM tlog_tile; UPDATE revision SET published = 0;"
        )
    (tmp_path / "rewritten.db.checkpoint").unlink()

    async with running(db, "127.0.0.1:0", "http://c.test", Clock(MAY)) as (collector, page):
        await OwnLog(collector, None).append_all()
        as_long = await run("--log", page, "--since", kept, "--save", kept)
        await publish_many(collector, 2, first=3)
        await OwnLog(collector, None).append_all()
        longer = await run("--log", page, "--since", kept, "--save", kept)

    assert (as_long.return_value, longer.return_value) == (1, 1)
    assert "two signed checkpoints of 3 entries have different contents" in as_long.stderr
    assert "do not begin with the 3 that were published before" in longer.stderr
    assert kept.read_bytes() == before


async def test_wrong_usage_is_named_in_one_line(server: Server, tmp_path: Path) -> None:
    """Exit status 2; an unreachable collector is 1."""
    event, bad = tmp_path / "e.json", tmp_path / "bad"
    event.write_text("{}")
    bad.write_text("c2sp.org/tlog-proof@v1\nnothing\n\nnothing")
    key = await key_of(server)
    for words in (
        [],
        [f"{server.page}/e/{ID}", "--log", server.page],
        [event, "--since", event],
        [event],
        [event, "--key", key],
        [event, "--key", "nonsense"],
        [event, "--proof", bad, "--key", key],
        [bad, "--key", key],
        [tmp_path / "none", "--key", key],
        ["https://c.example/nothing"],
        [f"{server.page}/e/{ID}", "--proof", bad],
        ["--log", "c.example"],
        [event, "--key", key, "--witness", key],
    ):
        with pytest.raises(UsageError) as caught:
            await run(*words)
        assert "\n" not in str(caught.value)
    with pytest.raises(UplinkError):
        await run("http://127.0.0.1:1/e/" + ID)
    with pytest.raises(UplinkError, match="status 404"):
        await run(f"{server.page}/e/{'f' * 16}")
