from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from probe.detect import detector as module
from probe.detect.detector import MAX_NETWORKS, STATE_VERSION, Detector
from probe.detect.detector_input import AnchorOutcome, DetectorInput, VantageInput
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
def test_pieces_make_the_whole(
    new_scene: Callable[[], Any], series: list[list[str]], moves: list[VantageInput], back: int, cuts: set[int]
) -> None:
    """Saved and loaded anywhere, inside a batch or between, the same transitions at the same moments.

    The vantage moves to other networks, goes offline, comes back; its anchors answer or not; its clock is set back.
    """
    scene = new_scene()
    scene.peace(20, *lines(series))
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
def test_unknown_changes_nothing(
    new_scene: Callable[[], Any], series: list[list[str]], places: list[tuple[int, int]]
) -> None:
    """Verdicts that say nothing may come in any number at any time."""
    scene = new_scene()
    inputs = list(scene.inputs(**lines(series)))
    extra = [scene.verdict_input("t0", "?", 300.0 * number + second) for number, second in places]
    mixed = sorted([*inputs, *extra], key=lambda one: one.time)

    with_them, without = Detector(), Detector()
    found = [one for s in mixed for one in with_them.feed(s)] + with_them.finish()
    expected = [one for s in inputs for one in without.feed(s)] + without.finish()

    assert found == expected
    assert with_them.dump() == without.dump()


def test_the_agent_and_the_file_agree(settled: Any, new_scene: Callable[[], Any]) -> None:
    """A round that is said to be over gives what a gap in time gives."""
    state = settled.detector.dump()
    told, gaps = Detector.load(state), Detector.load(state)
    words_ = {"a": "XXXX X X X .... . .", **dict.fromkeys("bcdef", ". . . . . . .")}
    found = []
    expected = []
    number = None
    for verdict_input in settled.inputs(**words_):
        round_ = verdict_input.time.timestamp() // 300
        if number is not None and round_ != number:
            found += told.end_round(verdict_input.time)
        number = round_
        found += told.feed(verdict_input)
        expected += gaps.feed(verdict_input)
    found += told.end_round(verdict_input.time)
    expected += gaps.finish()

    def key(one: Any) -> Any:
        return one.target, one.after, one.onset

    assert [key(one) for one in found] == [key(one) for one in expected] != []


@pytest.mark.parametrize("named", [False, True])
def test_re_tests_that_come_late_belong_to_their_round(settled: Any, named: bool) -> None:
    """Three of six time out for a minute, so their re-tests follow after more: alone they would look like an outage."""
    begin = 300.0 * settled.round
    samples = [(0.5 * place, target, "S" if target in "abc" else ".", 0) for place, target in enumerate("abcdefgh")]
    samples += [(70.0 + 65.0 * n + place, target, "S", n + 1) for n in range(2) for place, target in enumerate("abc")]
    found = []
    for at, target, letter, attempt in samples:
        verdict_input = settled.verdict_input(target, letter, begin + at)
        found += settled.detector.feed(msgspec.structs.replace(verdict_input, attempt=attempt if named else 0))
    found += settled.detector.finish()

    assert [one.target for one in found] == (["a", "b", "c"] if named else [])


def test_what_contradicts_the_belief_asks_for_re_tests(settled: Any) -> None:
    """Failing where it is believed to work, working where it is believed to fail, and nothing else."""
    detector = settled.detector
    now = 300.0 * settled.round

    assert detector.differs(settled.verdict_input("a", "X", now))
    assert detector.differs(settled.verdict_input("stranger", "N", now))
    assert not detector.differs(settled.verdict_input("a", ".", now))
    assert not detector.differs(settled.verdict_input("a", "?", now))

    settled.play(a="XXXX", **dict.fromkeys("bcdef", "."))
    assert detector.differs(settled.verdict_input("a", ".", now))
    assert not detector.differs(settled.verdict_input("a", "W", now))


def test_nothing_is_believed_of_a_target_that_has_only_failed(settled: Any) -> None:
    """Until its failures are called: nobody knows whether it ever worked."""
    settled.play(new="S", **dict.fromkeys("bcdef", "."))
    assert settled.detector.settled("new") is None

    settled.play(new="SSSS S", **dict.fromkeys("bcdef", ". ."))
    assert settled.detector.settled("new").status is Status.BLOCKED


def test_a_verdict_that_comes_late_does_not_cut_its_round_short(scene: Any) -> None:
    """The gap that ends a batch is counted from the newest verdict, not from the last to arrive."""
    for target, seconds in (("a", 0.0), ("c", 40.0), ("b", 20.0), ("d", 95.0)):
        scene.detector.feed(scene.verdict_input(target, ".", seconds))
    assert scene.detector.closed == 0

    scene.detector.feed(scene.verdict_input("a", ".", 156.0))
    assert scene.detector.closed == 1


def test_a_block_that_goes_on_by_other_means_is_told_of_once(settled: Any) -> None:
    """No transition; whoever asks is told, and told nothing the next time."""
    settled.play(a="XXXX " + "X " * 9, **dict.fromkeys("bcdef", " ".join("." * 10)))
    assert settled.detector.updates() == []

    assert settled.play(a="M " * 4, **dict.fromkeys("bcdef", ". . . .")) == []
    (update,) = settled.detector.updates()
    assert (update.target, update.status, update.causes) == ("a", Status.BLOCKED, (Cause.TLS_RESET,))
    assert settled.detector.updates() == []


def test_what_is_believed_can_be_asked(settled: Any) -> None:
    """Nothing of strangers, and how near a change is."""
    assert settled.detector.settled("stranger") is None
    assert settled.detector.settled("a").status is Status.REACHABLE
    assert settled.detector.settled("a").nats == 0.0

    settled.play(a="SS", **dict.fromkeys("bcdef", "."))
    assert settled.detector.settled("a").nats > 5.0

    settled.play(a="SSSS S", **dict.fromkeys("bcdef", ". ."))
    assert settled.detector.settled("a").status is Status.BLOCKED


def test_an_hour_set_back_is_survived(settled: Any) -> None:
    """The block is called as it would have been, and dated by the clock as it is now."""
    settled.round -= 12
    (block,) = settled.play(a="XXXX", **dict.fromkeys("bcdef", "."))

    assert block.after == "blocked"
    assert abs(block.time - block.onset) < timedelta(minutes=6)


def test_a_laptop_that_sleeps_forgets_nothing_and_invents_nothing(settled: Any) -> None:
    """Nine hours without a round; a network that comes up late; a block meanwhile."""
    settled.play(b="WWWW")
    settled.round += 108
    assert settled.play(**dict.fromkeys("abcdef", "NNNN ....")) == []

    settled.round += 108
    (block,) = settled.play(a="XXXX", **dict.fromkeys("bcdef", "."))
    assert (block.time - block.onset) > timedelta(hours=4)


def test_another_network_is_another_series(settled: Any) -> None:
    """Blocked at home, working in the café: no transition; home again, blocked still."""
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


def test_a_moment_without_a_number_is_no_move(settled: Any) -> None:
    """The look-up of the AS may fail; what was learned before it first worked belongs to that network."""
    settled.asn = 64500
    settled.play(a=".")
    settled.asn = 0
    settled.play(a=".")

    assert settled.detector.settled("a").since < settled.verdict_input("a", ".", 300.0).time


def test_only_some_networks_are_kept(scene: Any) -> None:
    """The one not seen for longest is forgotten."""
    for asn in range(64500, 64510):
        scene.asn = asn
        scene.play(a=".")

    state = msgspec.msgpack.decode(scene.detector.dump())
    assert [asn for asn, _ in state["networks"]] == list(range(64510 - MAX_NETWORKS, 64510))


def test_the_vantage_reports_itself(scene: Any) -> None:
    """Through the same door."""
    moments = [scene.verdict_input("a", "?", 300.0 * n) for n in range(3)]
    found = []
    for one in moments:
        where = VantageInput(state=VantageState.OFFLINE)
        found += scene.detector.feed(DetectorInput(one.time, one.target, one.status, one.causes, vantage=where))
    found += scene.detector.finish()

    assert [(one.target, one.after) for one in found] == [("vantage", "offline")]


def test_ten_thousand_targets_keep_their_state_small(new_scene: Callable[[], Any]) -> None:
    """A quiet one well under 200 bytes, one under suspicion under 2 KB."""
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
    """One clear line, and the state is left alone."""
    plain = msgspec.msgpack.decode(scene.detector.dump()) | {"version": STATE_VERSION + 1}

    with pytest.raises(StateError, match=f"version {STATE_VERSION + 1}"):
        Detector.load(msgspec.msgpack.encode(plain))


@pytest.mark.parametrize("state", [b"", b"\x00", b"not a state", msgspec.msgpack.encode({"version": STATE_VERSION})])
def test_a_broken_state_is_refused(state: bytes) -> None:
    """Likewise."""
    with pytest.raises(StateError):
        Detector.load(state)


def test_an_older_state_is_brought_up_to_date(scene: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Step by step, by the table of migrations."""
    plain = msgspec.msgpack.decode(scene.detector.dump())
    old = {key: value for key, value in plain.items() if key != "vantage"} | {"version": STATE_VERSION - 1}
    monkeypatch.setitem(module.MIGRATIONS, STATE_VERSION - 1, lambda it: it | {"vantage": plain["vantage"]})

    assert Detector.load(msgspec.msgpack.encode(old)).dump() == scene.detector.dump()
