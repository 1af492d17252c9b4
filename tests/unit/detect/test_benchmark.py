"""The benchmark itself: what measures must be right first."""

from __future__ import annotations

from datetime import UTC, datetime
from math import inf
from random import Random
from typing import Any

import pytest

from benchmarks.detect import first_sight
from benchmarks.detect.first_sight import FirstSights
from benchmarks.detect.goals import GOALS
from benchmarks.detect.mechanisms import MECHANISMS
from benchmarks.detect.score import quantile, score, upper_bound
from benchmarks.detect.script import DAY, HOUR, START, Script, Vantage
from benchmarks.detect.worlds import WORLDS, script_of
from probe.model.transition import Transition

NAME = "https://site00.example/"


def call(moment: float, before: str, after: str, onset: float = 0.0) -> Transition:
    """A report."""
    at = datetime.fromtimestamp(moment, UTC)
    return Transition(
        target=NAME, before=before, after=after, time=at, onset=datetime.fromtimestamp(onset or moment, UTC)
    )


def watched() -> tuple[Script, Vantage]:
    """One target for four days, blocked on the second; the vantage has made its rounds."""
    script = Script(targets=1, days=4.0, noise=0.0)
    script.block(0, START + DAY, START + 2 * DAY, "dns")
    vantage = Vantage(Random(1), script, 0)
    for _ in vantage.inputs():
        pass
    return script, vantage


def test_equal_seeds_give_equal_series() -> None:
    """Another seed gives another series."""

    def series(seed: int) -> list[Any]:
        return list(Vantage(Random(seed), script_of("clean_ge", seed, 2.0), 3).inputs())

    assert series(1) == series(1)
    assert series(1) != series(2)


@pytest.mark.parametrize("name", WORLDS)
def test_a_simulated_world_is_in_order_of_time(name: str) -> None:
    """Its re-tests are, too, as `probe replay` requires; and it contains its events."""
    script = script_of(name, 7, 12.0)
    inputs = list(Vantage(Random(7), script, 3).inputs())
    moments = [one.time for one in inputs]

    assert moments == sorted(moments)
    assert bool(script.events) == (WORLDS[name][0] not in {"quiet", "quiet_ge", "quiet_geh", "outage", "down"})


def test_a_report_in_the_first_round_has_a_delay_of_one() -> None:
    """Its onset lies between the right samples; the end of a block likewise."""
    script, vantage = watched()
    first = next(moment for moment in vantage.rounds if moment > START + DAY) + 5.0
    after = next(moment for moment in vantage.rounds if moment > START + 2 * DAY) + 5.0
    result = score(
        script,
        vantage,
        [call(first, "reachable", "blocked", onset=START + DAY - 1.0), call(after, "blocked", "reachable")],
    )

    assert result.all_delays() == [1]
    assert result.unblocks == [1]
    assert result.onsets == [0]
    assert (result.false_blocks, result.false_clears, result.duplicates) == (0, 0, 0)


def test_wrong_reports_are_counted_by_kind() -> None:
    """A report before the event is false, a clear during it is false, the same report again is a repetition."""
    script, vantage = watched()
    found = [
        call(START + HOUR, "reachable", "blocked"),
        call(START + 2 * HOUR, "blocked", "reachable"),
        call(START + DAY + HOUR, "reachable", "blocked"),
        call(START + DAY + 2 * HOUR, "unreachable", "blocked"),
        call(START + DAY + 3 * HOUR, "blocked", "reachable"),
        call(START + DAY + 4 * HOUR, "reachable", "blocked"),
    ]
    result = score(script, vantage, found)

    assert (result.false_blocks, result.false_clears, result.duplicates) == (1, 1, 1)
    assert result.unblocks == [inf]


def test_an_event_without_a_report_is_missed() -> None:
    """Its delay is infinite."""
    script, vantage = watched()

    assert score(script, vantage, []).all_delays() == [inf]


def test_quantiles_and_bounds() -> None:
    """A quantile is the smallest value that a share does not exceed; no event in twenty years bounds a rate at 0.15."""
    assert quantile([1, 2, 3, 4], 0.5) == 2
    assert quantile([1] * 19 + [9], 0.95) == 1
    assert quantile([1] * 18 + [9, 9], 0.95) == 9
    assert upper_bound(0, 20.0) == pytest.approx(0.15, abs=0.001)
    assert upper_bound(3, 20.0) == pytest.approx(7.75 / 20, abs=0.01)


def test_every_goal_names_an_existing_world() -> None:
    """There are seven mechanisms."""
    assert {world for goal in GOALS for world in goal.worlds} <= set(WORLDS)
    assert len(MECHANISMS) == 7


def test_a_standing_block_is_said_in_the_first_minutes_and_nothing_else_is() -> None:
    """The tables of first sight count both."""
    blocked, healthy = FirstSights(), FirstSights()
    script, key = next(first_sight.standing("dns", 1.0, seed=1))
    first_sight.run(script, key, blocked, confirm=3, anchors=0)
    script, key = next(first_sight.healthy(*first_sight.TROUBLES["starts behind a captive portal, unnoticed"], 1, 0.1))
    first_sight.run(script, key, healthy, confirm=3, anchors=0)

    assert len(blocked.minutes) > 2
    assert max(blocked.minutes) < 10.0
    assert max(blocked.unblocks) < 60.0
    assert (blocked.false, blocked.changes, healthy.false, healthy.minutes) == (0, 0, 0, [])
    assert healthy.years > 0.0
