"""`probe replay` as other programs use it: exit status, streams, pipes (contract: `probe replay`)."""

from __future__ import annotations

import codecs
import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

START = datetime(2017, 5, 1, tzinfo=UTC)
KEYS = ["target", "from", "to", "time", "onset", "causes", "evidence"]


def probe(*words: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run the program."""
    return subprocess.run(
        [sys.executable, "-m", "probe", *words], input=given, capture_output=True, check=False, timeout=60
    )


def verdict(seconds: float, target: str = "https://a.example/", cause: str = "", **more: Any) -> bytes:
    """A line; blocked when there is a cause."""
    record = {
        "time": (START + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z"),
        "target": target,
        "status": "blocked" if cause else "reachable",
        "causes": [cause] if cause else [],
    }
    return json.dumps(record | more).encode() + b"\n"


@pytest.fixture(scope="module")
def series() -> list[bytes]:
    """Five targets for a day; one of them blocked from noon for six hours."""
    lines = []
    for number in range(288):
        for n in range(5):
            cause = "dns.injected" if n == 0 and 144 <= number < 216 else ""
            lines.append(verdict(300 * number + n, f"https://t{n}.example/", cause))
    return lines


def test_transitions_are_printed_as_json_lines(series: list[bytes]) -> None:
    """The lines have exactly the keys of the contract, with moments in UTC."""
    done = probe("replay", "-", given=b"".join(series))
    block, end = (json.loads(line) for line in done.stdout.splitlines())

    assert done.returncode == 0
    assert done.stderr == b""
    assert list(block) == list(end) == KEYS
    assert (block["target"], block["from"], block["to"]) == ("https://t0.example/", "reachable", "blocked")
    assert (end["from"], end["to"], end["causes"]) == ("blocked", "reachable", [])
    assert block["causes"] == ["dns.injected"]
    assert block["onset"].startswith("2017-05-01T11:57:30")
    assert block["time"].endswith("Z")


def test_a_file_is_read_like_standard_input(series: list[bytes], tmp_path: Path) -> None:
    """Both give the same output."""
    (tmp_path / "s.jsonl").write_bytes(b"".join(series))

    assert probe("replay", str(tmp_path / "s.jsonl")).stdout == probe("replay", "-", given=b"".join(series)).stdout


def test_bad_lines_are_named_and_skipped_and_make_the_status_1(series: list[bytes]) -> None:
    """A line longer than any verdict is a bad line, too."""
    spoiled = [*series[:2], b"no json\n", b'{"time":"' + b"x" * 5_000_000 + b'"}\n', *series[2:]]
    done = probe("replay", "-", given=b"".join(spoiled))

    assert done.returncode == 1
    *named, total = done.stderr.splitlines()
    assert [line.split(b":")[2] for line in named] == [b"3", b"4"]
    assert total.endswith(b": 2 lines skipped")
    assert done.stdout == probe("replay", "-", given=b"".join(series)).stdout


def test_words_of_a_newer_version_are_counted(series: list[bytes]) -> None:
    """Beside the bad lines, so that a person sees that an update is due."""
    newer = series[0].replace(b'"reachable"', b'"slowed"')
    done = probe("replay", "-", given=b"".join([newer, b"{}\n", *series]))

    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith(
        b": 2 lines skipped, 1 of them for a word that this version does not know"
    )
    assert done.stdout == probe("replay", "-", given=b"".join(series)).stdout


@pytest.mark.parametrize("place", [0, 1, 7])
def test_byte_order_marks_between_lines_are_left_out(series: list[bytes], place: int) -> None:
    """Joined files have one at the head of each; a blank line may come before it."""
    joined = [*series[:place], b"\n", codecs.BOM_UTF8 + series[place], *series[place + 1 :]]
    done = probe("replay", "-", given=b"".join(joined))

    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == probe("replay", "-", given=b"".join(series)).stdout


def test_time_that_goes_back_ends_with_status_2_and_names_the_line(series: list[bytes]) -> None:
    """Transitions found before are printed."""
    done = probe("replay", "-", given=b"".join([*series, series[0]]))

    assert done.returncode == 2
    assert b"<stdin>:1441: time goes back to 2017-05-01T00:00:00Z" in done.stderr
    assert len(done.stdout.splitlines()) == 2


def test_a_file_that_is_not_there_is_one_clear_line() -> None:
    """The exit status is 2."""
    done = probe("replay", "/nowhere/at/all")

    assert done.returncode == 2
    assert done.stdout == b""
    assert len(done.stderr.splitlines()) == 1


def test_a_closed_pipe_is_no_error(series: list[bytes], tmp_path: Path) -> None:
    """Nothing is printed on standard error."""
    (tmp_path / "s.jsonl").write_bytes(b"".join(series))
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "probe", "replay", str(tmp_path / "s.jsonl")],
            stdout=writing,
            stderr=subprocess.PIPE,
            check=False,
            timeout=60,
        )
    finally:
        os.close(writing)

    assert done.returncode in (0, 1)
    assert done.stderr == b""


def test_the_vantage_reports_itself_once(series: list[bytes]) -> None:
    """Ten minutes offline: one transition there, one back, none of a target."""
    lines = [
        verdict(300 * n, status="unknown" if 4 <= n < 6 else "reachable", vantage={"state": state})
        for n in range(12)
        for state in ["offline" if 4 <= n < 6 else "online"]
    ]
    found = [json.loads(line) for line in probe("replay", "-", given=b"".join(lines)).stdout.splitlines()]

    assert [(one["target"], one["from"], one["to"]) for one in found] == [
        ("vantage", "online", "offline"),
        ("vantage", "offline", "online"),
    ]


def test_an_explanation_can_be_read_and_drawn(series: list[bytes], tmp_path: Path) -> None:
    """`probe explain` prints the answer, then a chart, and writes a picture."""
    done = probe(
        "explain", "https://t0.example/", "-", "--svg", str(tmp_path / "t0.svg"), given=b"".join(series[: 5 * 200])
    )

    assert done.returncode == 0
    assert done.stdout.decode().startswith("https://t0.example/ is blocked since 2017-05-01 11:57 UTC")
    assert (tmp_path / "t0.svg").read_text().startswith("<svg")


def test_a_target_without_verdicts_is_a_usage_error(series: list[bytes]) -> None:
    """The error is one line and the exit status 2."""
    done = probe("explain", "https://stranger.example/", "-", given=series[0])

    assert done.returncode == 2
    assert b"no verdict about https://stranger.example/" in done.stderr


def test_a_file_without_a_verdict_or_in_utf_16_is_an_error() -> None:
    """A byte order mark of UTF-8 is not."""
    empty = probe("replay", "-", given=b"\n\n")
    wide = probe("replay", "-", given=verdict(0).decode().encode("utf-16"))
    marked = probe("replay", "-", given=b"\xef\xbb\xbf" + verdict(0))

    assert (empty.returncode, empty.stderr) == (
        2,
        b"probe: <stdin>: has no verdict (give lines of `probe check --json`)\n",
    )
    assert (wide.returncode, wide.stderr) == (2, b"probe: <stdin>: the file is UTF-16 (save it as UTF-8)\n")
    assert (marked.returncode, marked.stderr) == (0, b"")


def test_a_cause_of_a_newer_version_is_replayed() -> None:
    """And reported under its own name."""
    given = b"".join(
        verdict(300 * n, f"https://{host}.example/", "http3.reset" if host == "a" and n > 30 else "")
        for n in range(120)
        for host in "abcde"
    )

    done = probe("replay", "-", given=given)

    assert (done.returncode, done.stderr) == (0, b"")
    assert [(one["target"], one["causes"]) for one in map(json.loads, done.stdout.splitlines())] == [
        ("https://a.example/", ["http3.reset"])
    ]
