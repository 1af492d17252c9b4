"""The journal of a sweep: a crash tears at most its end."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from probe.errors import StateError, StorageError
from probe.sweep.journal import RECORD_BYTES, Journal, JournalRecord

KEY = b"k" * 16
RECORDS = [
    JournalRecord(bytes([number]) * 16, 1_700_000_000 + number, 1 + number % 6, 100 * number) for number in range(9)
]


def written(path: Path, records: list[JournalRecord] = RECORDS) -> Path:
    journal = Journal(path, KEY)
    list(journal.read())
    journal.write(records)
    journal.close()
    return path


def read(path: Path) -> list[JournalRecord]:
    journal = Journal(path, b"x" * 16)
    try:
        return list(journal.read())
    finally:
        journal.close()


def test_records_are_read_as_they_were_written(tmp_path: Path) -> None:
    path = written(tmp_path / "state")

    assert read(path) == RECORDS
    assert path.stat().st_mode & 0o077 == 0


def test_the_first_key_stays(tmp_path: Path) -> None:
    path = written(tmp_path / "state")
    journal = Journal(path, b"other key of 16B")

    assert journal.key == KEY
    journal.close()


@pytest.mark.parametrize("cut", range(1, RECORD_BYTES))
def test_a_torn_record_is_removed_and_writing_goes_on_after_the_whole_ones(tmp_path: Path, cut: int) -> None:
    path = written(tmp_path / "state")
    path.write_bytes(path.read_bytes()[:-cut])

    assert read(path) == RECORDS[:-1]
    written(path, [RECORDS[-1]])

    assert read(path) == RECORDS


@pytest.mark.parametrize("seed", range(20))
def test_a_damaged_byte_costs_its_record_and_those_after_it(tmp_path: Path, seed: int) -> None:
    path = written(tmp_path / "state")
    content = bytearray(path.read_bytes())
    header = len(content) - len(RECORDS) * RECORD_BYTES
    place = random.Random(seed).randrange(header, len(content))
    content[place] ^= 0xFF
    path.write_bytes(content)

    assert read(path) == RECORDS[: (place - header) // RECORD_BYTES]


@pytest.mark.parametrize("size", range(24))
def test_a_file_that_was_killed_in_its_header_begins_anew(tmp_path: Path, size: int) -> None:
    path = written(tmp_path / "state")
    path.write_bytes(path.read_bytes()[:size])

    assert read(written(path)) == RECORDS


@pytest.mark.parametrize("content", [b"time,target\n", b"probe" * 20, b"\0" * 100])
def test_another_file_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "state"
    path.write_bytes(content)

    with pytest.raises(StateError, match="not the state of a sweep"):
        Journal(path, KEY)

    assert path.read_bytes() == content


def test_two_sweeps_cannot_share_a_journal(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "state", KEY)

    with pytest.raises(StateError, match="another sweep"):
        Journal(tmp_path / "state", KEY)
    journal.close()


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="state"):
        Journal(tmp_path / "missing" / "state", KEY)


def test_a_journal_is_replaced_as_a_whole_and_stays_open_and_locked(tmp_path: Path) -> None:
    path = written(tmp_path / "state")
    journal = Journal(path, KEY)
    assert list(journal.read()) == RECORDS

    journal.replace(RECORDS[:2])
    journal.write(RECORDS[5:6])
    with pytest.raises(StateError, match="another sweep"):
        Journal(path, KEY)
    journal.close()

    assert read(path) == [*RECORDS[:2], RECORDS[5]]
