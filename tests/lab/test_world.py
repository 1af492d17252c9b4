"""The scenarios are well-formed, no name is part of another, and their addresses are ordinary."""

from __future__ import annotations

from itertools import permutations

import pytest

from probe.model import target as targets
from probe.model.address import is_bogon, network_of
from probe.model.verdict import Cause, Status, VantageState
from tests.lab.middlebox import compile_rules
from tests.lab.records import Act, Interference, Scenario
from tests.lab.scenarios import ALL, PROFILES
from tests.lab.world import STUB, deal

WORLD = deal(ALL, PROFILES)


def test_there_are_at_least_ninety_scenarios() -> None:
    """Ninety is the goal for the lab."""
    assert len(ALL) >= 90


@pytest.mark.parametrize("scenario", ALL, ids=lambda scenario: scenario.name)
def test_a_scenario_is_proven_by_a_check_and_expects_words_of_the_contract(scenario: Scenario) -> None:
    """It has at least one check, a target of a known form, and a known status, causes and state."""
    fields = WORLD.fields[scenario.name]
    expect = scenario.expect

    assert scenario.checks
    targets.parse(scenario.target.format(**fields))
    assert {Status(status) for status in expect.status.split("|")}
    assert all(Cause(one) for cause in expect.causes if cause is not ... for one in cause.split("|"))
    assert all(VantageState(state) for state in expect.state.split("|"))
    assert (expect.status != "blocked") or expect.causes, "a block has a cause"


def test_no_name_is_part_of_another() -> None:
    """A keyword filter would otherwise hit another scenario's site."""
    names = [place.host for place in WORLD.placed]

    assert not [(a, b) for a, b in permutations(names, 2) if a in b]


def test_every_address_is_an_ordinary_public_one_and_every_site_has_its_own_network() -> None:
    """No served address is a bogon, and limits per destination network apply to each site alone."""
    own = [place for place in WORLD.placed if not place.site.shares and not place.site.within]
    served = [address for place in own for address in place.served]
    networks = [{network_of(a) for a in place.four} for place in own if place.four]

    assert not [address for address in (*served, STUB) if is_bogon(address)]
    assert len(served) == len(set(served))
    assert sum(len(one) for one in networks) == len(networks) == len(set.union(*networks))


def test_the_same_scenarios_give_the_same_world() -> None:
    """The assignment of names and addresses is a pure function."""
    assert deal(ALL, PROFILES) == WORLD


def test_two_scenarios_of_one_name_are_refused() -> None:
    """Host names are made from the scenario's name."""
    with pytest.raises(ValueError, match="share a name"):
        deal([ALL[0], ALL[0]], PROFILES)


def test_every_act_has_rules_and_an_address_of_one_family_makes_rules_for_that_family_alone() -> None:
    """IPv4 interference leaves IPv6 alone, and the other way round."""
    for act in Act:
        one = Interference(
            act=act,
            name="www.a.net",
            address="151.1.80.1",
            source="151.1.80.1",
            port=443,
            after=9,
            page="x",
            to="1.2.3.4",
        )
        four, six = compile_rules([one])

        assert "151.1.80.1" in four.text() or "www" in four.text(), act
        assert "151.1.80.1" not in six.text(), act


def test_marks_number_the_inspectors_actions_from_one() -> None:
    """Mark n in the rules is the n-th action, over both families."""
    both = [Interference(act=Act.HELLO_RST, name=name) for name in ("www.a.net", "www.b.net")]

    four, six = compile_rules(both)

    assert [action["name"] for action in four.actions] == ["www.a.net", "www.a.net", "www.b.net", "www.b.net"]
    assert "--set-mark 1" in four.text()
    assert "--set-mark 4" in six.text()
