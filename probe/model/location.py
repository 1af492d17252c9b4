"""Where on the path an interference sits, as far as packets of limited reach can tell.

A packet whose TTL is `t` gets past `t - 1` routers. The smallest `t` at which the interference still shows therefore
says past how many routers its device sits (the method of CenTrace, CoNEXT'22, and of the maps of Russia's and China's
devices: IMC'22, USENIX Security'25). Evidence only: no verdict depends on it.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from probe.model.failure import OWN_FAULTS, Failure
from probe.model.hop import Purpose
from probe.model.observation import Observation, TraceReply

REACTIONS = frozenset({None, Failure.RESET, Failure.EOF, Failure.GARBAGE})
"""How somebody answers: with bytes (None) that may be none of the protocol's, or by cutting the connection."""


class Location(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where an interference showed.

    Attributes:
        routers: that the words had got past when they met it: the device sits behind the last of them and at or before
            the next.
        server: another name was answered from no farther away, so that the place may as well be the server's, and a
            filter that rewrites the server's own answers cannot be told from it; None where that is not known.
        silent: it swallows what it objects to; else it answers.
    """

    routers: int
    server: bool | None = None
    silent: bool = False


def located(observations: Iterable[Observation]) -> Location | None:
    """What the traces among these observations say together; None where they say nothing that is sure.

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
