"""Laws of judging, on golden cases with small changes: a lost packet, another failure, another case's control."""

from __future__ import annotations

from random import Random

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from probe.judge import RULES, again
from probe.model.failure import Failure
from probe.model.observation import Observation
from probe.model.verdict import Evidence, Status, Vantage, VantageState, Verdict
from tests.golden import record

CASES = [record.read(folder) for folder in sorted(record.CASES.iterdir()) if folder.is_dir()]
INTERFERED = {Status.BLOCKED, Status.THROTTLED}
STATES = (*[VantageState.ONLINE] * 10, *VantageState)


def otherwise(seen: list[Observation], chance: Random) -> None:
    """Change one of the observations."""
    place = chance.randrange(len(seen))
    one = seen[place]
    match chance.randrange(5):
        case 0:
            del seen[place]
        case 1:
            seen.insert(chance.randrange(len(seen) + 1), replace(one, attempt=one.attempt + 1))
        case 2:
            seen.append(seen.pop(place))
        case 3:
            seen[place] = replace(one, attempt=chance.randrange(3), hop=chance.randrange(2))
        case _:
            seen[place] = replace(one, failure=chance.choice([None, *Failure]))


def varied(chance: Random) -> Verdict:
    """A golden case with up to four changes, not yet judged."""
    case = chance.choice(CASES)
    seen = list(case.seen.observations)
    for _ in range(chance.randrange(5)):
        if seen:
            otherwise(seen, chance)
    control = chance.choice([case.control, case.control, chance.choice(CASES).control, None])
    return Verdict(
        time=case.seen.time,
        target=case.seen.target,
        status=Status.UNKNOWN,
        evidence=Evidence(
            observations=tuple(seen),
            control=control,
            recent_cuts=case.seen.recent_cuts,
            outages=case.seen.outages,
            glance=case.seen.glance,
            nat64=case.seen.nat64,
            error=case.seen.error,
        ),
        vantage=Vantage(
            state=chance.choice([case.seen.state, chance.choice(STATES)]),
            notes=case.seen.notes,
            anchors=case.seen.anchors,
        ),
    )


@settings(max_examples=400, deadline=None)
@given(st.randoms(use_true_random=False).map(varied))
def test_judging_again_changes_nothing(made: Verdict) -> None:
    """Judging needs only a verdict's evidence, also after a way through JSON."""
    judged = again(made)

    assert again(msgspec.json.decode(msgspec.json.encode(judged), type=Verdict)) == judged


@settings(max_examples=200, deadline=None)
@given(st.randoms(use_true_random=False).map(varied))
def test_findings_of_an_earlier_judgment_are_not_read(made: Verdict) -> None:
    """Nor are status, rule and causes: only observations, control and vantage are."""
    judged = again(made)
    seen = made.evidence
    bare = Evidence(
        observations=seen.observations,
        control=seen.control,
        recent_cuts=seen.recent_cuts,
        outages=seen.outages,
        glance=seen.glance,
        nat64=seen.nat64,
        error=seen.error,
    )

    assert again(replace(judged, status=Status.REACHABLE, causes=(), rule="", evidence=bare)) == judged


@settings(max_examples=200, deadline=None)
@given(st.randoms(use_true_random=False).map(varied))
def test_causes_are_named_where_the_contract_allows_them(made: Verdict) -> None:
    """Always for blocked and throttled targets, sometimes for unreachable ones, never for others."""
    judged = again(made)

    assert bool(judged.causes) == (judged.status in INTERFERED) or judged.status is Status.UNREACHABLE
    assert len(set(judged.causes)) == len(judged.causes)


@settings(max_examples=200, deadline=None)
@given(st.randoms(use_true_random=False).map(varied))
def test_no_target_is_blocked_at_a_vantage_that_cannot_tell(made: Verdict) -> None:
    """Offline and behind a portal all are unknown; on an allow-list and when policed, what works is reachable."""
    for state in VantageState:
        said = again(replace(made, vantage=Vantage(state=state)))
        if state in {VantageState.OFFLINE, VantageState.PORTAL}:
            assert said.status is Status.UNKNOWN
        elif state is not VantageState.ONLINE:
            # A connection that a relay accepts neither works nor fails.
            assert said.status in {Status.REACHABLE, Status.UNKNOWN}


def test_the_changed_cases_reach_nearly_every_rule() -> None:
    """At least nine tenths of the table."""
    chance = Random(2017)
    decided = {again(varied(chance)).rule for _ in range(2500)}

    assert len(decided) >= 0.9 * len(RULES)
