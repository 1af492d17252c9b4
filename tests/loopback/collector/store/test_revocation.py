"""A revocation takes back what the agent said."""

from __future__ import annotations

from probe.collector.store import StoreSession, agents, batches, events, history
from probe.collector.store.agents import AgentRow
from probe.collector.store.history import NewSpan
from probe.collector.store.revocation import mark_of_agent, revoke_agent
from probe.fuse.revision import REVOKED


def enrolled(session: StoreSession, number: int, role: str = "vantage") -> AgentRow:
    """An agent that reports a block of one target, votes on its service, and has a control's verdict of it."""
    key = bytes([number]) * 32
    agents.add_agent(session, AgentRow(0, f"a{number}", key, role, "club", 64500, "RU", "active", "", 0, 7))
    agent = agents.agent(session, f"a{number}")
    assert agent is not None
    target, network = batches.target_number(session, "t"), batches.network_number(session, 64500, "RU")
    span = NewSpan(
        target=target, agent=agent.no, start=5, known=6, network=network, status="blocked", causes="", evidence=None
    )
    history.add_spans(session, [span])
    history.add_first_looks(session, network, {target: 5})
    batches.vote(session, target, agent.no, f"Service {number}")
    batches.set_control(session, target, agent.no, number, b"verdict %d" % number)
    return agent


def test_votes_and_control_verdicts_give_way_to_those_of_others_at_once(session: StoreSession) -> None:
    """The services before and after are fused again, with the reason; spans are kept and count nowhere."""
    enrolled(session, 1, "control")
    enrolled(session, 2, "control")
    assert batches.service_of(session, batches.target_number(session, "t")) == "Service 1"

    assert revoke_agent(session, "a1", 50)

    assert batches.service_of(session, batches.target_number(session, "t")) == "Service 2"
    assert batches.control_bodies(session, 0) == [b"verdict 2"]
    marks = {(mark.service, mark.cc, mark.reason) for mark in events.dirty_marks(session, 9)}
    assert marks == {("Service 1", "RU", REVOKED), ("Service 2", "RU", REVOKED)}
    assert len(history.spans(session, "t", 0, 9)) == 2
    assert len(history.spans_of(session, "Service 2", "RU")) == 1
    assert not revoke_agent(session, "nobody", 51)


def test_what_an_agent_measured_is_marked_without_a_reason_where_its_standing_changes(session: StoreSession) -> None:
    """Its network or its weight."""
    agent = enrolled(session, 1)

    mark_of_agent(session, agent.no, 50)

    assert [(mark.service, mark.reason) for mark in events.dirty_marks(session, 9)] == [("Service 1", "")]
