from __future__ import annotations

from typing import Any

from probe.detect.decision import Reason
from probe.detect.explain import explain
from probe.model.verdict import Status

WORKING = {name: " ".join("." * 40) for name in "bcdef"}


def test_a_story_has_a_point_for_every_round(scene: Any) -> None:
    """With what was seen in it."""
    history = explain(scene.inputs(a=". . XXX. .", **WORKING), "a")

    assert len(history.points) == 40
    assert (history.points[2].worked, history.points[2].failed) == (1, 3)
    assert history.points[2].causes == ("dns.injected",)
    assert history.others == 5


def test_evidence_runs_up_to_the_alarm_and_the_alarm_is_told(scene: Any) -> None:
    """The point of the alarm carries its numbers, the ones after it what was believed."""
    history = explain(scene.inputs(a=" ".join(["."] * 20 + ["S", "S", "S", "S"]), **WORKING), "a")
    alarm = next(point for point in history.points if point.reason == Reason.ALARM.value)

    assert alarm.nats >= alarm.threshold
    assert alarm.status is alarm.towards is Status.BLOCKED
    assert history.points[20].reason == Reason.WEAK.value
    assert history.points[20].nats < history.points[21].nats
    assert [one.after for one in history.transitions][:1] == ["blocked"]


def test_it_says_that_the_vantage_was_suspect(scene: Any) -> None:
    """No evidence, and why not."""
    history = explain(scene.inputs(**dict.fromkeys("abcdef", ". . W . .")), "a")

    assert history.points[2].reason == Reason.SUSPECT.value
    assert history.transitions == ()


def test_a_block_that_goes_on_says_so(scene: Any) -> None:
    """And hope is shown against the threshold of clearing."""
    words = " ".join(["."] * 10 + ["XXXX"] + ["X"] * 20 + ["."] + ["X"])
    history = explain(scene.inputs(a=words, **WORKING), "a")

    assert history.points[20].reason == "it goes on"
    assert history.points[31].towards is Status.REACHABLE
    assert 0.0 < history.points[31].nats < history.points[31].threshold


def test_a_target_that_does_not_occur_has_no_story(scene: Any) -> None:
    """Nothing is made up."""
    history = explain(scene.inputs(**WORKING), "stranger")

    assert history.points == ()
