"""Golden cases: observations, control and the verdict that must follow, one folder each."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from probe.judge import RULES, again, verdict
from probe.model.observation import Exchange
from probe.model.target import parse
from probe.model.verdict import Cause, Status
from tests.golden import record
from tests.golden.scenario import Scenario

FOLDERS = sorted(path for path in record.CASES.iterdir() if path.is_dir())
OLDER_FOLDERS = sorted(path for path in record.OLDER_CASES.iterdir() if path.is_dir())
SCENARIOS = record.scenarios()
INTERFERED = (Status.BLOCKED, Status.THROTTLED)


def name(path: Path) -> str:
    return path.name


@pytest.mark.parametrize("folder", [*FOLDERS, *OLDER_FOLDERS], ids=name)
def test_the_observations_of_a_case_have_its_verdict(folder: Path) -> None:
    """Judging observations and control gives the recorded verdict; judging it again changes nothing."""
    case = record.read(folder)

    judged = verdict(
        time=case.seen.time,
        text=case.seen.target,
        target=parse(case.seen.target),
        evidence=case.evidence,
        vantage=record.vantage(case.seen),
    )

    bare = msgspec.structs.replace(judged.evidence, observations=(), control=None)
    assert msgspec.structs.replace(judged, evidence=bare) == case.verdict
    assert again(judged) == judged


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS)
def test_a_scenario_has_the_verdict_that_it_states(scenario: Scenario) -> None:
    """The plan, played in the scenario's world, leads to its status, rule and causes."""
    judged = scenario.play()

    assert (judged.status, judged.rule, judged.causes) == (scenario.status, scenario.rule, scenario.causes)
    assert {field: getattr(judged.evidence, field) for field in scenario.found} == dict(scenario.found)


@pytest.mark.parametrize("folder", FOLDERS, ids=name)
def test_a_recorded_case_is_what_its_scenario_makes(folder: Path) -> None:
    """A changed plan or rule shows as a difference; `python -m tests.golden.record` records it."""
    assert record.made(SCENARIOS[folder.name]) == record.read(folder)


@pytest.mark.parametrize("folder", OLDER_FOLDERS, ids=name)
def test_evidence_of_version_0_1_0_has_the_same_verdict_as_evidence_of_this_version(folder: Path) -> None:
    """That version stored the ids of fingerprints (`marks`); this one stores what the page was."""
    older, newer = record.read(folder), record.read(record.CASES / folder.name)
    pages = [one for one in older.seen.observations if isinstance(one, Exchange)]

    assert any(page.marks for page in pages)
    assert not any(page.sample for page in pages)
    assert not any(isinstance(one, Exchange) and one.marks for one in newer.seen.observations)
    assert older.verdict == newer.verdict


def test_every_scenario_has_its_folder() -> None:
    """No scenario is unrecorded, and no folder is left over."""
    assert {folder.name for folder in FOLDERS} == set(SCENARIOS)


def test_every_rule_decides_some_case() -> None:
    """Each rule is seen to work."""
    decided = {record.read(folder).verdict.rule for folder in FOLDERS}

    assert decided == {rule.id for rule in RULES}


def test_every_cause_is_named_by_some_case() -> None:
    """Of a blocked or throttled target."""
    judged = [record.read(folder).verdict for folder in FOLDERS]
    seen = {cause for verdict in judged if verdict.status in INTERFERED for cause in verdict.causes}

    assert seen == set(Cause)


def test_blocked_and_throttled_cases_have_causes_and_reachable_and_down_ones_have_none() -> None:
    """An unreachable case may have either."""
    for folder in FOLDERS:
        judged = record.read(folder).verdict
        if judged.status is not Status.UNREACHABLE:
            assert bool(judged.causes) == (judged.status in INTERFERED), folder.name
