"""Score transitions against the truth: delay, missed changes, false reports."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from math import inf, lgamma, log
from typing import Final

from benchmarks.detect.script import DAY, ROUND_SECONDS, Event, Script, Vantage
from probe.model.transition import VANTAGE, Transition

CALLED: Final = frozenset({"blocked", "throttled"})
NOT_ACCUSING: Final = frozenset({"unreachable", "down"})
YEAR: Final = 365.25 * DAY


@dataclass
class Score:
    """Counts and delays of one or more runs of a world.

    Attributes:
        years: target-years watched.
        delays: rounds from an event to its report, `inf` when missed, by mechanism.
        unblocks: rounds from an event's end to the report of it.
        false_blocks, false_clears, duplicates, soft: reports that were wrong, repeated, or of `down` and `unreachable`.
        onsets: errors of onsets, in measurements of the target; 0 is the right gap between two of them.
    """

    years: float = 0.0
    delays: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    unblocks: list[float] = field(default_factory=list)
    false_blocks: int = 0
    false_clears: int = 0
    duplicates: int = 0
    soft: int = 0
    onsets: list[float] = field(default_factory=list)
    wrong: list[Transition] = field(default_factory=list)

    def all_delays(self) -> list[float]:
        """Delays over all mechanisms."""
        return [delay for delays in self.delays.values() for delay in delays]

    def add(self, other: Score) -> None:
        """Add another run's counts."""
        self.years += other.years
        for name, delays in other.delays.items():
            self.delays[name] += delays
        self.unblocks += other.unblocks
        self.onsets += other.onsets
        self.wrong += other.wrong
        self.false_blocks += other.false_blocks
        self.false_clears += other.false_clears
        self.duplicates += other.duplicates
        self.soft += other.soft


def quantile(values: Iterable[float], share: float) -> float:
    """The smallest value that at least `share` of the values do not exceed; NaN of none."""
    ordered = sorted(values)
    if not ordered:
        return float("nan")
    return ordered[min(len(ordered) - 1, max(0, -int(-share * len(ordered) // 1) - 1))]


def upper_bound(count: int, years: float) -> float:
    """95 % one-sided upper bound of a Poisson rate, by bisection on its distribution function."""
    low, high = 0.0, count + 10.0 + 6.0 * (count + 1) ** 0.5
    for _ in range(60):
        middle = (low + high) / 2
        below = sum(_poisson(n, middle) for n in range(count + 1))
        low, high = (middle, high) if below > 0.05 else (low, middle)
    return high / years if years else inf


def _poisson(n: int, mean: float) -> float:
    return 2.718281828459045 ** (n * log(mean) - mean - lgamma(n + 1)) if mean > 0 else float(n == 0)


def score(script: Script, vantage: Vantage, found: Iterable[Transition]) -> Score:
    """Compare the transitions of a run with the true events.

    Args:
        script: the true events.
        vantage: has the moments of rounds and measurements.
        found: transitions in order of time.
    """
    result = Score(years=script.targets * script.days * DAY / YEAR)
    by_target: dict[int, list[Transition]] = defaultdict(list)
    for one in found:
        if one.target != VANTAGE:
            by_target[int(one.target[12:14])].append(one)
    events: dict[int, list[Event]] = defaultdict(list)
    for event in sorted(script.events, key=lambda one: one.start):
        events[event.target].append(event)
    for target in range(script.targets):
        _score_target(result, vantage, _seen_apart(events[target], vantage.looks[target]), by_target[target])
    return result


def _seen_apart(events: list[Event], looks: Sequence[float]) -> list[Event]:
    """The events that measurements can separate: two without a measurement between them (a laptop slept) are one."""
    apart: list[Event] = []
    for event in events:
        if apart and bisect_right(looks, apart[-1].end) == bisect_right(looks, event.start):
            apart[-1] = replace(apart[-1], end=event.end, fades=event.fades)
        else:
            apart.append(event)
    return apart


def _score_target(result: Score, vantage: Vantage, events: list[Event], found: list[Transition]) -> None:
    starts = [event.start for event in events]
    taken: dict[int, list[Transition]] = defaultdict(list)
    for one in found:
        moment = one.time.timestamp()
        n = bisect_right(starts, moment) - 1
        inside = n >= 0 and moment <= _grace(events[n], events[n + 1] if n + 1 < len(events) else None)
        if one.after in CALLED and not inside:
            result.false_blocks += 1
            result.wrong.append(one)
        elif one.after in NOT_ACCUSING:
            result.soft += 1
        elif one.after == "reachable" and one.before in CALLED and n >= 0 and moment < events[n].fades:
            result.false_clears += 1
        if n >= 0:
            taken[n].append(one)
    for n, event in enumerate(events):
        _score_event(result, vantage, event, taken[n])


def _grace(event: Event, following: Event | None) -> float:
    """The time until which a report belongs to an event: two rounds after its end, before the next one."""
    end = event.end + 2 * ROUND_SECONDS
    return min(end, following.start) if following is not None else end


def _score_event(result: Score, vantage: Vantage, event: Event, found: list[Transition]) -> None:
    called = [one for one in found if one.after in CALLED and one.time.timestamp() <= event.end + 2 * ROUND_SECONDS]
    if not called:
        result.delays[event.mechanism].append(inf)
        return
    rounds = vantage.rounds
    first = called[0].time.timestamp()
    result.delays[event.mechanism].append(max(0, _rounds(rounds, event.counted, first)))
    result.onsets.append(_onset_error(vantage.looks[event.target], event.start, called[0].onset.timestamp()))
    clears = [one for one in found if one.after == "reachable"]
    result.duplicates += sum(
        one.before in CALLED or not any(called[0].time < c.time < one.time for c in clears) for one in called[1:]
    )
    ends = [one.time.timestamp() for one in clears if one.time.timestamp() >= event.fades]
    result.unblocks.append(_rounds(rounds, event.fades, ends[0]) if ends else inf)


def _rounds(rounds: Sequence[float], start: float, moment: float) -> int:
    """Rounds that began up to `moment`, from the one running at `start` on: 1 is the first that could see the event."""
    return max(1, bisect_right(rounds, moment) - bisect_left(rounds, start))


def _onset_error(looks: Sequence[float], truth: float, onset: float) -> float:
    """The number of measurements of the target between an onset and the true one; 0 is the right gap."""
    return abs(bisect_right(looks, onset) - bisect_right(looks, truth))
