"""What else one client measured about the same time: whether its line worked, and what its resolver said of names.

One report is one run of one client through a list. Inputs that worked are anchors: places that show that the line
works. Where nothing worked at all, neither a target nor OONI's own helper, the client was offline; where one page
answered for several hosts and nothing else worked, it was behind a portal. Targets that fail beside others that work
are no anchors: they may be what is blocked.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from datetime import datetime, timedelta

import msgspec

from probe.model.failure import Failure
from probe.model.hop import Purpose
from probe.model.observation import Exchange, Resolution
from probe.model.resolver import Trust
from probe.model.verdict import AnchorAnswer, AnchorKind, AnchorLook, Status, Verdict
from probe.ooni.reading import JudgedMeasurement

WINDOW = timedelta(minutes=10)
"""Time before a measurement in which others of the same client show what its line was like."""
MIN_DEAD_INPUTS = 3
"""Inputs of different hosts that all fail, the helper unreached each time, before the client counts as offline."""
MAX_ANCHORS = 4
MAX_KEPT = 32


class _Seen(msgspec.Struct, frozen=True):
    """One measurement of the report, as its neighbours need it."""

    time: datetime
    url: str
    works: bool
    is_secure: bool
    helper_answered: bool
    names: tuple[Resolution, ...]
    page: AnchorAnswer | None
    page_hash: str


class ReportWindow:
    """The latest measurements of one report."""

    def __init__(self) -> None:
        self._seen: deque[_Seen] = deque(maxlen=MAX_KEPT)

    def add(self, one: JudgedMeasurement) -> None:
        """Take in a measurement of the report."""
        verdict = one.verdict
        page = next(
            (seen for seen in verdict.evidence.observations if isinstance(seen, Exchange) and seen.status), None
        )
        clear = page if page is not None and not page.secure and page.sha256 else None
        works = verdict.status is Status.REACHABLE
        self._seen.append(
            _Seen(
                time=verdict.time,
                url=verdict.target,
                works=works,
                is_secure=works and page is not None and page.secure,
                helper_answered=one.helper_answered,
                names=tuple(_resolved_names(verdict)) if works else (),
                page=_answer_of(clear) if clear is not None else None,
                page_hash=clear.sha256 if clear is not None else "",
            )
        )

    def anchors(self, time: datetime, target: str) -> tuple[AnchorLook, ...]:
        """The looks at anchors that the neighbours of a measurement amount to."""
        near = [one for one in self._near(time) if one.url != target]
        working = [one for one in near if one.works and one.is_secure] or [one for one in near if one.works]
        if working:
            latest = {one.url: one for one in working}
            return tuple(
                AnchorLook(url=one.url, kind=AnchorKind.FOREIGN, at=one.time)
                for one in list(latest.values())[-MAX_ANCHORS:]
            )
        dead = {one.url: one for one in self._near(time) if not one.works and not one.helper_answered}
        if len(dead) < MIN_DEAD_INPUTS or any(one.helper_answered for one in near):
            return ()
        return tuple(_failed_look(one) for one in list(dead.values())[-MAX_ANCHORS:])

    def other_names(self, time: datetime, host: str) -> tuple[Resolution, ...]:
        """Other names that the client's resolver found, of targets that worked."""
        found = {
            name.name: name for one in self._near(time) for name in one.names if name.name != host and name.addresses
        }
        return tuple(found.values())[-MAX_ANCHORS:]

    def _near(self, time: datetime) -> list[_Seen]:
        return [one for one in self._seen if abs(one.time - time) <= WINDOW]


def _failed_look(one: _Seen) -> AnchorLook:
    """A look at an input that failed while nothing else worked."""
    if one.page is not None:
        return AnchorLook(url=one.url, kind=AnchorKind.FOREIGN, at=one.time, foreign_content=True, answer=one.page)
    return AnchorLook(url=one.url, kind=AnchorKind.FOREIGN, at=one.time, failure=Failure.TIMEOUT)


def _answer_of(page: Exchange) -> AnchorAnswer:
    return AnchorAnswer(
        status=page.status,
        location=page.location,
        sha256=page.sha256,
        complete=page.complete,
        server=page.server,
        sample=page.sample,
    )


def _resolved_names(verdict: Verdict) -> Iterator[Resolution]:
    """What the client's resolver said of the target's own host."""
    for one in verdict.evidence.observations:
        if isinstance(one, Resolution) and one.trust is Trust.SYSTEM and one.hop == 0 and one.addresses:
            yield msgspec.structs.replace(one, purpose=Purpose.OTHER, at=0)
