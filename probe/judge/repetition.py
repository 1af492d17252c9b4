"""How often a failure must repeat before it counts as the path's.

Silence looks like packet loss. A line on which one act in ten stays without an answer, retransmissions included, loses
a third of its packets in either direction. On it three time-outs in a row happen once in a thousand measurements, five
once in a hundred thousand. Such a line also shows it elsewhere: the same act that timed out once is answered another
time. Each of these *recovered time-outs* raises the number that is needed by one.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from probe.judge.observed_endpoint import ObservedEndpoint
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
MIN_STOPPED_PAGES = 3
"""The same for pages that stopped after their first kilobytes, each after seconds of transfer: see
`probe.judge.throttling`."""
MIN_CUTS = 2
"""RST, FIN and ICMP are not made by packet loss: twice is no accident."""
_LAYERS = {Connection: Layer.TCP, TlsHandshake: Layer.TLS, Exchange: Layer.HTTP, QuicExchange: Layer.QUIC}


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


def other_name_timeouts(endpoints: Sequence[ObservedEndpoint], failure: LayerFailure) -> int:
    """Count the same time-outs under other names at these addresses; 0 for a failure that is no time-out."""
    if failure.failure is not Failure.TIMEOUT:
        return 0
    return sum(
        one.failure is Failure.TIMEOUT and _LAYERS[type(one)] is failure.layer
        for endpoint in endpoints
        for purpose in (Purpose.NEUTRAL, Purpose.ALLOWED)
        for one in endpoint.with_purpose(purpose)
    )


def recovered_timeouts(observations: Sequence[Observation]) -> int:
    """Count the time-outs of acts that were answered another time: the line loses packets, or a filter leaks.

    A silent SYN after a cut conversation with the same address does not count: some filters keep an address and port
    silent for a while (GFW: IMC'17, S&P'25).
    """
    answered: set[Hashable] = set()
    timed_out: list[Hashable] = []
    cut: set[str] = set()
    for one in observations:
        if not isinstance(one, Resolution | Conversation) or one.purpose is Purpose.ECH:
            continue
        act = _act(one)
        if one.failure is not Failure.TIMEOUT:
            answered.add(act)
        elif not isinstance(one, Connection) or one.address not in cut:
            timed_out.append(act)
        if not isinstance(one, Resolution | Connection) and one.failure in CUT_FAILURES:
            cut.add(one.address)
    return sum(act in answered for act in timed_out)


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
