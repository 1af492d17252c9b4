"""Verdicts that were made without a measurement follow the judge's laws, too."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Callable
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from probe import judge
from probe.clock import Clock
from probe.judge.anchor_content import classify
from probe.judge.vantage import conclude
from probe.measure.anchors import AnchorWatch
from probe.measure.tools import Tools
from probe.model.address import Family
from probe.model.failure import Failure
from probe.model.target import Target, parse
from probe.model.verdict import AnchorKind, AnchorLook, Status, Vantage, VantageState, Verdict
from probe.session import measurement
from probe.session.measurement import MeasurementContext, measure_target, unrouted_address
from probe.session.measurement_run import MeasurementRun
from probe.session.vantage_gate import CLOSING_STATES, VantageGate

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


def context(**more: object) -> MeasurementContext:
    """A context without anchors."""
    tools = Tools()
    anchors = AnchorWatch((), (), tools, Clock(), classify=classify)
    return MeasurementContext(tools=tools, anchors=anchors, **more)  # type: ignore[arg-type]


@given(TARGETS, st.text(max_size=2000), st.integers(0, 3), st.integers(0, 3))
def test_a_fault_of_ours_becomes_a_verdict_that_judging_again_does_not_change(
    text: str, words: str, attempt: int, depth: int
) -> None:
    """Whatever the fault says and however deep it lies in groups of exceptions."""

    def broken(*_: object, **__: object) -> None:
        error: Exception = ValueError(words)
        for _ in range(depth):
            error = ExceptionGroup("tasks", [error])
        raise error

    async def run() -> Verdict:
        return await measure_target(text, parse(text), context(asn=64500, country="RU"), attempt=attempt)

    original, measurement.perform = measurement.perform, broken  # type: ignore[assignment, attr-defined]
    try:
        verdict = asyncio.run(run())
    finally:
        measurement.perform = original  # type: ignore[attr-defined]

    assert verdict.status is Status.UNKNOWN
    assert verdict.evidence.error.startswith("ValueError: ")
    assert (verdict.rule, verdict.evidence.attempt) == ("measurement.failed", attempt)
    assert (verdict.vantage.asn, verdict.vantage.country) == (64500, "RU")
    assert judge.again(verdict) == verdict


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


def test_the_vantage_carries_the_notes_of_anchors_and_host() -> None:
    outdated = AnchorLook(url="https://a.example/", kind=AnchorKind.FOREIGN, at=NOON, outdated=True)

    vantage = context(host_notes=("tunnel",), asn=64500, country="RU").vantage((outdated,))

    assert vantage == Vantage(
        state=VantageState.ONLINE, asn=64500, country="RU", anchors=(outdated,), notes=("clock_wrong", "tunnel")
    )


def test_broken_ipv6_is_not_tried_unless_it_is_all_there_is() -> None:
    broken = AnchorLook(url="https://a.example/", kind=AnchorKind.FOREIGN, at=NOON, six="timeout")
    both, six_alone = context(), context(families=frozenset({Family.IPV6}))
    for each in (both, six_alone):
        each.anchors._latest = (broken,)

    assert context().usable_families() == frozenset(Family)
    assert both.usable_families() == {Family.IPV4}
    assert six_alone.usable_families() == {Family.IPV6}


def test_an_unrouted_address_is_of_the_targets_family_and_never_for_this_host() -> None:
    """Benchmark and discard addresses; a loopback or link-local target needs none."""
    four = ipaddress.ip_address(unrouted_address(parse("151.101.0.0/16")))
    six = ipaddress.ip_address(unrouted_address(parse("tcp://[2a04:4e42::1]:443")))

    assert four in ipaddress.ip_network("198.18.0.0/15")
    assert six in ipaddress.ip_network("100::/64")
    none = ("tcp://127.0.0.1:80", "tcp://[::1]:80", "169.254.0.0/24", "https://example.org/")
    assert [unrouted_address(parse(text)) for text in none] == [""] * 4
