"""Localisation: an ordinary socket finds the interfering hop where the middlebox is."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.lab.bench import PROBE, Bench, Line
from tests.lab.records import Scenario
from tests.lab.scenarios import path
from tests.lab.topology import Lab, missing
from tests.lab.world import FOREIGN_ANCHORS, TRUSTED, deal

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("path")]
UNPRIVILEGED = ("setpriv", "--bounding-set=-all", "--inh-caps=-all", "--")


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    """A separate lab, because the searches send the blocked names many times."""
    if reason := missing():
        pytest.fail(reason)
    with Lab(deal(path.SCENARIOS, path.PROFILES)) as lab:
        yield Bench(lab, path.SCENARIOS)


@pytest.fixture(scope="module")
def lines(bench: Bench) -> dict[str, Line]:
    """Scenario name -> the verdict of `probe check --localise`, run without a capability."""
    controls = bench.control_file("seeker", bench.measure_controls()["control"])
    words = ["check", "--json", "--localise", "--pace", "0", "--concurrency", "40", "--timeout", "2", *controls]
    words += [f"--trusted-resolver={url}" for url in TRUSTED] + [f"--anchor=https://{n}/" for n in FOREIGN_ANCHORS]
    targets = {bench.target(scenario): scenario.name for scenario in bench.scenarios}
    done = bench.lab.hosts["seeker"].run(*UNPRIVILEGED, PROBE, *words, *targets, environ=bench.environ, timeout=200)
    assert done.returncode == 1, done.stderr
    return {targets[line["target"]]: line for line in map(json.loads, done.stdout.splitlines())}


def test_the_situations_are_as_described_without_the_probe(bench: Bench) -> None:
    assert bench.check() == {}


@pytest.mark.parametrize("scenario", path.LOCATED, ids=lambda scenario: scenario.name)
def test_the_interfering_hop_is_found(scenario: Scenario, lines: dict[str, Line], report: list[str]) -> None:
    """The number of routers is right, and the server is named as possible where nothing distinguishes the two."""
    line = lines[scenario.name]

    found = line["evidence"]["location"]
    report.append(f"localised: {scenario.name}: {found}")
    assert (line["status"], line["causes"][0]) == ("blocked", scenario.expect.causes[0])
    assert (found["routers"], found["server"]) == path.LOCATED[scenario]
    assert found.get("silent", False) == scenario.name.endswith("drop")


@pytest.mark.parametrize("scenario", path.HIDDEN, ids=lambda scenario: scenario.name)
def test_no_hop_is_reported_where_none_can_be_located(scenario: Scenario, lines: dict[str, Line]) -> None:
    assert lines[scenario.name]["status"] == "blocked"
    assert "location" not in lines[scenario.name]["evidence"]


def test_a_search_is_short_and_names_no_router(bench: Bench, lines: dict[str, Line]) -> None:
    """At most eight packets of limited reach a target; no address of a router or of the vantage in the evidence."""
    vantage = bench.lab.world.vantages["seeker"]
    near = (*vantage, vantage[0].rsplit(".", 1)[0] + ".1", "62.115.")
    for line in lines.values():
        traces = [one for one in line["evidence"]["observations"] if one["kind"] == "trace"]
        assert len(traces) <= 8
        assert [address for address in near if address in json.dumps(line)] == []


def test_judging_again_changes_nothing(bench: Bench, lines: dict[str, Line]) -> None:
    """Law A: the location is found again from the traces, and nothing else depends on them."""
    text = "".join(json.dumps(line) + "\n" for line in lines.values())

    done = bench.lab.hosts["seeker"].run(PROBE, "judge", "-", stdin=text, environ=bench.environ)

    assert [json.loads(line) for line in done.stdout.splitlines()] == list(lines.values())
