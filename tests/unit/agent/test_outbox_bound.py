"""What a full outbox drops, and in which order."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from probe.agent.outbox import AgentState, Outbox
from probe.formats.batch import Batch, decode
from tests.unit.agent.batches import NOON, draft

BOUND = 20_000
EVIDENCE = 4000
"""Bytes of evidence in one batch, about as many when compressed as random hexadecimal digits are: 2000."""


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    with Outbox(tmp_path / "state.sqlite") as opened:
        opened.assign_agent("a1")
        yield opened


def commit(outbox: Outbox, *drafts: Batch, max_bytes: int = BOUND) -> None:
    outbox.commit(AgentState(), drafts, reports={}, now=NOON, max_bytes=max_bytes)


def unsent(outbox: Outbox) -> list[Batch]:
    """The unsent batches in order; each is acknowledged as it is read."""
    found = []
    while (batch := outbox.next_unsent()) is not None:
        found.append(decode(batch.body))
        outbox.acknowledge(batch.seq, NOON)
    return found


def test_nothing_is_dropped_within_the_bound_or_without_one(outbox: Outbox) -> None:
    commit(outbox, draft("a", changed="b", evidence_bytes=EVIDENCE))
    for _ in range(20):
        commit(outbox, draft(changed="b", evidence_bytes=EVIDENCE), max_bytes=0)

    assert all(change.verdict is not None for batch in unsent(outbox) for change in batch.changes)
    assert outbox.notes().get("dropped") is None


def test_acknowledged_batches_are_deleted_before_anything_unsent_is_dropped(outbox: Outbox) -> None:
    for _ in range(6):
        commit(outbox, draft(changed="b", evidence_bytes=EVIDENCE))
    outbox.acknowledge(6, NOON)
    for _ in range(6):
        commit(outbox, draft(changed="c", evidence_bytes=EVIDENCE))

    assert outbox.total_bytes() <= BOUND
    assert not outbox.rewind(1, NOON)
    batches = unsent(outbox)
    assert [batch.seq for batch in batches] == list(range(7, 13))
    assert all(change.verdict is not None for batch in batches for change in batch.changes)


@pytest.mark.parametrize("control", [False, True])
def test_evidence_is_dropped_from_the_oldest_batches_and_their_numbers_stay(outbox: Outbox, control: bool) -> None:
    """Statuses, rounds, transitions and the newest evidence stay."""
    for number in range(20):
        change = "" if control else "b"
        commit(outbox, draft(f"s{number}", changed=change, evidence_bytes=EVIDENCE, control=control))

    assert outbox.total_bytes() <= BOUND
    batches = unsent(outbox)
    assert [batch.seq for batch in batches] == list(range(1, 21))
    assert [batch.settled[0].target for batch in batches] == [f"s{number}" for number in range(20)]
    assert all(len(batch.rounds) == 1 for batch in batches)
    with_evidence = [
        bool(batch.control) or any(change.verdict is not None for change in batch.changes) for batch in batches
    ]
    kept = with_evidence.index(True)
    assert 5 < kept < 16
    assert with_evidence == [False] * kept + [True] * (20 - kept)


def test_a_transition_is_never_dropped(outbox: Outbox) -> None:
    """Thousands of quiet rounds are dropped before one transition, even where transitions alone exceed the bound."""
    for number in range(400):
        commit(outbox, draft(changed=f"t{number}" if number % 4 == 0 else "", evidence_bytes=500), max_bytes=5000)

    changes = [change.transition.target for batch in unsent(outbox) for change in batch.changes]
    assert changes == [f"t{number}" for number in range(0, 400, 4)]


def test_quiet_rounds_are_deleted_oldest_first_and_a_new_epoch_has_no_gaps(outbox: Outbox) -> None:
    """The collector refuses a batch whose predecessor is missing."""
    commit(outbox, draft("first"))
    old = outbox.next_unsent()
    assert old is not None
    for number in range(200):
        commit(outbox, draft(f"s{number}"))

    assert outbox.total_bytes() <= BOUND
    batches = unsent(outbox)
    assert 20 < len(batches) < 150
    assert [batch.seq for batch in batches] == list(range(1, len(batches) + 1))
    assert {batch.epoch for batch in batches}.isdisjoint({decode(old.body).epoch})
    assert batches[-1].settled[0].target == "s199"
    targets = [batch.settled[0].target for batch in batches]
    assert targets == [f"s{number}" for number in range(200 - len(batches), 200)]


def test_renumbering_is_rare(outbox: Outbox) -> None:
    """A quarter of the bound is freed at once, so that not every round rewrites every batch."""
    epochs = set()
    for number in range(400):
        commit(outbox, draft(f"s{number}"))
        batch = outbox.next_unsent()
        assert batch is not None
        epochs.add(decode(batch.body).epoch)

    assert 2 <= len(epochs) <= 40


def test_dropped_data_is_logged_once_and_noted_until_all_is_delivered(
    outbox: Outbox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    for _ in range(30):
        commit(outbox, draft(changed="b", evidence_bytes=EVIDENCE))

    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith(f"outbox full (agent.outbox_bytes = {BOUND}): dropped the evidence of 1 unsent batches")
    note = outbox.notes()["dropped"]
    assert isinstance(note, dict)
    assert 10 < note["evidence"] < 30
    assert (note["batches"], note["since"]) == (0, "2017-05-04T12:00:00Z")
