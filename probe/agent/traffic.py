"""What a round did to the networks it measured: its connections and handshakes, and how close together they were."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from probe.model.address import network_of
from probe.model.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Traffic:
    """Counted from evidence, so without the anchors and the trusted resolvers.

    Attributes:
        connections: TCP handshakes begun.
        handshakes: TLS handshakes begun.
        busiest: the most TLS handshakes begun within a second with one network (/16, /32).
    """

    connections: int = 0
    handshakes: int = 0
    busiest: int = 0


def traffic_of(verdicts: Iterable[Verdict]) -> Traffic:
    """The traffic behind these verdicts."""
    connections = 0
    begun: dict[str, list[float]] = defaultdict(list)
    for verdict in verdicts:
        start = verdict.time.timestamp()
        for one in verdict.evidence.observations:
            traffic = one.traffic
            connections += traffic.connections
            if traffic.handshakes:
                begun[network_of(traffic.address)] += [start + one.at / 1000] * traffic.handshakes
    moments = [sorted(each) for each in begun.values()]
    return Traffic(connections, sum(map(len, moments)), max(map(_busiest, moments), default=0))


def _busiest(moments: list[float]) -> int:
    """The most of them within one second."""
    return max(number - bisect_left(moments, moment - 1 + 1e-6) for number, moment in enumerate(moments, 1))
