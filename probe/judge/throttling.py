"""Throttling predicates of a hop: transfers that stop or crawl, compared with the same ones under another server name.

A *freeze* is a transfer that stops after its first kilobytes and stays silent until time is up, at every attempt. It is
the network's doing where more of the same page passes under another name at the same address, or where the control got
more of the page. For uploads, padded requests take the place of the page.

A *rate limit* is the network's doing where the same page under another name comes at least `MIN_RATE_RATIO` times
faster, and faster than `MIN_OTHER_RATE`, in attempts made in turns within a minute.

Where every name crawls at an address, the address may be limited, and the line, the server or the distance may be slow.
It is the network's doing only where none of these explains it (`slowed_by_address`): large pages of an anchor come fast
in the same minute, the control got the page fast, fewer than two segments come in a round trip, and the packets
themselves were lost or waited on the path, which a server that sends slowly does not cause.

A path that loses all large packets is no freeze: nothing of the answer comes through it. A page smaller than what a
freeze lets through proves nothing, and neither does its rate.
"""

from __future__ import annotations

from typing import NamedTuple, Self

from probe.judge.control import ControlOutcome, page_of
from probe.judge.dns import leads_to_target
from probe.judge.evidence_hop import EvidenceHop
from probe.judge.http import works
from probe.judge.observed_endpoint import ObservedEndpoint
from probe.judge.repetition import MIN_TIMEOUTS
from probe.judge.tcp_tls import fails_only_here
from probe.model.failure import Failure
from probe.model.flow import FIRST_MARK_BYTES, MAX_FREEZE_BYTES, Flow
from probe.model.hop import Layer, LayerFailure, Purpose
from probe.model.observation import Connection, Exchange, Sending
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
MIN_PASSES = 2
"""Transfers under the other name that must pass the place where the page stops, where none comes whole."""
MIN_BEYOND_RATIO = 2
"""Times as many bytes that a transfer under the other name must bring where it came neither whole nor to 64 KiB."""
MAX_SEGMENTS_PER_ROUND_TRIP = 2
"""Segments in a round trip up to which an address may be limited. A window or a long way makes no flow so slow; chance
loss does only at a tenth of all packets (Padhye et al., SIGCOMM'98)."""
_SEGMENT_BYTES = 1_460
MAX_UNSTEADY_RATIO = 2
"""Times that the fastest of the slow transfers may be as fast as the slowest: a limit is the same for each, congestion
is not."""
MAX_BURST_SHARE = 1 / 10
"""Share of a transfer's time within which its burst passes: a limiter that was left alone lets some kilobytes pass at
the speed of the line, so that the first of several transfers is the fastest."""
MAX_NEARER_RATIO = 8
"""Times that an anchor's page may be nearer: a cache in the next building shows nothing about the way abroad."""
MIN_MARK = 1
"""Mark of a flow (32 KiB) from which speeds of different addresses are compared: the first window is always fast."""
MIN_LOST_SHARE = 1 / 50
"""Share of segments out of order from which packets were lost on the path."""
MIN_QUEUE_RATIO = 1.5
"""Times the round trip and the longest pause together that the packets' own round trip must take before they were held
in a queue: a server that pauses between its pieces delays them by no more than its pause."""
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
        if len(stops) > 1 and hop.decisive_count >= MIN_ATTEMPTS and _passes_beyond(endpoint, max(map(_bytes, stops))):
            return True
    return False


def frozen_only_here(hop: EvidenceHop) -> bool:
    """The page stops at every attempt here, and the control got more of it."""
    if hop.decisive_failure != _STOPPED or not fails_only_here(hop):
        return False
    stops = [one for endpoint in hop.failing_endpoints for one in _fetches(endpoint)]
    page = page_of(hop.control, hop.subject.url)
    return _all_frozen(stops) and page is not None and page.length > max(one.length for one in stops)


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


def slowed_by_address(hop: EvidenceHop) -> bool:
    """The page crawls under every name, and neither the line, the server nor the distance explains it."""
    if hop.view.state is not VantageState.ONLINE or hop.observed.redirect_broken or not leads_to_target(hop):
        return False
    page = page_of(hop.control, hop.subject.url) if hop.control_outcome is ControlOutcome.SERVED else None
    line = LineSpeed.of(hop)
    if page is None or page.flow is None or line is None:
        return False
    slowest_elsewhere = min(page.flow.rate, line.rate)
    return slowest_elsewhere >= MIN_OTHER_RATE and _is_slowed(hop, line, page.flow)


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


class LineSpeed(NamedTuple):
    """The speed of an anchor's page, fetched in turns with the subject's.

    Attributes:
        mark: the mark of their flows up to which the pages are compared.
        took: milliseconds that the slowest took to it.
        round_trip: of the fastest TCP handshake with the anchor, in milliseconds.
        times: when they were fetched.
    """

    mark: int
    took: int
    round_trip: int
    times: tuple[int, ...]

    @property
    def rate(self) -> float:
        """Bytes a second of the slowest."""
        return 1000 * (FIRST_MARK_BYTES << self.mark) / self.took

    @classmethod
    def of(cls, hop: EvidenceHop) -> Self | None:
        """The speed of the line beside a hop; None where it is not known, or where the line itself loses packets."""
        place = (hop.observed.chain, hop.index, Purpose.LINE)
        seen = [one for one in hop.evidence.observations if (one.chain, one.hop, one.purpose) == place]
        pages = [one for one in seen if isinstance(one, Exchange)]
        flows = [one.flow for one in pages if one.complete and one.flow is not None]
        trips = [_milliseconds(one) for one in seen if isinstance(one, Connection) and one.failure is None]
        if len(flows) < max(MIN_OTHER_ATTEMPTS, len(pages)) or any(map(_lost_packets, flows)):
            return None
        mark = min(len(flow.marks) for flow in flows) - 1
        if mark < MIN_MARK:
            return None
        took = max(1, *(flow.time_to(mark) for flow in flows))
        return cls(mark, took, max(1, round(min(trips, default=1))), tuple(one.at for one in pages))


def _is_slowed(hop: EvidenceHop, line: LineSpeed, control: Flow) -> bool:
    """Whether the subject's pages crawl steadily at its addresses, held back by the path and by nothing else."""
    endpoints = hop.own_endpoints
    fetches = sorted((one for endpoint in endpoints for one in _fetches(endpoint)), key=lambda one: one.at)
    flows = [one.flow for one in fetches if one.flow is not None]
    others = [one for endpoint in endpoints for one in _under_other_name(endpoint) if one.rate >= MIN_OTHER_RATE]
    if len(flows) < max(MIN_ATTEMPTS, len(fetches)) or others or _mostly_frozen(fetches):
        return False
    fastest = max(flow.rate for flow in flows)
    alone = [one for one in fetches if not _shared_its_address(one, hop)]
    steady = [_rate_after_burst(one.flow) for one in (alone if len(alone) > 1 else fetches) if one.flow is not None]
    round_trip = max(map(_round_trip, endpoints))
    held = [flow for flow in flows if _lost_packets(flow) or _queued(flow, round_trip)]
    return (
        max(steady) <= MAX_UNSTEADY_RATIO * min(steady)
        and fastest * MIN_RATE_RATIO <= control.rate
        and fastest * round_trip <= 1000 * MAX_SEGMENTS_PER_ROUND_TRIP * _SEGMENT_BYTES
        and round_trip <= MAX_NEARER_RATIO * line.round_trip
        and min(flow.time_to(line.mark) for flow in flows) >= MIN_RATE_RATIO * line.took
        and 2 * len(held) > len(flows)
        and any(fetches[0].at < at < fetches[-1].at for at in line.times)
        and max(abs(at - min(fetches, key=lambda one: abs(one.at - at)).at) for at in line.times) <= MAX_APART_MS
    )


def _shared_its_address(one: Exchange, hop: EvidenceHop) -> bool:
    """Whether a page of another chain came from the same address meanwhile: both share what a limit lets through."""
    return any(
        isinstance(other, Exchange)
        and (other.address, other.chain != one.chain) == (one.address, True)
        and other.at < one.at + one.took
        and one.at < other.at + other.took
        for other in hop.evidence.observations
    )


def _rate_after_burst(flow: Flow) -> float:
    """Bytes a second of a transfer, without the burst before a limit takes hold."""
    whole = flow.took + flow.quiet
    burst = [(FIRST_MARK_BYTES << mark, at) for mark, at in enumerate(flow.marks) if at <= MAX_BURST_SHARE * whole]
    size, until = burst[-1] if burst else (0, 0)
    return 1000 * (flow.bytes - size) / max(1, whole - until)


def _round_trip(endpoint: ObservedEndpoint) -> int:
    """Milliseconds of the fastest TCP handshake with an address."""
    trips = (_milliseconds(one) for group in endpoint.attempts for one in group if isinstance(one, Connection))
    return max(1, round(min(trips, default=1)))


def _milliseconds(one: Connection) -> float:
    """The handshake's round trip by the kernel's clock, which a busy host does not lengthen; else the time it took."""
    return one.rtt / 1000 if one.rtt else one.took


def _lost_packets(flow: Flow) -> bool:
    """Whether packets of a transfer were lost on the path."""
    return flow.disordered > 0 and flow.disordered >= MIN_LOST_SHARE * flow.segments


def _queued(flow: Flow, round_trip: int) -> bool:
    """Whether packets of a transfer waited in a queue on the path."""
    return flow.lag > MIN_QUEUE_RATIO * (round_trip + flow.stall)


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


def _all_frozen(fetches: list[Exchange]) -> bool:
    """Whether each fetch froze, or as many as any silence takes got no answer or froze."""
    if all(one.frozen for one in fetches):
        return True
    silent = all(one.failure is Failure.TIMEOUT and (one.frozen or not one.begun) for one in fetches)
    return silent and len(fetches) >= MIN_TIMEOUTS


def _mostly_frozen(fetches: list[Exchange]) -> bool:
    return 3 * sum(one.frozen for one in fetches) >= 2 * len(fetches)


def _under_other_name(endpoint: ObservedEndpoint) -> list[Exchange]:
    """The page under another name, where it came whole or by more than any freeze lets through."""
    return [
        one
        for one in endpoint.with_purpose(Purpose.NEUTRAL)
        if isinstance(one, Exchange) and one.status and (one.complete or _bytes(one) >= MAX_FREEZE_BYTES)
    ]


def _passes_beyond(endpoint: ObservedEndpoint, stop: int) -> bool:
    """Whether the page under another name comes beyond the place where the subject's stops.

    On a slow line it comes neither whole nor to 64 KiB before time is up; each transfer must then have come far beyond
    that place, and be under way still.
    """
    if any(_bytes(one) > stop for one in _under_other_name(endpoint)):
        return True
    under_way = [one for one in endpoint.with_purpose(Purpose.NEUTRAL) if isinstance(one, Exchange)]
    return len(under_way) >= MIN_PASSES and all(
        one.status and not one.frozen and _bytes(one) >= MIN_BEYOND_RATIO * stop for one in under_way
    )


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
