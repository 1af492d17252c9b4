"""One vantage's word on one target in one network: from when to when it saw interference.

A stretch begins with a span that is `blocked` or `throttled` and ends where a `reachable` one begins. Nothing else ends
it: a target that is `down`, or fails with nothing to show for it, has not been let through again, and an unblocking
needs the same proof as a block.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

import msgspec

from probe.fuse.service import INTERFERENCE
from probe.model.event import Network, Span
from probe.model.verdict import Cause, Status


class InterferenceSpan(msgspec.Struct, frozen=True, kw_only=True):
    """Interference with one target as one vantage saw it.

    Attributes:
        start: onset of the first bad span.
        stop: onset of the reachable span that ended it; None while none has.
        known: when the vantage became sure of the first.
        status: of the last bad span; `causes` likewise.
        evidence: digest of the first evidence there was; empty when none.
        seen: until when the bad spans themselves lasted; None while one lasts.
    """

    agent: str
    target: str
    network: Network
    start: datetime
    stop: datetime | None
    known: datetime
    status: Status
    causes: tuple[Cause, ...]
    evidence: str
    seen: datetime | None

    def covers(self, moment: datetime) -> bool:
        """Whether the vantage saw it at this moment, or has not been let through since."""
        return self.start <= moment and (self.stop is None or moment < self.stop)


def interference_spans(spans: Iterable[Span]) -> list[InterferenceSpan]:
    """The interference_spans in these spans, ordered by start, agent and target."""
    series: dict[tuple[str, str, Network], list[Span]] = defaultdict(list)
    for span in spans:
        series[span.agent, span.target, span.network].append(span)
    found = [stretch for each in series.values() for stretch in _of_one(each)]
    return sorted(found, key=lambda item: (item.start, item.agent, item.target))


def _of_one(spans: list[Span]) -> list[InterferenceSpan]:
    """The interference_spans of one vantage, target and network."""
    found: list[InterferenceSpan] = []
    bad: list[Span] = []
    for span in sorted(spans, key=lambda item: (item.start, item.status)):
        if span.status in INTERFERENCE:
            bad.append(span)
        elif span.status is Status.REACHABLE and bad:
            found.append(_joined(bad, span.start))
            bad = []
    return [*found, _joined(bad, None)] if bad else found


def _joined(bad: list[Span], stop: datetime | None) -> InterferenceSpan:
    first, last = bad[0], bad[-1]
    return InterferenceSpan(
        agent=first.agent,
        target=first.target,
        network=first.network,
        start=first.start,
        stop=stop,
        known=first.known,
        status=last.status,
        causes=last.causes,
        evidence=next((span.evidence for span in bad if span.evidence), ""),
        seen=last.stop,
    )
