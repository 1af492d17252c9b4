"""The exit status that verdicts add up to (contract: `probe check`, `probe judge`)."""

from __future__ import annotations

from collections import Counter

from probe.errors import ExitStatus
from probe.model.verdict import Status, VantageState, Verdict


class Tally:
    """Counts verdicts by status, and remembers whether the vantage was offline at any of them."""

    def __init__(self) -> None:
        self.statuses: Counter[Status] = Counter()
        self.states: Counter[VantageState] = Counter()

    def add(self, verdict: Verdict) -> None:
        """Count one."""
        self.statuses[verdict.status] += 1
        self.states[verdict.vantage.state] += 1

    @property
    def status(self) -> ExitStatus:
        """3 when the vantage was offline at any of them; else 1 when some target is not reachable."""
        if self.states[VantageState.OFFLINE]:
            return ExitStatus.OFFLINE
        reachable = self.statuses[Status.REACHABLE] == self.statuses.total()
        return ExitStatus.OK if reachable else ExitStatus.NOT_ALL_WELL

    def sentence(self) -> str:
        """The counts in words: `12 reachable, 1 blocked`."""
        return ", ".join(f"{self.statuses[status]} {status}" for status in Status if self.statuses[status])
