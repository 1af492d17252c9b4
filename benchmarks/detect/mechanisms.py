"""The verdicts of failing attempts, by the mechanism that makes them fail.

The shares are assumptions, separate on purpose from the detector's own tables (`probe.detect.hypotheses`): a detector
must not be measured in a world that is drawn from its own likelihoods.
"""

from __future__ import annotations

from bisect import bisect
from itertools import accumulate
from random import Random

from probe.model.verdict import Cause, Status

Sample = tuple[Status, tuple[Cause, ...]]
REACHABLE: Sample = (Status.REACHABLE, ())
UNKNOWN: Sample = (Status.UNKNOWN, ())
UNREACHABLE: Sample = (Status.UNREACHABLE, (Cause.TCP_TIMEOUT,))
DOWN: Sample = (Status.DOWN, ())


def blocked(*causes: Cause) -> Sample:
    """A blocked verdict."""
    return Status.BLOCKED, causes


class Mix:
    """Samples with their shares."""

    def __init__(self, *shares: tuple[float, Sample]) -> None:
        self._looks = [look for _, look in shares]
        self._edges = list(accumulate(share for share, _ in shares))

    def draw(self, rng: Random) -> Sample:
        """One sample."""
        return self._looks[bisect(self._edges, rng.random() * self._edges[-1])]


_SILENT = blocked(Cause.TCP_TIMEOUT)
_FROZEN: Sample = (Status.THROTTLED, (Cause.THROTTLE_FREEZE,))
_SILENCE_NATS: Sample = (Status.THROTTLED, (Cause.THROTTLE_RATE,))

MECHANISMS: dict[str, Mix] = {
    "dns": Mix(
        (0.84, blocked(Cause.DNS_INJECTED)), (0.10, blocked(Cause.DNS_BOGON)), (0.06, blocked(Cause.DNS_TIMEOUT))
    ),
    "sni_rst": Mix(
        (0.84, blocked(Cause.TLS_RESET, Cause.TLS_SNI)),
        (0.10, blocked(Cause.TLS_RESET)),
        (0.06, blocked(Cause.TLS_TIMEOUT)),
    ),
    "sni_drop": Mix(
        (0.74, blocked(Cause.TLS_TIMEOUT, Cause.TLS_SNI)), (0.21, blocked(Cause.TLS_TIMEOUT)), (0.05, UNREACHABLE)
    ),
    "page": Mix((0.88, blocked(Cause.HTTP_BLOCKPAGE)), (0.06, blocked(Cause.HTTP_RESET)), (0.06, _SILENT)),
    "spoof": Mix(
        (0.84, blocked(Cause.DNS_SPOOFED)),
        (0.06, blocked(Cause.TLS_MITM)),
        (0.06, blocked(Cause.DNS_TIMEOUT)),
        (0.04, UNREACHABLE),
    ),
    "rst": Mix(
        (0.55, blocked(Cause.TCP_RESET)),
        (0.27, blocked(Cause.TLS_RESET)),
        (0.05, blocked(Cause.TLS_EOF)),
        (0.08, _SILENT),
        (0.05, UNREACHABLE),
    ),
    "ip": Mix((0.80, _SILENT), (0.18, UNREACHABLE), (0.02, blocked(Cause.TCP_RESET))),
}
"""The seven ways of blocking."""

PORT_SILENT = blocked(Cause.TCP_TIMEOUT)
PORT = Mix((0.82, PORT_SILENT), (0.16, UNREACHABLE), (0.02, blocked(Cause.TCP_RESET)))
"""One port of an address is silent, and another answers."""

THROTTLE = Mix((0.55, _FROZEN), (0.28, _SILENCE_NATS), (0.10, blocked(Cause.HTTP_TIMEOUT)), (0.07, UNREACHABLE))

FROZEN = Mix((0.55, _FROZEN), (0.35, blocked(Cause.TLS_TIMEOUT)), (0.10, UNREACHABLE))
"""The network punishes the pace of the vantage's own handshakes."""

STRAY = Mix(
    (0.45, UNREACHABLE),
    (0.39, _SILENT),
    (0.08, blocked(Cause.TLS_RESET)),
    (0.04, blocked(Cause.TLS_EOF)),
    (0.012, blocked(Cause.HTTP_BLOCKPAGE)),
    (0.012, DOWN),
    (0.010, _SILENCE_NATS),
    (0.001, blocked(Cause.DNS_INJECTED)),
)
"""Failures by chance."""

PRIOR_BURSTS: tuple[tuple[float, Mix], ...] = (
    (0.45, Mix((0.85, UNREACHABLE), (0.13, _SILENT), (0.02, DOWN))),
    (0.45, Mix((0.85, _SILENT), (0.13, UNREACHABLE), (0.02, DOWN))),
    (0.03, Mix((0.86, blocked(Cause.TLS_RESET)), (0.09, _SILENT), (0.05, UNREACHABLE))),
    (0.07, Mix((0.85, DOWN), (0.10, UNREACHABLE), (0.05, _SILENT))),
)
"""Kinds of bursts with their shares: packet loss, a black hole, a middlebox that resets, a failing site."""

PORTAL = Mix((0.6, blocked(Cause.HTTP_REDIRECT)), (0.4, blocked(Cause.TLS_MITM)))
DEAD_RESOLVER = Mix((0.7, blocked(Cause.DNS_TIMEOUT)), (0.2, blocked(Cause.DNS_SERVFAIL)), (0.1, UNREACHABLE))
DEAD_UPLINK = Mix((0.55, UNREACHABLE), (0.45, _SILENT))
SICK_SITE = Mix((0.86, DOWN), (0.10, UNREACHABLE), (0.04, _SILENT))
SILENT_SITE = Mix((0.90, UNREACHABLE), (0.06, DOWN), (0.04, _SILENT))
"""A site outage, judged down or (without a control) unreachable."""
EARLY_SITE = Mix((0.6, _SILENT), (0.4, UNREACHABLE))
"""The first minutes of a site outage, before the control knows."""
SITE_FAULTS = (SICK_SITE, SILENT_SITE, EARLY_SITE)
