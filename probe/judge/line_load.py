"""Whether this line was overloaded while a hop was measured, so that its silences prove nothing.

A slow line that several transfers share delays each packet by a second or more, and drops what its queue cannot hold.
Requests then time out, and pages stop after some kilobytes: here alone, at every attempt, as behind a filter. But the
round trips of the TCP handshakes in between show the queue: the first took 10 ms, the later ones a second each. A
filter does not lengthen them: it drops packets or forges answers. A SYN that was sent again has no round trip.

Measured on a line of 160 kbit/s with a queue of one second that four large pages shared: 13 of 16 handshakes took more
than 0.9 s.
"""

from __future__ import annotations

from probe.judge.evidence_hop import EvidenceHop
from probe.model.failure import Failure
from probe.model.hop import Layer, Purpose
from probe.model.observation import Connection

MIN_QUEUED_RATIO = 5
"""Times the lowest round trip to an address from which one was delayed by a queue."""
MIN_QUEUED_MICROSECONDS = 300_000
"""Microseconds above the lowest round trip: on a short path a busy host alone may multiply it."""
MAX_PATH_MICROSECONDS = 800_000
"""Round trip beyond which any path has a queue: by way of a geostationary satellite it takes 600 to 700 ms."""
MIN_ROUND_TRIPS = 3
"""Round trips to an address that are needed: the first after idle time may wake up a radio."""


def silent_under_load(hop: EvidenceHop) -> bool:
    """A handshake or request timed out, while most round trips to the address were those of a full queue."""
    decisive = hop.decisive_failure
    if decisive is None or decisive.failure is not Failure.TIMEOUT or decisive.layer in {Layer.TCP, Layer.QUIC}:
        return False
    silent = [one.address for one in hop.failing_endpoints if decisive in one.failures]
    return bool(silent) and all(_is_delayed(round_trips(hop, address)) for address in silent)


def round_trips(hop: EvidenceHop, address: str) -> list[int]:
    """The round trips of the TCP handshakes with an address in this measurement, in microseconds."""
    return [
        one.rtt
        for one in hop.evidence.observations
        if isinstance(one, Connection) and one.address == address and one.rtt and one.purpose is not Purpose.LINE
    ]


def _is_delayed(trips: list[int]) -> bool:
    if len(trips) < MIN_ROUND_TRIPS:
        return False
    lowest = min(trips)
    bound = min(MAX_PATH_MICROSECONDS, max(MIN_QUEUED_RATIO * lowest, lowest + MIN_QUEUED_MICROSECONDS))
    return 2 * sum(trip >= bound for trip in trips) > len(trips)
