"""One round, told as a dialogue: what the instruments see, what is measured again, what the detector reports."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random
from typing import Any

import msgspec
import pytest

from probe.agent.round import Round, RoundResult, Terms
from probe.detect.detector import Detector
from probe.errors import StorageError
from probe.judge.vantage import conclude
from probe.model.failure import Failure
from probe.model.observation import TlsHandshake
from probe.model.step import Purpose
from probe.model.target import Target, parse
from probe.model.verdict import AnchorKind, AnchorLook, Cause, Evidence, Status, Vantage, VantageState, Verdict
from tests.unit.agent.virtual_clock import VirtualClock

Answer = tuple[Status, tuple[Cause, ...]]
FINE: Answer = (Status.REACHABLE, ())
INJECTED: Answer = (Status.BLOCKED, (Cause.DNS_INJECTED,))
SNI: Answer = (Status.BLOCKED, (Cause.TLS_RESET, Cause.TLS_SNI))


class World:
    """Instruments whose answers a test decides: a function of target and attempt, and a list of anchor states."""

    def __init__(self, clock: VirtualClock, say: Callable[[str, int], Answer], working: bool = True) -> None:
        self.clock = clock
        self.say = say
        self.working = working
        self.asked: list[tuple[str, int, bool]] = []
        self.looks = 0
        self.recovers = -1
        self.looked = 0.0
        self.latest: AnchorLook | None = None
        self.takes = 1.0
        self.now = self.most = 0

    async def fresh(self, since: float) -> tuple[AnchorLook, ...]:
        """One anchor, working or not."""
        if self.latest is None or self.looked < since:
            self.looked = self.clock.monotonic()
            self.looks += 1
            failure = None if self.working or self.looks == self.recovers else Failure.TIMEOUT
            self.latest = AnchorLook(
                url="https://a.example/", kind=AnchorKind.FOREIGN, at=self.clock.now(), failure=failure
            )
        return (self.latest,)

    async def measure(self, text: str, target: Target, *, attempt: int, suspected: bool) -> Verdict:
        """What the test says, after a while."""
        self.asked.append((text, attempt, suspected))
        time = self.clock.now()
        self.now += 1
        self.most = max(self.most, self.now)
        await self.clock.sleep(self.takes)
        self.now -= 1
        status, causes = self.say(text, attempt)
        return Verdict(
            time=time,
            target=text,
            status=status,
            causes=causes,
            evidence=Evidence(attempt=attempt),
            vantage=Vantage(state=VantageState.ONLINE if self.working else VantageState.OFFLINE),
        )


class Vigil:
    """Round after round over the same detector, in virtual time."""

    def __init__(self, say: Callable[[str, int], Answer], *, targets: int = 5, retests: int = 3) -> None:
        self.clock = VirtualClock()
        self.world = World(self.clock, say)
        self.detector = Detector()
        self.targets = [(f"t{n}.example", parse(f"t{n}.example")) for n in range(targets)]
        self.terms = Terms(concurrency=3, retests=retests, window=60)
        self.stopping = asyncio.Event()

    async def round(self) -> RoundResult:
        """One round, and the rest of its interval."""
        self.world.asked.clear()
        leaping = asyncio.create_task(self.clock.leap())
        try:
            result = await Round(
                self.targets,
                self.world,
                self.detector,
                terms=self.terms,
                clock=self.clock,
                chance=Random(1),
                stopping=self.stopping,
            ).run()
            await self.clock.sleep(200)
        finally:
            leaping.cancel()
        return result


async def test_a_quiet_round_looks_at_each_target_once_in_random_order_between_two_looks_at_the_anchors() -> None:
    vigil = Vigil(lambda _, __: FINE)

    result = await vigil.round()

    assert Counter(text for text, _, _ in vigil.world.asked) == Counter(text for text, _ in vigil.targets)
    assert [text for text, _, _ in vigil.world.asked] != [text for text, _ in vigil.targets]
    assert vigil.world.looks == 2
    assert (result.report.targets, result.report.measured, result.report.state) == (5, 5, "online")
    assert result.changes == []


async def test_no_more_targets_are_under_way_than_allowed() -> None:
    vigil = Vigil(lambda _, __: INJECTED, targets=12)

    await vigil.round()

    assert vigil.world.most == 3


async def test_a_block_is_measured_again_and_reported_in_the_round_it_began_with_its_evidence() -> None:
    blocked: set[str] = set()
    vigil = Vigil(lambda text, _: INJECTED if text in blocked else FINE)
    for _ in range(2):
        await vigil.round()
    blocked.add("t1.example")

    result = await vigil.round()

    assert sorted(attempt for text, attempt, _ in vigil.world.asked if text == "t1.example") == [0, 1, 2, 3]
    ((transition, verdict),) = result.changes
    assert (transition.target, transition.before, transition.after) == ("t1.example", "reachable", "blocked")
    assert verdict is not None
    assert (verdict.target, verdict.status, verdict.evidence.attempt) == ("t1.example", Status.BLOCKED, 3)
    assert transition.onset <= transition.time


async def test_what_is_reported_once_is_not_reported_again_until_it_is_lifted() -> None:
    blocked = {"t1.example"}
    vigil = Vigil(lambda text, _: SNI if text in blocked else FINE)
    changes = [change for _ in range(4) for change, _ in (await vigil.round()).changes]
    blocked.clear()
    lifted = [change for _ in range(4) for change, _ in (await vigil.round()).changes]

    assert [change.after for change in changes] == ["blocked"]
    assert [(change.before, change.after) for change in lifted] == [("blocked", "reachable")]


async def test_a_re_test_after_a_suspected_name_asks_for_neutral_names_first() -> None:
    vigil = Vigil(lambda text, _: {"t1.example": SNI, "t2.example": INJECTED}.get(text, FINE))

    await vigil.round()

    suspected = {text: flag for text, attempt, flag in vigil.world.asked if attempt}
    assert suspected == {"t1.example": True, "t2.example": False}


async def test_re_tests_that_do_not_fit_the_window_are_not_begun() -> None:
    vigil = Vigil(lambda _, __: INJECTED, targets=1)
    vigil.world.takes = 40

    await vigil.round()

    assert [attempt for _, attempt, _ in vigil.world.asked] == [0, 1]


async def test_without_re_tests_each_target_is_looked_at_once() -> None:
    vigil = Vigil(lambda _, __: INJECTED, retests=0)

    await vigil.round()

    assert len(vigil.world.asked) == 5


async def test_offline_nothing_is_measured_and_the_vantage_says_so_once() -> None:
    """A hundred targets that fail for want of a network are one change of the vantage, and no change of any target."""
    vigil = Vigil(lambda _, __: FINE)
    await vigil.round()
    vigil.world.working = False

    first, second = await vigil.round(), await vigil.round()
    asked_meanwhile = list(vigil.world.asked)
    vigil.world.working = True
    back = await vigil.round()

    assert asked_meanwhile == []
    assert (first.report.state, first.report.targets, first.report.measured) == ("offline", 5, 0)
    assert [(c.target, c.before, c.after) for c, _ in first.changes] == [("vantage", "online", "offline")]
    assert second.changes == []
    assert [(c.target, c.before, c.after) for c, _ in back.changes] == [("vantage", "offline", "online")]


@pytest.mark.parametrize(
    ("state", "status", "foreign", "domestic"),
    [
        (VantageState.PORTAL, Status.UNKNOWN, {"foreign_content": True}, {"foreign_content": True}),
        (VantageState.ALLOWLIST, Status.UNKNOWN, {"failure": Failure.TIMEOUT}, {}),
    ],
)
async def test_a_portal_and_an_allow_list_are_reported_once_and_their_end(
    state: VantageState, status: Status, foreign: dict[str, Any], domestic: dict[str, Any]
) -> None:
    """Whatever the targets look like meanwhile; and no target changes."""
    vigil = Vigil(lambda _, __: FINE)
    world, kinds = vigil.world, {AnchorKind.FOREIGN: foreign, AnchorKind.DOMESTIC: domestic}
    measure, afflicted = world.measure, False

    async def looked(since: datetime) -> tuple[AnchorLook, ...]:
        at = vigil.clock.now()
        says = kinds if afflicted else {kind: dict[str, Any]() for kind in kinds}
        return tuple(AnchorLook(url=f"https://{kind}.example/", kind=kind, at=at, **says[kind]) for kind in kinds)

    async def measured(text: str, target: Target, *, attempt: int, suspected: bool) -> Verdict:
        verdict = await measure(text, target, attempt=attempt, suspected=suspected)
        looks = await looked(verdict.time)
        vantage = Vantage(state=conclude(looks), anchors=looks)
        return msgspec.structs.replace(verdict, status=status if afflicted else Status.REACHABLE, vantage=vantage)

    world.fresh, world.measure = looked, measured  # type: ignore[method-assign]
    told = []
    for now in (False, False, True, True, True, False, False):
        afflicted = now
        result = await vigil.round()
        told.append([(change.target, change.before, change.after) for change, _ in result.changes])

    began, ended = ("vantage", "online", state.value), ("vantage", state.value, "online")
    assert told == [[], [], [began], [], [], [ended], []]


async def test_offline_with_no_target_due_is_still_said() -> None:
    vigil = Vigil(lambda _, __: FINE, targets=0)
    await vigil.round()
    vigil.world.working = False

    assert [change.after for change, _ in (await vigil.round()).changes] == ["offline"]


async def test_a_line_that_goes_dead_in_a_round_is_noticed_once_and_the_rest_is_not_measured() -> None:
    vigil = Vigil(lambda _, __: FINE, targets=60)

    def say(text: str, attempt: int) -> Answer:
        vigil.world.working = len(vigil.world.asked) < 6
        return FINE if vigil.world.working else (Status.UNKNOWN, ())

    vigil.world.say = say

    result = await vigil.round()

    assert len(vigil.world.asked) < 12
    assert (result.report.state, result.report.targets) == ("offline", 60)
    assert [(change.target, change.after) for change, _ in result.changes] == [("vantage", "offline")]


async def test_a_line_that_comes_back_in_a_round_is_used_again() -> None:
    vigil = Vigil(lambda _, __: FINE, targets=60)

    def say(text: str, attempt: int) -> Answer:
        vigil.world.working = len(vigil.world.asked) != 6
        return FINE if vigil.world.working else (Status.UNKNOWN, ())

    vigil.world.say = say
    vigil.world.recovers = 3  # the look after the one that found it dead

    result = await vigil.round()

    assert len(vigil.world.asked) == 60
    assert result.report.state == "online"
    assert result.changes == []


async def test_a_fault_of_ours_is_written_into_the_verdict_and_the_round_goes_on() -> None:
    def say(text: str, attempt: int) -> Answer:
        if text == "t1.example":
            raise ValueError("a fault")
        return FINE

    result = await Vigil(say).round()

    assert (result.report.targets, result.report.measured) == (5, 4)
    assert result.verdicts["t1.example"].status is Status.UNKNOWN
    assert result.verdicts["t1.example"].evidence.error == "ValueError: a fault"


async def test_a_fault_in_looking_at_the_anchors_does_not_end_the_round() -> None:
    vigil = Vigil(lambda _, __: FINE)

    async def fail(since: datetime) -> tuple[AnchorLook, ...]:
        raise ValueError

    vigil.world.fresh = fail  # type: ignore[method-assign]

    assert (await vigil.round()).report.measured == 5


async def test_an_error_meant_for_a_person_ends_the_round() -> None:
    def say(text: str, attempt: int) -> Answer:
        raise StorageError("the disk is full")

    with pytest.raises(ExceptionGroup) as caught:
        await Vigil(say).round()

    assert caught.value.subgroup(StorageError) is not None


async def test_a_stop_begins_nothing_more_and_concludes_from_what_there_is() -> None:
    vigil = Vigil(lambda _, __: INJECTED, targets=50)

    def say(text: str, attempt: int) -> Answer:
        vigil.stopping.set()
        return INJECTED

    vigil.world.say = say

    result = await vigil.round()

    assert len(vigil.world.asked) == 3
    assert (result.report.targets, result.report.measured) == (50, 3)


async def test_the_detector_hears_the_verdicts_in_the_order_of_time() -> None:
    """So that replaying them gives the transitions that were reported."""
    vigil = Vigil(lambda text, _: INJECTED if text == "t1.example" else FINE, targets=8)
    heard: list[datetime] = []
    feed = vigil.detector.feed
    vigil.detector.feed = lambda sighting: heard.append(sighting.time) or feed(sighting)  # type: ignore[method-assign]

    await vigil.round()

    assert heard == sorted(heard)
    assert len(heard) == 11


async def test_what_our_own_pace_froze_is_no_block_and_the_round_says_so() -> None:
    """Every new handshake silent for eighty seconds, whatever the name: the vantage is reported, and no target."""
    vigil = Vigil(lambda _, __: FINE)
    for _ in range(2):
        await vigil.round()
    measure, thaw = vigil.world.measure, vigil.clock.now() + timedelta(seconds=80)

    async def frozen(text: str, target: Target, *, attempt: int, suspected: bool) -> Verdict:
        begun = vigil.clock.now()
        verdict = await measure(text, target, attempt=attempt, suspected=suspected)
        failure = Failure.TIMEOUT if begun < thaw else None
        shaken = tuple(
            TlsHandshake(
                at=at, took=400, address=f"151.{text[1]}.0.1", port=443, sni="x", failure=failure, purpose=purpose
            )
            for at, purpose in ((0, Purpose.SUBJECT), (500, Purpose.NEUTRAL))
        )
        status = Status.BLOCKED if failure else Status.REACHABLE
        causes = (Cause.TLS_TIMEOUT,) if failure else ()
        evidence = Evidence(attempt=attempt, observations=shaken)
        return msgspec.structs.replace(verdict, status=status, causes=causes, evidence=evidence)

    vigil.world.measure = frozen  # type: ignore[method-assign]
    vigil.world.working = True
    vigil.world.fresh = _no_anchors  # type: ignore[method-assign]

    result = await vigil.round()

    assert [(change.target, change.after) for change, _ in result.changes] == [("vantage", "policed")]
    assert result.report.state == "policed"
    assert Status.BLOCKED not in {verdict.status for verdict in result.verdicts.values()}
    assert result.report.busiest > 0


async def _no_anchors(since: datetime) -> tuple[AnchorLook, ...]:
    return ()
