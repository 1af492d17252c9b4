"""A change that the detector is sure of (contract: `probe replay`)."""

from __future__ import annotations

from datetime import datetime

import msgspec

from probe.model.verdict import Cause

VANTAGE = "vantage"
"""The target of a transition of the vantage itself."""

SERVICE = "service:"
"""Prefix of the target of a transition of a whole service; the name of the service follows."""


class Transition(msgspec.Struct, frozen=True, kw_only=True, rename={"before": "from", "after": "to"}):
    """One line of `probe replay`.

    Attributes:
        before: a `Status`, or a `VantageState` where the target is `vantage`; `from` in JSON.
        after: likewise; `to` in JSON.
        time: when the detector became sure.
        onset: its estimate of when the change happened.
        evidence: the numbers behind the decision (natural logarithms of likelihood ratios, counts, thresholds).
    """

    target: str
    before: str
    after: str
    time: datetime
    onset: datetime
    causes: tuple[Cause, ...] = ()
    evidence: dict[str, float | int | str] = {}
