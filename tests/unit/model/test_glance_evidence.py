"""The evidence of a glance: the same as known, or not."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest

from probe.model.glance import GlanceKind, glance_requests
from probe.model.glance_evidence import (
    GlanceEvidence,
    glance_kinds,
    is_acquitted,
    nearest_known,
    neighbourhood_of,
    unknown_addresses,
)
from probe.model.target import parse

A, BESIDE_A, FAR = "151.101.1.10", "151.101.1.77", "146.75.65.10"
SIX, BESIDE_SIX, FAR_SIX = "2a04:4e42::10", "2a04:4e42:0:9::1", "2a04:4e43::10"
TIME = datetime(2026, 10, 1, 12, tzinfo=UTC)
SAME = GlanceEvidence(
    kind=GlanceKind.TLS,
    answered=(A, SIX),
    address=A,
    seen="TLSv1.3 1301 001d",
    known="TLSv1.3 1301 001d",
    known_addresses=(A, SIX),
    full_look=TIME,
)
TARGETS = (
    "https://news.example.org/",
    "http://news.example.org/",
    "news.example.org",
    "dns://news.example.org",
    "tcp://151.101.1.10:443",
    "tls://151.101.1.10:443/news.example.org",
    "quic://news.example.org:443",
    "151.101.0.0/16",
)


@pytest.mark.parametrize("text", TARGETS)
def test_the_kinds_of_a_target_are_those_that_are_asked_for(text: str) -> None:
    """A glance at a target acquits it, so what is asked for must be what judging demands."""
    target = parse(text)

    assert glance_kinds(target) == tuple(request.kind for request in glance_requests(target))


@pytest.mark.parametrize("text", TARGETS)
def test_without_a_glance_no_target_is_acquitted(text: str) -> None:
    assert not is_acquitted(parse(text), ())


@pytest.mark.parametrize(
    "change",
    [
        {"failure": "tcp.timeout"},
        {"seen": "TLSv1.3 1302 001d"},
        {"answered": (A, FAR)},
        {"answered": (FAR_SIX,)},
        {"known_addresses": ()},
        {"full_look": None},
        {"kind": GlanceKind.NAME, "answered": (), "seen": "", "known": ""},
    ],
)
def test_any_difference_counts(change: dict[str, object]) -> None:
    assert SAME.same
    assert not msgspec.structs.replace(SAME, **change).same


@pytest.mark.parametrize(
    ("whole", "most"),
    [
        (SAME, 140),
        (msgspec.structs.replace(SAME, answered=(A,), known_addresses=(A,)), 95),
        (msgspec.structs.replace(SAME, answered=(BESIDE_A,), known_addresses=(A,), address=BESIDE_A), 160),
        (msgspec.structs.replace(SAME, answered=(), known_addresses=()), 95),
        (GlanceEvidence(kind=GlanceKind.NAME, answered=(A,), known_addresses=(A,), full_look=TIME, took=3), 75),
        (GlanceEvidence(kind=GlanceKind.TCP, address=A, full_look=TIME, took=3), 70),
    ],
)
def test_a_glance_that_is_the_same_is_written_short_and_stays_the_same(whole: GlanceEvidence, most: int) -> None:
    """A few dozen bytes; what was seen, at which address, and when the full look was can still be read."""
    short = whole.shortened()

    assert short.same
    assert len(msgspec.json.encode(short)) <= most
    assert (short.kind, short.address, short.seen, short.took) == (whole.kind, whole.address, whole.seen, whole.took)
    assert short.same_as == TIME.timestamp()
    assert short.shortened() == short


@pytest.mark.parametrize(
    "change", [{"failure": "tls.reset"}, {"seen": "TLSv1.3 1302 001d"}, {"answered": (A, FAR)}, {"full_look": None}]
)
def test_a_glance_that_differs_is_not_shortened(change: dict[str, object]) -> None:
    whole = msgspec.structs.replace(SAME, **change)

    assert whole.shortened() == whole


@pytest.mark.parametrize(
    "change",
    [
        {"failure": "tls.reset"},
        {"answered": (FAR,), "known_addresses": (A,)},
        {"kind": GlanceKind.NAME, "answered": ()},
        {"same_as": 0},
    ],
)
def test_short_evidence_acquits_no_glance_that_differs(change: dict[str, object]) -> None:
    """Whoever wrote it: a failure, an address that is not known, a name without an address, no known answer."""
    assert not msgspec.structs.replace(SAME.shortened(), **change).same


def test_an_address_next_to_a_known_one_is_known() -> None:
    assert unknown_addresses((A, BESIDE_A, BESIDE_SIX, FAR), (A, SIX)) == (FAR,)
    assert nearest_known((BESIDE_A, FAR, SIX), (A, SIX)) == (A, SIX)
    assert unknown_addresses((), ()) == ()


def test_a_neighbourhood_is_small() -> None:
    assert neighbourhood_of(A) == neighbourhood_of(BESIDE_A) == "151.101.1.0/24"
    assert neighbourhood_of(SIX) == neighbourhood_of(BESIDE_SIX) != neighbourhood_of(FAR_SIX)
    assert neighbourhood_of("no address") == "no address"
