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
            found += series.add_state(begin + 300.0 * number + place, state)
    return found + series.end_round()


def test_each_change_of_the_vantage_is_reported_once() -> None:
    """The number of verdicts does not matter."""
    found = rounds(VantageSeries(), [ONLINE] * 9, *[[OFFLINE] * 9] * 12, [ONLINE] * 9)

    assert [(one.target, one.before, one.after) for one in found] == [
        ("vantage", "online", "offline"),
        ("vantage", "offline", "online"),
    ]


def test_a_vantage_change_is_dated_between_two_verdicts() -> None:
    """It is the middle of the two that disagree."""
    (found,) = rounds(VantageSeries(), [ONLINE, ONLINE], [OFFLINE, OFFLINE])

    assert found.onset.timestamp() == (1.0 + 300.0) / 2
    assert found.time.timestamp() == 301.0
    assert found.evidence == {"verdicts": 2, "of": 2}


def test_the_state_of_a_round_is_the_most_frequent_one() -> None:
    """One odd verdict is no change."""
    assert rounds(VantageSeries(), [ONLINE] * 9, [ONLINE] * 8 + [VantageState.POLICED]) == []


def test_an_outage_may_become_a_portal() -> None:
    """Each state is reported."""
    found = rounds(VantageSeries(), [OFFLINE] * 3, [VantageState.PORTAL] * 3, [VantageState.ALLOWLIST] * 3)

    assert [one.after for one in found] == ["offline", "portal", "allowlist"]


def test_a_round_without_vantage_states_reports_nothing() -> None:
    """The state stays."""
    assert VantageSeries().end_round() == []


def test_plain_data_restores_the_vantage_state() -> None:
    """It is saved within a round."""
    series = VantageSeries()
    series.add_state(0.0, ONLINE)
    series.add_state(300.0, OFFLINE)
    again = VantageSeries.from_plain(msgspec.msgpack.decode(msgspec.msgpack.encode(series.to_plain())))

    assert again.to_plain() == series.to_plain()
    assert again.end_round() == series.end_round()
