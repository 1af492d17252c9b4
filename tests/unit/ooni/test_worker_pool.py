"""Several processes give the same as one, in the same order."""

from __future__ import annotations

import sys

import pytest

from probe.errors import StateError
from probe.ooni import worker_pool
from probe.ooni.archive import ArchiveRow
from probe.ooni.worker_pool import chunks_of, judged_rows
from tests.unit.formats.ooni.measurements import line_of, measurement


def rows(count: int) -> list[ArchiveRow]:
    """Rows with measurements of different inputs."""
    return [ArchiveRow("a", n, line_of(measurement(f"https://site{n}.example/"))) for n in range(1, count + 1)]


def test_two_processes_judge_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the order of the input, however the work is divided."""
    monkeypatch.setattr(worker_pool, "CHUNK_ROWS", 3)

    assert list(judged_rows(rows(20), 2)) == list(judged_rows(rows(20), 1))


def test_chunks_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """By rows and by bytes."""
    monkeypatch.setattr(worker_pool, "CHUNK_ROWS", 4)
    assert [len(chunk) for chunk in chunks_of(rows(9))] == [4, 4, 1]
    monkeypatch.setattr(worker_pool, "CHUNK_BYTES", 1)
    assert [len(chunk) for chunk in chunks_of(rows(2))] == [1, 1]


def test_a_lost_process_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """With how it ended."""
    monkeypatch.setattr(
        worker_pool, "COMMAND", (sys.executable, "-c", "import sys; sys.stdin.buffer.read(9); sys.exit(3)")
    )

    with pytest.raises(StateError, match="status 3"):
        list(judged_rows(rows(1), 2))
