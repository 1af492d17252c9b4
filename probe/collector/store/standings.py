"""The standings of vantages as the database has them, for fusion and for pages."""

from __future__ import annotations

from probe.collector.store import StoreSession, from_ms
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
