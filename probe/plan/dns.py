"""Name resolution alone, with certificates as witnesses.

An address that only the network's resolver gave may be a forgery or a content network's nearest machine. Where the name
is served over TLS its certificate tells; so each odd address shows its certificate at 443, and one of the reference
addresses does, to see whether there is a certificate to be shown at all.
"""

from __future__ import annotations

from probe.model.failure import Failure
from probe.model.hop import CUT_FAILURES
from probe.model.observation import Observation
from probe.model.step import Handshake, Place, Step
from probe.model.target import DnsTarget
from probe.plan.candidates import fit
from probe.plan.context import Setup
from probe.plan.followup import failure_of
from probe.plan.lookup import Lookup
from probe.plan.plan import Plan


class DnsPlan(Plan):
    """One name."""

    def __init__(self, target: DnsTarget, setup: Setup) -> None:
        super().__init__()
        self._setup = setup
        self._host = target.host
        self._shown: set[str] = set()
        self._lookup = Lookup(target.host, setup, self.slate, Place(), self._changed)

    def told(self, step: Step, seen: Observation) -> None:
        """A certificate is read by the judge alone."""

    def ended(self, step: Step, seen: tuple[Observation, ...]) -> None:
        """An odd address that is cut off is asked once more, a silent one often: lost packets are no forgery."""
        assert isinstance(step, Handshake)  # noqa: S101 - this plan itself asks for nothing else
        failed = failure_of(seen)
        if (
            failed is not None
            and failed.failure in CUT_FAILURES
            and step.place.attempt == 0
            and step.address in self._lookup.odd
        ):
            tries = self._setup.limits.proof if failed.failure is Failure.TIMEOUT else 2
            for attempt in range(1, tries):
                self._show(step.address, attempt)

    def _changed(self) -> None:
        if not self._lookup.ready:
            return
        wanted = fit((), (*self._lookup.odd, *self._lookup.late), self._setup, beyond=self._setup.limits.late)
        known = fit((), sorted(self._lookup.reference), self._setup)
        for address in (*wanted, *known[:1]) if wanted else ():
            if address not in self._shown:
                self._shown.add(address)
                self._show(address, attempt=0)

    def _show(self, address: str, attempt: int) -> None:
        place = Place(attempt=attempt)
        self.slate.ask(Handshake(address=address, port=443, sni=self._host, place=place), self)
