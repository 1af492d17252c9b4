"""`probe targets list`, `show` and `validate`."""

import os
from pathlib import Path

import pytest

from probe.cli import main
from probe.errors import ExitStatus
from probe.lists.lines import MAX_LINE


class TestList:
    """`probe targets list` prints the shipped services."""

    def test_prints_a_table_with_sums(self, capsys: pytest.CaptureFixture[str]) -> None:
        """It counts names, endpoints, ranges and targets."""
        assert main(["targets", "list"]) == ExitStatus.OK
        out = capsys.readouterr().out.splitlines()
        assert out[0].split() == ["service", "role", "risk", "default", "names", "endpoints", "ranges", "targets"]
        assert sum(line.startswith("telegram ") for line in out) == 1
        assert out[-1].startswith("27 services: ")

    def test_of_the_default_set_has_no_risky_service(self, capsys: pytest.CaptureFixture[str]) -> None:
        """No service that is gone is in it, either."""
        assert main(["targets", "list", "--default"]) == ExitStatus.OK
        out = capsys.readouterr().out
        assert "circumvention" not in out
        assert "gone" not in out


class TestShow:
    """`probe targets show` prints one service."""

    def test_prints_targets_and_sources(self, capsys: pytest.CaptureFixture[str]) -> None:
        """A source that was not verified is marked."""
        assert main(["targets", "show", "telegram"]) == ExitStatus.OK
        out = capsys.readouterr().out
        assert "target   tcp://149.154.167.51:443" in out
        assert "not verified" in out

    def test_of_an_unknown_name_is_bad_usage(self, capsys: pytest.CaptureFixture[str]) -> None:
        """The error is one line and the exit status 2."""
        assert main(["targets", "show", "gopher"]) == ExitStatus.USAGE
        assert capsys.readouterr().err == "probe: 'gopher' is no shipped service (see probe targets list)\n"


class TestValidate:
    """`probe targets validate` prints every error with file and line."""

    def test_the_shipped_files_are_valid(self, capsys: pytest.CaptureFixture[str]) -> None:
        """The number of files is printed."""
        assert main(["targets", "validate"]) == ExitStatus.OK
        assert capsys.readouterr().out == "29 files are right.\n"

    def test_the_shipped_folder_is_found_anew_at_each_call(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A folder that another test put in its place is not remembered: commands are imported when first used."""
        (tmp_path / "mine.txt").write_text("a.example\n")
        monkeypatch.setattr("probe.settings.paths.shipped_folder", lambda: tmp_path)
        assert main(["targets", "validate"]) == ExitStatus.OK
        assert capsys.readouterr().out == "1 files are right.\n"

    def test_every_error_of_every_file_is_named(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """Each error is one line with file and line number; the exit status is 2."""
        (tmp_path / "a.toml").write_text("name =\n")
        (tmp_path / "anchors.toml").write_text("x = 1\n")
        (tmp_path / "registers.toml").write_text("[a]\nformat = 1\n")
        (tmp_path / "mine.txt").write_text("a.example\ngopher://b\n203.0.113.1\n")
        (tmp_path / "bytes.csv").write_bytes(b"\xff\n")
        (tmp_path / "header.csv").write_text("url,notes\n")
        assert main(["targets", "validate", str(tmp_path)]) == ExitStatus.USAGE
        places = [
            line.split(": ")[1].removeprefix(str(tmp_path) + "/") for line in capsys.readouterr().err.splitlines()
        ]
        assert sorted(places) == [
            "a.toml:1",
            "anchors.toml:1",
            "bytes.csv:1",
            "header.csv",
            "mine.txt:2",
            "mine.txt:3",
            "registers.toml:1",
        ]

    @pytest.mark.parametrize(
        ("content", "said"),
        [
            (b"", ["l.csv: has no target (write one target a line)"]),
            (b"# only\n# comments\n", ["l.csv: has no target (write one target a line)"]),
            (b"a.example\n\0\0\nb\0.example\n", ["l.csv:2: '\\x00\\x00'", "l.csv:3: 'b\\x00.example'"]),
            (b"a" * (2 * MAX_LINE) + b"\nx y\n", ["l.csv:1: longer than 1048576 bytes", "l.csv:2: 'x y'"]),
            (b"\xff\n\xfe\n", ["l.csv:1: not UTF-8", "l.csv:2: not UTF-8"]),
            ("url\na.example\n".encode("utf-16"), ["l.csv:1: not UTF-8", "l.csv:2: ", "l.csv:3: "]),
        ],
        ids=["empty", "comments", "NUL", "long line", "not UTF-8", "UTF-16"],
    )
    def test_each_bad_line_of_an_odd_file_is_one_line(
        self, content: bytes, said: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """Reading goes on after it."""
        (tmp_path / "l.csv").write_bytes(content)
        assert main(["targets", "validate", str(tmp_path / "l.csv")]) == ExitStatus.USAGE
        lines = capsys.readouterr().err.replace(f"{tmp_path}/", "").splitlines()
        assert len(lines) == len(said)
        assert all(line.startswith(f"probe: {start}") for line, start in zip(lines, said, strict=True))

    def test_a_device_without_content_has_no_target(self, capsys: pytest.CaptureFixture[str]) -> None:
        """Such as the null device."""
        assert main(["targets", "validate", os.devnull]) == ExitStatus.USAGE
        assert capsys.readouterr().err == f"probe: {os.devnull}: has no target (write one target a line)\n"

    @pytest.mark.skipif(not hasattr(os, "geteuid"), reason="files have no such permissions here")
    def test_a_file_that_may_not_be_read_is_named(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """The reason is the system's. Root may read every file, so it steps down for the command."""
        (tmp_path / "l.csv").write_text("a.example\n")
        (tmp_path / "l.csv").chmod(0)
        user = os.geteuid()
        if user == 0:
            os.seteuid(65534)
        try:
            assert main(["targets", "validate", str(tmp_path / "l.csv")]) == ExitStatus.USAGE
        finally:
            os.seteuid(user)
        (line,) = capsys.readouterr().err.splitlines()
        assert "l.csv: " in line
        assert "Permission denied" in line

    def test_a_missing_file_is_named(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """The exit status is 2."""
        assert main(["targets", "validate", str(tmp_path / "none.toml")]) == ExitStatus.USAGE
        assert "none.toml: cannot be read: No such file" in capsys.readouterr().err

    def test_an_empty_folder_is_bad_usage(self, tmp_path: Path) -> None:
        """Nothing was checked, so it cannot be reported as valid."""
        assert main(["targets", "validate", str(tmp_path)]) == ExitStatus.USAGE
