"""`probe pause` and `probe resume` write what the agent looks for."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from probe.agent.pause_file import Pause, read_pause
from probe.cli import main

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


@pytest.fixture
def words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The options that name a settings file, whose state folder does not exist; the clock shows noon."""
    (tmp_path / "probe.toml").write_text(f"[agent]\nstate = {json.dumps(str(tmp_path / 'state'))}\n")
    monkeypatch.setenv("PROBE_CLOCK", f"{NOON.isoformat()}@1")
    return ["--config", str(tmp_path / "probe.toml")]


def test_a_pause_of_eight_hours_is_written_and_said(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["pause", "--for", "8h", *words]) == 0

    found = read_pause(tmp_path / "state", NOON)
    assert found is not None
    assert found.until is not None
    assert abs(found.until - NOON - timedelta(hours=8)) < timedelta(minutes=1)
    assert capsys.readouterr().out == "Paused until 2026-05-04 20:00 UTC: nobody is contacted.\n"


def test_a_pause_without_a_length_lasts_until_resume(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["pause", *words]) == 0
    assert read_pause(tmp_path / "state", NOON + timedelta(days=999)) is not None

    assert main(["resume", *words]) == 0
    assert main(["resume", *words]) == 0

    assert read_pause(tmp_path / "state", NOON) is None
    assert capsys.readouterr().out.splitlines() == [
        "Paused until `probe resume`: nobody is contacted.",
        "The pause has ended.",
        "There was no pause.",
    ]


def test_a_pause_replaces_the_one_before(words: list[str], tmp_path: Path) -> None:
    assert main(["pause", *words]) == 0
    assert main(["pause", "--for", "30m", *words]) == 0

    found = read_pause(tmp_path / "state", NOON)
    assert isinstance(found, Pause)
    assert found.until is not None


@pytest.mark.parametrize("text", ["8", "h", "0h", "-1h", "8 hours", "1w"])
def test_a_length_that_is_none_writes_nothing(
    words: list[str], text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["pause", f"--for={text}", *words]) == 2
    assert f"--for: {text!r} is no time (write 90s, 30m, 24h or 7d)" in capsys.readouterr().err
    assert not (tmp_path / "state").exists()
