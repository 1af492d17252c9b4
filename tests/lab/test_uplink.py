"""An uplink that is cut and comes back: two changes of the vantage, none of a target (the long run: `uplink.py`)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from probe.model.transition import Transition
from tests.lab.ordinary import Pace
from tests.lab.switching import PACE
from tests.lab.uplink import judgement, perform

NOON = datetime(2025, 8, 1, 12, tzinfo=UTC)


@pytest.mark.lab
@pytest.mark.xdist_group("uplink")
def test_a_cut_uplink_is_one_change_of_the_vantage_and_none_of_a_target() -> None:
    """The cut lasts four rounds and begins and ends inside a round."""
    assert perform(20 / 60, 1, pace=PACE, before=1.0, within=4.0) == []


def transition(target: str, before: str, after: str, minute: float) -> Transition:
    """A transition, known two minutes after its onset."""
    onset = NOON + timedelta(minutes=minute)
    return Transition(target=target, before=before, after=after, time=onset + timedelta(minutes=2), onset=onset)


def test_the_judgement_finds_what_is_wrong() -> None:
    """A target that changed, an end that is not reported, and one that is reported late."""
    pace, back = Pace(interval=300.0, rate=1.0, step=1.0), NOON + timedelta(minutes=30)
    down, up = transition("vantage", "online", "offline", 0.0), transition("vantage", "offline", "online", 30.0)
    target = transition("https://a.example/", "reachable", "blocked", 3.0)

    assert judgement([down, up], NOON, back, pace) == []
    assert len(judgement([down, target, up], NOON, back, pace)) == 1
    assert judgement([down], NOON, back, pace) == ["the vantage went [('online', 'offline')]"]
    assert len(judgement([down, transition("vantage", "offline", "online", 45.0)], NOON, back, pace)) == 1
