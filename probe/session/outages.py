"""Find the name after which the whole line went silent, and try it again alone.

Some networks answer one forbidden name by cutting everything of the line for a while, anchors included. Then the
vantage is offline, and so is the verdict on the name that caused it. A verdict that found the line lost, in a pass in
which it worked before, is withheld as a suspect. When the line is back and nothing else is under way, the first
suspects are measured again, anchors before and after. A name after which the line is lost twice of two times, and comes
back, is blocked (rules `tls.timeout.line` and its like). A name that is measured well then gets that verdict.

The neutral name goes to each address before the suspect one, so that a flapping line shows.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from probe import judge
from probe.judge.vantage import conclude
from probe.lazy import lazy
from probe.model.hop import CUT_FAILURES, Purpose
from probe.model.observation import Exchange, TlsHandshake
from probe.model.target import parse
from probe.model.verdict import Outage, Status, Vantage, VantageState, Verdict

if TYPE_CHECKING:
    from probe.judge import policing
else:
    policing = lazy("probe.judge.policing")

MAX_SUSPECTS = 2
"""Suspects of one pass that are tried alone: each may cost the line a minute or two."""
TRIALS = 2
"""Trials of a suspect; each must lose the line."""
MAX_RETURN_SECONDS = 180.0
"""Longest wait for the line after a trial has lost it."""
MAX_PASS_SECONDS = 60.0
"""Longest wait for the line before the first trial: an ordinary outage must not hold up a pass for long."""
REST_SECONDS = 5.0
"""Time without handshakes before a trial, so that those of the look at the anchors and its own are no burst."""
POLL_SECONDS = 5.0
"""Interval of looks at the anchors meanwhile."""
MEMORY = timedelta(days=1)
"""Time for which proven outages of a target count in later passes, so that each pass need not cause more of them."""

LookUntilBack = Callable[[float], Awaitable[Vantage | None]]
"""Looks at the anchors for so many seconds until the line works; the vantage, or None where it does not come back."""
MeasureAlone = Callable[[Verdict], Awaitable[Verdict]]
"""Measures the target of a verdict again, while nothing else is under way."""


class OutageMemory:
    """The outages that a session has proven, by target."""

    def __init__(self) -> None:
        self._proven: dict[str, tuple[Outage, ...]] = {}

    def known(self, target: str, now: datetime) -> tuple[Outage, ...]:
        """The proven outages of a target that still count; empty where they are too few to judge by."""
        fresh = tuple(one for one in self._proven.get(target, ()) if now - one.at < MEMORY)
        return fresh if len(fresh) >= TRIALS else ()

    def add(self, verdict: Verdict) -> None:
        """Remember the outages of a verdict; a target that works has none."""
        proven = tuple(one for one in verdict.evidence.outages if one.alone and one.back)
        if verdict.status is Status.REACHABLE:
            self._proven.pop(verdict.target, None)
        elif len(proven) >= TRIALS:
            self._proven[verdict.target] = proven[-TRIALS:]


class _Suspect(msgspec.Struct, frozen=True):
    """A verdict that found the line lost, and the moment at which its name was sent."""

    verdict: Verdict
    sent: datetime


class OutageTrials:
    """The suspects of one pass, and their trials.

    Args:
        memory: of the session.
        measure: measures a suspect alone.
        until_back: waits for the line.
    """

    def __init__(self, memory: OutageMemory, measure: MeasureAlone, until_back: LookUntilBack) -> None:
        self._memory = memory
        self._measure = measure
        self._until_back = until_back
        self._suspects: list[_Suspect] = []

    def withholds(self, verdict: Verdict) -> bool:
        """Whether a verdict is a suspect's; it is then kept."""
        self._memory.add(verdict)
        sent = _sent_before_cut(verdict)
        if not _lost_the_line(verdict.vantage) or sent is None or verdict.evidence.attempt:
            return False
        self._suspects.append(_Suspect(verdict, sent))
        return True

    async def settle(self) -> list[Verdict]:
        """Try the suspects, those first whose names were sent first; return the verdicts that stand."""
        suspects = sorted(self._suspects, key=lambda one: one.sent)
        self._suspects = []
        tried = [await self._try(one.verdict) for one in suspects[:MAX_SUSPECTS]]
        return [*tried, *(one.verdict for one in suspects[MAX_SUSPECTS:])]

    async def _try(self, suspect: Verdict) -> Verdict:
        """The verdict on a suspect after its trials."""
        found = [*self._memory.known(suspect.target, suspect.time), Outage(at=suspect.time)]
        vantage = await self._until_back(MAX_PASS_SECONDS)
        verdict = suspect
        while vantage is not None and sum(one.alone for one in found) < TRIALS:
            verdict = await self._measure(suspect)
            if verdict.vantage.state is not VantageState.OFFLINE or not _is_cut_after_neutral(verdict):
                return suspect if suspect.vantage.state is VantageState.POLICED else verdict
            vantage = await self._until_back(MAX_RETURN_SECONDS)
            found.append(Outage(at=verdict.time, alone=True, back=vantage is not None))
        judged = judge.verdict(
            time=verdict.time,
            text=verdict.target,
            target=parse(verdict.target),
            evidence=replace(verdict.evidence, outages=tuple(found)),
            vantage=verdict.vantage if vantage is None else vantage,
        )
        self._memory.add(judged)
        return judged


def _lost_the_line(vantage: Vantage) -> bool:
    """Whether no anchor answered. Our own pace may seem to be the reason; a name that is tried alone shows whether."""
    policed = vantage.state is VantageState.POLICED and conclude(vantage.anchors) is VantageState.OFFLINE
    return policed or vantage.state is VantageState.OFFLINE


def _sent_before_cut(verdict: Verdict) -> datetime | None:
    """When the target's name was first sent in a conversation that was cut; None where none was."""
    cuts = [
        one.at
        for one in verdict.evidence.observations
        if isinstance(one, TlsHandshake | Exchange) and one.purpose is Purpose.SUBJECT and one.failure in CUT_FAILURES
    ]
    return verdict.time + timedelta(milliseconds=min(cuts)) if cuts else None


def _is_cut_after_neutral(verdict: Verdict) -> bool:
    """Whether the target's name was cut, and every other name that was sent before it was answered.

    So many handshakes that they would be a burst of our own (`probe.judge.policing`) prove nothing.
    """
    hellos = 0
    for one in verdict.evidence.observations:
        if isinstance(one, TlsHandshake | Exchange):
            hellos += isinstance(one, TlsHandshake)
            if one.failure in CUT_FAILURES:
                return one.purpose is Purpose.SUBJECT and hellos < policing.MIN_HANDSHAKES
    return False
