"""In every scenario of the lab the situation is proven without the probe, then the probe's verdict is compared."""

from __future__ import annotations

import json

import pytest

from tests.lab.bench import Line, causes_right, noted, status_right
from tests.lab.records import Scenario
from tests.lab.scenarios import ALL

pytestmark = pytest.mark.lab


@pytest.mark.parametrize("scenario", ALL, ids=lambda scenario: f"{scenario.family}-{scenario.name}")
def test_the_situation_is_as_described_without_the_probe(scenario: Scenario, broken: dict[str, list[str]]) -> None:
    """The checks with dig, curl, openssl and plain sockets pass."""
    assert not broken.get(scenario.name), "\n".join(broken[scenario.name])


@pytest.mark.parametrize("scenario", ALL, ids=lambda scenario: f"{scenario.family}-{scenario.name}")
def test_the_probe_judges_it_rightly(scenario: Scenario, verdicts: dict[str, Line]) -> None:
    """Status, state of the vantage, first cause, the other causes and the note in the evidence are as expected."""
    line = verdicts[scenario.name]
    assert line, "the probe printed no verdict"

    said = (
        json.dumps({key: line[key] for key in ("status", "causes", "rule")})
        + f" at a vantage {line['vantage']['state']}"
    )
    expect = scenario.expect
    assert status_right(scenario, line), f"expected {expect.status} at a vantage {expect.state}, got {said}"
    assert causes_right(scenario, line), f"expected {expect.causes}, got {said}"
    assert noted(scenario, line), f"the evidence lacks {expect.note!r}: {sorted(line['evidence'])}"
