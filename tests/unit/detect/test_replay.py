from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
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


def test_transitions_come_out_of_a_file(scene: Any) -> None:
    """Blocked, and reachable again."""
    found = [one for one in replay(blocked_and_back(scene)) if isinstance(one, Transition)]

    assert [(one.target, one.after) for one in found] == [("a", "blocked"), ("a", "reachable")]


def test_it_is_the_detector_the_agent_runs(scene: Any, new_scene: Callable[[], Any]) -> None:
    """Line by line the same."""
    lines = blocked_and_back(scene)
    other = new_scene()
    names = dict.fromkeys("bcdef", " ".join("." * 320))
    found = other.play(a=" ".join(["."] * 288 + ["XXXX"] + ["X"] * 12 + ["...."]), **names)

    assert list(replay(lines)) == found


def test_a_bad_line_is_named_and_skipped(scene: Any) -> None:
    """And changes nothing else; blank lines are no lines."""
    lines = blocked_and_back(scene)
    spoiled = [*lines[:5], b"oops\n", b'{"time": 1}\n', b"\n", b"\xff\xfe\n", b"[" * 3000, *lines[5:]]
    spoiled.insert(3, line(scene.verdict_input("a", ".", 0.0)).replace(b"2017-", b"0017-"))
    found = list(replay(spoiled))

    assert [one.line for one in found if isinstance(one, BadVerdictLine)] == [4, 7, 8, 10, 11]
    assert [one for one in found if isinstance(one, Transition)] == list(replay(lines))


def test_time_that_goes_back_is_an_error_with_its_place(scene: Any) -> None:
    """Line and moments."""
    lines = blocked_and_back(scene)

    with pytest.raises(
        RecordError, match=r"series.jsonl:11: time goes back from 2017-.* to 2017-05-01T00:00:00Z"
    ) as caught:
        list(replay([*lines[:10], lines[0]], where="series.jsonl"))
    assert caught.value.status is ExitStatus.USAGE


def test_equal_moments_are_in_order(scene: Any) -> None:
    """Two verdicts of one moment."""
    one = line(scene.verdict_input("a", ".", 0.0))

    assert list(replay([one, one])) == []


@pytest.mark.parametrize("lines", [[], [b"\n", b"oops\n"]])
def test_a_file_without_verdicts_ends_no_round(scene: Any, lines: list[bytes]) -> None:
    """The round that a stored state had open stays so: nothing says that it is over."""
    scene.detector.feed(scene.verdict_input("a", "X", 0.0))
    before = scene.detector.dump()

    assert [one.line for one in replay(lines, detector=scene.detector) if isinstance(one, BadVerdictLine)] == [
        2
    ] * bool(lines)
    assert scene.detector.dump() == before


def test_it_streams(scene: Any) -> None:
    """A transition comes out as soon as the next batch shows its batch to be over."""
    seen = 0

    def counted() -> Iterator[bytes]:
        nonlocal seen
        for one in blocked_and_back(scene):
            seen += 1
            yield one

    first = next(one for one in replay(counted()))

    assert isinstance(first, Transition)
    assert seen < 289 * 6 + 20


@pytest.mark.parametrize("seconds", [5.0, 60.0, 900.0])
def test_rounds_may_be_of_any_length(scene: Any, seconds: float) -> None:
    """A block is found and its end, whatever the rhythm of the rounds."""
    lines = []
    for number in range(400):
        for place, target in enumerate("abcdef"):
            letter = "X" if target == "a" and 200 <= number < 300 else "."
            one = scene.verdict_input(target, letter, 0.0)
            moment = one.time + timedelta(seconds=seconds * number + 0.1 * place)
            lines.append(line(msgspec.structs.replace(one, time=moment)))
    found = list(replay(lines))

    assert [one.after for one in found if isinstance(one, Transition)] == ["blocked", "reachable"]


def test_one_target_alone_is_enough(scene: Any) -> None:
    """No others to vouch for it: a second round does."""
    lines = [line(one) for one in scene.inputs(a=" ".join(["."] * 60 + ["S"] * 20 + ["."] * 20))]
    found = [one for one in replay(lines) if isinstance(one, Transition)]

    assert [one.after for one in found] == ["blocked", "reachable"]
