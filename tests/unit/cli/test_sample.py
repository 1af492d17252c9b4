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


def test_a_sample_has_the_size_asked_for_and_is_the_same_for_a_week(capsys: pytest.CaptureFixture[str]) -> None:
    """It is in the order of the addresses, with the range's port."""
    words = ("203.0.113.0/24:5222", "--sample", "8")
    first = lines(capsys, *words, "--week", "202640")

    assert len(first) == 8
    assert all(isinstance(parse(line), TcpTarget) and line.endswith(":5222") for line in first)
    assert first == lines(capsys, *words, "--week", "202640") != lines(capsys, *words, "--week", "202641")


def test_addresses_that_answered_at_the_control_are_the_sample(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Three addresses that answered are enough."""
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


@pytest.fixture
def table(tmp_path: Path) -> str:
    """Who announces what."""
    file = tmp_path / "table.tsv"
    file.write_text("151.101.0.0\t16\t64500\n151.101.1.0\t24\t64501\n2a04:4e42::\t32\t64500\n")
    return str(file)


def test_an_as_is_sampled_prefix_by_prefix_with_its_owners(capsys: pytest.CaptureFixture[str], table: str) -> None:
    """Each prefix has a comment, and the output is a list for `probe check --targets`."""
    printed = lines(capsys, "AS64500:8080", "--prefixes", table, "--sample", "4")

    assert [line for line in printed if line.startswith("#")] == [
        "# 151.101.0.0/16:8080  AS64500",
        "# [2a04:4e42::/32]:8080  AS64500",
    ]
    targets = [line for line in printed if not line.startswith("#")]
    assert 28 <= len(targets) <= 32  # a part that is excluded whole has none
    assert all(isinstance(parse(line), TcpTarget) and line.endswith(":8080") for line in targets)
    assert not any(line.startswith("tcp://151.101.1.") for line in targets)


def test_prefixes_that_other_ases_announce_in_a_range_are_left_out(
    capsys: pytest.CaptureFixture[str], table: str
) -> None:
    """The output names the AS of the range, or says that nobody announces it."""
    first, *found = lines(capsys, "151.101.0.0/23", "--prefixes", table, "--sample", "64")
    assert first == "# 151.101.0.0/23  AS64500"
    assert found
    assert all(line.startswith("tcp://151.101.0.") for line in found)
    assert lines(capsys, "192.0.2.0/24", "--prefixes", table)[0].endswith("announced by nobody in these tables")


def test_an_as_without_a_table_or_missing_in_it_is_bad_usage(capsys: pytest.CaptureFixture[str], table: str) -> None:
    """Each error is one line."""
    assert main(["targets", "sample", "AS64500"]) == ExitStatus.USAGE
    assert "give a table with --prefixes" in capsys.readouterr().err
    assert main(["targets", "sample", "AS7", "--prefixes", table]) == ExitStatus.USAGE
    assert "no prefix of AS7 in these tables" in capsys.readouterr().err


def test_an_argument_that_is_no_range_is_bad_usage(capsys: pytest.CaptureFixture[str]) -> None:
    """The error is one line."""
    assert main(["targets", "sample", "tcp://203.0.113.1:443"]) == ExitStatus.USAGE
    assert "is no range (write a prefix" in capsys.readouterr().err
