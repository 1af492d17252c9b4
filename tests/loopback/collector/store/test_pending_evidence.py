"""SQL of evidence that waits to be judged."""

from __future__ import annotations

from probe.collector.store import StoreSession, agents, batches, history, pending_evidence
from probe.collector.store.agents import AgentRow
from probe.collector.store.history import NewSpan


def add(session: StoreSession, number: int, sponsor: str, no_vote: str) -> None:
    """An agent with a blocked span of the one target."""
    key = bytes([number]) * 32
    agents.add_agent(session, AgentRow(0, f"a{number}", key, "vantage", sponsor, 64500, "RU", "active", "", 0, 7))
    agent = agents.agent(session, f"a{number}")
    assert agent is not None
    target, network = batches.target_number(session, "t"), batches.network_number(session, 64500, "RU")
    span = NewSpan(
        target=target,
        agent=agent.no,
        start=number,
        known=number,
        network=network,
        status="blocked",
        causes="",
        evidence=b"%d" % number,
        no_vote=no_vote,
    )
    history.add_spans(session, [span])


def test_spans_that_wait_are_found_by_target_network_and_status(session: StoreSession) -> None:
    """With their evidence, and how many sponsors count already."""
    add(session, 1, "x", "")
    add(session, 2, "x", "")
    add(session, 3, "y", "not_judged")
    add(session, 4, "z", "not_judged")
    batches.add_evidence(session, [(b"3", b"body")], 1)

    (group,) = pending_evidence.pending_groups(session, 9)

    assert (group.text, group.service, group.country, group.status) == ("t", "t", "RU", "blocked")
    assert pending_evidence.judged_sponsors(session, group) == 1
    waiting = pending_evidence.pending_spans(session, group, 9)
    assert [(each.sponsor, each.body) for each in waiting] == [("y", b"body"), ("z", None)]
    pending_evidence.set_votes(session, group.target, [("", waiting[0].agent, waiting[0].start)])
    assert pending_evidence.judged_sponsors(session, group) == 2
    pending_evidence.give_votes(session, group)
    assert pending_evidence.pending_groups(session, 9) == []
    assert len(history.spans_of(session, "t", "RU")) == 4
