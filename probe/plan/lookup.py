"""Resolve one name at every resolver, and ask the questions that tell a forged answer from a dead resolver.

================================  ==============================================================================
a network resolver's answer       the next queries to the same resolver
================================  ==============================================================================
time-out, SERVFAIL, garbage       the same query again, and other names that exist: is it dead, or silent about
                                  this name only?
those and REFUSED                 a name that does not exist: does it still find out about names that nobody asked for
                                  before? It may know the others from its cache
time-outs again for every type,   the same queries, all at once, until enough time-outs prove a filter
though it finds the other name
NXDOMAIN, NODATA, REFUSED         another name that exists: does it deny every name?
a bogon                           a name that does not exist: does it give every name an address? And another name
any address, where the name does  a name that does not exist: does it rewrite NXDOMAIN?
not exist elsewhere, or trusted
resolvers deny it now
================================  ==============================================================================

The failure of a trusted resolver is no evidence, so it is not asked again.

Where the context spares trusted resolvers, the first is asked at once, and the others as soon as anything is in doubt:

==========================================  ====================================================================
doubt                                       what the others' answers matter for
==========================================  ====================================================================
any resolver fails, gives a bogon, or says  whether the name exists; whether the first is filtered itself
that it filters; a late answer
no address from one side                    the same
an address that nobody confirms             whether it is the target's
a step with a server fails                  further addresses, and whether the name has moved
a page in clear text                        it does not prove itself, so they are all asked at once
==========================================  ====================================================================

Without doubt an address is the target's by the first one's word, which the others' cannot take away
(`probe.judge.address_ownership`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import chain, zip_longest

import msgspec

from probe.model.address import family, is_bogon
from probe.model.failure import Failure
from probe.model.hop import Purpose, StepPosition
from probe.model.observation import LateAnswer, Observation, Resolution
from probe.model.resolver import Trust
from probe.model.step import Resolve, Step
from probe.plan.context import PlanContext
from probe.plan.plan import StepQueue

_RETRIED_FAILURES = frozenset({Failure.TIMEOUT, Failure.SERVFAIL, Failure.GARBAGE, Failure.EOF, Failure.RESET})
"""Failures that packet loss or a short fault may cause; the query is sent again."""
_COMPARED_FAILURES = _RETRIED_FAILURES | {Failure.NXDOMAIN, Failure.NODATA, Failure.REFUSED, Failure.UNREACHABLE}
"""Failures after which the resolver is asked for another name."""
_UPSTREAM_FAILURES = _RETRIED_FAILURES | {Failure.REFUSED}
"""Failures of a resolver that has lost its own upstream, except for names in its cache."""

SYSTEM = "system"


class Lookup:
    """The lookup of one name: every record type at every resolver.

    Args:
        name: A-label host name.
        context: the resolvers to ask.
        queue: receives the steps.
        position: chain and hop that needed the name first.
        changed: called after every answer.
    """

    def __init__(
        self, name: str, context: PlanContext, queue: StepQueue, position: StepPosition, changed: Callable[[], None]
    ) -> None:
        self.name = name
        self._context = context
        self._rrtypes = context.rrtypes
        self._queue = queue
        self._position = position
        self._changed = changed
        self._waiting: set[Resolve] = set()
        self._local: list[str] = []
        self._given: dict[tuple[bool, int], list[str]] = {}
        """Whether it was not the system, and the resolver's rank -> addresses."""
        self._trusted: list[str] = []
        self._late: list[str] = []
        self._trusted_failures: set[Failure | None] = set()
        self._with_addresses: list[Resolve] = []
        self._answers: dict[str, dict[str, Resolution]] = {}
        self._silent: dict[str, list[Resolve]] = {}
        self._finds_others: set[str] = set()
        resolvers = [(SYSTEM, Trust.SYSTEM)] if context.asks_system(name) else []
        resolvers += [(resolver, Trust.NETWORK) for resolver in context.answering_resolvers]
        at_once = 1 if context.spares_resolvers else len(context.trusted_resolvers)
        resolvers += [(resolver, Trust.TRUSTED) for resolver in context.trusted_resolvers[:at_once]]
        self._spared = context.trusted_resolvers[at_once:]
        if self._spared:
            queue.call_at_failure(self.ask_spared)
        for resolver, trust in resolvers:
            self._ask_every_type(resolver, trust)

    @property
    def sources(self) -> tuple[tuple[str, ...], ...]:
        """Addresses by source: the network's resolvers, late answers, trusted resolvers, the control.

        All are as this host reaches them: in a network with NAT64 without IPv4, the others' IPv4 addresses too.
        """
        control = self._context.control
        known = control.addresses.get(self.name, ()) if control is not None else ()
        here = tuple(dict.fromkeys(map(self._context.as_here, known)))
        return tuple(self._local), tuple(self._late), tuple(self._trusted), here

    @property
    def local(self) -> tuple[str, ...]:
        """The addresses that the network's own resolvers gave."""
        return tuple(self._local)

    @property
    def used(self) -> tuple[str, ...]:
        """The addresses that programs on this host get: the system's, or those of its first resolver that has some."""
        return next((tuple(dict.fromkeys(given)) for _, given in sorted(self._given.items()) if given), ())

    @property
    def reference(self) -> frozenset[str]:
        """The addresses that the trusted resolvers and the control gave."""
        return frozenset(self._trusted).union(self.sources[3])

    @property
    def unconfirmed(self) -> frozenset[str]:
        """The network's addresses that no other source gives; empty where there is no other source.

        Where no other resolver is asked, a late answer that differs from the first is the other source.
        """
        if not self.reference and not self._exists_nowhere() and not self._late:
            return frozenset()
        confirming = self.reference if self.reference or self._exists_nowhere() else self._late
        known = set(map(self._context.as_elsewhere, confirming))
        return frozenset(address for address in self._local if self._context.as_elsewhere(address) not in known)

    @property
    def late(self) -> tuple[str, ...]:
        """The addresses of late answers."""
        return tuple(self._late)

    @property
    def ready(self) -> bool:
        """Whether connections can begin.

        They wait for the first answer or failure of every resolver, with two exceptions: the other trusted resolvers
        once one has given addresses, and repeated queries once any source has.
        """
        known = any(self.sources)
        return not any(
            not (known and step.position.attempt) and not (self._trusted and step.trust is Trust.TRUSTED)
            for step in self._waiting
        )

    def ask_spared(self) -> None:
        """Ask the trusted resolvers that were spared so far, because something is in doubt."""
        spared, self._spared = self._spared, ()
        for resolver in spared:
            self._ask_every_type(resolver, Trust.TRUSTED)

    def observed(self, step: Step, seen: Observation) -> None:
        """Take in an answer."""
        assert isinstance(step, Resolve)  # noqa: S101 - a lookup asks for nothing else
        if step.position.purpose is not Purpose.SUBJECT:
            if step.position.purpose is Purpose.OTHER and isinstance(seen, Resolution) and seen.addresses:
                self._finds_others.add(step.resolver)
                self._repeat_silent(step.resolver)
            return
        if isinstance(seen, LateAnswer):
            self._late += [a for a in seen.addresses if a not in self._late]
            self.ask_spared()
        else:
            assert isinstance(seen, Resolution)  # noqa: S101 - as above
            self._take(step, seen)
            self._waiting.discard(step)
            self._ask_dead_resolvers()
            if self._spared and (self._is_odd(seen) or self._is_disputed()):
                self.ask_spared()
        self._changed()

    def finished(self, step: Step, seen: tuple[Observation, ...]) -> None:  # noqa: ARG002 - the shape of every asker
        """Stop waiting for a step that ended without an answer."""
        assert isinstance(step, Resolve)  # noqa: S101 - as above
        if step in self._waiting:
            self._waiting.discard(step)
            self._ask_dead_resolvers()
            self.ask_spared()
            self._changed()

    def _is_odd(self, seen: Resolution) -> bool:
        """Whether an answer is anything but addresses, or the word that the name has none of this family."""
        if seen.failure not in {None, Failure.NODATA} or seen.truncated or seen.errors or seen.recursion is False:
            return True
        return any(is_bogon(self._context.as_elsewhere(address)) for address in seen.addresses)

    def _is_disputed(self) -> bool:
        """Whether all have answered, and the network and the trusted resolver do not give the same addresses."""
        return not self._waiting and (not self._local or not self._trusted or bool(self.unconfirmed))

    def _take(self, step: Resolve, seen: Resolution) -> None:
        if step.trust is Trust.TRUSTED:
            addresses = map(self._context.as_here, seen.addresses)
            self._trusted += [a for a in addresses if a not in self._trusted]
            self._trusted_failures.add(seen.failure)
            if self._context.nat64 and "A" not in self._rrtypes and seen.failure is Failure.NODATA:
                self._ask(msgspec.structs.replace(step, rrtype="A"))  # the name that DNS64 writes IPv6 addresses for
        else:
            self._local += [a for a in seen.addresses if a not in self._local]
            self._given.setdefault((step.trust is not Trust.SYSTEM, step.rank), []).extend(seen.addresses)
            if seen.addresses:
                self._with_addresses.append(step)
            if seen.failure in _RETRIED_FAILURES and step.position.attempt == 0:
                self._ask(_repeated(step))
            self._compare_names(step, seen)
            if seen.failure is Failure.TIMEOUT:
                self._silent.setdefault(step.resolver, []).append(step)
                self._repeat_silent(step.resolver)
        denied_now = Failure.NXDOMAIN in self._trusted_failures and not self._trusted
        if denied_now or self._exists_nowhere():
            for answered in self._with_addresses:
                self._ask_other_name(answered, self._context.ghost_name, Purpose.GHOST)

    def _compare_names(self, step: Resolve, seen: Resolution) -> None:
        """Ask a resolver for other names after a bogon, or once it gave no address for any type."""
        answers = self._answers.setdefault(step.resolver, {})
        answers[step.rrtype] = seen
        if any(is_bogon(self._context.as_elsewhere(address)) for address in seen.addresses):
            self._ask_other_name(step, self._context.ghost_name, Purpose.GHOST)
            self._ask_other_names(step)
        silent = len(answers) == len(self._rrtypes) and not any(answer.addresses for answer in answers.values())
        if silent and any(answer.failure in _COMPARED_FAILURES for answer in answers.values()):
            self._ask_other_names(step)
            if any(answer.failure in _UPSTREAM_FAILURES for answer in answers.values()):
                self._ask_other_name(step, self._context.ghost_name, Purpose.GHOST)

    def _repeat_silent(self, resolver: str) -> None:
        """Repeat the queries, all at once, where the resolver finds other names and timed out twice for each type.

        A filter drops queries of every type for a name; where one type was answered, the other was lost.
        """
        silent = self._silent.get(resolver, [])
        again = [step for step in silent if step.position.attempt == 1]
        if resolver not in self._finds_others or len(again) < len(self._rrtypes) or len(silent) > 2 * len(again):
            return
        tries = -(-self._context.limits.proof_tries // len(again))
        for step in again:
            for attempt in range(2, tries):
                self._ask(_repeated(step, attempt))

    def _exists_nowhere(self) -> bool:
        """Whether the name does not exist, according to the trusted resolvers or the control."""
        control = self._context.control
        if control is not None and "dns.nxdomain" in control.failures:
            return True
        return Failure.NXDOMAIN in self._trusted_failures and not self.reference

    def _ask_dead_resolvers(self) -> None:
        """Ask the resolvers that are taken to be dead, once no other has an address: one may have recovered."""
        dead = [one for one in self._context.network_resolvers if one not in self._context.answering_resolvers]
        if not dead or self._local or any(step.trust is not Trust.TRUSTED for step in self._waiting):
            return
        for resolver in dead:
            self._ask_every_type(resolver, Trust.NETWORK)

    def _ask_every_type(self, resolver: str, trust: Trust) -> None:
        rank = self._context.rank(resolver)
        rotates = rank > 0 and self._context.rotates
        for rrtype in self._rrtypes:
            self._ask(
                Resolve(
                    name=self.name,
                    rrtype=rrtype,
                    resolver=resolver,
                    trust=trust,
                    rank=rank,
                    rotates=rotates,
                    position=self._position,
                )
            )

    def _ask(self, step: Resolve) -> None:
        if self._queue.add(step, self):
            self._waiting.add(step)

    def _ask_other_names(self, step: Resolve) -> None:
        """Ask the same resolver for names that are known to work here: several, for one may be blocked too."""
        for name in self._context.names_beside(self.name):
            self._ask_other_name(step, name, Purpose.OTHER)

    def _ask_other_name(self, step: Resolve, name: str, purpose: Purpose) -> None:
        """Ask the same resolver for another name; connections do not wait for the answer."""
        if name == self.name or (step.trust is Trust.SYSTEM and self._context.network_resolvers):
            return  # getaddrinfo asks those same resolvers
        position = StepPosition(chain=self._position.chain, hop=self._position.hop, purpose=purpose)
        rrtype = self._rrtypes[0]
        self._queue.add(msgspec.structs.replace(step, name=name, rrtype=rrtype, position=position), self)


def _repeated(step: Resolve, attempt: int = 1) -> Resolve:
    position = StepPosition(chain=step.position.chain, hop=step.position.hop, attempt=attempt)
    return msgspec.structs.replace(step, position=position)


def choose_addresses(sources: Sequence[Iterable[str]], context: PlanContext) -> tuple[str, ...]:
    """Choose the addresses of a name to try, from the sources in turn until the limits are reached.

    A source is one origin of addresses (the network's resolvers, the trusted ones, the control). Each gives its first
    address before any gives its second, so that a forged answer of twenty addresses leaves room for the true one.
    Bogons are left out: a forged answer must not make this host connect to machines of the volunteer's own network
    (`probe.plan.address_check` says how a private address may be contacted).
    """
    turns = zip_longest(*(dict.fromkeys(source) for source in sources))
    return addresses_within_limits(
        (), (address for address in chain.from_iterable(turns) if address is not None), context
    )


def addresses_within_limits(
    chosen: Iterable[str], more: Iterable[str], context: PlanContext, beyond: int = 0
) -> tuple[str, ...]:
    """Return the addresses of `more` that are new, no bogons, of a family with a route, and within the limits.

    Args:
        chosen: addresses that are tried already; they count.
        more: further addresses, best first.
        context: families and limits.
        beyond: number of addresses beyond the limit of each family.
    """
    taken = set(chosen)
    counts = Counter(family(address) for address in taken)
    added = []
    for address in more:
        kind = family(address)
        if address in taken or kind not in context.families or is_bogon(context.as_elsewhere(address)):
            continue
        if counts[kind] < context.limits.of(kind) + beyond:
            taken.add(address)
            counts[kind] += 1
            added.append(address)
    return tuple(added)
