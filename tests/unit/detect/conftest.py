"""Series of verdicts for tests of the detector: short to write, exact in time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

import pytest

from probe.detect.detector import Detector
from probe.detect.detector_input import AnchorOutcome, DetectorInput, EvidenceFacts, VantageInput
from probe.model.transition import Transition
from probe.model.verdict import Cause, Status

START = datetime(2017, 5, 1, tzinfo=UTC)

CLASS_LETTERS: dict[str, tuple[Status, tuple[Cause, ...]]] = {
    ".": (Status.REACHABLE, ()),
    "?": (Status.UNKNOWN, ()),
    "N": (Status.UNREACHABLE, (Cause.TCP_TIMEOUT,)),
    "W": (Status.BLOCKED, (Cause.TCP_TIMEOUT,)),
    "R": (Status.BLOCKED, (Cause.DNS_TIMEOUT,)),
    "M": (Status.BLOCKED, (Cause.TLS_RESET,)),
    "S": (Status.BLOCKED, (Cause.HTTP_BLOCKPAGE,)),
    "X": (Status.BLOCKED, (Cause.DNS_INJECTED,)),
    "T": (Status.THROTTLED, (Cause.THROTTLE_FREEZE,)),
    "D": (Status.DOWN, ()),
}
"""Verdicts by letter: the classes of `probe.detect.failure_classes`, `.` for reachable, `?` for unknown."""


class Simulation:
    """Simulates rounds of 300 s. A target has one word a round: letters of its verdict and of its re-tests."""

    def __init__(self) -> None:
        self.detector = Detector()
        self.round = 0
        self.transitions: list[Transition] = []
        self.asn = 0
        self.anchors: tuple[AnchorOutcome, ...] = ()
        self.facts: Callable[[float], EvidenceFacts] | None = None

    def verdict_input(self, target: str, letter: str, seconds: float) -> DetectorInput:
        """Return one verdict, a number of seconds after the start."""
        where = VantageInput(asn=self.asn, anchors=self.anchors) if self.asn or self.anchors else None
        facts = self.facts(seconds) if self.facts is not None else None
        moment = START + timedelta(seconds=seconds)
        return DetectorInput(moment, target, *CLASS_LETTERS[letter], vantage=where, facts=facts)

    def inputs(self, **series: str) -> Iterable[DetectorInput]:
        """Yield the verdicts of one round a word; targets without further words are reachable."""
        words = {target: line.split() for target, line in series.items()}
        for number in range(max(len(line) for line in words.values())):
            begin = 300.0 * self.round
            self.round += 1
            made = []
            for place, (target, line) in enumerate(words.items()):
                word = line[number] if number < len(line) else "."
                made += [(begin + place + 12.0 * attempt, target, letter) for attempt, letter in enumerate(word)]
            yield from (self.verdict_input(target, letter, at) for at, target, letter in sorted(made))

    def play(self, **series: str) -> list[Transition]:
        """Feed the rounds and return their transitions."""
        found = [one for verdict_input in self.inputs(**series) for one in self.detector.feed(verdict_input)]
        found += self.detector.finish()
        self.transitions += found
        return found

    def all_reachable(self, rounds: int, *targets: str) -> None:
        """Feed a number of rounds in which the targets are reachable."""
        self.play(**dict.fromkeys(targets or ("a", "b", "c", "d", "e", "f"), " ".join("." * rounds)))


@pytest.fixture
def new_scene() -> type[Simulation]:
    """Return the class, for tests that need several simulations."""
    return Simulation


@pytest.fixture
def scene() -> Simulation:
    """A new detector and its rounds."""
    return Simulation()


@pytest.fixture
def settled() -> Simulation:
    """A detector that has seen six targets reachable for five days."""
    scene = Simulation()
    scene.all_reachable(1440)
    return scene


@pytest.fixture
def said() -> Callable[[list[Transition]], list[tuple[str, str, str]]]:
    """Transitions as (target, from, to)."""
    return lambda found: [(one.target, one.before, one.after) for one in found]
