"""Over two hundred measurements of targets that work or are down everywhere, on clean and lossy lines."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.lab.bench import Line
from tests.lab.harmless import HARMLESS, LINES, Run, measure_harmless
from tests.lab.topology import Lab

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def runs(lab: Lab) -> dict[Run, list[Line]]:
    """One pass over all lines."""
    return measure_harmless(lab)


@pytest.mark.parametrize("controlled", [True, False], ids=["with a control", "without a control"])
@pytest.mark.parametrize("vantage", LINES)
def test_no_harmless_target_is_blocked(
    runs: dict[Run, list[Line]], vantage: str, controlled: bool, report: list[str]
) -> None:
    """No target is `blocked` or `throttled` at any loss rate."""
    lines = runs[vantage, controlled]

    statuses = Counter(line["status"] for line in lines)
    with_control = "with" if controlled else "without"
    report.append(f"benign, {LINES[vantage]} % loss, {with_control} control: {len(lines)} measured, {dict(statuses)}")
    assert len(lines) == len(HARMLESS)
    wrong = [line for line in lines if line["status"] in ("blocked", "throttled")]
    assert not [(line["target"], line["causes"], line["rule"]) for line in wrong]


def test_two_hundred_harmless_measurements_were_made(runs: dict[Run, list[Line]]) -> None:
    """A share of false blocks needs many measurements."""
    assert sum(len(lines) for lines in runs.values()) >= 200
