"""Files of the archive, whatever they are packed with, give their measurements one at a time."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from pathlib import Path

import pytest

from probe.errors import RecordError
from probe.formats.ooni.measurement_header import MAX_LINE_BYTES
from probe.ooni.archive import rows_of

LINES = [b'{"n": 1}\n', b"\n", b'{"n": 2}\n', b'{"n": 3}']
TEXT = b"".join(LINES)


def numbers(path: Path) -> list[int]:
    """The numbers in the measurements of a file."""
    return [json.loads(row.line)["n"] for row in rows_of(str(path)) if row.fault is None]


def packed(kind: str) -> bytes:
    """The same lines, packed."""
    match kind:
        case "gzip":
            return gzip.compress(LINES[0]) + gzip.compress(b"".join(LINES[1:]))
        case "zstd":
            zstandard = pytest.importorskip("zstandard")
            return b"".join(zstandard.ZstdCompressor().compress(part) for part in (TEXT[:12], TEXT[12:]))
        case "lz4":
            frame = pytest.importorskip("lz4.frame")
            return bytes(frame.compress(TEXT))
        case "tar.lz4":
            frame = pytest.importorskip("lz4.frame")
            return bytes(frame.compress(tar(TEXT)))
        case _:
            return TEXT


def tar(text: bytes) -> bytes:
    """A can with a folder and two reports."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        folder = tarfile.TarInfo("reports")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
        for name, part in (("reports/a.json", text[:9]), ("reports/b.json", text[9:])):
            info = tarfile.TarInfo(name)
            info.size = len(part)
            archive.addfile(info, io.BytesIO(part))
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["plain", "gzip", "zstd", "lz4", "tar.lz4"])
def test_every_packing_gives_the_same_measurements(kind: str, tmp_path: Path) -> None:
    """What a file is shows its beginning, not its name."""
    path = tmp_path / "day"
    path.write_bytes(packed(kind))

    assert numbers(path) == [1, 2, 3]


@pytest.mark.parametrize("kind", ["gzip", "zstd", "lz4", "tar.lz4"])
def test_a_torn_file_gives_what_came_before(kind: str, tmp_path: Path) -> None:
    """The break is one row with a reason; nothing is raised, wherever it is."""
    whole = packed(kind)
    path = tmp_path / "day"
    for end in range(5, len(whole), max(1, len(whole) // 40)):
        path.write_bytes(whole[:end])
        rows = list(rows_of(str(path)))
        assert [row.number for row in rows if row.fault is None] == sorted(
            row.number for row in rows if row.fault is None
        )
    path.write_bytes(whole[: len(whole) // 2])
    assert any(row.fault is not None for row in rows_of(str(path)))


def test_a_broken_middle_is_named(tmp_path: Path) -> None:
    """Octets that are not the packing's end the file, not the program."""
    path = tmp_path / "day.gz"
    path.write_bytes(gzip.compress(TEXT) + b"\x1f\x8b garbage of some length")

    assert [row.fault.reason for row in rows_of(str(path)) if row.fault is not None] == ["the file is torn"]


def test_a_line_that_is_too_long_is_skipped(tmp_path: Path) -> None:
    """Fifty megabytes in one line are read past in bounded memory."""
    path = tmp_path / "day.gz"
    with gzip.open(path, "wb", compresslevel=1) as stream:
        stream.write(LINES[0])
        for _ in range(50):
            stream.write(b"x" * (1 << 20))
        stream.write(b"\n" + LINES[2])
    rows = list(rows_of(str(path)))

    assert [row.fault.reason if row.fault else row.number for row in rows] == [1, "a line is too long", 3]
    assert max(len(row.line) for row in rows) < MAX_LINE_BYTES


def test_one_measurement_in_many_lines_is_read(tmp_path: Path) -> None:
    """As people save one from the explorer; or a list of them."""
    path = tmp_path / "one.json"
    path.write_text(json.dumps({"n": 7}, indent=2))
    assert numbers(path) == [7]
    path.write_text(json.dumps([{"n": 8}, {"n": 9}], indent=2))
    assert numbers(path) == [8, 9]


def test_a_mark_of_windows_editors_is_left_out(tmp_path: Path) -> None:
    """Before the first line."""
    path = tmp_path / "day"
    path.write_bytes(b"\xef\xbb\xbf" + TEXT)

    assert numbers(path) == [1, 2, 3]


def test_a_file_that_is_not_there_is_named() -> None:
    """In one line, before anything is read."""
    with pytest.raises(RecordError, match="cannot be read"):
        list(rows_of("/nowhere/at/all"))
