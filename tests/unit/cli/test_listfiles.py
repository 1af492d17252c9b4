"""List files."""

from __future__ import annotations

import gzip
import io
import sys
from pathlib import Path

import pytest

from probe.cli.listfiles import AUTO, make_list, open_list, snapshot_of
from probe.errors import ListError
from probe.lists.lines import ListEntry
from probe.lists.selection import Selection


class TestOpened:
    """The format of a file and what its reader yields."""

    def test_is_recognised_by_its_first_bytes(self, tmp_path: Path) -> None:
        """Both plain and gzip files are recognised."""
        for name, content in (("a.txt", b"a.example\n"), ("b.gz", gzip.compress(b"a.example\n"))):
            (tmp_path / name).write_bytes(content)
            with open_list(tmp_path / name, AUTO) as (known, items, _):
                assert known.name == "testlist"
                assert [item.target for item in items if isinstance(item, ListEntry)] == ["a.example"]

    def test_is_read_from_standard_input(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """`-` is standard input."""
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"a.example\n")))
        with open_list(Path("-"), AUTO) as (_, items, _):
            assert len(list(items)) == 1

    def test_unpacks_no_more_than_the_limit(self, tmp_path: Path) -> None:
        """A small gzip file may hold a large one."""
        (tmp_path / "b.gz").write_bytes(gzip.compress(b"a.example\n" * 10_000))

        def work() -> None:
            with open_list(tmp_path / "b.gz", AUTO, max_bytes=5000) as (_, items, _):
                list(items)

        with pytest.raises(ListError, match="larger than 5000 bytes"):
            work()

    def test_names_a_missing_file(self, tmp_path: Path) -> None:
        """The error is a `ListError`."""

        def work() -> None:
            with open_list(tmp_path / "none", AUTO):
                pass

        with pytest.raises(ListError, match="none: cannot be read"):
            work()


class TestMakeList:
    """A list file made from a published file."""

    def test_is_replaced_after_the_whole_file_was_read(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """A file with a bad byte leaves the old list in place."""
        raw, out = tmp_path / "raw.txt", tmp_path / "out.csv"
        raw.write_text("a.example\nnot a target\n")
        assert make_list(raw, out, "testlist", Selection()).name == "testlist"
        assert out.read_text().splitlines()[1].startswith("a.example,")
        raw.write_bytes(b"b.example\n\xff\n")
        with pytest.raises(ListError, match=r"raw.txt:2: byte 1"):
            make_list(raw, out, "testlist", Selection())
        assert "a.example" in out.read_text()
        assert "raw.txt:2: 'not a target' is not a target" in capsys.readouterr().err


class TestSnapshotOf:
    """The chosen part of a register."""

    def test_exists_for_registers_only(self, tmp_path: Path) -> None:
        """A test list is not published by an authority."""
        (tmp_path / "a.txt").write_text("a.example\n")
        with pytest.raises(ListError, match="is no register but Citizen Lab test lists"):
            snapshot_of(tmp_path / "a.txt", AUTO, Selection())
