"""Whose vote counts, and how much."""

from __future__ import annotations

import pytest

from probe.fuse.standing import VantageStanding, sponsor_weights, standing_of, total_weight
from tests.unit.fuse.made import BEELINE, MTS, at


@pytest.mark.parametrize(
    ("standing", "votes"),
    [
        (VantageStanding(), True),
        (VantageStanding(network=MTS), True),
        (VantageStanding(network=BEELINE), False),
        (VantageStanding(votes_from=at(10)), True),
        (VantageStanding(votes_from=at(11)), False),
        (VantageStanding(weight=0.5), True),
        (VantageStanding(weight=0.4), False),
    ],
)
def test_a_vote_needs_the_network_the_end_of_the_shadow_and_weight(standing: VantageStanding, votes: bool) -> None:
    """Each alone takes it away."""
    assert standing.votes(MTS, at(10)) is votes


def test_a_sponsor_weighs_at_most_as_much_as_one_vantage() -> None:
    """Agents that are missing share the empty sponsor."""
    standings = {
        "a": VantageStanding(sponsor="x"),
        "b": VantageStanding(sponsor="x"),
        "c": VantageStanding(sponsor="y", weight=0.6),
    }

    assert sponsor_weights(["a", "b", "c", "d", "e"], standings) == {"x": 1.0, "y": 0.6, "": 1.0}
    assert total_weight(["a", "b", "c"], standings) == pytest.approx(1.6)
    assert standing_of("d", standings) == VantageStanding()
