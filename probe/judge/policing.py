"""Whether the network punished our own pace: a burst of silent handshakes that we caused and that heals.

Some Russian networks freeze every new TLS handshake of a line for about a minute once four to twelve were begun close
together (net4people/bbs#516, #546: "Siberian" policing, 60 to 120 s). Failures then prove nothing about any target.

========================================================  =========================================================
a freeze takes all of these                               which rules out
========================================================  =========================================================
at least 4 handshakes in a row at which nothing came      a filter on some names or addresses, which lets others pass
back, with no successful one, of an anchor or a target,   in between
in between
they went to at least 3 networks                          a host that is down, a blocked range
neutral names were silent in at least 2 of them           filters on names
it began within seconds of a burst of our own             a line that was dead before
one of those addresses answered again within 150 s        blocking, and a broken line
========================================================  =========================================================
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import msgspec

from probe.judge.judging import verdict as judged
from probe.model.address import network_of
from probe.model.failure import Failure
from probe.model.hop import Purpose
from probe.model.observation import Observation, TlsHandshake
from probe.model.target import parse
from probe.model.verdict import Status, VantageState, Verdict

MIN_HANDSHAKES = 4
"""Handshakes of a freeze, and of the burst that causes it: the fewest that were seen to be punished."""
MIN_NETWORKS = 3
"""Networks that a freeze covers."""
MIN_NEUTRAL_NETWORKS = 2
"""Networks of them in which a neutral name was silent."""
MAX_BURST = timedelta(seconds=2)
"""Time within which a burst is begun, before or after the first silence."""
MAX_FREEZE = timedelta(seconds=150)
"""Longest freeze: 60 to 120 s were seen, and the last attempt may just have missed the end."""


class TimedHandshake(msgspec.Struct, frozen=True):
    """One TLS handshake, with what matters for pace.

    Attributes:
        begun, ended: when.
        address: where; empty for an anchor.
        silent: nothing came back.
        neutral: the server name was random or allow-listed, not a target's.
    """

    begun: datetime
    ended: datetime
    address: str
    silent: bool
    neutral: bool = False


class Freeze(msgspec.Struct, frozen=True):
    """Silent handshakes in a row that our own burst may have caused.

    Attributes:
        begun: start of the first.
        last: start of the last.
        addresses: where they went.
        healed: when one of the addresses answered again; None where none was tried since.
    """

    begun: datetime
    last: datetime
    addresses: frozenset[str]
    healed: datetime | None = None

    def covers(self, verdict: Verdict) -> bool:
        """Whether a verdict's failure falls into the freeze."""
        if verdict.status is Status.REACHABLE:
            return False
        end = self.healed or self.last
        if self.begun <= verdict.time <= end:
            return True
        return any(one.silent and self.begun <= one.begun <= end for one in handshakes(verdict))


def handshakes(verdict: Verdict) -> tuple[TimedHandshake, ...]:
    """The handshakes of a verdict, and those of its anchors that worked.

    An anchor that answered over IPv6 does not count: freezes were seen on IPv4 only.
    """
    worked = (look for look in verdict.vantage.anchors if not look.failure and not look.over_ipv6)
    anchors = [TimedHandshake(look.at, look.at, "", silent=False) for look in worked]
    return (*anchors, *own_handshakes(verdict.evidence.observations, verdict.time))


def own_handshakes(seen: Iterable[Observation], began: datetime) -> tuple[TimedHandshake, ...]:
    """The handshakes among the observations of a measurement that began then."""
    return tuple(
        TimedHandshake(
            begun=began + timedelta(milliseconds=one.at),
            ended=began + timedelta(milliseconds=one.at + one.took),
            address=one.address,
            silent=one.failure is Failure.TIMEOUT and not one.answered,
            neutral=one.purpose in {Purpose.NEUTRAL, Purpose.ALLOWED},
        )
        for one in seen
        if isinstance(one, TlsHandshake)
    )


def freezes(seen: Iterable[TimedHandshake]) -> tuple[Freeze, ...]:
    """The freezes among these handshakes that our own pace may have caused, healed or not (yet)."""
    ordered = sorted(seen, key=lambda one: one.begun)
    found: list[Freeze] = []
    silent: list[TimedHandshake] = []
    for number, one in enumerate(ordered):
        if one.silent:
            silent.append(one)
        elif silent:
            found += _freeze(silent, ordered, ordered[number:])
            silent = []
    return (*found, *_freeze(silent, ordered, ()))


def with_policed_vantage(verdict: Verdict) -> Verdict:
    """The verdict, judged again for a vantage that was policed at the time."""
    vantage = msgspec.structs.replace(verdict.vantage, state=VantageState.POLICED)
    target = parse(verdict.target)
    return judged(time=verdict.time, text=verdict.target, target=target, evidence=verdict.evidence, vantage=vantage)


def overlaps_success(one: TimedHandshake, successes: Sequence[datetime]) -> bool:
    """Whether a handshake that succeeded was begun while this one was silent: then nothing was frozen.

    Args:
        one: a silent handshake.
        successes: starts of the successful ones, in order.
    """
    place = bisect_left(successes, one.begun)
    return place < len(successes) and successes[place] <= one.ended


def _freeze(
    silent: Sequence[TimedHandshake], seen: Sequence[TimedHandshake], later: Sequence[TimedHandshake]
) -> list[Freeze]:
    """The freeze that these silent handshakes in a row are; empty where they are none."""
    if len(silent) < MIN_HANDSHAKES or len({network_of(one.address) for one in silent}) < MIN_NETWORKS:
        return []
    if len({network_of(one.address) for one in silent if one.neutral}) < MIN_NEUTRAL_NETWORKS:
        return []
    first = silent[0].begun
    burst = sum(first - MAX_BURST <= one.begun <= first + MAX_BURST and bool(one.address) for one in seen)
    if burst < MIN_HANDSHAKES:
        return []
    addresses = frozenset(one.address for one in silent)
    tried_again = [one for one in later if one.address in addresses]
    healed = next((one.begun for one in tried_again if not one.silent), None)
    if (healed or silent[-1].begun) - first > MAX_FREEZE or (tried_again and healed is None):
        return []
    return [Freeze(first, silent[-1].begun, addresses, healed)]
