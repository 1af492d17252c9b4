"""`probe collector log`, `follow`, `unfollow` and `following`, as a shell sees them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from click.testing import CliRunner

from probe.cli.collector import command
from probe.clock import Clock
from probe.collector.log.following import Follower
from probe.collector.log.log_client import log_session
from probe.collector.log.own_log import OwnLog
from probe.collector.server import running
from probe.collector.store.sqlite.sqlite_store import open_sqlite
from probe.errors import ProbeError, StateError, UplinkError, UsageError
from probe.formats.signed_note import parse_key
from tests.loopback.collector.log.hostile_log import HostileLog, entry
from tests.loopback.collector.log.published import MAY, publish_many


async def run(*words: str | Path) -> tuple[int, str]:
    """Exit status and output of a command, which runs beside this event loop."""
    given = [str(word) for word in words]
    result = await asyncio.to_thread(CliRunner().invoke, command, given, standalone_mode=False)
    if isinstance(result.exception, ProbeError):
        raise result.exception
    assert result.exception is None, result.exception
    return int(result.return_value or 0), result.output


async def started(db: Path, count: int = 0) -> None:
    """Start a collector on a database, publish that many events, and stop it."""
    async with running(db, "127.0.0.1:0", "https://c.example", Clock(MAY)) as (collector, _):
        await publish_many(collector, count)
        await OwnLog(collector, None).append_all()


async def test_the_key_is_made_at_the_first_start_and_stays(tmp_path: Path) -> None:
    """The log is exported with it."""
    db = tmp_path / "c.db"
    await started(db)
    _, first = await run("log", "key", "--db", db)
    await started(db, 2)
    _, later = await run("log", "key", "--db", db)
    _, exported = await run("log", "export", "--db", db, tmp_path / "out")

    assert first == later
    assert parse_key(first).name == "c.example/log"
    assert exported == f"{tmp_path / 'out'}: 2 entries, 2 files written\n"
    assert (tmp_path / "out" / "key").read_text() == first


async def test_a_collector_is_followed_listed_and_left(tmp_path: Path) -> None:
    """Its events stay until --erase."""
    db, log = tmp_path / "c.db", HostileLog(entry())
    async with running(db, "127.0.0.1:0", "https://c.example", Clock(MAY)) as (collector, _), log.served() as url:
        _, said = await run("follow", "--db", db, url)
        async with log_session() as http:
            await Follower(collector).read_log(1, http)
        status, listed = await run("following", "--db", db)
        source = listed.split()[0]
        log.bodies = [entry(service="Rewritten")]
        async with log_session() as http:
            await Follower(collector).read_log(1, http)
        wrong, forked = await run("following", "--db", db)
        await run("unfollow", "--db", db, source)
        _, left = await run("following", "--db", db)
        await run("unfollow", "--db", db, source, "--erase")
        empty = await run("following", "--db", db)

    assert f"{source}: following hostile.example/log under the key {log.key}" in said
    assert "compare it with one that its operator gives elsewhere" in said
    assert (status, wrong) == (0, 1)
    assert "1 entries  hostile.example/log" in listed
    assert listed.rstrip().endswith("verified")
    assert "forked" in forked
    assert "stopped" in left
    assert empty == (0, "")


async def test_a_key_from_elsewhere_must_be_the_log_s(tmp_path: Path) -> None:
    db, log = tmp_path / "c.db", HostileLog(entry())
    await started(db)
    other = HostileLog(entry())
    other.name = "other.example/log"
    async with log.served() as url:
        _, said = await run("follow", "--db", db, url, "--key", str(log.key))
        with pytest.raises(ProbeError, match="not signed with the key"):
            await run("follow", "--db", db, url, "--key", str(other.key))
        with pytest.raises(UsageError, match="is no key of a log"):
            await run("follow", "--db", db, url, "--key", "x")

    assert "compare it" not in said


async def test_wrong_usage_is_named_in_one_line(tmp_path: Path) -> None:
    """A database that is not there is not made."""
    db = tmp_path / "c.db"
    for words in (("following",), ("unfollow", "0123abcd"), ("log", "key"), ("log", "export", str(tmp_path / "out"))):
        with pytest.raises(StateError, match="there is no such database"):
            await run(*words, "--db", db)
    assert not db.exists()
    await open_sqlite(db).close()
    with pytest.raises(UsageError, match="the log has not begun"):
        await run("log", "key", "--db", db)
    with pytest.raises(UsageError, match="no collector '0123abcd' is followed"):
        await run("unfollow", "--db", db, "0123abcd")
    with pytest.raises(UplinkError):
        await run("follow", "--db", db, "http://127.0.0.1:1")
    with pytest.raises(UsageError, match="no collector's address"):
        await run("follow", "--db", db, "c.example")


async def test_a_log_is_mended_from_an_export_or_begun_anew(tmp_path: Path) -> None:
    """Here the database lacks nothing; what it lacks comes back as tests of `probe.collector.log.recovery` show."""
    db, out = tmp_path / "c.db", tmp_path / "out"
    await started(db, 3)
    await run("log", "export", "--db", db, out)
    _, before = await run("log", "key", "--db", db)

    _, mended = await run("log", "recover", "--db", db, out)
    with pytest.raises(UsageError, match="a copy of the log, or --begin-anew"):
        await run("log", "recover", "--db", db)
    with pytest.raises(UplinkError):
        await run("log", "recover", "--db", db, "http://127.0.0.1:1")
    _, anew = await run("log", "recover", "--db", db, "--begin-anew")
    await started(db)
    _, after = await run("log", "key", "--db", db)

    assert mended == "The log had 3 entries, and has 3.\n"
    assert "begins anew under another key" in anew
    assert before != after
