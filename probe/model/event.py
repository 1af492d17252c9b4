"""The records of fusion: networks, spans, presence, events."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec

from probe.model.verdict import Cause, Status


class Network(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """A network as it is published: AS number and country, never an address.

    Attributes:
        asn: 0 where it is not known. One AS number in two countries is two networks.
        country: ISO 3166 code; empty where it is not known.
    """

    asn: int = 0
    country: str = ""


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """An unbroken status of one target at one agent.

    Attributes:
        start: onset of the status.
        stop: None while it lasts.
        known: when the agent became sure of it.
        evidence: SHA-256 of the stored evidence; empty when none was sent.
    """

    agent: str
    target: str
    network: Network
    start: datetime
    stop: datetime | None
    known: datetime
    status: Status
    causes: tuple[Cause, ...] = ()
    evidence: str = ""


class Presence(msgspec.Struct, frozen=True, kw_only=True):
    """An unbroken run of rounds of one agent.

    Attributes:
        interval: seconds between rounds.
        stop: end of the latest round.
    """

    agent: str
    network: Network
    start: datetime
    stop: datetime
    interval: float
    rounds: int


class Confidence(StrEnum):
    """How well an event is confirmed."""

    ONE_SOURCE = "one_source"
    """Reported by one vantage."""
    CONFIRMED = "confirmed"
    """Reported by two or more independent vantages of the network."""
    DISPUTED = "disputed"
    """Vantages of the same network disagree: shown as mixed, never averaged."""


class Scope(StrEnum):
    """What an event is about."""

    NETWORK = "network"
    COUNTRY = "country"


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Transitions that belong together: one service (or lone target), one network or country, one interval.

    Attributes:
        id: deterministic (service, scope, place, onset as the first vantage that became sure had it): every fuser names
            it alike.
        revision: 1, 2, ..: an event never changes without a new one.
        service: name of the service, or the target itself when it belongs to none.
        onset: estimate of when it began (the median of the vantages').
        lifted: estimate of when it ended; None while it lasts.
        known: when the first vantage became sure.
        vantages: how many vantages saw it; `networks`: in how many networks.
        targets: the targets whose spans it was made of.
    """

    id: str
    revision: int
    service: str
    scope: Scope
    network: Network
    status: Status
    causes: tuple[Cause, ...]
    confidence: Confidence
    onset: datetime
    known: datetime
    lifted: datetime | None = None
    vantages: int = 1
    networks: int = 1
    targets: tuple[str, ...] = ()
