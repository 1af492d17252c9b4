"""Judged measurements on disk give themselves back in the order of time."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from probe.ooni import sorted_runs
from probe.ooni.reading import JudgedMeasurement
from probe.ooni.sorted_runs import FileCounts, SortedRuns, without_what_joining_does_not_read
from tests.unit.formats.ooni.measurements import keys, measurement, read, tls

ONE = read(measurement())


def later(minutes: int) -> JudgedMeasurement:
    """The same measurement so many minutes later."""
    moved = msgspec.structs.replace(ONE.verdict, time=ONE.verdict.time + timedelta(minutes=minutes))
    return msgspec.structs.replace(ONE, verdict=moved)


def fill(runs: SortedRuns, name: str, *minutes: int) -> None:
    """Write the runs of an input file."""
    count = runs.write(name, map(later, minutes))
    runs.complete(name, FileCounts(name, len(minutes), {}, count))


def minutes_of(runs: SortedRuns, *names: str) -> list[int]:
    """The measurements of input files, merged."""
    return [int((one.verdict.time - ONE.verdict.time).total_seconds() // 60) for one in runs.merged(names)]


@pytest.mark.parametrize("held, opened", [(100, 100), (2, 2)], ids=["in memory", "many runs"])
def test_files_are_merged_by_time(held: int, opened: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many runs they have, and however few may be open at once."""
    monkeypatch.setattr(sorted_runs, "MAX_RUN_RECORDS", held)
    monkeypatch.setattr(sorted_runs, "MAX_OPEN_RUNS", opened)
    runs = SortedRuns(tmp_path)
    fill(runs, "a", 5, 1, 9, 3, 7)
    fill(runs, "b", 8, 2, 6, 4)

    assert minutes_of(runs, "a", "b") == list(range(1, 10))
    assert not list(tmp_path.glob("merged-*"))


def test_a_file_whose_runs_are_not_complete_is_read_again(tmp_path: Path) -> None:
    """A killed run leaves no marker."""
    runs = SortedRuns(tmp_path)
    runs.write("a", map(later, (1, 2)))

    assert runs.counts_of("a") is None
    assert minutes_of(runs, "a") == []
    fill(runs, "a", 3)
    assert SortedRuns(tmp_path).counts_of("a") == FileCounts("a", 1, {}, 1)


def test_a_file_that_has_changed_is_another_one(tmp_path: Path) -> None:
    """By its size and the time of its last change."""
    path = tmp_path / "day.jsonl"
    path.write_bytes(b"x")
    runs = SortedRuns(tmp_path / "state")
    fill(runs, str(path), 1)
    path.write_bytes(b"xy")

    assert runs.counts_of(str(path)) is None


def test_less_is_kept_of_what_worked() -> None:
    """Of what failed everything, for it may be judged again."""
    failed = read(measurement(test_keys=keys(tls_handshakes=[tls(failure="connection_reset")], requests=[])))
    slim = without_what_joining_does_not_read(ONE)

    assert without_what_joining_does_not_read(failed) == failed
    assert slim.verdict.status is ONE.verdict.status
    assert len(slim.verdict.evidence.observations) < len(ONE.verdict.evidence.observations)
