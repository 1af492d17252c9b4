"""SQL of intake."""

from __future__ import annotations

from probe.collector.store import StoreSession, agents, batches
from probe.collector.store.agents import AgentRow


def test_each_outbox_of_an_agent_has_its_own_position(session: StoreSession) -> None:
    """A new epoch begins at 0; the older of two epochs is recognised."""
    batches.advance(session, 1, "e1", 1, 10)
    batches.advance(session, 1, "e1", 2, 11)

    assert [batches.acked(session, 1, epoch) for epoch in ("e1", "e2")] == [2, 0]
    assert not batches.newer_epoch(session, 1, "e1")
    batches.advance(session, 1, "e2", 1, 20)
    assert [batches.newer_epoch(session, 1, epoch) for epoch in ("e1", "e2")] == [True, False]


def test_old_batches_without_changes_are_deleted(session: StoreSession) -> None:
    """Batches with changes stay, and so does the outbox position."""
    batches.advance(session, 1, "e", 3, 10)
    for seq, raw in ((1, (None, None)), (2, (b"body", b"sig")), (3, (None, None))):
        batches.add_batch(session, (1, "e", seq), b"d%d" % seq, (seq * 10, 0, 0), raw)

    assert batches.forget_batches(session, 25, 100) == 1
    assert [batches.batch_digest(session, 1, "e", seq) for seq in (1, 2, 3)] == [None, b"d2", b"d3"]
    assert batches.acked(session, 1, "e") == 3


def test_targets_and_networks_keep_their_numbers(session: StoreSession) -> None:
    """The same text has the same number."""
    numbers = [batches.target_number(session, text) for text in ("a", "b", "a")]
    networks = [batches.network_number(session, *place) for place in ((1, "RU"), (1, "BY"), (1, "RU"))]

    assert (numbers, networks) == ([1, 2, 1], [1, 2, 1])


def test_a_target_belongs_to_the_service_with_most_votes(session: StoreSession) -> None:
    """Among equals the first by name wins; the order of votes does not matter."""
    target = batches.target_number(session, "a")

    assert batches.service_of(session, target) == "a"
    assert batches.vote(session, target, 1, "Zeta") == ("a", "Zeta")
    assert batches.vote(session, target, 2, "Alpha") == ("Zeta", "Alpha")
    assert batches.vote(session, target, 3, "Zeta") == ("Alpha", "Zeta")
    assert batches.vote(session, target, 1, "Alpha") == ("Zeta", "Alpha")


def control(session: StoreSession, number: int, seen: int = 0) -> int:
    """An enrolled control; its number."""
    key = bytes([number]) * 32
    agents.add_agent(session, AgentRow(0, f"c{number}", key, "control", "", 0, "", "active", "", 0, seen))
    row = agents.agent(session, f"c{number}")
    assert row is not None
    return row.no


def test_only_a_newer_verdict_of_a_control_replaces_a_stored_one(session: StoreSession) -> None:
    """The revision number grows only then."""
    first = control(session, 1)
    one, two = batches.target_number(session, "a"), batches.target_number(session, "b")
    batches.set_control(session, one, first, 100, b"new")
    batches.set_control(session, one, first, 50, b"old")
    before = batches.control_revision(session)
    batches.set_control(session, one, first, 40, b"older")
    assert batches.control_revision(session) == before == 1
    batches.set_control(session, two, first, 60, b"other")

    assert batches.control_revision(session) > before
    assert batches.control_bodies(session, 0) == [b"new", b"other"]
    assert batches.control_bodies(session, 61) == [b"new"]
    assert batches.control_body(session, "b") == b"other"


def test_the_verdicts_of_all_controls_at_work_are_served_beside_each_other(session: StoreSession) -> None:
    """One that has been silent for hours, while another was not, no longer counts."""
    target, hour = batches.target_number(session, "a"), 3_600_000
    first, second = control(session, 1, seen=9 * hour), control(session, 2, seen=8 * hour)
    silent = control(session, 3, seen=5 * hour)
    for number, agent in enumerate((second, first, silent)):
        batches.set_control(session, target, agent, number, b"%d" % agent)

    assert batches.control_bodies(session, 0) == [b"%d" % second, b"%d" % first]
    assert batches.controls_at_work(session) == 2


def test_evidence_under_a_known_digest_is_not_replaced(session: StoreSession) -> None:
    """The first body stays."""
    batches.add_evidence(session, [(b"d", b"one")], 1)
    batches.add_evidence(session, [(b"d", b"two")], 2)

    assert (batches.evidence(session, b"d"), batches.evidence(session, b"e")) == (b"one", None)
