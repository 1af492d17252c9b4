"""The records of fusion: networks, spans of status, presence of agents, and events."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec

from probe.model.verdict import Cause, Status


class Network(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """A network as it is published: by AS number and country, never by address.

    Attributes:
        asn: AS number, 0 when not known. One AS number in two countries is two networks.
        country: ISO 3166 code, empty when not known.
    """

    asn: int = 0
    country: str = ""


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """A time in which one target had the same status at one agent.

    Attributes:
        start: onset of the status.
        stop: end of the status; None while it lasts.
        known: when the agent became sure of the status.
        evidence: SHA-256 of the stored evidence; empty when none was sent.
        before_watch: the status began before the agent first measured the target; `start` is that first measurement.
        newer: the word of a newer version that stands for the status, which is `unknown` then; else empty.
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
    before_watch: bool = False
    newer: str = ""


class Presence(msgspec.Struct, frozen=True, kw_only=True):
    """A time in which one agent measured round after round.

    Attributes:
        start: start of the first round.
        interval: seconds between rounds.
        rounds: number of rounds.
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
    """Vantages of the same network disagree; the event is shown as mixed, never averaged."""


class Scope(StrEnum):
    """The extent of an event: one network, or a whole country."""

    NETWORK = "network"
    COUNTRY = "country"


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """A change of status of one service (or single target) in one network or country, from onset to end.

    Attributes:
        id: identifier computed from service, scope, place, and the onset according to the first vantage that became
            sure, so that every collector computes the same one.
        revision: 1, 2, ..; every change of an event increases it.
        service: name of the service, or the target itself when it belongs to none.
        onset: estimated start: the median of the vantages' estimates, in a country that of the first network; with
            `before_watch` the first measurement.
        lifted: estimated end; None while the event lasts.
        known: when the first vantage became sure.
        vantages: number of vantages that reported it.
        networks: number of networks of those vantages.
        targets: targets of the spans that were joined.
        before_watch: it began before any vantage measured the target, and `onset` is the first measurement.
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
    before_watch: bool = False
