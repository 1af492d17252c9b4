"""The plan of a `dns://` target: resolve the name, and make a TLS handshake with each unconfirmed address.

An address that only the network's resolver gave may be a forgery or a content network's nearest server. Where the name
is served over TLS, the certificate at port 443 decides. One confirmed address gets a handshake too, which shows whether
the name has a certificate at all.
"""

from __future__ import annotations

from probe.model.failure import Failure
from probe.model.hop import CUT_FAILURES, StepPosition
from probe.model.observation import Observation
from probe.model.step import Handshake, Step
from probe.model.target import DnsTarget
from probe.plan.context import PlanContext
from probe.plan.hop_state import failure_of
from probe.plan.lookup import Lookup, addresses_within_limits
from probe.plan.plan import Plan


class DnsPlan(Plan):
    """The lookup of one name, and the handshakes with its unconfirmed addresses."""

    def __init__(self, target: DnsTarget, context: PlanContext) -> None:
        super().__init__()
        self._context = context
        self._host = target.host
        self._tried: set[str] = set()
        self._lookup = Lookup(target.host, context, self.queue, StepPosition(), self._changed)

    def observed(self, step: Step, seen: Observation) -> None:
        """Ignore the observation: only the judge reads the certificate."""

    def finished(self, step: Step, seen: tuple[Observation, ...]) -> None:
        """Retry an unconfirmed address: once after a RST or FIN, often after a time-out, which may be packet loss."""
        assert isinstance(step, Handshake)  # noqa: S101 - this plan itself asks for nothing else
        failed = failure_of(seen)
        if (
            failed is not None
            and failed.failure in CUT_FAILURES
            and step.position.attempt == 0
            and step.address in self._lookup.unconfirmed
        ):
            tries = self._context.limits.proof_tries if failed.failure is Failure.TIMEOUT else 2
            for attempt in range(1, tries):
                self._handshake(step.address, attempt)

    def _changed(self) -> None:
        if not self._lookup.ready:
            return
        unconfirmed = [address for address in self._lookup.local if address in self._lookup.unconfirmed]
        beyond = self._context.limits.late_addresses
        wanted = addresses_within_limits((), (*unconfirmed, *self._lookup.late), self._context, beyond=beyond)
        known = addresses_within_limits((), sorted(self._lookup.reference), self._context)
        for address in (*wanted, *known[:1]) if wanted else ():
            if address not in self._tried:
                self._tried.add(address)
                self._handshake(address, attempt=0)

    def _handshake(self, address: str, attempt: int) -> None:
        position = StepPosition(attempt=attempt)
        self.queue.add(Handshake(address=address, port=443, sni=self._host, position=position), self)
