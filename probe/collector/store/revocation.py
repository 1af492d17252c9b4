"""SQL of a revocation: what the agent said is taken back in one transaction, and what stood on it is fused again.

Its batches, spans and evidence are kept, so that the revocation itself can be judged. Spans of a revoked agent count
nowhere; its votes on services and its control verdicts, which would give way only slowly, are deleted.
"""

from __future__ import annotations

from probe.collector.store import StoreSession, agents, batches, history
from probe.fuse.revision import REVOKED


def revoke_agent(session: StoreSession, agent_id: str, now: int) -> bool:
    """Revoke an agent and take back its reports, votes and control verdicts; whether there is one with this id.

    Args:
        session: the transaction.
        agent_id: as it enrolled.
        now: in milliseconds.
    """
    agent = agents.agent(session, agent_id)
    if agent is None:
        return False
    agents.revoke(session, agent_id)
    measured = _numbers(session, "SELECT DISTINCT target FROM span WHERE agent = ?", agent.no)
    voted = _numbers(session, "SELECT target FROM membership WHERE agent = ?", agent.no)
    places = _places(session, measured | voted)
    session.run("DELETE FROM membership WHERE agent = ?", agent.no)
    for target in voted:
        batches.recount_votes(session, target)
    places |= _places(session, measured | voted)
    if session.row("SELECT 1 FROM control WHERE agent = ? LIMIT 1", agent.no):
        batches.raise_control_revision(session)
        session.run("DELETE FROM control WHERE agent = ?", agent.no)
    for service, country in sorted(places):
        history.mark_dirty(session, service, country, now, REVOKED)
    return True


def mark_of_agent(session: StoreSession, agent_no: int, now: int) -> None:
    """Have the services that an agent measured fused again: its network or its weight has changed."""
    measured = _numbers(session, "SELECT DISTINCT target FROM span WHERE agent = ?", agent_no)
    for service, country in sorted(_places(session, measured)):
        history.mark_dirty(session, service, country, now)


def _numbers(session: StoreSession, query: str, agent: int) -> set[int]:
    return {int(row[0]) for row in session.rows(query, agent)}


def _places(session: StoreSession, targets: set[int]) -> set[tuple[str, str]]:
    """The services of these targets, each with the countries where it was measured."""
    return {
        (batches.service_of(session, target), country)
        for target in targets
        for country in history.countries_of(session, target)
    }
