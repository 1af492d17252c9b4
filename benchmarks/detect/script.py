"""A script of events at targets, and the series of verdicts that a vantage makes under it.

Rounds of 300 s +-8 %, one in a hundred of them long; 10-40 targets; a share `noise` of the attempts fails by chance.
Re-tests (`confirm`) follow within 60 s when a round's class (working, failing) differs from that of the round before.
The seed determines everything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random

from benchmarks.detect.mechanisms import (
    FROZEN,
    MECHANISMS,
    PORT,
    PORT_SILENT,
    PORTAL,
    REACHABLE,
    SITE_FAULTS,
    STRAY,
    THROTTLE,
    UNKNOWN,
    Mix,
    Sample,
)
from probe.detect.detector_input import AnchorOutcome, ControlResult, DetectorInput, EvidenceFacts, VantageInput
from probe.model.verdict import Cause, VantageState

START = datetime(2017, 4, 1, tzinfo=UTC).timestamp()
MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
ROUND_SECONDS = 300.0
BESIDE_BY_CHANCE = 0.15
"""Share of silent failures with an ordinary cause at which another port of the host answers all the same."""


@dataclass(frozen=True)
class Event:
    """True interference with a target.

    Attributes:
        target: number of the target.
        start, end: Unix seconds.
        mechanism: key of `MECHANISMS`, or `throttle`.
        counted: the moment from which delay is counted (a roll-out: 30 % of its ramp).
        fades: the moment from which its end may be reported; earlier than `end` for one that ends slowly.
    """

    target: int
    start: float
    end: float
    mechanism: str
    counted: float
    fades: float


@dataclass(frozen=True)
class Episode:
    """A cause of failures for a time.

    Attributes:
        start, end: Unix seconds.
        share: of the attempts at a moment that fail because of it.
        looks: the samples of these attempts at a moment.
        rank: active episodes are tried in this order; the vantage's own faults (0) come first.
    """

    start: float
    end: float
    share: Callable[[float], float]
    looks: Callable[[float], Mix]
    rank: int = 1


@dataclass
class Script:
    """All events and episodes of one run of a world.

    Attributes:
        targets: their number.
        days: how long.
        noise: share of failures by chance.
        events: the true interference.
        episodes: by target.
        asleep: when the vantage makes no rounds.
        unknown: when its verdicts are `unknown`, with its state then.
        uplink_faults: when a share of all destinations cannot be reached: start, end, share.
        policed: when the network freezes the connections of the last targets of every round: start, end, their share.
        begin: when the vantage starts.
    """

    targets: int
    days: float
    noise: float = 0.01
    events: list[Event] = field(default_factory=list)
    episodes: dict[int, list[Episode]] = field(default_factory=dict)
    asleep: list[tuple[float, float]] = field(default_factory=list)
    unknown: list[tuple[float, float, VantageState]] = field(default_factory=list)
    uplink_faults: list[tuple[float, float, float]] = field(default_factory=list)
    policed: list[tuple[float, float, float]] = field(default_factory=list)
    begin: float = START

    @property
    def end(self) -> float:
        """Its last moment."""
        return self.begin + self.days * DAY

    def add(self, target: int, episode: Episode) -> None:
        """Add an episode to a target."""
        self.episodes.setdefault(target, []).append(episode)

    def fails(self, target: int, start: float, end: float, looks: Mix, *, share: float = 1.0, rank: int = 1) -> None:
        """Let a constant share of a target's attempts fail for a time."""
        self.add(target, Episode(start, end, lambda _: share, lambda _: looks, rank))

    def block(self, target: int, start: float, end: float, mechanism: str, *, share: float = 1.0) -> None:
        """Block or throttle a target."""
        looks = {"throttle": THROTTLE, "port": PORT}.get(mechanism) or MECHANISMS[mechanism]
        self.fails(target, start, end, looks, share=share)
        self.events.append(Event(target, start, end, mechanism, start, end))


def _times(rng: Random, script: Script) -> Iterator[float]:
    moment = script.begin
    sleeps = iter(sorted(script.asleep))
    sleep = next(sleeps, None)
    while moment < script.end:
        while sleep is not None and sleep[0] <= moment:
            moment = max(moment, sleep[1])
            sleep = next(sleeps, None)
        yield moment
        moment += ROUND_SECONDS * rng.uniform(0.92, 1.08) * (rng.uniform(2, 5) if rng.random() < 0.01 else 1.0)


class Vantage:
    """Makes the verdicts of one script, and notes its rounds.

    Attributes:
        rounds: the moments rounds began.
        looks: by target, the moments of its measurements; only where there are events.

    Args:
        rng: source of randomness.
        script: events and episodes.
        confirm: re-tests after a change of class.
        anchors: failing verdicts have the results of so many anchors, measured after them. A single one works through
            every fault of the uplink, the worst case; several are stopped by it in the share that targets are.
        differs: whether a target's verdict is measured again; by default when its class differs from the round before.
    """

    def __init__(
        self,
        rng: Random,
        script: Script,
        confirm: int,
        *,
        anchors: int = 0,
        differs: Callable[[DetectorInput], bool] | None = None,
    ) -> None:
        self._differs = differs
        self._place = 0.0
        self._rng = rng
        self._script = script
        self._confirm = confirm
        self._anchors = anchors
        self._ahead = {t: sorted(e, key=lambda one: one.start) for t, e in script.episodes.items()}
        self._open: dict[int, list[Episode]] = {}
        self.rounds: list[float] = []
        self.looks: list[list[float]] = [[] for _ in range(script.targets)]

    def inputs(self) -> Iterator[DetectorInput]:
        """All verdicts in order of time."""
        rng, script = self._rng, self._script
        names = self.names
        working = [True] * script.targets
        for begin in _times(rng, script):
            self.rounds.append(begin)
            order = list(range(script.targets))
            rng.shuffle(order)
            made = []
            again = []
            moment = begin
            for place, target in enumerate(order):
                self._place = (place + 1) / script.targets
                moment += rng.uniform(0.2, 1.6)
                look, where = self._look(target, moment)
                made.append((moment, target, look, 0, where))
                if look is not UNKNOWN and self._wants_retests(moment, target, look, worked=working[target]):
                    again.append((target, self._place))
            for attempt in range(1, self._confirm + 1):
                moment += rng.uniform(3.0, 6.0)
                for target, self._place in again:
                    moment += rng.uniform(0.05, 0.3)
                    look, where = self._look(target, moment)
                    made.append((moment, target, look, attempt, where))
            for at, target, look, attempt, where in made:
                if look is not UNKNOWN:
                    working[target] = look is REACHABLE
                    if script.events:
                        self.looks[target].append(at)
                facts = self._facts(target, at, look) if look[1] else None
                yield DetectorInput(datetime.fromtimestamp(at, UTC), names[target], *look, attempt, where, facts=facts)

    @property
    def names(self) -> list[str]:
        """The targets."""
        return [f"https://site{n:02d}.example/" for n in range(self._script.targets)]

    def _wants_retests(self, moment: float, target: int, look: Sample, *, worked: bool) -> bool:
        if self._differs is None:
            return (look is REACHABLE) != worked
        return self._differs(DetectorInput(datetime.fromtimestamp(moment, UTC), self.names[target], *look))

    def _look(self, target: int, moment: float) -> tuple[Sample, VantageInput | None]:
        script, rng = self._script, self._rng
        for start, end, share in script.policed:
            if start <= moment < end and self._place > 1.0 - share:
                return FROZEN.draw(rng), self._asked(moment)
        for start, end, state in script.unknown:
            if start <= moment < end:
                return UNKNOWN, VantageInput(state=state)
        ahead = self._ahead.get(target, [])
        active = self._open.setdefault(target, [])
        if ahead and ahead[0].start <= moment:
            while ahead and ahead[0].start <= moment:
                active.append(ahead.pop(0))
            active[:] = sorted((one for one in active if moment < one.end), key=lambda one: one.rank)
        for episode in active:
            if moment < episode.end and rng.random() < episode.share(moment):
                looks = episode.looks(moment)
                return looks.draw(rng), self._asked(moment, captive=looks is PORTAL)
        if rng.random() < script.noise:
            return STRAY.draw(rng), self._asked(moment)
        return REACHABLE, None

    def _asked(self, moment: float, *, captive: bool = False) -> VantageInput | None:
        """The results of the anchors after a failure. A portal answers in their place; a dead resolver spares them."""
        if self._anchors < 2:
            return VantageInput(anchors=(AnchorOutcome(foreign_content=captive),)) if self._anchors else None
        fault = next((one for one in self._script.uplink_faults if one[0] <= moment < one[1]), None)
        outcomes = []
        for n in range(self._anchors):
            stopped = fault is not None and Random(f"{fault[0]} {n}").random() < fault[2]
            url = f"{'http' if n % 2 else 'https'}://anchor{n}.example/"
            outcomes.append(AnchorOutcome(failure="timeout" if stopped else None, foreign_content=captive, url=url))
        return VantageInput(anchors=tuple(outcomes))

    def _facts(self, target: int, moment: float, look: Sample) -> EvidenceFacts:
        """Whether another port of the target answered, and when the control was served.

        The control measures every `ROUND_SECONDS` and finds a fault of the site, but no block. Another port of a
        blocked port answers, as it does at one in seven of the failures with another cause.
        """
        notes: tuple[str, ...] = ()
        if look[1][0] is Cause.TCP_TIMEOUT:
            open_share = 0.95 if look is PORT_SILENT else BESIDE_BY_CHANCE
            notes = ("other_port_answered",) if self._rng.random() < open_share else ()
        served = moment - (moment + 37.0 * target) % ROUND_SECONDS
        faults = [one for one in self._open.get(target, []) if one.looks(moment) in SITE_FAULTS]
        if any(one.start <= served for one in faults):
            served -= ROUND_SECONDS * (1 + (served - faults[0].start) // ROUND_SECONDS)
        return EvidenceFacts(notes=notes, control=ControlResult(datetime.fromtimestamp(served, UTC), ("reachable",)))
