"""Over two hundred measurements of what works, or is down for everybody, on clean and lossy lines: no block is seen."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.lab.bench import Bench, Line
from tests.lab.records import Control
from tests.lab.scenarios import ALL
from tests.lab.topology import Lab

pytestmark = pytest.mark.lab

LINES = {"a2": 0, "loss2": 2, "loss5": 5, "loss10": 10}
"""Vantages, and the loss there in each direction, in per cent."""
STEP = 6.0
"""Seconds a step may take: room for a SYN that is lost four times (Linux sends it again every second)."""
HARMLESS = [
    s for s in ALL if s.family == "benign" and not s.middlebox and s.lie is None and "{vantage}" not in str(s.core)
]
Run = tuple[str, bool]


@pytest.fixture(scope="module")
def runs(lab: Lab) -> dict[Run, list[Line]]:
    """(vantage, with a control or without) -> what `probe check` printed there; all at the same time."""
    bench = Bench(lab, HARMLESS)
    control = Bench(lab, [s for s in HARMLESS if s.control is Control.ON]).measure_controls()["control"]
    file = bench.control_file("benign", control)
    targets = [bench.target(s) for s in HARMLESS]

    def measure(run: Run) -> list[Line]:
        vantage, controlled = run
        return bench.probe(vantage, targets, *(file if controlled else ()), trusted=True, timeout=STEP)

    wanted = [(vantage, controlled) for vantage in LINES for controlled in (True, False)]
    with ThreadPoolExecutor(len(wanted)) as pool:
        return dict(zip(wanted, pool.map(measure, wanted), strict=True))


@pytest.mark.parametrize("controlled", [True, False], ids=["with a control", "without a control"])
@pytest.mark.parametrize("vantage", LINES)
def test_nothing_harmless_is_called_blocked(
    runs: dict[Run, list[Line]], vantage: str, controlled: bool, report: list[str]
) -> None:
    """Neither `blocked` nor `throttled`, whatever packets are lost."""
    lines = runs[vantage, controlled]

    statuses = Counter(line["status"] for line in lines)
    with_control = "with" if controlled else "without"
    report.append(f"benign, {LINES[vantage]} % loss, {with_control} control: {len(lines)} measured, {dict(statuses)}")
    assert len(lines) == len(HARMLESS)
    wrong = [line for line in lines if line["status"] in ("blocked", "throttled")]
    assert not [(line["target"], line["causes"], line["rule"]) for line in wrong]


def test_two_hundred_harmless_measurements_were_made(runs: dict[Run, list[Line]]) -> None:
    """The figure is only worth something if it is of many."""
    assert sum(len(lines) for lines in runs.values()) >= 200
