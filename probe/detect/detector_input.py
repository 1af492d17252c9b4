"""Records that go into the detector, and those it returns besides transitions."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final
from urllib.parse import SplitResult, urlsplit

import msgspec

from probe.model.verdict import (
    ANSWERED_BESIDE_NOTES,
    IPV6_WORKS,
    Cause,
    ControlFacts,
    Evidence,
    Status,
    VantageState,
)

Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class AnchorOutcome(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The outcome of one anchor measurement.

    It has no time: the anchors in a failing verdict were measured after the failure.

    Attributes:
        failure: None when the anchor worked.
        foreign_content: the anchor answered with content that is not its own.
        url: the anchor; empty when not known.
        six: whether its IPv6 address accepts connections, as in `AnchorLook`.
    """

    failure: str | None = None
    foreign_content: bool = False
    url: str = ""
    six: str = ""

    @property
    def works(self) -> bool:
        """Whether the anchor answered with its own content."""
        return self.failure is None and not self.foreign_content


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
        return any(anchor.works for anchor in self.anchors)

    def independent_anchors(self) -> int:
        """Return how many hosts served as anchors, where all of them answered and not all in one way.

        0 when an anchor failed, or when all answered on the same port and over IPv4 alone: then one filter for that
        port, or half of an uplink, would spare or stop them together.
        """
        if not all(anchor.works for anchor in self.anchors):
            return 0
        parts = [urlsplit(anchor.url) for anchor in self.anchors if anchor.url]
        ports = {_port_of(part) for part in parts}
        both_families = any(anchor.six == IPV6_WORKS for anchor in self.anchors)
        return len({part.netloc for part in parts}) if len(ports) > 1 or both_families else 0


class DetectorInput(msgspec.Struct, frozen=True, gc=False):
    """The part of a verdict that the detector reads; decodes straight from a line of `probe check --json`.

    Attributes:
        time: start of the measurement, with its time zone.
        target: the target as it was given.
        status: the verdict's status.
        causes: the verdict's causes; the first one decided.
        attempt: 0, or the number of the re-test. Only re-tests more than a minute after their round need it.
        vantage: the vantage's state and network, when known.
        evidence: undecoded evidence of a JSON line; facts are read from it when needed.
        facts: facts of the evidence, when the verdict does not come from a JSON line.
    """

    time: Moment
    target: str
    status: Status
    causes: tuple[Cause, ...]
    attempt: int = 0
    vantage: VantageInput | None = None
    evidence: msgspec.Raw = msgspec.Raw()
    facts: EvidenceFacts | None = None

    def is_retest(self) -> bool:
        """Return whether this verdict is a re-test."""
        return self.attempt > 0 or (bool(self.evidence) and self.evidence_facts().attempt > 0)

    def evidence_facts(self) -> EvidenceFacts:
        """Return the facts of the evidence; those of no evidence where it cannot be read."""
        if self.facts is not None or not self.evidence:
            return self.facts or NO_FACTS
        try:
            return _decode_facts(self.evidence)
        except msgspec.DecodeError:
            return NO_FACTS


class ControlResult(msgspec.Struct, frozen=True, gc=False):
    """The part of the control's facts that the detector reads, as in `ControlFacts`."""

    time: Moment
    statuses: tuple[str, ...]


class NearerResult(msgspec.Struct, frozen=True, gc=False):
    """The part of an answer nearer than the path that the detector reads, as in `NearerAnswer`."""

    proven: bool = False


class EvidenceFacts(msgspec.Struct, frozen=True, gc=False):
    """The part of a verdict's evidence that the detector reads.

    Attributes:
        attempt: 0, or the number of the re-test.
        notes: ids of further findings.
        control: when the control measured the target, and how that ended; None without a control.
        nearer: answers that came sooner than the path's round trip.
    """

    attempt: int = 0
    notes: tuple[str, ...] = ()
    control: ControlResult | None = None
    nearer: tuple[NearerResult, ...] = ()

    @classmethod
    def of(cls, evidence: Evidence) -> EvidenceFacts:
        """Return the facts of decoded evidence."""
        nearer = tuple(NearerResult(answer.proven) for answer in evidence.nearer)
        return cls(evidence.attempt, evidence.notes, _result_of(evidence.control), nearer)

    @property
    def answered_beside(self) -> bool:
        """Whether another port of the target answered while this one was silent."""
        return not ANSWERED_BESIDE_NOTES.isdisjoint(self.notes)

    @property
    def answered_nearer(self) -> bool:
        """Whether an answer came from something nearer than the server, which proves itself."""
        return any(answer.proven for answer in self.nearer)

    @property
    def served_at(self) -> float:
        """When the control was served, Unix seconds; 0 without a control, or where it was not."""
        control = self.control
        served = control is not None and control.statuses == (Status.REACHABLE.value,)
        return control.time.timestamp() if control is not None and served else 0.0


def _result_of(control: ControlFacts | None) -> ControlResult | None:
    return None if control is None else ControlResult(control.time, tuple(map(str, control.statuses)))


NO_FACTS: Final = EvidenceFacts()
"""The facts of a verdict without evidence."""

_DEFAULT_PORTS: Final = {"http": "80", "https": "443"}


def _port_of(url: SplitResult) -> str:
    """Return the port of an anchor's URL, as text."""
    explicit = url.netloc.rpartition("]")[2].rpartition(":")[2]
    return explicit if explicit.isdigit() and ":" in url.netloc else _DEFAULT_PORTS.get(url.scheme, "")


_decode_facts: Final = msgspec.json.Decoder(EvidenceFacts).decode


class CurrentStatus(msgspec.Struct, frozen=True):
    """The status that the detector has settled on for a target.

    Attributes:
        status: never `unknown`.
        since: when the status began.
        causes: causes of the newest failures; empty when reachable.
        nats: evidence for another change since, as the natural log of a likelihood ratio; 0 or more.
        before_watch: the status began before the target was first measured, and `since` is that first measurement.
    """

    status: Status
    since: datetime
    causes: tuple[Cause, ...] = ()
    nats: float = 0.0
    before_watch: bool = False


class UnsettledFailure(msgspec.Struct, frozen=True, kw_only=True):
    """A target that fails, while its settled status is `reachable` or it has none.

    Attributes:
        since: the first failure after the last success.
        causes: causes of the newest failure.
    """

    target: str
    since: datetime
    causes: tuple[Cause, ...]


class FirstSight(msgspec.Struct, frozen=True, kw_only=True):
    """A failing status that was settled at first sight: the target had it when it was first measured.

    It is no transition, because nothing was seen to change.

    Attributes:
        since: the first measurement of the target on this network; the status began before it.
        time: when the detector became sure.
        causes: causes of the newest failure.
        nats, threshold: the evidence, and what it had to exceed.
    """

    target: str
    status: Status
    since: datetime
    time: datetime
    causes: tuple[Cause, ...]
    nats: float
    threshold: float


class CauseUpdate(msgspec.Struct, frozen=True):
    """An open block continues with other causes (`dns.injected` before, `ip.range` now). It is no transition."""

    target: str
    status: Status
    time: datetime
    causes: tuple[Cause, ...]
