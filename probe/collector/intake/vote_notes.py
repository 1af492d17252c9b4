"""What an agent is told about its vote: what of its batch changes no event, and why."""

from __future__ import annotations

from datetime import datetime

from probe.collector.intake.apply_batch import BatchOutcome
from probe.collector.store import from_ms
from probe.collector.store.agents import AgentRow
from probe.fuse.standing import MIN_WEIGHT
from probe.model.event import Network

OTHER_NETWORK = "other_network"
"""Reports from a network that is not the agent's are kept without a vote, until its operator changes the network."""
SHADOW = "shadow"
"""A new vantage has no vote yet."""
CANARIES = "canaries"
"""The vantage disagrees with too many targets whose status is known."""


def vote_notes(agent: AgentRow, outcome: BatchOutcome, now: datetime) -> dict[str, object]:
    """The parts of the answer to a batch about votes; empty where all of it counts.

    `no_vote` names why none of the agent's reports counts, with the network in which they would; `without_vote` counts
    changes and statuses that do not count by their reason; `ignored` counts rounds and verdicts that were not stored.
    """
    notes: dict[str, object] = {}
    reasons = standing_reasons(agent, outcome.network, now)
    if reasons:
        notes["no_vote"] = reasons
        notes["votes_in"] = {"asn": agent.asn, "country": agent.cc}
    if outcome.without_vote:
        notes["without_vote"] = dict(sorted(outcome.without_vote.items()))
    if outcome.ignored:
        notes["ignored"] = outcome.ignored
    return notes


def standing_reasons(agent: AgentRow, network: Network, now: datetime) -> list[str]:
    """Why nothing that an agent reports from a network has a vote; empty where it has one."""
    own = Network(asn=agent.asn or network.asn, country=agent.cc or network.country)
    found = []
    if network != own:
        found.append(OTHER_NETWORK)
    if agent.votes_from and from_ms(agent.votes_from) > now:
        found.append(SHADOW)
    if agent.weight < MIN_WEIGHT * 1000:
        found.append(CANARIES)
    return found
