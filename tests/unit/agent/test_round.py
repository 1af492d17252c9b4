"""A round: its report, the detector's input, and its transitions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from probe.agent.round import RetestChoice, RoundResult, RoundTerms, RoundTraffic, measure_round, traffic_of
from probe.detect.detector import Detector
from probe.detect.detector_input import AnchorOutcome, DetectorInput, VantageInput
from probe.detect.replay import BadVerdictLine, replay
from probe.errors import StorageError
from probe.formats import jsonlines
from probe.model.failure import Failure
from probe.model.hop import Purpose
from probe.model.observation import Connection, Observation, Sending, TlsHandshake
from probe.model.target import Target, TargetText
from probe.model.transition import Transition
from probe.model.verdict import AnchorKind, AnchorLook, Cause, Evidence, Status, Vantage, VantageState, Verdict
from probe.session.measurement_run import Retests
from probe.session.pass_glances import RoundLooks
from tests.unit.session.scripted import INJECTED, REACHABLE, SNI, Outcome, ScriptedVantage, named
from tests.unit.virtual_clock import VirtualClock


class Rounds:
    """Round after round over the same detector, in virtual time.

    Attributes:
        verdicts: all that the rounds were given, in order of time within each round.
    """

    def __init__(self, outcome: Callable[[str, int], Outcome], *, targets: int = 5, retests: int = 3) -> None:
        self.clock = VirtualClock()
        self.vantage = ScriptedVantage(self.clock, outcome)
        self.detector = Detector()
        self.targets = named(targets)
        self.retests = retests
        self.stopping = asyncio.Event()
        self.verdicts: list[Verdict] = []

    async def round(self) -> RoundResult:
        """Do one round, and wait for the rest of its interval."""
        self.vantage.measured.clear()
        self.vantage.renew()
        leaping = asyncio.create_task(self.clock.leap())
        terms = RoundTerms(
            retests=self.retests, retest_window=60, clock=self.clock, random=Random(1), stopping=self.stopping
        )
        try:
            result = await measure_round(self.targets, Recorded(self), self.detector, terms)
            await self.clock.sleep(200)
        finally:
            leaping.cancel()
        return result


class Recorded:
    """The scripted vantage; its verdicts are recorded in `rounds`."""

    def __init__(self, rounds: Rounds) -> None:
        self.rounds = rounds

    async def look(self) -> Vantage:
        """As the vantage."""
        return await self.rounds.vantage.look()

    async def verdicts(
        self,
        targets: Sequence[TargetText],
        *,
        shuffle: Random | None = None,
        retests: Retests | None = None,
        stopping: asyncio.Event | None = None,
        looks: RoundLooks | None = None,
    ) -> AsyncGenerator[Verdict, None]:
        """As the vantage."""
        stream = self.rounds.vantage.verdicts(targets, shuffle=shuffle, retests=retests, stopping=stopping, looks=looks)
        made = [verdict async for verdict in stream]
        self.rounds.verdicts += sorted(made, key=lambda verdict: verdict.time)
        for verdict in made:
            yield verdict


async def test_a_quiet_round_measures_each_target_once_in_random_order_between_two_looks_at_the_anchors() -> None:
    rounds = Rounds(lambda *_: REACHABLE)

    result = await rounds.round()

    measured = [text for text, _, _ in rounds.vantage.measured]
    assert sorted(measured) == [text for text, _ in rounds.targets]
    assert measured != [text for text, _ in rounds.targets]
    assert rounds.vantage.looks == 2
    assert (result.report.targets, result.report.measured, result.report.state) == (5, 5, "online")
    assert result.changes == []


async def test_the_report_has_start_and_duration_of_the_round() -> None:
    """The duration is monotonic: 5 targets of a second each, 3 at once."""
    rounds = Rounds(lambda *_: REACHABLE)

    result = await rounds.round()

    assert result.report.start == datetime.fromisoformat("2017-05-04T00:00:00+00:00")
    assert result.report.seconds == 2.0


async def test_a_block_is_measured_again_and_reported_in_the_round_it_began_with_its_evidence() -> None:
    blocked: set[str] = set()
    rounds = Rounds(lambda text, _: INJECTED if text in blocked else REACHABLE)
    for _ in range(2):
        await rounds.round()
    blocked.add("t1.example")

    result = await rounds.round()

    assert sorted(attempt for text, attempt, _ in rounds.vantage.measured if text == "t1.example") == [0, 1, 2, 3]
    ((transition, verdict),) = result.changes
    assert (transition.target, transition.before, transition.after) == ("t1.example", "reachable", "blocked")
    assert verdict is not None
    assert (verdict.target, verdict.status, verdict.evidence.attempt) == ("t1.example", Status.BLOCKED, 3)
    assert transition.onset <= transition.time


async def test_a_block_is_reported_once_and_so_is_its_end() -> None:
    blocked: set[str] = set()
    rounds = Rounds(lambda text, _: SNI if text in blocked else REACHABLE)
    await rounds.round()
    blocked.add("t1.example")
    changes = [change for _ in range(4) for change, _ in (await rounds.round()).changes]
    blocked.clear()
    lifted = [change for _ in range(4) for change, _ in (await rounds.round()).changes]

    assert [change.after for change in changes] == ["blocked"]
    assert [(change.before, change.after) for change in lifted] == [("blocked", "reachable")]


async def test_a_block_that_stands_already_is_said_once_with_its_evidence_and_its_end_is_a_change() -> None:
    blocked = {"t1.example"}
    rounds = Rounds(lambda text, _: SNI if text in blocked else REACHABLE)
    results = [await rounds.round() for _ in range(3)]
    blocked.clear()
    lifted = [change for _ in range(3) for change, _ in (await rounds.round()).changes]

    assert [len(result.first_sights) for result in results] == [1, 0, 0]
    ((found, verdict),) = results[0].first_sights
    assert (found.target, found.status) == ("t1.example", Status.BLOCKED)
    assert verdict is not None
    assert (verdict.target, verdict.status) == ("t1.example", Status.BLOCKED)
    assert not any(result.changes for result in results)
    assert [(change.before, change.after) for change in lifted] == [("blocked", "reachable")]


def test_the_first_round_of_a_long_list_measures_only_some_failing_targets_again() -> None:
    """Targets with a settled status are not counted: their number is small unless the line is at fault."""
    detector = Detector()
    choice = RetestChoice(detector, 2)
    working = Verdict(
        time=VirtualClock().now(),
        target="t.example",
        status=Status.REACHABLE,
        causes=(),
        rule="served",
        evidence=Evidence(),
        vantage=Vantage(state=VantageState.ONLINE),
    )
    failing = [
        msgspec.structs.replace(working, target=f"t{number}.example", status=INJECTED[0], causes=INJECTED[1])
        for number in range(4)
    ]

    assert not choice.differs(working)
    assert [choice.differs(one) for one in failing] == [True, True, False, False]


async def test_without_re_tests_each_target_is_measured_once() -> None:
    rounds = Rounds(lambda *_: INJECTED, retests=0)

    await rounds.round()

    assert len(rounds.vantage.measured) == 5


async def test_an_offline_vantage_measures_nothing_and_is_reported_once() -> None:
    """A hundred targets that fail without a network are one change of the vantage, and none of a target."""
    rounds = Rounds(lambda *_: REACHABLE)
    await rounds.round()
    rounds.vantage.anchor_works = False

    first, second = await rounds.round(), await rounds.round()
    measured_meanwhile = list(rounds.vantage.measured)
    rounds.vantage.anchor_works = True
    back = await rounds.round()

    assert measured_meanwhile == []
    assert (first.report.state, first.report.targets, first.report.measured) == ("offline", 5, 0)
    assert [(c.target, c.before, c.after) for c, _ in first.changes] == [("vantage", "online", "offline")]
    assert second.changes == []
    assert [(c.target, c.before, c.after) for c, _ in back.changes] == [("vantage", "offline", "online")]


@pytest.mark.parametrize(
    ("state", "foreign", "domestic"),
    [
        (VantageState.PORTAL, {"foreign_content": True}, {"foreign_content": True}),
        (VantageState.ALLOWLIST, {"failure": Failure.TIMEOUT}, {}),
    ],
)
async def test_the_beginning_and_the_end_of_a_portal_and_an_allow_list_are_reported_once(
    state: VantageState, foreign: dict[str, Any], domestic: dict[str, Any]
) -> None:
    """No target changes, whatever its verdicts are meanwhile."""
    rounds = Rounds(lambda *_: REACHABLE)
    vantage, kinds = rounds.vantage, {AnchorKind.FOREIGN: foreign, AnchorKind.DOMESTIC: domestic}
    measure, restricted = vantage.measure, False

    async def look(earliest: float) -> Vantage:
        at = rounds.clock.now()
        shown = kinds if restricted else {kind: dict[str, Any]() for kind in kinds}
        looks = tuple(AnchorLook(url=f"https://{kind}.example/", kind=kind, at=at, **shown[kind]) for kind in kinds)
        return Vantage(state=state if restricted else VantageState.ONLINE, anchors=looks)

    async def measured(
        text: str, target: Target, *, attempt: int, suspected: bool, release: Callable[[], None] | None
    ) -> Verdict:
        verdict = await measure(text, target, attempt=attempt, suspected=suspected, release=release)
        status = Status.UNKNOWN if restricted else Status.REACHABLE
        return msgspec.structs.replace(verdict, status=status, vantage=await look(0))

    vantage.look_since, vantage.measure = look, measured  # type: ignore[method-assign]
    told = []
    for now in (False, False, True, True, True, False, False):
        restricted = now
        result = await rounds.round()
        told.append([(change.target, change.before, change.after) for change, _ in result.changes])

    began, ended = ("vantage", "online", state.value), ("vantage", state.value, "online")
    assert told == [[], [], [began], [], [], [ended], []]


async def test_an_offline_vantage_is_reported_even_when_no_target_is_due() -> None:
    rounds = Rounds(lambda *_: REACHABLE, targets=0)
    await rounds.round()
    rounds.vantage.anchor_works = False

    assert [change.after for change, _ in (await rounds.round()).changes] == ["offline"]


async def test_a_line_that_goes_dead_during_a_round_changes_the_vantage_only() -> None:
    rounds = Rounds(lambda *_: REACHABLE, targets=60)

    def outcome(text: str, attempt: int) -> Outcome:
        rounds.vantage.anchor_works = len(rounds.vantage.measured) < 6
        return REACHABLE if rounds.vantage.anchor_works else (Status.UNKNOWN, ())

    rounds.vantage.outcome = outcome

    result = await rounds.round()

    assert (result.report.state, result.report.targets) == ("offline", 60)
    assert [(change.target, change.after) for change, _ in result.changes] == [("vantage", "offline")]


async def test_a_line_that_fails_for_a_moment_changes_nothing() -> None:
    rounds = Rounds(lambda *_: REACHABLE, targets=60)

    def outcome(text: str, attempt: int) -> Outcome:
        rounds.vantage.anchor_works = len(rounds.vantage.measured) != 6
        return REACHABLE if rounds.vantage.anchor_works else (Status.UNKNOWN, ())

    rounds.vantage.outcome = outcome
    rounds.vantage.works_at_look = 3  # the look after the one that found it dead

    result = await rounds.round()

    assert (result.report.state, len(rounds.vantage.measured)) == ("online", 60)
    assert result.changes == []


async def test_a_probe_error_ends_the_round() -> None:
    def outcome(text: str, attempt: int) -> Outcome:
        raise StorageError("the disk is full")

    with pytest.raises(ExceptionGroup) as caught:
        await Rounds(outcome).round()

    assert caught.value.subgroup(StorageError) is not None


async def test_a_stop_ends_the_round_without_another_look_at_the_anchors() -> None:
    """A look may take ten seconds. The newest verdict has the state of the vantage."""
    rounds = Rounds(lambda *_: INJECTED, targets=50)

    def outcome(text: str, attempt: int) -> Outcome:
        rounds.stopping.set()
        return REACHABLE

    rounds.vantage.outcome = outcome

    result = await rounds.round()

    assert (result.report.targets, result.report.measured, result.report.state) == (50, 3, "online")
    assert rounds.vantage.looks == 1


async def test_a_line_that_was_dead_at_the_stop_is_reported() -> None:
    rounds = Rounds(lambda *_: REACHABLE)

    def outcome(text: str, attempt: int) -> Outcome:
        rounds.vantage.anchor_works = False
        rounds.stopping.set()
        return (Status.UNKNOWN, ())

    rounds.vantage.outcome = outcome

    assert (await rounds.round()).report.state == "offline"


async def test_a_stop_before_the_round_leaves_an_empty_report() -> None:
    rounds = Rounds(lambda *_: REACHABLE)
    rounds.stopping.set()

    result = await rounds.round()

    assert (result.report.targets, result.report.measured, result.report.state) == (5, 0, "online")


async def test_the_detector_is_fed_in_the_order_of_time() -> None:
    rounds = Rounds(lambda text, _: INJECTED if text == "t1.example" else REACHABLE, targets=8)
    fed: list[datetime] = []
    feed = rounds.detector.feed
    rounds.detector.feed = lambda one: fed.append(one.time) or feed(one)  # type: ignore[method-assign]

    await rounds.round()

    assert fed == sorted(fed)
    assert len(fed) == 11


async def test_the_detector_gets_status_causes_attempt_and_vantage_of_a_verdict() -> None:
    rounds = Rounds(lambda text, _: INJECTED if text == "t1.example" else REACHABLE, targets=2)
    fed: list[DetectorInput] = []
    feed = rounds.detector.feed
    rounds.detector.feed = lambda one: fed.append(one) or feed(one)  # type: ignore[method-assign, func-returns-value]

    await rounds.round()

    blocked = [one for one in fed if one.target == "t1.example"]
    assert [(one.status, one.causes, one.attempt) for one in blocked] == [
        (Status.BLOCKED, (Cause.DNS_INJECTED,), attempt) for attempt in range(4)
    ]
    outcomes = tuple(AnchorOutcome(url=f"https://{name}.example/") for name in ("a", "b"))
    seen = VantageInput(state=VantageState.ONLINE, asn=64500, anchors=outcomes)
    assert {one.vantage for one in fed} == {seen}


async def test_with_no_target_due_the_detector_gets_the_state_of_the_vantage() -> None:
    rounds = Rounds(lambda *_: REACHABLE, targets=0)
    fed: list[DetectorInput] = []
    feed = rounds.detector.feed
    rounds.detector.feed = lambda one: fed.append(one) or feed(one)  # type: ignore[method-assign, func-returns-value]

    await rounds.round()

    seen = VantageInput(state=VantageState.ONLINE, asn=64500)
    assert [(one.target, one.status, one.vantage) for one in fed] == [("vantage", Status.UNKNOWN, seen)]


@settings(max_examples=20, deadline=None)
@given(st.data())
def test_replaying_the_verdicts_of_rounds_gives_the_transitions_that_were_reported(data: st.DataObject) -> None:
    """This holds for any times of blocks and any durations of measurements."""
    blocked = data.draw(st.lists(st.sets(st.sampled_from(["t0.example", "t1.example"])), min_size=3, max_size=8))
    seconds = data.draw(st.sampled_from([0.5, 1.0, 7.0]))

    async def run() -> tuple[list[Transition], list[Verdict]]:
        now: set[str] = set()
        rounds = Rounds(lambda text, _: INJECTED if text in now else REACHABLE)
        rounds.vantage.seconds = seconds
        reported: list[Transition] = []
        for each in blocked:
            now.clear()
            now.update(each)
            reported += [change for change, _ in (await rounds.round()).changes]
        return reported, rounds.verdicts

    reported, verdicts = asyncio.run(run())
    replayed = [one for one in replay(map(jsonlines.write, verdicts)) if not isinstance(one, BadVerdictLine)]

    assert [(one.target, one.before, one.after, one.onset, one.causes) for one in replayed] == [
        (one.target, one.before, one.after, one.onset, one.causes) for one in reported
    ]


async def test_failures_that_our_own_pace_caused_change_the_vantage_only() -> None:
    """Every new handshake is silent for eighty seconds, whatever its name: the vantage is reported, and no target."""
    rounds = Rounds(lambda *_: REACHABLE)
    for _ in range(2):
        await rounds.round()
    measure, thaws = rounds.vantage.measure, rounds.clock.now() + timedelta(seconds=80)

    async def frozen(
        text: str, target: Target, *, attempt: int, suspected: bool, release: Callable[[], None] | None
    ) -> Verdict:
        silent = rounds.clock.now() < thaws
        verdict = await measure(text, target, attempt=attempt, suspected=suspected, release=release)
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
        return msgspec.structs.replace(
            verdict,
            status=Status.BLOCKED if silent else Status.REACHABLE,
            causes=(Cause.TLS_TIMEOUT,) if silent else (),
            evidence=Evidence(attempt=attempt, observations=handshakes),
            vantage=Vantage(state=VantageState.ONLINE),
        )

    rounds.vantage.measure = frozen  # type: ignore[method-assign]

    result = await rounds.round()

    assert [(change.target, change.after) for change, _ in result.changes] == [("vantage", "policed")]
    assert result.report.state == "policed"
    assert Status.BLOCKED not in {verdict.status for verdict in result.verdicts.values()}
    assert result.report.busiest > 0


# Traffic

START = datetime(2026, 10, 1, 12, tzinfo=UTC)


def connected(second: float, address: str, *at: int) -> Verdict:
    """A verdict with a connection and a handshake, begun this many milliseconds after the verdict's time."""
    seen: list[Connection | TlsHandshake] = []
    for moment in at:
        seen.append(Connection(at=moment, address=address, port=443))
        seen.append(TlsHandshake(at=moment + 5, address=address, port=443, sni="x"))
    return Verdict(
        time=START + timedelta(seconds=second),
        target="https://t.example/",
        status=Status.REACHABLE,
        evidence=Evidence(observations=tuple(seen)),
        vantage=Vantage(state=VantageState.ONLINE),
    )


def test_the_busiest_second_of_a_network_counts_handshakes_of_all_targets() -> None:
    """A /16 is one network. Handshakes a whole second apart are not in one second."""
    verdicts = [connected(0, "151.1.0.1", 0, 1000), connected(0.5, "151.1.9.9", 0), connected(0.5, "151.2.0.1", 0)]

    assert traffic_of(verdicts) == RoundTraffic(connections=4, handshakes=4, busiest=2)


def test_a_round_that_measured_nothing_caused_no_traffic() -> None:
    """The round is empty, or it resolved names only."""
    assert traffic_of([]) == traffic_of([connected(0, "151.1.0.1")]) == RoundTraffic()


def test_an_upload_counts_as_a_connection_and_as_a_handshake_where_it_succeeded() -> None:
    """Both are in one observation."""
    where = {"url": "https://t.example/", "address": "151.1.0.1", "sni": "t.example"}
    seen: tuple[Observation, ...] = (Sending(**where), Sending(**where, opened=False))  # type: ignore[arg-type]
    one = msgspec.structs.replace(connected(0, "151.1.0.1"), evidence=Evidence(observations=seen))

    assert traffic_of([one]) == RoundTraffic(connections=2, handshakes=1, busiest=1)


def test_a_relay_trial_that_targets_share_counts_where_it_was_made() -> None:
    """Its time is negative in the evidence of the others."""
    trial = Connection(address="198.18.7.7", port=80, purpose=Purpose.RELAY, failure=Failure.TIMEOUT)
    verdicts = [
        msgspec.structs.replace(connected(0, "151.1.0.1"), evidence=Evidence(observations=(one,)))
        for one in (trial, msgspec.structs.replace(trial, at=-1), msgspec.structs.replace(trial, at=-5000))
    ]

    assert traffic_of(verdicts) == RoundTraffic(connections=1)
