"""Failures that many targets share are the vantage's, not theirs.

Two questions about the other targets stand between evidence and an alarm:

*The gate*, for a batch: when at least three, and at least half, of the targets believed reachable end it failing, the
vantage is suspect. Its failing verdicts are then neither evidence nor learned from, except those that prove themselves
(a second DNS answer; another server name that works) while some other target works. A vantage suspect for three hours
has lost its excuse: from then on failures count.

*The alibi*, for an alarm: since this target's first failure, one of the kind, at least three others were seen working,
and no other began to fail after the last of these, or twice as many with telling marks before (or the failure has
lasted into another batch); and those that fail with it do not outnumber those that work. This excuse, too, lasts three
hours; and what was shared is forgotten when it is over.

Anchors do the same better: where one answered after a failure, and the failure is of a kind that a vantage does not
make itself (`probe.detect.failure_classes.BEYOND_THE_LINE`), it is not counted by the gate and needs no alibi. A
replayed file may have none.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from typing import Final

from probe.detect.failure_classes import ANCHORS, ITSELF, SUCCESS, Mark
from probe.detect.null_model import ROUND
from probe.detect.series import Look, Series

FEWEST: Final = 3
"""Failing targets below which nothing is called shared."""

SHARE: Final = 0.5
"""Share of the targets believed reachable from which failures are called shared."""

PATIENCE: Final = 36
"""Batches in a row for which a suspect vantage is an excuse: so many at least, for a laptop may sleep meanwhile .."""

EXCUSE: Final = PATIENCE * ROUND
""".. and seconds (three hours), for a round may be several batches."""

CROWD: Final = 0.2
"""Share of the targets from which failures may be shared: not enough to doubt them, enough to learn no bursts from them
(a laptop's network comes up in the middle of the first round)."""

TELLING: Final = frozenset({Mark.CUT.value, Mark.FORGED.value, Mark.PROVEN.value, Mark.THROTTLED.value})
"""Marks that ordinary faults seldom bear. Where an outage begins in the middle of a round, few of these came before it;
where half a list is blocked at once, they are scattered over the round."""

WITNESSES: Final = 3
"""Other targets that must be seen working before an alarm in the first failing batch."""


class Gate:
    """Whether the vantage is suspect, batch by batch.

    Attributes:
        rounds: batches in a row in which failures were shared.
        since: moment of the first of them.
        worn_out: failures have been shared for so long that they count.
        crowded: in the last batch failures may have been shared.
    """

    def __init__(self, rounds: int = 0, since: float = 0.0, *, worn_out: bool = False) -> None:
        self.rounds = rounds
        self.since = since
        self.worn_out = worn_out
        self.crowded = False

    def suspects(self, batch: Iterable[tuple[Series, list[Look]]], now: float) -> bool:
        """Whether the failing verdicts of this batch are the vantage's.

        Args:
            batch: every target's looks in it, in order.
            now: when it ended.
        """
        seen = failing = failed = 0
        for series, looks in batch:
            if series.interference is None:
                seen += 1
                failing += looks[-1][1] != SUCCESS and not looks[-1][3] & ANCHORS
                failed += looks[0][1] != SUCCESS
        self.crowded = failed >= FEWEST and failed >= CROWD * seen
        if failing < FEWEST or failing < SHARE * seen:
            if not (failing and self.worn_out):  # the last of them are still to be called
                self.rounds = 0
                self.worn_out = False
            return False
        if not self.rounds:
            self.since = now
        self.rounds += 1
        self.worn_out = self.rounds > PATIENCE and now - self.since >= EXCUSE
        return not self.worn_out


def admissible(looks: list[Look], *, others_work: bool) -> list[Look]:
    """What a suspect vantage's looks at one target still tell."""
    return [look for look in looks if look[1] == SUCCESS or look[3] & ANCHORS or (look[3] & ITSELF and others_work)]


class Alibi:
    """Who was working and who was failing, as the series stood when a batch closed."""

    def __init__(self, series: Iterable[Series], batch: Iterable[tuple[Series, list[Look]]]) -> None:
        believed = [one for one in series if one.interference is None]
        self._working = sorted(one.worked for one in believed if one.worked > one.failed)
        self._failing = sorted(one.failed for one in believed if one.failed >= one.worked)
        newest = self._working[-1] if self._working else 0.0
        began = [(one.target, looks[0]) for one, looks in batch if SUCCESS not in (looks[0][1], looks[-1][1])]
        self._late = {target for target, look in began if look[0] >= newest}
        self._early = {target for target, look in began if look[0] < newest and look[1] in TELLING}

    def holds(self, target: str, first: float, *, lasting: bool, alike: bool) -> bool:
        """Whether one target's failures since `first` are its own.

        Args:
            target: its name.
            first: moment of its first failure.
            lasting: it failed in an earlier batch already.
            alike: that first failure, often the only one the others can vouch for, looks like what is to be called.
        """
        if self.shared(first):
            return False
        working = len(self._working) - bisect_left(self._working, first)
        return lasting or (alike and working >= WITNESSES and self._scattered(target))

    def _scattered(self, target: str) -> bool:
        """Whether too little began to fail after the last of the others had worked for an outage to begin there."""
        late = len(self._late - {target})
        return not late or len(self._early - {target}) >= 2 * late

    def shared(self, first: float) -> bool:
        """Whether more of the others have failed than worked since a moment; looks of the same moment count."""
        working = len(self._working) - bisect_left(self._working, first)
        failing = len(self._failing) - bisect_left(self._failing, first) - 1  # the target itself is one of them
        return failing > working
