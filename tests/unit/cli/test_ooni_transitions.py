"""`probe ooni transitions` prints what was blocked and unblocked in each network."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from probe.cli import main
from probe.errors import ExitStatus
from tests.unit.formats.ooni.measurements import ADDRESS, doh, keys, line_of, measurement, query

BAD = keys(queries=[query("127.0.0.1"), doh(ADDRESS)], tcp_connect=[], tls_handshakes=[], requests=[])


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    """Two days that are served and two that are not, in two files, the hours out of order."""
    lines = []
    for hour in range(96):
        time = datetime(2024, 2, 1) + timedelta(hours=hour)  # noqa: DTZ001 - as OONI writes it
        uid = f"{time:%Y%m%d%H%M%S}.000000_IT_webconnectivity_{hour:016}"
        start = f"{time:%Y-%m-%d %H:%M:%S}"
        record = measurement(measurement_start_time=start, measurement_uid=uid, test_keys=BAD if hour >= 48 else keys())
        lines.append(line_of(record))
    for name, part in (("a.jsonl", lines[1::2]), ("b.jsonl", lines[::2])):
        (tmp_path / name).write_bytes(b"\n".join(reversed(part)))
    return [str(tmp_path / "a.jsonl"), str(tmp_path / "b.jsonl")]


def test_the_order_of_time_is_restored(files: list[str], capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """Whatever the order in the files."""
    assert main(["ooni", "transitions", *files]) == ExitStatus.OK
    found = [json.loads(line) for line in capfdbinary.readouterr().out.splitlines()]

    (one,) = found
    assert (one["from"], one["to"], one["country"], one["asn"]) == ("reachable", "blocked", "IT", 137)
    assert found[0]["onset"].startswith("2024-02-02T23") or found[0]["onset"].startswith("2024-02-03T00")


def test_a_second_run_reads_no_file_again(
    files: list[str], tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    """What was read is kept; a table is for people."""
    state = str(tmp_path / "state")
    main(["ooni", "transitions", "--state", state, *files])
    first = capfdbinary.readouterr().out
    before = {path: path.stat().st_mtime_ns for path in Path(state).iterdir()}
    main(["ooni", "transitions", "--state", state, *files])

    assert capfdbinary.readouterr().out == first
    assert {path: path.stat().st_mtime_ns for path in Path(state).iterdir()} == before
    main(["ooni", "transitions", "--state", state, "--table", *files])
    assert b"IT\tAS137\treachable\tblocked\t2024-02-0" in capfdbinary.readouterr().out


def test_what_is_set_aside_is_counted(files: list[str], capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """With status 1."""
    with Path(files[0]).open("ab") as stream:
        stream.write(b"\n{]\n")

    assert main(["ooni", "transitions", *files]) == ExitStatus.NOT_ALL_WELL
    assert b"1 not JSON" in capfdbinary.readouterr().err
