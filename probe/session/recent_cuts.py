"""Remember the conversations that were cut, so that later failures at the same addresses are not held against targets.

A session measures many targets, and some censors keep an address silent for minutes after a forbidden name
(`probe.judge.residual`). So every observation is noted as soon as it is made. The evidence of a later measurement gets
the cuts under other names that may explain its own failures. Moments are seconds of the event loop.
"""

from __future__ import annotations

import ipaddress
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum

import msgspec
from msgspec.structs import replace

from probe import judge
from probe.judge.residual import end_of, is_doubtful
from probe.measure.perform import StepSource
from probe.model.failure import Failure
from probe.model.hop import CUT_FAILURES, NO_ANSWER_FAILURES, Purpose
from probe.model.observation import Connection, Conversation, Exchange, Observation, TlsHandshake
from probe.model.step import Step
from probe.model.target import Target, url_parts
from probe.model.verdict import RecentCut, Status, Verdict

MAX_NETWORKS = 16_000
"""Networks (/24, /64) whose cuts are remembered; the oldest are forgotten first. A sweep of a register may meet fifty
blocked names a second, and a cut explains failures for minutes."""
MAX_NAMES = 2_000
"""Names remembered as silencing; the oldest are forgotten first."""
MAX_ANSWERS = 4_096
"""Moments of answers that are remembered; a pass over a long list has some hundred in the time of a measurement."""
MAX_CUTS_IN_EVIDENCE = 8
"""Cuts that one verdict's evidence names, the newest first."""
OWN_CUT_SECONDS = 3_600.0
"""Time for which a name counts as cut for its own sake at an address, after it was cut there before any other name."""
MAX_DELAY_SECONDS = 60.0
"""Longest time from the moment of a cut until it is noted: a step's time-out."""
_ANSWERS = frozenset({None, Failure.CERTIFICATE, Failure.ALERT})


class _Cut(msgspec.Struct):
    """A name that was cut at an address.

    Attributes:
        first, last: when the name was sent there, since the address last answered.
        until: when the address answered some name again; None where it did not.
        silenced: the address accepted no connection after it.
    """

    address: str
    name: str
    first: float
    last: float
    until: float | None = None
    silenced: bool = False

    def as_seen(self, address: str, began: float) -> Iterator[RecentCut]:
        """The cut as evidence of a measurement that began then."""
        until = None if self.until is None else _milliseconds(self.until - began)
        for at in dict.fromkeys((self.first, self.last)):
            yield RecentCut(
                address=address, name=self.name, at=_milliseconds(at - began), until=until, silenced=self.silenced
            )


class CutEventKind(StrEnum):
    """What happened at an address."""

    CUT = "cut"
    """A conversation was cut under a name."""
    ANSWERED = "answered"
    """It answered under a name, after a cut."""
    SILENCED = "silenced"
    """It accepted no connection, after a cut."""


class CutEvent(msgspec.Struct, frozen=True):
    """What another process on the same host and line must know of an address.

    Attributes:
        kind: what happened.
        address: where.
        name: that was sent; empty for `SILENCED`.
        at: when, in seconds of the event loop's clock, which all processes of a host share.
    """

    kind: CutEventKind
    address: str
    name: str
    at: float


class CutLog:
    """The cuts of a session.

    Attributes:
        listener: is told what happens, where another session uses the same line; None for nobody.
    """

    def __init__(self) -> None:
        self.listener: Callable[[CutEvent], None] | None = None
        self._cuts: dict[str, dict[tuple[str, str], _Cut]] = {}
        self._own: dict[tuple[str, str], float] = {}
        self._silencing: dict[str, None] = {}
        self._answers: deque[float] = deque(maxlen=MAX_ANSWERS)

    def answered_between(self, start: float, end: float) -> bool:
        """Whether anything answered a SYN of this session between two moments, so that the line worked then."""
        return any(start <= moment <= end for moment in self._answers)

    @property
    def silencing_names(self) -> frozenset[str]:
        """The names after which an address answered no other name yet: they are best measured last."""
        return frozenset(self._silencing)

    def watch(self, plan: StepSource, began: float) -> StepSource:
        """Return the plan, each observation of which is noted; the measurement began then."""
        return _WatchedPlan(plan, self, began)

    def note(self, one: Observation, began: float) -> None:
        """Note one observation of a measurement that began then."""
        if not isinstance(one, Connection | TlsHandshake | Exchange) or one.purpose is Purpose.RELAY:
            return
        if one.failure is None and not self._cuts and not self._own:
            if type(one) is Connection:
                self._answers.append(began + (one.at + one.took) / 1000)
            return
        at = began + one.at / 1000
        if isinstance(one, Connection):
            if one.failure is None:
                self._answers.append(at + one.took / 1000)
            if one.failure in NO_ANSWER_FAILURES and any(_silences(cut, at) for cut in self._cuts_at(one.address)):
                self._happened(CutEvent(CutEventKind.SILENCED, one.address, "", at))
            return
        name = _name_sent(one)
        if one.status > 0 if isinstance(one, Exchange) else one.failure in _ANSWERS:
            if self._cuts_at(one.address) or (one.address, name) in self._own:
                self._happened(CutEvent(CutEventKind.ANSWERED, one.address, name, at))
        elif one.failure in CUT_FAILURES and one.purpose is Purpose.SUBJECT and name:
            self._happened(CutEvent(CutEventKind.CUT, one.address, name, at))

    def learn(self, event: CutEvent) -> None:
        """Take in what another session on the same line saw."""
        if event.kind is CutEventKind.CUT:
            self._doubt_own(event)
        self._apply(event)

    def _doubt_own(self, event: CutEvent) -> None:
        """Names that were cut there after it, before it was known here, may have been cut because of it."""
        later: list[tuple[str, str]] = []
        for place in reversed(self._own):
            if self._own[place] < event.at - MAX_DELAY_SECONDS:
                break
            if place[0] == event.address and place[1] != event.name and self._own[place] >= event.at:
                later.append(place)
        for place in later:
            del self._own[place]

    def _apply(self, event: CutEvent) -> None:
        match event.kind:
            case CutEventKind.SILENCED:
                for cut in self._cuts_at(event.address):
                    cut.silenced = cut.silenced or _silences(cut, event.at)
            case CutEventKind.ANSWERED:
                self._answered(event.address, event.name, event.at)
            case CutEventKind.CUT:
                self._cut(event.address, event.name, event.at)

    def explaining(self, seen: Iterable[Observation], began: float) -> tuple[RecentCut, ...]:
        """The cuts under other names that may explain failures of this measurement, which began then."""
        failed = [
            one
            for one in seen
            if one.failure is not None and isinstance(one, Conversation) and one.failure in NO_ANSWER_FAILURES
        ]
        if not failed:
            return ()
        found: dict[RecentCut, None] = {}
        for address in dict.fromkeys(one.address for one in failed):
            tried = [one for one in failed if one.address == address]
            names = {_name_sent(one) for one in tried if not isinstance(one, Connection)} - {""}
            if any((address, name) in self._own for name in names):
                continue
            times = [one.at for one in tried]
            for cut in self._cuts_near(address):
                if cut.name not in names:
                    found |= {each: None for each in cut.as_seen(address, began) if is_doubtful(each, times)}
        newest = sorted(found, key=lambda cut: -cut.at)[:MAX_CUTS_IN_EVIDENCE]
        return tuple(sorted(newest, key=lambda cut: (cut.address, cut.at)))

    def _happened(self, event: CutEvent) -> None:
        self._apply(event)
        if self.listener is not None:
            self.listener(event)

    def _answered(self, address: str, name: str, at: float) -> None:
        self._own.pop((address, name), None)
        for cut in self._cuts_at(address):
            if cut.until is None and cut.last <= at:
                cut.until = at
                self._silencing.pop(cut.name, None)

    def _cut(self, address: str, name: str, at: float) -> None:
        seen = _milliseconds(at)
        others = [cut for cut in self._cuts_near(address) if cut.name != name]
        if not any(is_doubtful(each, [seen]) for cut in others for each in cut.as_seen(address, 0.0)):
            self._own.pop((address, name), None)  # the order is that of the moments
            self._own[address, name] = at
            self._silencing[name] = None
        network = self._cuts.setdefault(_neighbourhood(address), {})
        before = network.pop((address, name), None)
        again = before is not None and before.until is None and end_of(next(before.as_seen(address, 0.0))) >= seen
        network[address, name] = _Cut(
            address,
            name,
            before.first if before is not None and again else at,
            at,
            silenced=before is not None and again and before.silenced,
        )
        self._forget(at)

    def _forget(self, now: float) -> None:
        while len(self._cuts) > MAX_NETWORKS:
            del self._cuts[next(iter(self._cuts))]
        while len(self._silencing) > MAX_NAMES:
            del self._silencing[next(iter(self._silencing))]
        while self._own and now - self._own[first := next(iter(self._own))] >= OWN_CUT_SECONDS:
            del self._own[first]

    def _cuts_at(self, address: str) -> list[_Cut]:
        return [cut for cut in self._cuts_near(address) if cut.address == address]

    def _cuts_near(self, address: str) -> list[_Cut]:
        """The cuts at an address, and those that silenced an address next to it."""
        if not self._cuts:
            return []
        near = self._cuts.get(_neighbourhood(address), {}).values()
        return [cut for cut in near if cut.address == address or cut.silenced]


def _silences(cut: _Cut, at: float) -> bool:
    """Whether a cut explains that its address accepts no connection, which was not known of it yet."""
    return not cut.silenced and cut.until is None and cut.first <= at


class GlanceCuts:
    """What the glances of one pass saw cut, by target: the first try of the full look that follows.

    Some filters cut a name once and then silence the address, or reset everything there. A full look right after the
    glance sees only that, and would name the address in place of the name.
    """

    def __init__(self) -> None:
        self._seen: dict[str, tuple[Observation, ...]] = {}

    def add(self, text: str, seen: Iterable[Observation]) -> None:
        """Keep a conversation of a target's glance that was cut."""
        self._seen[text] = (*self._seen.get(text, ()), *seen)

    def of(self, text: str) -> tuple[Observation, ...]:
        """What was cut of a target's glances; empty where nothing was."""
        return self._seen.get(text, ())

    def judged_with(self, verdict: Verdict, target: Target) -> Verdict:
        """The verdict of the full look with what was cut before it, where that shows who cuts; else unchanged."""
        cut = () if verdict.evidence.attempt else self.of(verdict.target)
        if not cut or verdict.status is Status.REACHABLE:
            return verdict
        evidence = replace(verdict.evidence, observations=(*cut, *verdict.evidence.observations))
        judged = judge.verdict(
            time=verdict.time, text=verdict.target, target=target, evidence=evidence, vantage=verdict.vantage
        )
        return judged if judged.status is Status.BLOCKED else verdict


class _WatchedPlan:
    """A plan whose observations are noted in a log."""

    def __init__(self, plan: StepSource, log: CutLog, began: float) -> None:
        self._plan = plan
        self._log = log
        self._began = began
        self.pending = plan.pending
        self.finish = plan.finish

    def observe(self, step: Step, observation: Observation) -> None:
        """Note an observation, and pass it on."""
        self._log.note(observation, self._began)
        self._plan.observe(step, observation)


def _name_sent(one: Conversation) -> str:
    """The server name or host that a conversation carried in clear; empty for a connection alone."""
    match one:
        case Connection():
            return ""
        case Exchange():
            return url_parts(one.url).host
        case _:
            return one.sni


def _neighbourhood(address: str) -> str:
    """The /24 or /64 of an address."""
    length = 64 if ":" in address else 24
    return str(ipaddress.ip_network(f"{address}/{length}", strict=False))


def _milliseconds(seconds: float) -> int:
    return int(seconds * 1000)
