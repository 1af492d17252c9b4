"""What the agent's history says of one target."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from probe.agent.outbox import AgentState, Outbox
from probe.agent.state_file import STATE_FILE
from probe.agent.verdict_history import HistoryChange, HistoryKind, RoundHistory
from probe.cli import main
from probe.cli.target_history import MAX_SHOWN_CHANGES, read_record, record_lines
from probe.errors import StateError
from probe.model.verdict import Cause, Status, Vantage, VantageState, Verdict
from tests.unit.agent.test_agent_status import NOW, TARGETS, detector_state

BLOCKED = TARGETS[0]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The state of an agent whose first target has been blocked for an hour, with its history."""
    with Outbox(tmp_path / STATE_FILE) as outbox:
        for minutes, found in ((-600, (Status.REACHABLE, ())), (-60, (Status.BLOCKED, (Cause.HTTP_BLOCKPAGE,)))):
            time = NOW + timedelta(minutes=minutes)
            verdict = Verdict(
                time=time,
                target=BLOCKED,
                status=found[0],
                causes=found[1],
                rule="http.blockpage",
                vantage=Vantage(state=VantageState.ONLINE),
            )
            settled = HistoryChange(
                target=BLOCKED,
                kind=HistoryKind.SETTLED,
                time=time + timedelta(minutes=5),
                status=found[0],
                causes=found[1],
                onset=time,
            )
            history = RoundHistory(
                verdicts=[verdict], full=[verdict], settled=[settled], watched=TARGETS, max_age=timedelta(days=9)
            )
            outbox.commit(AgentState(detector=detector_state()), (), reports={}, now=NOW, history=history)
    return tmp_path


def test_status_changes_and_last_look_are_told(folder: Path) -> None:
    lines = list(record_lines(read_record(folder, BLOCKED)))

    page = "http.blockpage: another page is shown in the place of the target's"
    assert lines[0] == BLOCKED
    assert lines[1].startswith("blocked since 2026-10-01 1")
    assert lines[1].endswith(f"({page})")
    assert lines[2].startswith("evidence for reachable: 0.0 of ")
    assert lines[3:] == [
        "Settled:",
        f"  2026-10-01 11:05 UTC  blocked ({page}), began about 2026-10-01 11:00 UTC",
        "  2026-10-01 02:05 UTC  reachable, began about 2026-10-01 02:00 UTC",
        "Measured:",
        f"  2026-10-01 11:00 UTC  blocked ({page})",
        "  2026-10-01 02:00 UTC  reachable",
        f"Last full look at 2026-10-01 11:00 UTC: blocked, {page} (rule http.blockpage); --json prints it",
    ]


def test_a_long_history_is_cut_and_counted(folder: Path) -> None:
    record = read_record(folder, BLOCKED)
    many = tuple(record.changes[-1] for _ in range(MAX_SHOWN_CHANGES + 4))

    lines = list(record_lines(type(record)(target="a", current=None, standing=None, changes=many, verdict=None)))

    assert lines[1] == "no settled status yet"
    assert "  and 4 earlier ones" in lines


def test_the_command_prints_the_record_or_the_verdict_itself(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROBE_AGENT_STATE", str(folder))

    assert main(["explain", BLOCKED]) == 0
    assert capsys.readouterr().out.startswith(f"{BLOCKED}\nblocked since ")
    assert main(["explain", BLOCKED, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rule"] == "http.blockpage"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["https://nobody.example/"], "no verdict about https://nobody.example/ (write the target as the list has it)"),
        ([TARGETS[2], "--json"], "no full look at https://works.example/ is kept"),
        ([TARGETS[2], "--svg", "x.svg"], "--svg draws the verdicts of a file"),
    ],
)
def test_what_the_history_has_not_is_one_line(
    words: list[str], said: str, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROBE_AGENT_STATE", str(folder))

    assert main(["explain", *words]) == 2
    assert said in capsys.readouterr().err


def test_a_folder_without_a_state_is_named(tmp_path: Path) -> None:
    with pytest.raises(StateError, match=r"no history \(start `probe run`, or name a file of verdicts\)"):
        read_record(tmp_path, BLOCKED)
