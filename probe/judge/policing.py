"""Whether the network punished our own pace: a burst of silent handshakes that we brought about and that heals.

Some Russian networks freeze every new TLS handshake of a line for about a minute once four to twelve were begun close
together (net4people/bbs#516, #546: "Siberian" policing, 60 to 120 s). What fails then says nothing about any target.

========================================================  =========================================================
it shows by all of these                                  which tells it from
========================================================  =========================================================
a run of at least 4 handshakes in which nothing at all    a filter on some names or addresses: others are served in
came back, and between which none stood, anchors' either  between
they went to at least 3 networks                          a host that is down, a blocked range
neutral names were silent in at least 2 of them           filters on names
it began within seconds of a burst of our own             a line that was dead before
one of those addresses answered again within 150 s        blocking, and a broken line
========================================================  =========================================================
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from probe.judge.judging import verdict as judged
from probe.model.address import network_of
from probe.model.failure import Failure
from probe.model.observation import TlsHandshake
from probe.model.step import Purpose
from probe.model.target import parse
from probe.model.verdict import Status, VantageState, Verdict

BURST = 4
"""Handshakes of a run, and of the burst that brings it about: the fewest that were seen to be punished."""
NETWORKS = 3
NEUTRAL_NETWORKS = 2
CLOSE = timedelta(seconds=2)
"""Within which a burst is begun, and before the run's first silence at most."""
HEALS = timedelta(seconds=150)
"""After which a silence is no punishment: 60 to 120 s were seen, and the last try may just have missed the end."""


@dataclass(frozen=True, slots=True)
class Handshake:
    """One TLS handshake, as far as pace is concerned.

    Attributes:
        begun, ended: when.
        address: where; empty for an anchor's.
        silent: nothing came back.
        neutral: the name was one that nobody can have listed, or a well-known one: not a target's.
    """

    begun: datetime
    ended: datetime
    address: str
    silent: bool
    neutral: bool = False


@dataclass(frozen=True, slots=True)
class Freeze:
    """A run of silent handshakes that our own burst may have brought about.

    Attributes:
        begun: of the first.
        last: when the last was begun.
        addresses: where they went.
        healed: when one of the addresses answered again; None where none was tried since.
    """

    begun: datetime
    last: datetime
    addresses: frozenset[str]
    healed: datetime | None = None

    def covers(self, verdict: Verdict) -> bool:
        """Whether a verdict's failure falls into it."""
        if verdict.status is Status.REACHABLE:
            return False
        end = self.healed or self.last
        if self.begun <= verdict.time <= end:
            return True
        return any(one.silent and self.begun <= one.begun <= end for one in handshakes(verdict))


def handshakes(verdict: Verdict) -> tuple[Handshake, ...]:
    """The handshakes of a verdict, those of anchors that worked among them.

    An anchor that answered over IPv6 vouches for nothing: punishing was seen on IPv4 alone.
    """
    stood = (look for look in verdict.vantage.anchors if not look.failure and not look.over_six)
    anchors = [Handshake(look.at, look.at, "", silent=False) for look in stood]
    own = [
        Handshake(
            begun=verdict.time + timedelta(milliseconds=one.at),
            ended=verdict.time + timedelta(milliseconds=one.at + one.took),
            address=one.address,
            silent=one.failure is Failure.TIMEOUT and not one.answered,
            neutral=one.purpose in {Purpose.NEUTRAL, Purpose.ALLOWED},
        )
        for one in verdict.evidence.observations
        if isinstance(one, TlsHandshake)
    ]
    return (*anchors, *own)


def freezes(seen: Iterable[Handshake]) -> tuple[Freeze, ...]:
    """The freezes among these handshakes that our own pace may have brought about, healed or not (yet)."""
    ordered = sorted(seen, key=lambda one: one.begun)
    found: list[Freeze] = []
    run: list[Handshake] = []
    for number, one in enumerate(ordered):
        if one.silent:
            run.append(one)
        elif run:
            found += _freeze(run, ordered, ordered[number:])
            run = []
    return (*found, *_freeze(run, ordered, ()))


def _freeze(run: Sequence[Handshake], seen: Sequence[Handshake], later: Sequence[Handshake]) -> list[Freeze]:
    if len(run) < BURST or len({network_of(one.address) for one in run}) < NETWORKS:
        return []
    if len({network_of(one.address) for one in run if one.neutral}) < NEUTRAL_NETWORKS:
        return []
    first = run[0].begun
    if sum(first - CLOSE <= one.begun <= first + CLOSE and bool(one.address) for one in seen) < BURST:
        return []
    addresses = frozenset(one.address for one in run)
    again = [one for one in later if one.address in addresses]
    healed = next((one.begun for one in again if not one.silent), None)
    if (healed or run[-1].begun) - first > HEALS or (again and healed is None):
        return []
    return [Freeze(first, run[-1].begun, addresses, healed)]


def policed(verdict: Verdict) -> Verdict:
    """The verdict with a vantage that was policed while it was made."""
    vantage = msgspec.structs.replace(verdict.vantage, state=VantageState.POLICED)
    target = parse(verdict.target)
    return judged(time=verdict.time, text=verdict.target, target=target, evidence=verdict.evidence, vantage=vantage)


def acquitted(one: Handshake, stood: Sequence[datetime]) -> bool:
    """Whether another handshake that stood was begun while this one was silent: nothing was frozen then.

    Args:
        one: a silent handshake.
        stood: beginnings of those that stood, in order.
    """
    place = bisect_left(stood, one.begun)
    return place < len(stood) and stood[place] <= one.ended
