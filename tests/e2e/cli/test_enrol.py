"""`probe enrol`, `probe run` and `probe status` with a real collector process."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.processes import Served, collector_process, probe, settings, web_server


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with collector_process(tmp_path_factory.mktemp("collector")) as served:
        yield served


@pytest.fixture(scope="module")
def page() -> Iterator[str]:
    with web_server() as url:
        yield url


def test_a_round_reports_to_the_collector_and_the_status_has_no_problem(
    collector: Served, page: str, tmp_path: Path
) -> None:
    config = settings(tmp_path, [page], collectors=[collector.origin])
    (tmp_path / "token").write_bytes(collector.token())

    enrolled = probe("enrol", collector.origin, "--token-file", str(tmp_path / "token"), "--config", str(config))
    assert enrolled.returncode == 0, enrolled.stderr
    assert enrolled.stdout.startswith(f"enrolled at {collector.origin} as ".encode())
    done = probe("run", "--once", "--config", str(config))
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")

    spans = json.loads(collector.ask("/api/v1/spans"))["spans"]
    assert [(span["target"], span["status"]) for span in spans if span["target"] == page] == [(page, "reachable")]
    status = json.loads(probe("status", "--json", "--config", str(config)).stdout)
    assert (status["queue"]["batches"], status["queue"]["sent"][:2]) == (0, "20")
    assert status["problems"] == []


def test_the_token_may_come_from_standard_input_and_is_not_spent_twice(collector: Served, tmp_path: Path) -> None:
    config = settings(tmp_path, ["tcp://127.0.0.1:1"])
    words = ("enrol", collector.origin, "--token-file", "-", "--config", str(config))

    first, second = probe(*words, stdin=collector.token()), probe(*words, stdin=b"")

    assert (first.returncode, second.returncode) == (0, 0)
    assert second.stdout.startswith(b"already enrolled at ")
    assert second.stdout.split()[-1] == first.stdout.split()[-1]


def test_a_bad_token_gives_one_line_that_does_not_repeat_it(collector: Served, tmp_path: Path) -> None:
    config = settings(tmp_path, ["tcp://127.0.0.1:1"])

    done = probe("enrol", collector.origin, "--token-file", "-", "--config", str(config), stdin=b"s3cret\n")

    assert (done.returncode, done.stdout, done.stderr.count(b"\n")) == (1, b"", 1)
    assert b"not enrolled: the token is not known here (ask the collector's operator" in done.stderr
    assert b"s3cret" not in done.stderr


def test_a_token_file_in_the_settings_enrols_at_the_first_round(collector: Served, page: str, tmp_path: Path) -> None:
    (tmp_path / "token").write_bytes(collector.token())
    config = settings(tmp_path, [page], collectors=[collector.origin], token_file=str(tmp_path / "token"))

    done = probe("run", "--once", "--config", str(config))

    assert (done.returncode, done.stderr) == (0, b"")
    assert json.loads((tmp_path / "state" / "enrolled").read_text())["origin"] == collector.origin


def test_rounds_from_before_enrolment_are_reported_after_it(collector: Served, page: str, tmp_path: Path) -> None:
    config = settings(tmp_path, [page], collectors=[collector.origin])
    early = probe("run", "--once", "--config", str(config))
    assert early.returncode == 1
    assert b"not enrolled (run probe enrol" in early.stderr
    assert b"1 batches wait" in early.stderr

    probe("enrol", collector.origin, "--token-file", "-", "--config", str(config), stdin=collector.token())
    assert probe("run", "--once", "--config", str(config)).returncode == 0

    assert b"Reports: 0 wait" in probe("status", "--config", str(config)).stdout


def test_a_control_agent_feeds_the_control_that_vantages_compare_with(
    collector: Served, page: str, tmp_path: Path
) -> None:
    """A refused port that is refused for the control too is down, not unreachable."""
    closed = "tcp://127.0.0.1:1"
    for role in ("control", "vantage"):
        (tmp_path / role).mkdir()
        config = settings(tmp_path / role, [page, closed], collectors=[collector.origin], role=role, retests=0)
        probe("enrol", collector.origin, "--token-file", "-", "--config", str(config), stdin=collector.token(role))
        assert probe("run", "--once", "--config", str(config)).returncode == 0

    kept = (tmp_path / "vantage" / "state" / "control.jsonl").read_text().splitlines()
    assert sorted(json.loads(line)["target"] for line in kept) == sorted([page, closed])
    assert {json.loads(line)["target"]: json.loads(line)["status"] for line in kept}[closed] != "reachable"


def test_a_malformed_address_or_a_missing_token_file_is_bad_usage(tmp_path: Path) -> None:
    config = settings(tmp_path, ["tcp://127.0.0.1:1"])

    bad_url = probe("enrol", "collector.example", "--token-file", "-", "--config", str(config), stdin=b"t")
    no_file = probe("enrol", "https://collector.example", "--token-file", "/nonexistent/t", "--config", str(config))

    assert (bad_url.returncode, no_file.returncode) == (2, 2)
    assert b"'collector.example' is not a collector's address (write https://host)" in bad_url.stderr
    assert b"/nonexistent/t: the token cannot be read: No such file" in no_file.stderr
