"""Verdicts that our own pace may have caused are withheld until that is decided."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from msgspec.structs import replace

from probe.model.failure import Failure
from probe.model.hop import Purpose
from probe.model.observation import TlsHandshake
from probe.model.verdict import AnchorKind, AnchorLook, Evidence, Status, Vantage, VantageState, Verdict
from probe.session.pace_guard import PaceGuard
from tests.unit.virtual_clock import VirtualClock


class Line:
    """A line that is frozen for so many seconds from the start, and the verdicts made over it."""

    def __init__(self, frozen: float) -> None:
        self.clock = VirtualClock()
        self.frozen = frozen
        self.start = self.clock.now()
        self.tried: list[float] = []
        self.numbers: list[int] = []
        self.guard = PaceGuard(self.clock, self.again)

    def look(self, number: int, *, works: bool = False, after: float = 0.0, anchors: tuple[float, ...] = ()) -> Verdict:
        """Return a verdict with a handshake for the target and one for a neutral name; silent unless it works."""
        failure = None if works else Failure.TIMEOUT
        address = f"151.{number}.0.1"

        def handshake(moment: int, purpose: Purpose) -> TlsHandshake:
            return TlsHandshake(
                at=moment,
                took=5000,
                address=address,
                port=443,
                sni="x",
                failure=failure,
                purpose=purpose,
                answered=works,
            )

        return Verdict(
            time=self.start + timedelta(seconds=after),
            target=f"https://t{number}.example/",
            status=Status.REACHABLE if works else Status.BLOCKED,
            evidence=Evidence(observations=(handshake(0, Purpose.SUBJECT), handshake(5000, Purpose.NEUTRAL))),
            vantage=Vantage(
                state=VantageState.ONLINE,
                anchors=tuple(
                    AnchorLook(
                        url="https://a.example/",
                        kind=AnchorKind.FOREIGN,
                        at=self.start + timedelta(seconds=second),
                    )
                    for second in anchors
                ),
            ),
        )

    async def again(self, verdict: Verdict) -> Verdict:
        """Return a verdict of a measurement made now."""
        passed = (self.clock.now() - self.start).total_seconds()
        self.tried.append(passed)
        number = int(verdict.target.removeprefix("https://t").partition(".")[0])
        self.numbers.append(number)
        return self.look(number, works=passed >= self.frozen, after=passed)

    def add(self, verdict: Verdict) -> list[Verdict]:
        """Add a verdict to the guard."""
        return self.guard.add(verdict, (verdict.time - self.start).total_seconds())

    def settle(self, *, stopped: bool = False) -> list[Verdict]:
        """End the pass in virtual time; return the verdicts that are released."""

        async def settle() -> list[Verdict]:
            stopping = asyncio.Event()
            if stopped:
                stopping.set()
            leaping = asyncio.create_task(self.clock.leap())
            try:
                return await self.guard.settle(stopping)
            finally:
                leaping.cancel()

        return asyncio.run(settle())


def states(verdicts: list[Verdict]) -> list[tuple[str, str]]:
    """Return status and vantage state of each verdict."""
    return [(verdict.status.value, verdict.vantage.state.value) for verdict in verdicts]


def test_a_frozen_line_that_answers_again_was_policed() -> None:
    """Nothing is sent for a minute, then its targets are tried in turn.

    Verdicts made during the freeze become `unknown`.
    """
    line = Line(frozen=80)
    assert [ready for number in range(4) for ready in line.add(line.look(number))] == []

    assert states(line.settle()) == [("unknown", "policed")] * 4
    assert line.tried == [65, 75, 85]
    assert line.numbers == [0, 1, 2]


def test_a_line_that_stays_silent_was_not_policed() -> None:
    """After two and a half minutes the verdicts are released unchanged."""
    line = Line(frozen=1000)
    for number in range(4):
        line.add(line.look(number))

    assert states(line.settle()) == [("blocked", "online")] * 4
    assert line.tried[-1] < 150


def test_verdicts_are_released_when_another_target_is_served_meanwhile() -> None:
    line = Line(frozen=0)
    blocked, served = line.look(1), line.look(2, works=True, after=2)

    assert line.add(blocked) == []
    assert line.add(line.look(3, works=True, after=7)) == [line.look(3, works=True, after=7)]
    assert line.add(served) == [blocked, served]
    assert line.settle() == []
    assert line.tried == []


def test_a_verdict_is_not_withheld_when_anchors_answered_while_its_handshakes_were_silent() -> None:
    """The second anchor answers in this moment."""
    line = Line(frozen=0)
    line.clock.advance(10)
    blocked = line.look(1, anchors=(2, 10))

    assert line.add(blocked) == [blocked]


def test_a_look_at_an_anchor_dated_in_the_future_is_ignored() -> None:
    """It was dated before the wall clock was set back an hour, and would release a verdict of that time."""
    line = Line(frozen=0)
    line.add(line.look(1, works=True, anchors=(3602, 3607)))
    line.clock.advance(3620)

    assert line.add(line.look(2, after=3600)) == []


def test_a_single_silent_target_is_not_tried_again() -> None:
    """It is reported as blocked at the end of the pass."""
    line = Line(frozen=1000)
    line.add(line.look(1))

    assert states(line.settle()) == [("blocked", "online")]
    assert line.tried == []


def test_after_a_stop_a_silence_that_goes_on_counts_as_policing() -> None:
    """A block that we may have caused is never reported."""
    line = Line(frozen=1000)
    for number in range(4):
        line.add(line.look(number))

    assert states(line.settle(stopped=True)) == [("unknown", "policed")] * 4
    assert line.tried == []


def test_verdicts_of_an_offline_vantage_are_withheld_with_the_others() -> None:
    """While the line is frozen the anchors are silent, too. Without other withheld verdicts it is released at once."""
    line = Line(frozen=80)
    offline = replace(line.look(9), evidence=Evidence(), vantage=Vantage(state=VantageState.OFFLINE))
    assert line.add(offline) == [offline]

    for number in range(4):
        line.add(line.look(number))

    assert line.add(offline) == []
    assert len(line.settle()) == 5
