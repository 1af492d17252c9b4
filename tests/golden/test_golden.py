"""Golden cases: observations, control and the verdict that must follow, one folder each."""

from __future__ import annotations

from dataclasses import replace
from itertools import takewhile
from pathlib import Path

import msgspec
import pytest

from probe.judge import RULES, again, verdict
from probe.model.observation import Exchange
from probe.model.target import parse
from probe.model.verdict import Cause, Status
from tests.golden import record
from tests.golden.scenario import DOH, Scenario

FOLDERS = sorted(path for path in record.CASES.iterdir() if path.is_dir())
OLDER_FOLDERS = sorted(path for path in record.OLDER_CASES.iterdir() if path.is_dir())
SCENARIOS = record.scenarios()
UNTIMED = [one for one in SCENARIOS.values() if one.limit == Scenario.limit and not one.recent_cuts]
"""Scenarios in which neither a deadline nor another target's cut comes after a number of steps."""
INTERFERED = (Status.BLOCKED, Status.THROTTLED)


RECORD = "If it should be so, run `python -m tests.golden.record` and read `git diff tests/golden/cases`"


def name(path: Path) -> str:
    return path.name


def differences(made: msgspec.Struct, recorded: msgspec.Struct, where: str = "") -> list[str]:
    """The fields in which two records differ, each with both values, for the message of a failing test."""
    found: list[str] = []
    for field in made.__struct_fields__:
        ours, theirs = getattr(made, field), getattr(recorded, field)
        if isinstance(ours, msgspec.Struct) and isinstance(theirs, msgspec.Struct):
            found += differences(ours, theirs, f"{where}{field}.")
        elif field == "observations" and ours != theirs:
            alike = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(ours, theirs, strict=False)))
            found.append(f"{where}observations: now {len(ours)}, recorded {len(theirs)}; the first {alike} are equal")
        elif ours != theirs:
            found.append(f"{where}{field}: now {ours!r}, recorded {theirs!r}")
    return found


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

    changed = differences(record.recorded(judged), case.verdict)
    assert not changed, f"{folder.name}: judged otherwise than recorded. {'; '.join(changed)}. {RECORD}"
    assert again(judged) == judged


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS)
def test_a_scenario_has_the_verdict_that_it_states(scenario: Scenario) -> None:
    """The plan, played in the scenario's world, leads to its status, rule and causes."""
    judged = scenario.play()

    assert (judged.status, judged.rule, judged.causes) == (scenario.status, scenario.rule, scenario.causes)
    assert {field: getattr(judged.evidence, field) for field in scenario.found} == dict(scenario.found)


@pytest.mark.parametrize("scenario", UNTIMED, ids=lambda scenario: scenario.name)
def test_sparing_trusted_resolvers_changes_no_verdict(scenario: Scenario) -> None:
    """Asked one by one as doubt arises, three trusted resolvers lead to the verdict of three that are asked at once."""
    trusted = scenario.context.get("trusted_resolvers", (DOH,))
    three = tuple(f"{one}?{number}" for one in trusted for number in range(3))[: 3 * bool(trusted)]

    at_once, spared = (
        replace(scenario, context={**scenario.context, "trusted_resolvers": three, "spares_resolvers": spares}).play()
        for spares in (False, True)
    )

    assert (spared.status, spared.rule, spared.causes) == (at_once.status, at_once.rule, at_once.causes)


@pytest.mark.parametrize("folder", FOLDERS, ids=name)
def test_a_recorded_case_is_what_its_scenario_makes(folder: Path) -> None:
    """A changed plan or rule shows as a difference; `python -m tests.golden.record` records it."""
    made, read = record.made(SCENARIOS[folder.name]), record.read(folder)

    changed = differences(made.seen, read.seen) + differences(made.verdict, read.verdict)
    assert not changed, f"{folder.name}: played otherwise than recorded. {'; '.join(changed)}. {RECORD}"
    assert made == read, f"{folder.name}: README.md or control.json differs from the scenario. {RECORD}"


@pytest.mark.parametrize("folder", OLDER_FOLDERS, ids=name)
def test_evidence_of_version_0_1_0_has_the_same_verdict_as_evidence_of_this_version(folder: Path) -> None:
    """That version stored the ids of fingerprints (`marks`); this one stores what the page was."""
    older, newer = record.read(folder), record.read(record.CASES / folder.name)
    pages = [one for one in older.seen.observations if isinstance(one, Exchange)]

    assert any(page.marks for page in pages)
    assert not any(page.sample for page in pages)
    assert not any(isinstance(one, Exchange) and one.marks for one in newer.seen.observations)
    assert not differences(older.verdict, newer.verdict)


def test_every_scenario_has_its_folder() -> None:
    """No scenario is unrecorded, and no folder is left over."""
    assert {folder.name for folder in FOLDERS} == set(SCENARIOS), "run `python -m tests.golden.record`"


def test_every_rule_decides_some_case() -> None:
    """Each rule has a case."""
    decided = {record.read(folder).verdict.rule for folder in FOLDERS}

    idle = {rule.id for rule in RULES} - decided
    assert not idle, (
        f"no golden case is decided by {sorted(idle)}: add a scenario to tests/golden/families/, then record"
    )
    assert not decided - {rule.id for rule in RULES}, "recorded cases name rules that the table does not have"


def test_every_cause_is_named_by_some_case() -> None:
    """The case's target is blocked or throttled."""
    judged = [record.read(folder).verdict for folder in FOLDERS]
    seen = {cause for verdict in judged if verdict.status in INTERFERED for cause in verdict.causes}

    assert seen == set(Cause)


def test_blocked_and_throttled_cases_have_causes_and_reachable_and_down_ones_have_none() -> None:
    """An unreachable case may have either."""
    for folder in FOLDERS:
        judged = record.read(folder).verdict
        if judged.status is not Status.UNREACHABLE:
            assert bool(judged.causes) == (judged.status in INTERFERED), folder.name
