"""SQL of erasure: everything that an agent sent, and everything that names it, is deleted in one transaction.

Events are made of the reports of all agents and name none of them. Those that other agents support stay; the fuser
withdraws those that only the erased agent supported, with the reason `ERASED`.
"""

from __future__ import annotations

import msgspec

from probe.collector.store import Row, StoreSession, audit, batches, history
from probe.collector.store.agents import AgentRow
from probe.fuse.revision import ERASED


class Erased(msgspec.Struct, frozen=True, kw_only=True):
    """How much was deleted."""

    spans: int
    batches: int
    evidence: int


def erase_agent(session: StoreSession, agent: AgentRow, now: int) -> Erased:
    """Delete an agent with its reports, evidence, votes, control verdicts, presence and the token it enrolled with.

    Targets and networks that nobody else reports are deleted, too: an unusual one may tell who the agent was.

    Args:
        session: the transaction.
        agent: the agent.
        now: in milliseconds.
    """
    targets = _numbers(session, "SELECT target FROM span WHERE agent = ?", agent.no)
    votes = _numbers(session, "SELECT target FROM membership WHERE agent = ?", agent.no)
    verdicts = _numbers(session, "SELECT target FROM control WHERE agent = ?", agent.no)
    networks = _numbers(session, "SELECT network FROM span WHERE agent = ?", agent.no)
    networks |= _numbers(session, "SELECT network FROM presence WHERE agent = ?", agent.no)
    verdicts |= _numbers(session, "SELECT target FROM failing WHERE agent = ?", agent.no)
    places = _places(session, targets | votes)
    session.run("DELETE FROM membership WHERE agent = ?", agent.no)
    for target in votes:
        batches.recount_votes(session, target)
    places |= _places(session, targets | votes)
    batches.raise_control_revision(session)
    spans = session.run("DELETE FROM span WHERE agent = ?", agent.no)
    sent = session.run("DELETE FROM batch WHERE agent = ?", agent.no)
    for table in ("presence", "outbox_position", "control", "failing"):
        session.run(f"DELETE FROM {table} WHERE agent = ?", agent.no)  # noqa: S608 - the names above
    evidence = session.run(
        "DELETE FROM evidence WHERE sha256 NOT IN (SELECT evidence FROM span WHERE evidence IS NOT NULL)"
    )
    for target in targets:
        history.renew_first_looks(session, target)
    session.run("DELETE FROM token WHERE agent = ?", agent.id)
    session.run("DELETE FROM agent WHERE no = ?", agent.no)
    audit.forget(session, agent.id, now)
    _delete_unused(session, targets | votes | verdicts, networks)
    for service, country in places:
        _mark(session, service, country, now)
    return Erased(spans=spans, batches=sent, evidence=evidence)


def _numbers(session: StoreSession, query: str, agent: int) -> set[int]:
    return {int(row[0]) for row in session.rows(query, agent)}


def _places(session: StoreSession, targets: set[int]) -> set[tuple[str, str]]:
    """The services of these targets, each with the countries where it was measured."""
    return {
        (batches.service_of(session, target), country)
        for target in targets
        for country in history.countries_of(session, target)
    }


def _mark(session: StoreSession, service: str, country: str, now: int) -> None:
    """Have a service fused again where it has events, or somebody still measures it; else drop its mark, too."""
    known = session.row("SELECT 1 FROM event WHERE service = ? AND cc = ? LIMIT 1", service, country)
    known = known or session.row("SELECT 1 FROM target WHERE service = ? OR text = ? LIMIT 1", service, service)
    if known:
        history.mark_dirty(session, service, country, now, ERASED)
    else:
        for table in ("dirty", "settled", "recheck"):
            session.run(f"DELETE FROM {table} WHERE service = ? AND cc = ?", service, country)  # noqa: S608 - the names above


def _delete_unused(session: StoreSession, targets: set[int], networks: set[int]) -> None:
    """Delete those of these targets and networks that no row of another agent refers to."""
    target_uses = ("span WHERE target", "membership WHERE target", "control WHERE target", "failing WHERE target")
    for number in targets:
        if not any(_used(session, use, number) for use in target_uses):
            session.run("DELETE FROM target WHERE no = ?", number)
    for number in networks:
        if not any(_used(session, use, number) for use in ("span WHERE network", "presence WHERE network")):
            session.run("DELETE FROM network WHERE no = ?", number)


def _used(session: StoreSession, use: str, number: int) -> Row | None:
    return session.row(f"SELECT 1 FROM {use} = ? LIMIT 1", number)  # noqa: S608 - the texts above
