"""Sendings that stop: a predicate of a leg that works.

Padded requests under the target's own name stop in silence after their first kilobytes, twice and at about the same
place, and as many under another name at the same address were all answered, once between the two and once after
them. Whoever closes a connection (a server that minds long headers, or many requests) proves nothing, and neither
does silence that some other line or server would explain: it does not ask for the name.
"""

from __future__ import annotations

from probe.judge.evidence_view import Leg
from probe.judge.http import works
from probe.model.observation import Sending
from probe.model.step import Purpose
from probe.model.verdict import Cause, VantageState

TWICE = 2
"""Stops of the own name, and whole sendings under the other (as many as the design of the method asks for)."""
NEAR = 8_192
"""Bytes by which two stops may lie apart. A filter that counts stops equal requests at an equal place, give or take a
retransmission; an outage of the line stops them anywhere in 64 KiB."""


def frozen(leg: Leg) -> bool:
    """What is sent under the target's name stops, and what is sent under another gets through."""
    if leg.case.state is not VantageState.ONLINE or not works(leg):
        return False
    if leg.control is not None and Cause.THROTTLE_FREEZE in leg.control.causes:
        return False  # it freezes at control too: the server's own doing
    sites = [site.address for site in leg.served_by if any(page.secure for page in site.pages)]
    return any(_stops(_sendings(leg, address)) for address in sites)


def _sendings(leg: Leg, address: str) -> list[Sending]:
    """Those of the leg's own URL at one address, in order of time."""
    hop = leg.hop
    found = (one for one in leg.evidence.observations if isinstance(one, Sending))
    place = (hop.chain, hop.index, address, hop.subject.url)
    return sorted((one for one in found if (one.chain, one.hop, one.address, one.url) == place), key=lambda one: one.at)


def _stops(sendings: list[Sending]) -> bool:
    mine = [one for one in sendings if one.purpose is Purpose.SUBJECT]
    theirs = [one for one in sendings if one.purpose is Purpose.NEUTRAL]
    if min(len(mine), len(theirs)) < TWICE or not all(one.frozen for one in mine):
        return False
    if not all(one.complete for one in theirs):
        return False
    between = any(mine[0].at < one.at < mine[-1].at for one in theirs)
    places = [one.sent for one in mine]
    return between and theirs[-1].at > mine[-1].at and max(places) - min(places) <= NEAR
