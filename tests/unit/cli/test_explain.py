"""`probe explain`: the chart of one target, bad lines, and a target nobody measured."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from probe.cli import main
from probe.errors import ExitStatus

START = datetime(2017, 5, 1, tzinfo=UTC)
TARGET = "https://a.example/"


@pytest.fixture
def history(tmp_path: Path) -> Path:
    """Four targets for forty rounds; the first is blocked by an injected answer from the thirtieth on."""
    lines = []
    for number in range(40):
        for target in (TARGET, "https://b.example/", "https://c.example/", "https://d.example/"):
            blocked = target == TARGET and number >= 30
            record = {
                "time": (START + timedelta(seconds=300 * number)).isoformat(),
                "target": target,
                "status": "blocked" if blocked else "reachable",
                "causes": ["dns.injected"] if blocked else [],
            }
            lines.append(json.dumps(record))
    path = tmp_path / "history.jsonl"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_the_chart_names_the_target_and_its_transition(history: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The series is printed on standard output, nothing on standard error."""
    status = main(["explain", TARGET, str(history)])

    shown = capsys.readouterr()
    assert status == ExitStatus.OK
    assert TARGET in shown.out
    assert "dns.injected" in shown.out
    assert "blocked" in shown.out
    assert shown.err == ""


def test_the_picture_is_written_beside_the_chart(history: Path, tmp_path: Path) -> None:
    """`--svg FILE` draws the same series."""
    picture = tmp_path / "series.svg"

    assert main(["explain", TARGET, str(history), "--svg", str(picture)]) == ExitStatus.OK
    assert picture.read_text().startswith("<svg")


def test_a_bad_line_is_named_by_its_number_and_skipped(history: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The other lines still make the chart."""
    history.write_text("{broken\n" + history.read_text())

    assert main(["explain", TARGET, str(history)]) == ExitStatus.OK
    assert f"{history}:1: not a verdict" in capsys.readouterr().err


def test_a_target_without_a_verdict_is_a_usage_error(history: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The message says how to write the target."""
    assert main(["explain", "https://elsewhere.example/", str(history)]) == ExitStatus.USAGE
    assert "no verdict about https://elsewhere.example/" in capsys.readouterr().err
