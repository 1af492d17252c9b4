"""What `probe doctor` finds in a state folder; the command itself is tested as a process."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from probe.agent.agent import HEARTBEAT_FILE
from probe.agent.outbox import AgentState, Outbox
from probe.agent.state_file import STATE_FILE
from probe.cli.doctor import examine
from probe.settings import Settings, load
from tests.unit.agent.batches import draft

NOW = datetime(2026, 10, 1, 12, tzinfo=UTC)
BASE = load(None, {"XDG_CONFIG_HOME": "/nonexistent"}, {"agent.consent": True})


def heartbeat(folder: Path, age: timedelta) -> None:
    """Write a heartbeat of this age, of an agent that does a round every five minutes."""
    text = json.dumps({"time": (NOW - age).isoformat(), "state": "online", "interval": 300.0})
    (folder / HEARTBEAT_FILE).write_text(text)


def bad_lines(folder: Path, settings: Settings = BASE) -> list[str]:
    """The findings that are problems."""
    return [line for well, line in examine(settings, folder, NOW) if not well]


@pytest.mark.parametrize(
    ("seconds", "line"),
    [
        (900, None),
        (901, "last sign of life 901 s ago : is it running?"),
        (-60, None),
        (-61, "last sign of life dated 61 s ahead: was this host's clock set back? is it running?"),
    ],
)
def test_a_heartbeat_is_late_after_three_intervals_and_wrong_when_dated_ahead(
    tmp_path: Path, seconds: float, line: str | None
) -> None:
    """A date in the future would otherwise pass until the clock reaches it."""
    heartbeat(tmp_path, timedelta(seconds=seconds))

    found = [text for text in bad_lines(tmp_path) if text.startswith("last sign of life")]

    assert found == ([] if line is None else [line])


@pytest.mark.parametrize("content", ["{}", "nonsense", '{"time": 1, "interval": 2}', '{"x":' * 1500])
def test_a_malformed_heartbeat_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / HEARTBEAT_FILE).write_text(content)

    assert f"{tmp_path / HEARTBEAT_FILE} cannot be read" in bad_lines(tmp_path)


def test_an_agent_without_a_control_is_told_how_to_get_one(tmp_path: Path) -> None:
    with Outbox(tmp_path / STATE_FILE) as outbox:
        outbox.write_notes(control={"targets": 0, "of": 9})
        assert any("collector serve --control" in line for line in bad_lines(tmp_path))
        outbox.write_notes(control={"targets": 7, "of": 9})
    assert not any("control" in line for line in bad_lines(tmp_path))
    assert (True, "the control has measured 7 of 9 targets") in list(examine(BASE, tmp_path, NOW))


def test_a_full_outbox_is_reported_with_what_was_dropped(tmp_path: Path) -> None:
    agent = msgspec.structs.replace(BASE.agent, collectors=("https://c.example",))
    with Outbox(tmp_path / STATE_FILE) as outbox:
        for _ in range(10):
            drafts = [draft(changed="a", evidence_bytes=4000)]
            outbox.commit(AgentState(), drafts, reports={}, now=NOW, max_bytes=10_000)

    (line,) = [text for text in bad_lines(tmp_path, msgspec.structs.replace(BASE, agent=agent)) if "outbox" in text]

    assert line == (
        "outbox full since 2026-10-01T12:00:00Z ([agent] outbox_bytes): dropped the evidence of 7 batches,"
        " and 0 batches without a transition"
    )
