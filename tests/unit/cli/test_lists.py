"""Targets from arguments, files and standard input."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from probe.cli.lists import gather
from probe.errors import ExitStatus, ListError, UsageError


def test_targets_come_from_arguments_and_lists_in_order_repetitions_included(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("url,category_code\nhttps://a.example/,NEWS\nb.example,NEWS\n")
    (tmp_path / "b.txt").write_text("# ours\n\ntcp://192.0.2.1:443\na.example # twice\n")

    found = gather(["a.example"], [str(tmp_path / "a.csv"), str(tmp_path / "b.txt")])

    assert found is not None
    assert [text for text, _ in found] == [
        "a.example",
        "https://a.example/",
        "b.example",
        "tcp://192.0.2.1:443",
        "a.example",
    ]


def test_a_dash_is_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"a.example\n")))

    assert [text for text, _ in gather([], ["-"]) or []] == ["a.example"]


def test_every_bad_line_is_named_and_none_of_the_good_ones_is_given(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.txt"
    path.write_text("a.example\nftp://b.example\nc.example\nd d\n")

    assert gather(["x y", "e.example"], [str(path)]) is None

    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("probe: 'x y' is not a target (write a URL, host")
    assert lines[1].startswith(f"probe: {path}:2: 'ftp://b.example' has the unknown scheme 'ftp'; write a URL")
    assert lines[2].startswith(f"probe: {path}:4: ")


def test_of_a_thousand_bad_lines_the_first_are_named_and_the_rest_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.txt"
    path.write_text("x y\n" * 1000)

    assert gather([], [str(path)]) is None
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 51
    assert lines[-1] == "probe: and 950 more bad lines"


@pytest.mark.parametrize("content", [None, b"", b"# nothing\n"])
def test_no_targets_at_all_are_bad_usage(content: bytes | None, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(content or b"")

    with pytest.raises(UsageError, match="no targets") as caught:
        gather([], [] if content is None else [str(tmp_path / "a.txt")])

    assert caught.value.status == ExitStatus.USAGE


def test_a_list_that_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ListError, match=r"none\.csv: cannot be read: No such file or directory \(name another list\)"):
        gather([], [str(tmp_path / "none.csv")])
    with pytest.raises(ListError, match="cannot be read: Is a directory"):
        gather([], [str(tmp_path)])
