"""The output of a sweep."""

from __future__ import annotations

from pathlib import Path

import pytest

from probe.errors import StorageError
from probe.sweep.verdict_output import VerdictOutput


def test_lines_are_appended_and_sizes_are_known(tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.write_bytes(b"before\n")

    with VerdictOutput(path) as output:
        output.write(b"one\n")
        output.write(b"two\n")
        output.sync()
        assert output.size == path.stat().st_size == 15

    assert path.read_bytes() == b"before\none\ntwo\n"


def test_whole_lines_are_read_back_and_a_torn_one_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.write_bytes(b"one\ntwo\nthree\nfo")

    with VerdictOutput(path) as output:
        assert list(output.read_back(4)) == [(b"two\n", 8), (b"three\n", 14)]
        output.write(b"four\n")

    assert path.read_bytes() == b"one\ntwo\nthree\nfour\n"


@pytest.mark.parametrize(("end", "ends"), [(0, True), (4, True), (5, False), (8, True), (9, False), (12, False)])
def test_it_is_known_where_a_line_ends(tmp_path: Path, end: int, ends: bool) -> None:
    path = tmp_path / "out"
    path.write_bytes(b"one\ntwo\nt")

    with VerdictOutput(path) as output:
        assert output.ends_line(end) is ends


def test_somebody_elses_unfinished_line_is_kept_and_ended(tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.write_bytes(b"theirs")

    with VerdictOutput(path) as output:
        output.end_line()
        output.write(b"ours\n")

    assert path.read_bytes() == b"theirs\nours\n"


def test_standard_output_has_no_size_and_nothing_to_read_back(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    with VerdictOutput(None) as output:
        output.write(b"one\n")
        output.end_line()
        output.sync()

        assert (output.size, output.is_stream, output.ends_line(0), list(output.read_back(0))) == (0, True, False, [])
    assert capfdbinary.readouterr().out == b"one\n"


def test_two_paths_of_one_file_have_the_same_digest(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with VerdictOutput(tmp_path / "out") as one, VerdictOutput(tmp_path / "folder" / ".." / "out") as same:
        assert one.digest == same.digest
    with VerdictOutput(tmp_path / "other") as other:
        assert one.digest != other.digest


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="missing"):
        VerdictOutput(tmp_path / "missing" / "out")
