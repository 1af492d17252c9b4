"""Questions that tell whose machine an address is that only the network's resolvers gave.

It may be a content network's nearest server, a cache inside the provider's network, or a forgery. A certificate that
verifies for the name settles it. Where the target has none, its page in clear text is compared with that of an address
that others know too; a page unlike it is asked for again, and under a name that no server knows.

A private address is contacted with care, for it may be a machine of the volunteer's own network, and whoever answers
for the resolver chose it: one handshake at port 443 under the target's name, once more where it was cut or silent.
Nothing else is sent to it unless its certificate verifies for that name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import msgspec

from probe.model.address import Family, family, is_private_use
from probe.model.hop import CUT_FAILURES, Purpose, StepPosition, Subject
from probe.model.observation import Exchange, Observation, TlsHandshake
from probe.model.step import Fetch, Handshake, Step
from probe.plan.context import PlanContext
from probe.plan.hop_state import failure_of
from probe.plan.page_check import same_page_step
from probe.plan.plan import StepQueue

TLS_PORT = 443
"""Where certificates are looked at."""
_WEB_PORTS = frozenset({80, TLS_PORT})
"""Ports of a private address at which a page is asked for."""


def private_addresses(
    local: Iterable[str], unconfirmed: frozenset[str], families: frozenset[Family]
) -> tuple[str, ...]:
    """Return the private addresses to contact: the first of each family that only the network's resolvers gave.

    A private address that others give too is the name's own: whoever owns the name chose it, and it is not contacted.

    Args:
        local: the addresses that the network's resolvers gave, in order.
        unconfirmed: those that no other source gives, or all where there is no other source.
        families: those that this host has a route for.
    """
    found: dict[Family, str] = {}
    for address in local:
        if is_private_use(address) and address in unconfirmed and family(address) in families:
            found.setdefault(family(address), address)
    return tuple(found.values())


class PrivateAddressCheck:
    """The handshakes with the private addresses of a name, and the page of one whose certificate verified.

    Args:
        subject: of the hop.
        context: families of the host.
        queue: receives the steps.
        position: chain and hop.
        served: called with a page that came from such an address.
    """

    def __init__(
        self,
        subject: Subject,
        context: PlanContext,
        queue: StepQueue,
        position: StepPosition,
        served: Callable[[Exchange], None] | None = None,
    ) -> None:
        self._subject = subject
        self._context = context
        self._queue = queue
        self._position = position
        self._served = served

    def start(self, local: Iterable[str], unconfirmed: frozenset[str]) -> None:
        """Ask for the first handshakes."""
        for address in private_addresses(local, unconfirmed, self._context.families):
            self._queue.add(self._handshake(address, 0), self)

    def observed(self, step: Step, seen: Observation) -> None:
        """Pass on a page as soon as it arrives."""
        if isinstance(step, Fetch) and isinstance(seen, Exchange) and seen.answered and self._served is not None:
            self._served(seen)

    def finished(self, step: Step, seen: tuple[Observation, ...]) -> None:
        """Ask once more after a cut or silence, and for the page after a certificate that verified."""
        if not isinstance(step, Handshake):
            return
        failed = failure_of(seen)
        attempt = step.position.attempt
        if failed is not None and failed.failure in CUT_FAILURES and attempt == 0:
            self._queue.add(self._handshake(step.address, 1), self)
        verified = any(isinstance(one, TlsHandshake) and one.verified for one in seen)
        if verified and self._subject.url and self._subject.port in _WEB_PORTS:
            fetch = Fetch(url=self._subject.url, address=step.address, position=self._at(attempt + 1))
            self._queue.add(fetch, self)

    def _handshake(self, address: str, attempt: int) -> Handshake:
        return Handshake(address=address, port=TLS_PORT, sni=self._subject.host, position=self._at(attempt))

    def _at(self, attempt: int) -> StepPosition:
        return StepPosition(chain=self._position.chain, hop=self._position.hop, attempt=attempt)


class PageQuestions(msgspec.Struct, frozen=True):
    """The steps after a page in clear text that an address gave and a known address did not.

    Attributes:
        context: the neutral name.
        position: chain and hop.
    """

    context: PlanContext
    position: StepPosition

    def again(self, page: Exchange, *, tries: int = 1) -> tuple[Step, ...]:
        """Return the steps at the doubtful address: the page once more, and under a name that no server knows.

        Args:
            page: its first page.
            tries: how often it was asked for. Twice means that a page unlike the control's was asked for again, and
                under such a name unless it was a redirect (`probe.plan.rounds.after_page`).
        """
        neutral = StepPosition(chain=self.position.chain, hop=self.position.hop, purpose=Purpose.NEUTRAL)
        once_more = StepPosition(chain=self.position.chain, hop=self.position.hop, attempt=1)
        again = Fetch(url=page.url, address=page.address, position=once_more)
        other = same_page_step(page.url, page.address, self.context.random_name, neutral)
        if tries < 2:
            return (again, other)
        return (other,) if page.redirects else ()


def doubtful_pages(pages: Mapping[str, Exchange], unconfirmed: frozenset[str]) -> tuple[str, ...]:
    """Return the unconfirmed addresses whose first page is unlike that of a confirmed one.

    Args:
        pages: address -> its first page in clear text.
        unconfirmed: the addresses that only the network's resolvers gave.
    """
    known = [page for address, page in pages.items() if address not in unconfirmed]
    return tuple(
        address
        for address, page in pages.items()
        if address in unconfirmed and any(_is_unlike(page, other) for other in known)
    )


def _is_unlike(page: Exchange, other: Exchange) -> bool:
    """Whether two answers differ at first sight: another status, title or redirect."""
    return (page.status, page.title, page.location) != (other.status, other.title, other.location)
