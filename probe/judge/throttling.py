"""Transfers that stop or crawl: predicates of a leg, and what the same page under another name shows.

A freeze is a transfer that stopped after its first kilobytes and stayed silent until time was up, each time it was
tried. It is the network's doing where the same page, more of it than ever came, passes under another name at the same
address; or where control got more of the page. A rate is the network's doing where the same page under another name
comes at least `RATIO` times faster and at a rate nobody complains of, tried alternately within a minute.

A path that loses all large packets is no freeze: nothing of the answer comes through it then. A page smaller than what
a freeze lets through proves nothing, and neither does the rate of one.
"""

from __future__ import annotations

from probe.judge.control import page_of
from probe.judge.dns import found
from probe.judge.evidence_view import Leg
from probe.judge.hops import Site
from probe.judge.tcp_tls import alone
from probe.model.failure import Failure
from probe.model.hop import Layer, LayerFailure
from probe.model.observation import ENOUGH_FLOW, Exchange
from probe.model.step import Purpose
from probe.model.verdict import VantageState

RATIO = 5
"""How many times faster the other name must be (design: ratio of at least 5): lines that lose a tenth of their packets
differ by less from one large page to the next, the known throttles by 10 and more."""
TRIES = 3
"""Tries of the suspect before anything is said, as of any silence. In simulated TCP over honest lines that lose 2 to
10 % with round trips of 50 to 600 ms, two tries accused one slow page in a thousand; three, in turns with three under
another name at `FAST`, none of 108,000."""
OTHERS = 3
"""Tries under another name before anything is said of a rate."""
FAST = 50_000
"""Bytes a second at which the other name must come: a line that carries less says nothing about limits."""
SAMPLE = 16_384
"""Bytes that a transfer must have brought before its rate is one."""
MINUTE = 60_000
"""Milliseconds within which two transfers are compared."""
_STOPPED = LayerFailure(Layer.BODY, Failure.TIMEOUT)


def frozen_by_name(leg: Leg) -> bool:
    """The page stops each time, and under another name at the same address more of it comes than ever did."""
    control = leg.evidence.control
    if leg.decisive != _STOPPED or (control is not None and str(_STOPPED) in control.failures):
        return False
    for site in leg.failing:
        stops = _stops(site)
        if (
            len(stops) > 1
            and leg.alike >= TRIES
            and any(_bytes(one) > max(map(_bytes, stops)) for one in _others(site))
        ):
            return True
    return False


def frozen_alone(leg: Leg) -> bool:
    """The page stops each time here, and control got more of it than ever came."""
    if leg.decisive != _STOPPED or not alone(leg):
        return False
    stops = [one for site in leg.failing for one in _fetches(site)]
    page = page_of(leg.control, leg.hop.subject.url)
    return all(one.frozen for one in stops) and page is not None and page.length > max(one.length for one in stops)


def slowed(leg: Leg) -> bool:
    """The page crawls, and under another name at the same address it comes at once."""
    if leg.case.state is not VantageState.ONLINE or leg.hop.astray or not found(leg):
        return False
    sites = [site for site in leg.hop.sites if _fetches(site)]
    fetches = [one for site in sites for one in _fetches(site)]
    mine = [one for one in fetches if _bytes(one) >= SAMPLE or _trickled(one)]
    theirs = [one for site in sites for one in _others(site) if _bytes(one) >= SAMPLE]
    compared = [one for site in sites if _others(site) for one in _fetches(site)]
    # Where some try brought too little for a rate, or most of them stopped, it is no rate; a freeze is another rule's.
    if len(mine) < len(fetches) or len(compared) < TRIES or len(theirs) < OTHERS or _mostly_frozen(mine):
        return False
    return _slower(mine, theirs)


def _slower(mine: list[Exchange], theirs: list[Exchange]) -> bool:
    if min(map(_bytes, theirs)) * 2 < max(map(_bytes, mine)):
        return False  # a limiter's first burst would pass for the line's own rate
    close = any(abs(one.at - other.at) <= MINUTE for one in mine for other in theirs)
    slowest = min(one.rate for one in theirs)
    return close and slowest >= FAST and slowest >= RATIO * max(one.rate for one in mine)


def _trickled(one: Exchange) -> bool:
    """Whether time was up while the answer was still coming."""
    return one.failure is Failure.TIMEOUT and one.flow is not None


def _fetches(site: Site) -> list[Exchange]:
    return [one for group in site.tries for one in group if isinstance(one, Exchange)]


def _stops(site: Site) -> list[Exchange]:
    """The site's tries, where each of them that got as far as the page stopped in it.

    One of several may have come so slowly to where it stopped that its silence was no longer long enough.
    """
    fetches = _fetches(site)
    return fetches if all(one.frozen or _trickled(one) for one in fetches) and _mostly_frozen(fetches) else []


def _mostly_frozen(tries: list[Exchange]) -> bool:
    return 3 * sum(one.frozen for one in tries) >= 2 * len(tries)


def _others(site: Site) -> list[Exchange]:
    """What came of the page under another name, whole or as much as no freeze lets through."""
    return [
        one
        for one in site.beside(Purpose.NEUTRAL)
        if isinstance(one, Exchange) and one.status and (one.complete or _bytes(one) >= ENOUGH_FLOW)
    ]


def _bytes(one: Exchange) -> int:
    return one.flow.bytes if one.flow is not None else 0
