"""The standings of vantages as the database has them, for fusion and for pages."""

from __future__ import annotations

from probe.collector.store import StoreSession, from_ms
from probe.collector.store.key_sets import rows_in
from probe.fuse.standing import MIN_WEIGHT, VantageStanding
from probe.model.event import Network

HAS_VOTE = (
    "agent.state = 'active' AND agent.votes_from <= ? AND agent.weight >= ? AND span.no_vote = ''"
    " AND agent.asn = network.asn AND agent.cc = network.cc"
)
"""The condition under which a span of an agent in a network counts. Its values: `vote_values`."""


def vote_values(now: int) -> tuple[int, int]:
    """The values of `HAS_VOTE` at a moment in milliseconds."""
    return now, round(MIN_WEIGHT * 1000)


def standings(session: StoreSession) -> dict[str, VantageStanding]:
    """Agent -> its standing, of all agents that are not revoked."""
    found = session.rows("SELECT id, sponsor, asn, cc, votes_from, weight FROM agent WHERE state = 'active'")
    return {
        agent: VantageStanding(
            sponsor=sponsor,
            network=Network(asn=asn, country=cc),
            votes_from=from_ms(votes_from) if votes_from else None,
            weight=weight / 1000,
        )
        for agent, sponsor, asn, cc, votes_from, weight in found
    }


def interference_of_new_voters(session: StoreSession, since: int, until: int) -> list[tuple[str, str]]:
    """Services and countries in which vantages see interference whose time in shadow ended between two moments."""
    found = session.rows(
        "SELECT DISTINCT CASE WHEN target.service = '' THEN target.text ELSE target.service END, network.cc"
        " FROM agent JOIN span ON span.agent = agent.no JOIN target ON target.no = span.target"
        " JOIN network ON network.no = span.network WHERE agent.votes_from > ? AND agent.votes_from <= ?"
        " AND span.stop IS NULL AND span.status IN ('blocked', 'throttled')",
        *(since, until),
    )
    return [(service, country) for service, country in found]


def statuses_of(session: StoreSession, targets: list[str]) -> list[tuple[int, int, str, str]]:
    """Number and weight of each vantage, target and status, for the present statuses of these targets."""
    return [
        (agent, weight, target, status)
        for agent, weight, target, status in rows_in(
            session,
            "SELECT agent.no, agent.weight, target.text, span.status FROM span"
            " JOIN agent ON agent.no = span.agent JOIN target ON target.no = span.target"
            " WHERE span.stop IS NULL AND agent.state = 'active' AND target.text IN",
            targets,
        )
    ]
