"""The glances of a pass: which targets they acquit, and what else counts of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import aclosing
from typing import Any

import msgspec
import pytest

from probe.model.address import Family
from probe.model.failure import Failure
from probe.model.glance import GlanceKind, GlanceRequest, GlanceResult
from probe.model.hop import Layer, LayerFailure
from probe.model.observation import Observation
from probe.model.target import TargetText, parse
from probe.model.verdict import Cause, Evidence, Status, Vantage, VantageNote, VantageState, Verdict
from probe.plan.glance_memory import KnownAnswers, SeenAnswer
from probe.session.measurement_run import MeasurementRun
from probe.session.pass_glances import PassGlances, RoundLooks
from probe.session.recent_cuts import CutLog, GlanceCuts
from probe.session.vantage_gate import VantageGate
from probe.session.working_names import WorkingNames
from tests.unit.judge.builders import NEUTRAL, http, said, served, tcp, tls, tries
from tests.unit.virtual_clock import VirtualClock

A = "151.101.1.10"
SUITE = "TLSv1.3 1301 001d"
RESET = LayerFailure(Layer.TLS, Failure.RESET)
SILENCE = LayerFailure(Layer.TLS, Failure.TIMEOUT)
ONLINE = Vantage(state=VantageState.ONLINE)
KNOWN = (KnownAnswers(GlanceKind.TLS, Family.IPV4, (SeenAnswer(SUITE, 1_500_000_000),), (A,)),)


def item(number: int) -> TargetText:
    """One of several targets at the same address."""
    text = f"https://t{number}.example/"
    return text, parse(text)


class ScriptedRunner:
    """Gives results by target number; without one, that of a healthy server.

    Attributes:
        answers: number of a target -> fields of the result.
        asked: the requests.
        fault: raised in place of results.
    """

    def __init__(self, answers: dict[int, dict[str, Any]] | None = None, fault: Exception | None = None) -> None:
        self.answers = answers or {}
        self.asked: list[GlanceRequest] = []
        self.fault = fault

    async def run(
        self,
        requests: Iterable[GlanceRequest],
        on_result: Callable[[GlanceResult], None],
        *,
        stopping: asyncio.Event | None = None,
    ) -> None:
        """Give all results at once; none after a stop."""
        for request in requests:
            if stopping is not None and stopping.is_set():
                return
            self.asked.append(request)
            if self.fault is not None:
                raise self.fault
            number = int(request.name.removeprefix("t").partition(".")[0])
            fields = {"addresses": (A,), "address": A, "seen": SUITE, "took": 20, **self.answers.get(number, {})}
            on_result(GlanceResult(request=request, **fields))
            await asyncio.sleep(0)


class Pass:
    """A pass over targets, glances first; full looks find what `outcome` says."""

    def __init__(
        self,
        runner: ScriptedRunner,
        *,
        glanced: Iterable[int] = range(4),
        outcome: Callable[[str], tuple[Status, tuple[Cause, ...]]] = lambda _: (Status.REACHABLE, ()),
        vantage: Vantage = ONLINE,
        fixed: frozenset[str] | None = frozenset(),
        suspected: frozenset[str] = frozenset(),
        first: frozenset[str] = frozenset(),
    ) -> None:
        self.clock = VirtualClock()
        self.looks = RoundLooks(glance={item(number)[0]: KNOWN for number in glanced}, suspected=suspected, first=first)
        self.names = WorkingNames()
        self.cuts = CutLog()
        self.glance_cuts = GlanceCuts()
        self.looked: list[str] = []
        self.neutral_first: list[str] = []
        self.anchor_looks = 0
        self.stopping = asyncio.Event()
        self.outcome = outcome
        self.vantage = vantage
        self.seen: Callable[[str], tuple[Observation, ...]] = lambda _: ()

        async def give() -> ScriptedRunner:
            return runner

        self.glances = PassGlances(
            give,
            self.looks,
            self.clock,
            names=self.names,
            cuts=self.cuts,
            glance_cuts=self.glance_cuts,
            fixed_names=fixed,
        )

    async def look(self, earliest: float) -> Vantage:
        """Count a look at the anchors."""
        self.anchor_looks += 1
        return self.vantage

    async def measure(
        self, text: str, target: object, *, attempt: int, suspected: bool, release: Callable[[], None] | None
    ) -> Verdict:
        """A full look."""
        self.looked.append(text)
        self.neutral_first += [text] if suspected else []
        status, causes = self.outcome(text)
        evidence = Evidence(observations=self.seen(text), attempt=attempt)
        return Verdict(
            time=self.clock.now(), target=text, status=status, causes=causes, evidence=evidence, vantage=self.vantage
        )

    async def run(self, numbers: Sequence[int] = range(4)) -> list[Verdict]:
        """Measure the targets."""
        gate = VantageGate(self.look, self.clock)
        run = MeasurementRun(
            self.measure, gate, self.clock, concurrency=3, stopping=self.stopping, glances=self.glances
        )
        leaping = asyncio.create_task(self.clock.leap())
        try:
            async with aclosing(run.verdicts([item(number) for number in numbers])) as stream:
                return [verdict async for verdict in stream]
        finally:
            leaping.cancel()


def served_target(text: str) -> tuple[Observation, ...]:
    """What a full look sees of a target that works."""
    name = text.removeprefix("https://").removesuffix("/")
    return said("network", A, name=name), *(
        msgspec.structs.replace(one, sni=name) if hasattr(one, "sni") else one for one in served(A)
    )


def cut_by_name(text: str) -> tuple[Observation, ...]:
    """What a full look sees of a name that is cut where another is answered."""
    name = text.removeprefix("https://").removesuffix("/")
    cuts = tries(3, tls(A, Failure.RESET, sni=name))
    return said("network", A, name=name), said("trusted", A, name=name), tcp(A), cuts[0], NEUTRAL, *cuts[1:]


async def test_targets_that_are_the_same_are_acquitted_without_a_full_look() -> None:
    runner = ScriptedRunner()
    made = Pass(runner)

    verdicts = await made.run()

    assert made.looked == []
    assert {one.target for one in verdicts} == {item(number)[0] for number in range(4)}
    assert {(one.status, one.rule) for one in verdicts} == {(Status.REACHABLE, "glance.same")}
    assert all(not one.evidence.observations and one.evidence.glance[0].same for one in verdicts)
    assert len(runner.asked) == 4


async def test_glances_are_spread_over_random_moments_of_the_round() -> None:
    """Neither their order nor their distances are those of another round."""
    moments: list[list[tuple[str, float]]] = []
    for _ in range(2):
        made = Pass(ScriptedRunner(), glanced=range(40))
        made.looks.spread = 30.0
        verdicts = await made.run(range(40))
        assert {one.rule for one in verdicts} == {"glance.same"}
        start = VirtualClock().now()
        moments.append([(one.target, (one.time - start).total_seconds()) for one in verdicts])

    assert all(-1 < moment < 30 for one in moments for _, moment in one)
    assert all(len({int(moment) for _, moment in one}) > 10 for one in moments)
    assert [text for text, _ in moments[0]] != [text for text, _ in moments[1]]


async def test_a_stop_ends_spread_glances() -> None:
    """Those that were not begun have no verdict."""
    made = Pass(ScriptedRunner(), glanced=range(40))
    made.looks.spread = 1000.0
    leaping = asyncio.create_task(made.run(range(40)))
    await made.clock.sleep(100)
    made.stopping.set()

    assert 0 < len(await leaping) < 40
    assert made.clock.monotonic() < 1000


@pytest.mark.parametrize(
    "answer",
    [
        {"seen": "", "failure": RESET},
        {"seen": "TLSv1.3 1302 001d"},
        {"addresses": ("31.13.94.10",), "address": "31.13.94.10"},
        {"addresses": (), "address": "", "seen": "", "failure": LayerFailure(Layer.DNS, Failure.NXDOMAIN)},
    ],
    ids=["reset", "cipher", "address", "nxdomain"],
)
async def test_a_target_that_differs_is_looked_at_in_full_in_the_same_pass(answer: dict[str, Any]) -> None:
    blocked = item(2)[0]
    made = Pass(ScriptedRunner({2: answer}), outcome=lambda _: (Status.BLOCKED, (Cause.TLS_RESET, Cause.TLS_SNI)))
    made.seen = cut_by_name

    verdicts = await made.run()

    assert made.looked == [blocked]
    assert [(one.status, one.causes) for one in verdicts if one.target == blocked] == [
        (Status.BLOCKED, (Cause.TLS_RESET, Cause.TLS_SNI))
    ]
    assert made.looks.differing == 1


async def test_those_that_differ_come_before_those_that_are_due_for_a_full_look() -> None:
    made = Pass(ScriptedRunner({1: {"seen": "", "failure": RESET}}), glanced=(0, 1))

    await made.run()

    assert made.looked[0] == item(1)[0]
    assert set(made.looked) == {item(number)[0] for number in (1, 2, 3)}


async def test_in_a_short_round_what_matters_most_is_looked_at_in_full_before_any_glance() -> None:
    runner = ScriptedRunner({1: {"seen": "", "failure": RESET}})
    made = Pass(runner, glanced=(0, 1), first=frozenset({item(3)[0]}))

    await made.run()

    assert made.looked[:2] == [item(3)[0], item(1)[0]]
    assert set(made.looked) == {item(number)[0] for number in (1, 2, 3)}


@pytest.mark.parametrize(
    "vantage",
    [
        Vantage(state=VantageState.ALLOWLIST),
        Vantage(state=VantageState.POLICED),
        Vantage(state=VantageState.ONLINE, notes=(VantageNote.ANCHORS_DISAGREE,)),
        Vantage(state=VantageState.ONLINE, notes=(VantageNote.FAKE_ADDRESSES,)),
        Vantage(state=VantageState.ONLINE, notes=(VantageNote.RESOLVER_DEAD,)),
    ],
    ids=["allowlist", "policed", "anchors disagree", "fake addresses", "resolver dead"],
)
async def test_at_a_vantage_in_doubt_every_target_is_looked_at_in_full(vantage: Vantage) -> None:
    runner = ScriptedRunner()
    made = Pass(runner, vantage=vantage)

    await made.run()

    assert len(made.looked) == 4
    assert runner.asked == []


async def test_a_fault_of_the_program_leads_to_full_looks(caplog: pytest.LogCaptureFixture) -> None:
    made = Pass(ScriptedRunner(fault=ValueError("oops")))

    verdicts = await made.run()

    assert len(made.looked) == len(verdicts) == 4
    assert "fault in glancing" in caplog.text


async def test_after_a_stop_a_target_without_a_result_has_no_verdict() -> None:
    made = Pass(ScriptedRunner())
    made.stopping.set()

    assert await made.run() == []
    assert made.looked == []


async def test_a_full_look_that_finds_its_target_well_is_followed_by_a_reference_glance() -> None:
    runner = ScriptedRunner()
    made = Pass(runner, glanced=())
    made.seen = served_target

    await made.run([0])

    (known,) = made.looks.references[item(0)[0]]
    assert [one.seen for one in known.answers] == [SUITE]
    assert known.addresses == (A,)
    assert [(one.name, one.sni) for one in runner.asked] == [("t0.example", "t0.example")]


async def test_a_reference_glance_that_fails_leaves_nothing_known() -> None:
    made = Pass(ScriptedRunner({0: {"seen": "", "failure": RESET}}), glanced=())
    made.seen = served_target

    await made.run([0])

    assert made.looks.references == {item(0)[0]: ()}


@pytest.mark.parametrize("fixed", [None, frozenset({"t0.example"})], ids=["unreadable", "named"])
async def test_a_name_in_the_hosts_file_gets_no_reference_glance(fixed: frozenset[str] | None) -> None:
    """The resolver's answer about it shows nothing, so it is always looked at in full."""
    runner = ScriptedRunner()
    made = Pass(runner, glanced=(), fixed=fixed)
    made.seen = served_target

    await made.run([0])

    assert runner.asked == []
    assert made.looks.references == {}


async def test_a_blocked_target_gets_no_reference_glance() -> None:
    runner = ScriptedRunner()
    made = Pass(runner, glanced=(), outcome=lambda _: (Status.BLOCKED, (Cause.TLS_RESET,)))
    made.seen = served_target

    await made.run([0])

    assert runner.asked == []


async def test_names_that_glances_found_working_are_remembered() -> None:
    made = Pass(ScriptedRunner({1: {"seen": "", "failure": RESET}}))

    await made.run()

    names = made.names.to_compare(())
    assert {"t0.example", "t2.example", "t3.example"} <= set(names)


async def test_a_cut_that_a_glance_caused_is_remembered() -> None:
    """The address may be silent for others afterwards: that is then explained, and for this name it is its own."""
    made = Pass(ScriptedRunner({1: {"seen": "", "failure": SILENCE}}), glanced=(1,))

    await made.run([1])

    assert made.cuts.silencing_names == {"t1.example"}


async def test_what_a_glance_saw_cut_is_the_first_try_of_the_full_look() -> None:
    """After the cut the address may be silent for everybody's names, and a full look alone would see nothing else."""
    made = Pass(ScriptedRunner({1: {"seen": "", "failure": RESET}, 2: {"seen": "TLSv1.3 1302 001d"}}))

    await made.run()

    assert made.glance_cuts.of(item(2)[0]) == ()
    connection, hello = made.glance_cuts.of(item(1)[0])
    assert (connection.failure, hello.failure, hello.capture_name) == (None, Failure.RESET, "t1.example")
    assert {one.attempt for one in (connection, hello)} == {-1}


async def test_where_most_glances_met_silence_the_anchors_are_looked_at_before_the_full_looks() -> None:
    silent = {"seen": "", "failure": SILENCE}
    made = Pass(ScriptedRunner(dict.fromkeys(range(3), silent)))

    await made.run()

    assert made.anchor_looks == 2
    assert len(made.looked) == 3


async def test_a_target_that_is_blocked_by_name_is_tried_after_a_neutral_name() -> None:
    text = item(0)[0]
    made = Pass(ScriptedRunner(), glanced=(), suspected=frozenset({text}))

    await made.run([0, 1])

    assert made.neutral_first == [text]


async def test_verdicts_that_wait_for_certificates_get_them_from_full_looks() -> None:
    """A page in the place of one site may be a portal's; the certificates of two other sites show that it is not."""
    foreign = item(3)[0]

    def page(text: str) -> tuple[Observation, ...]:
        if text != foreign:
            return served_target(text)
        return said("network", A, name="t3.example"), http(A, url="http://t3.example/", title="Blocked", sha256="ff")

    made = Pass(
        ScriptedRunner({3: {"seen": "", "failure": RESET}}),
        outcome=lambda text: (Status.BLOCKED, (Cause.HTTP_BLOCKPAGE,)) if text == foreign else (Status.REACHABLE, ()),
    )
    made.seen = page

    verdicts = await made.run()

    assert made.looked[0] == foreign
    assert len(set(made.looked)) == 3
    assert Status.BLOCKED in {one.status for one in verdicts if one.target == foreign}
