"""Resolve one name at every resolver, with the questions that tell a forged answer from a dead resolver.

================================  ==============================================================================
a resolver of the network says    then the same resolver is asked
================================  ==============================================================================
nothing, SERVFAIL, garbage        the same again, and another name that exists (is it dead, or silent about this one?)
nothing again, of any type, but   the same, all at once, until silence was observed often enough
it answers of the other name
NXDOMAIN, NODATA, REFUSED         another name that exists (does it say so of every name?)
a bogon                           a name that exists nowhere (does it answer every name so?), another name
any address, where the name is    a name that exists nowhere (NXDOMAIN rewriting)
said to exist nowhere
================================  ==============================================================================

A trusted resolver that fails is no evidence, and is not asked again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import chain, zip_longest

from probe.model.address import family, is_bogon
from probe.model.failure import Failure
from probe.model.hop import Purpose, StepPosition
from probe.model.observation import LateAnswer, Observation, Resolution
from probe.model.resolver import Trust
from probe.model.step import Resolve, Step
from probe.plan.context import PlanContext
from probe.plan.plan import StepQueue

_AGAIN = frozenset({Failure.TIMEOUT, Failure.SERVFAIL, Failure.GARBAGE, Failure.EOF, Failure.RESET})
"""Failures that loss or a passing fault may cause: worth a second question."""
_OTHER = _AGAIN | {Failure.NXDOMAIN, Failure.NODATA, Failure.REFUSED, Failure.UNREACHABLE}

SYSTEM = "system"


class Lookup:
    """The lookup of one name: all record types, all resolvers.

    Args:
        name: A-label host name.
        context: the resolvers to ask.
        queue: takes the steps.
        position: chain and hop that needed the name first.
        changed: called whenever an answer came in.
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
        self._trusted: list[str] = []
        self._late: list[str] = []
        self._absent: set[Failure | None] = set()
        self._answered: list[Resolve] = []
        self._said: dict[str, dict[str, Resolution]] = {}
        self._silent: dict[str, list[Resolve]] = {}
        self._finds_others: set[str] = set()
        resolvers = [(SYSTEM, Trust.SYSTEM)] if context.asks_system(name) else []
        resolvers += [(resolver, Trust.NETWORK) for resolver in context.network_resolvers]
        resolvers += [(resolver, Trust.TRUSTED) for resolver in context.trusted_resolvers]
        for resolver, trust in resolvers:
            for rrtype in self._rrtypes:
                self._ask(Resolve(name=name, rrtype=rrtype, resolver=resolver, trust=trust, position=position))

    @property
    def sources(self) -> tuple[tuple[str, ...], ...]:
        """Addresses by origin, the network's own first."""
        control = self._context.control
        known = control.addresses.get(self.name, ()) if control is not None else ()
        return tuple(self._local), tuple(self._late), tuple(self._trusted), known

    @property
    def local(self) -> tuple[str, ...]:
        """The addresses that the network's own resolvers gave."""
        return tuple(self._local)

    @property
    def reference(self) -> frozenset[str]:
        """The addresses that the trusted resolvers and the control gave."""
        return frozenset(self._trusted).union(self.sources[3])

    @property
    def odd(self) -> frozenset[str]:
        """The network's addresses that no other source gives; empty where there is no other source.

        Where no other resolver is asked, a late answer that contradicts the first is the other source.
        """
        if self.reference or self._exists_nowhere():
            return frozenset(self._local) - self.reference
        return frozenset(self._local).difference(self._late) if self._late else frozenset()

    @property
    def late(self) -> tuple[str, ...]:
        """The addresses of late answers."""
        return tuple(self._late)

    @property
    def ready(self) -> bool:
        """Whether connecting can begin.

        Once one trusted resolver has answered, the others are not waited for; once any resolver has, no repeated
        question is.
        """
        known = any(self.sources)
        return not any(
            not (known and step.position.attempt) and not (self._trusted and step.trust is Trust.TRUSTED)
            for step in self._waiting
        )

    def observed(self, step: Step, seen: Observation) -> None:
        """Take in an answer."""
        assert isinstance(step, Resolve)  # noqa: S101 - a lookup asks for nothing else
        if step.position.purpose is not Purpose.SUBJECT:
            if step.position.purpose is Purpose.OTHER and isinstance(seen, Resolution) and seen.addresses:
                self._finds_others.add(step.resolver)
                self._insist(step.resolver)
            return
        if isinstance(seen, LateAnswer):
            self._late += [a for a in seen.addresses if a not in self._late]
        else:
            assert isinstance(seen, Resolution)  # noqa: S101 - as above
            self._take(step, seen)
            self._waiting.discard(step)
        self._changed()

    def finished(self, step: Step, seen: tuple[Observation, ...]) -> None:  # noqa: ARG002 - the shape of every asker
        """Stop waiting for a step that ended without an answer."""
        assert isinstance(step, Resolve)  # noqa: S101 - as above
        if step in self._waiting:
            self._waiting.discard(step)
            self._changed()

    def _take(self, step: Resolve, seen: Resolution) -> None:
        if step.trust is Trust.TRUSTED:
            self._trusted += [a for a in seen.addresses if a not in self._trusted]
            self._absent.add(seen.failure)
        else:
            self._local += [a for a in seen.addresses if a not in self._local]
            if seen.addresses:
                self._answered.append(step)
            if seen.failure in _AGAIN and step.position.attempt == 0:
                self._ask(_again(step))
            self._ask_aside(step, seen)
            if seen.failure is Failure.TIMEOUT:
                self._silent.setdefault(step.resolver, []).append(step)
                self._insist(step.resolver)
        if self._exists_nowhere():
            for answered in self._answered:
                self._aside(answered, self._context.ghost_name, Purpose.GHOST)

    def _ask_aside(self, step: Resolve, seen: Resolution) -> None:
        """Ask a resolver about other names, once it has answered for every type."""
        said = self._said.setdefault(step.resolver, {})
        said[step.rrtype] = seen
        if any(map(is_bogon, seen.addresses)):
            self._aside(step, self._context.ghost_name, Purpose.GHOST)
            self._aside(step, self._context.allowed_name, Purpose.OTHER)
        silent = len(said) == len(self._rrtypes) and not any(answer.addresses for answer in said.values())
        if silent and any(answer.failure in _OTHER for answer in said.values()):
            self._aside(step, self._context.allowed_name, Purpose.OTHER)

    def _insist(self, resolver: str) -> None:
        """Repeat the questions, all at once, where the resolver finds other names and was silent twice about each type.

        A filter is silent about all types of a name; where one type was answered, the other was lost.
        """
        silent = self._silent.get(resolver, [])
        again = [step for step in silent if step.position.attempt == 1]
        if resolver not in self._finds_others or len(again) < len(self._rrtypes) or len(silent) > 2 * len(again):
            return
        tries = -(-self._context.limits.proof_tries // len(again))
        for step in again:
            for attempt in range(2, tries):
                self._ask(_again(step, attempt))

    def _exists_nowhere(self) -> bool:
        """Whether the trusted resolvers or the control say that the name does not exist."""
        control = self._context.control
        if control is not None and "dns.nxdomain" in control.failures:
            return True
        return Failure.NXDOMAIN in self._absent and not self.reference

    def _ask(self, step: Resolve) -> None:
        if self._queue.add(step, self):
            self._waiting.add(step)

    def _aside(self, step: Resolve, name: str, purpose: Purpose) -> None:
        """Ask the same resolver about another name, without waiting for the answer."""
        if name == self.name or (step.trust is Trust.SYSTEM and self._context.network_resolvers):
            return  # the system asks those same resolvers
        position = StepPosition(chain=self._position.chain, hop=self._position.hop, purpose=purpose)
        rrtype = self._rrtypes[0]
        self._queue.add(
            Resolve(name=name, rrtype=rrtype, resolver=step.resolver, trust=step.trust, position=position), self
        )


def _again(step: Resolve, attempt: int = 1) -> Resolve:
    position = StepPosition(chain=step.position.chain, hop=step.position.hop, attempt=attempt)
    return Resolve(name=step.name, rrtype=step.rrtype, resolver=step.resolver, trust=step.trust, position=position)


def choose(sources: Sequence[Iterable[str]], context: PlanContext) -> tuple[str, ...]:
    """The candidate addresses of a name, drawn from the sources in turn until the limits are reached.

    A source is one origin of addresses (the network's answers, the trusted ones, the control's). Each gives its first
    address before any gives its second, so that a resolver that lies with twenty addresses cannot crowd out the true
    one. Bogons are left out: a forged answer must not make this host connect to the volunteer's own machines.
    """
    turns = zip_longest(*(dict.fromkeys(source) for source in sources))
    return fit((), (address for address in chain.from_iterable(turns) if address is not None), context)


def fit(chosen: Iterable[str], more: Iterable[str], context: PlanContext, beyond: int = 0) -> tuple[str, ...]:
    """The addresses of `more` that are new, connectable and within the limits.

    Args:
        chosen: addresses that are being tried already.
        more: addresses on offer, best first.
        context: families and limits.
        beyond: how many more than the limit of each family.
    """
    taken = set(chosen)
    counts = Counter(family(address) for address in taken)
    added = []
    for address in more:
        kind = family(address)
        if address in taken or kind not in context.families or is_bogon(address):
            continue
        if counts[kind] < context.limits.of(kind) + beyond:
            taken.add(address)
            counts[kind] += 1
            added.append(address)
    return tuple(added)
