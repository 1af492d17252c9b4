"""A middlebox that switches on and off: every switch reported once, none invented (the long run: `switching.py`)."""

from __future__ import annotations

import pytest

from tests.lab.ordinary import say, watch
from tests.lab.switching import LEAST_OFF, MEANS, PACE, SITES, Switch, Switching, schedule

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("switching")]


def test_every_switch_is_reported_once_and_none_is_invented() -> None:
    """A forged DNS answer and a dropped server name, on and off again, also on a slow machine."""
    with watch(SITES, PACE) as on:
        run = Switching(on, ())
        for state in (True, False):
            say([run.perform_switch(Switch(0.0, means, state)) for means in ("lie", "hello")])
            say(run.settle(20))
        lines, wrong = run.judgement()
    say(lines)
    assert wrong == []


@pytest.mark.parametrize("seed", range(5))
def test_a_schedule_leaves_every_change_the_time_it_takes_to_be_called(seed: int) -> None:
    """Switches alternate between on and off, the last can be reported, and a seed always gives the same schedule."""
    rounds = 180.0
    found = schedule(seed, rounds)

    assert found == schedule(seed, rounds) != schedule(seed + 1, rounds)
    assert found == sorted(found)
    for means in MEANS:
        own = [switch for switch in found if switch.means == means]
        assert [switch.on for switch in own] == [number % 2 == 0 for number in range(len(own))]
        least = [MEANS[means].least if switch.on else LEAST_OFF for switch in own]
        ends = [switch.round for switch in own[1:]] + [rounds]
        assert len(own) >= 2
        assert all(end - switch.round >= time for switch, end, time in zip(own, ends, least, strict=True))
