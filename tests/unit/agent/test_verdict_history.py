"""The history of verdicts: what is kept of a round, and the bounds."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from probe.agent import verdict_history
from probe.agent.outbox import AgentState, Outbox
from probe.agent.verdict_history import HistoryChange, HistoryKind, RoundHistory
from probe.model.verdict import Cause, Evidence, Status, Vantage, VantageState, Verdict
from tests.unit.agent.batches import NOON

SITE = "https://a.example/"
FAILS = (Status.BLOCKED, (Cause.TLS_RESET,))
WORKS = (Status.REACHABLE, ())
YEAR = timedelta(days=365)


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    with Outbox(tmp_path / "state.sqlite") as opened:
        yield opened


def verdict(found: tuple[Status, tuple[Cause, ...]], time: datetime, target: str = SITE, error: str = "") -> Verdict:
    """A verdict with this outcome; `error` makes its evidence large."""
    return Verdict(
        time=time,
        target=target,
        status=found[0],
        causes=found[1],
        evidence=Evidence(error=error),
        vantage=Vantage(state=VantageState.ONLINE),
    )


def settled(time: datetime, status: str = "blocked", target: str = SITE) -> HistoryChange:
    """A change of a settled status ten minutes after its onset."""
    onset = time - timedelta(minutes=10)
    return HistoryChange(
        target=target, kind=HistoryKind.SETTLED, time=time, status=status, causes=("tls.reset",), onset=onset
    )


def add(
    outbox: Outbox,
    *verdicts: Verdict,
    changes: tuple[HistoryChange, ...] = (),
    now: datetime = NOON,
    watched: tuple[str, ...] = (SITE,),
    max_age: timedelta = YEAR,
) -> None:
    """Commit a round in which every look was a full one."""
    found = RoundHistory(verdicts=verdicts, full=verdicts, settled=changes, watched=watched, max_age=max_age)
    outbox.commit(AgentState(), (), reports={}, now=now, history=found)


def statuses(outbox: Outbox, target: str = SITE, kind: HistoryKind = HistoryKind.MEASURED) -> list[str]:
    """The statuses of the changes, the oldest first."""
    return [one.status for one in reversed(outbox.history.changes(target)) if one.kind is kind]


def test_only_a_round_with_another_outcome_adds_a_change(outbox: Outbox) -> None:
    for minute, found in enumerate([WORKS, WORKS, FAILS, FAILS, WORKS]):
        add(outbox, verdict(found, NOON + timedelta(minutes=minute)))

    changes = outbox.history.changes(SITE)
    assert [(one.time.minute, one.status, one.causes) for one in changes] == [
        (4, "reachable", ()),
        (2, "blocked", ("tls.reset",)),
        (0, "reachable", ()),
    ]


def test_an_unknown_verdict_is_no_change(outbox: Outbox) -> None:
    add(outbox, verdict(WORKS, NOON), verdict((Status.UNKNOWN, ()), NOON + timedelta(minutes=5)))

    assert statuses(outbox) == ["reachable"]


def test_a_settled_status_is_kept_with_its_onset_beside_what_was_measured(outbox: Outbox) -> None:
    add(outbox, verdict(FAILS, NOON), changes=(settled(NOON),))

    (kept,) = [one for one in outbox.history.changes(SITE) if one.kind is HistoryKind.SETTLED]
    assert (kept.status, kept.causes, kept.onset) == ("blocked", ("tls.reset",), NOON - timedelta(minutes=10))
    assert len(outbox.history.changes()) == 2


def test_the_evidence_of_the_last_full_look_is_kept_as_it_was_printed(outbox: Outbox) -> None:
    last = verdict(FAILS, NOON + timedelta(minutes=5), error="x" * 1000)
    add(outbox, verdict(WORKS, NOON), last)

    body = outbox.history.last_evidence(SITE)
    assert body is not None
    assert msgspec.json.decode(body, type=Verdict) == last
    assert outbox.history.last_evidence("https://b.example/") is None


def test_old_changes_are_deleted_but_not_the_newest_of_a_watched_target(outbox: Outbox) -> None:
    """What has been so for a year is still so; a target that left the watchlist is forgotten."""
    other = "https://left.example/"
    add(outbox, verdict(FAILS, NOON), verdict(FAILS, NOON, other), watched=(SITE, other))
    add(outbox, verdict(WORKS, NOON + timedelta(hours=1)))

    add(outbox, now=NOON + YEAR + timedelta(days=1))

    assert statuses(outbox) == ["reachable"]
    assert statuses(outbox, other) == []
    assert outbox.history.last_evidence(SITE) is not None
    assert outbox.history.last_evidence(other) is None


def test_a_target_that_changes_all_the_time_keeps_its_newest_changes(
    outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verdict_history, "MAX_TARGET_ROWS", 3)
    for minute in range(8):
        add(outbox, verdict((WORKS, FAILS)[minute % 2], NOON + timedelta(minutes=minute)))

    assert [one.time.minute for one in outbox.history.changes(SITE)] == [7, 6, 5]


def test_all_targets_together_keep_a_bounded_number_of_changes(outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verdict_history, "MAX_ROWS", 5)
    targets = tuple(f"https://{number}.example/" for number in range(9))
    for number, target in enumerate(targets):
        add(outbox, verdict(FAILS, NOON + timedelta(minutes=number), target), watched=targets)

    assert [one.target for one in outbox.history.changes()] == list(targets[:3:-1])


def test_evidence_beyond_its_bound_is_deleted_the_oldest_first(outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    targets = tuple(f"https://{number}.example/" for number in range(6))
    add(outbox, verdict(FAILS, NOON, targets[0]), watched=targets)
    size = outbox._db.execute("SELECT size FROM last_evidence").fetchone()[0]
    monkeypatch.setattr(verdict_history, "MAX_EVIDENCE_BYTES", 3 * size + size // 2)

    for number, target in enumerate(targets):
        add(outbox, verdict(FAILS, NOON + timedelta(minutes=number), target), watched=targets)

    kept = [target for target in targets if outbox.history.last_evidence(target) is not None]
    assert kept == list(targets[3:])


def test_a_verdict_too_large_to_keep_leaves_the_one_before(outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    first = verdict(FAILS, NOON)
    add(outbox, first)
    monkeypatch.setattr(verdict_history, "MAX_VERDICT_BYTES", 10)

    add(outbox, verdict(WORKS, NOON + timedelta(minutes=1)))

    body = outbox.history.last_evidence(SITE)
    assert body is not None
    assert msgspec.json.decode(body, type=Verdict) == first


def test_a_clock_that_was_set_back_adds_no_change_a_round(outbox: Outbox) -> None:
    """A change dated ahead is not compared with."""
    add(outbox, verdict(FAILS, NOON + timedelta(days=2)))
    for minute in range(4):
        add(outbox, verdict(WORKS, NOON + timedelta(minutes=minute)))

    assert statuses(outbox) == ["reachable", "blocked"]


def test_no_age_keeps_nothing_and_deletes_what_was_kept(outbox: Outbox) -> None:
    add(outbox, verdict(FAILS, NOON), changes=(settled(NOON),))

    add(outbox, verdict(WORKS, NOON), max_age=timedelta(0))

    assert outbox.history.changes() == []
    assert outbox.history.last_evidence(SITE) is None
