from __future__ import annotations

from typing import Any

from probe.detect.decision import Reason
from probe.detect.explain import explain, standing_evidence
from probe.model.verdict import Status

WORKING = {name: " ".join("." * 40) for name in "bcdef"}


def test_a_history_has_one_point_a_round(scene: Any) -> None:
    """The point counts the outcomes of the round."""
    history = explain(scene.inputs(a=". . XXX. .", **WORKING), "a")

    assert len(history.points) == 40
    assert (history.points[2].worked, history.points[2].failed) == (1, 3)
    assert history.points[2].causes == ("dns.injected",)
    assert history.others == 5


def test_the_evidence_grows_until_the_alarm(scene: Any) -> None:
    """The point of the alarm has its numbers, later points have the settled status."""
    history = explain(scene.inputs(a=" ".join(["."] * 20 + ["S", "S", "S", "S"]), **WORKING), "a")
    alarm = next(point for point in history.points if point.reason == Reason.ALARM.value)

    assert alarm.nats >= alarm.threshold
    assert alarm.status is alarm.towards is Status.BLOCKED
    assert history.points[20].reason == Reason.WEAK.value
    assert history.points[20].nats < history.points[21].nats
    assert [one.after for one in history.transitions][:1] == ["blocked"]


def test_a_suspect_vantage_is_the_reason(scene: Any) -> None:
    """The point has no evidence and names the reason."""
    history = explain(scene.inputs(**dict.fromkeys("abcdef", ". . W . .")), "a")

    assert history.points[2].reason == Reason.SUSPECT.value
    assert history.transitions == ()


def test_a_continuing_block_is_the_reason(scene: Any) -> None:
    """Successes are shown against the threshold of its end."""
    words = " ".join(["."] * 10 + ["XXXX"] + ["X"] * 20 + ["."] + ["X"])
    history = explain(scene.inputs(a=words, **WORKING), "a")

    assert history.points[20].reason == "the failures continue"
    assert history.points[31].towards is Status.REACHABLE
    assert 0.0 < history.points[31].nats < history.points[31].threshold


def test_an_unknown_target_has_an_empty_history(scene: Any) -> None:
    """No point is invented."""
    history = explain(scene.inputs(**WORKING), "stranger")

    assert history.points == ()


def test_what_stood_at_the_first_measurement_is_no_transition(scene: Any) -> None:
    """The history names it beside the transitions."""
    history = explain(scene.inputs(a="XXXX" + " X" * 39, **WORKING), "a")

    assert history.transitions == ()
    (found,) = history.first_sights
    assert (found.status, found.since) == (Status.BLOCKED, scene.verdict_input("a", "X", 0.0).time)
    assert history.points[0].status is Status.BLOCKED


def test_the_evidence_of_a_loaded_detector_can_be_read(settled: Any) -> None:
    """As it stands in the state of an agent, without a verdict at hand."""
    settled.play(a="W", **dict.fromkeys("bcdef", "."))

    doubtful = standing_evidence(settled.detector, "a")
    quiet = standing_evidence(settled.detector, "b")

    assert doubtful is not None
    assert quiet is not None
    assert doubtful.towards is Status.BLOCKED
    assert 0 < doubtful.nats < doubtful.threshold
    assert (quiet.towards, quiet.nats) == (None, 0.0)
    assert standing_evidence(settled.detector, "stranger") is None


def test_the_evidence_for_the_end_of_a_block_can_be_read(settled: Any) -> None:
    settled.play(a="SSSS S", **dict.fromkeys("bcdef", ". ."))

    found = standing_evidence(settled.detector, "a")

    assert found is not None
    assert (found.towards, found.reason) == (Status.REACHABLE, "the failures continue")
