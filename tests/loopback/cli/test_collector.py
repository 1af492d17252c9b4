"""`probe collector`, as a shell sees it."""

from __future__ import annotations

import codecs
import gzip
import io
import re
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from probe.cli.collector import command, of_services
from probe.errors import ListError, RecordError, StateError, UsageError
from probe.lists.register_diff import ChangeKind, RegisterChange
from probe.lists.registers.register_entry import RegisterDecision


def run(*words: str) -> str:
    """What a command prints; its exception, if it ends in one."""
    result = CliRunner().invoke(command, words)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


def test_a_token_is_printed_once_and_nothing_else(tmp_path: Path) -> None:
    """An empty file becomes a database."""
    (tmp_path / "c.db").touch()
    printed = run("token", "--db", str(tmp_path / "c.db"), "--sponsor", "club", "--ttl", "7d")

    assert re.fullmatch(r"[0-9a-f]{32}\n", printed)


@pytest.mark.parametrize(
    "words",
    [
        ("token",),
        ("revoke", "x"),
        ("forget", "x"),
        ("agents", "list"),
        ("agents", "show", "x"),
        ("agents", "revoke", "x"),
        ("agents", "rotate", "x"),
        ("audit",),
        ("import", "--origin", "http://c.test", "-"),
        ("register", "-"),
    ],
    ids=" ".join,
)
def test_a_database_that_is_not_there_is_not_made(tmp_path: Path, words: tuple[str, ...]) -> None:
    """A slip in its name is said; `serve` alone makes one."""
    path = tmp_path / "typo.db"
    with pytest.raises(StateError, match="there is no such database"):
        run(*words, "--db", str(path))

    assert not path.exists()


def test_revoking_an_unknown_agent_is_an_error(tmp_path: Path) -> None:
    """A mistyped id is noticed."""
    (tmp_path / "c.db").touch()
    with pytest.raises(UsageError, match="no agent 'x' is enrolled"):
        run("revoke", "--db", str(tmp_path / "c.db"), "x")


def test_a_file_that_is_no_database_is_reported_in_one_line(tmp_path: Path) -> None:
    """`token` and `serve` behave alike."""
    path = tmp_path / "c.db"
    path.write_text("no database" * 100)

    with pytest.raises(StateError):
        run("token", "--db", str(path))
    with pytest.raises(StateError):
        run("serve", "--db", str(path), "--listen", "127.0.0.1:0")


def diff(*subjects: str, **differs: object) -> bytes:
    """What `probe targets diff --json` prints of names listed in May 2017."""
    ruling = RegisterDecision("2017-05-04", "10-Restricting", "Roskomnadzor")
    after, before = datetime(2017, 5, 3, 17, tzinfo=UTC), datetime(2017, 5, 5, 9, tzinfo=UTC)
    found = [
        RegisterChange(
            kind=ChangeKind.LISTED, subject=name, service="wechat", decision=ruling, after=after, before=before
        )
        for name in subjects
    ]
    return b"".join(msgspec.json.encode(msgspec.to_builtins(change) | differs) + b"\n" for change in found)


def kept(db: Path) -> list[tuple[str, str]]:
    """Country and name of every stored change."""
    with closing(sqlite3.connect(db)) as connection:
        return connection.execute("SELECT cc, subject FROM register_change ORDER BY subject").fetchall()


def test_register_changes_given_twice_are_stored_once(tmp_path: Path) -> None:
    """Only changes of known services are stored, and none of single pages."""
    file, db = tmp_path / "d.jsonl", tmp_path / "c.db"
    db.touch()
    file.write_bytes(diff("wechat.com", "weixin.qq.com") + diff("a.example", service="") + diff("b", pages_only=True))

    first = run("register", "--db", str(db), str(file))
    again = run("register", "--db", str(db), str(file))

    assert first == f"{file}: 4 changes; 2 new, 0 known, 2 of no service.\n"
    assert again == f"{file}: 4 changes; 0 new, 2 known, 2 of no service.\n"
    assert kept(db) == [("RU", "wechat.com"), ("RU", "weixin.qq.com")]


def test_nothing_of_a_file_with_a_bad_line_is_stored(tmp_path: Path) -> None:
    """The error names the line."""
    file, db = tmp_path / "d.jsonl", tmp_path / "c.db"
    db.touch()
    file.write_bytes(diff("wechat.com") + b"{}\n")

    with pytest.raises(ListError, match=r"d\.jsonl:2: no change of a register"):
        run("register", "--db", str(db), str(file))
    with pytest.raises(ListError, match=r"absent: cannot be read"):
        run("register", "--db", str(db), str(tmp_path / "absent"))
    with pytest.raises(UsageError, match="'russia' is no country"):
        run("register", "--db", str(db), "--country", "russia", str(file))
    assert not db.stat().st_size


def test_a_byte_order_mark_before_the_changes_is_left_out(tmp_path: Path) -> None:
    """Windows' editors write one."""
    file = tmp_path / "d.jsonl"
    (tmp_path / "c.db").touch()
    file.write_bytes(codecs.BOM_UTF8 + diff("wechat.com"))
    assert "1 changes; 1 new" in run("register", "--db", str(tmp_path / "c.db"), str(file))
    file.write_bytes(diff("wechat.com").decode().encode("utf-16"))
    with pytest.raises(RecordError, match=r"d\.jsonl:1: the file is UTF-16"):
        run("register", "--db", str(tmp_path / "c.db"), str(file))


def test_nothing_of_a_file_that_was_cut_is_stored(tmp_path: Path) -> None:
    """A change without its end, plain or compressed, ends the import. No changes at all are an ordinary result."""
    file, db = tmp_path / "d.jsonl", tmp_path / "c.db"
    db.touch()
    for content in (diff("wechat.com", "b.wechat.com")[:-20], gzip.compress(diff("wechat.com"))[:-9]):
        file.write_bytes(content)
        with pytest.raises(ListError, match=r"d\.jsonl:\d: no change of a register"):
            run("register", "--db", str(db), str(file))
    assert not db.stat().st_size
    file.write_bytes(b"")
    assert "0 changes" in run("register", "--db", str(db), str(file))


def test_a_file_with_too_many_changes_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bound limits the memory."""
    monkeypatch.setattr("probe.cli.collector.MAX_CHANGES_PER_FILE", 2)

    with pytest.raises(ListError, match="more than 2 changes"):
        of_services(io.BytesIO(diff("a", "b", "c")), "d.jsonl")
    assert of_services(io.BytesIO(diff("a", "b", after=None, before=None)), "d.jsonl") == ([], 2)


def test_the_help_names_every_option() -> None:
    """No database is opened."""
    assert "--origin" in run("serve", "--help")
