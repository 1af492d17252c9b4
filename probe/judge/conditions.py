"""Conditions of rules about the measurement, the vantage and the control, which belong to no layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from probe.judge.control import ControlOutcome
from probe.judge.evidence_hop import EvidenceHop
from probe.lazy import lazy
from probe.model.address import is_bogon, parse_address
from probe.model.verdict import VantageNote, VantageState

if TYPE_CHECKING:
    from probe.judge import ranges, tcp_tls
else:
    ranges = lazy("probe.judge.ranges")
    tcp_tls = lazy("probe.judge.tcp_tls")

Predicate = Callable[[EvidenceHop], bool]


def vantage_is(state: VantageState) -> Predicate:
    """The condition that the vantage is in a state."""

    def predicate(hop: EvidenceHop) -> bool:
        return hop.view.state is state

    return predicate


def control_is(outcome: ControlOutcome) -> Predicate:
    """The condition that the control fared so."""

    def predicate(hop: EvidenceHop) -> bool:
        return hop.control_outcome is outcome

    return predicate


def measurement_failed(hop: EvidenceHop) -> bool:
    """Whether the measurement itself failed."""
    return bool(hop.evidence.error)


def nothing_seen(hop: EvidenceHop) -> bool:
    """Whether time was up before anything was seen."""
    return not hop.observed.tried and not hop.observed.looked_up and not _is_forbidden(hop)


def no_address_tried(hop: EvidenceHop) -> bool:
    """Addresses were known, and none was tried: no time was left, or this host has no route for their family."""
    answers = hop.name_answers
    if hop.observed.tried or hop.subject.scheme == "dns" or _is_forbidden(hop):
        return False
    return answers is None or any(not is_bogon(address) for address in answers.reference | answers.given)


def _is_forbidden(hop: EvidenceHop) -> bool:
    """Whether a redirect leads to a private or reserved address, which is not tried."""
    return hop.index > 0 and parse_address(hop.subject.host) is not None and is_bogon(hop.subject.host)


def one_host(hop: EvidenceHop) -> bool:
    """Whether one unknown host answers in the place of unrelated sites."""
    return VantageNote.ONE_HOST in hop.view.notes


def anchors_disagree(hop: EvidenceHop) -> bool:
    """Whether some anchors work and others do not."""
    return VantageNote.ANCHORS_DISAGREE in hop.view.notes


def relayed_where_failing_proves_nothing(hop: EvidenceHop) -> bool:
    """Whether a relay accepts connections at a vantage where failures prove nothing."""
    state = hop.view.state
    return state in {VantageState.ALLOWLIST, VantageState.POLICED} and (tcp_tls.relayed(hop) or ranges.relayed(hop))


def always(hop: EvidenceHop) -> bool:  # noqa: ARG001 - the shape of every predicate
    """Whatever was seen."""
    return True
