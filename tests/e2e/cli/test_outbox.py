"""`probe outbox` and `probe collector import`: reports that travel on a stick."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from probe.agent.identity import Enrolment, load_or_create_key, write_enrolment
from probe.agent.outbox import AgentState, Outbox
from probe.agent.state_file import STATE_FILE
from tests.e2e.processes import probe
from tests.unit.agent.batches import NOON, draft

ORIGIN = "https://collector.example"


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """The state of an enrolled agent with two reports."""
    folder = tmp_path / "state"
    load_or_create_key(folder)
    write_enrolment(folder, Enrolment(agent="a0", origin=ORIGIN, url=ORIGIN, role="vantage", time=NOON))
    with Outbox(folder / STATE_FILE) as outbox:
        outbox.assign_agent("a0")
        outbox.commit(AgentState(), [draft("a"), draft(changed="https://b.example/")], reports={}, now=NOON)
    return folder


def test_the_reports_that_wait_are_listed(state: Path) -> None:
    listed = probe("outbox", "list", PROBE_AGENT_STATE=str(state))
    records = probe("outbox", "list", "--json", PROBE_AGENT_STATE=str(state))

    assert (listed.returncode, listed.stderr) == (0, b"")
    assert b"2017-05-04 12:00 UTC" in listed.stdout
    assert b"https://b.example/ reachable -> blocked" in listed.stdout
    found = [json.loads(line) for line in records.stdout.splitlines()]
    assert [(one["seq"], one["sent"], one["changes"]) for one in found] == [
        (1, False, []),
        (2, False, ["https://b.example/"]),
    ]


def test_an_exported_file_is_refused_by_a_collector_that_does_not_know_the_agent(state: Path, tmp_path: Path) -> None:
    """The whole way with a collector that does is in `tests/loopback/collector/intake/test_import_file.py`."""
    stick = tmp_path / "reports"
    exported = probe("outbox", "export", str(stick), PROBE_AGENT_STATE=str(state))
    assert probe("collector", "migrate", "--db", str(tmp_path / "c.db")).returncode == 0
    taken = probe("collector", "import", "--db", str(tmp_path / "c.db"), "--origin", ORIGIN, str(stick))

    assert (exported.returncode, exported.stdout) == (0, f"{stick}: 2 reports\n".encode())
    assert stick.stat().st_mode & 0o077 == 0
    assert taken.returncode == 1
    assert taken.stdout == f"{stick}: 0 new, 0 known, 2 refused\n".encode()
    assert taken.stderr.count(b"this agent is not enrolled here") == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("outbox", "list"), b"no state yet"),
        (("outbox", "export", "-"), b"not enrolled, so nothing can be signed"),
        (("outbox", "list", "--collector", "https://x.example"), b"https://x.example is no further collector"),
        (("outbox", "import", "/nonexistent"), b"no collector to forward to"),
    ],
)
def test_without_state_enrolment_or_collector_one_line_says_so(
    words: tuple[str, ...], said: bytes, tmp_path: Path
) -> None:
    done = probe(*words, PROBE_AGENT_STATE=str(tmp_path / "none"))

    assert done.returncode == 2
    assert said in done.stderr
    assert done.stderr.count(b"\n") == 1


def test_a_file_that_is_no_export_is_named(tmp_path: Path) -> None:
    (tmp_path / "reports").write_text("hello\n")

    assert probe("collector", "migrate", "--db", str(tmp_path / "c.db")).returncode == 0
    done = probe("collector", "import", "--db", str(tmp_path / "c.db"), "--origin", ORIGIN, str(tmp_path / "reports"))

    assert done.returncode == 2
    assert b"reports:1: not a signed batch" in done.stderr
