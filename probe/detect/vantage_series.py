"""The state of the vantage; each change is reported once.

Verdicts carry the state concluded from the anchors. The state of a batch is the one that most of its verdicts carry. If
it differs from the last reported state, the change is a transition whose target is `vantage`.
"""

from __future__ import annotations

from typing import Any, Final

from probe.detect.network_series import moment_of
from probe.detect.round_times import ClockCorrection
from probe.detect.suspicion import onset_between
from probe.model.transition import VANTAGE, Transition
from probe.model.verdict import VantageState

BATCH_GAP_SECONDS: Final = 60.0
BATCH_SPAN_SECONDS: Final = 180.0
"""A batch ends after a gap of more than this between two verdicts, or at more than this total length."""


class VantageSeries:
    """The state of the vantage over time.

    Attributes:
        state: the last reported state; `online` at first.
    """

    def __init__(self) -> None:
        self.state = VantageState.ONLINE
        self._first = self._last = 0.0
        self._counts: dict[VantageState, int] = {}
        self._latest = VantageState.ONLINE
        self._uncounted = 0
        """Verdicts in a row with the state `_latest` that are not in `_counts` yet: looking an enum's member up in a
        dictionary takes longer than the rest of a verdict."""
        self._settled_at = 0.0
        self._began: dict[VantageState, float] = {}

    def add_state(self, moment: float, state: VantageState) -> list[Transition]:
        """Process the vantage state of one verdict; return a transition if the verdict ends a batch that changes it.

        Args:
            moment: time of the verdict, Unix seconds.
            state: the verdict's vantage state.
        """
        found: list[Transition] = []
        if (self._uncounted or self._counts) and (
            moment - self._last > BATCH_GAP_SECONDS
            or not -BATCH_SPAN_SECONDS <= moment - self._first <= BATCH_SPAN_SECONDS
        ):
            found = self.end_round()
        if not (self._uncounted or self._counts):
            self._first = moment
        self._last = moment
        if state is not self._latest:
            self._count()
            self._latest = state
        self._uncounted += 1
        if state is self.state:
            self._settled_at = moment
            if self._began:
                self._began.clear()
        else:
            self._began.setdefault(state, moment)
        return found

    def _count(self) -> None:
        """Bring `_counts` up to date."""
        if self._uncounted:
            self._counts[self._latest] = self._counts.get(self._latest, 0) + self._uncounted
            self._uncounted = 0

    def end_round(self) -> list[Transition]:
        """Close the batch and return the transition, if the state changed."""
        self._count()
        if not self._counts:
            return []
        counts, self._counts = self._counts, {}
        state = max(counts, key=lambda one: counts[one])
        if state is self.state:
            return []
        before, self.state = self.state, state
        began = self._began.pop(state, self._first)
        onset = onset_between(self._settled_at, began)
        self._settled_at = self._last
        self._began.clear()
        return [
            Transition(
                target=VANTAGE,
                before=before.value,
                after=state.value,
                time=moment_of(self._last),
                onset=moment_of(onset),
                evidence={"verdicts": counts[state], "of": sum(counts.values())},
            )
        ]

    def correct(self, correction: ClockCorrection) -> None:
        """Correct every stored moment after the wall clock was set."""
        self._first = correction.corrected(self._first)
        self._last = correction.corrected(self._last)
        self._settled_at = correction.corrected(self._settled_at)
        self._began = {state: correction.corrected(moment) for state, moment in self._began.items()}

    def to_plain(self) -> list[Any]:
        """Return the state as plain data, for storage."""
        self._count()
        return [self.state, self._first, self._last, self._counts, self._settled_at, self._began]

    @classmethod
    def from_plain(cls, plain: list[Any]) -> VantageSeries:
        """Rebuild the state from `to_plain`."""
        self = cls()
        state, self._first, self._last, counts, self._settled_at, began = plain
        self.state = VantageState(state)
        self._counts = {VantageState(one): n for one, n in counts.items()}
        self._began = {VantageState(one): moment for one, moment in began.items()}
        return self
