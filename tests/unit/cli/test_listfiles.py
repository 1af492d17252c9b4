"""Other people's lists on disk."""

import gzip
import io
import sys
from pathlib import Path

import pytest

from probe.cli.listfiles import AUTO, make_list, opened, snapshot_of
from probe.errors import ListError
from probe.lists.lines import ListEntry
from probe.lists.selection import Selection


class TestOpened:
    """The format of a file and what its reader yields."""

    def test_is_known_by_its_first_bytes(self, tmp_path: Path) -> None:
        """Packed or not."""
        for name, content in (("a.txt", b"a.example\n"), ("b.gz", gzip.compress(b"a.example\n"))):
            (tmp_path / name).write_bytes(content)
            with opened(tmp_path / name, AUTO) as (known, items):
                assert known.name == "testlist"
                assert [item.target for item in items if isinstance(item, ListEntry)] == ["a.example"]

    def test_is_read_from_standard_input(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A dash, as everywhere."""
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"a.example\n")))
        with opened(Path("-"), AUTO) as (_, items):
            assert len(list(items)) == 1

    def test_unpacks_no_more_than_it_may(self, tmp_path: Path) -> None:
        """A small file may hold a large one."""
        (tmp_path / "b.gz").write_bytes(gzip.compress(b"a.example\n" * 10_000))

        def work() -> None:
            with opened(tmp_path / "b.gz", AUTO, max_bytes=5000) as (_, items):
                list(items)

        with pytest.raises(ListError, match="larger than 5000 bytes"):
            work()

    def test_says_when_a_file_is_not_there(self, tmp_path: Path) -> None:
        """With its name."""

        def work() -> None:
            with opened(tmp_path / "none", AUTO):
                pass

        with pytest.raises(ListError, match="none: cannot be read"):
            work()


class TestMakeList:
    """A list of ours."""

    def test_is_replaced_when_all_of_the_file_was_read(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """And not before."""
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

    def test_is_of_registers_alone(self, tmp_path: Path) -> None:
        """A test list was never published by an authority."""
        (tmp_path / "a.txt").write_text("a.example\n")
        with pytest.raises(ListError, match="is no register but Citizen Lab test lists"):
            snapshot_of(tmp_path / "a.txt", AUTO, Selection())
