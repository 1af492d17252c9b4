"""Over two hundred measurements of what works, or is down for everybody, on clean and lossy lines: no block is seen."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.lab.bench import Bench, Line
from tests.lab.records import Control
from tests.lab.scenarios import ALL
from tests.lab.topology import Lab

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("lab")]

LINES = {"a2": 3.0, "loss2": 10.0, "loss5": 10.0}
"""Vantages with 0, 2 and 5 % loss in each direction, and the step's time-out in seconds there."""
HARMLESS = [
    s for s in ALL if s.family == "benign" and not s.middlebox and s.lie is None and "{vantage}" not in str(s.core)
]


@pytest.fixture(scope="module")
def control(lab: Lab) -> list[Line]:
    """The control's lines for every harmless target."""
    return Bench(lab, [s for s in HARMLESS if s.control is Control.ON]).measure_controls()["control"]


@pytest.mark.parametrize("controlled", [True, False], ids=["with a control", "without a control"])
@pytest.mark.parametrize("vantage", LINES)
def test_nothing_harmless_is_called_blocked(
    lab: Lab, control: list[Line], vantage: str, controlled: bool, report: list[str]
) -> None:
    """Neither `blocked` nor `throttled`, whatever packets are lost."""
    bench = Bench(lab, HARMLESS)
    extra = bench.control_file(f"benign-{vantage}", control) if controlled else []

    lines = bench.probe(vantage, [bench.target(s) for s in HARMLESS], *extra, trusted=True, timeout=LINES[vantage])

    statuses = Counter(line["status"] for line in lines)
    report.append(f"benign at {vantage}, {'with' if controlled else 'no'} control: {len(lines)}, {dict(statuses)}")
    assert len(lines) == len(HARMLESS)
    assert not [
        (line["target"], line["causes"], line["rule"]) for line in lines if line["status"] in ("blocked", "throttled")
    ]
