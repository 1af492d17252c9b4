"""Interference spans: the periods in which one vantage saw interference with one target in one network.

An interference span begins with a span that is `blocked` or `throttled` and ends where a `reachable` one begins.
Nothing else ends it. A target that is now `down` or `unreachable` has not been let through again: an unblocking needs
the same proof as a block.
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
        start: onset of the first blocked or throttled span.
        stop: onset of the reachable span that ended it; None while none has.
        known: when the vantage became sure of the first.
        status: of the last blocked or throttled span.
        causes: of the same span.
        evidence: digest of the first span's evidence that has any; empty when none has.
        seen: end of the last blocked or throttled span; None while that one lasts.
        before_watch: of the first span.
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
    before_watch: bool = False


def interference_spans(spans: Iterable[Span]) -> list[InterferenceSpan]:
    """The interference spans in these spans, ordered by start, agent and target."""
    series: dict[tuple[str, str, Network], list[Span]] = defaultdict(list)
    for span in spans:
        series[span.agent, span.target, span.network].append(span)
    found = [interference for each in series.values() for interference in _of_one_target(each)]
    return sorted(found, key=lambda item: (item.start, item.agent, item.target))


def _of_one_target(spans: list[Span]) -> list[InterferenceSpan]:
    """The interference spans of one vantage, target and network."""
    found: list[InterferenceSpan] = []
    interfered: list[Span] = []
    for span in sorted(spans, key=lambda item: (item.start, item.status)):
        if span.status in INTERFERENCE:
            interfered.append(span)
        elif span.status is Status.REACHABLE and interfered:
            found.append(_joined(interfered, span.start))
            interfered = []
    return [*found, _joined(interfered, None)] if interfered else found


def _joined(spans: list[Span], stop: datetime | None) -> InterferenceSpan:
    first, last = spans[0], spans[-1]
    return InterferenceSpan(
        agent=first.agent,
        target=first.target,
        network=first.network,
        start=first.start,
        stop=stop,
        known=first.known,
        status=last.status,
        causes=last.causes,
        evidence=next((span.evidence for span in spans if span.evidence), ""),
        seen=last.stop,
        before_watch=first.before_watch,
    )
