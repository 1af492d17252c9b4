"""`probe targets import` and `diff`; `fetch` is tested with a real server in tests/loopback."""

import gzip
import io
import json
import sys
from pathlib import Path

import pytest

from probe.cli import main
from probe.errors import ExitStatus

OLD = "Updated: 2017-05-03 17:00:00 +0000\n192.0.2.9;zello.com;;Роскомнадзор;4-Restricting;2017-04-12\n"
NEW = (
    "Updated: 2017-05-05 09:00:00 +0000\n"
    "192.0.2.9;zello.com;;Роскомнадзор;4-Restricting;2017-04-12\n"
    "192.0.2.1;wechat.com;;Роскомнадзор;10-X;2017-05-04\n"
    "192.0.2.2;;;Роскомнадзор;11-Restricting;2017-05-04\n"
    "192.0.2.3;secret.example;http://secret.example/path;суд;1-1/2017;2017-05-04\n"
)


@pytest.fixture
def register(tmp_path: Path) -> Path:
    """A register on disk."""
    path = tmp_path / "dump.csv"
    path.write_bytes(NEW.encode("cp1251"))
    return path


class TestImport:
    """`probe targets import` makes a list from a register."""

    def test_keeps_names_of_known_services_and_chosen_types(
        self, register: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """The other rows are counted by reason."""
        out = tmp_path / "list.csv"
        assert main(["targets", "import", "zi-csv", str(register), "-o", str(out)]) == ExitStatus.OK
        assert [line.partition(",")[0] for line in out.read_text().splitlines()] == ["url", "zello.com", "wechat.com"]
        said = capsys.readouterr()
        assert "4 rows in, 2 targets out of 2 of them; " in said.out
        assert "1 set aside: addresses only" in said.out
        assert "still holds the whole register" in said.err

    def test_never_prints_or_keeps_rows_that_were_not_chosen(
        self, register: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """Neither a name nor a path of them appears in any file or in the output."""
        out = tmp_path / "list.csv"
        main(["targets", "import", "auto", str(register), "-o", str(out)])
        said = capsys.readouterr()
        assert "secret" not in out.read_text() + said.out + said.err
        main(["targets", "import", "auto", str(register), "-o", str(out), "--decision", "1-1/2017"])
        assert "secret.example," in out.read_text()
        assert "path" not in out.read_text()

    def test_deletes_the_raw_file_with_the_option_delete(self, register: Path, tmp_path: Path) -> None:
        """The file is deleted after all of it was read."""
        assert main(["targets", "import", "auto", str(register), "-o", str(tmp_path / "l.csv"), "--delete"]) == 0
        assert not register.exists()

    def test_a_broken_file_leaves_the_list_as_it_was(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """The raw file stays, too."""
        out, raw = tmp_path / "l.csv", tmp_path / "dump.xml"
        out.write_text("old")
        raw.write_text("<reg:register xmlns:reg='x'><content id='1'>")
        assert main(["targets", "import", "auto", str(raw), "-o", str(out), "--delete"]) == ExitStatus.USAGE
        assert "dump.xml:1: not a whole XML file" in capsys.readouterr().err
        assert (out.read_text(), raw.exists()) == ("old", True)
        assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []

    def test_a_file_of_another_format_leaves_the_list_as_it_was(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """No row has the format. The rows are not printed, either, when the format was only guessed."""
        out, raw = tmp_path / "l.csv", tmp_path / "x.txt"
        out.write_text("old")
        raw.write_text("http//secret/a,b\n")
        assert main(["targets", "import", "auto", str(raw), "-o", str(out)]) == ExitStatus.USAGE
        said = capsys.readouterr().err
        assert "none of its 1 rows is of the format testlist" in said
        assert "secret" not in said
        assert out.read_text() == "old"

    def test_reads_gzip_and_standard_input(
        self, register: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A compressed download can be piped in."""
        out = tmp_path / "l.csv"
        piped = io.TextIOWrapper(io.BytesIO(gzip.compress(register.read_bytes())))
        monkeypatch.setattr(sys, "stdin", piped)
        assert main(["targets", "import", "auto", "-", "-o", str(out)]) == ExitStatus.OK
        assert "wechat.com" in out.read_text()

    def test_keeps_prefixes_of_one_as(self, tmp_path: Path) -> None:
        """`--asn` selects from a table of many ASes."""
        raw, out = tmp_path / "t.txt", tmp_path / "l.csv"
        raw.write_text("192.0.2.0\t24\t64500\n198.51.100.0\t24\t64501\n")
        assert main(["targets", "import", "pfx2as", str(raw), "-o", str(out), "--asn", "64501"]) == ExitStatus.OK
        assert out.read_text().splitlines()[1] == "198.51.100.0/24,,,,pfx2as,AS64501,"

    @pytest.mark.parametrize(
        ("words", "message"),
        [
            (["nonsense", "FILE", "-o", "l.csv"], "'nonsense' is no format"),
            (["auto", "FILE", "-o", "FILE"], "the list would replace the file it is made of"),
            (["auto", "FILE", "-o", "l.csv", "--category", "NEWS"], "'NEWS' is no sensitive category"),
            (["auto", "FILE", "-o", "l.csv", "--decision", " "], "an empty --decision would choose all"),
            (["auto", "missing.csv", "-o", "l.csv"], "cannot be read"),
            (["auto", "FILE"], "Missing option '-o'"),
        ],
    )
    def test_bad_usage_is_one_line(
        self,
        register: Path,
        words: list[str],
        message: str,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """The exit status is 2 and nothing is written."""
        monkeypatch.chdir(register.parent)
        given = [str(register) if word == "FILE" else word for word in words]
        assert main(["targets", "import", *given]) == ExitStatus.USAGE
        said = capsys.readouterr().err
        assert message in said
        assert said.count("\n") == 1
        assert not Path("l.csv").exists()


class TestDiff:
    """`probe targets diff` compares two snapshots."""

    @pytest.fixture
    def files(self, tmp_path: Path) -> list[str]:
        """A gzip file with a table of prefixes, and a list file."""
        for name, text in (("old.csv", OLD), ("new.csv", NEW)):
            (tmp_path / name).write_bytes(text.encode("cp1251"))
        return [str(tmp_path / "old.csv"), str(tmp_path / "new.csv")]

    def test_prints_changes_of_known_services_and_counts_the_rest(
        self, files: list[str], capsys: pytest.CaptureFixture[str]
    ) -> None:
        """The other decision's address is of no known service."""
        assert main(["targets", "diff", *files]) == ExitStatus.OK
        out = capsys.readouterr().out.splitlines()
        assert out[0].split() == ["2017-05-05", "09:00", "listed", "wechat", "wechat.com", "10-X"]
        assert out[1:] == ["2 changes, 1 of them of no known service."]

    def test_a_snapshot_that_ends_within_a_line_is_refused(
        self, files: list[str], capsys: pytest.CaptureFixture[str]
    ) -> None:
        """The older one does not; the operator can accept it."""
        for file in files:
            Path(file).write_bytes(Path(file).read_bytes().rstrip(b"\n") + b"\n")
        Path(files[1]).write_bytes(Path(files[1]).read_bytes()[:-9])
        assert main(["targets", "diff", *files]) == ExitStatus.USAGE
        assert capsys.readouterr().err.startswith(f"probe: {files[1]}: ends within a line")
        assert main(["targets", "diff", *files, "--any-size"]) == ExitStatus.OK

    def test_as_json_prints_every_chosen_change(
        self, files: list[str], capfdbinary: pytest.CaptureFixture[bytes]
    ) -> None:
        """Each line is one change, with times in UTC."""
        assert main(["targets", "diff", *reversed(files), "--json", "--any-size"]) == ExitStatus.USAGE
        assert main(["targets", "diff", *files, "--json"]) == ExitStatus.OK
        sys.stdout.flush()
        changes = [json.loads(line) for line in capfdbinary.readouterr().out.splitlines()]
        assert [(change["kind"], change["subject"], change["before"]) for change in changes] == [
            ("listed", "192.0.2.2", "2017-05-05T09:00:00Z"),
            ("listed", "wechat.com", "2017-05-05T09:00:00Z"),
        ]

    def test_of_a_list_that_is_no_register_is_bad_usage(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """A test list has no decisions to compare."""
        (tmp_path / "l.txt").write_text("a.example\n")
        assert main(["targets", "diff", str(tmp_path / "l.txt"), str(tmp_path / "l.txt")]) == ExitStatus.USAGE
        assert "is no register" in capsys.readouterr().err
