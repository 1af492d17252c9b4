"""A vantage whose verdicts and anchors the test sets, measured through the real `MeasurementRun`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from random import Random

from probe.clock import Clock
from probe.judge.anchor_content import classify
from probe.judge.vantage import conclude
from probe.measure.anchors import AnchorWatch
from probe.measure.tools import Tools
from probe.model.failure import Failure
from probe.model.target import Target, TargetText, parse
from probe.model.verdict import AnchorKind, AnchorLook, Cause, Evidence, Status, Vantage, VantageState, Verdict
from probe.session.measurement_context import MeasurementContext
from probe.session.measurement_run import MeasurementRun, Retests
from probe.session.pass_glances import RoundLooks
from probe.session.vantage_gate import VantageGate
from tests.unit.virtual_clock import VirtualClock

Outcome = tuple[Status, tuple[Cause, ...]]
REACHABLE: Outcome = (Status.REACHABLE, ())
INJECTED: Outcome = (Status.BLOCKED, (Cause.DNS_INJECTED,))
SNI: Outcome = (Status.BLOCKED, (Cause.TLS_RESET, Cause.TLS_SNI))


def context(**more: object) -> MeasurementContext:
    """Return a context without anchors."""
    tools = Tools()
    anchors = AnchorWatch((), (), tools, Clock(), classify=classify)
    return MeasurementContext(tools=tools, anchors=anchors, **more)  # type: ignore[arg-type]


class ScriptedVantage:
    """A stand-in for `Session`: a function of target and attempt decides the outcomes, and two anchors fail together.

    Attributes:
        outcome: decides each measurement.
        anchor_works: decides each look at the anchor.
        works_at_look: number of a look at which the anchor works in any case.
        seconds: duration of a measurement.
        measured: target, attempt and `suspected` of each measurement.
        looks: how often the anchor was looked at.
        most_at_work: highest number of measurements at once.
    """

    def __init__(self, clock: VirtualClock, outcome: Callable[[str, int], Outcome], *, concurrency: int = 3) -> None:
        self.clock = clock
        self.outcome = outcome
        self.concurrency = concurrency
        self.anchor_works = True
        self.works_at_look = -1
        self.seconds = 1.0
        self.measured: list[tuple[str, int, bool]] = []
        self.looks = 0
        self.most_at_work = 0
        self._at_work = 0
        self._looked_at = float("-inf")
        self._vantage = Vantage(state=VantageState.ONLINE)
        self.renew()

    def renew(self) -> None:
        """Begin a new pass, like `Session.prepare`."""
        self._gate = VantageGate(self.look_since, self.clock)

    async def look(self) -> Vantage:
        """Look at the anchor, like `Session.look`."""
        return await self._gate.look()

    async def look_since(self, earliest: float) -> Vantage:
        """Return the vantage as the anchor shows it."""
        if self._looked_at < earliest:
            self.looks += 1
            self._looked_at = self.clock.monotonic()
            works = self.anchor_works or self.looks == self.works_at_look
            looks = tuple(
                AnchorLook(
                    url=f"https://{name}.example/",
                    kind=AnchorKind.FOREIGN,
                    at=self.clock.now(),
                    failure=None if works else Failure.TIMEOUT,
                )
                for name in ("a", "b")
            )
            self._vantage = Vantage(state=conclude(looks), asn=64500, anchors=looks)
        return self._vantage

    async def measure(
        self, text: str, target: Target, *, attempt: int, suspected: bool, release: Callable[[], None] | None
    ) -> Verdict:
        """Return the outcome when its time has passed; a failure looks at the anchor again."""
        self.measured.append((text, attempt, suspected))
        time = self.clock.now()
        self._at_work += 1
        self.most_at_work = max(self.most_at_work, self._at_work)
        try:
            await self.clock.sleep(self.seconds)
        finally:
            self._at_work -= 1
        status, causes = self.outcome(text, attempt)
        vantage = self._vantage
        if status is not Status.REACHABLE:
            vantage = await self.look_since(self.clock.monotonic())
        return Verdict(
            time=time,
            target=text,
            status=status,
            causes=causes,
            rule="scripted",
            evidence=Evidence(attempt=attempt),
            vantage=vantage,
        )

    def verdicts(
        self,
        targets: Sequence[TargetText],
        *,
        shuffle: Random | None = None,
        retests: Retests | None = None,
        stopping: asyncio.Event | None = None,
        grace: float = 25.0,
        looks: RoundLooks | None = None,
    ) -> AsyncGenerator[Verdict, None]:
        """Measure the targets, like `Session.verdicts`."""
        order = list(targets)
        if shuffle is not None:
            shuffle.shuffle(order)
        run = MeasurementRun(
            self.measure,
            self._gate,
            self.clock,
            concurrency=self.concurrency,
            retests=retests,
            stopping=stopping,
            grace=grace,
        )
        return run.verdicts(order)


def named(count: int) -> list[TargetText]:
    """Return this many targets."""
    return [(f"t{number}.example", parse(f"t{number}.example")) for number in range(count)]
