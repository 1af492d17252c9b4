"""The context of a plan: record types, limits, names and the control's status."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from probe.model.address import Family
from probe.model.verdict import ControlFacts, Status
from probe.plan.context import HopLimits, PlanContext


def test_record_types_are_those_of_the_host_s_families() -> None:
    """A host without IPv6 asks for no AAAA."""
    assert PlanContext().rrtypes == ("A", "AAAA")
    assert PlanContext(families=frozenset({Family.IPV6})).rrtypes == ("AAAA",)
    assert PlanContext(families=frozenset()).rrtypes == ()


def test_each_family_has_a_limit_of_addresses() -> None:
    """Four for IPv4 and two for IPv6."""
    assert (HopLimits().of(Family.IPV4), HopLimits().of(Family.IPV6)) == (4, 2)


def test_the_neutral_the_ghost_and_the_allowed_name_are_different() -> None:
    """Equal names would make their answers ambiguous."""
    context = PlanContext()

    assert len({context.random_name, context.ghost_name, context.allowed_name}) == 3


def test_the_system_is_asked_where_its_answer_may_differ_from_the_resolver_s() -> None:
    """For a name of the hosts file, with other sources than files and DNS, and with several resolvers."""
    plain = PlanContext(network_resolvers=("udp:192.0.2.1:53",), hosts_file_names=frozenset({"own.example"}))

    assert plain.asks_system("own.example")
    assert not plain.asks_system("other.example")
    assert replace(plain, hosts_file_names=None).asks_system("other.example")
    assert replace(plain, network_resolvers=("udp:192.0.2.1:53", "udp:192.0.2.2:53")).asks_system("other.example")
    assert replace(plain, network_resolvers=()).asks_system("other.example")


@pytest.mark.parametrize(
    ("statuses", "elsewhere"),
    [
        ((Status.REACHABLE,), True),
        ((Status.REACHABLE, Status.THROTTLED), True),
        ((Status.DOWN, Status.REACHABLE), False),
        ((Status.UNKNOWN,), False),
        ((), False),
    ],
)
def test_a_target_is_served_elsewhere_where_all_statuses_of_the_control_agree(
    statuses: tuple[Status, ...], elsewhere: bool
) -> None:
    """Without a control nothing is known."""
    control = ControlFacts(time=datetime(2026, 10, 1, tzinfo=UTC), statuses=statuses)

    assert PlanContext(control=control).served_elsewhere is elsewhere
    assert not PlanContext().served_elsewhere
