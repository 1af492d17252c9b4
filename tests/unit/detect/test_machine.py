from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from probe.detect.machine import EDGES, State

words = st.lists(st.sampled_from([".", ".", "XXXX", "SSSS", "W", "N", "D", ".N", "MMMM", "X.X"]), max_size=60)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(series=st.lists(words, min_size=3, max_size=5))
def test_a_series_moves_only_along_the_table(new_scene: Callable[[], Any], series: list[list[str]]) -> None:
    """Whatever happens, every step is an edge."""
    scene = new_scene()
    scene.peace(30)
    steps = {(edge.before, edge.after) for edge in EDGES}
    before = dict.fromkeys(scene.detector.network.series, State.REST)
    for number in range(max((len(line) for line in series), default=0)):
        round_ = {f"t{n}": line[number] if number < len(line) else "." for n, line in enumerate(series)}
        scene.play(**round_)
        for target, one in scene.detector.network.series.items():
            was = before.get(target, State.REST)
            path = {(was, one.state), (was, State.SUSPICION), (State.SUSPICION, one.state)}
            assert was is one.state or (was, one.state) in steps or path & steps, (was, one.state)
            before[target] = one.state


def test_every_state_can_be_left_and_reached() -> None:
    """No dead end in the table."""
    assert {edge.before for edge in EDGES} == {edge.after for edge in EDGES} == set(State)


def test_only_changes_of_status_are_reported() -> None:
    """An update is told otherwise."""
    assert [edge.event.split(":")[0] for edge in EDGES if edge.reported] == ["alarm", "clear", "turn"]
