"""How often a failure must repeat before it counts as the path's.

Silence looks like packet loss. A line on which one act in ten stays without an answer, retransmissions included, loses
a third of its packets in either direction. On it three time-outs in a row happen once in a thousand measurements, five
once in a hundred thousand. Such a line also shows it elsewhere: the same act that timed out once is answered another
time. Each of these *recovered time-outs* raises the number that is needed by one.

A filter does not always cut at the same layer. These count with a failure, because one behaviour explains all of them:

- a page that stopped, with requests that time out: it is one more request that met silence;
- residual blocking: attempts that met silence earlier, right after one that was cut (`probe.judge.own_residual`);
- the same failure under other names at the same address;
- with an RST, FIN or ICMP error that was seen once: time-outs at its layer. An accident explains the one and loss the
  others, so that together they must be as many as time-outs alone;
- with an RST or FIN that a request in clear met once: connections that its port refuses since, where the host's own
  certificate verifies at another port in between. A server that crashes or restarts refuses at both. Together they
  must be as many as time-outs.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import NamedTuple

from probe.judge.observed_endpoint import ObservedEndpoint
from probe.judge.own_residual import attempts_by_endpoint, residual_failures
from probe.model.failure import Failure
from probe.model.hop import CUT_FAILURES, Layer, LayerFailure, Purpose
from probe.model.observation import (
    Connection,
    Conversation,
    Exchange,
    Observation,
    QuicExchange,
    Resolution,
    TlsHandshake,
)

MIN_TIMEOUTS = 5
"""Time-outs of one kind, of the target and of other names at the same address, before they count. In simulated
measurements of honest networks in which one act in ten stays unanswered, three accused 33 of 28,000, five none of
14,000 (`tests/golden/test_bad_lines.py`)."""
MIN_MIXED_TIMEOUTS = 7
"""The same where they end at two layers, so that the loss of either of two acts explains each: 0.19^7 is 0.1^5."""
MIN_STOPPED_PAGES = 3
"""The same for pages that stopped after their first kilobytes, each after seconds of transfer: see
`probe.judge.throttling`."""
MIN_CUTS = 2
"""RST, FIN and ICMP are not made by packet loss: twice is no accident."""
MIN_ECHOED_CUTS = 3
"""The same where one attempt was cut, and the others met residual silence or were made under other names."""


class Repetitions(NamedTuple):
    """How often the attempts at some addresses failed in one way.

    Attributes:
        alike: attempts at the subject that failed so.
        residual: attempts, under any name, that residual blocking silenced.
        echoed: some of those, or of `other_names`, were made under another name.
        other_names: attempts under other names that failed so.
        timeouts: further attempts at the subject that timed out at the same layer.
        contradicted: an attempt at the subject failed in another way, as by a refused connection.
    """

    alike: int
    residual: int
    echoed: bool
    other_names: int
    timeouts: int
    contradicted: bool


def fails_repeatedly(
    endpoints: Sequence[ObservedEndpoint], failure: LayerFailure, observations: Sequence[Observation]
) -> bool:
    """Whether these addresses failed in this way often enough, counting what one behaviour explains.

    Args:
        endpoints: the failing addresses.
        failure: the failure that decides.
        observations: all of the measurement, for its recovered time-outs.
    """
    seen = repetitions(endpoints, failure)
    if failure.layer is Layer.BODY:
        requests = repetitions(endpoints, failure.pooled).alike
        return enough(failure, seen.alike, observations) or enough(failure.pooled, requests, observations)
    together = seen.alike + seen.residual + seen.other_names
    if _is_timeout(failure):
        if enough(failure, seen.alike + seen.other_names, observations):
            return True
        return seen.residual > 0 and together >= MIN_MIXED_TIMEOUTS + recovered_timeouts(observations)
    if enough(failure, seen.alike, observations) or any(
        _refuses_since(one, failure, observations) for one in endpoints
    ):
        return True
    if seen.contradicted or sum(len(endpoint.attempts) for endpoint in endpoints) < MIN_CUTS:
        return False
    echoed = seen.echoed and failure.layer is not Layer.TCP and together >= MIN_ECHOED_CUTS
    return echoed or together + seen.timeouts >= MIN_TIMEOUTS


def repetitions(endpoints: Sequence[ObservedEndpoint], failure: LayerFailure) -> Repetitions:
    """Count the attempts at these addresses by how they relate to a failure."""
    alike = residual = other_names = timeouts = 0
    contradicted = echoed = False
    for endpoint in endpoints:
        ends = [end if failure.layer is Layer.BODY else end.pooled for end in endpoint.failures]
        matching = ends.count(failure)
        alike += matching
        timeouts += 0 if _is_timeout(failure) else ends.count(LayerFailure(failure.layer, Failure.TIMEOUT))
        contradicted |= any(end != failure and not _is_cut_or_silent(end) for end in ends)
        silenced = endpoint.residual_failures if matching else ()
        residual += len(silenced)
        others = endpoint.failures_under_other_names(failure)
        other_names += others
        echoed |= others > 0 or any(attempt[0].purpose is not Purpose.SUBJECT for attempt in silenced)
    return Repetitions(alike, residual, echoed, other_names, timeouts, contradicted)


def enough(failure: LayerFailure, count: int, observations: Sequence[Observation]) -> bool:
    """Whether a failure was seen often enough to be the path's.

    Args:
        failure: how the attempts failed.
        count: how many of them did.
        observations: all of the measurement, for its recovered time-outs.
    """
    if failure.failure is not Failure.TIMEOUT:
        return count >= MIN_CUTS
    if failure.layer is Layer.BODY:
        return count >= MIN_STOPPED_PAGES
    return count >= MIN_TIMEOUTS + recovered_timeouts(observations)


def recovered_timeouts(observations: Sequence[Observation]) -> int:
    """Count the time-outs of acts that were answered another time: the line loses packets, or a filter leaks.

    Residual blocking silences acts that were answered before, and so does a filter that lets a QUIC handshake pass
    and drops what follows (USENIX'25). Such time-outs do not count.
    """
    acts = [
        one for one in observations if isinstance(one, Resolution | Conversation) and one.purpose is not Purpose.ECH
    ]
    answered = {_act(one) for one in acts if one.failure is not Failure.TIMEOUT}
    recovered = [one for one in acts if one.failure is Failure.TIMEOUT and _act(one) in answered]
    if not recovered:
        return 0
    silenced = _silenced([one for one in acts if isinstance(one, Conversation)])
    return sum(id(one) not in silenced for one in recovered)


def _refuses_since(endpoint: ObservedEndpoint, failure: LayerFailure, observations: Sequence[Observation]) -> bool:
    """Whether a port refuses all since it cut a request in clear, while the host itself is alive at another port."""
    attempts = endpoint.attempts_under(Purpose.SUBJECT)
    ends = [attempt[-1].ending for attempt in attempts]
    refused = LayerFailure(Layer.TCP, Failure.RESET)
    if endpoint.subject.scheme != "http" or failure not in ends or len(ends) < MIN_TIMEOUTS:
        return False
    first = ends.index(failure) + 1
    if first > 1 or set(ends[first:]) != {refused}:
        return False
    return any(
        isinstance(one, TlsHandshake)
        and one.verified
        and (one.address, one.sni) == (endpoint.address, endpoint.subject.host)
        and attempts[first][0].at <= one.at <= attempts[-1][0].at
        for one in observations
    )


def _silenced(seen: Sequence[Conversation]) -> set[int]:
    """The identities of what residual blocking silenced."""
    found = {
        id(one)
        for attempts in attempts_by_endpoint(seen).values()
        for attempt in residual_failures(attempts)
        for one in attempt
    }
    cut: set[tuple[str, int]] = set()
    for one in seen:
        if isinstance(one, QuicExchange):
            if (one.address, one.port) in cut:
                found.add(id(one))
            if one.gap and one.failure is Failure.TIMEOUT:
                cut.add((one.address, one.port))
    return found


def _is_timeout(failure: LayerFailure) -> bool:
    return failure.failure is Failure.TIMEOUT


def _is_cut_or_silent(end: LayerFailure) -> bool:
    """Whether a filter may have made a failure beside the decisive one: not a refused connection, nor an answer."""
    return _is_timeout(end) or (end.layer is not Layer.TCP and end.failure in CUT_FAILURES)


def _act(one: Resolution | Conversation) -> Hashable:
    """What was asked, and where."""
    match one:
        case Resolution():
            return one.trust, one.resolver, one.name
        case Connection():
            return one.address, one.port
        case Exchange():
            return one.url, one.address
        case QuicExchange():
            return "quic", one.address, one.port, one.sni, one.gap > 0
        case _:
            return "tls", one.address, one.port, one.sni
