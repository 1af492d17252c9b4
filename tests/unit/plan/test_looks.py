"""Which look a target gets in a round."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from probe.model.address import Family
from probe.model.glance import GlanceKind
from probe.model.target import parse
from probe.model.verdict import Status
from probe.plan.glance_memory import KnownAnswers, SeenAnswer
from probe.plan.looks import (
    Look,
    LookMemory,
    LookTerms,
    SettledSince,
    after_full_look,
    after_glance,
    look_for,
    with_references,
)

TARGET = parse("https://news.example.org/")
NOW = 1_790_000_000.0
TERMS = LookTerms(interval=300.0, full_every=3600.0, blocked_every=900.0)
STRETCHED = LookTerms(interval=300.0, full_every=3600.0, blocked_every=900.0, stretch_after=86400.0)
KNOWN = (KnownAnswers(GlanceKind.TLS, Family.IPV4, (SeenAnswer("TLSv1.3 1301 001d", 1),), ("151.101.1.10",)),)
WORKS = SettledSince(Status.REACHABLE, NOW - 10_000)
BLOCKED = SettledSince(Status.BLOCKED, NOW - 10_000)
HEALTHY = LookMemory(looked=int(NOW) - 300, worked=int(NOW) - 600, full_due=int(NOW) + 2000, known=KNOWN)
FAILING = LookMemory(looked=int(NOW) - 600, failed=int(NOW) - 600)


def changed(memory: LookMemory, **fields: int) -> LookMemory:
    """A memory, the given moments of which lie so many seconds in the past."""
    return msgspec.structs.replace(memory, **{name: int(NOW) - ago for name, ago in fields.items()})


def test_a_healthy_target_is_glanced_at() -> None:
    assert look_for(TARGET, WORKS, HEALTHY, NOW, TERMS) is Look.GLANCE


@pytest.mark.parametrize(
    ("settled", "memory", "terms"),
    [
        (None, HEALTHY, TERMS),
        (WORKS, None, TERMS),
        (WORKS, LookMemory(), TERMS),
        (WORKS, msgspec.structs.replace(HEALTHY, known=()), TERMS),
        (WORKS, changed(HEALTHY, failed=3599), TERMS),
        (WORKS, changed(HEALTHY, full_due=-345), TERMS),
        (WORKS, msgspec.structs.replace(HEALTHY, full_due=0), TERMS),
        (WORKS, HEALTHY, LookTerms(interval=300.0, full_every=0.0, blocked_every=900.0)),
        (WORKS, HEALTHY, LookTerms(interval=300.0, full_every=1000.0, blocked_every=900.0)),
    ],
    ids=[
        *("no settled status", "no memory", "never seen in full", "no reference", "failed within the hour", "due now"),
        *("in doubt", "full looks only", "settings were changed"),
    ],
)
def test_a_target_in_doubt_is_looked_at_in_full(
    settled: SettledSince | None, memory: LookMemory | None, terms: LookTerms
) -> None:
    assert look_for(TARGET, settled, memory, NOW, terms) is Look.FULL


@pytest.mark.parametrize(("ago", "look"), [(1799, Look.FULL), (1800, Look.NONE)])
def test_a_target_that_was_found_blocked_is_looked_at_in_every_round_for_half_an_hour(ago: int, look: Look) -> None:
    """A first sight that is wrong is corrected as soon as the target works; one that was seen to begin can wait."""
    recent = changed(FAILING, looked=300, failed=300)

    assert look_for(TARGET, SettledSince(Status.BLOCKED, NOW - ago, before_watch=True), recent, NOW, TERMS) is look
    assert look_for(TARGET, SettledSince(Status.BLOCKED, NOW - ago), recent, NOW, TERMS) is Look.NONE


def test_a_range_is_always_looked_at_in_full() -> None:
    assert look_for(parse("203.0.113.0/24"), WORKS, HEALTHY, NOW, TERMS) is Look.FULL


def test_after_a_failure_an_hour_of_full_looks_follows() -> None:
    assert look_for(TARGET, WORKS, changed(HEALTHY, failed=3600), NOW, TERMS) is Look.GLANCE


@pytest.mark.parametrize("status", [Status.BLOCKED, Status.THROTTLED, Status.DOWN, Status.UNREACHABLE])
def test_a_target_that_is_settled_otherwise_is_looked_at_seldom(status: Status) -> None:
    settled = SettledSince(status, NOW - 10_000)

    assert look_for(TARGET, settled, changed(FAILING, looked=600, failed=600), NOW, TERMS) is Look.NONE
    assert look_for(TARGET, settled, changed(FAILING, looked=760, failed=760), NOW, TERMS) is Look.FULL


def test_a_blocked_target_that_worked_lately_is_looked_at_every_round() -> None:
    """Its block may be over: then the detector needs looks."""
    assert look_for(TARGET, BLOCKED, changed(FAILING, worked=899), NOW, TERMS) is Look.FULL
    assert look_for(TARGET, BLOCKED, changed(FAILING, worked=900, looked=300), NOW, TERMS) is Look.NONE


def test_stretched_targets_are_glanced_at_in_every_third_round() -> None:
    long = SettledSince(Status.REACHABLE, NOW - 90_000)

    looks = [look_for(TARGET, long, changed(HEALTHY, looked=ago), NOW, STRETCHED) for ago in (300, 600, 900)]
    assert looks == [Look.NONE, Look.NONE, Look.GLANCE]
    assert look_for(TARGET, WORKS, changed(HEALTHY, looked=300), NOW, STRETCHED) is Look.GLANCE
    assert look_for(TARGET, long, changed(HEALTHY, looked=300, full_due=-345), NOW, STRETCHED) is Look.FULL


def test_a_clock_that_was_set_back_stops_no_look() -> None:
    """Moments in the future count as unknown."""
    ahead = changed(HEALTHY, looked=-86_400, worked=-86_400, full_due=-90_000)
    blocked = changed(FAILING, looked=-86_400, failed=-86_400)

    assert look_for(TARGET, WORKS, ahead, NOW, TERMS) is Look.FULL
    assert look_for(TARGET, BLOCKED, blocked, NOW, TERMS) is Look.FULL
    after = after_full_look(ahead, Status.REACHABLE, NOW, TERMS, 0.5)
    assert after is not None
    assert (after.looked, after.worked, after.failed) == (int(NOW), int(NOW), 0)
    assert after.full_due <= NOW + 3600


def test_a_look_without_a_conclusion_is_repeated() -> None:
    after = after_full_look(HEALTHY, Status.UNKNOWN, NOW, TERMS, 0.5)

    assert after is not None
    assert look_for(TARGET, WORKS, after, NOW + 300, TERMS) is Look.FULL
    assert after_full_look(None, Status.UNKNOWN, NOW, TERMS, 0.5) is None


def test_known_answers_survive_a_failure_and_are_replaced_after_a_success() -> None:
    failed = after_full_look(HEALTHY, Status.BLOCKED, NOW, TERMS, 0.5)

    assert failed is not None
    assert (failed.failed, failed.worked, failed.full_due, failed.known) == (int(NOW), HEALTHY.worked, 0, KNOWN)
    assert with_references(failed, ()).known == ()
    assert after_glance(HEALTHY, NOW).looked == int(NOW)


@settings(deadline=None)
@given(
    draw=st.floats(0, 1),
    jitters=st.lists(st.floats(-0.08, 0.08), min_size=30, max_size=60),
    full=st.floats(400, 90_000),
)
def test_no_target_goes_longer_than_full_every_without_a_full_look(
    draw: float, jitters: list[float], full: float
) -> None:
    """Round after round with jitter: the gap between two full looks is bounded."""
    terms = LookTerms(interval=300.0, full_every=full, blocked_every=900.0)
    memory = after_full_look(None, Status.REACHABLE, NOW, terms, draw)
    assert memory is not None
    memory = with_references(memory, KNOWN)
    now = last = NOW
    for jitter in jitters:
        now += 300.0 * (1 + jitter)
        look = look_for(TARGET, WORKS, memory, now, terms)
        if look is Look.FULL:
            assert now - last <= max(full, 324.0)
            last = now
            memory = after_full_look(memory, Status.REACHABLE, now, terms, draw)
            assert memory is not None
        else:
            memory = after_glance(memory, now)
    assert now - last < full


@settings(deadline=None)
@given(draws=st.lists(st.floats(0, 1), min_size=50, max_size=50))
def test_the_full_looks_of_a_list_spread(draws: list[float]) -> None:
    """Each has a random phase of its own after the first look."""
    first = [after_full_look(None, Status.REACHABLE, NOW, TERMS, draw) for draw in draws]

    assert [one.full_due for one in first if one is not None] == [int(NOW + 3600 * draw) for draw in draws]
