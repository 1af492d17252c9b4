"""A line whose queue is full: silence on it accuses nobody."""

from __future__ import annotations

import pytest

from probe.judge import judge
from probe.judge.evidence_hop import EvidenceHop
from probe.judge.line_load import round_trips, silent_under_load
from probe.model.failure import Failure
from probe.model.hop import Purpose
from probe.model.observation import Exchange, Observation
from probe.model.target import parse
from probe.model.verdict import Evidence, Status, VantageState
from tests.unit.judge.builders import TIME, URL, A, B, control, hop_of, http, said, tcp, tls

KNOWN = (said("network", A), said("trusted", A))
LOADED = (10_000, 991_000, 1_079_000, 951_000, 935_000)
"""Round trips in microseconds, as measured on a line of 160 kbit/s that four pages shared."""


def silence(*trips: int, address: str = A, layer: str = "http") -> tuple[Observation, ...]:
    """Tries of the page that timed out, with the round trips of their TCP handshakes."""
    seen: list[Observation] = []
    for attempt, trip in enumerate(trips):
        where = {"attempt": attempt}
        seen.append(tcp(address, rtt=trip, **where))
        if layer == "tls":
            seen.append(tls(address, failure=Failure.TIMEOUT, **where))
            continue
        seen += [tls(address, **where), http(address, 0, Failure.TIMEOUT, **where)]
    return tuple(seen)


def loaded(*seen: Observation) -> EvidenceHop:
    """The hop of these tries."""
    return hop_of(*KNOWN, *seen, by=control())


@pytest.mark.parametrize("layer", ["tls", "http"])
def test_silence_while_most_handshakes_waited_in_a_queue_is_the_lines(layer: str) -> None:
    """After a ClientHello, and after a request."""
    assert silent_under_load(loaded(*silence(*LOADED, layer=layer)))


@pytest.mark.parametrize(
    ("trips", "wanted"),
    [
        ((40_000, 340_000, 340_000), True),
        ((40_000, 339_999, 340_000), False),
        ((100_000, 500_000, 500_000), True),
        ((100_000, 499_999, 500_000), False),
        ((900_000, 800_000, 1_000_000), True),
        ((640_000, 700_000, 799_999), False),
        ((10_000, 1_000_000, 10_000, 1_000_000), False),
        ((1_500_000, 60_000, 60_000, 60_000), False),
        ((10_000, 1_000_000), False),
        ((0, 0, 0, 0, 0), False),
        ((10_000, 0, 0, 0, 0), False),
    ],
    ids=[
        "0.3 s longer",
        "a little less",
        "five times as long",
        "a little less than that",
        "longer than any path",
        "a satellite",
        "half of them",
        "a radio that wakes up",
        "two",
        "not measured",
        "SYNs sent again",
    ],
)
def test_round_trips_show_a_queue(trips: tuple[int, ...], wanted: bool) -> None:
    """By their bounds."""
    assert silent_under_load(loaded(*silence(*trips))) is wanted


def test_the_anchors_round_trips_do_not_count() -> None:
    """Only those to the address itself, under any name."""
    others = (tcp(A, rtt=5, purpose=Purpose.LINE), tcp(B, rtt=7), tcp(A, rtt=900_000, purpose=Purpose.NEUTRAL))

    assert round_trips(loaded(*silence(*LOADED), *others), A) == [*LOADED, 900_000]


def test_another_end_than_a_time_out_is_not_explained_by_a_queue() -> None:
    """RST, and silence to the SYN itself."""
    reset = [http(A, 0, Failure.RESET, attempt=n) if isinstance(one, Exchange) else one for n, one in _numbered()]
    syns = [tcp(A, failure=Failure.TIMEOUT, rtt=trip, attempt=n) for n, trip in enumerate(LOADED)]

    assert not silent_under_load(loaded(*reset))
    assert not silent_under_load(loaded(*syns))
    assert not silent_under_load(loaded())


def _numbered() -> list[tuple[int, Observation]]:
    return [(one.attempt, one) for one in silence(*LOADED)]


@pytest.mark.parametrize(("trips", "rule"), [(LOADED, "line.overloaded"), ((10_000,) * 5, "http.timeout")])
def test_without_a_queue_the_same_silence_is_a_block(trips: tuple[int, ...], rule: str) -> None:
    """Five requests timed out here, and the control was served."""
    small = tcp(A, rtt=trips[-1], attempt=9, segment=1_000), tls(A, attempt=9), http(A, 0, Failure.TIMEOUT, attempt=9)
    evidence = Evidence(observations=(*KNOWN, *silence(*trips), *small), control=control())
    judged = judge(parse(URL), evidence, VantageState.ONLINE, time=TIME)

    assert judged.rule == rule
    assert judged.status is (Status.BLOCKED if rule == "http.timeout" else Status.UNREACHABLE)
