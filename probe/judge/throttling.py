"""Throttling predicates of a hop: transfers that stop or crawl, compared with the same ones under another server name.

A *freeze* is a transfer that stops after its first kilobytes and stays silent until time is up, at every attempt. It is
the network's doing where more of the same page passes under another name at the same address, or where the control got
more of the page. For uploads, padded requests take the place of the page.

A *rate limit* is the network's doing where the same page under another name comes at least `MIN_RATE_RATIO` times
faster, and faster than `MIN_OTHER_RATE`, in attempts made in turns within a minute.

A path that loses all large packets is no freeze: nothing of the answer comes through it. A page smaller than what a
freeze lets through proves nothing, and neither does its rate.
"""

from __future__ import annotations

from probe.judge.control import page_of
from probe.judge.dns import leads_to_target
from probe.judge.evidence_hop import EvidenceHop
from probe.judge.http import works
from probe.judge.observed_endpoint import ObservedEndpoint
from probe.judge.tcp_tls import fails_only_here
from probe.model.failure import Failure
from probe.model.flow import MAX_FREEZE_BYTES
from probe.model.hop import Layer, LayerFailure, Purpose
from probe.model.observation import Exchange, Sending
from probe.model.verdict import Cause, VantageState

MIN_RATE_RATIO = 5
"""How many times faster the other name must be (design: ratio of at least 5): lines that lose a tenth of their packets
differ by less from one large page to the next, the known throttles by 10 and more."""
MIN_ATTEMPTS = 3
"""Attempts under the target's name that are needed, as for any silence. In simulated TCP over honest lines that lose 2
to 10 % with round trips of 50 to 600 ms, two attempts accused one slow page in a thousand; three, in turns with three
under another name at `MIN_OTHER_RATE`, none of 108,000."""
MIN_OTHER_ATTEMPTS = 3
"""Attempts under another name that a rate limit takes."""
MIN_OTHER_RATE = 50_000
"""Bytes per second at which the other name must come: on a slower line a limit cannot be recognised."""
MIN_RATE_BYTES = 16_384
"""Bytes that a transfer must bring before its rate counts."""
MAX_APART_MS = 60_000
"""Milliseconds within which two transfers are compared."""
MIN_SENDINGS = 2
"""Uploads that stop under the target's name, and uploads that pass under the other (docs/methods/send.md)."""
MAX_STOPS_APART_BYTES = 8_192
"""Bytes by which the places of two stops may differ. A filter that counts stops equal requests at an equal place, give
or take a retransmission; an outage of the line stops them anywhere in 64 KiB."""
_STOPPED = LayerFailure(Layer.BODY, Failure.TIMEOUT)


def frozen_by_name(hop: EvidenceHop) -> bool:
    """The page stops at every attempt, and under another name at the same address more of it comes."""
    control = hop.evidence.control
    if hop.decisive_failure != _STOPPED or (control is not None and str(_STOPPED) in control.failures):
        return False
    for endpoint in hop.failing_endpoints:
        stops = _stops(endpoint)
        if (
            len(stops) > 1
            and hop.decisive_count >= MIN_ATTEMPTS
            and any(_bytes(one) > max(map(_bytes, stops)) for one in _under_other_name(endpoint))
        ):
            return True
    return False


def frozen_only_here(hop: EvidenceHop) -> bool:
    """The page stops at every attempt here, and the control got more of it."""
    if hop.decisive_failure != _STOPPED or not fails_only_here(hop):
        return False
    stops = [one for endpoint in hop.failing_endpoints for one in _fetches(endpoint)]
    page = page_of(hop.control, hop.subject.url)
    return all(one.frozen for one in stops) and page is not None and page.length > max(one.length for one in stops)


def rate_limited(hop: EvidenceHop) -> bool:
    """The page crawls, and under another name at the same address it comes far faster."""
    if hop.view.state is not VantageState.ONLINE or hop.observed.redirect_broken or not leads_to_target(hop):
        return False
    endpoints = [endpoint for endpoint in hop.endpoints if _fetches(endpoint)]
    fetches = [one for endpoint in endpoints for one in _fetches(endpoint)]
    mine = [one for one in fetches if _bytes(one) >= MIN_RATE_BYTES or _timed_out_in_transfer(one)]
    theirs = [one for endpoint in endpoints for one in _under_other_name(endpoint) if _bytes(one) >= MIN_RATE_BYTES]
    compared = [one for endpoint in endpoints if _under_other_name(endpoint) for one in _fetches(endpoint)]
    # Where an attempt brought too little for a rate, there is none; where most of them stopped, it may be a freeze.
    if len(mine) < len(fetches) or len(compared) < MIN_ATTEMPTS or len(theirs) < MIN_OTHER_ATTEMPTS:
        return False
    return not _mostly_frozen(mine) and _is_slower(mine, theirs)


def upload_frozen(hop: EvidenceHop) -> bool:
    """Padded requests under the target's name stop after their first kilobytes, and under another name they pass.

    They must stop in silence, twice and at about the same place, and as many under the other name must all be answered,
    once in between and once after. A connection that is closed (by a server that refuses long headers, or many
    requests) proves nothing, and neither does a silence that another line or server would explain: it does not depend
    on the name.
    """
    if hop.view.state is not VantageState.ONLINE or not works(hop):
        return False
    if hop.control is not None and Cause.THROTTLE_FREEZE in hop.control.causes:
        return False  # uploads freeze at the control too: the server's own doing
    secure = [one.address for one in hop.serving_endpoints if any(page.secure for page in one.pages)]
    return any(_uploads_stop_by_name(_sendings(hop, address)) for address in secure)


def _is_slower(mine: list[Exchange], theirs: list[Exchange]) -> bool:
    if min(map(_bytes, theirs)) * 2 < max(map(_bytes, mine)):
        return False  # the first burst that a limiter lets through would pass for the line's own rate
    close = any(abs(one.at - other.at) <= MAX_APART_MS for one in mine for other in theirs)
    slowest = min(one.rate for one in theirs)
    return close and slowest >= MIN_OTHER_RATE and slowest >= MIN_RATE_RATIO * max(one.rate for one in mine)


def _timed_out_in_transfer(one: Exchange) -> bool:
    """Whether time was up while the answer was still coming."""
    return one.failure is Failure.TIMEOUT and one.flow is not None


def _fetches(endpoint: ObservedEndpoint) -> list[Exchange]:
    return [one for attempt in endpoint.attempts for one in attempt if isinstance(one, Exchange)]


def _stops(endpoint: ObservedEndpoint) -> list[Exchange]:
    """The address's fetches, where each that got as far as the page stopped in it; else none.

    One of several may have come so slowly to where it stopped that its silence was no longer long enough.
    """
    fetches = _fetches(endpoint)
    stopped = all(one.frozen or _timed_out_in_transfer(one) for one in fetches)
    return fetches if stopped and _mostly_frozen(fetches) else []


def _mostly_frozen(fetches: list[Exchange]) -> bool:
    return 3 * sum(one.frozen for one in fetches) >= 2 * len(fetches)


def _under_other_name(endpoint: ObservedEndpoint) -> list[Exchange]:
    """The page under another name, where it came whole or by more than any freeze lets through."""
    return [
        one
        for one in endpoint.with_purpose(Purpose.NEUTRAL)
        if isinstance(one, Exchange) and one.status and (one.complete or _bytes(one) >= MAX_FREEZE_BYTES)
    ]


def _bytes(one: Exchange) -> int:
    return one.flow.bytes if one.flow is not None else 0


def _sendings(hop: EvidenceHop, address: str) -> list[Sending]:
    """The uploads to the hop's own URL at one address, in order of time."""
    place = (hop.observed.chain, hop.index, address, hop.subject.url)
    found = (one for one in hop.evidence.observations if isinstance(one, Sending))
    return sorted((one for one in found if (one.chain, one.hop, one.address, one.url) == place), key=lambda one: one.at)


def _uploads_stop_by_name(sendings: list[Sending]) -> bool:
    mine = [one for one in sendings if one.purpose is Purpose.SUBJECT]
    theirs = [one for one in sendings if one.purpose is Purpose.NEUTRAL]
    if min(len(mine), len(theirs)) < MIN_SENDINGS or not all(one.frozen for one in mine):
        return False
    if not all(one.complete for one in theirs):
        return False
    between = any(mine[0].at < one.at < mine[-1].at for one in theirs)
    places = [one.sent for one in mine]
    return between and theirs[-1].at > mine[-1].at and max(places) - min(places) <= MAX_STOPS_APART_BYTES
