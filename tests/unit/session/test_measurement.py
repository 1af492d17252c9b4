"""One target from its plan to its verdict, with scripted observations; without a measurement it is judged, too."""

from __future__ import annotations

import ast
import asyncio
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

import probe
from probe import judge, plan
from probe.clock import Clock
from probe.judge.vantage import conclude
from probe.measure.anchors import AnchorWatch
from probe.measure.tools import Tools
from probe.model.address import Family
from probe.model.failure import Failure
from probe.model.hop import Purpose
from probe.model.observation import Connection, Exchange, Observation, Resolution, Sending
from probe.model.packets import PacketTrace
from probe.model.resolver import Trust
from probe.model.target import Target, parse
from probe.model.verdict import AnchorKind, AnchorLook, ControlFacts, Status, Vantage, Verdict
from probe.plan.context import PlanContext
from probe.plan.endpoint import RelayPlan
from probe.plan.nowhere import NowherePlan
from probe.plan.upload import UploadPlan
from probe.session import measurement
from probe.session.measurement import measure_target
from probe.session.measurement_run import MeasurementRun
from probe.session.vantage_gate import CLOSING_STATES, VantageGate
from probe.session.working_names import WorkingNames
from tests.unit.session.scripted import context
from tests.unit.virtual_clock import VirtualClock

NOON = datetime(2017, 5, 4, 12, tzinfo=UTC)
TARGETS = st.sampled_from(
    [
        "https://a.example/",
        "a.example",
        "dns://a.example",
        "tcp://192.0.2.1:443",
        "tls://192.0.2.1:443/a.example",
        "203.0.113.0/24",
    ]
)


@given(TARGETS, st.text(max_size=2000), st.integers(0, 3), st.integers(0, 3))
def test_a_fault_of_ours_becomes_a_verdict_that_judging_again_does_not_change(
    text: str, words: str, attempt: int, depth: int
) -> None:
    """The text of the error and its depth in exception groups make no difference."""

    def broken(*_: object, **__: object) -> None:
        error: Exception = ValueError(words)
        for _ in range(depth):
            error = ExceptionGroup("tasks", [error])
        raise error

    async def run() -> Verdict:
        given = context(asn=64500, country="RU", clock=VirtualClock())
        return await measure_target(text, parse(text), given, attempt=attempt)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measurement, "perform", broken)
        verdict = asyncio.run(run())

    assert verdict.status is Status.UNKNOWN
    assert verdict.evidence.error.startswith("ValueError: ")
    assert (verdict.time, verdict.target) == (VirtualClock().now(), text)
    assert (verdict.rule, verdict.evidence.attempt) == ("measurement.failed", attempt)
    assert (verdict.vantage.asn, verdict.vantage.country) == (64500, "RU")
    assert judge.again(verdict) == verdict


class Performed:
    """A stand-in for `perform`: records the plans and returns the observations that the test gives."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *returned: tuple[Observation, ...]) -> None:
        self.plans: list[object] = []
        self.limits: list[float] = []
        self.began: list[float | None] = []
        self.returned = list(returned)
        monkeypatch.setattr(measurement, "perform", self.perform)

    async def perform(
        self,
        plan: object,
        tools: Tools,
        *,
        seconds: float,
        began: float | None = None,
        listening: Callable[[], None] | None = None,
    ) -> tuple[Observation, ...]:
        """Return the next observations; none of an unrouted address."""
        if isinstance(plan, RelayPlan):
            return ()
        self.plans.append(plan)
        self.began.append(began)
        self.limits.append(seconds)
        if listening is not None:
            listening()
        return self.returned.pop(0)


class Watcher:
    """A stand-in for the packet watcher."""

    def __init__(self) -> None:
        self.reports: list[tuple[int, str]] = []

    async def report(self, seen: tuple[Observation, ...], since: float, label: str) -> tuple[PacketTrace, ...]:
        """Return one trace."""
        assert abs(since - asyncio.get_running_loop().time()) < 60
        self.reports.append((len(seen), label))
        return (PacketTrace(name="a.example", address="192.0.2.1", port=443, protocol="tcp"),)


CONNECTED = Connection(address="192.0.2.1", port=443)
REFUSED = Connection(address="192.0.2.1", port=443, failure=Failure.REFUSED)


async def test_packets_are_added_to_what_fails_and_to_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    Performed(monkeypatch, (CONNECTED,), (REFUSED,))
    given = context(clock=VirtualClock())
    watcher = Watcher()
    given.tools.watcher = watcher  # type: ignore[assignment]
    text = "tcp://192.0.2.1:443"

    served, failed = [await measure_target(text, parse(text), given) for _ in range(2)]

    assert (served.status, served.evidence.packets) == (Status.REACHABLE, ())
    assert failed.status is Status.UNREACHABLE
    assert [trace.name for trace in failed.evidence.packets] == ["a.example"]
    assert failed.evidence.observations == (REFUSED,)
    assert watcher.reports == [(1, "20170504T000000-tcp://192.0.2.1:443")]


async def test_a_measurement_has_a_deadline_and_says_when_only_late_answers_are_awaited(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    performed = Performed(monkeypatch, (CONNECTED,))
    released: list[bool] = []
    text = "tcp://127.0.0.1:443"

    await measure_target(text, parse(text), context(max_seconds=17.0), release=lambda: released.append(True))

    assert released == [True]
    assert performed.limits[0] == 17


async def test_a_plan_gets_everything_that_the_context_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two measurements draw different random names."""
    Performed(monkeypatch, (CONNECTED,), (CONNECTED,))
    contexts: list[PlanContext] = []

    def plan_for(target: Target, given: PlanContext) -> object:
        contexts.append(given)
        return object()

    monkeypatch.setattr(plan, "plan_for", plan_for)
    control = ControlFacts(time=NOON, statuses=(Status.REACHABLE,))
    given = context(
        clock=VirtualClock(),
        network_resolvers=("udp:192.0.2.53:53",),
        trusted_resolvers=("tls://192.0.2.54",),
        hosts_file_names=frozenset({"router.lan"}),
        families=frozenset({Family.IPV4}),
        rotates=True,
        names=WorkingNames(allowed_name="allowed.example"),
        range_sample=5,
        range_samples={"203.0.113.0/24": 7},
        range_hits={"203.0.113.0/24": ("203.0.113.9",)},
        range_excluded_prefixes={"203.0.113.0/24": ("203.0.113.64/26",)},
    )
    for text, attempt in (("203.0.113.0/24", 2), ("198.51.100.0/24", 0)):
        await measure_target(text, parse(text), given, control=control, attempt=attempt, suspected=attempt > 0)

    first, second = contexts
    assert (first.network_resolvers, first.trusted_resolvers) == (("udp:192.0.2.53:53",), ("tls://192.0.2.54",))
    assert (first.hosts_file_names, first.families) == (frozenset({"router.lan"}), frozenset({Family.IPV4}))
    assert (first.control, first.allowed_name, first.rotates) == (control, "allowed.example", True)
    assert (first.suspected, second.suspected) == (True, False)
    assert (first.sample, second.sample) == (7, 5)
    assert (first.hit_list, second.hit_list) == (("203.0.113.9",), ())
    assert (first.excluded_prefixes, second.excluded_prefixes) == (("203.0.113.64/26",), ())
    assert (first.sample_index, second.sample_index) == (2, 0)
    assert (first.seed, first.search_seed) == (201718, int(VirtualClock().now().timestamp()) // 3600)
    assert len({first.random_name, first.ghost_name, second.random_name, second.ghost_name}) == 4
    assert all(re.fullmatch(r"[a-z]{10,13}\.(com|net|org)", name) for name in (first.random_name, first.ghost_name))
    page = Exchange(url="http://a.example/", address="192.0.2.1", marks=("isp.notice",))
    assert first.has_fingerprint(page)
    assert not first.has_fingerprint(replace(page, marks=()))
    assert first.relay_address.startswith("198.1")


async def test_a_quic_target_without_the_library_is_unknown_and_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No step is planned."""

    def missing() -> None:
        raise ValueError("install it")

    monkeypatch.setattr("probe.measure.quic.require_aioquic", missing)
    text = "quic://a.example:443"

    verdict = await measure_target(text, parse(text), context())

    assert (verdict.status, verdict.evidence.error) == (Status.UNKNOWN, "ValueError: install it")


async def test_an_upload_is_tested_where_a_page_was_served_and_the_verdict_is_judged_with_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    page = Exchange(url="https://192.0.2.1/", address="192.0.2.1", status=200, secure=True)
    sending = Sending(url=page.url, address=page.address, sni="", complete=True)
    monkeypatch.setattr(
        "probe.plan.upload.served", lambda verdict: page if verdict.status is Status.REACHABLE else None
    )
    performed = Performed(monkeypatch, (CONNECTED,), (sending,), (REFUSED,))
    text = "tcp://192.0.2.1:443"

    served, failed = [await measure_target(text, parse(text), context(test_upload=True)) for _ in range(2)]

    assert [isinstance(plan, UploadPlan) for plan in performed.plans] == [False, True, False]
    assert performed.began[0] == performed.began[1]
    assert abs((performed.began[1] or 0) - asyncio.get_running_loop().time()) < 60
    assert served.evidence.observations == (CONNECTED, sending)
    assert failed.evidence.observations == (REFUSED,)
    assert judge.again(served) == served


async def test_without_the_setting_no_upload_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """An upload costs 75 kB: it is not ordinary traffic."""
    page = Exchange(url="https://192.0.2.1/", address="192.0.2.1", status=200, secure=True)
    monkeypatch.setattr("probe.plan.upload.served", lambda _: page)
    performed = Performed(monkeypatch, (CONNECTED,))
    text = "tcp://192.0.2.1:443"

    verdict = await measure_target(text, parse(text), context())

    assert not any(isinstance(plan, UploadPlan) for plan in performed.plans)
    assert verdict.evidence.observations == (CONNECTED,)


async def test_a_name_in_doubt_is_asked_for_where_no_resolver_runs_and_the_verdict_is_judged_with_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The address is an anchor's; without one, nothing is asked."""

    def said(name: str, failure: Failure, purpose: Purpose = Purpose.SUBJECT) -> Resolution:
        return Resolution(
            name=name, rrtype="A", resolver="network", trust=Trust.NETWORK, failure=failure, purpose=purpose
        )

    denied = said("a.example", Failure.NXDOMAIN)
    forged = said("a.example", Failure.NXDOMAIN, Purpose.NOWHERE)
    silent = said("zq.example", Failure.TIMEOUT, Purpose.NOWHERE)
    performed = Performed(monkeypatch, (denied,), (forged, forged, silent, silent, silent), (denied,))
    monkeypatch.setattr(AnchorWatch, "reached", property(lambda _: reached))
    text = "https://a.example/"

    reached = ("192.0.2.7",)
    proven = await measure_target(text, parse(text), context())
    reached = ()
    alone = await measure_target(text, parse(text), context())

    assert [isinstance(plan, NowherePlan) for plan in performed.plans] == [False, True, False]
    assert (proven.status, proven.rule) == (Status.BLOCKED, "dns.injected.nowhere")
    assert (alone.status, alone.rule) == (Status.UNREACHABLE, "dns.unresolved")
    assert judge.again(proven) == proven


LOOKS = st.lists(
    st.builds(
        AnchorLook,
        url=st.sampled_from(["https://a.example/", "https://b.example/"]),
        kind=st.sampled_from(AnchorKind),
        at=st.just(NOON),
        failure=st.sampled_from([Failure.TIMEOUT, Failure.RESET, None]),
        foreign_content=st.booleans(),
    ),
    max_size=4,
).map(tuple)


@given(TARGETS, LOOKS.filter(lambda looks: conclude(looks) in CLOSING_STATES))
def test_a_skipped_target_gets_a_verdict_that_judging_again_does_not_change(
    text: str, looks: tuple[AnchorLook, ...]
) -> None:
    async def look(earliest: float) -> Vantage:
        return context().vantage(looks)

    async def measure(
        text: str, target: Target, *, attempt: int, suspected: bool, release: Callable[[], None] | None
    ) -> Verdict:
        raise AssertionError("measured all the same")

    async def run() -> list[Verdict]:
        made = MeasurementRun(measure, VantageGate(look, Clock()), Clock(), concurrency=1)
        return [verdict async for verdict in made.verdicts([(text, parse(text))])]

    (verdict,) = asyncio.run(run())

    assert (verdict.status, verdict.vantage.state in CLOSING_STATES) == (Status.UNKNOWN, True)
    assert verdict.rule
    assert judge.again(verdict) == verdict


def test_no_other_module_of_session_and_agent_catches_exception() -> None:
    """A fault of the program is written into a verdict in one place; one in a glance leads to full looks."""
    root = Path(probe.__file__).parent
    catching = {
        str(path.relative_to(root))
        for room in ("session", "agent")
        for path in (root / room).glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ExceptHandler) and isinstance(node.type, ast.Name) and node.type.id == "Exception"
    }

    assert catching == {"session/measurement.py", "session/pass_glances.py"}
