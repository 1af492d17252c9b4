"""What the detector is told and what it answers, besides transitions."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final

import msgspec

from probe.model.verdict import Cause, Status, VantageState

Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class AnchorOutcome(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One look at an anchor. Those in a failing verdict were had after the failure, so when is not asked.

    Attributes:
        failure: None when it worked.
        foreign_content: it answered, but not with its own content.
    """

    failure: str | None = None
    foreign_content: bool = False


class VantageInput(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The part of a verdict's `vantage` that the detector reads.

    Attributes:
        state: whether anything could be concluded there.
        asn: AS number of the network, 0 when not known.
        anchors: the looks that `state` was concluded from; none where there are no anchors.
    """

    state: VantageState = VantageState.ONLINE
    asn: int = 0
    anchors: tuple[AnchorOutcome, ...] = ()

    def answered(self) -> bool:
        """Whether an anchor answered, and as itself."""
        return any(anchor.failure is None and not anchor.foreign_content for anchor in self.anchors)


class DetectorInput(msgspec.Struct, frozen=True, gc=False):
    """The part of a verdict that the detector reads; decodes straight from a line of `probe check --json`.

    Attributes:
        time: start of the measurement, with its zone.
        target: as it was given.
        status: what was concluded.
        causes: why, the first decided.
        attempt: 0, or which re-test; needed only where re-tests follow their round after more than a minute.
        vantage: where it was made, when known.
        evidence: of a line, unread; the attempt is there.
    """

    time: Moment
    target: str
    status: Status
    causes: tuple[Cause, ...]
    attempt: int = 0
    vantage: VantageInput | None = None
    evidence: msgspec.Raw = msgspec.Raw()

    def again(self) -> bool:
        """Whether this is a re-test."""
        if self.attempt or not self.evidence:
            return self.attempt > 0
        try:
            return _attempted(self.evidence).attempt > 0
        except msgspec.DecodeError:
            return False


class _Attempted(msgspec.Struct, frozen=True, gc=False):
    attempt: int = 0


_attempted: Final = msgspec.json.Decoder(_Attempted).decode


class SettledStatus(msgspec.Struct, frozen=True):
    """What the detector believes of a target.

    Attributes:
        status: never `unknown`.
        since: when that began.
        causes: of the newest failures; empty when reachable.
        nats: evidence that it has changed again, natural log of a likelihood ratio, 0 or more.
    """

    status: Status
    since: datetime
    causes: tuple[Cause, ...] = ()
    nats: float = 0.0


class CauseUpdate(msgspec.Struct, frozen=True):
    """An open block goes on by other means (`dns.injected` yesterday, `ip.range` today): no transition."""

    target: str
    status: Status
    time: datetime
    causes: tuple[Cause, ...]
