"""The targets that a command is given: arguments, and rows of lists."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from probe.cli.given_targets import gather_targets
from probe.errors import ExitStatus, ListError, TargetError, UsageError


def test_targets_come_from_arguments_and_lists_in_order_repetitions_included(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("url,category_code\nhttps://a.example/,NEWS\nb.example,NEWS\n")
    (tmp_path / "b.txt").write_text("# ours\n\ntcp://192.0.2.1:443\na.example # twice\n")

    found = gather_targets(["a.example"], [str(tmp_path / "a.csv"), str(tmp_path / "b.txt")])

    assert [text for text, _ in found.targets] == [
        "a.example",
        "https://a.example/",
        "b.example",
        "tcp://192.0.2.1:443",
        "a.example",
    ]


def test_a_dash_is_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"a.example\n")))

    assert [text for text, _ in gather_targets([], ["-"]).targets] == ["a.example"]


def test_every_bad_row_is_named_counted_and_skipped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.txt"
    path.write_text("a.example\nftp://b.example\nc.example\nd d\n")

    found = gather_targets(["e.example"], [str(path)])

    assert ([text for text, _ in found.targets], found.bad_rows) == (["e.example", "a.example", "c.example"], 2)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith(f"probe: {path}:2: 'ftp://b.example' has the unknown scheme 'ftp'; write a URL")
    assert lines[1].startswith(f"probe: {path}:4: ")


@pytest.mark.parametrize("word", ["x y", "1.2.3.4-1.2.3.9", "gopher://a.example"])
def test_an_argument_that_is_no_target_is_an_error(word: str) -> None:
    """Somebody has just typed it."""
    with pytest.raises(TargetError, match=r"write a URL, host"):
        gather_targets([word, "e.example"], [])


def test_of_a_thousand_bad_lines_the_first_are_named_and_the_rest_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.txt"
    path.write_text("x y\n" * 1000 + "a.example\n")

    assert gather_targets([], [str(path)]).bad_rows == 1000
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 51
    assert lines[-1] == "probe: and 950 more bad lines"


def test_nul_bytes_and_endless_lines_are_bad_rows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"a.example\n\0\0\n" + b"a" * 3_000_000 + b"\nb.example\n")

    found = gather_targets([], [str(path)])

    assert ([text for text, _ in found.targets], found.bad_rows) == (["a.example", "b.example"], 2)
    assert f"{path}:3: longer than 1048576 bytes" in capsys.readouterr().err


@pytest.mark.parametrize("content", [None, b"", b"# nothing\n"])
def test_a_command_without_targets_is_bad_usage(content: bytes | None, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(content or b"")

    with pytest.raises(UsageError, match="no targets") as caught:
        gather_targets([], [] if content is None else [str(tmp_path / "a.txt")])

    assert caught.value.status == ExitStatus.USAGE
    assert ("a.txt: no targets" in str(caught.value)) == (content is not None)


def test_a_list_that_cannot_be_read_is_an_error_of_one_line(tmp_path: Path) -> None:
    with pytest.raises(ListError, match=r"none\.csv: cannot be read: No such file or directory \(name another list\)"):
        gather_targets([], [str(tmp_path / "none.csv")])
    with pytest.raises(ListError, match="cannot be read: Is a directory"):
        gather_targets([], [str(tmp_path)])
