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

    @pytest.mark.parametrize(
        ("format_name", "content"),
        [
            ("auto", ""),
            ("auto", "\n\n"),
            ("auto", "# only\n# comments\n"),
            ("auto", "url,notes\n"),
            ("auto", "[]"),
            ("auto", "Updated: 2017-05-05 09:00:00 +0000\n"),
            ("auto", "2.3|apnic|20260618|0||20260617|+1000\n"),
            ("auto", "<?xml version='1.0'?><reg:register xmlns:reg='x'></reg:register>"),
            ("auto", '{"asn":64500,"subnets":{"ipv4":[]}}'),
            *((name, "\n") for name in ("bgptools", "ip2asn", "pfx2as", "prefix-list", "imported", "antifilter")),
        ],
    )
    def test_a_file_without_a_row_leaves_the_list_as_it_was(
        self, format_name: str, content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """Such a file is a failed download, or another file."""
        out, raw = tmp_path / "l.csv", tmp_path / "raw"
        out.write_text("old")
        raw.write_text(content)
        assert main(["targets", "import", format_name, str(raw), "-o", str(out), "--delete"]) == ExitStatus.USAGE
        said = capsys.readouterr()
        assert said.err.startswith(f"probe: {raw}: has no row of the format ")
        assert (said.out, said.err.count("\n")) == ("", 1)
        assert (out.read_text(), sorted(path.name for path in tmp_path.iterdir())) == ("old", ["l.csv", "raw"])

    def test_a_file_of_which_nothing_is_chosen_leaves_the_list_as_it_was(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """The reasons are counted: the AS may be mistyped."""
        out, raw = tmp_path / "l.csv", tmp_path / "t.txt"
        out.write_text("old")
        raw.write_text("192.0.2.0\t24\t64500\n198.51.100.0\t24\t64501\n")
        assert main(["targets", "import", "pfx2as", str(raw), "-o", str(out), "--asn", "7"]) == ExitStatus.USAGE
        assert f"{raw}: gives no target (2 AS not chosen)" in capsys.readouterr().err
        assert out.read_text() == "old"

    @pytest.mark.parametrize(
        ("format_name", "whole", "cut"),
        [
            ("zi-csv", "192.0.2.1;wechat.com;;x;1;2017-05-04\n", 9),
            ("bgptools", '{"CIDR":"192.0.2.0/24","ASN":64500,"Hits":1}\n', 5),
            ("pfx2as", "192.0.2.0\t24\t64500\n", 7),
            ("ip2asn", "192.0.2.0\t192.0.2.255\t64500\tXX\tA\n", 12),
            ("prefix-list", "192.0.2.0/24\n", 4),
        ],
    )
    def test_a_table_that_ends_within_a_row_leaves_the_list_as_it_was(
        self, format_name: str, whole: str, cut: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """Plain and compressed alike. With the whole last row the file is read."""
        out, raw = tmp_path / "l.csv", tmp_path / "t"
        words = ["targets", "import", format_name, str(raw), "-o", str(out)]
        for pack in (bytes, gzip.compress):
            out.write_text("old")
            raw.write_bytes(pack((whole + whole[:-cut]).encode()))
            assert main(words) == ExitStatus.USAGE
            assert f"{raw}:2: ends within a line (the download may have been cut short" in capsys.readouterr().err
            assert out.read_text() == "old"
            raw.write_bytes(pack((whole + whole).encode()))
            assert main(words) == ExitStatus.OK
            assert "no end" not in capsys.readouterr().err

    def test_a_table_whose_last_row_may_be_cut_is_reported(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """AS 645 may be the beginning of AS 64500."""
        out, raw = tmp_path / "l.csv", tmp_path / "t"
        raw.write_text("192.0.2.0\t24\t64500\n198.51.100.0\t24\t645")
        assert main(["targets", "import", "pfx2as", str(raw), "-o", str(out)]) == ExitStatus.OK
        assert f"{raw}: its last line has no end" in capsys.readouterr().err

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
        assert capsys.readouterr().err.startswith(f"probe: {files[1]}:5: ends within a line")
        assert main(["targets", "diff", *files, "--any-size"]) == ExitStatus.OK

    @pytest.mark.parametrize("cut", [0, 1])
    def test_a_cut_inside_a_compressed_snapshot_is_refused(
        self, cut: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """Also of the older one, whose missing row would count as listed, and where the cut row is a row itself."""
        rows = OLD + OLD.splitlines()[1] + "\n"
        files = [tmp_path / "old.csv", tmp_path / "new.csv"]
        for file in files:
            file.write_bytes(gzip.compress(rows.encode("cp1251")))
        files[cut].write_bytes(gzip.compress(rows.encode("cp1251")[:-1]))
        words = ["targets", "diff", *map(str, files)]
        assert main(words) == ExitStatus.USAGE
        assert f"{files[cut]}: ends within a line, and the other snapshot does not" in capsys.readouterr().err
        assert main([*words, "--any-size"]) == ExitStatus.OK

    def test_a_snapshot_without_an_entry_is_refused(self, files: list[str], capsys: pytest.CaptureFixture[str]) -> None:
        """Whatever its size may be: a register is never empty."""
        (head := Path(files[0]).with_name("head.csv")).write_text(OLD.splitlines()[0] + "\n")
        for pair in ([str(head), str(head)], [files[0], str(head)], [str(head), files[1]]):
            assert main(["targets", "diff", *pair, "--any-size"]) == ExitStatus.USAGE
            assert f"{head}: has no row of the format zi-csv" in capsys.readouterr().err

    def test_a_missing_file_is_named(self, files: list[str], capsys: pytest.CaptureFixture[str]) -> None:
        """It is not taken for one that was cut."""
        assert main(["targets", "diff", files[0], f"{files[1]}.gone"]) == ExitStatus.USAGE
        assert f"{files[1]}.gone: cannot be read: No such file" in capsys.readouterr().err

    def test_xml_needs_no_line_end(self, tmp_path: Path) -> None:
        """Its closing tag shows that it is whole."""
        entry = "<content id='1' entryType='4'><domain>a.example</domain></content>"
        text = f"<reg:register xmlns:reg='x'>{entry}</reg:register>"
        for name, end in (("a.xml", "\n"), ("b.xml", "")):
            (tmp_path / name).write_text(text + end)
        assert main(["targets", "diff", str(tmp_path / "a.xml"), str(tmp_path / "b.xml")]) == ExitStatus.OK

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
