"""`probe doctor` as a process: it contacts anchors and collector only with consent, and names what fails."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.e2e.processes import command, environment, probe, settings, web_server


@pytest.fixture(scope="module")
def page() -> Iterator[str]:
    with web_server() as url:
        yield url


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[str]:
    """A collector process; its origin."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        number = server.getsockname()[1]
    origin = f"http://127.0.0.1:{number}"
    words = ("--db", str(tmp_path / "c.sqlite"), "--listen", f"127.0.0.1:{number}", "--origin", origin)
    process = subprocess.Popen(
        command("collector", "serve", *words), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment()
    )
    assert process.stdout is not None
    assert b"http" in process.stdout.readline()
    yield origin
    process.terminate()
    process.communicate(timeout=60)


def findings(config: Path, *words: str, **environ: str) -> dict[str, dict[str, object]]:
    """The findings by their names."""
    done = probe("doctor", "--json", "--config", str(config), *words, **environ)
    checks = json.loads(done.stdout)["checks"]
    assert done.returncode == int(any(one["ok"] is False for one in checks)), done.stderr
    return {one["name"]: one for one in checks}


@pytest.mark.parametrize(("consent", "words"), [(False, ()), (True, ("--local",))])
def test_without_consent_or_locally_nobody_is_contacted(tmp_path: Path, consent: bool, words: tuple[str, ...]) -> None:
    """A server that would hear of it has no connection in its queue afterwards."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        config = settings(tmp_path, [], consent=consent, collectors=[url])

        found = findings(config, *words, PROBE_MEASURE_ANCHORS=f"{url}/")

        server.setblocking(False)
        with pytest.raises(BlockingIOError):
            server.accept()
    assert "collector" not in found
    assert found["consent"]["ok"] is consent


def test_a_collector_that_answers_is_well_and_so_is_the_clock(tmp_path: Path, collector: str) -> None:
    found = findings(settings(tmp_path, [], collectors=[collector]))

    assert (found["collector"]["ok"], found["clock"]["ok"]) == (True, True)
    assert found["clock"]["said"] == "the clock agrees with the collector's"


def test_a_clock_an_hour_ahead_is_named(tmp_path: Path, collector: str) -> None:
    ahead = (datetime.now(UTC) + timedelta(hours=1)).isoformat()

    found = findings(settings(tmp_path, [], collectors=[collector]), PROBE_CLOCK=f"{ahead}@1")

    assert found["clock"]["ok"] is False
    assert "ahead of the collector's" in str(found["clock"]["said"])


def test_a_dead_collector_another_server_in_its_place_and_dead_anchors_are_named(tmp_path: Path, page: str) -> None:
    dead = findings(
        settings(tmp_path, [], collectors=["http://127.0.0.1:1"]), PROBE_MEASURE_ANCHORS="http://127.0.0.1:1/"
    )
    other = findings(settings(tmp_path, [], collectors=[page.rstrip("/")]))

    assert dead["collector"]["said"] == "http://127.0.0.1:1: Connection refused"
    assert (dead["online"]["ok"], dead["online"]["said"]) == (False, "no anchor answers: this host is offline")
    assert other["collector"]["said"] == "what answers in its place (200) is no collector"


def test_the_lines_for_people_have_a_mend_below_each_problem(tmp_path: Path) -> None:
    config = settings(tmp_path, [], consent=False)

    done = probe("doctor", "--config", str(config))

    lines = done.stdout.decode().splitlines()
    assert done.returncode == 1
    assert lines[0] == "PROBLEM    you have not agreed"
    assert lines[1].strip().startswith("-> read `probe run --dry-run`")
    assert lines[-1] == "not tried  nobody was contacted: there is no consent"
