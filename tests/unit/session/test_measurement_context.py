"""What the targets of a pass share, and the plan of one target."""

from __future__ import annotations

from datetime import UTC, datetime

from probe.model.address import Family
from probe.model.target import Target, parse
from probe.model.verdict import AnchorKind, AnchorLook, ControlFacts, Status, Vantage, VantageState
from probe.plan.endpoint import TcpPlan
from probe.plan.fast_path import FastPathPlan
from probe.session.measurement_context import MeasurementContext, MeasurementPlan
from tests.unit.session.scripted import context

NOON = datetime(2017, 5, 4, 12, tzinfo=UTC)
ENDPOINT = parse("tcp://151.101.1.10:443")
LOOK = AnchorLook(url="https://a.example/", kind=AnchorKind.FOREIGN, at=NOON)


def planned(target: Target, given: MeasurementContext, *, attempt: int = 0, control: bool = False) -> MeasurementPlan:
    """The plan of a target."""
    known = ControlFacts(time=NOON, statuses=(Status.REACHABLE,)) if control else None
    return MeasurementPlan(str(target), target, given, NOON, control=known, attempt=attempt, suspected=False)


def test_the_vantage_carries_the_notes_of_anchors_and_host() -> None:
    outdated = AnchorLook(url="https://a.example/", kind=AnchorKind.FOREIGN, at=NOON, outdated=True)

    vantage = context(host_notes=("tunnel",), asn=64500, country="RU").vantage((outdated,))

    assert vantage == Vantage(
        state=VantageState.ONLINE, asn=64500, country="RU", anchors=(outdated,), notes=("clock_wrong", "tunnel")
    )


def test_broken_ipv6_is_not_tried_unless_it_is_all_there_is() -> None:
    broken = AnchorLook(url="https://a.example/", kind=AnchorKind.FOREIGN, at=NOON, ipv6_result="timeout")
    both, six_alone = context(), context(families=frozenset({Family.IPV6}))
    for each in (both, six_alone):
        each.anchors._latest_start = 0.0
        each.anchors._looks[broken.url, broken.kind] = (0.0, broken)
        each.anchors._anchors.append((broken.url, broken.kind))

    assert context().usable_families() == frozenset(Family)
    assert both.usable_families() == {Family.IPV4}
    assert six_alone.usable_families() == {Family.IPV6}


def test_the_vantage_is_one_record_as_long_as_the_looks_are_the_same() -> None:
    """Thousands of verdicts between two looks share it; another look makes another."""
    given, looks = context(), (LOOK,)

    assert given.vantage(looks) is given.vantage(looks)
    assert given.vantage((LOOK,)) == given.vantage(looks)
    assert given.vantage(()).anchors == ()


async def test_targets_share_the_context_of_the_fast_path_until_a_resolver_dies() -> None:
    given = context(network_resolvers=("udp:9.9.9.9:53",))
    first = given.fast_context()
    assert given.fast_context() is first

    given.tools.resolvers._silent["udp:9.9.9.9:53"] = 1e12
    assert given.fast_context().dead_resolvers == {"udp:9.9.9.9:53"}


async def test_a_first_look_without_a_control_takes_the_fast_path() -> None:
    """A re-test, and a target that a control knows, begin with the full plan."""
    given = context()

    assert isinstance(planned(ENDPOINT, given).steps(), FastPathPlan)
    assert isinstance(planned(ENDPOINT, given, attempt=1).steps(), TcpPlan)
    assert isinstance(planned(ENDPOINT, given, control=True).steps(), TcpPlan)


async def test_the_full_context_is_made_once() -> None:
    """Its random names are the measurement's: all its steps use the same ones."""
    plan = planned(ENDPOINT, context(), attempt=1)

    assert plan.full_context is plan.full_context
    assert plan.full_context.random_name != planned(ENDPOINT, context(), attempt=1).full_context.random_name
    assert plan.full_context.relay_address.startswith("198.1")
