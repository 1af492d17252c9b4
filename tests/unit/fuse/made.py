"""Spans and presences written short: minutes since noon of 4 May 2017."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from probe.fuse.standing import VantageStanding
from probe.model.event import Network, Presence, Span
from probe.model.verdict import Cause, Status

NOON = datetime(2017, 5, 4, 12, tzinfo=UTC)
MTS = Network(asn=64500, country="RU")
BEELINE = Network(asn=64501, country="RU")
MEGAFON = Network(asn=64502, country="RU")
TTK = Network(asn=64503, country="RU")
WECHAT = "https://wechat.example/"


def at(minutes: float) -> datetime:
    """The moment a number of minutes after noon."""
    return NOON + timedelta(minutes=minutes)


def span(
    agent: str,
    start: float,
    stop: float | None,
    status: Status = Status.BLOCKED,
    *causes: Cause,
    target: str = WECHAT,
    network: Network = MTS,
    known: float | None = None,
    evidence: str = "",
    before_watch: bool = False,
) -> Span:
    """A span; known two minutes after its start unless said otherwise."""
    return Span(
        agent=agent,
        target=target,
        network=network,
        start=at(start),
        stop=None if stop is None else at(stop),
        known=at(start + 2 if known is None else known),
        status=status,
        causes=causes,
        evidence=evidence,
        before_watch=before_watch,
    )


def ok(agent: str, start: float, stop: float | None, **more: object) -> Span:
    """A reachable span."""
    return span(agent, start, stop, Status.REACHABLE, **more)  # type: ignore[arg-type]


def there(agent: str, start: float, stop: float, network: Network = MTS, interval: float = 300) -> Presence:
    """An unbroken run of five-minute rounds."""
    return Presence(agent=agent, network=network, start=at(start), stop=at(stop), interval=interval, rounds=9)


AGENTS = tuple("abcdefghijklm")


def sponsored(**sponsors: str) -> dict[str, VantageStanding]:
    """Standings of vantages of different sponsors, but for those that share the one given here."""
    own = {agent: f"sponsor of {agent}" for agent in (*AGENTS, *(f"{letter}{n}" for letter in "vw" for n in range(10)))}
    own |= {f"v{n}": f"sponsor of v{n}" for n in range(64500, 64520)} | sponsors
    return {agent: VantageStanding(sponsor=sponsor) for agent, sponsor in own.items()}
