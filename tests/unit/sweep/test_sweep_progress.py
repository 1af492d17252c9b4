"""How far a sweep is."""

from __future__ import annotations

import io

import pytest

from probe.model.verdict import Status
from probe.sweep.sweep_progress import SweepProgress, describe_duration, describe_progress
from probe.sweep.target_states import TargetStates


class Terminal(io.StringIO):
    """A terminal that keeps what is written."""

    def isatty(self) -> bool:
        """It is one."""
        return True


def test_the_line_has_counts_rate_and_the_time_that_is_left() -> None:
    states = TargetStates(5000)
    for number in range(1200):
        states.set(number, Status.BLOCKED if number % 12 == 0 else Status.REACHABLE, 1)

    assert describe_progress(states, 10.0) == (
        "1,200 of 5,000, 10.0 a second, 1,100 reachable, 100 blocked, 6 min 20 s left"
    )
    assert describe_progress(TargetStates(3), 0.0) == "0 of 3, 0.0 a second"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59.6, "1 min"), (3600, "1 h"), (3725, "1 h 2 min"), (90_000, "1 d 1 h"), (864_005, "10 d 5 s")],
)
def test_a_duration_has_its_two_largest_units(seconds: float, text: str) -> None:
    assert describe_duration(seconds) == text


@pytest.mark.parametrize(
    ("plain", "lines"), [(True, ["120 of 600, 1.0 a second, 120 reachable, 8 min left"]), (False, [])]
)
def test_a_log_gets_a_line_a_minute_where_that_is_wanted(plain: bool, lines: list[str]) -> None:
    moments = [0.0]
    said: list[str] = []
    states = TargetStates(600)
    progress = SweepProgress(states, lambda: moments[0], said.append, stream=io.StringIO(), is_plain=plain)

    for number in range(120):
        states.set(number, Status.REACHABLE, 1)
        moments[0] += 1
        progress.advance()

    assert said[1:] == lines


def test_the_rate_is_that_of_the_last_minutes() -> None:
    moments = [0.0]
    said: list[str] = []
    states = TargetStates(10_000)
    progress = SweepProgress(states, lambda: moments[0], said.append, stream=io.StringIO(), is_plain=True)

    for number in range(2000):
        states.set(number, Status.REACHABLE, 1)
        moments[0] += 10 if number < 1000 else 1
        progress.advance()

    assert " 1.0 a second" in said[-1]


def test_a_terminal_shows_one_line_that_sentences_and_the_end_remove() -> None:
    moments = [0.0]
    terminal, said = Terminal(), list[str]()
    states = TargetStates(10)
    progress = SweepProgress(
        states, lambda: moments[0], said.append, stream=terminal, describe=lambda notes: [f"a {one}" for one in notes]
    )
    states.set(0, Status.REACHABLE, 1)
    moments[0] = 2
    progress.advance()
    progress.say("paused")
    progress.note("tunnel")
    progress.close()

    assert terminal.getvalue().split("\r\x1b[K") == ["", "1 of 10, 0.5 a second, 1 reachable, 18 s left", "", "", ""]
    assert said == ["paused", "a tunnel"]
