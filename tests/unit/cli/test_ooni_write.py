"""`probe ooni write` prints our verdicts as OONI measurements."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from probe.cli import main
from probe.errors import ExitStatus
from probe.formats.jsonlines import write
from tests.unit.formats.ooni.measurements import measurement, read

VERDICT = read(measurement()).verdict


def test_each_verdict_is_a_measurement(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """And can be read again."""
    path = tmp_path / "verdicts.jsonl"
    path.write_bytes(write(VERDICT) * 2)

    assert main(["ooni", "write", str(path)]) == ExitStatus.OK
    printed = capfdbinary.readouterr().out
    assert [json.loads(line)["input"] for line in printed.splitlines()] == [VERDICT.target] * 2
    (tmp_path / "ooni.jsonl").write_bytes(printed)
    assert main(["ooni", "read", str(tmp_path / "ooni.jsonl")]) == ExitStatus.OK
    assert [json.loads(line)["status"] for line in capfdbinary.readouterr().out.splitlines()] == ["reachable"] * 2


def test_what_has_no_place_is_named(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """Ranges, and words of a newer version."""
    path = tmp_path / "verdicts.jsonl"
    line = write(VERDICT)
    ranged = line.replace(b'"target":"https://news.example.org/"', b'"target":"198.18.0.0/24"')
    path.write_bytes(ranged + line.replace(b'"status":"reachable"', b'"status":"newer"'))

    assert main(["ooni", "write", str(path)]) == ExitStatus.NOT_ALL_WELL
    said = capfdbinary.readouterr().err
    assert b"198.18.0.0/24 is a range" in said
    assert b"2 verdicts were left out" in said


def test_a_file_that_is_not_there_is_named(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """In one line."""
    assert main(["ooni", "write", "/nowhere"]) == ExitStatus.USAGE
    assert b"/nowhere: cannot be read" in capfdbinary.readouterr().err
