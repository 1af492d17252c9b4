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


def test_a_target_that_never_worked_changes_from_unknown(settled: Any, said: Said) -> None:
    """Its earlier status is not known."""
    found = settled.play(new="XXXX", **dict.fromkeys("bcdef", "."))

    assert said(found) == [("new", "unknown", "blocked")]


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
