"""Claims: the periods in which one vantage was present and saw interference with one target.

A vantage that falls silent claims nothing any more after two of its intervals. It has not seen the target let through
either: its silence neither holds an event open nor lifts it. When it is back and still sees interference, it makes
another claim.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import msgspec

from probe.fuse.interference_span import InterferenceSpan
from probe.fuse.presence import Period, PresenceIndex


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """One period of an interference span in which its vantage was present.

    Attributes:
        span: the interference span.
        start: the span's onset, or where the vantage was present again.
        stop: where the vantage saw the target reachable, or where its vote ended; None while the claim lasts.
        first: whether this is the first claim of the span.
    """

    span: InterferenceSpan
    start: datetime
    stop: datetime | None
    first: bool = True

    @property
    def known(self) -> datetime:
        """When the vantage became sure."""
        return self.span.known if self.first else self.start

    @property
    def before_watch(self) -> bool:
        """Whether it began before it was first measured."""
        return self.span.before_watch and self.first


def claims(spans: Iterable[InterferenceSpan], presence: PresenceIndex, now: datetime) -> list[Claim]:
    """The claims in these interference spans, ordered by start, vantage and target."""
    found = [claim for span in spans for claim in _of_span(span, presence, now)]
    return sorted(found, key=lambda each: (each.start, each.span.agent, each.span.target))


def _of_span(span: InterferenceSpan, presence: PresenceIndex, now: datetime) -> list[Claim]:
    """The claims of one span."""
    periods = present_periods(presence.vote_periods(span.agent, span.network), span.start, span.known)
    found: list[Claim] = []
    for start, stop in periods:
        if span.stop is not None and start >= span.stop:
            break
        lasts = span.stop is None and stop >= now
        end = None if lasts else stop if span.stop is None else min(stop, span.stop)
        found.append(Claim(span=span, start=start, stop=end, first=not found))
    return found


def present_periods(periods: Iterable[Period], start: datetime, known: datetime) -> list[Period]:
    """The periods of presence that belong to a span, the first from its start.

    The report itself shows that the vantage was present when it became sure, and that it measured since the start.
    """
    later = [period for period in periods if period[1] >= known]
    if later and later[0][0] <= known:
        return [(start, later[0][1]), *later[1:]]
    return [(start, known), *later]
