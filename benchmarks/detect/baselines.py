"""The rules in use today, for comparison with our detector. They know pass and fail, and count all verdicts.

Sources: Gatus alerting (failure-threshold 3, success-threshold 2); Prometheus `for: 15m` (failing at every evaluation
for that long); OONI's changepoints (median per hour, CUSUM with v = 0.7 and h = 3.5); OONI's former detector (an
exponential average with p = 0.02, blocked above 0.10, cleared below 0.05).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from statistics import median
from typing import Final, Protocol

from probe.detect.detector_input import DetectorInput
from probe.model.transition import Transition
from probe.model.verdict import Status


class Rule(Protocol):
    """A rule for one target."""

    def is_bad_after(self, failed: bool, moment: float) -> bool:
        """Take one verdict; whether the target is bad after it."""


class ConsecutiveFailures:
    """Bad after a number of failures in a row, good after a number of successes."""

    def __init__(self, failures: int, successes: int) -> None:
        self._needed = {True: failures, False: successes}
        self._bad = False
        self._last = False
        self._run = 0

    def is_bad_after(self, failed: bool, moment: float) -> bool:  # noqa: ARG002 - the interface
        """Take one verdict; whether the target is bad after it."""
        self._run = self._run + 1 if failed == self._last else 1
        self._last = failed
        if failed != self._bad and self._run >= self._needed[failed]:
            self._bad = failed
        return self._bad


class FailingPeriod:
    """Bad when every verdict of a period failed, good at the first success."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._since: float | None = None

    def is_bad_after(self, failed: bool, moment: float) -> bool:
        """Take one verdict; whether the target is bad after it."""
        if not failed:
            self._since = None
            return False
        if self._since is None:
            self._since = moment
        return moment - self._since >= self._seconds


class HourlyCusum:
    """Two CUSUMs over hourly medians."""

    def __init__(self) -> None:
        self._hour = 0
        self._seen: list[int] = []
        self._up = self._down = 0.0
        self._bad = False

    def is_bad_after(self, failed: bool, moment: float) -> bool:
        """Take one verdict; whether the target is bad after it."""
        hour = int(moment // 3600)
        if hour != self._hour and self._seen:
            y = 0.7 * median(self._seen)
            self._up = max(0.0, self._up + y - 0.35)
            self._down = max(0.0, self._down + 0.35 - y)
            self._seen = []
            if not self._bad and self._up > 3.5:
                self._bad, self._up, self._down = True, 0.0, 0.0
            elif self._bad and self._down > 3.5:
                self._bad, self._up, self._down = False, 0.0, 0.0
        self._hour = hour
        self._seen.append(int(failed))
        return self._bad


class Average:
    """An exponential average with two thresholds."""

    def __init__(self) -> None:
        self._mean = 0.0
        self._bad = False

    def is_bad_after(self, failed: bool, moment: float) -> bool:  # noqa: ARG002 - the interface
        """Take one verdict; whether the target is bad after it."""
        self._mean += 0.02 * (failed - self._mean)
        self._bad = self._mean > (0.05 if self._bad else 0.10)
        return self._bad


BASELINES: Final[dict[str, Callable[[], Rule]]] = {
    "three in a row": lambda: ConsecutiveFailures(3, 3),
    "Gatus 3/2": lambda: ConsecutiveFailures(3, 2),
    "Prometheus for: 15m": lambda: FailingPeriod(900.0),
    "OONI CUSUM": HourlyCusum,
    "OONI average": Average,
}


class RuleDetector:
    """A rule for every target, with the interface of our detector."""

    def __init__(self, rule: Callable[[], Rule]) -> None:
        self._rule = rule
        self._rules: dict[str, Rule] = {}
        self._bad: dict[str, bool] = {}

    def feed(self, verdict_input: DetectorInput) -> list[Transition]:
        """Take one verdict; whether the target is bad after it."""
        if verdict_input.status is Status.UNKNOWN:
            return []
        target = verdict_input.target
        if target not in self._rules:
            self._rules[target] = self._rule()
        bad = self._rules[target].is_bad_after(
            verdict_input.status is not Status.REACHABLE, verdict_input.time.timestamp()
        )
        if bad == self._bad.get(target, False):
            return []
        self._bad[target] = bad
        before, after = ("reachable", "blocked") if bad else ("blocked", "reachable")
        moment = datetime.fromtimestamp(verdict_input.time.timestamp(), UTC)
        return [Transition(target=target, before=before, after=after, time=moment, onset=moment)]

    def finish(self) -> list[Transition]:
        """End the series; all changes have been reported."""
        return []
