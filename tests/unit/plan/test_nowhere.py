"""Queries to an address that runs no resolver: when they are made, and which."""

from __future__ import annotations

from collections import Counter

import pytest

from probe.model.failure import Failure
from probe.model.hop import Purpose
from probe.model.observation import Observation, Resolution
from probe.model.step import Resolve
from probe.model.target import parse
from probe.model.verdict import ControlFacts, Evidence, Status, Vantage, VantageState, Verdict
from probe.plan.context import PlanContext
from probe.plan.nowhere import NAME_QUERIES, OTHER_QUERIES, NowherePlan, doubtful_name
from tests.unit.judge.builders import TIME, control, said
from tests.unit.plan.dialogue import NAME

LIED = said("network", "31.13.94.10")
DENIED = said("network", failure=Failure.NXDOMAIN)


def doubt(
    *seen: Observation,
    text: str = f"https://{NAME}/",
    status: Status = Status.UNREACHABLE,
    by: ControlFacts | None = None,
) -> str:
    """The name that is asked for after these observations."""
    verdict = Verdict(
        time=TIME,
        target=text,
        status=status,
        evidence=Evidence(observations=seen, control=by),
        vantage=Vantage(state=VantageState.ONLINE),
    )
    return doubtful_name(verdict, parse(text))


@pytest.mark.parametrize("seen", [LIED, DENIED, said("system", "31.13.94.10")], ids=["lied", "denied", "system"])
@pytest.mark.parametrize("text", [f"https://{NAME}/", NAME, f"dns://{NAME}", f"quic://{NAME}:443"])
def test_a_name_without_anything_to_compare_it_with_is_in_doubt(seen: Resolution, text: str) -> None:
    """Where nothing was served."""
    assert doubt(seen, said("trusted", failure=Failure.TIMEOUT), text=text) == NAME


def test_no_query_is_made_where_it_could_change_nothing() -> None:
    """A verdict of another status, an address, an answer of a trusted resolver, a control that knows addresses."""
    assert not doubt(LIED, status=Status.REACHABLE)
    assert not doubt(LIED, status=Status.BLOCKED)
    assert not doubt(LIED, text="https://151.101.1.10/")
    assert not doubt(LIED, text="tcp://151.101.1.10:443")
    assert not doubt(LIED, said("trusted", "151.101.1.10"))
    assert not doubt(DENIED, said("trusted", failure=Failure.NXDOMAIN))
    assert not doubt(LIED, by=control())
    assert doubt(LIED, by=control(addresses=()))
    assert not doubt(said("network", failure=Failure.TIMEOUT))
    assert not doubt()


def test_names_that_nobody_can_have_listed_are_asked_for_once_the_name_is_answered() -> None:
    """At the address that runs no resolver, over UDP."""
    plan = NowherePlan(NAME, PlanContext(no_resolver="104.16.1.1", ghost_name="a.example", random_name="b.example"))
    first = plan.pending()
    assert [step.name for step in first if isinstance(step, Resolve)] == [NAME] * NAME_QUERIES
    for step in first:
        assert isinstance(step, Resolve)
        plan.observe(step, said("network", "31.13.94.10"))
        plan.finish(step)

    others = plan.pending()

    names = Counter(step.name for step in others if isinstance(step, Resolve))
    assert names == {"a.example": OTHER_QUERIES // 2, "b.example": OTHER_QUERIES // 2}
    assert {step.resolver for step in (*first, *others) if isinstance(step, Resolve)} == {"udp:104.16.1.1:53"}
    assert {step.position.purpose for step in (*first, *others)} == {Purpose.NOWHERE}
    for step in others:
        plan.observe(step, said("network", failure=Failure.TIMEOUT))
        plan.finish(step)
    assert plan.pending() == ()


def test_no_invented_name_is_sent_where_the_name_itself_is_not_answered() -> None:
    """Nothing could be concluded from it."""
    plan = NowherePlan(NAME, PlanContext(no_resolver="104.16.1.1"))
    for step in plan.pending():
        plan.observe(step, said("network", failure=Failure.TIMEOUT))
        plan.finish(step)

    assert plan.pending() == ()
