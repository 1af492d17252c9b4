"""When an answer comes sooner than a server at the end of the path can send it.

Planning asks for proof where one try looks so; judging demands it. The limits err towards the server: a jittery line, a
slow first packet of a radio link or a busy server make a round trip look longer than it is.
"""

from __future__ import annotations

from collections.abc import Sequence

from probe.model.failure import Failure
from probe.model.observation import Connection, Exchange, Observation, TlsHandshake

MAX_SHARE = 0.5
"""Share of the lowest round trip below which an answer came from nearer than the server. A device in front of a server,
such as a filter against floods, is seldom less than half of the way; a provider's filter is in the first tenths. In a
simulation of jittery lines (`tests/golden/test_jittery_lines.py`) 0.6 doubled the wrong conclusions."""
MIN_GAP_MICROSECONDS = 5_000
"""Microseconds that an answer must be sooner: below, a busy host and a wireless link decide."""
SUDDEN_FAILURES = frozenset({Failure.RESET, Failure.EOF, Failure.ALERT, Failure.CERTIFICATE, Failure.GARBAGE})
"""Failures that something caused that arrived."""


def is_sooner(wait: int, round_trip: int) -> bool:
    """Whether an answer after `wait` microseconds came from nearer than the end of a path with this round trip."""
    return 0 < wait < MAX_SHARE * round_trip and round_trip - wait >= MIN_GAP_MICROSECONDS


def is_unproven(one: Observation) -> bool:
    """Whether an observation is an answer that anybody on the path can send: a cut, an alert, a page in clear.

    Over TLS a request is no beginning: a TLS 1.3 server may end the connection beside its last flight of the handshake
    (RFC 8446 section 4.4.4), before it can have the request.
    """
    if isinstance(one, TlsHandshake):
        return one.failure in SUDDEN_FAILURES
    if not isinstance(one, Exchange) or not one.url.startswith("http:"):
        return False
    return one.answered or one.failure in SUDDEN_FAILURES


def came_sooner(seen: Sequence[Observation]) -> bool:
    """Whether the answer of one step came sooner than the round trip of its own SYN."""
    connection = next((one for one in seen if isinstance(one, Connection)), None)
    last = seen[-1] if seen else None
    if connection is None or not isinstance(last, TlsHandshake | Exchange) or not is_unproven(last):
        return False
    return is_sooner(last.wait, connection.rtt)
