"""The position of an interfering device on the path, as far as packets with a limited TTL show it.

A packet whose TTL is `t` gets past `t - 1` routers. The smallest `t` at which the interference still shows therefore
gives the number of routers before its device (the method of CenTrace, CoNEXT'22, and of the maps of Russia's and
China's devices: IMC'22, USENIX Security'25). Evidence only: no verdict depends on it.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from probe.model.failure import OWN_FAULTS, Failure
from probe.model.hop import Purpose
from probe.model.observation import Observation, TraceReply

REACTIONS = frozenset({None, Failure.RESET, Failure.EOF, Failure.GARBAGE})
"""Ends of a trace that somebody answered: bytes (None), bytes of another protocol, or a cut connection."""


class Location(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The position at which an interference showed.

    Attributes:
        routers: routers that the message had passed: the device sits behind the last of them and at or before the
            next.
        server: another name was answered from no farther away, so that the position may be the server's own, or that of
            a filter that rewrites the server's answers; None where that is not known.
        silent: the device drops the message; otherwise it answers.
    """

    routers: int
    server: bool | None = None
    silent: bool = False


def located(observations: Iterable[Observation]) -> Location | None:
    """The location that the traces among these observations prove; None where they prove none.

    The words must have met nobody with one router less: else the search ended early, and nearer is still possible.
    Silence is believed only where the path itself said how far the words had come before, another name got an answer
    or such a word from where they vanished, and nobody had acknowledged them.
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
