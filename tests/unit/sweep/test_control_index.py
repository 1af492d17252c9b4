"""The control of a sweep, read where it is needed: it says what the whole file says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from probe.agent.control_facts import read_control_file
from probe.errors import RecordError
from probe.formats import jsonlines
from probe.model.verdict import Evidence, Status, Vantage, VantageState, Verdict
from probe.sweep.control_index import ControlIndex
from probe.sweep.target_names import TargetNames

LISTED = ["a.example", "https://b.example/", "https://B.example", "c.example", "d.example", "e.example"]


def line(target: str, status: Status = Status.REACHABLE, minute: int = 0) -> bytes:
    return jsonlines.write(
        Verdict(
            time=datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minute),
            target=target,
            status=status,
            causes=(),
            rule="made",
            evidence=Evidence(),
            vantage=Vantage(state=VantageState.ONLINE),
        )
    )


LINES = [
    line("a.example"),
    b"\n",
    line("HTTPS://B.example"),
    line("c.example", Status.UNKNOWN),
    line("d.example"),
    line("stranger.example", Status.DOWN),
    line("d.example", Status.DOWN, 1),
    line("a.example", minute=2),
    line("d.example", Status.DOWN, 3),
]


def names() -> TargetNames:
    found = TargetNames(b"k" * 16)
    for text in LISTED:
        found.add(text)
    return found


def write(folder: Path, *lines: bytes) -> Path:
    (folder / "control").write_bytes(b"".join(lines))
    return folder / "control"


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_it_says_of_each_target_of_the_list_what_the_whole_file_says(tmp_path: Path, mark: bytes) -> None:
    path = write(tmp_path, mark, *LINES)
    whole = read_control_file(path)

    with ControlIndex(path, names(), pytest.fail) as index:
        assert {text: index.get(text) for text in LISTED} == {text: whole.get(text) for text in LISTED}
        assert set(index) == {"a.example", "https://b.example/", "d.example"}
        assert len(index) == 3
        assert index.get("stranger.example") is None
        assert set(index["d.example"].statuses) == {Status.REACHABLE, Status.DOWN}


def test_a_verdict_with_words_of_a_newer_version_is_named_and_left_out(tmp_path: Path) -> None:
    newer = line("c.example").replace(b'"reachable"', b'"rerouted"')
    said: list[str] = []

    with ControlIndex(write(tmp_path, line("a.example"), newer), names(), said.append) as index:
        assert set(index) == {"a.example"}
    assert len(said) == 1
    assert "control:2: left out of the control" in said[0]


@pytest.mark.parametrize(
    ("lines", "what"),
    [((), "has no verdict"), ((b"\n",), "has no verdict"), ((line("a.example"), b"{}\n"), "control:2: not a verdict")],
)
def test_a_file_that_is_no_control_is_refused(tmp_path: Path, lines: tuple[bytes, ...], what: str) -> None:
    with pytest.raises(RecordError, match=what):
        ControlIndex(write(tmp_path, *lines), names(), pytest.fail)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="missing"):
        ControlIndex(tmp_path / "missing", names(), pytest.fail)
