"""What a plan may use."""

from __future__ import annotations

from probe.model.address import Family
from probe.plan.setup import Limits, Setup


def test_record_types_follow_the_families_the_host_has() -> None:
    """A host without IPv6 asks for no AAAA."""
    assert Setup().rrtypes == ("A", "AAAA")
    assert Setup(families=frozenset({Family.IPV6})).rrtypes == ("AAAA",)
    assert Setup(families=frozenset()).rrtypes == ()


def test_each_family_has_its_cap() -> None:
    """Four and two, unless said otherwise."""
    assert (Limits().of(Family.IPV4), Limits().of(Family.IPV6)) == (4, 2)


def test_the_names_a_plan_uses_of_itself_are_different_ones() -> None:
    """A neutral name that is the ghost or the allowed one would blur what they show."""
    setup = Setup()

    assert len({setup.random_name, setup.ghost_name, setup.allowed_name}) == 3
