"""The standing of a vantage: whose it is, where it measures, since when it has a vote, and how much the vote weighs.

Reports of a vantage without a vote are kept and shown, and change no event. A vote counts in one network only. The
vantages of one sponsor weigh at most as much as one vantage in each network; the empty sponsor is one sponsor.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime

import msgspec

from probe.model.event import Network

MIN_WEIGHT = 0.5
"""The lowest weight with which a vantage has a vote: it must agree with most of the canaries."""
MIN_SPONSORS = 2
"""Sponsors that must report the same before it is confirmed. No report of one sponsor is checked by another of its own:
whoever gives the tokens can have both written. The collector itself cannot repeat a measurement inside a network."""
SHADOW_DAYS = 7
"""Days during which a new vantage has no vote, so that its agreement with the others and with canaries is seen first.
Vantages that enrol within as many days of a collector's first one have a vote at once: there is nobody to compare them
with, and their operator gave the tokens out by hand."""


class VantageStanding(msgspec.Struct, frozen=True, kw_only=True):
    """What a collector knows of one vantage.

    Attributes:
        sponsor: the person or group that vouches for it; all vantages without one share the empty sponsor.
        network: the only network in which it has a vote; None for any.
        votes_from: since when it has a vote; None for always.
        weight: between 0 and 1; its agreement with the canaries.
    """

    sponsor: str = ""
    network: Network | None = None
    votes_from: datetime | None = None
    weight: float = 1.0

    def votes(self, network: Network, now: datetime) -> bool:
        """Whether its reports from a network count at a moment."""
        return (
            self.weight >= MIN_WEIGHT
            and (self.network is None or self.network == network)
            and (self.votes_from is None or self.votes_from <= now)
        )


Standings = Mapping[str, VantageStanding]
"""Agent -> its standing. An agent that is missing has no sponsor, and a vote."""
UNKNOWN_STANDING = VantageStanding()


def standing_of(agent: str, standings: Standings) -> VantageStanding:
    """The standing of an agent."""
    return standings.get(agent, UNKNOWN_STANDING)


def sponsor_weights(agents: Iterable[str], standings: Standings) -> dict[str, float]:
    """Sponsor -> the weight of its vantages among these, at most 1."""
    found: dict[str, float] = defaultdict(float)
    for agent in sorted(set(agents)):  # sorted: a sum of floats depends on its order
        standing = standing_of(agent, standings)
        found[standing.sponsor] = min(1.0, found[standing.sponsor] + standing.weight)
    return dict(found)


def total_weight(agents: Iterable[str], standings: Standings) -> float:
    """The weight of these vantages together, at most 1 for each sponsor."""
    weights = sponsor_weights(agents, standings)
    return sum(weights[sponsor] for sponsor in sorted(weights))
