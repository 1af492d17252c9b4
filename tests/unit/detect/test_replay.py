from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from random import Random
from typing import Any

import msgspec
import pytest

from probe.detect.replay import BadVerdictLine, replay
from probe.errors import ExitStatus, RecordError
from probe.model.transition import Transition


def line(one: Any) -> bytes:
    """A verdict with the four keys that are needed."""
    return msgspec.json.encode({"time": one.time, "target": one.target, "status": one.status, "causes": one.causes})


def blocked_and_back(scene: Any) -> list[bytes]:
    """A day of peace, a block of an hour, peace."""
    names = dict.fromkeys("bcdef", " ".join("." * 320))
    return [line(one) for one in scene.inputs(a=" ".join(["."] * 288 + ["XXXX"] + ["X"] * 12 + ["...."]), **names)]


def test_a_file_gives_its_transitions(scene: Any) -> None:
    """The target is blocked and reachable again."""
    found = [one for one in replay(blocked_and_back(scene)) if isinstance(one, Transition)]

    assert [(one.target, one.after) for one in found] == [("a", "blocked"), ("a", "reachable")]


def test_replay_equals_the_agents_detector(scene: Any, new_scene: Callable[[], Any]) -> None:
    """Both get the same verdicts and give the same transitions."""
    lines = blocked_and_back(scene)
    other = new_scene()
    names = dict.fromkeys("bcdef", " ".join("." * 320))
    found = other.play(a=" ".join(["."] * 288 + ["XXXX"] + ["X"] * 12 + ["...."]), **names)

    assert list(replay(lines)) == found


def test_a_bad_line_is_named_and_skipped(scene: Any) -> None:
    """It changes nothing else; blank lines are skipped silently."""
    lines = blocked_and_back(scene)
    spoiled = [*lines[:5], b"oops\n", b'{"time": 1}\n', b"\n", b"\xff\xfe\n", b"[" * 3000, *lines[5:]]
    spoiled.insert(3, line(scene.verdict_input("a", ".", 0.0)).replace(b"2017-", b"0017-"))
    found = list(replay(spoiled))

    assert [one.line for one in found if isinstance(one, BadVerdictLine)] == [4, 7, 8, 10, 11]
    assert [one for one in found if isinstance(one, Transition)] == list(replay(lines))


def test_time_that_goes_back_is_an_error_with_its_place(scene: Any) -> None:
    """The message has the line and both times."""
    lines = blocked_and_back(scene)

    with pytest.raises(
        RecordError, match=r"series.jsonl:61: time goes back to 2017-05-01T00:00:00Z, and the verdicts before 2017-"
    ) as caught:
        list(replay([*lines[:60], lines[0]], where="series.jsonl"))
    assert caught.value.status is ExitStatus.USAGE


def test_lines_of_one_round_stand_in_any_order(scene: Any, new_scene: Callable[[], Any]) -> None:
    """`probe check --json >> history` prints a verdict at its end and dates it by its start."""
    lines = blocked_and_back(scene)
    rounds = [lines[n : n + 18] for n in range(0, len(lines), 18)]
    shuffled = [line for number, one in enumerate(rounds) for line in Random(number).sample(one, len(one))]

    assert shuffled != lines
    assert list(replay(shuffled)) == list(replay(lines))


def test_the_same_time_of_the_same_target_is_one_observation(scene: Any) -> None:
    """A bad round that is written three times is no block."""
    lines = [line(one) for one in scene.inputs(a=". " * 60 + "M", b=". " * 61, c=". " * 61, d=". " * 61)]
    assert list(replay([line for one in lines for line in (one, one, one)])) == list(replay(lines)) == []


def test_verdicts_beyond_the_bound_of_memory_accept_less_disorder(scene: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are fed earlier, with the same transitions."""
    lines = blocked_and_back(scene)
    whole = list(replay(lines))
    monkeypatch.setattr("probe.detect.replay.MAX_HELD_VERDICTS", 4)

    assert list(replay(lines)) == whole
    with pytest.raises(RecordError, match=":7: time goes back"):
        list(replay([*lines[:6], lines[0]]))


def test_verdicts_of_the_same_time_are_in_order(scene: Any) -> None:
    """Two verdicts may have one time."""
    one = line(scene.verdict_input("a", ".", 0.0))

    assert list(replay([one, one])) == []


@pytest.mark.parametrize("lines", [[], [b"\n", b"oops\n"]])
def test_a_file_without_verdicts_ends_no_round(scene: Any, lines: list[bytes]) -> None:
    """An open round of the stored state stays open."""
    scene.detector.feed(scene.verdict_input("a", "X", 0.0))
    before = scene.detector.dump()

    assert [one.line for one in replay(lines, detector=scene.detector) if isinstance(one, BadVerdictLine)] == [
        2
    ] * bool(lines)
    assert scene.detector.dump() == before


def test_transitions_are_yielded_while_reading(scene: Any) -> None:
    """A transition comes at most half an hour of verdicts after its batch."""
    seen = 0

    def counted() -> Iterator[bytes]:
        nonlocal seen
        for one in blocked_and_back(scene):
            seen += 1
            yield one

    first = next(one for one in replay(counted()))

    assert isinstance(first, Transition)
    assert seen < (289 + 8) * 6


@pytest.mark.parametrize("seconds", [5.0, 60.0, 900.0])
def test_rounds_may_be_of_any_length(scene: Any, seconds: float) -> None:
    """A block and its end are found at any interval of rounds."""
    lines = []
    for number in range(400):
        for place, target in enumerate("abcdef"):
            letter = "X" if target == "a" and 200 <= number < 300 else "."
            one = scene.verdict_input(target, letter, 0.0)
            moment = one.time + timedelta(seconds=seconds * number + 0.1 * place)
            lines.append(line(msgspec.structs.replace(one, time=moment)))
    found = list(replay(lines))

    assert [one.after for one in found if isinstance(one, Transition)] == ["blocked", "reachable"]


def test_a_single_target_is_reported(scene: Any) -> None:
    """Without other targets it needs a second round."""
    lines = [line(one) for one in scene.inputs(a=" ".join(["."] * 60 + ["S"] * 20 + ["."] * 20))]
    found = [one for one in replay(lines) if isinstance(one, Transition)]

    assert [one.after for one in found] == ["blocked", "reachable"]
