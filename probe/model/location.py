"""The position of an interfering device on the path, found with packets of a limited TTL.

A packet with TTL `t` passes `t - 1` routers. The smallest `t` with an interference therefore gives the number of
routers before the device (the method of CenTrace, CoNEXT'22, and of the maps of Russia's and
China's devices: IMC'22, USENIX Security'25). Evidence only: no verdict depends on it.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from probe.model.failure import OWN_FAULTS, Failure
from probe.model.hop import Purpose
from probe.model.observation import Observation, TraceReply

REACTIONS = frozenset({None, Failure.RESET, Failure.EOF, Failure.GARBAGE})
"""Results of a trace with an answer: bytes (None), bytes of another protocol, or a cut connection."""


class Location(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The position of an interfering device.

    Attributes:
        routers: routers that the message passed; the device is behind the last of them and at or before the next.
        server: another name was answered at the same TTL, so that the position may be that of the server, or of a
            filter that rewrites the server's answers; None when unknown.
        silent: the device drops the message; otherwise it answers.
    """

    routers: int
    server: bool | None = None
    silent: bool = False


def located(observations: Iterable[Observation]) -> Location | None:
    """Return the location that the traces among these observations prove; None where they prove none.

    A trace with one router less must show no interference; otherwise the search ended early, and the device may be
    nearer. A time-out locates a device only under three conditions: with one router less, a router reported that the
    TTL expired; at the same TTL, another name got such a report or an answer; and the message was not acknowledged.
    """
    traces = [
        one for one in observations if isinstance(one, TraceReply) and one.opened and one.failure not in OWN_FAULTS
    ]
    own = {one.ttl: one for one in traces if one.purpose is Purpose.SUBJECT}
    others = {one.ttl: one for one in traces if one.purpose is Purpose.NEUTRAL}
    answered = [ttl for ttl, one in own.items() if one.failure in REACTIONS]
    met = answered or [ttl for ttl, one in own.items() if one.failure is Failure.TIMEOUT]
    if not met:
        return None
    ttl = min(met)
    before, other = own.get(ttl - 1), others.get(ttl)
    if ttl > 1 and before is None:
        return None
    server = None if other is None or other.failure is Failure.TIMEOUT else other.failure in REACTIONS
    if answered:
        return Location(routers=ttl - 1, server=server)
    passed = ttl == 1 or (before is not None and before.failure is Failure.UNREACHABLE)
    if not passed or server is None or own[ttl].acked:
        return None
    return Location(routers=ttl - 1, server=server, silent=True)
