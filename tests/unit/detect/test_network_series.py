from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from probe.detect.decision import Reason
from probe.detect.detector import Detector
from probe.detect.detector_input import AnchorOutcome, ControlResult, EvidenceFacts
from probe.detect.learned import TRUSTED_AFTER_ROUNDS
from probe.detect.network_series import NetworkSeries
from probe.detect.round_times import ClockCorrection
from probe.model.verdict import Cause, Status
from tests.unit.detect.conftest import START

Said = Callable[[Any], list[tuple[str, str, str]]]

OTHERS = dict.fromkeys("bcdef", ". . . . . . . . . . . . . . . .")


def test_injected_answers_are_reported_in_the_first_round(settled: Any, said: Said) -> None:
    """The round has three re-tests."""
    (block,) = settled.play(a="XXXX", **dict.fromkeys("bcdef", "."))

    assert said([block]) == [("a", "reachable", "blocked")]
    assert block.causes == (Cause.DNS_INJECTED,)
    assert (block.time - block.onset).total_seconds() < 300
    assert block.evidence["nats"] > block.evidence["threshold"]
    assert {"failures", "attempts", "rounds", "regime", "share", "stray"} <= block.evidence.keys()


def test_the_end_of_a_full_block_is_reported_in_the_first_round(settled: Any, said: Said) -> None:
    """The block did not leak."""
    settled.play(a="XXXX " + "X " * 50, **OTHERS)
    (end,) = settled.play(a="....", **dict.fromkeys("bcdef", "."))

    assert said([end]) == [("a", "blocked", "reachable")]
    assert end.causes == ()
    assert end.evidence["leak"] < 0.05


def test_time_outs_are_reported_after_a_quarter_of_an_hour(settled: Any) -> None:
    """The onset is the first time-out."""
    begin = settled.round
    (block,) = settled.play(a="WWWW" + " W" * 15, **OTHERS)

    assert block.after == "blocked"
    assert (
        3 * 300 <= block.time.timestamp() - settled.verdict_input("a", ".", 300.0 * begin).time.timestamp() <= 8 * 300
    )
    assert block.onset < settled.verdict_input("a", ".", 300.0 * begin).time


@pytest.mark.parametrize(
    ("word", "after"), [("SSSS", "blocked"), ("TTTT", "throttled"), ("DDDD", "down"), ("NNNN", "unreachable")]
)
def test_the_status_follows_the_regime(settled: Any, word: str, after: str) -> None:
    """Each failure class leads to its own status."""
    line = " ".join([word, *[word[0]] * 12])
    found = settled.play(a=line, **OTHERS)

    assert [one.after for one in found] == [after]


def test_a_target_that_never_worked_is_settled_without_a_transition(settled: Any) -> None:
    """Nothing was seen to change. It is known in the first round, as blocked since before it was first measured."""
    first = settled.verdict_input("new", "X", 300.0 * settled.round).time
    assert settled.play(new="XXXX", **dict.fromkeys("bcdef", ".")) == []

    (found,) = settled.detector.first_sights()
    assert (found.target, found.status, found.since) == ("new", Status.BLOCKED, first)
    assert found.nats > found.threshold
    assert found.time > found.since
    assert settled.detector.first_sights() == []
    current = settled.detector.settled("new")
    assert (current.status, current.since, current.before_watch) == (Status.BLOCKED, first, True)


def control_serves(seconds: float) -> EvidenceFacts:
    """The control is served in every round."""
    return EvidenceFacts(control=ControlResult(START + timedelta(seconds=seconds), ("reachable",)))


@pytest.mark.parametrize(("line", "rounds"), [("XXXX", 1), ("SSSS", 1), ("MMMM MMMM MMMM", 3), ("WWWW WWWW WWWW", 3)])
def test_a_block_that_stands_is_said_by_mechanism(scene: Any, line: str, rounds: int) -> None:
    """Evidence that proves itself is enough in the first round, resets and silence take three and a served control."""
    scene.facts = control_serves
    words = line.split()
    seen = []
    for word in words[:rounds]:
        assert scene.play(b=".", c=".", a=word, d=".", e=".", f=".", g=".", h=".") == []
        seen.append([(one.target, one.status.value) for one in scene.detector.first_sights()])

    assert seen == [[]] * (rounds - 1) + [[("a", "blocked")]]


def test_a_target_that_works_at_the_end_of_a_round_is_not_said_to_be_blocked(scene: Any) -> None:
    """What it suffered from may have ended in the middle of the round, unless the failures prove themselves."""
    scene.play(a="SSS.", b="XXX.", **dict.fromkeys("cdefgh", "."))
    assert [one.target for one in scene.detector.first_sights()] == ["b"]

    scene.play(a=".SSS", **dict.fromkeys("cdefgh", "."))
    assert [one.target for one in scene.detector.first_sights()] == ["a"]


def test_silence_without_a_served_control_takes_as_long_as_before(scene: Any) -> None:
    """The site may be down, and nobody has looked."""
    scene.play(a=" ".join(["WWWW"] * 9), **dict.fromkeys("bcdef", " ".join("." * 9)))

    assert scene.detector.first_sights() == []
    assert scene.detector.settled("a") is None


def test_a_vantage_that_starts_in_an_outage_says_nothing(scene: Any) -> None:
    """Everything fails, then a portal answers, and it ends in the middle of a round."""
    scene.facts = control_serves
    outage = " ".join(["WWWW"] * 3 + ["SSSS"] * 3)
    for line in (f"{outage} SSSS .", f"{outage} . ."):
        scene.play(a=line, b=line, c=line, d=line, e=f"{outage} . .", f=f"{outage} . .", g=f"{outage} . .")

    assert scene.detector.first_sights() == []
    assert scene.detector.settled("a").status is Status.REACHABLE


def test_a_target_that_works_after_its_first_sight_is_a_transition(scene: Any, said: Said) -> None:
    """It is far more often unblocked than a first sight is wrong, so an end is reported in any case, in two rounds."""
    scene.facts = control_serves
    scene.play(a="XXXX", **dict.fromkeys("bcdefgh", "."))
    assert scene.detector.settled("a").status is Status.BLOCKED

    assert said(scene.play(a=".... ....", **dict.fromkeys("bcdefgh", ". ."))) == [("a", "blocked", "reachable")]
    assert scene.detector.settled("a").before_watch is False


def test_the_reason_of_a_failure_that_stands_is_no_change(scene: Any) -> None:
    """The control's data arrive after hours; until then nobody knows why the target fails."""
    scene.play(a=" ".join(["NNNN"] * 30), **dict.fromkeys("bcdef", " ".join("." * 30)))
    (vague,) = scene.detector.first_sights()
    found = scene.play(a=" ".join(["XXXX"] * 9), **dict.fromkeys("bcdef", " ".join("." * 9)))
    (clear,) = scene.detector.first_sights()

    assert found == []
    assert (vague.status, clear.status) == (Status.UNREACHABLE, Status.BLOCKED)
    assert vague.since == clear.since
    current = scene.detector.settled("a")
    assert (current.status, current.since, current.before_watch) == (Status.BLOCKED, vague.since, True)


def test_a_target_that_is_down_at_first_sight_changes_when_it_is_blocked_later(scene: Any, said: Said) -> None:
    """The control saw it down, so something has changed since."""
    scene.play(a=" ".join(["DDDD"] * 9), **dict.fromkeys("bcdef", " ".join("." * 9)))
    (down,) = scene.detector.first_sights()
    assert down.status is Status.DOWN

    found = scene.play(a=" ".join(["XXXX"] * 9), **dict.fromkeys("bcdef", " ".join("." * 9)))
    assert said(found) == [("a", "down", "blocked")]
    assert scene.detector.settled("a").before_watch is False


def test_no_target_is_reported_while_most_targets_fail(settled: Any) -> None:
    """The uplink is dead for two hours, then a captive portal answers, then it works."""
    for word in ("NNNN", "SSSS", "WWWW", "MMMM"):
        line = " ".join([word] * 24 + ["...."])

        assert settled.play(a=line, b=line, c=line, d=line, e=". . . .", f=line) == []
        assert not settled.detector.network.suspect


def test_injected_answers_are_reported_by_a_suspect_vantage(settled: Any, said: Said) -> None:
    """Another target works, so the vantage does."""
    found = settled.play(a="XXXX", b="XXXX", c="XXXX", d="XXXX", e="XXXX", f=".")

    assert {one[0] for one in said(found)} == set("abcde")


def test_the_first_round_needs_a_comparison(settled: Any) -> None:
    """A lone target is reported one round later."""
    assert settled.play(a="SSSS") == []
    assert settled.detector.network.decisions["a"].reason is Reason.NOT_CONFIRMED

    assert len(settled.play(a="S")) == 1


def test_targets_measured_far_apart_can_share_an_outage(settled: Any) -> None:
    """No batch holds three of them, so only the comparison finds it; the shared evidence is discarded."""
    names = "abcdef"
    begin = 300.0 * settled.round
    found = []
    for number in range(60):
        for place, target in enumerate(names):
            failing = 10 <= number < 25 or (target == "a" and number == 30)
            moment = begin + 600.0 * number + 90.0 * place
            found += settled.detector.feed(settled.verdict_input(target, "M" if failing else ".", moment))

    assert found + settled.detector.finish() == []


def test_a_shared_failure_counts_after_three_hours(settled: Any) -> None:
    """Five of six targets, measured far apart, are reset at once."""
    begin = 300.0 * settled.round
    found = []
    for number in range(30):
        for place, target in enumerate("abcdef"):
            letter = "." if target == "f" else "M"
            found += settled.detector.feed(settled.verdict_input(target, letter, begin + 600.0 * number + 90.0 * place))

    assert {one.target for one in found} == set("abcde")
    assert min(one.time for one in found) >= settled.verdict_input("a", ".", begin + 3 * 3600).time


def test_a_shared_failure_counts_at_once_while_anchors_answer(settled: Any) -> None:
    """Five of six targets are blocked: by a page, reported in the first round; by resets, within half an hour."""
    settled.anchors = (AnchorOutcome(),)
    state = settled.detector.dump()
    for line, f in (("SSSS", "."), ("MMMM M M M M M", ". . . . . .")):
        settled.detector = Detector.load(state)
        found = settled.play(**dict.fromkeys("abcde", line), f=f)

        assert {(one.target, one.after) for one in found} == {(target, "blocked") for target in "abcde"}


def test_anchors_confirm_a_lone_target_in_the_first_round(settled: Any) -> None:
    """Without anchors it needs a second round."""
    settled.anchors = (AnchorOutcome(failure="timeout"), AnchorOutcome())

    assert len(settled.play(a="SSSS")) == 1


@pytest.mark.parametrize("anchor", [AnchorOutcome(failure="timeout"), AnchorOutcome(foreign_content=True)])
def test_failed_anchors_confirm_nothing(settled: Any, anchor: AnchorOutcome) -> None:
    """The page of a portal in place of an anchor confirms nothing either."""
    settled.anchors = (anchor,)

    assert settled.play(**dict.fromkeys("abcde", "MMMM M M"), f=". . .") == []
    assert settled.detector.network.suspect


def test_anchors_do_not_confirm_time_outs(settled: Any) -> None:
    """Five of six targets time out for two hours: half of the uplink may be down."""
    settled.anchors = (AnchorOutcome(),)
    line = " ".join(["WWWW"] * 24 + ["...."])

    assert settled.play(**dict.fromkeys("abcde", line), f=" ".join("." * 25)) == []


ANCHORS = tuple(
    AnchorOutcome(url=url)
    for url in ("https://a.test/", "http://b.test/", "https://c.test/", "http://d.test/", "https://e.test/")
)
MANY = "abcdefghij"


def test_silence_of_a_whole_list_is_a_block_within_four_rounds_while_all_anchors_answer(settled: Any) -> None:
    """A dead uplink would hardly spare five anchors on two ports."""
    settled.play(**dict.fromkeys(MANY, " ".join("." * 30)))
    settled.anchors = ANCHORS

    found = settled.play(**dict.fromkeys(MANY, "WWWW W W W"))

    assert {(one.target, one.after) for one in found} == {(target, "blocked") for target in MANY}


@pytest.mark.parametrize(
    "anchors",
    [
        ANCHORS[:1],
        tuple(AnchorOutcome(url=f"https://{n}.test/") for n in range(5)),
        (*ANCHORS[:4], AnchorOutcome(url="https://e.test/", failure="timeout")),
        (*ANCHORS[:4], AnchorOutcome(url="https://e.test/", foreign_content=True)),
    ],
    ids=["one", "one port", "one fails", "one is answered by a portal"],
)
def test_silence_of_a_whole_list_is_the_uplink_with_weaker_anchors(
    settled: Any, anchors: tuple[AnchorOutcome, ...]
) -> None:
    """Half of an uplink may spare them."""
    settled.play(**dict.fromkeys(MANY, " ".join("." * 30)))
    settled.anchors = anchors

    assert settled.play(**dict.fromkeys(MANY, "WWWW W W W W W W W")) == []


def test_silence_of_a_resolver_is_not_confirmed_by_any_number_of_anchors(settled: Any) -> None:
    """Anchors are resolved another way when it fails."""
    settled.play(**dict.fromkeys(MANY, " ".join("." * 30)))
    settled.anchors = ANCHORS

    assert settled.play(**dict.fromkeys(MANY, "RRRR R R R R R R R")) == []


def test_silence_with_another_open_port_is_a_block_in_the_second_round(settled: Any) -> None:
    """The path works, and the control was served meanwhile: neither the path nor the site is at fault."""
    settled.detector.network.learned.rounds = TRUSTED_AFTER_ROUNDS
    settled.facts = lambda moment: EvidenceFacts(notes=("other_port_answered",), control=served(moment - 60.0))

    assert settled.play(a="WWWW", **dict.fromkeys("bcdef", ".")) == []
    (block,) = settled.play(a="W", **dict.fromkeys("bcdef", "."))
    assert (block.target, block.after) == ("a", "blocked")


@pytest.mark.parametrize(
    ("notes", "age"), [((), 60.0), (("other_port_answered",), 3600.0)], ids=["no other port", "an old control"]
)
def test_silence_without_such_facts_lasts_a_quarter_of_an_hour(
    settled: Any, notes: tuple[str, ...], age: float
) -> None:
    """A site that restarts looks the same."""
    settled.facts = lambda moment: EvidenceFacts(notes=notes, control=served(moment - age))

    assert settled.play(a="WWWW W W", **dict.fromkeys("bcdef", ". . .")) == []


def test_silence_of_a_whole_list_with_other_open_ports_needs_no_anchors(settled: Any) -> None:
    """The uplink carries packets to these very hosts."""
    settled.play(**dict.fromkeys(MANY, " ".join("." * 30)))
    settled.facts = lambda moment: EvidenceFacts(notes=("other_port_answered",), control=served(moment - 60.0))

    found = settled.play(**dict.fromkeys(MANY, "WWWW W W"))

    assert {(one.target, one.after) for one in found} == {(target, "blocked") for target in MANY}


def served(moment: float) -> ControlResult:
    """A control that was served at a moment of the simulation."""
    return ControlResult(datetime(2017, 5, 1, tzinfo=UTC) + timedelta(seconds=moment), ("reachable",))


def test_a_change_of_cause_is_an_update(settled: Any) -> None:
    """After injected answers come time-outs: no transition, one update, new causes."""
    settled.play(a="XXXX " + "X " * 40, **OTHERS)
    assert settled.detector.updates() == []

    assert settled.play(a="W " * 40, **OTHERS) == []
    (update,) = settled.detector.updates()
    assert (update.target, update.status, update.causes) == ("a", Status.BLOCKED, (Cause.TCP_TIMEOUT,))
    assert settled.detector.settled("a").causes == (Cause.TCP_TIMEOUT,)
    assert settled.detector.updates() == []


def test_a_blocked_site_that_goes_down_is_a_transition(settled: Any, said: Said) -> None:
    """Both statuses are failures."""
    settled.play(a="XXXX " + "X " * 15, **OTHERS)

    assert said(settled.play(a="D " * 16, **OTHERS)) == [("a", "blocked", "down")]


def test_rates_are_learned_and_kept(settled: Any) -> None:
    """After five days a vantage is no longer new; plain data restores its counts."""
    network = settled.detector.network

    assert network.learned.rounds > TRUSTED_AFTER_ROUNDS
    assert network.learned.stray_rate < 0.005
    assert NetworkSeries.from_plain(network.to_plain()).to_plain() == network.to_plain()


def test_a_clock_correction_moves_every_moment(settled: Any) -> None:
    """The age of the outage and of the series stays."""
    line = " ".join(["NNNN"] * 3)
    settled.play(**dict.fromkeys("abcde", line), f=". . .")
    network = settled.detector.network
    assert network.suspect
    since, worked = network.shared_failures.since, network.series["f"].worked
    before = network.to_plain()
    network.correct(ClockCorrection(-3600.0))

    assert network.shared_failures.since == since - 3600.0
    assert network.series["f"].worked == worked - 3600.0
    network.correct(ClockCorrection(3600.0))
    assert network.to_plain() == before


def test_a_flapping_target_needs_less_evidence(settled: Any) -> None:
    """It is interfered with for the third time in two days."""
    thresholds = []
    for _ in range(3):
        found = settled.play(a="MMMM " + "M " * 9 + "....", **OTHERS)
        thresholds.append(found[0].evidence["threshold"])

    assert thresholds[2] < thresholds[0]
