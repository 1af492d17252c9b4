"""The plan of a target at which everything works, without the state that a plan keeps to follow up failures.

Nearly every measurement is such: each resolver gives the same public addresses, each address accepts a connection, the
page arrives. Its steps are known in advance, so that no lookup, hop or round has to be kept. At the first observation
that is in any way unusual, the full plan is made and takes in what was seen so far; it then asks what it would have
asked from the beginning. The tests hold both plans to the same steps at every observation.
"""

from __future__ import annotations

from collections.abc import Callable

from probe.model.address import is_bogon, parse_address
from probe.model.failure import Failure
from probe.model.hop import StepPosition
from probe.model.nearness import came_sooner
from probe.model.observation import Connection, Exchange, Observation, Resolution, TlsHandshake
from probe.model.resolver import Trust
from probe.model.step import Connect, Fetch, Handshake, Resolve, Step
from probe.model.target import Target, TcpTarget, UrlTarget
from probe.plan.context import PlanContext
from probe.plan.lookup import choose_addresses
from probe.plan.page_check import crawls
from probe.plan.plan import Plan
from probe.plan.relay_memory import leaves_doubt

_FIRST = StepPosition()
_LAST_KINDS: dict[type[Step], type[Observation]] = {
    Resolve: Resolution,
    Connect: Connection,
    Handshake: TlsHandshake,
    Fetch: Exchange,
}
"""Kind of step -> what it observes last where everything works."""


class FastPathPlan:
    """The steps of a target, handed over to the full plan at the first unusual observation.

    Args:
        full: makes the full plan.
        steps: the first steps.
        context: what is known besides.
    """

    __slots__ = ("_asked", "_context", "_events", "_fresh", "_full", "_make_full")

    def __init__(self, full: Callable[[], Plan], steps: tuple[Step, ...], context: PlanContext) -> None:
        self._make_full = full
        self._context = context
        self._full: Plan | None = None
        self._asked = self._fresh = steps
        self._events: list[tuple[Step, Observation | None]] = []

    def pending(self) -> tuple[Step, ...]:
        """The steps to perform now; each is handed out once."""
        if self._full is not None and not self._fresh:
            return self._full.pending()
        fresh, self._fresh = self._fresh, ()
        return fresh

    def observe(self, step: Step, observation: Observation) -> None:
        """Take in one observation of a step."""
        if self._full is not None:
            self._full.observe(step, observation)
            return
        self._events.append((step, observation))
        if not self._is_usual(step, observation):
            self._hand_over()

    def finish(self, step: Step) -> None:
        """Take in the end of a step."""
        if self._full is not None:
            self._full.finish(step)
            return
        last = next((seen for known, seen in reversed(self._events) if known is step), None)
        self._events.append((step, None))
        if type(last) is not _LAST_KINDS[type(step)]:
            self._hand_over()

    def _is_usual(self, step: Step, seen: Observation) -> bool:  # noqa: ARG002 - a subclass has several steps
        """Whether the observation is as it should be; queues the steps that follow from it."""
        if type(seen) is not Connection or seen.failure is not None:
            return False
        context = self._context
        if not context.relay_address:
            return True
        return not leaves_doubt(context.relay_known, seen, context.now, failed=context.failed_before)

    def _ask(self, steps: tuple[Step, ...]) -> None:
        self._asked += steps
        self._fresh += steps

    def _hand_over(self) -> None:
        """Make the full plan, and give it everything that was seen, in the same order."""
        asked = set(self._asked).difference(self._fresh)
        plan = self._full = self._make_full()
        wanted = dict.fromkeys(plan.pending())
        for step, seen in self._events:
            if seen is None:
                plan.finish(step)
            else:
                plan.observe(step, seen)
            wanted |= dict.fromkeys(plan.pending())
        self._fresh = tuple(step for step in wanted if step not in asked)
        self._events = []


class FastUrlPlan(FastPathPlan):
    """A lookup at every resolver, then the page from every address (over TLS: from one, and handshakes beside it)."""

    __slots__ = ("_empty", "_given", "_local", "_spares", "_started", "_target", "_trusted", "_waiting")

    def __init__(self, target: UrlTarget, context: PlanContext, full: Callable[[], Plan]) -> None:
        self._target = target
        self._local: dict[str, None] = {}
        self._given: dict[int, list[str]] = {}
        """Rank of a network resolver -> the addresses that it gave."""
        self._empty: list[str] = []
        """The resolver of each answer without an address."""
        self._trusted: dict[str, None] = {}
        self._started = parse_address(target.host) is not None
        asked = trusted_at_once(target, context)
        self._spares = len(asked) < len(context.trusted_resolvers)
        steps = self._tries((target.host,), target.host) if self._started else lookups(target.host, context, asked)
        super().__init__(full, steps, context)
        self._waiting = [step.trust for step in steps if type(step) is Resolve]
        """Of each lookup without an answer."""

    def _is_usual(self, step: Step, seen: Observation) -> bool:
        if type(step) is Resolve:
            return type(seen) is Resolution and self._is_usual_answer(step, seen)
        kind = type(seen)
        if kind is Exchange:
            return self._is_usual_page(step, seen)  # type: ignore[arg-type]
        return (kind is Connection or kind is TlsHandshake) and seen.failure is None

    def _is_usual_answer(self, step: Resolve, seen: Resolution) -> bool:
        """Take in an answer; False where it is unusual, or where the addresses are once all are known."""
        given = seen.addresses
        if (seen.failure is not None and seen.failure is not Failure.NODATA) or any(map(is_bogon, given)):
            return False
        if self._spares and (seen.truncated or seen.errors or seen.recursion is False):
            return False
        if not given:
            self._empty.append(step.resolver)
            if self._empty.count(step.resolver) == len(self._context.rrtypes):
                return False
        if self._started:
            return True
        self._waiting.remove(step.trust)
        if step.trust is Trust.TRUSTED:
            self._trusted |= dict.fromkeys(given)
        else:
            self._local |= dict.fromkeys(given)
            self._given.setdefault(step.rank, []).extend(given)
        if Trust.NETWORK in self._waiting or (self._waiting and not self._trusted):
            return True
        if self._spares and not self._trusted:
            return False
        if self._trusted and not self._local.keys() <= self._trusted.keys():
            return False
        return self._start()

    def _start(self) -> bool:
        """Queue the first tries; False where there is no address."""
        sources = (self._local, self._trusted)
        addresses = tuple(self._local)
        if len(addresses) != 1 or len(self._trusted) > 1:
            addresses = choose_addresses(sources, self._context)
        if not addresses:
            return False
        used = next((given for _, given in sorted(self._given.items()) if given), [])
        self._started = True
        self._ask(self._tries(addresses, next((one for one in used if one in addresses), addresses[0])))
        return True

    def _tries(self, addresses: tuple[str, ...], first: str) -> tuple[Step, ...]:
        target = self._target
        url = str(target)
        return tuple(
            Fetch(url=url, address=address, position=_FIRST)
            if target.scheme == "http" or address == first
            else Handshake(address=address, port=target.port, sni=target.host, position=_FIRST)
            for address in addresses
        )

    def _is_usual_page(self, step: Step, page: Exchange) -> bool:
        if page.failure is not None or not page.answered or page.redirects or crawls(page):
            return False
        if self._target.scheme == "https":
            return True
        seen = [one for known, one in self._events if known is step and one is not None]
        return not came_sooner(seen) and not self._context.has_fingerprint(page)


def fast_plan(target: Target, context: PlanContext, full: Callable[[], Plan]) -> FastPathPlan | None:
    """Return the plan of a target that has a fast path; None where it has none.

    Args:
        target: what is measured.
        context: resolvers and limits.
        full: makes the full plan.
    """
    if type(target) is TcpTarget:
        return FastPathPlan(full, (Connect(address=target.address, port=target.port, position=_FIRST),), context)
    if type(target) is not UrlTarget or context.control is not None or context.suspected or context.nat64:
        return None
    if parse_address(target.host) is None and context.asks_system(target.host):
        return None
    return FastUrlPlan(target, context, full)


def trusted_at_once(target: UrlTarget, context: PlanContext) -> tuple[str, ...]:
    """Return the trusted resolvers to ask at once: all for a page in clear text, which does not prove itself."""
    spares = context.spares_resolvers and target.scheme != "http"
    return context.trusted_resolvers[:1] if spares else context.trusted_resolvers


def lookups(name: str, context: PlanContext, trusted: tuple[str, ...]) -> tuple[Step, ...]:
    """Return the first lookups of a name: every record type at the network's resolvers, then at the trusted ones."""
    asked = [(resolver, Trust.NETWORK) for resolver in context.answering_resolvers]
    asked += [(resolver, Trust.TRUSTED) for resolver in trusted]
    return tuple(
        Resolve(
            name=name,
            rrtype=rrtype,
            resolver=resolver,
            trust=trust,
            rank=rank,
            rotates=rank > 0 and context.rotates,
            position=_FIRST,
        )
        for resolver, trust in asked
        for rank in (context.rank(resolver),)
        for rrtype in context.rrtypes
    )
