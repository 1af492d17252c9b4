"""One hop with everything that a rule may read. Rules are predicates of an `EvidenceHop`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from probe.judge.address_ownership import AddressOwnership, ownership
from probe.judge.cached_property import cached_property
from probe.judge.evidence_view import EvidenceView, HopFacts
from probe.judge.hops import ObservedHop, chains
from probe.judge.observed_endpoint import ObservedEndpoint, answered
from probe.judge.repetition import repetitions
from probe.lazy import lazy
from probe.model.address import is_bogon
from probe.model.hop import Layer, LayerFailure, Purpose

if TYPE_CHECKING:
    from probe.judge import name_answers, name_resolution, pages
    from probe.judge.name_resolution import NameResolution
else:
    pages = lazy("probe.judge.pages")
    name_answers = lazy("probe.judge.name_answers")
    name_resolution = lazy("probe.judge.name_resolution")


def hops_of(view: EvidenceView) -> tuple[tuple[EvidenceHop, ...], ...]:
    """The hops of a measurement, chain by chain."""
    return tuple(
        tuple(EvidenceHop(view, hop, hops[:number]) for number, hop in enumerate(hops))
        for hops in chains(view.target, view.evidence.observations)
    )


class EvidenceHop(HopFacts):
    """A hop whose addresses are judged to be the target's or not."""

    def __init__(self, view: EvidenceView, observed: ObservedHop, earlier: tuple[ObservedHop, ...]) -> None:
        super().__init__(view, observed, earlier)
        self._ownership: dict[str, AddressOwnership] = {}

    @cached_property
    def names(self) -> NameResolution | None:
        """How the host was resolved; None where it is no name."""
        return None if self.name_answers is None else name_resolution.NameResolution(self.name_answers, self.ownership)

    def ownership(self, address: str) -> AddressOwnership:
        """Whether an address is the target's."""
        if address not in self._ownership:
            self._ownership[address] = ownership(self, address)
        return self._ownership[address]

    @cached_property
    def own_endpoints(self) -> tuple[ObservedEndpoint, ...]:
        """The tried addresses that are the target's: the confirmed ones, else all that are not refuted.

        Where programs on this host are not served, the addresses that they get.
        """
        if self._failed_use:
            return self._failed_use
        tried = tuple(endpoint for endpoint in self.endpoints if endpoint.attempts)
        confirmed = tuple(one for one in tried if self.ownership(one.address) is AddressOwnership.CONFIRMED)
        return confirmed or tuple(
            one
            for one in tried
            if self.ownership(one.address) is not AddressOwnership.REFUTED
            and not (self.subject.is_name and is_bogon(name_answers.plain(one.address)))
        )

    @cached_property
    def serving_endpoints(self) -> tuple[ObservedEndpoint, ...]:
        """The addresses that served what the target itself wrote; none where programs on this host are not served."""
        return () if self._failed_use else self._own_answers

    @cached_property
    def _failed_use(self) -> tuple[ObservedEndpoint, ...]:
        """The addresses that programs on this host get for the name, where others serve the target and none of them.

        Empty where they fail and one of them is surely the target's: some of a name's addresses may fail while others
        serve. A page that somebody else wrote is what people get, whoever else would get the right one.
        """
        if not self._own_answers or self.names is None or self.names.used is None:
            return ()
        if self.names.bad_answer is not None:
            return ()
        given = self.names.used.first
        used = tuple(one for one in self.endpoints if one.attempts and one.address in given)
        if any(one in self._own_answers or self.own_fault(one) for one in used):
            return ()
        answered = any(one.pages for one in used)
        return used if answered or not any(self._is_confirmed(one) for one in used) else ()

    def _is_confirmed(self, endpoint: ObservedEndpoint) -> bool:
        return self.ownership(endpoint.address) is AddressOwnership.CONFIRMED

    @cached_property
    def _own_answers(self) -> tuple[ObservedEndpoint, ...]:
        return tuple(
            endpoint
            for endpoint in self.endpoints
            if endpoint.serves
            and self.ownership(endpoint.address) is not AddressOwnership.REFUTED
            and (not endpoint.pages or any(self.page_origin(page) is pages.PageOrigin.OWN for page in endpoint.pages))
        )

    @cached_property
    def failing_endpoints(self) -> tuple[ObservedEndpoint, ...]:
        """The target's addresses that failed, failures of this host left out."""
        return tuple(
            endpoint
            for endpoint in self.own_endpoints
            if endpoint.main_failure is not None and not self.own_fault(endpoint)
        )

    @cached_property
    def decisive_failure(self) -> LayerFailure | None:
        """The deepest and most telling failure of the target's addresses; None where one of them serves anything.

        A page that stopped, among requests that timed out, is one more of them; so is one after which the address fell
        silent. Only where the first kilobytes of a page came it is a freeze (`probe.judge.throttling`). A page that was
        still coming when time was up did not stop: on a slow line, one lost request beside it is no block.
        """
        if any(endpoint.serves for endpoint in self.own_endpoints):
            return None
        failures = (one.main_failure for one in self.failing_endpoints if one.main_failure is not None)
        deepest = max(failures, key=lambda end: end.rank, default=None)
        if deepest is None or deepest.layer is not Layer.BODY:
            return deepest
        if any(one.residual_failures for one in self.failing_endpoints):
            return deepest.pooled
        early = any(deepest.pooled in endpoint.failures for endpoint in self.failing_endpoints)
        came = any(endpoint.freezes or endpoint.crawls for endpoint in self.failing_endpoints)
        return deepest.pooled if early and not came else deepest

    @cached_property
    def decisive_count(self) -> int:
        """How many attempts failed in the decisive way; a line that loses packets fails in many ways."""
        decisive = self.decisive_failure
        return 0 if decisive is None else repetitions(self.failing_endpoints, decisive).alike

    def answers_other_name(self, endpoint: ObservedEndpoint, purpose: Purpose = Purpose.NEUTRAL) -> bool:
        """Whether an address answered under another server name, whatever it said."""
        return answered(endpoint.with_purpose(purpose))
