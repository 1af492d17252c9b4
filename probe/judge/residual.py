"""Whether failures at an address may be the echo of a name that was cut there shortly before (residual blocking).

Some censors answer one forbidden name by dropping or resetting everything between this host and that address for a
while, whatever name comes next: 90 s (IMC'17), 180 to 360 s (S&P'25) at the GFW, up to 420 s elsewhere. A healthy name
at the same address then fails because *we* asked for another, and the failure proves nothing.

====================================================  ===========================================================
a failure is explained by a recent cut                and is not
====================================================  ===========================================================
another name was cut at the address (the cut may      the cut name is the target's own
have silenced its neighbours, too)
it happened before the failing attempt, and not       the address answered some name between the two
longer ago than such a silence lasts
the address answers no other name now                 a neutral name is answered: only this name is cut
====================================================  ===========================================================
"""

from __future__ import annotations

from collections.abc import Iterable

from probe.judge.evidence_hop import EvidenceHop
from probe.judge.observed_endpoint import ObservedEndpoint, answered
from probe.model.hop import NO_ANSWER_FAILURES, Purpose
from probe.model.verdict import RecentCut

RESIDUAL_RULE = "vantage.residual"
"""Id of the rule that a recent cut may explain a failure."""
SILENCE_MILLISECONDS = 420_000
"""Longest time for which an address that a cut has silenced stays silent: the longest that was seen."""
DOUBT_MILLISECONDS = 180_000
"""The same where nothing shows that the cut silenced the address, so that it may be blocked under every name."""


def explained_by_recent_cut(hop: EvidenceHop) -> bool:
    """Every failing address of the target may be silent because another name was cut there shortly before."""
    failure = hop.decisive_failure
    if failure is None or failure.failure not in NO_ANSWER_FAILURES or hop.subject.scheme == "range":
        return False
    failing = hop.failing_endpoints
    return bool(failing) and all(is_silenced(hop, endpoint) for endpoint in failing)


def is_silenced(hop: EvidenceHop, endpoint: ObservedEndpoint) -> bool:
    """Whether a cut under another name may have silenced an address that answered no other name since."""
    answers = [
        one.at
        for purpose in (Purpose.NEUTRAL, Purpose.ALLOWED)
        for one in endpoint.with_purpose(purpose)
        if answered((one,))
    ]
    moments = [attempt[-1].at for attempt in endpoint.attempts]
    return any(
        cut.address == endpoint.address
        and cut.name != hop.subject.host
        and is_doubtful(cut, moments)
        and not any(moment >= cut.at for moment in answers)
        for cut in hop.evidence.recent_cuts
    )


def is_doubtful(cut: RecentCut, moments: Iterable[int]) -> bool:
    """Whether the address may have been silent because of a cut at one of these milliseconds of the measurement."""
    return any(cut.at <= moment <= end_of(cut) for moment in moments)


def end_of(cut: RecentCut) -> int:
    """The millisecond of the measurement until which a cut may keep its address silent."""
    end = cut.at + (SILENCE_MILLISECONDS if cut.silenced else DOUBT_MILLISECONDS)
    return end if cut.until is None else min(end, cut.until)
