"""The vantage's own state, reported once a change.

Verdicts carry the state that the anchors showed. A batch is in the state that most of its verdicts carry; when that is
another than the last reported one, the change is a transition whose target is `vantage`.
"""

from __future__ import annotations

from typing import Any, Final

from probe.detect.network_series import moment_of
from probe.detect.suspicion import onset_between
from probe.model.transition import VANTAGE, Transition
from probe.model.verdict import VantageState

BATCH_GAP_SECONDS: Final = 60.0
BATCH_SPAN_SECONDS: Final = 180.0
"""Seconds of silence, and seconds in all, that end a batch."""


class VantageSeries:
    """Which state the vantage is in.

    Attributes:
        state: as last reported; a vantage is taken to be online until it says otherwise.
    """

    def __init__(self) -> None:
        self.state = VantageState.ONLINE
        self._first = self._last = 0.0
        self._counts: dict[VantageState, int] = {}
        self._settled_at = 0.0
        self._began: dict[VantageState, float] = {}

    def saw(self, moment: float, state: VantageState) -> list[Transition]:
        """Take the state one verdict carries.

        Args:
            moment: Unix seconds.
            state: as the verdict says.
        """
        found: list[Transition] = []
        if self._counts and (
            moment - self._last > BATCH_GAP_SECONDS
            or not -BATCH_SPAN_SECONDS <= moment - self._first <= BATCH_SPAN_SECONDS
        ):
            found = self.end_round()
        if not self._counts:
            self._first = moment
        self._last = moment
        self._counts[state] = self._counts.get(state, 0) + 1
        if state is self.state:
            self._settled_at = moment
            self._began.clear()
        else:
            self._began.setdefault(state, moment)
        return found

    def end_round(self) -> list[Transition]:
        """Close the batch."""
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

    def plain(self) -> list[Any]:
        """Everything as plain data."""
        return [self.state, self._first, self._last, self._counts, self._settled_at, self._began]

    @classmethod
    def of(cls, plain: list[Any]) -> VantageSeries:
        """The inverse of `plain`."""
        self = cls()
        state, self._first, self._last, counts, self._settled_at, began = plain
        self.state = VantageState(state)
        self._counts = {VantageState(one): n for one, n in counts.items()}
        self._began = {VantageState(one): moment for one, moment in began.items()}
        return self
