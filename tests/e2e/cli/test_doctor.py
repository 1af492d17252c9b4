"""`probe doctor` as a process, on a host with problems."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.processes import probe, settings, web_server


@pytest.fixture(scope="module")
def page() -> Iterator[str]:
    with web_server() as url:
        yield url


def bad_lines(*words: str, **environ: str) -> list[str]:
    done = probe("doctor", *words, **environ)
    lines = done.stdout.decode().splitlines()
    bad = [line.removeprefix("BAD  ") for line in lines if line.startswith("BAD ")]
    assert done.returncode == (1 if bad else 0)
    return bad


def test_an_agent_that_never_ran_is_reported(tmp_path: Path) -> None:
    config = settings(tmp_path, [], consent=False)

    assert bad_lines("--config", str(config)) == [
        "consent not given: [agent] consent",
        "no sign of life yet",
        f"no state in {tmp_path}/state: the agent has never run, or runs elsewhere",
    ]


def test_a_working_agent_without_a_collector_has_no_problem(page: str, tmp_path: Path) -> None:
    config = settings(tmp_path, [page])
    probe("run", "--once", "--config", str(config))

    assert bad_lines("--config", str(config)) == []


def test_an_agent_that_stopped_long_ago_is_reported(page: str, tmp_path: Path) -> None:
    config = settings(tmp_path, [page])
    probe("run", "--once", "--config", str(config), PROBE_CLOCK="2017-05-04T00:00:00Z@1")

    (line,) = bad_lines("--config", str(config))

    assert line.startswith("last sign of life ")
    assert line.endswith(" : is it running?")


def test_an_offline_vantage_and_a_dead_collector_are_named(page: str, tmp_path: Path) -> None:
    config = settings(tmp_path, [page], collectors=["http://127.0.0.1:1"])
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "enrolled").write_text(
        '{"agent":"a","origin":"http://127.0.0.1:1","url":"","role":"vantage","time":"2017-05-04T00:00:00Z"}'
    )
    probe("run", "--once", "--config", str(config), PROBE_MEASURE_ANCHORS="http://127.0.0.1:1/")

    offline, problem = bad_lines("--config", str(config))

    assert "offline, 0 of 1 targets" in offline
    assert problem.startswith("http://127.0.0.1:1: Connection refused (at ")


@pytest.mark.parametrize("content", ["{}", "nonsense", '{"time": 1, "interval": 2}'])
def test_a_malformed_heartbeat_is_named(content: str, page: str, tmp_path: Path) -> None:
    config = settings(tmp_path, [page])
    probe("run", "--once", "--config", str(config))
    (tmp_path / "state" / "heartbeat.json").write_text(content)

    assert bad_lines("--config", str(config)) == [f"{tmp_path}/state/heartbeat.json cannot be read"]


def test_a_broken_state_is_one_line_and_exit_2(page: str, tmp_path: Path) -> None:
    config = settings(tmp_path, [page])
    probe("run", "--once", "--config", str(config))
    (tmp_path / "state" / "state.sqlite").write_bytes(b"no database " * 500)

    done = probe("doctor", "--config", str(config))

    assert (done.returncode, done.stderr.count(b"\n")) == (2, 1)
    assert b"state.sqlite: broken: file is not a database (move it away to begin anew)" in done.stderr
