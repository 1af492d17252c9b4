"""Which targets of a chunk are glanced at, and what is remembered."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from probe.model.address import Family
from probe.model.glance import GlanceKind
from probe.model.glance_evidence import GlanceEvidence
from probe.model.observation import Connection
from probe.model.verdict import Evidence, Status, Vantage, VantageState, Verdict
from probe.plan.glance_memory import KnownAnswers, SeenAnswer
from probe.plan.looks import LookMemory, LookTerms
from probe.sweep import swept_looks
from probe.sweep.swept_looks import SweptLooks, TargetLooks

NOW = 1_700_000_000
TERMS = LookTerms(interval=600, full_every=3600, blocked_every=0)
KNOWN = (KnownAnswers(GlanceKind.TCP, Family.IPV4, (SeenAnswer("", NOW - 60),)),)
CHUNK = [(number, f"tcp://192.0.2.{number}:443") for number in range(1, 6)]


def memory(*, worked: int = NOW - 600, failed: int = 0, due: int = NOW + 1800, vantage: str = "here") -> TargetLooks:
    return TargetLooks(vantage, LookMemory(0, worked, failed, due, KNOWN))


def chosen(memories: dict[int, TargetLooks], **more: object) -> SweptLooks:
    options = {"vantage": "here", "now": NOW, "draw": lambda: 0.5, **more}
    return SweptLooks(CHUNK, memories, TERMS, **options)  # type: ignore[arg-type]


def verdict(status: Status, *, text: str = CHUNK[0][1], glance: bool = False) -> Verdict:
    evidence = Evidence(observations=(Connection(address="192.0.2.1", port=443),))
    if glance:
        evidence = Evidence(glance=(GlanceEvidence(kind=GlanceKind.TCP),))
    return Verdict(
        time=datetime.fromtimestamp(NOW, UTC),
        target=text,
        status=status,
        causes=(),
        rule="made",
        evidence=evidence,
        vantage=Vantage(state=VantageState.ONLINE),
    )


@pytest.mark.parametrize(
    ("known", "glanced"),
    [
        (memory(), True),
        (memory(vantage="elsewhere"), False),
        (memory(due=NOW + 100), False),
        (memory(due=NOW - 1), False),
        (memory(failed=NOW - 1000), False),
        (memory(failed=NOW - 5000), True),
        (memory(failed=NOW - 10), False),
        (memory(worked=0), False),
        (TargetLooks("here", LookMemory(0, NOW - 60, 0, NOW + 1800, ())), False),
    ],
)
def test_only_what_a_recent_full_look_found_reachable_here_is_glanced_at(known: TargetLooks, glanced: bool) -> None:
    assert [texts for texts, _ in chosen({1: known}).bulks()] == ([[CHUNK[0][1]]] if glanced else [])


def test_what_a_glance_is_compared_with_is_that_targets_memory() -> None:
    ((texts, looks),) = chosen({2: memory(), 4: memory()}).bulks()

    assert texts == [CHUNK[1][1], CHUNK[3][1]]
    assert looks.glance == dict.fromkeys(texts, KNOWN)


def test_glances_come_in_bulks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(swept_looks, "MAX_GLANCES", 2)

    assert [len(texts) for texts, _ in chosen({number: memory() for number, _ in CHUNK}).bulks()] == [2, 2, 1]


def test_a_full_look_that_works_is_remembered_with_its_reference_glances() -> None:
    looks = chosen({})
    some = looks.full()
    assert list(looks.note(verdict(Status.REACHABLE))) == []
    assert list(looks.settle(some)) == []
    some.references[CHUNK[0][1]] = KNOWN
    some.references["stranger.example"] = KNOWN

    (change,) = looks.settle(some)

    assert (change.number, change.looks.vantage, change.looks.memory.known) == (1, "here", KNOWN)
    assert (change.looks.memory.worked, change.looks.memory.full_due) == (NOW, NOW + 1800)
    assert list(looks.settle(some)) == []


@pytest.mark.parametrize("status", [Status.BLOCKED, Status.DOWN, Status.UNREACHABLE, Status.THROTTLED])
def test_a_full_look_that_fails_is_remembered_at_once(status: Status) -> None:
    (change,) = chosen({1: memory()}).note(verdict(status))

    assert (change.looks.memory.failed, change.looks.memory.full_due) == (NOW, 0)
    assert [texts for texts, _ in chosen({1: change.looks}).bulks()] == []


def test_a_full_look_without_a_conclusion_calls_for_another() -> None:
    (change,) = chosen({1: memory()}).note(verdict(Status.UNKNOWN))

    assert [texts for texts, _ in chosen({1: change.looks}).bulks()] == []
    assert list(chosen({}).note(verdict(Status.UNKNOWN))) == []


def test_a_glance_and_a_target_that_was_skipped_change_nothing() -> None:
    looks = chosen({1: memory()})

    assert list(looks.note(verdict(Status.REACHABLE, glance=True))) == []
    assert list(looks.settle(looks.full())) == []


def test_earlier_answers_are_known_to_the_reference_glances() -> None:
    known = chosen({1: memory(), 2: memory(vantage="elsewhere")}).full().known

    assert [known.get(text) for _, text in CHUNK[:3]] == [KNOWN, None, None]
    assert known.get("stranger.example") is None
    assert (len(known), list(known)) == (5, [text for _, text in CHUNK])
