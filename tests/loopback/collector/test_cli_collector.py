"""`probe collector`, as a shell sees it."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from probe.cli.collector import command, parse_ttl
from probe.errors import StateError, UsageError


def run(*words: str) -> str:
    """What a command prints; its exception, if it ends in one."""
    result = CliRunner().invoke(command, words)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


def test_a_token_is_printed_once_and_nothing_else(tmp_path: Path) -> None:
    """The database is made when it is not there."""
    printed = run("token", "--db", str(tmp_path / "c.db"), "--sponsor", "club", "--ttl", "7d")

    assert re.fullmatch(r"[0-9a-f]{32}\n", printed)
    assert (tmp_path / "c.db").exists()


def test_revoking_an_agent_nobody_knows_is_an_error(tmp_path: Path) -> None:
    """A mistyped id must not pass for done."""
    with pytest.raises(UsageError, match="no agent 'x' is enrolled"):
        run("revoke", "--db", str(tmp_path / "c.db"), "x")


def test_a_database_that_is_none_is_one_line(tmp_path: Path) -> None:
    """For each command."""
    path = tmp_path / "c.db"
    path.write_text("no database" * 100)

    with pytest.raises(StateError):
        run("token", "--db", str(path))
    with pytest.raises(StateError):
        run("serve", "--db", str(path), "--listen", "127.0.0.1:0")


@pytest.mark.parametrize(("text", "length"), [("90s", timedelta(seconds=90)), ("24h", timedelta(days=1))])
def test_a_time_is_read_with_its_unit(text: str, length: timedelta) -> None:
    """Seconds, minutes, hours, days."""
    assert parse_ttl(text) == length


@pytest.mark.parametrize("text", ["", "24", "0h", "1w", "-1h", "1.5h"])
def test_a_time_of_another_form_is_refused(text: str) -> None:
    """With the forms there are."""
    with pytest.raises(UsageError, match="is no time"):
        parse_ttl(text)


def test_the_help_names_every_option() -> None:
    """Without opening anything."""
    assert "--origin" in run("serve", "--help")
