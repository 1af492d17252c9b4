"""One hop with everything a rule may ask about it.

A `Leg` is a hop seen together with the vantage, the control's word, the name's answers and the standing of each
address. Rules are predicates of a leg and read nothing else: no clock, no settings.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from probe.judge import acquittal, control, pages
from probe.judge.acquittal import Standing
from probe.judge.control import Word
from probe.judge.hops import Hop, Site, chains
from probe.judge.lazy import cached_property
from probe.judge.names import Names
from probe.judge.pages import Whose
from probe.model.hop import Layer, LayerFailure
from probe.model.observation import Exchange
from probe.model.step import Purpose
from probe.model.target import Target
from probe.model.verdict import ControlFacts, Evidence, VantageNote, VantageState


@dataclass(frozen=True, eq=False)
class Case:
    """One measurement.

    Attributes:
        time: its start; None when it is not known, and then no control is too old.
        notes: what is wrong with the vantage besides its state (`VantageNote`).
    """

    target: Target
    evidence: Evidence
    state: VantageState
    time: datetime | None = None
    notes: frozenset[str] = frozenset()

    @cached_property
    def chains(self) -> tuple[tuple[Leg, ...], ...]:
        """The legs, chain by chain."""
        return tuple(
            tuple(Leg(self, hop, hops[:number]) for number, hop in enumerate(hops))
            for hops in chains(self.target, self.evidence.observations)
        )

    @cached_property
    def ipv6_works(self) -> bool:
        """Whether any conversation over IPv6 got as far as an answer."""
        return any(":" in address for address in acquittal.answering(self.evidence.observations))


class Leg:
    """A hop, ready to be judged."""

    def __init__(self, case: Case, hop: Hop, before: tuple[Hop, ...]) -> None:
        self.case = case
        self.hop = hop
        self.before = before
        self._standings: dict[str, Standing] = {}

    @property
    def evidence(self) -> Evidence:
        """What the measurement saw."""
        return self.case.evidence

    @cached_property
    def word(self) -> Word:
        """What the control says of this hop."""
        return control.word(self.evidence.control, self.hop.subject, first=self.hop.index == 0, time=self.case.time)

    @property
    def control(self) -> ControlFacts | None:
        """The control's facts where they may be believed."""
        return self.evidence.control if self.word in {Word.SERVED, Word.FAILED} else self._elsewhere

    @property
    def _elsewhere(self) -> ControlFacts | None:
        """A control that served the target but did not pass this hop still knows the names it met."""
        return self.evidence.control if self.word is Word.NONE and self.hop.index else None

    @cached_property
    def names(self) -> Names | None:
        """What was answered about the host; None where it is no name."""
        if not self.hop.subject.is_name:
            return None
        served = self.word is Word.SERVED
        return Names(self.hop.subject.host, self.evidence.observations, self.control, self.standing, served=served)

    def standing(self, address: str) -> Standing:
        """Whether an address is the target's, as far as can be told."""
        if address not in self._standings:
            self._standings[address] = acquittal.standing(self, address)
        return self._standings[address]

    def whose(self, page: Exchange) -> Whose:
        """Whose word a page is."""
        return pages.whose(page, self.hop, self.before, self.control, self.evidence.observations)

    @cached_property
    def true_sites(self) -> tuple[Site, ...]:
        """The sites that are the target's: the acquitted ones, else all that are not convicted."""
        sites = tuple(site for site in self.hop.sites if site.tries)
        acquitted = tuple(site for site in sites if self.standing(site.address) is Standing.ACQUITTED)
        return acquitted or tuple(site for site in sites if self.standing(site.address) is not Standing.CONVICTED)

    @cached_property
    def served_by(self) -> tuple[Site, ...]:
        """The sites that served the target's own word."""
        return tuple(
            site
            for site in self.hop.sites
            if site.serves
            and self.standing(site.address) is not Standing.CONVICTED
            and (not site.pages or any(self.whose(page) is Whose.OWN for page in site.pages))
        )

    @cached_property
    def failing(self) -> tuple[Site, ...]:
        """The target's sites that failed, this host's own faults left out."""
        return tuple(site for site in self.true_sites if site.failed is not None and not self.own_fault(site))

    def own_fault(self, site: Site) -> bool:
        """Whether a site failed by this host's fault, or by that of an IPv6 that is broken here for everybody."""
        if VantageNote.IPV6_BROKEN not in self.case.notes or ":" not in site.address:
            return site.own_fault
        return site.own_fault or (site.failed is not None and site.failed.layer is Layer.TCP)

    @cached_property
    def decisive(self) -> LayerFailure | None:
        """How the hop failed; None where one of its sites served something."""
        if any(site.serves for site in self.true_sites):
            return None
        return max(
            (site.failed for site in self.failing if site.failed is not None), key=lambda o: o.rank, default=None
        )

    @cached_property
    def alike(self) -> int:
        """How often the target's sites failed in the decisive way: a line that loses packets fails in many.

        A hush that follows the decisive failure counts with it.
        """
        decisive = self.decisive
        if decisive is None:
            return 0
        return sum(site.outcomes.count(decisive) + site.hushed_after(decisive) for site in self.failing)

    def neutral_answers(self, site: Site, purpose: Purpose = Purpose.NEUTRAL) -> bool:
        """Whether the address answered under another name, whatever it said."""
        return acquittal.answered(site.beside(purpose))
