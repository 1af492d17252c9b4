"""`probe collector load-ooni` names what it cannot read, and stores nothing then."""

from __future__ import annotations

from pathlib import Path

import pytest

from probe.cli import main
from probe.errors import ExitStatus


@pytest.mark.parametrize(
    "content, said",
    [
        (b"{]\n", b"transitions.jsonl:1: not a transition"),
        (b'\n{"target": 7}\n', b"transitions.jsonl:2: not a transition"),
    ],
)
def test_a_bad_line_is_named(
    content: bytes, said: bytes, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    """By file and line, before the database is touched."""
    file = tmp_path / "transitions.jsonl"
    file.write_bytes(content)

    assert main(["collector", "load-ooni", "--db", str(tmp_path / "no.sqlite"), str(file)]) == ExitStatus.USAGE
    assert said in capfdbinary.readouterr().err


def test_a_file_or_database_that_is_not_there_is_named(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    """In one line."""
    empty = tmp_path / "empty.jsonl"
    empty.write_bytes(b"")

    assert main(["collector", "load-ooni", "--db", str(tmp_path / "no.sqlite"), "/nowhere"]) == ExitStatus.USAGE
    assert b"/nowhere: cannot be read" in capfdbinary.readouterr().err
    assert main(["collector", "load-ooni", "--db", str(tmp_path / "no.sqlite"), str(empty)]) != ExitStatus.OK
