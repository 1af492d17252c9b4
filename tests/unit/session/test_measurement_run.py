"""One pass over a list in virtual time: gate, slots, re-tests, pace guard, and its end after a stop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest

from probe import judge
from probe.judge.residual import RESIDUAL_RULE
from probe.model.failure import Failure
from probe.model.hop import Purpose
from probe.model.observation import TlsHandshake
from probe.model.target import Target
from probe.model.verdict import Cause, Evidence, RecentCut, Status, Vantage, VantageState, Verdict
from probe.session.measurement_run import MAX_UNREAD_VERDICTS, MeasurementRun, Retests
from probe.session.vantage_gate import RECOVERY_POLL_SECONDS, VantageGate
from tests.unit.session.scripted import INJECTED, REACHABLE, SNI, Outcome, ScriptedVantage, named
from tests.unit.virtual_clock import VirtualClock


@pytest.fixture
async def clock() -> AsyncIterator[VirtualClock]:
    made = VirtualClock()
    leaping = asyncio.create_task(made.leap())
    yield made
    leaping.cancel()


def retests(attempts: int = 3, window: float = 60.0) -> Retests:
    """Return settings that re-test every target that fails."""
    return Retests(lambda verdict: verdict.status is not Status.REACHABLE, attempts, window)


async def test_each_target_is_measured_once_after_one_look_at_the_anchors(clock: VirtualClock) -> None:
    vantage = ScriptedVantage(clock, lambda *_: REACHABLE)

    verdicts = [verdict async for verdict in vantage.verdicts(named(5))]

    assert sorted(verdict.target for verdict in verdicts) == [f"t{number}.example" for number in range(5)]
    assert vantage.looks == 1


async def test_anchors_that_were_looked_at_before_the_pass_are_not_looked_at_again(clock: VirtualClock) -> None:
    vantage = ScriptedVantage(clock, lambda *_: REACHABLE)
    await vantage.look()

    assert len([verdict async for verdict in vantage.verdicts(named(5))]) == 5
    assert vantage.looks == 1


async def test_a_verdict_is_yielded_while_others_are_still_under_way(clock: VirtualClock) -> None:
    vantage = ScriptedVantage(clock, lambda *_: REACHABLE, concurrency=1)

    async with aclosing(vantage.verdicts(named(5))) as stream:
        await anext(stream)

        assert len(vantage.measured) < 5


async def test_no_more_targets_are_at_work_than_the_concurrency_re_tests_among_them(clock: VirtualClock) -> None:
    vantage = ScriptedVantage(clock, lambda *_: INJECTED)

    verdicts = [verdict async for verdict in vantage.verdicts(named(12), retests=retests())]

    assert len(verdicts) == 48
    assert vantage.most_at_work == 3


async def test_a_target_that_only_waits_for_late_answers_lets_the_next_begin(clock: VirtualClock) -> None:
    begun: list[str] = []
    all_begun = asyncio.Event()

    async def measure(
        text: str, target: Target, *, attempt: int, suspected: bool, release: Callable[[], None] | None
    ) -> Verdict:
        begun.append(text)
        assert release is not None
        release()
        if len(begun) == 5:
            all_begun.set()
        await all_begun.wait()
        return Verdict(
            time=clock.now(), target=text, status=Status.REACHABLE, vantage=Vantage(state=VantageState.ONLINE)
        )

    gate = VantageGate(ScriptedVantage(clock, lambda *_: REACHABLE).look_since, clock)
    run = MeasurementRun(measure, gate, clock, concurrency=1)
    async with asyncio.timeout(10):
        assert len([verdict async for verdict in run.verdicts(named(5))]) == 5


async def test_measurements_wait_for_a_slow_reader(clock: VirtualClock) -> None:
    """Verdicts do not accumulate in memory, and none is lost."""
    vantage = ScriptedVantage(clock, lambda *_: REACHABLE)
    number = 3 * MAX_UNREAD_VERDICTS

    async with aclosing(vantage.verdicts(named(number))) as stream:
        await anext(stream)
        await clock.sleep(10_000)
        unread = len(vantage.measured)
        rest = [verdict async for verdict in stream]

    assert unread <= MAX_UNREAD_VERDICTS + vantage.concurrency + 1
    assert len(rest) == number - 1


async def test_closing_the_stream_ends_the_measurements(clock: VirtualClock) -> None:
    vantage = ScriptedVantage(clock, lambda *_: REACHABLE)
    before = asyncio.all_tasks()

    async with aclosing(vantage.verdicts(named(500))) as stream:
        await anext(stream)
    measured = len(vantage.measured)
    await clock.sleep(100)

    assert len(vantage.measured) == measured
    assert asyncio.all_tasks() == before


async def test_an_error_of_a_measurement_ends_the_pass(clock: VirtualClock) -> None:
    def outcome(text: str, attempt: int) -> Outcome:
        raise ValueError(text)

    with pytest.raises(ExceptionGroup) as caught:
        _ = [verdict async for verdict in ScriptedVantage(clock, outcome).verdicts(named(1))]

    assert caught.value.subgroup(ValueError) is not None


# Re-tests


async def test_re_tests_are_spread_over_the_window_and_numbered(clock: VirtualClock) -> None:
    vantage = ScriptedVantage(clock, lambda text, _: INJECTED if text == "t1.example" else REACHABLE)

    verdicts = [verdict async for verdict in vantage.verdicts(named(3), retests=retests())]

    again = sorted((v.evidence.attempt, (v.time - verdicts[0].time).total_seconds()) for v in verdicts[3:])
    assert {verdict.target for verdict in verdicts[3:]} == {"t1.example"}
    assert again == [(1, 16), (2, 32), (3, 48)]


async def test_a_suspected_server_name_is_said_to_the_re_tests_alone(clock: VirtualClock) -> None:
    http: Outcome = (Status.BLOCKED, (Cause.HTTP_RESET,))
    by_target = {"t1.example": SNI, "t2.example": INJECTED, "t3.example": http}
    vantage = ScriptedVantage(clock, lambda text, _: by_target.get(text, REACHABLE))

    _ = [verdict async for verdict in vantage.verdicts(named(4), retests=retests())]

    assert not any(suspected for _, attempt, suspected in vantage.measured if not attempt)
    assert {text: suspected for text, attempt, suspected in vantage.measured if attempt} == {
        "t1.example": True,
        "t2.example": False,
        "t3.example": True,
    }


async def test_re_tests_that_do_not_fit_the_window_are_not_begun(clock: VirtualClock) -> None:
    vantage = ScriptedVantage(clock, lambda *_: INJECTED)
    vantage.seconds = 40

    verdicts = [verdict async for verdict in vantage.verdicts(named(1), retests=retests())]

    assert [verdict.evidence.attempt for verdict in verdicts] == [0, 1]


async def test_a_re_test_that_waits_for_a_slot_beyond_the_window_is_not_begun(clock: VirtualClock) -> None:
    """The other target holds the only slot for two minutes."""
    vantage = ScriptedVantage(clock, lambda text, _: INJECTED if text == "t0.example" else REACHABLE, concurrency=1)
    measure = vantage.measure

    async def slow(
        text: str, target: Target, *, attempt: int, suspected: bool, release: Callable[[], None] | None
    ) -> Verdict:
        vantage.seconds = 1 if text == "t0.example" else 120
        return await measure(text, target, attempt=attempt, suspected=suspected, release=release)

    vantage.measure = slow  # type: ignore[method-assign]

    assert len([verdict async for verdict in vantage.verdicts(named(2), retests=retests())]) == 2


async def test_without_re_tests_each_target_is_measured_once(clock: VirtualClock) -> None:
    vantage = ScriptedVantage(clock, lambda *_: INJECTED)

    assert len([verdict async for verdict in vantage.verdicts(named(5))]) == 5


# The vantage


async def test_a_vantage_that_is_offline_measures_nothing_and_still_judges_each_target(clock: VirtualClock) -> None:
    """The verdicts carry a rule and the anchors that failed, and judging them again changes nothing."""
    vantage = ScriptedVantage(clock, lambda *_: REACHABLE)
    vantage.anchor_works = False

    verdicts = [verdict async for verdict in vantage.verdicts(named(5), retests=retests())]

    assert (vantage.measured, vantage.looks) == ([], 1)
    assert {(v.status, v.vantage.state, bool(v.rule)) for v in verdicts} == {
        (Status.UNKNOWN, VantageState.OFFLINE, True)
    }
    assert all(verdict.vantage.anchors for verdict in verdicts)
    assert [judge.again(verdict) for verdict in verdicts] == verdicts


async def test_a_line_that_goes_dead_is_noticed_once_and_the_rest_is_skipped(clock: VirtualClock) -> None:
    vantage = ScriptedVantage(clock, lambda *_: REACHABLE)

    def outcome(text: str, attempt: int) -> Outcome:
        vantage.anchor_works = len(vantage.measured) < 6
        return REACHABLE if vantage.anchor_works else (Status.UNKNOWN, ())

    vantage.outcome = outcome

    verdicts = [verdict async for verdict in vantage.verdicts(named(60))]

    assert len(vantage.measured) < 12
    assert len(verdicts) == 60


async def test_a_line_that_comes_back_is_used_again(clock: VirtualClock) -> None:
    vantage = ScriptedVantage(clock, lambda *_: REACHABLE)

    def outcome(text: str, attempt: int) -> Outcome:
        vantage.anchor_works = len(vantage.measured) != 6
        return REACHABLE if vantage.anchor_works else (Status.UNKNOWN, ())

    vantage.outcome = outcome
    vantage.works_at_look = 3  # the first was before the pass, the second showed the line dead

    verdicts = [verdict async for verdict in vantage.verdicts(named(60))]

    assert (len(vantage.measured), len(verdicts)) == (60, 60)


async def test_no_re_test_is_begun_while_the_vantage_is_offline(clock: VirtualClock) -> None:
    vantage = ScriptedVantage(clock, lambda *_: INJECTED)

    def outcome(text: str, attempt: int) -> Outcome:
        vantage.anchor_works = False
        return INJECTED

    vantage.outcome = outcome

    verdicts = [verdict async for verdict in vantage.verdicts(named(1), retests=retests())]

    assert [verdict.evidence.attempt for verdict in verdicts] == [0]


# Our own pace


class FrozenLine(ScriptedVantage):
    """Every handshake is silent until a moment, whatever the server name."""

    def __init__(self, clock: VirtualClock, seconds: float) -> None:
        super().__init__(clock, lambda *_: REACHABLE)
        self.thaws = clock.monotonic() + seconds

    async def measure(
        self, text: str, target: Target, *, attempt: int, suspected: bool, release: Callable[[], None] | None
    ) -> Verdict:
        """Blocked while the line is frozen."""
        silent = self.clock.monotonic() < self.thaws
        verdict = await super().measure(text, target, attempt=attempt, suspected=suspected, release=release)
        handshakes = tuple(
            TlsHandshake(
                at=at,
                took=400,
                address=f"151.{text[1]}.0.1",
                port=443,
                sni="x",
                failure=Failure.TIMEOUT if silent else None,
                purpose=purpose,
            )
            for at, purpose in ((0, Purpose.SUBJECT), (500, Purpose.NEUTRAL))
        )
        return Verdict(
            time=verdict.time,
            target=text,
            status=Status.BLOCKED if silent else Status.REACHABLE,
            causes=(Cause.TLS_TIMEOUT,) if silent else (),
            evidence=Evidence(attempt=attempt, observations=handshakes),
            vantage=Vantage(state=VantageState.ONLINE),
        )


async def test_failures_that_our_own_pace_caused_come_out_as_policed(clock: VirtualClock) -> None:
    """They are withheld until the line answers again; the trials go into no verdict."""
    line = FrozenLine(clock, 80)

    verdicts = [verdict async for verdict in line.verdicts(named(5))]

    assert {(v.status, v.vantage.state) for v in verdicts} == {(Status.UNKNOWN, VantageState.POLICED)}
    assert len(verdicts) == 5
    assert len(line.measured) > 5


# The stop


async def test_a_stop_begins_nothing_more_and_finishes_what_is_under_way(clock: VirtualClock) -> None:
    stopping = asyncio.Event()

    def outcome(text: str, attempt: int) -> Outcome:
        stopping.set()
        return INJECTED

    vantage = ScriptedVantage(clock, outcome)

    verdicts = [verdict async for verdict in vantage.verdicts(named(50), retests=retests(), stopping=stopping)]

    assert (len(vantage.measured), len(verdicts)) == (3, 3)


async def test_a_stop_before_the_pass_measures_nothing(clock: VirtualClock) -> None:
    stopping = asyncio.Event()
    stopping.set()
    vantage = ScriptedVantage(clock, lambda *_: REACHABLE)

    assert [verdict async for verdict in vantage.verdicts(named(5), stopping=stopping)] == []
    assert vantage.measured == []


class Hanging(ScriptedVantage):
    """Measurements from a given attempt on never end, and the stop comes with the first of them."""

    def __init__(self, clock: VirtualClock, outcome: Outcome, attempt: int, stopping: asyncio.Event) -> None:
        super().__init__(clock, lambda *_: outcome)
        self.attempt = attempt
        self.stopping = stopping
        self.cancelled = 0

    async def measure(
        self, text: str, target: Target, *, attempt: int, suspected: bool, release: Callable[[], None] | None
    ) -> Verdict:
        """Measure, or wait for ever from that attempt on."""
        if attempt >= self.attempt:
            self.stopping.set()
            try:
                await asyncio.Event().wait()
            finally:
                self.cancelled += 1
        return await super().measure(text, target, attempt=attempt, suspected=suspected, release=release)


@pytest.mark.parametrize("attempt", [0, 1, 2])
async def test_neither_a_first_look_nor_a_re_test_outlasts_the_grace(clock: VirtualClock, attempt: int) -> None:
    """In real seconds, whatever the clock says; what was measured before comes out."""
    stopping = asyncio.Event()
    vantage = Hanging(clock, INJECTED, attempt, stopping)
    began = time.monotonic()

    verdicts = [v async for v in vantage.verdicts(named(1), retests=retests(), stopping=stopping, grace=0.2)]

    assert time.monotonic() - began < 30
    assert [verdict.evidence.attempt for verdict in verdicts] == list(range(attempt))
    assert vantage.cancelled == 1


async def test_a_stop_ends_the_wait_between_re_tests_at_once(clock: VirtualClock) -> None:
    """The grace is for measurements under way, not for a wait."""
    stopping = asyncio.Event()
    vantage = ScriptedVantage(clock, lambda *_: INJECTED)

    async with aclosing(vantage.verdicts(named(1), retests=retests(window=3600), stopping=stopping)) as stream:
        await anext(stream)
        stopping.set()
        rest = [verdict async for verdict in stream]

    assert (rest, len(vantage.measured)) == ([], 1)
    assert clock.monotonic() < 10


async def test_a_stop_ends_the_wait_for_a_line_to_come_back_at_once(clock: VirtualClock) -> None:
    """The target that waits is not begun, so it has no verdict."""
    stopping = asyncio.Event()
    vantage = ScriptedVantage(clock, lambda *_: REACHABLE, concurrency=1)

    def outcome(text: str, attempt: int) -> Outcome:
        vantage.anchor_works = False
        return (Status.UNKNOWN, ())

    vantage.outcome = outcome
    verdicts: list[Verdict] = []
    async with aclosing(vantage.verdicts(named(5), stopping=stopping)) as stream:
        async for verdict in stream:
            verdicts.append(verdict)
            stopping.set()

    assert len(verdicts) == 1
    assert clock.monotonic() < 3


async def test_a_stop_cancels_a_wait_for_a_line_to_come_back(
    clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The wait has no grace, since no measurement is under way."""
    stopping = asyncio.Event()
    vantage = ScriptedVantage(clock, lambda *_: REACHABLE, concurrency=1)
    sleep = clock.sleep
    waited: list[float] = []

    def outcome(text: str, attempt: int) -> Outcome:
        vantage.anchor_works = False
        return (Status.UNKNOWN, ())

    async def stop_in_sleep(seconds: float) -> None:
        if seconds != RECOVERY_POLL_SECONDS:
            await sleep(seconds)
        else:
            stopping.set()
            await asyncio.sleep(0.2)
            waited.append(seconds)

    vantage.outcome = outcome
    monkeypatch.setattr(clock, "sleep", stop_in_sleep)
    verdicts = [verdict async for verdict in vantage.verdicts(named(5), stopping=stopping)]

    assert stopping.is_set()
    assert (len(verdicts), waited) == (1, [])


async def test_a_stop_ends_the_wait_for_a_frozen_line_at_once(clock: VirtualClock) -> None:
    """What the freeze may have caused is not reported as a block."""
    stopping = asyncio.Event()
    line = FrozenLine(clock, 1000)
    began = clock.monotonic()
    measure = line.measure

    async def stopped_at_the_first_trial(
        text: str, target: Target, *, attempt: int, suspected: bool, release: Callable[[], None] | None
    ) -> Verdict:
        if attempt:
            stopping.set()
            await asyncio.Event().wait()
        return await measure(text, target, attempt=attempt, suspected=suspected, release=release)

    line.measure = stopped_at_the_first_trial  # type: ignore[method-assign]

    verdicts = [verdict async for verdict in line.verdicts(named(5), stopping=stopping)]

    assert {(v.status, v.vantage.state) for v in verdicts} == {(Status.UNKNOWN, VantageState.POLICED)}
    assert clock.monotonic() - began < 80


# The clock


class SetBackClock(VirtualClock):
    """A virtual clock whose wall time can be set back; its monotonic time goes on."""

    set_back = timedelta()

    def now(self) -> datetime:
        """Return the wall time."""
        return super().now() - self.set_back


@pytest.mark.parametrize("hours", [-1, 1])
async def test_a_wall_clock_that_jumps_changes_neither_re_tests_nor_the_wait_for_a_frozen_line(hours: int) -> None:
    clock = SetBackClock()
    leaping = asyncio.create_task(clock.leap())
    line = FrozenLine(clock, 80)
    measure = line.measure

    async def measure_then_jump(
        text: str, target: Target, *, attempt: int, suspected: bool, release: Callable[[], None] | None
    ) -> Verdict:
        verdict = await measure(text, target, attempt=attempt, suspected=suspected, release=release)
        if len(line.measured) >= 3:
            clock.set_back = timedelta(hours=hours)
        return verdict

    line.measure = measure_then_jump  # type: ignore[method-assign]
    try:
        verdicts = [verdict async for verdict in line.verdicts(named(5), retests=retests(window=40))]
    finally:
        leaping.cancel()

    assert {verdict.vantage.state for verdict in verdicts} == {VantageState.POLICED}
    assert len(verdicts) == 5 * 4
    assert clock.monotonic() < 200


class SilencedVantage(ScriptedVantage):
    """A vantage at which one target's address stays silent until so many seconds after a cut.

    Attributes:
        until: end of the silence, in seconds from the start; what is measured later is reachable.
    """

    until = 0.0

    async def measure(
        self, text: str, target: Target, *, attempt: int, suspected: bool, release: Callable[[], None] | None
    ) -> Verdict:
        """Return `unknown` by the rule on residual blocking while the address of t0 is silent."""
        began = self.clock.monotonic()
        verdict = await super().measure(text, target, attempt=attempt, suspected=suspected, release=release)
        if text != "t0.example" or began >= self.until:
            return verdict
        cut = RecentCut(address="192.0.2.1", name="x.example", at=int((self.until - 180 - began) * 1000))
        return msgspec.structs.replace(
            verdict, status=Status.UNKNOWN, rule=RESIDUAL_RULE, evidence=Evidence(recent_cuts=(cut,))
        )


@pytest.mark.parametrize(
    ("until", "targets", "measured", "status"),
    [
        (20.0, 3, 2, Status.REACHABLE),
        (300.0, 3, 1, Status.UNKNOWN),
        (300.0, 900, 2, Status.REACHABLE),
    ],
)
async def test_a_target_at_a_silenced_address_is_measured_again_when_the_silence_is_over(
    clock: VirtualClock, until: float, targets: int, measured: int, status: Status
) -> None:
    """At the end of the pass, for which it waits half a minute at most; else the first verdict stands."""
    vantage = SilencedVantage(clock, lambda *_: REACHABLE)
    vantage.until = until

    verdicts = [verdict async for verdict in vantage.verdicts(named(targets))]

    assert [one.status for one in verdicts if one.target == "t0.example"] == [status]
    assert len(verdicts) == targets
    assert [text for text, _, _ in vantage.measured].count("t0.example") == measured


async def test_a_target_whose_address_stays_silent_is_deferred_once(clock: VirtualClock) -> None:
    """Its second verdict stands, whatever it is."""

    class Forever(SilencedVantage):
        async def measure(self, *given: Any, **more: Any) -> Verdict:
            self.until = self.clock.monotonic() + 10
            return await super().measure(*given, **more)

    vantage = Forever(clock, lambda *_: REACHABLE)

    verdicts = [verdict async for verdict in vantage.verdicts(named(1))]

    assert [one.status for one in verdicts] == [Status.UNKNOWN]
    assert len(vantage.measured) == 2


async def test_after_a_stop_a_deferred_verdict_stands(clock: VirtualClock) -> None:
    """Nothing is waited for."""
    vantage = SilencedVantage(clock, lambda *_: REACHABLE)
    vantage.until = 25.0
    stopping = asyncio.Event()

    async with aclosing(vantage.verdicts(named(3), stopping=stopping)) as stream:
        found = [await anext(stream), await anext(stream)]
        stopping.set()
        found += [verdict async for verdict in stream]

    assert sorted(one.target for one in found) == ["t0.example", "t1.example", "t2.example"]
    assert [text for text, _, _ in vantage.measured].count("t0.example") == 1
