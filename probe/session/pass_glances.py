"""The glances of one pass over a list: in bulk at its beginning, and one after each full look that found a target well.

`probe.plan.looks` decides which targets are glanced at. Those that are the same as known are acquitted here; those that
differ are looked at in full in the same pass. What a glance saw of the line counts for the whole pass: a cut that its
ClientHello caused, handshakes that show the pace, addresses that answered over IPv6.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from itertools import chain
from random import SystemRandom
from typing import Protocol

import msgspec
from msgspec.structs import replace

from probe import judge
from probe.clock import Clock
from probe.judge.policing import TimedHandshake
from probe.model.failure import Failure
from probe.model.glance import GlanceKind, GlanceRequest, GlanceResult
from probe.model.glance_evidence import GlanceEvidence, glance_kinds
from probe.model.hop import CUT_FAILURES, Layer, subjects_of
from probe.model.observation import Connection, Exchange, Observation, TlsHandshake
from probe.model.target import DEFAULT_PORTS, Target, TargetText, bracketed
from probe.model.verdict import Evidence, Status, Vantage, VantageNote, VantageState, Verdict
from probe.plan.glance_memory import KnownAnswers, compared, known_after, reference_requests, requests_for
from probe.session.concurrency import pause
from probe.session.pace_guard import moment_of
from probe.session.recent_cuts import CutLog, GlanceCuts
from probe.session.working_names import WorkingNames

log = logging.getLogger(__name__)

GLANCE_ATTEMPT = -1
"""Number of the try that a glance was, in the evidence of the full look after it: it came before the first."""
_RANDOM = SystemRandom()
_DOUBTFUL_NOTES = frozenset({VantageNote.ANCHORS_DISAGREE, VantageNote.FAKE_ADDRESSES, VantageNote.RESOLVER_DEAD})
"""Notes of a vantage at which every target is looked at in full."""


class GlanceRunner(Protocol):
    """Performs glances; `probe.measure.glance` does."""

    async def run(
        self,
        requests: Iterable[GlanceRequest],
        on_result: Callable[[GlanceResult], None],
        *,
        stopping: asyncio.Event | None = None,
    ) -> None:
        """Perform the requests; each result is given as soon as it is there."""


class RoundLooks(msgspec.Struct, kw_only=True):
    """The looks of one round beside the full ones, and what comes of them.

    Attributes:
        glance: target -> what is known of it, for those that are glanced at.
        known: target -> the same, for those that are looked at in full.
        suspected: targets whose server name is blocked as far as is known: neutral names are tried first.
        failing: targets that failed at their last full look: a connection that is accepted now may be a relay's.
        spread: seconds over which the glances are spread, each at a random moment; 0: all at once.
        turn: number of the round; it chooses the address family.
        first: those that are looked at in full before anything else, in a short round.
        references: target -> what is known of it after a full look that found it reachable; filled in.
        differing: glances that differed; filled in.
    """

    glance: Mapping[str, tuple[KnownAnswers, ...]] = {}
    known: Mapping[str, tuple[KnownAnswers, ...]] = {}
    suspected: frozenset[str] = frozenset()
    failing: frozenset[str] = frozenset()
    spread: float = 0.0
    turn: int = 0
    first: frozenset[str] = frozenset()
    references: dict[str, tuple[KnownAnswers, ...]] = {}
    differing: int = 0


class GlancedTargets(msgspec.Struct):
    """What a bulk of glances found.

    Attributes:
        acquitted: verdicts of the targets that are the same as known, each with its target.
        differing: targets that are to be looked at in full, those first that differed first.
        silent: how many of them met silence.
        handshakes: on the monotonic clock, for the pace guard.
    """

    acquitted: list[tuple[TargetText, Verdict]] = []
    differing: list[TargetText] = []
    silent: int = 0
    handshakes: list[TimedHandshake] = []


class PassGlances:
    """The glances of one pass.

    Args:
        runner: gives what performs them; it is asked once there is something to glance at.
        looks: which targets are glanced at, and what is known of them.
        clock: dates the verdicts.
        names: gets the names that work.
        cuts: gets what was cut.
        glance_cuts: gets, by target, the conversations that were cut: the full look's first try.
        fixed_names: names in this host's hosts file, which no resolver is asked for; None: it cannot be read.
    """

    def __init__(
        self,
        runner: Callable[[], Awaitable[GlanceRunner]],
        looks: RoundLooks,
        clock: Clock,
        *,
        names: WorkingNames,
        cuts: CutLog,
        glance_cuts: GlanceCuts,
        fixed_names: frozenset[str] | None = frozenset(),
    ) -> None:
        self._runner = runner
        self._looks = looks
        self._clock = clock
        self._names = names
        self._cuts = cuts
        self._glance_cuts = glance_cuts
        self._fixed_names = fixed_names

    @property
    def suspected(self) -> frozenset[str]:
        """The targets whose server name is blocked as far as is known."""
        return self._looks.suspected

    @property
    def first(self) -> frozenset[str]:
        """The targets that are looked at in full before anything else."""
        return self._looks.first

    @property
    def are_wanted(self) -> bool:
        """Whether any target is to be glanced at; otherwise a long list need not be read at once."""
        return bool(self._looks.glance)

    def divide(self, items: Iterable[TargetText], vantage: Vantage) -> tuple[list[TargetText], list[TargetText]]:
        """Those to glance at, and those to look at in full: all, where the vantage leaves a doubt."""
        every = list(items)
        if vantage.state is not VantageState.ONLINE or _DOUBTFUL_NOTES.intersection(vantage.notes):
            return [], every
        return (
            [item for item in every if item[0] in self._looks.glance],
            [item for item in every if item[0] not in self._looks.glance],
        )

    async def glance(
        self, items: Sequence[TargetText], vantage: Vantage, stopping: asyncio.Event | None = None
    ) -> GlancedTargets:
        """Glance at the targets; after a stop, at those that have a result by then."""
        bulk = _Bulk(self, vantage)
        asked = {
            item: requests
            for item in items
            if (requests := requests_for(item[1], self._looks.glance[item[0]], self._looks.turn))
        }
        bulk.found.differing += [item for item in items if item not in asked]
        try:
            await self._run_spread(bulk.requests(asked), bulk.take, stopping)
        except Exception:
            log.exception("fault in glancing at targets; they are looked at in full")
        if stopping is None or not stopping.is_set():
            bulk.found.differing += bulk.undecided
        self._looks.differing += len(bulk.found.differing)
        return bulk.found

    async def _run_spread(
        self,
        requests: Sequence[GlanceRequest],
        take: Callable[[GlanceResult], None],
        stopping: asyncio.Event | None,
    ) -> None:
        """Perform the requests, those of a second together; after a stop no more of them."""
        runner = await self._runner()
        if not self._looks.spread:
            await runner.run(requests, take, stopping=stopping)
            return
        moments: dict[int, list[GlanceRequest]] = {}
        for request in requests:
            moments.setdefault(int(_RANDOM.uniform(0, self._looks.spread)), []).append(request)
        events = () if stopping is None else (stopping,)

        async def run_at(moment: int, due: Sequence[GlanceRequest]) -> None:
            if not moment or await pause(self._clock, moment, *events):
                await runner.run(due, take, stopping=stopping)

        async with asyncio.TaskGroup() as group:
            for moment, due in moments.items():
                group.create_task(run_at(moment, due))

    async def refer(self, item: TargetText, verdict: Verdict) -> None:
        """Make the reference glances after a full look that found its target reachable."""
        text, target = item
        requests = reference_requests(target, verdict)
        if not requests or self._is_fixed(target):
            return
        results: list[GlanceResult] = []
        try:
            runner = await self._runner()
            await runner.run(requests, results.append)
        except Exception:
            log.exception("fault in the reference glance at %s", text)
        for result in results:
            self.note(result)
        before = self._looks.known.get(text) or self._looks.glance.get(text, ())
        self._looks.references[text] = known_after(results, verdict, before)

    def note(self, result: GlanceResult) -> tuple[TimedHandshake, ...]:
        """Have what a glance did counted as what a full look does; return its handshakes."""
        began = asyncio.get_running_loop().time() - result.took / 1000
        for one in _observed(result):
            self._cuts.note(one, began)
        return _handshakes(result, self._clock)

    def keep_cut(self, item: TargetText, result: GlanceResult) -> None:
        """Keep a conversation that was cut after the name or the request was sent, for the full look's evidence."""
        text, target = item
        failure = result.failure
        if failure is None or failure.layer not in {Layer.TLS, Layer.HTTP} or failure.failure not in CUT_FAILURES:
            return
        chain = glance_kinds(target).index(result.request.kind)
        seen = (replace(one, chain=chain, attempt=GLANCE_ATTEMPT) for one in _observed(result))
        self._glance_cuts.add(text, seen)

    def known(self, text: str) -> tuple[KnownAnswers, ...]:
        """What is known of a target that is glanced at."""
        return self._looks.glance[text]

    def verdict(self, item: TargetText, glances: tuple[GlanceEvidence, ...], vantage: Vantage) -> Verdict:
        """The verdict that glances give by themselves."""
        text, target = item
        took = timedelta(milliseconds=max(one.took for one in glances))
        judged = judge.verdict(
            time=self._clock.now() - took, text=text, target=target, evidence=Evidence(glance=glances), vantage=vantage
        )
        if judged.status is Status.REACHABLE:
            self._names.remember(subject.host for subject in subjects_of(target) if subject.is_name)
        return judged

    def _is_fixed(self, target: Target) -> bool:
        """Whether this host finds the target's name in its hosts file, so that a resolver's answer shows nothing."""
        names = {subject.host for subject in subjects_of(target) if subject.is_name}
        return bool(names) and (self._fixed_names is None or not names.isdisjoint(self._fixed_names))


class _Bulk:
    """Collects the results of many glances: a target is decided once all of its own are there."""

    def __init__(self, glances: PassGlances, vantage: Vantage) -> None:
        self.found = GlancedTargets()
        self._glances = glances
        self._vantage = vantage
        self._items: dict[GlanceRequest, list[TargetText]] = {}
        self._open: dict[str, int] = {}
        self._seen: dict[str, list[GlanceEvidence]] = {}

    def requests(self, asked: Mapping[TargetText, tuple[GlanceRequest, ...]]) -> list[GlanceRequest]:
        """The requests of all targets, each once."""
        for item, requests in asked.items():
            self._open[item[0]] = len(requests)
            for request in requests:
                self._items.setdefault(request, []).append(item)
        return list(self._items)

    @property
    def undecided(self) -> list[TargetText]:
        """The targets that some result is missing of."""
        return [item for item in dict.fromkeys(chain.from_iterable(self._items.values())) if self._open[item[0]]]

    def take(self, result: GlanceResult) -> None:
        """Take in one result."""
        self.found.handshakes += self._glances.note(result)
        for item in self._items[result.request]:
            text = item[0]
            self._glances.keep_cut(item, result)
            self._seen.setdefault(text, []).append(compared(result, self._glances.known(text)))
            self._open[text] -= 1
            if not self._open[text]:
                self._decide(item, tuple(self._seen.pop(text)))

    def _decide(self, item: TargetText, glances: tuple[GlanceEvidence, ...]) -> None:
        verdict = self._glances.verdict(item, glances, self._vantage)
        if verdict.status is Status.REACHABLE:
            self.found.acquitted.append((item, verdict))
            return
        self.found.differing.append(item)
        self.found.silent += any(one.failure.endswith(f".{Failure.TIMEOUT}") for one in glances)


def _observed(result: GlanceResult) -> tuple[Observation, ...]:
    """What a full look would have stored of the same packets, for those who read the line from observations."""
    request, failure = result.request, result.failure
    if not result.address or request.kind is GlanceKind.QUIC or (failure is not None and failure.layer is Layer.DNS):
        return ()
    refused = failure.failure if failure is not None and failure.layer is Layer.TCP else None
    took = result.took if refused is not None or request.kind is GlanceKind.TCP else 0
    connection = Connection(address=result.address, port=request.port, took=took, failure=refused)
    if refused is not None or request.kind is GlanceKind.TCP:
        return (connection,)
    cut = None if failure is None else failure.failure
    if request.kind is GlanceKind.TLS:
        sent: Observation = TlsHandshake(
            address=result.address,
            port=request.port,
            sni=request.sni,
            took=result.took,
            failure=cut,
            answered=bool(result.seen),
        )
    else:
        host = request.name or bracketed(request.address)
        port = "" if request.port == DEFAULT_PORTS["http"] else f":{request.port}"
        status = int(result.seen[:3]) if result.seen[:3].isdigit() else 0
        sent = Exchange(
            url=f"http://{host}{port}{request.path}",
            address=result.address,
            took=result.took,
            status=status,
            failure=cut,
        )
    return connection, sent


def _handshakes(result: GlanceResult, clock: Clock) -> tuple[TimedHandshake, ...]:
    """The TLS handshake of a glance on the monotonic clock; none where no ClientHello was sent."""
    failure = result.failure
    if result.request.kind is not GlanceKind.TLS or not result.address:
        return ()
    if failure is not None and failure.layer is not Layer.TLS:
        return ()
    ended = clock.monotonic()
    silent = failure is not None and failure.failure is Failure.TIMEOUT
    begun = moment_of(ended - result.took / 1000)
    return (TimedHandshake(begun, moment_of(ended), result.address, silent=silent),)
