"""`probe ooni read` prints one verdict a measurement, in the order of the input."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from probe.cli import main
from probe.errors import ExitStatus
from tests.unit.formats.ooni.measurements import line_of, measurement


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """A file with two measurements of a site and one of another experiment."""
    path = tmp_path / "day.jsonl"
    records = [measurement(), measurement(test_name="ndt"), measurement("https://b.example/")]
    path.write_bytes(b"\n".join(map(line_of, records)) + b"\n")
    return path


@pytest.mark.parametrize("options", [[], ["--jobs", "2"], ["--alone"]], ids=["joined", "two processes", "alone"])
def test_verdicts_come_in_the_order_of_the_input(
    options: list[str], archive: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    """Another experiment is counted, and is no fault."""
    status = main(["ooni", "read", *options, str(archive)])
    printed, said = capfdbinary.readouterr()

    assert status == ExitStatus.OK
    found = [json.loads(line) for line in printed.splitlines()]
    assert [one["evidence"]["source"]["line"] for one in found] == [1, 3]
    assert [one["evidence"]["source"]["file"] for one in found] == ["day.jsonl"] * 2
    assert b"3 measurements read, 2 verdicts, 1 set aside" in said


def test_what_cannot_be_read_is_named(archive: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """By file and line, with status 1."""
    archive.write_bytes(archive.read_bytes() + b"{]\n")

    assert main(["ooni", "read", str(archive)]) == ExitStatus.NOT_ALL_WELL
    assert b"day.jsonl:4: set aside: not JSON" in capfdbinary.readouterr().err


def test_a_file_of_something_else_gives_no_verdict(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """Every line is counted; a few are named."""
    path = tmp_path / "table.csv"
    path.write_bytes(b"a,b,c\n" * 1000)

    assert main(["ooni", "read", str(path)]) == ExitStatus.NOT_ALL_WELL
    printed, said = capfdbinary.readouterr()
    assert printed == b""
    assert b"1000 not JSON" in said
    assert said.count(b"set aside: not JSON") == 20


def test_a_folder_gets_verdicts_and_summary(archive: Path, tmp_path: Path) -> None:
    """Both appear once they are complete."""
    out = tmp_path / "verdicts"

    assert main(["ooni", "read", "--out", str(out), str(archive)]) == ExitStatus.OK
    assert sorted(path.name for path in out.iterdir()) == ["summary.txt", "verdicts.jsonl"]
    assert len((out / "verdicts.jsonl").read_bytes().splitlines()) == 2


def test_a_folder_that_cannot_be_made_is_named(archive: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """In one line."""
    assert main(["ooni", "read", "--out", str(archive / "x"), str(archive)]) != ExitStatus.OK
    assert b"cannot be written" in capfdbinary.readouterr().err


def test_what_was_written_is_judged_again_without_a_change(
    archive: Path, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    """`probe judge` on the output of `probe ooni read` prints the same bytes."""
    main(["ooni", "read", "--out", str(tmp_path), str(archive)])
    written = (tmp_path / "verdicts.jsonl").read_bytes()
    capfdbinary.readouterr()
    main(["judge", str(tmp_path / "verdicts.jsonl")])

    assert capfdbinary.readouterr().out == written
