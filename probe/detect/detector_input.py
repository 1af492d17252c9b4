"""Records that go into the detector, and those it returns besides transitions."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final

import msgspec

from probe.model.verdict import Cause, Status, VantageState

Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class AnchorOutcome(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The outcome of one anchor measurement.

    It has no time: the anchors in a failing verdict were measured after the failure.

    Attributes:
        failure: None when the anchor worked.
        foreign_content: the anchor answered with content that is not its own.
    """

    failure: str | None = None
    foreign_content: bool = False


class VantageInput(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The part of a verdict's `vantage` that the detector reads.

    Attributes:
        state: state of the vantage.
        asn: AS number of the network, 0 when not known.
        anchors: the anchor outcomes that `state` was concluded from; empty without anchors.
    """

    state: VantageState = VantageState.ONLINE
    asn: int = 0
    anchors: tuple[AnchorOutcome, ...] = ()

    def answered(self) -> bool:
        """Return whether an anchor answered with its own content."""
        return any(anchor.failure is None and not anchor.foreign_content for anchor in self.anchors)


class DetectorInput(msgspec.Struct, frozen=True, gc=False):
    """The part of a verdict that the detector reads; decodes straight from a line of `probe check --json`.

    Attributes:
        time: start of the measurement, with its time zone.
        target: the target as it was given.
        status: the verdict's status.
        causes: the verdict's causes; the first one decided.
        attempt: 0, or the number of the re-test. Only re-tests more than a minute after their round need it.
        vantage: the vantage's state and network, when known.
        evidence: undecoded evidence of a JSON line; the attempt is read from it when needed.
    """

    time: Moment
    target: str
    status: Status
    causes: tuple[Cause, ...]
    attempt: int = 0
    vantage: VantageInput | None = None
    evidence: msgspec.Raw = msgspec.Raw()

    def is_retest(self) -> bool:
        """Return whether this verdict is a re-test."""
        if self.attempt or not self.evidence:
            return self.attempt > 0
        try:
            return _decode_attempt(self.evidence).attempt > 0
        except msgspec.DecodeError:
            return False


class _AttemptField(msgspec.Struct, frozen=True, gc=False):
    attempt: int = 0


_decode_attempt: Final = msgspec.json.Decoder(_AttemptField).decode


class CurrentStatus(msgspec.Struct, frozen=True):
    """The status that the detector has settled on for a target.

    Attributes:
        status: never `unknown`.
        since: when the status began.
        causes: causes of the newest failures; empty when reachable.
        nats: evidence for another change since, as the natural log of a likelihood ratio; 0 or more.
    """

    status: Status
    since: datetime
    causes: tuple[Cause, ...] = ()
    nats: float = 0.0


class CauseUpdate(msgspec.Struct, frozen=True):
    """An open block continues with other causes (`dns.injected` before, `ip.range` now). It is no transition."""

    target: str
    status: Status
    time: datetime
    causes: tuple[Cause, ...]
