"""`probe check --send` on good and bad lines, with servers that wait for uploads and servers that do not."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.lab.bench import PROBE, Bench, Line
from tests.lab.records import Scenario
from tests.lab.scenarios import sending
from tests.lab.topology import Lab, missing
from tests.lab.world import deal

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("sending")]


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    """A separate lab."""
    if reason := missing():
        pytest.fail(reason)
    with Lab(deal(sending.SCENARIOS, sending.PROFILES)) as lab:
        yield Bench(lab, sending.SCENARIOS)


@pytest.fixture(scope="module")
def lines(bench: Bench) -> dict[str, Line]:
    """Scenario name -> the verdict of `probe check --send`."""
    found: dict[str, Line] = {}
    for profile in sending.PROFILES:
        targets = {bench.target(one): one.name for one in bench.scenarios if one.vantage == profile.name}
        said = bench.probe(profile.name, list(targets), "--send", trusted=True, timeout=profile.timeout)
        found |= {targets[line["target"]]: line for line in said}
    return found


def test_the_situations_are_as_described_without_the_probe(bench: Bench) -> None:
    assert bench.check() == {}


@pytest.mark.parametrize("scenario", sending.SCENARIOS, ids=lambda scenario: scenario.name)
def test_only_uploads_that_freeze_by_name_are_throttled(
    scenario: Scenario, lines: dict[str, Line], report: list[str]
) -> None:
    """Each upload is in the evidence, and no more are made than the comparison needs."""
    line = lines[scenario.name]
    made = [one for one in line["evidence"]["observations"] if one["kind"] == "sent"]
    report.append(f"sending: {scenario.name}: {line['status']} {[one.get('sent', 0) for one in made]}")

    assert (line["status"], tuple(line["causes"])) == (scenario.expect.status, scenario.expect.causes)
    assert (line["rule"] == "throttle.freeze.sent") == (scenario in sending.FREEZES)
    most = {"throttled": 4, "send-address": 2, "send-well": 1, "send-minded": 1, "send-closed": 1}
    assert 1 <= len(made) <= most.get(scenario.name, 4)


def test_no_upload_is_made_without_the_option(bench: Bench) -> None:
    """A target whose uploads freeze is reachable by default."""
    scenario = sending.FREEZES[0]
    (line,) = bench.probe("sender", [bench.target(scenario)], trusted=True)

    assert line["status"] == "reachable"
    assert [one for one in line["evidence"]["observations"] if one["kind"] == "sent"] == []


def test_judging_again_changes_nothing(bench: Bench, lines: dict[str, Line]) -> None:
    """Law A, from the lines alone."""
    text = "".join(json.dumps(line) + "\n" for line in lines.values())

    done = bench.lab.hosts["sender"].run(PROBE, "judge", "-", stdin=text, environ=bench.environ)

    assert [json.loads(line) for line in done.stdout.splitlines()] == list(lines.values())
