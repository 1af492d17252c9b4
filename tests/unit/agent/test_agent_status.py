"""The state of the agent as its state folder has it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from probe.agent.agent import HEARTBEAT_FILE
from probe.agent.agent_status import read_heartbeat, read_status
from probe.agent.control_facts import Coverage
from probe.agent.further_collectors import folder_of
from probe.agent.identity import KEY_FILE, Enrolment, write_enrolment
from probe.agent.outbox import AgentState, Outbox
from probe.agent.pause_file import Pause, write_pause
from probe.agent.state_file import STATE_FILE
from probe.cli.status import agent_lines, problems
from probe.detect.detector import Detector
from probe.detect.detector_input import DetectorInput
from probe.formats.batch import RoundReport
from probe.model.verdict import Cause, Status
from probe.settings import Settings, load
from tests.unit.agent.batches import draft

NOW = datetime(2026, 10, 1, 12, tzinfo=UTC)
TARGETS = ("https://blocked.example/", "https://doubtful.example/", "https://works.example/", "https://also.example/")


def settings(folder: Path, *targets: str) -> Settings:
    """Settings whose watchlist has these targets."""
    (folder / "targets.txt").write_text("".join(f"{target}\n" for target in targets))
    overrides = {"targets.services": [], "targets.files": [str(folder / "targets.txt")]}
    return load(None, {"XDG_CONFIG_HOME": "/nonexistent"}, overrides)


def detector_state() -> bytes:
    """The first target is blocked since an hour, the second failed in the last round; the others work."""
    detector = Detector()
    for number in range(400, -1, -1):
        start = NOW - timedelta(seconds=300 * number)
        for target in TARGETS:
            fails = target == TARGETS[0] and number < 12
            found = (Status.BLOCKED, (Cause.HTTP_BLOCKPAGE,)) if fails else (Status.REACHABLE, ())
            if target == TARGETS[1] and number == 0:
                found = (Status.UNREACHABLE, (Cause.TCP_TIMEOUT,))
            detector.feed(DetectorInput(start, target, *found))
        detector.end_round(start + timedelta(seconds=30))
    return detector.dump()


def write_state(folder: Path, **notes: object) -> None:
    with Outbox(folder / STATE_FILE) as outbox:
        outbox.commit(AgentState(detector=detector_state()), [draft("a")], reports={}, now=NOW, notes=notes)


def test_targets_are_sorted_by_what_is_known_of_them(tmp_path: Path) -> None:
    write_state(tmp_path)

    found = read_status(settings(tmp_path, *TARGETS), tmp_path, NOW)

    (blocked,) = found.blocked
    assert (blocked.target, blocked.status, blocked.causes) == (TARGETS[0], "blocked", ("http.blockpage",))
    assert timedelta(minutes=50) < NOW - blocked.since < timedelta(minutes=70)
    (doubtful,) = found.unsettled
    assert (doubtful.target, doubtful.causes, doubtful.since) == (TARGETS[1], ("tcp.timeout",), NOW)
    assert (found.failing, found.reachable) == ((), 2)


def test_targets_that_left_the_watchlist_are_left_out(tmp_path: Path) -> None:
    write_state(tmp_path)

    found = read_status(settings(tmp_path, TARGETS[2]), tmp_path, NOW)

    assert (found.blocked, found.unsettled, found.reachable) == ((), (), 1)


def test_lists_that_cannot_be_read_leave_nothing_out(tmp_path: Path) -> None:
    write_state(tmp_path)
    chosen = settings(tmp_path, *TARGETS)
    (tmp_path / "targets.txt").unlink()

    assert len(read_status(chosen, tmp_path, NOW).blocked) == 1


def test_the_notes_of_the_state_become_fields(tmp_path: Path) -> None:
    report = RoundReport(start=NOW, seconds=3.0, targets=4, measured=3, notes=("tunnel",))
    write_state(
        tmp_path,
        round=msgspec.to_builtins(report),
        control=Coverage(targets=3, of=4),
        sent=NOW,
        uplink={"time": "2026-10-01T12:00:00Z", "text": "the collector is away"},
        vantage={"https://c.example": "abcd2345"},
    )
    origin = "https://c.example"
    write_enrolment(tmp_path, Enrolment(agent="a1", origin=origin, url=origin, role="vantage", time=NOW))

    found = read_status(settings(tmp_path, *TARGETS), tmp_path, NOW)

    assert (found.round, found.control) == (report, Coverage(targets=3, of=4))
    assert (found.queue.batches, found.queue.sent) == (1, NOW)
    assert found.queue.problem is not None
    assert found.queue.problem["text"] == "the collector is away"
    assert found.vantage is not None
    assert (found.vantage.agent, found.vantage.name, found.vantage.key) == ("a1", "abcd2345", False)
    assert found.vantage.page == "https://c.example/v/abcd2345"
    (tmp_path / KEY_FILE).write_text("x")
    again = read_status(settings(tmp_path), tmp_path, NOW).vantage
    assert again is not None
    assert again.key


def test_notes_of_another_form_are_left_out(tmp_path: Path) -> None:
    """Another version wrote them."""
    write_state(tmp_path, round=[1], control="much", sent=7, uplink="no", vantage=3)

    found = read_status(settings(tmp_path, *TARGETS), tmp_path, NOW)

    assert (found.round, found.control, found.queue.sent, found.queue.problem) == (None, None, None, None)


def test_a_folder_without_a_state_is_no_error_and_stays_empty(tmp_path: Path) -> None:
    folder = tmp_path / "state"

    found = read_status(settings(tmp_path), folder, NOW)

    assert (found.has_state, found.heartbeat, found.vantage, found.paused) == (False, None, None, None)
    assert not folder.exists()


def test_a_pause_in_force_is_part_of_the_state(tmp_path: Path) -> None:
    write_pause(tmp_path, Pause(since=NOW, until=NOW + timedelta(hours=1)))

    assert read_status(settings(tmp_path), tmp_path, NOW).paused is not None
    assert read_status(settings(tmp_path), tmp_path, NOW + timedelta(hours=1)).paused is None


@pytest.mark.parametrize("content", ["{}", "nonsense", '{"time": 1, "interval": 2}', '{"x":' * 1500])
def test_a_heartbeat_that_cannot_be_read_is_none(tmp_path: Path, content: str) -> None:
    (tmp_path / HEARTBEAT_FILE).write_text(content)

    assert read_heartbeat(tmp_path) is None


def test_the_heartbeat_tells_the_next_round_where_the_agent_knows_it(tmp_path: Path) -> None:
    text = {"time": NOW.isoformat(), "state": "online", "interval": 300.0}
    (tmp_path / HEARTBEAT_FILE).write_text(json.dumps(text))
    first = read_heartbeat(tmp_path)
    (tmp_path / HEARTBEAT_FILE).write_text(json.dumps(text | {"next": (NOW + timedelta(seconds=300)).isoformat()}))
    second = read_heartbeat(tmp_path)

    assert first is not None
    assert second is not None
    assert (first.next, second.next) == (None, NOW + timedelta(seconds=300))


def test_what_waits_for_further_collectors_is_read_from_their_own_outboxes(tmp_path: Path) -> None:
    """One has two batches and is enrolled, the other has not been reached yet."""
    urls = ["https://two.example", "https://three.example"]
    chosen = load(None, {"XDG_CONFIG_HOME": "/nonexistent"}, {"agent.further_collectors": urls, "targets.services": []})
    own = folder_of(tmp_path, urls[0])
    write_enrolment(own, Enrolment(agent="a", origin=urls[0], url=urls[0], role="vantage", time=NOW))
    for folder, batches in ((own, 2), (tmp_path, 1)):
        with Outbox(folder / STATE_FILE) as outbox:
            outbox.commit(AgentState(), [draft("a")] * batches, reports={}, now=NOW)

    found = read_status(chosen, tmp_path, NOW)

    assert found.queue.batches == 1
    assert [(one.collector, one.enrolled, one.queue.batches) for one in found.further] == [
        (urls[0], True, 2),
        (urls[1], False, 0),
    ]
    said = [*agent_lines(found), *problems(found)]
    assert any(line.startswith("https://two.example: Reports: 2 wait") for line in said)
    assert any("probe enrol https://three.example" in line for line in said)
