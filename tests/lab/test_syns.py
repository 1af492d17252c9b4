"""Ranges are judged alike by SYNs, where the probe may send them, and by connections."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.lab.bench import Bench, Line, faults
from tests.lab.records import Scenario
from tests.lab.scenarios import PROFILES
from tests.lab.scenarios.ranges import SCENARIOS
from tests.lab.topology import Lab, missing
from tests.lab.world import deal

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("syns")]
UNPRIVILEGED = ("setpriv", "--bounding-set=-net_raw", "--inh-caps=-net_raw", "--")


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """A lab of its own."""
    if reason := missing():
        pytest.fail(reason)
    with Lab(deal(SCENARIOS, PROFILES)) as lab:
        yield lab


def _opened(lab: Lab) -> int:
    """How many connections the kernel of the vantage `a1` has begun (`ActiveOpens` of RFC 4022)."""
    names, numbers = (
        line.split() for line in lab.hosts["a1"].must("cat", "/proc/net/snmp").splitlines() if "Tcp:" in line
    )
    return int(numbers[names.index("ActiveOpens")])


def _measured(lab: Lab, prefix: tuple[str, ...]) -> tuple[dict[str, Line], int]:
    before = _opened(lab)
    return Bench(lab, SCENARIOS, prefix).measure(), _opened(lab) - before


@pytest.fixture(scope="module")
def by_syns(lab: Lab) -> tuple[dict[str, Line], int]:
    """Scenario -> its verdict, and the connections that the kernel was asked for, with the privilege."""
    return _measured(lab, ())


@pytest.fixture(scope="module")
def by_connections(lab: Lab) -> tuple[dict[str, Line], int]:
    """The same without it."""
    return _measured(lab, UNPRIVILEGED)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_syns_and_connections_lead_to_the_same_verdict(
    scenario: Scenario, by_syns: tuple[dict[str, Line], int], by_connections: tuple[dict[str, Line], int]
) -> None:
    for lines, _ in (by_syns, by_connections):
        assert not faults(scenario, lines[scenario.name])
    one, other = by_syns[0][scenario.name], by_connections[0][scenario.name]
    assert (one["status"], one["causes"], one["rule"]) == (other["status"], other["causes"], other["rule"])


def test_with_the_privilege_few_connections_are_begun(
    by_syns: tuple[dict[str, Line], int], by_connections: tuple[dict[str, Line], int], report: list[str]
) -> None:
    """Hellos, relay checks and second tries are connections both ways."""
    report.append(f"ranges: connections by the kernel of a1: {by_syns[1]} with SYNs, {by_connections[1]} without")

    assert by_syns[1] < by_connections[1] / 2
