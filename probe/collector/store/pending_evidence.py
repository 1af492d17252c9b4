"""SQL of judging evidence after its batch was stored: what waits, and what came of it."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from probe.collector.store import StoreSession


class PendingGroup(msgspec.Struct, frozen=True):
    """Spans of one target, network and status whose evidence waits to be judged; `service` is the target's."""

    target: int
    network: int
    status: str
    text: str
    service: str
    country: str


class PendingSpan(msgspec.Struct, frozen=True):
    """One of them: its agent and start, and the agent's sponsor; `body` is its evidence, None where none is stored."""

    agent: int
    start: int
    sponsor: str
    body: bytes | None


def pending_groups(session: StoreSession, limit: int) -> list[PendingGroup]:
    """The groups of spans that wait to be judged, up to a number of groups."""
    found = session.rows(
        "SELECT span.target, span.network, span.status, target.text,"
        " CASE WHEN target.service = '' THEN target.text ELSE target.service END, network.cc"
        " FROM span JOIN target ON target.no = span.target JOIN network ON network.no = span.network"
        " WHERE span.no_vote = 'not_judged'"
        " GROUP BY span.target, span.network, span.status, target.text, target.service, network.cc LIMIT ?",
        limit,
    )
    return [PendingGroup(*row) for row in found]


def judged_sponsors(session: StoreSession, group: PendingGroup) -> int:
    """The number of sponsors that have a span like these which counts."""
    row = session.row(
        "SELECT count(DISTINCT agent.sponsor) FROM span JOIN agent ON agent.no = span.agent WHERE span.target = ?"
        " AND span.network = ? AND span.status = ? AND span.no_vote = '' AND agent.state = 'active'",
        *(group.target, group.network, group.status),
    )
    return int(row[0]) if row else 0


def pending_spans(session: StoreSession, group: PendingGroup, limit: int) -> list[PendingSpan]:
    """Spans of a group, the first ones first."""
    found = session.rows(
        "SELECT span.agent, span.start, agent.sponsor, evidence.body FROM span JOIN agent ON agent.no = span.agent"
        " LEFT JOIN evidence ON evidence.sha256 = span.evidence WHERE span.target = ? AND span.network = ?"
        " AND span.status = ? AND span.no_vote = 'not_judged' ORDER BY span.start, span.agent LIMIT ?",
        *(group.target, group.network, group.status, limit),
    )
    return [
        PendingSpan(agent, start, sponsor, None if body is None else bytes(body))
        for agent, start, sponsor, body in found
    ]


def give_votes(session: StoreSession, group: PendingGroup) -> None:
    """Let every span of a group count."""
    session.run(
        "UPDATE span SET no_vote = '' WHERE target = ? AND network = ? AND status = ? AND no_vote = 'not_judged'",
        *(group.target, group.network, group.status),
    )


def set_votes(session: StoreSession, target: int, judged: Iterable[tuple[str, int, int]]) -> None:
    """Store why spans of a target change no event, each given as (reason or empty, agent, start)."""
    session.many(
        "UPDATE span SET no_vote = ? WHERE agent = ? AND start = ? AND target = ? AND no_vote = 'not_judged'",
        [(*row, target) for row in judged],
    )
