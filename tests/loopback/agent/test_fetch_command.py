"""`probe targets fetch` against a real server, from the command line to the list on disk."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from probe.cli import main, registers
from probe.errors import ExitStatus

REGISTER = "192.0.2.1;wechat.com;;Роскомнадзор;10-X;2017-05-04\n192.0.2.2;secret.example;;суд;1;2017-05-04\n"


class Handler(BaseHTTPRequestHandler):
    """Serves the register with an entity tag."""

    body = REGISTER.encode("cp1251")
    asked = 0

    def do_GET(self) -> None:
        """Answer with the register, or with status 304."""
        type(self).asked += 1
        unchanged = self.headers.get("If-None-Match") == '"1"'
        self.send_response(304 if unchanged else 200)
        self.send_header("ETag", '"1"')
        self.send_header("Content-Length", "0" if unchanged else str(len(self.body)))
        self.end_headers()
        if not unchanged:
            self.wfile.write(self.body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Say nothing."""


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of shipped targets whose only register is served on loopback."""
    Handler.asked, Handler.body = 0, REGISTER.encode("cp1251")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    (tmp_path / "registers.toml").write_text(
        f'[mine]\ntitle = "M"\nformat = "zi-csv"\nurls = ["http://127.0.0.1:{server.server_port}/dump.csv"]\n'
        'max_bytes = 10000\ntimeout = 60\nevery = 3600\nterms = "x"\nchecked = 2026-01-02\n'
    )
    (tmp_path / "services").symlink_to(Path(__file__).parents[3] / "targets" / "services")
    monkeypatch.setattr(registers.paths, "shipped_folder", lambda: tmp_path)
    yield tmp_path / "lists"
    server.shutdown()
    thread.join()
    server.server_close()


def run(shelf: Path, *words: str) -> int:
    """The command."""
    return main(["targets", "fetch", "mine", "--into", str(shelf), *words])


def test_keeps_the_chosen_rows_and_nothing_else(shelf: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The raw register is deleted, and no other row is printed."""
    assert run(shelf) == ExitStatus.OK
    assert sorted(path.name for path in shelf.iterdir()) == ["mine.csv", "mine.json"]
    assert "wechat.com" in (shelf / "mine.csv").read_text()
    said = capsys.readouterr()
    assert "secret" not in (shelf / "mine.csv").read_text() + said.out + said.err
    assert "2 rows in, 1 targets out" in said.out


def test_downloads_no_more_often_than_the_register_allows(shelf: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With `--again` a conditional request is sent."""
    run(shelf)
    assert run(shelf) == ExitStatus.OK
    assert Handler.asked == 1
    assert run(shelf, "--again") == ExitStatus.OK
    assert Handler.asked == 2
    assert capsys.readouterr().out.endswith("mine: has not changed.\n")


def test_a_broken_download_leaves_the_last_good_copy(
    shelf: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No row of the download has the format."""
    run(shelf)
    good = (shelf / "mine.csv").read_bytes()
    (shelf / "mine.json").write_text((shelf / "mine.json").read_text().replace('\\"1\\"', "0"))
    monkeypatch.setattr(Handler, "body", b"<html>sorry</html>\n")
    assert run(shelf, "--again") == ExitStatus.USAGE
    assert "none of its 1 rows is of the format zi-csv" in capsys.readouterr().err
    assert (shelf / "mine.csv").read_bytes() == good
    assert sorted(path.name for path in shelf.iterdir()) == ["mine.csv", "mine.json"]


@pytest.mark.parametrize("body", [b"", b"\n", b"Updated: 2017-05-05 09:00:00 +0000\n", REGISTER.encode("cp1251")[:-6]])
def test_an_empty_or_cut_download_leaves_the_last_good_copy(
    body: bytes, shelf: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error is one line, and the next run downloads again."""
    run(shelf)
    kept = {path.name: path.read_bytes() for path in shelf.iterdir()}
    capsys.readouterr()
    monkeypatch.setattr(Handler, "body", body)
    for _ in range(2):
        (shelf / "mine.json").write_bytes(kept["mine.json"].replace(b'\\"1\\"', b"0"))
        assert run(shelf, "--again") == ExitStatus.USAGE
        said = capsys.readouterr()
        assert (said.out, said.err.count("\n")) == ("", 1)
        assert "fetch it again" in said.err
    assert (shelf / "mine.csv").read_bytes() == kept["mine.csv"]
    assert sorted(path.name for path in shelf.iterdir()) == ["mine.csv", "mine.json"]


def test_an_unknown_name_is_bad_usage(shelf: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The error lists the known names."""
    assert main(["targets", "fetch", "yours"]) == ExitStatus.USAGE
    assert capsys.readouterr().err == "probe: 'yours' is no known register (known are mine)\n"
