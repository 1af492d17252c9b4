"""The evidence of a range names the sub-prefix that fails and the number of addresses that were tried."""

from __future__ import annotations

import pytest

from tests.lab.bench import Bench, Line
from tests.lab.records import Scenario
from tests.lab.scenarios.ranges import SCENARIOS

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("lab")]
HOLE = next(scenario for scenario in SCENARIOS if scenario.name == "range-hole")


@pytest.mark.parametrize("scenario", [HOLE], ids=lambda scenario: scenario.name)
def test_a_blocked_part_of_a_healthy_range_is_named(
    scenario: Scenario, verdicts: dict[str, Line], bench: Bench, report: list[str]
) -> None:
    """The /24 is named and nothing else; most of the /16 answers."""
    evidence = verdicts[scenario.name]["evidence"]
    net = bench.lab.world.fields[scenario.name]["net"]
    asked = {one["address"] for one in evidence["observations"] if one["kind"] == "tcp"}
    report.append(f"a /16 with one dropped /24: {len(asked)} addresses asked, {evidence.get('failing')} named")

    assert evidence["failing"] == {f"{net}.90.0/24": "tcp.timeout"}
