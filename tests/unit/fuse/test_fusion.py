"""The laws of fusion: neither the order of reports nor any one sponsor makes the result."""

from __future__ import annotations

import random
from datetime import timedelta

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from probe.fuse.fusion import fuse
from probe.fuse.revision import RevisionKind, revise
from probe.fuse.standing import VantageStanding
from probe.model.event import Confidence, Event, Network, Presence, Span
from probe.model.verdict import Cause, Status
from tests.unit.fuse.made import at, span, there

SERVICES = {"t0": "WeChat", "t1": "WeChat"}
STATUSES = st.sampled_from([Status.REACHABLE, Status.REACHABLE, Status.BLOCKED, Status.THROTTLED, Status.DOWN])


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[list[Span]], list[Presence]]:
    """The final spans of each vantage and target in order, and the presences of the vantages."""
    series: list[list[Span]] = []
    presences: list[Presence] = []
    for n in range(draw(st.integers(1, 5))):
        network = Network(asn=64500 + draw(st.integers(0, 2)), country="RU")
        presences.append(there(f"v{n}", 0, draw(st.integers(5, 200)), network))
        for target in draw(st.lists(st.sampled_from(["t0", "t1", "t2"]), min_size=1, max_size=2, unique=True)):
            edges = sorted(draw(st.lists(st.integers(0, 200), min_size=1, max_size=5, unique=True)))
            stops: list[int | None] = [*edges[1:], None]
            series.append(
                [
                    span(f"v{n}", edge, stop, draw(STATUSES), Cause.TCP_TIMEOUT, target=target, network=network)
                    for edge, stop in zip(edges, stops, strict=True)
                ]
            )
    return series, presences


def so_far(series: list[list[Span]], received: list[int]) -> list[Span]:
    """A collector's spans after a number of reported spans of each series; the last one is open."""
    known: list[Span] = []
    for spans, count in zip(series, received, strict=True):
        if count:
            known += [*spans[: count - 1], msgspec.structs.replace(spans[count - 1], stop=None)]
    return known


@settings(max_examples=150, deadline=None)
@given(histories(), st.randoms(use_true_random=False))
def test_the_order_of_spans_and_presences_does_not_matter(
    history: tuple[list[list[Span]], list[Presence]], chance: random.Random
) -> None:
    """The events are those of the sorted history."""
    series, presences = history
    spans = [each for one in series for each in one]
    shuffled = chance.sample(spans, len(spans))

    assert fuse(shuffled, chance.sample(presences, len(presences)), at(210), SERVICES) == fuse(
        sorted(spans, key=lambda each: each.start), presences, at(210), SERVICES
    )


@settings(max_examples=100, deadline=None)
@given(histories(), st.randoms(use_true_random=False))
def test_published_revisions_end_in_the_fusion_of_all_reports(
    history: tuple[list[list[Span]], list[Presence]], chance: random.Random
) -> None:
    """Vantages report in any interleaving, each in its own order; revision numbers grow under each id."""
    series, presences = history
    received = [0] * len(series)
    standing: dict[str, Event] = {}
    numbers: dict[str, int] = {}
    while True:
        behind = [n for n, spans in enumerate(series) if received[n] < len(spans)]
        for n in chance.sample(behind, min(len(behind), 2)):
            received[n] += 1
        for published in revise(
            standing.values(), fuse(so_far(series, received), presences, at(210), SERVICES), numbers
        ):
            event = published.event
            assert event.revision > numbers.get(event.id, 0)
            numbers[event.id] = event.revision
            standing[event.id] = event
            if published.kind in {RevisionKind.WITHDRAWN, RevisionKind.RENAMED}:
                del standing[event.id]
        if not behind:
            break

    final = fuse([each for one in series for each in one], presences, at(210), SERVICES)
    plain = [msgspec.structs.replace(event, revision=1) for event in standing.values()]
    assert sorted(plain, key=lambda event: (event.service, event.onset, event.id)) == final


@settings(max_examples=100, deadline=None)
@given(histories(), st.sampled_from([VantageStanding(weight=0.4), VantageStanding(votes_from=at(211))]))
def test_a_vantage_without_a_vote_is_as_if_it_had_never_been(
    history: tuple[list[list[Span]], list[Presence]], standing: VantageStanding
) -> None:
    """Whatever it reports, and whenever it was present."""
    series, presences = history
    spans = [each for one in series for each in one]
    others = [each for each in spans if each.agent != "v0"]

    assert fuse(spans, presences, at(210), SERVICES, {"v0": standing}) == fuse(
        others, [each for each in presences if each.agent != "v0"], at(210), SERVICES
    )


@settings(max_examples=100, deadline=None)
@given(histories())
def test_vantages_of_one_sponsor_confirm_nothing(history: tuple[list[list[Span]], list[Presence]]) -> None:
    """However many they are, and in whatever networks."""
    series, presences = history
    spans = [each for one in series for each in one]

    found = fuse(spans, presences, at(210), SERVICES, {f"v{n}": VantageStanding(sponsor="club") for n in range(9)})

    assert all(event.confidence is not Confidence.CONFIRMED for event in found)


@settings(max_examples=100, deadline=None)
@given(histories())
def test_half_of_a_network_that_lies_confirms_nothing(history: tuple[list[list[Span]], list[Presence]]) -> None:
    """As many vantages, each of a sponsor of its own, see every target reachable all the time."""
    series, presences = history
    liars = {each.agent: each.network for one in series for each in one}
    truth = [
        span(f"w{agent}", 0, None, Status.REACHABLE, target=target, network=network)
        for agent, network in liars.items()
        for target in ("t0", "t1", "t2")
    ]
    present = [there(f"w{agent}", 0, 210, network) for agent, network in liars.items()]
    standings = {agent: VantageStanding(sponsor=agent) for agent in (*liars, *(f"w{agent}" for agent in liars))}
    spans = [each for one in series for each in one if each.status is not Status.REACHABLE] + truth

    found = fuse(spans, [*presences, *present], at(210), SERVICES, standings)

    lasting = [event for event in found if event.lifted is None and at(210) - event.onset > timedelta(minutes=11)]
    assert all(event.confidence is not Confidence.CONFIRMED for event in lasting)


def test_a_target_without_a_service_has_events_under_its_own_name() -> None:
    """A lone target is its own service."""
    (event,) = fuse([span("a", 10, None, target="dns://alone.example")], [], at(60), {})

    assert event.service == "dns://alone.example"
