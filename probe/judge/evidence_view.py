"""The evidence of one measurement, and each hop of it with what the control and the vantage say of it.

`HopFacts` holds what can be said of a hop before any of its addresses is judged. `probe.judge.evidence_hop` adds the
rest.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from probe.judge.cached_property import cached_property
from probe.judge.hops import ObservedHop
from probe.judge.nearer import PAGE, nearer_answers
from probe.judge.observed_endpoint import ObservedEndpoint
from probe.lazy import lazy
from probe.model.hop import Layer, Subject
from probe.model.observation import Conversation, Exchange, Observation
from probe.model.target import Target
from probe.model.verdict import IPV6_WORKS, AnchorLook, ControlFacts, Evidence, NearerAnswer, VantageNote, VantageState

if TYPE_CHECKING:
    from probe.judge import control, moved, name_answers, pages
    from probe.judge.control import ControlOutcome
    from probe.judge.name_answers import NameAnswers
    from probe.judge.pages import PageOrigin
else:
    pages = lazy("probe.judge.pages")
    moved = lazy("probe.judge.moved")
    name_answers = lazy("probe.judge.name_answers")
    control = lazy("probe.judge.control")


class EvidenceView(msgspec.Struct, frozen=True, eq=False, dict=True):
    """One measurement, as rules see it.

    Attributes:
        target: what was measured.
        evidence: what was seen, and what of the control was used.
        state: of the vantage.
        time: the start of the measurement; None when unknown, and then no control is too old.
        notes: what else is wrong with the vantage (`VantageNote`).
        anchors: the latest looks at the anchors.
        ipv6_answered: another target answered over IPv6 in the same pass.
    """

    target: Target
    evidence: Evidence
    state: VantageState
    time: datetime | None = None
    notes: frozenset[str] = frozenset()
    anchors: tuple[AnchorLook, ...] = ()
    ipv6_answered: bool = False

    @property
    def is_in_doubt(self) -> bool:
        """Whether failures at this vantage may be the line's own, so that only what one address proves counts."""
        return bool(self.notes & {VantageNote.ANCHORS_DISAGREE, VantageNote.ONE_HOST})

    @cached_property
    def kinds(self) -> frozenset[type[Observation]]:
        """The kinds of its observations."""
        return frozenset(map(type, self.evidence.observations))

    @cached_property
    def ipv6_works(self) -> bool:
        """Whether anything was answered over IPv6: by the target, another target or an anchor."""
        if self.ipv6_answered or any(one.over_ipv6 or one.ipv6_result == IPV6_WORKS for one in self.anchors):
            return True
        return any(
            isinstance(one, Conversation) and one.failure is None and ":" in one.address
            for one in self.evidence.observations
        )


class HopFacts:
    """A hop with its observations, the control's facts and the answers about its host.

    Args:
        view: the measurement.
        observed: the hop's observations.
        earlier: the hops that led to it, in order.
    """

    def __init__(self, view: EvidenceView, observed: ObservedHop, earlier: tuple[ObservedHop, ...]) -> None:
        self.view = view
        self.observed = observed
        self.earlier = earlier

    @property
    def evidence(self) -> Evidence:
        """What the measurement saw."""
        return self.view.evidence

    @property
    def subject(self) -> Subject:
        """What the hop tries."""
        return self.observed.subject

    @property
    def index(self) -> int:
        """The number of the hop in its chain; 0 is the target itself."""
        return self.observed.index

    @property
    def is_range(self) -> bool:
        """Whether the target is a range."""
        return self.observed.subject.scheme == "range"

    @property
    def endpoints(self) -> tuple[ObservedEndpoint, ...]:
        """The addresses tried, the target's own or not."""
        return self.observed.endpoints

    @cached_property
    def control_outcome(self) -> ControlOutcome:
        """How the control fared at this hop; not known where it was served by a machine that the name has left."""
        found = control.outcome(self.evidence.control, self.subject, first=self.index == 0, time=self.view.time)
        return control.ControlOutcome.NONE if found is control.ControlOutcome.SERVED and self._moved else found

    @cached_property
    def _moved(self) -> bool:
        if self.evidence.control is None or not self.subject.is_name:
            return False
        host = self.subject.host
        then = self.evidence.control.addresses.get(host, ())
        return moved.has_moved(host, self.evidence.observations, self.endpoints, then)

    @property
    def control(self) -> ControlFacts | None:
        """The control's facts; None where they do not count.

        A control that served the target and never met this hop still knows the names it resolved.
        """
        if self._moved:
            return None
        if self.control_outcome in {control.ControlOutcome.SERVED, control.ControlOutcome.FAILED}:
            return self.evidence.control
        return self.evidence.control if self.control_outcome is control.ControlOutcome.NONE and self.index else None

    @cached_property
    def name_answers(self) -> NameAnswers | None:
        """The resolvers' answers about the host; None where the host is no name."""
        if not self.subject.is_name:
            return None
        served = self.control_outcome is control.ControlOutcome.SERVED
        return name_answers.NameAnswers(self.subject.host, self.evidence.observations, self.control, served=served)

    def page_origin(self, page: Exchange) -> PageOrigin:
        """Who wrote a page."""
        found = pages.origin(page, self.observed, self.earlier, self.control, self.evidence.observations)
        if page.secure or not any(one.what == PAGE and one.address == page.address for one in self.proven_nearer):
            return found
        return pages.origin_of_nearer(page, found, self.observed, self.control, self.evidence.observations)

    @cached_property
    def nearer(self) -> tuple[NearerAnswer, ...]:
        """The answers that came sooner than the server can send them, proven or not."""
        return tuple(answer for one in self.endpoints for answer in nearer_answers(one, self.evidence.observations))

    @property
    def proven_nearer(self) -> tuple[NearerAnswer, ...]:
        """Those of them that the server cannot have sent."""
        return tuple(one for one in self.nearer if one.proven)

    def own_fault(self, endpoint: ObservedEndpoint) -> bool:
        """Whether an address failed because of this host: of itself, or because its IPv6 works nowhere."""
        if VantageNote.IPV6_BROKEN not in self.view.notes or ":" not in endpoint.address:
            return endpoint.own_fault
        failure = endpoint.main_failure
        return endpoint.own_fault or (failure is not None and failure.layer is Layer.TCP)
