"""The table of batches."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from probe.agent.batch_table import BatchTable, Dropped
from probe.agent.state_file import StateFile
from tests.unit.agent.batches import draft


@pytest.fixture
def file(tmp_path: Path) -> Iterator[StateFile]:
    with closing(StateFile(tmp_path / "state.sqlite")) as opened:
        yield opened


@pytest.fixture
def table(file: StateFile) -> BatchTable:
    """Batches 1 to 3, the first acknowledged."""
    made = BatchTable(file.connection)
    for seq in (1, 2, 3):
        made.insert(msgspec.structs.replace(draft(f"t{seq}"), seq=seq))
    file.connection.execute("UPDATE batch SET acked = 1 WHERE seq = 1")
    return made


def test_total_bytes_follow_every_insertion_replacement_and_deletion(file: StateFile, table: BatchTable) -> None:
    def summed() -> int:
        return int(file.connection.execute("SELECT sum(length(body)) FROM batch").fetchone()[0])

    assert table.total_bytes() == summed() > 0
    table.replace(2, msgspec.structs.replace(draft("x" * 1000), seq=2), Dropped.EVIDENCE)
    table.delete(3)
    assert table.total_bytes() == summed()


def test_the_oldest_unsent_batch_is_found_by_what_was_dropped_from_it(table: BatchTable) -> None:
    row = table.oldest_unsent(Dropped.NOTHING)
    assert row is not None
    assert row.batch.seq == 2

    table.replace(2, row.batch, Dropped.EVIDENCE)
    assert [table.oldest_unsent(dropped) is not None for dropped in Dropped] == [True, True, False]
    assert [(row.batch.seq, row.dropped) for row in table.unsent()] == [(2, Dropped.EVIDENCE), (3, Dropped.NOTHING)]


def test_deletion_takes_the_oldest_acknowledged_batch_and_no_unsent_one(table: BatchTable) -> None:
    assert table.delete_oldest_acknowledged()
    assert not table.delete_oldest_acknowledged()
    assert [row.batch.seq for row in table.unsent()] == [2, 3]


def test_the_search_for_a_batch_to_reduce_skips_the_reduced_ones(file: StateFile, table: BatchTable) -> None:
    """SQLite's virtual machine instructions are counted: the hundredth search costs as many as the first."""
    for seq in range(4, 200):
        table.insert(msgspec.structs.replace(draft(), seq=seq))
    costs: list[int] = []
    for _ in range(100):
        steps = 0

        def count() -> int:
            nonlocal steps
            steps += 1
            return 0

        file.connection.set_progress_handler(count, 1)
        row = table.oldest_unsent(Dropped.NOTHING)
        file.connection.set_progress_handler(None, 1)
        assert row is not None
        table.replace(row.batch.seq, row.batch, Dropped.EVIDENCE)
        costs.append(steps)

    assert costs[-1] == costs[0] > 0
