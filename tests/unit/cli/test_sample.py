"""`probe targets sample`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from probe.cli import main
from probe.errors import ExitStatus
from probe.formats import jsonlines
from probe.model.observation import Connection
from probe.model.target import TcpTarget, parse
from probe.model.verdict import Evidence, Status, Vantage, VantageState, Verdict


def lines(capsys: pytest.CaptureFixture[str], *words: str) -> list[str]:
    """What it prints."""
    assert main(["targets", "sample", *words]) == ExitStatus.OK
    return capsys.readouterr().out.splitlines()


def test_a_sample_is_of_as_many_targets_as_asked_and_the_same_in_one_week(capsys: pytest.CaptureFixture[str]) -> None:
    """In the order of their addresses, with the range's port."""
    words = ("203.0.113.0/24:5222", "--sample", "8")
    first = lines(capsys, *words, "--week", "202640")

    assert len(first) == 8
    assert all(isinstance(parse(line), TcpTarget) and line.endswith(":5222") for line in first)
    assert first == lines(capsys, *words, "--week", "202640") != lines(capsys, *words, "--week", "202641")


def test_addresses_that_answered_at_control_are_the_sample(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Three are enough."""
    seen = tuple(Connection(address=f"203.0.113.{n}", port=443) for n in (1, 2, 30))
    verdict = Verdict(
        time=datetime(2026, 10, 1, tzinfo=UTC),
        target="203.0.113.0/24",
        status=Status.REACHABLE,
        evidence=Evidence(observations=seen),
        vantage=Vantage(state=VantageState.ONLINE),
    )
    control = tmp_path / "control.jsonl"
    control.write_bytes(jsonlines.write(verdict))

    assert lines(capsys, "203.0.113.0/24", "--control", str(control)) == [
        "tcp://203.0.113.1:443",
        "tcp://203.0.113.2:443",
        "tcp://203.0.113.30:443",
    ]


def test_what_is_no_range_is_bad_usage(capsys: pytest.CaptureFixture[str]) -> None:
    """In one line."""
    assert main(["targets", "sample", "tcp://203.0.113.1:443"]) == ExitStatus.USAGE
    assert "is no range (write a prefix" in capsys.readouterr().err
