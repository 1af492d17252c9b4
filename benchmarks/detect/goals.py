"""The goals of detection, and the measured figure for each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import inf
from typing import Final

from benchmarks.detect.score import Score, quantile

CLEAN: Final = ("clean", "clean_n5", "clean_n10")
LEAKY: Final = ("leaky90", "leaky70", "leaky50", "leaky30")
OUTAGES: Final = ("out_unknown", "out_misjudged", "out_portal", "out_partial")
SPECIFIC_CLASSES: Final = ("dns", "sni_rst", "sni_drop", "page", "spoof")

Measure = Callable[[Score], float]


@dataclass(frozen=True)
class Goal:
    """A limit for one figure.

    Attributes:
        title: of the figure.
        worlds: those whose runs are combined.
        measure: computes the figure from the scores.
        limit: the goal; the figure must not exceed it (`least`: must reach it).
        confirm: for runs with this number of re-tests only; None for any.
        anchors: for runs with anchors only, or without; None for any.
    """

    title: str
    worlds: tuple[str, ...]
    measure: Measure
    limit: float
    least: bool = False
    confirm: int | None = 3
    anchors: bool | None = None

    def figure(self, scores: Mapping[str, Score]) -> tuple[float, Score] | None:
        """The figure and its runs; None when a world was not run."""
        if not all(world in scores for world in self.worlds):
            return None
        together = Score()
        for world in self.worlds:
            together.add(scores[world])
        return self.measure(together), together

    def is_met(self, value: float) -> bool:
        """Whether a figure meets the goal."""
        return value >= self.limit if self.least else value <= self.limit


def delay(share: float, *mechanisms: str) -> Measure:
    """A quantile of the rounds from event to report, over some mechanisms or all."""
    return lambda score: quantile(
        [d for name, delays in score.delays.items() if not mechanisms or name in mechanisms for d in delays], share
    )


def missed(score: Score) -> float:
    """Events never reported."""
    return float(sum(d == inf for d in score.all_delays()))


def found(*mechanisms: str) -> Measure:
    """Share of the events reported."""

    def measure(score: Score) -> float:
        delays = [d for name, ds in score.delays.items() if not mechanisms or name in mechanisms for d in ds]
        return sum(d != inf for d in delays) / len(delays)

    return measure


def false_blocks(score: Score) -> float:
    """False reports of interference per target-year."""
    return score.false_blocks / score.years


def false_clears(score: Score) -> float:
    """False reports of its end per target-year."""
    return score.false_clears / score.years


def duplicates(score: Score) -> float:
    """Reports of the same interference beyond the first."""
    return float(score.duplicates)


def right_gap(score: Score) -> float:
    """Share of onsets in the right gap between two measurements of the target."""
    return sum(error == 0 for error in score.onsets) / len(score.onsets)


def unblock(share: float) -> Measure:
    """A quantile of the rounds from an event's end to its report."""
    return lambda score: quantile(score.unblocks, share)


GOALS: Final[tuple[Goal, ...]] = (
    *(Goal(f"{w}: delay, median", (w,), delay(0.5), 1) for w in CLEAN),
    *(Goal(f"{w}: delay, p95", (w,), delay(0.95), 6) for w in CLEAN),
    Goal("clean blocks missed", CLEAN, missed, 0),
    Goal("clean: dns and sni_rst, p95", CLEAN, delay(0.95, "dns", "sni_rst"), 1),
    Goal("clean: page, spoof, sni_drop, p95", CLEAN, delay(0.95, "page", "spoof", "sni_drop"), 2),
    Goal("clean: rst, p95", CLEAN, delay(0.95, "rst"), 4),
    Goal("clean: bare time-outs, p95", CLEAN, delay(0.95, "ip"), 9),
    *(Goal(f"{w}: false blocks a target-year", (w,), false_blocks, 0.1, confirm=None) for w in ("quiet1", "quiet5")),
    Goal("quiet10: false blocks a target-year", ("quiet10",), false_blocks, 0.1, confirm=None),
    Goal("quiet_ge: false blocks a target-year", ("quiet_ge",), false_blocks, 0.5),
    Goal("quiet_geh: false blocks a target-year", ("quiet_geh",), false_blocks, 1.0),
    *(Goal(f"{w}: false blocks a target-year", (w,), false_blocks, 0.1, confirm=None) for w in (*OUTAGES, "down")),
    Goal("false clears a target-year, clean and leaky together", (*CLEAN, *LEAKY), false_clears, 0.5),
    *(Goal(f"{w}: false clears a target-year", (w,), false_clears, 2.0) for w in LEAKY),
    Goal("clean: reports repeated", CLEAN, duplicates, 0),
    Goal("clean: unblock, median", CLEAN, unblock(0.5), 1),
    Goal("clean: unblock, p95", CLEAN, unblock(0.95), 3),
    Goal("leaky90: unblock, median", ("leaky90",), unblock(0.5), 5),
    Goal("leaky50: unblock, median", ("leaky50",), unblock(0.5), 18),
    *(Goal(f"{w}: delay, median", (w,), delay(0.5), n) for w, n in zip(LEAKY, (1, 2, 3, 6), strict=True)),
    *(Goal(f"{w}: delay, p95", (w,), delay(0.95), n) for w, n in zip(LEAKY, (10, 10, 10, 20), strict=True)),
    Goal("leaky blocks missed", LEAKY, missed, 0),
    Goal("roll-out: delay after 30 % of the ramp, p95", ("rollout",), delay(0.95), 8),
    Goal("flapping: intervals reported", ("flap",), found(), 0.88, least=True),
    Goal("diurnal: delay, median", ("diurnal",), delay(0.5), 1),
    Goal("diurnal: delay, p95", ("diurnal",), delay(0.95), 3),
    Goal("gaps: delay, p95", ("gaps",), delay(0.95), 7),
    Goal("two-round blocks with telling evidence, reported", ("short",), found(*SPECIFIC_CLASSES), 0.93, least=True),
    Goal("mass40: delay, median", ("mass40",), delay(0.5), 1),
    Goal("mass40: delay, p95", ("mass40",), delay(0.95), 6),
    Goal("mass90 by dns or sni: delay, median", ("mass90_named",), delay(0.5), 1),
    Goal("mass90 by dns or sni: delay, p95", ("mass90_named",), delay(0.95), 3),
    Goal("mass90 by time-outs: delay, p95", ("mass90_ip",), delay(0.95), 46),
    Goal("mass90 by resets and pages, anchors: delay, median", ("mass90_cut",), delay(0.5), 1, anchors=True),
    Goal("mass90 by resets and pages, anchors: delay, p95", ("mass90_cut",), delay(0.95), 6, anchors=True),
    Goal("mass90 by time-outs, anchors: delay, median", ("mass90_ip",), delay(0.5), 3, anchors=True),
    Goal("one port silent: delay, median", ("port",), delay(0.5), 2),
    Goal("clean: onset in the right gap", CLEAN, right_gap, 0.95, least=True),
    Goal("without re-tests, clean: delay, median", CLEAN, delay(0.5), 3, confirm=0),
    Goal("without re-tests, clean: delay, p95", CLEAN, delay(0.95), 10, confirm=0),
    Goal("without re-tests, quiet_ge: false blocks a target-year", ("quiet_ge",), false_blocks, 2.0, confirm=0),
    Goal("without re-tests, quiet_geh: false blocks a target-year", ("quiet_geh",), false_blocks, 2.0, confirm=0),
)
"""The table of issue 4 ("Shows"), with more figures from the research behind it."""
