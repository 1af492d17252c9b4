"""The plan of a `dns://` target: resolve the name, and look at the certificates of addresses that may not be its own.

An address that only the network's resolver gave may be a forgery or a content network's nearest server. Where the name
is served over TLS, the certificate at port 443 decides. One confirmed address gets a handshake too, which shows whether
the name has a certificate at all. Where neither shows one, both are asked for the page in clear text.

Without a control one address gets a handshake in any case: this may be a control's own measurement, and a control that
only resolved a name cannot tell others that it is served over TLS.
"""

from __future__ import annotations

from probe.model.failure import Failure
from probe.model.hop import CUT_FAILURES, StepPosition, subjects_of
from probe.model.observation import Exchange, Observation, TlsHandshake
from probe.model.step import Fetch, Handshake, Step
from probe.model.target import DnsTarget
from probe.plan.address_check import TLS_PORT, PageQuestions, PrivateAddressCheck, doubtful_pages
from probe.plan.context import PlanContext
from probe.plan.hop_state import failure_of
from probe.plan.lookup import Lookup, addresses_within_limits
from probe.plan.plan import NoListener, Plan


class DnsPlan(Plan):
    """The lookup of one name, the handshakes with its unconfirmed addresses, and two of their pages."""

    def __init__(self, target: DnsTarget, context: PlanContext) -> None:
        super().__init__()
        self._context = context
        self._host = target.host
        self._url = f"http://{target.host}/"
        self._doubtful: tuple[str, ...] = ()
        self._certified: dict[str, bool] = {}
        """Address -> whether its first handshake ended with a certificate that verifies."""
        self._pages: dict[str, Exchange] = {}
        self._page_addresses: tuple[str, ...] = ()
        (subject,) = subjects_of(target)
        self._private: PrivateAddressCheck | None = PrivateAddressCheck(subject, context, self.queue, StepPosition())
        self._tried: set[str] = set()
        self._lookup = Lookup(target.host, context, self.queue, StepPosition(), self._changed)

    def observed(self, step: Step, seen: Observation) -> None:
        """Note the first page of an address, and ask more about a doubtful one that is unlike the other."""
        if isinstance(step, Fetch) and isinstance(seen, Exchange) and seen.answered and step.url == self._url:
            self._pages.setdefault(step.address, seen)
            self._compare_pages()

    def finished(self, step: Step, seen: tuple[Observation, ...]) -> None:
        """Retry an unconfirmed address: once after a RST or FIN, often after a time-out, which may be packet loss."""
        if not isinstance(step, Handshake):
            return
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
        verified = any(isinstance(one, TlsHandshake) and one.verified for one in seen)
        self._certified.setdefault(step.address, verified)
        self._ask_for_pages()

    def _changed(self) -> None:
        if not self._lookup.ready:
            return
        if self._private is not None:
            self._private.start(self._lookup.local, self._lookup.unconfirmed)
            self._private = None
        unconfirmed = [address for address in self._lookup.local if address in self._lookup.unconfirmed]
        beyond = self._context.limits.late_addresses
        wanted = addresses_within_limits((), (*unconfirmed, *self._lookup.late), self._context, beyond=beyond)
        known = addresses_within_limits((), sorted(self._lookup.reference), self._context)
        if wanted:
            self._doubtful = tuple(dict.fromkeys((wanted[0], *known[:1], *wanted[1:])))[:2]
        witness = () if self._context.control is not None else self._lookup.local
        first = addresses_within_limits((), witness, self._context)[:1]
        for address in (*wanted, *known[:1]) if wanted else first:
            if address not in self._tried:
                self._tried.add(address)
                self._handshake(address, attempt=0)

    def _ask_for_pages(self) -> None:
        """Ask the doubtful address and the other one for their page, once neither has shown a certificate."""
        if not self._doubtful or self._page_addresses:
            return
        if all(self._certified.get(address) is False for address in self._doubtful):
            self._page_addresses = self._doubtful
            for address in self._doubtful:
                self.queue.add(Fetch(url=self._url, address=address, position=StepPosition()), self)

    def _compare_pages(self) -> None:
        """Ask more about the doubtful address, the first of the two, where its page is unlike the other's."""
        for address in doubtful_pages(self._pages, frozenset(self._page_addresses[:1])):
            for step in PageQuestions(self._context, StepPosition()).again(self._pages[address]):
                self.queue.add(step, self)

    def _handshake(self, address: str, attempt: int) -> None:
        position = StepPosition(attempt=attempt)
        self.queue.add(Handshake(address=address, port=TLS_PORT, sni=self._host, position=position), self)


class QueryPlan(Plan):
    """One query, for all targets that want it."""

    def __init__(self, query: Step) -> None:
        super().__init__()
        self.queue.add(query, NoListener())
