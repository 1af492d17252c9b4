"""`probe status` as a process, beside rounds that were really done."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.processes import probe, settings, web_server


@pytest.fixture(scope="module")
def page() -> Iterator[str]:
    with web_server() as url:
        yield url


def problems(config: Path) -> list[str]:
    """What needs attention, but for the control, which none of these agents has."""
    done = probe("status", "--json", "--config", str(config))
    found: list[str] = json.loads(done.stdout)["problems"]
    assert done.returncode == int(bool(found))
    return [one for one in found if not one.lower().startswith("no control")]


def test_a_working_agent_without_a_collector_has_no_problem(page: str, tmp_path: Path) -> None:
    config = settings(tmp_path, [page])
    probe("run", "--once", "--config", str(config))

    assert problems(config) == []
    assert b"1 target works." in probe("status", "--config", str(config)).stdout


def test_an_agent_that_stopped_long_ago_is_named(page: str, tmp_path: Path) -> None:
    config = settings(tmp_path, [page])
    probe("run", "--once", "--config", str(config), PROBE_CLOCK="2017-05-04T00:00:00Z@1")

    (line,) = problems(config)

    assert line.startswith("The last sign of life was at 2017-05-04 00:00 UTC")


def test_an_offline_vantage_and_a_dead_collector_are_named(page: str, tmp_path: Path) -> None:
    config = settings(tmp_path, [page], collectors=["http://127.0.0.1:1"])
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "enrolled").write_text(
        '{"agent":"a","origin":"http://127.0.0.1:1","url":"","role":"vantage","time":"2017-05-04T00:00:00Z"}'
    )
    probe("run", "--once", "--config", str(config), PROBE_MEASURE_ANCHORS="http://127.0.0.1:1/")

    offline, problem = problems(config)

    assert "was offline" in offline
    assert problem.startswith("http://127.0.0.1:1: Connection refused (")


def test_a_target_that_fails_is_listed_as_not_sure(page: str, tmp_path: Path) -> None:
    config = settings(tmp_path, [page, "tcp://127.0.0.1:1"], retests=0)
    probe("run", "--once", "--config", str(config))

    found = json.loads(probe("status", "--json", "--config", str(config)).stdout)

    assert [one["target"] for one in found["unsettled"]] == ["tcp://127.0.0.1:1"]
    assert b"Failing, not yet sure:" in probe("status", "--config", str(config)).stdout


def test_a_broken_state_is_one_line_and_exit_2(page: str, tmp_path: Path) -> None:
    config = settings(tmp_path, [page])
    probe("run", "--once", "--config", str(config))
    (tmp_path / "state" / "state.sqlite").write_bytes(b"no database " * 500)

    done = probe("status", "--config", str(config))

    assert (done.returncode, done.stderr.count(b"\n")) == (2, 1)
    assert b"state.sqlite: broken: file is not a database (move it away to begin anew)" in done.stderr


def test_explain_tells_from_the_history_what_was_measured_and_its_verdict_can_be_judged_again(
    page: str, tmp_path: Path
) -> None:
    config = settings(tmp_path, [page, "tcp://127.0.0.1:1"], retests=0)
    for _ in range(2):
        probe("run", "--once", "--config", str(config))

    told = probe("explain", "tcp://127.0.0.1:1", "--config", str(config)).stdout.decode().splitlines()
    verdict = probe("explain", "tcp://127.0.0.1:1", "--json", "--config", str(config)).stdout

    assert told[:2] == ["tcp://127.0.0.1:1", "no settled status yet"]
    measured = told[told.index("Measured:") + 1 : -1]
    assert len(measured) == 1, "the second round changed nothing"
    assert measured[0].endswith("  unreachable (tcp.reset: the connection is refused by a reset)")
    assert probe("judge", "-", stdin=verdict).stdout == verdict
