from __future__ import annotations

import msgspec

from probe.detect.vantage_series import VantageSeries
from probe.model.transition import Transition
from probe.model.verdict import VantageState

ONLINE, OFFLINE = VantageState.ONLINE, VantageState.OFFLINE


def rounds(series: VantageSeries, *states: list[VantageState], begin: float = 0.0) -> list[Transition]:
    """Rounds of 300 s, a verdict a second."""
    found = []
    for number, states_ in enumerate(states):
        for place, state in enumerate(states_):
            found += series.saw(begin + 300.0 * number + place, state)
    return found + series.end_round()


def test_a_vantage_goes_offline_once_and_comes_back_once() -> None:
    """However many verdicts say so."""
    found = rounds(VantageSeries(), [ONLINE] * 9, *[[OFFLINE] * 9] * 12, [ONLINE] * 9)

    assert [(one.target, one.before, one.after) for one in found] == [
        ("vantage", "online", "offline"),
        ("vantage", "offline", "online"),
    ]


def test_the_change_is_dated_between_the_last_and_the_first() -> None:
    """The middle of the two verdicts that disagree."""
    (found,) = rounds(VantageSeries(), [ONLINE, ONLINE], [OFFLINE, OFFLINE])

    assert found.onset.timestamp() == (1.0 + 300.0) / 2
    assert found.time.timestamp() == 301.0
    assert found.evidence == {"verdicts": 2, "of": 2}


def test_a_round_is_in_the_state_most_of_its_verdicts_carry() -> None:
    """A single odd one is no change."""
    assert rounds(VantageSeries(), [ONLINE] * 9, [ONLINE] * 8 + [VantageState.POLICED]) == []


def test_one_outage_may_change_its_name() -> None:
    """First nothing works, then a portal answers."""
    found = rounds(VantageSeries(), [OFFLINE] * 3, [VantageState.PORTAL] * 3, [VantageState.ALLOWLIST] * 3)

    assert [one.after for one in found] == ["offline", "portal", "allowlist"]


def test_nothing_seen_nothing_said() -> None:
    """A round without verdicts that carry a state."""
    assert VantageSeries().end_round() == []


def test_it_survives_as_plain_data() -> None:
    """In the middle of a round."""
    series = VantageSeries()
    series.saw(0.0, ONLINE)
    series.saw(300.0, OFFLINE)
    again = VantageSeries.of(msgspec.msgpack.decode(msgspec.msgpack.encode(series.plain())))

    assert again.plain() == series.plain()
    assert again.end_round() == series.end_round()
