from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from probe.detect import detector as module
from probe.detect.detector import MAX_NETWORKS, STATE_VERSION, UNWATCHED_RETENTION, Detector
from probe.detect.detector_input import AnchorOutcome, DetectorInput, EvidenceFacts, NearerResult, VantageInput
from probe.errors import StateError
from probe.model.verdict import Cause, Status, VantageState

words = st.lists(
    st.sampled_from([".", ".", ".", "XXXX", "SSSS", "WWWW", "W", "N...", "DDDD", "MMMM", "X.X", "?", "TTTT"]),
    min_size=1,
    max_size=40,
)
worlds = st.lists(words, min_size=1, max_size=6)
relaxed = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def lines(series: list[list[str]]) -> dict[str, str]:
    """Targets and their lines."""
    return {f"t{n}": " ".join(line) for n, line in enumerate(series)}


places = st.lists(
    st.builds(
        VantageInput,
        asn=st.sampled_from([0, 64500, 64500, 64501]),
        state=st.sampled_from([VantageState.ONLINE, VantageState.ONLINE, VantageState.OFFLINE, VantageState.ALLOWLIST]),
        anchors=st.sampled_from([(), (AnchorOutcome(),), (AnchorOutcome(failure="timeout"),)]),
    ),
    min_size=1,
    max_size=8,
)


@relaxed
@given(series=worlds, moves=places, back=st.sampled_from([0, 0, 3600]), cuts=st.sets(st.integers(0, 400)))
def test_saving_and_loading_changes_no_transition(
    new_scene: Callable[[], Any], series: list[list[str]], moves: list[VantageInput], back: int, cuts: set[int]
) -> None:
    """The state is saved and loaded within and between batches.

    The vantage changes networks, goes offline and returns; anchors answer or fail; the clock is set back.
    """
    scene = new_scene()
    scene.all_reachable(20, *lines(series))
    state = scene.detector.dump()
    inputs = [
        msgspec.structs.replace(
            one,
            time=one.time - timedelta(seconds=back if number > 60 else 0),
            attempt=number % 3,
            vantage=moves[number // 7 % len(moves)],
        )
        for number, one in enumerate(scene.inputs(**lines(series)))
    ]

    whole, pieces = Detector.load(state), Detector.load(state)
    expected, found = [], []
    for number, verdict_input in enumerate(inputs):
        if number in cuts:
            pieces = Detector.load(pieces.dump())
        expected += whole.feed(verdict_input)
        found += pieces.feed(verdict_input)

    assert found + pieces.finish() == expected + whole.finish()
    assert pieces.dump() == whole.dump()


@relaxed
@given(series=worlds, places=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 299)), max_size=30))
def test_unknown_verdicts_change_nothing(
    new_scene: Callable[[], Any], series: list[list[str]], places: list[tuple[int, int]]
) -> None:
    """They may occur in any number at any time."""
    scene = new_scene()
    inputs = list(scene.inputs(**lines(series)))
    extra = [scene.verdict_input("t0", "?", 300.0 * number + second) for number, second in places]
    mixed = sorted([*inputs, *extra], key=lambda one: one.time)

    with_them, without = Detector(), Detector()
    found = [one for s in mixed for one in with_them.feed(s)] + with_them.finish()
    expected = [one for s in inputs for one in without.feed(s)] + without.finish()

    assert found == expected
    assert with_them.dump() == without.dump()


def test_end_round_and_a_gap_give_the_same_transitions(settled: Any, new_scene: Callable[[], Any]) -> None:
    """The agent calls `end_round`; a file has gaps."""
    state = settled.detector.dump()
    ended, gaps = Detector.load(state), Detector.load(state)
    words_ = {"a": "XXXX X X X .... . .", **dict.fromkeys("bcdef", ". . . . . . .")}
    found = []
    expected = []
    number = None
    for verdict_input in settled.inputs(**words_):
        round_ = verdict_input.time.timestamp() // 300
        if number is not None and round_ != number:
            found += ended.end_round(verdict_input.time)
        number = round_
        found += ended.feed(verdict_input)
        expected += gaps.feed(verdict_input)
    found += ended.end_round(verdict_input.time)
    expected += gaps.finish()

    def key(one: Any) -> Any:
        return one.target, one.after, one.onset

    assert [key(one) for one in found] == [key(one) for one in expected] != []


@pytest.mark.parametrize("named", [False, True])
def test_late_re_tests_belong_to_their_round(settled: Any, named: bool) -> None:
    """Three of six targets time out for a minute, so their re-tests are late; alone they would look like an outage."""
    begin = 300.0 * settled.round
    samples = [(0.5 * place, target, "S" if target in "abc" else ".", 0) for place, target in enumerate("abcdefgh")]
    samples += [(70.0 + 65.0 * n + place, target, "S", n + 1) for n in range(2) for place, target in enumerate("abc")]
    found = []
    for at, target, letter, attempt in samples:
        verdict_input = settled.verdict_input(target, letter, begin + at)
        found += settled.detector.feed(msgspec.structs.replace(verdict_input, attempt=attempt if named else 0))
    found += settled.detector.finish()

    assert [one.target for one in found] == (["a", "b", "c"] if named else [])


def test_a_verdict_that_contradicts_the_settled_status_asks_for_re_tests(settled: Any) -> None:
    """A failure of a reachable target and a success of an interfered one do; nothing else does."""
    detector = settled.detector
    now = 300.0 * settled.round

    assert detector.differs(settled.verdict_input("a", "X", now))
    assert detector.differs(settled.verdict_input("stranger", "N", now))
    assert not detector.differs(settled.verdict_input("a", ".", now))
    assert not detector.differs(settled.verdict_input("a", "?", now))

    settled.play(a="XXXX", **dict.fromkeys("bcdef", "."))
    assert detector.differs(settled.verdict_input("a", ".", now))
    assert not detector.differs(settled.verdict_input("a", "W", now))


def test_a_target_that_only_failed_has_no_settled_status(settled: Any) -> None:
    """It has one after its first sight."""
    settled.play(new="S", **dict.fromkeys("bcdef", "."))
    assert settled.detector.settled("new") is None
    assert settled.detector.differs(settled.verdict_input("new", "S", 300.0 * settled.round))

    settled.play(new="SSSS S", **dict.fromkeys("bcdef", ". ."))
    assert settled.detector.settled("new").status is Status.BLOCKED


def test_a_target_that_may_leak_is_not_called_reachable_after_one_success(settled: Any) -> None:
    """Its first attempt failed and a re-test came through: it is reachable once no full or leaky block is likelier."""
    settled.play(new="XX.X", **dict.fromkeys("bcdef", "."))
    leaking = settled.detector.settled("new")
    assert leaking is None or leaking.status is Status.BLOCKED

    settled.play(other="N...", **dict.fromkeys("bcdef", "."))
    settled.play(other=". . . .", **dict.fromkeys("bcdef", ". . . ."))
    assert settled.detector.settled("other").status is Status.REACHABLE


@pytest.mark.parametrize(("proven", "found"), [(True, ["a", "b", "c", "d"]), (False, [])])
def test_answers_nearer_than_the_server_prove_themselves(scene: Any, proven: bool, found: list[str]) -> None:
    """Resets that came too soon are evidence although most targets fail, and need no comparison with the others."""
    scene.facts = lambda _: EvidenceFacts(nearer=(NearerResult(proven=proven),))
    scene.play(**dict.fromkeys("abcd", "MMMM"), e=".", f=".")

    assert sorted(one.target for one in scene.detector.first_sights()) == found


def test_a_state_of_version_0_1_0_loads(settled: Any) -> None:
    """It lacks what is needed at first sight: a target that worked is settled, one that only failed is not."""
    settled.play(new="S", a="XXXX", **dict.fromkeys("bcdef", "."))
    plain = msgspec.msgpack.decode(settled.detector.dump())
    for series in plain["networks"][0][1][3]:
        assert series.pop() is (series[0] == "new")
        if series[14]:
            assert series[14].pop() is False

    detector = Detector.load(msgspec.msgpack.encode(plain))
    assert detector.settled("new") is None
    assert detector.settled("b").status is Status.REACHABLE
    blocked = detector.settled("a")
    assert (blocked.status, blocked.before_watch) == (Status.BLOCKED, False)


def test_a_verdict_out_of_order_does_not_end_its_round(scene: Any) -> None:
    """The gap that ends a batch counts from the newest verdict, not from the last one received."""
    for target, seconds in (("a", 0.0), ("c", 40.0), ("b", 20.0), ("d", 95.0)):
        scene.detector.feed(scene.verdict_input(target, ".", seconds))
    assert scene.detector.closed == 0

    scene.detector.feed(scene.verdict_input("a", ".", 156.0))
    assert scene.detector.closed == 1


def test_a_block_with_other_causes_gives_one_cause_update(settled: Any) -> None:
    """It gives no transition, and a second call returns nothing."""
    settled.play(a="XXXX " + "X " * 9, **dict.fromkeys("bcdef", " ".join("." * 10)))
    assert settled.detector.updates() == []

    assert settled.play(a="M " * 4, **dict.fromkeys("bcdef", ". . . .")) == []
    (update,) = settled.detector.updates()
    assert (update.target, update.status, update.causes) == ("a", Status.BLOCKED, (Cause.TLS_RESET,))
    assert settled.detector.updates() == []


def test_the_settled_status_can_be_read(settled: Any) -> None:
    """It includes the evidence for a change; unknown targets have none."""
    assert settled.detector.settled("stranger") is None
    assert settled.detector.settled("a").status is Status.REACHABLE
    assert settled.detector.settled("a").nats == 0.0

    settled.play(a="SS", **dict.fromkeys("bcdef", "."))
    assert settled.detector.settled("a").nats > 5.0

    settled.play(a="SSSS S", **dict.fromkeys("bcdef", ". ."))
    assert settled.detector.settled("a").status is Status.BLOCKED


def test_a_target_that_fails_and_is_not_settled_is_listed_until_it_is(settled: Any) -> None:
    """With its first failure after the last success, not with the last one."""
    first = settled.verdict_input("a", "W", 300.0 * (settled.round + 1)).time
    settled.play(a=". W W", **dict.fromkeys("bcdef", ". . ."))

    (failing,) = settled.detector.unsettled_failures()
    assert (failing.target, failing.causes, failing.since) == ("a", (Cause.TCP_TIMEOUT,), first)

    settled.play(a=". .", **dict.fromkeys("bcdef", ". ."))
    assert settled.detector.unsettled_failures() == []


def test_a_settled_block_is_no_unsettled_failure(settled: Any) -> None:
    settled.play(a="SSSS S", **dict.fromkeys("bcdef", ". ."))

    assert settled.detector.settled("a").status is Status.BLOCKED
    assert settled.detector.unsettled_failures() == []


def test_a_clock_set_back_an_hour_does_not_delay_an_alarm(settled: Any) -> None:
    """The onset is dated by the new clock."""
    settled.round -= 12
    (block,) = settled.play(a="XXXX", **dict.fromkeys("bcdef", "."))

    assert block.after == "blocked"
    assert abs(block.time - block.onset) < timedelta(minutes=6)


def test_a_sleeping_laptop_loses_and_invents_no_transition(settled: Any) -> None:
    """It sleeps nine hours, its network comes up late, and a block begins meanwhile."""
    settled.play(b="WWWW")
    settled.round += 108
    assert settled.play(**dict.fromkeys("abcdef", "NNNN ....")) == []

    settled.round += 108
    (block,) = settled.play(a="XXXX", **dict.fromkeys("bcdef", "."))
    assert (block.time - block.onset) > timedelta(hours=4)


def test_each_network_has_its_own_series(settled: Any) -> None:
    """A target is blocked on the first network and works on the second: no transition.

    And on return it is still blocked.
    """
    settled.asn = 64500
    settled.play(a="XXXX X X", **dict.fromkeys("bcdef", ". . ."))
    settled.asn = 64501
    home = settled.detector.network
    assert settled.play(**dict.fromkeys("abcdef", ". . . .")) == []
    assert settled.detector.network is not home
    assert settled.detector.settled("a").status is Status.REACHABLE

    settled.asn = 64500
    assert settled.play(a="X X", **dict.fromkeys("bcdef", ". .")) == []
    assert settled.detector.network is home
    assert settled.detector.settled("a").status is Status.BLOCKED


def test_a_missing_as_number_is_no_change_of_network(settled: Any) -> None:
    """The AS look-up may fail; state from before the first number belongs to that network."""
    settled.asn = 64500
    settled.play(a=".")
    settled.asn = 0
    settled.play(a=".")

    assert settled.detector.settled("a").since < settled.verdict_input("a", ".", 300.0).time


def test_the_least_recently_used_network_is_discarded(scene: Any) -> None:
    """At most `MAX_NETWORKS` are kept."""
    for asn in range(64500, 64510):
        scene.asn = asn
        scene.play(a=".")

    state = msgspec.msgpack.decode(scene.detector.dump())
    assert [asn for asn, _ in state["networks"]] == list(range(64510 - MAX_NETWORKS, 64510))


def test_a_target_that_left_the_watchlist_is_dropped_a_month_after_its_last_verdict(scene: Any) -> None:
    """On every network. Targets that are still watched stay, however long they have not been measured."""
    for asn in (64500, 64501):
        scene.asn = asn
        scene.all_reachable(3, "listed", "gone")
    last = scene.verdict_input("gone", ".", 300.0 * (scene.round - 1) + 1).time

    scene.detector.drop_unwatched({"listed"}, last + UNWATCHED_RETENTION)
    assert scene.detector.settled("gone") is not None

    scene.detector.drop_unwatched({"listed"}, last + UNWATCHED_RETENTION + timedelta(seconds=1))
    state = msgspec.msgpack.decode(scene.detector.dump())
    assert [[series[0] for series in network[3]] for _, network in state["networks"]] == [["listed"], ["listed"]]


def test_a_target_that_only_fails_is_kept_for_a_month_after_its_last_failure(scene: Any) -> None:
    """The failures of a suspect vantage count as verdicts, too, although they are no evidence."""
    targets = ("a", "b", "c", "d")
    scene.play(**dict.fromkeys(targets, "N " * 3))
    last = scene.verdict_input("a", "N", 300.0 * (scene.round - 1)).time

    scene.detector.drop_unwatched((), last + UNWATCHED_RETENTION)

    assert [series.target for series in scene.detector.network.series.values()] == list(targets)


def test_a_change_of_the_vantage_is_a_transition(scene: Any) -> None:
    """Its target is `vantage`."""
    moments = [scene.verdict_input("a", "?", 300.0 * n) for n in range(3)]
    found = []
    for one in moments:
        where = VantageInput(state=VantageState.OFFLINE)
        found += scene.detector.feed(DetectorInput(one.time, one.target, one.status, one.causes, vantage=where))
    found += scene.detector.finish()

    assert [(one.target, one.after) for one in found] == [("vantage", "offline")]


def test_the_state_of_ten_thousand_targets_is_small(new_scene: Callable[[], Any]) -> None:
    """A quiet target needs fewer than 200 bytes, one under suspicion fewer than 2 KB."""
    scene = new_scene()
    quiet = [f"https://site{n}.example/" for n in range(1000)]
    for number in range(2):
        for place, target in enumerate(quiet):
            scene.detector.feed(scene.verdict_input(target, ".", 300.0 * number + place / 20))
    scene.detector.finish()
    resting = len(scene.detector.dump())
    assert resting / len(quiet) < 200

    for number in range(2, 10):
        for place, target in enumerate(quiet[:300]):
            scene.detector.feed(scene.verdict_input(target, "N", 300.0 * number + place / 20))
        for place, target in enumerate(quiet[300:]):
            scene.detector.feed(scene.verdict_input(target, ".", 300.0 * number + 20 + place / 20))
    scene.detector.finish()
    assert (len(scene.detector.dump()) - resting) / 300 < 2048 - 200


def test_a_state_of_a_newer_program_is_refused(scene: Any) -> None:
    """The error is one clear line, and the state is left alone."""
    plain = msgspec.msgpack.decode(scene.detector.dump()) | {"version": STATE_VERSION + 1}

    with pytest.raises(StateError, match=f"version {STATE_VERSION + 1}"):
        Detector.load(msgspec.msgpack.encode(plain))


@pytest.mark.parametrize("state", [b"", b"\x00", b"not a state", msgspec.msgpack.encode({"version": STATE_VERSION})])
def test_a_broken_state_is_refused(state: bytes) -> None:
    """The error is one clear line."""
    with pytest.raises(StateError):
        Detector.load(state)


def test_an_older_state_is_converted(scene: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every version has one step in the table of migrations."""
    plain = msgspec.msgpack.decode(scene.detector.dump())
    old = {key: value for key, value in plain.items() if key != "vantage"} | {"version": STATE_VERSION - 1}
    monkeypatch.setitem(module.MIGRATIONS, STATE_VERSION - 1, lambda it: it | {"vantage": plain["vantage"]})

    assert Detector.load(msgspec.msgpack.encode(old)).dump() == scene.detector.dump()
