"""The plan of a range: a sample of its addresses, an address where nothing listens, and hellos to those that connect.

::

    sample    each address a connection; one that answered at control and not here is tried again. A control asks all it
              knows of, within bounds, and draws some more each time, so that its hit list grows
    relay     beside it: an unrouted address, and two that are silent at control: does somebody accept every SYN?
    wider     where some answer and one that the control vouches for fails: others of its /24 that answered at control;
              where nothing is known of the range: neighbours of those that answer, or more addresses until some do
    hello     port 443: a ClientHello without a name that anybody could have listed, since filters let SYNs pass
    witness   IPv6 and nothing answered: does anything at all answer over IPv6 here?

Most addresses are contacted once in a measurement, none more than six times: a connection, a hello, a hello with an
allowed name, each tried twice. The scheduler waits an hour before the next measurement (`probe.agent.scheduler`); a
re-test begins with other addresses than the first look did. Holes of the range (`PlanContext.holes`) are left alone.
"""

from __future__ import annotations

import ipaddress

from probe.model.failure import OWN_FAULTS, Failure
from probe.model.hop import NO_ANSWER_FAILURES, Purpose, StepPosition
from probe.model.observation import Observation, Resolution, TlsHandshake
from probe.model.resolver import Trust
from probe.model.step import Connect, Handshake, Resolve, Step
from probe.model.target import RangeTarget
from probe.plan import sampling
from probe.plan.context import PlanContext
from probe.plan.hop_state import failure_of
from probe.plan.plan import Plan

ENOUGH = 3
"""Addresses known to answer that suffice to judge a range; with fewer, others are drawn beside them."""
PLENTY = 8
"""Answers after which an unknown range is searched no further."""
HELLOS = 4
"""Addresses that hear a ClientHello. Four to twelve close together make some filters freeze all new ones
(net4people/bbs#546), so they go one after another, and where the control vouches the first answer ends it."""
_DECOYS = 2
_NEIGHBOURS = 3
_UNITS = 8


def first_look(target: RangeTarget, context: PlanContext) -> tuple[str, ...]:
    """The addresses that a measurement of the range begins with."""
    steps = RangePlan(target, context).pending()
    return tuple(step.address for step in steps if isinstance(step, Connect) and step.position == StepPosition())


class RangePlan(Plan):
    """The measurement of one range."""

    def __init__(self, target: RangeTarget, context: PlanContext) -> None:
        super().__init__()
        self._context = context
        self._port = target.port
        self._network = ipaddress.ip_network(target.network)
        self._holes = sampling.Holes(context.holes)
        control = context.control
        self._hits = {a: how for a, how in control.hits.items() if self._holds(a)} if control is not None else {}
        self._misses = tuple(a for a in control.misses if self._holds(a)) if control is not None else ()
        self._count = sampling.width(self._network, context.sample)
        self._under_way: set[Step] = set()
        self._asked: set[str] = set()
        self._stood: list[str] = []
        self._failed: list[str] = []
        self._greeted: list[str] = []
        self._spoke = False
        self._searched = 0
        self._begin()

    @property
    def _vouched(self) -> bool:
        return len(self._hits) >= ENOUGH

    def _holds(self, address: str) -> bool:
        found = ipaddress.ip_address(address)
        return found in self._network and int(found) not in self._holes

    def _begin(self) -> None:
        context, network = self._context, self._network
        if context.draw and not self._vouched:
            return  # a re-test needs known addresses that were not asked yet
        sample = sampling.known(self._hits, network, self._count, context.seed, context.draw)
        if context.known and not self._hits:
            sample = self._of_control()
        elif not self._vouched:
            fresh = sampling.drawn(network, self._count, context.seed, context.draw, self._holes)
            sample = (*sample, *fresh)[: self._count]
        if not sample or (context.draw and len(sample) < ENOUGH):
            return
        if context.relay_address:
            self._decoy(context.relay_address)
        for address in sampling.known(self._misses, network, _DECOYS, context.seed, context.draw):
            self._decoy(address)
        self._look(*sample)

    def _of_control(self) -> tuple[str, ...]:
        """The addresses that the control knows, and a quarter of a sample of others."""
        fresh = sampling.drawn(self._network, max(1, self._count // 4), self._context.turn, holes=self._holes)
        most = sampling.WIDEST * self._count - len(fresh)
        own = [address for address in self._context.known if self._holds(address)]
        return (*sampling.known(own, self._network, most, self._context.seed), *fresh)

    def _decoy(self, address: str) -> None:
        self._asked.add(address)
        self._ask(Connect(address=address, port=self._port, position=StepPosition(purpose=Purpose.RELAY)))

    def _look(self, *addresses: str) -> bool:
        """Connect to those of the addresses that were not asked yet; False when there are none."""
        fresh = [address for address in dict.fromkeys(addresses) if address not in self._asked]
        for address in fresh:
            self._asked.add(address)
            self._ask(Connect(address=address, port=self._port))
        return bool(fresh)

    def _ask(self, step: Step) -> None:
        if self.queue.add(step, self):
            self._under_way.add(step)

    def observed(self, step: Step, seen: Observation) -> None:
        """Connect to the witness once its address is resolved."""
        if isinstance(step, Resolve) and isinstance(seen, Resolution) and seen.addresses:
            self._ask(Connect(address=seen.addresses[0], port=443, position=StepPosition(purpose=Purpose.ALLOWED)))

    def finished(self, step: Step, seen: tuple[Observation, ...]) -> None:
        """Go on with the address, or with the range when nothing is under way."""
        self._under_way.discard(step)
        failed = failure_of(seen)
        if isinstance(step, Connect) and step.position.purpose is Purpose.SUBJECT and seen:
            self._connected(step, None if failed is None else failed.failure)
        elif isinstance(step, Handshake):
            self._heard(step, seen)
        if not self._under_way:
            self._advance()

    def _connected(self, step: Connect, failure: Failure | None) -> None:
        if failure is None:
            self._stood.append(step.address)
        elif failure in OWN_FAULTS or step.position.attempt or step.address not in self._hits:
            self._failed.append(step.address)
        else:
            self._ask(Connect(address=step.address, port=self._port, position=StepPosition(attempt=1)))

    def _heard(self, step: Handshake, seen: tuple[Observation, ...]) -> None:
        last = seen[-1] if seen else None
        if isinstance(last, TlsHandshake) and last.failure not in NO_ANSWER_FAILURES:
            self._spoke = True
        elif last is not None and last.failure in NO_ANSWER_FAILURES and not step.position.attempt:
            self._ask(self._hello(step.address, step.sni, step.position.purpose, attempt=1))

    def _advance(self) -> None:
        """Ask the next questions: more addresses, then hellos, then the witness."""
        if self._widen() or self._greet():
            return
        self._try_witness()

    def _widen(self) -> bool:
        if self._vouched:
            return self._compare()
        if self._context.control is not None and self._hits:
            return False  # some is known of it, and too little to judge by: more misses would say nothing
        return self._search()

    def _compare(self) -> bool:
        """Try others known at the control in each part of the range where one fails here while others answer."""
        if not self._stood:
            return False
        units = list(dict.fromkeys(sampling.unit_of(a, self._network) for a in self._failed if a in self._hits))
        chosen: list[str] = []
        for unit in units[:_UNITS]:
            others = sampling.known(self._hits, unit, len(self._hits), self._context.seed)
            asked = sum(other in self._asked for other in others)
            chosen += [other for other in others if other not in self._asked][: max(0, _NEIGHBOURS + 1 - asked)]
        return self._look(*chosen)

    def _search(self) -> bool:
        """Search a range of which nothing is known for addresses that answer, so that a control can vouch for it."""
        network, seed = self._network, self._context.seed
        left = sampling.WIDEST * self._count - len(self._asked)
        while left > 0 and self._searched < 3:
            self._searched += 1
            if self._searched == 1:
                wide = network.prefixlen < sampling.UNIT[network.version]
                parts = [a for a in self._stood if a not in self._context.known] if wide else []
                near = (sampling.neighbours(a, network, _NEIGHBOURS, seed, self._holes) for a in parts)
                more = [other for found in near for other in found]
            elif len(self._stood) >= PLENTY:
                return False
            elif self._searched == 2:
                more = [*sampling.habitual(network, self._count, seed, self._holes)]
            else:
                more = [*sampling.drawn(network, left, seed + 1, self._context.draw, self._holes)]
            if self._look(*more[:left]):
                return True
        return False

    def _greet(self) -> bool:
        """Send a hello to the next address that connected; False when enough were answered."""
        if self._port != 443:
            return False
        if self._vouched:
            fit = [address for address in self._stood if self._hits.get(address) == "tls" and not self._spoke]
        else:
            fit = self._stood
        for address in fit:
            if address not in self._greeted and len(self._greeted) < HELLOS:
                self._greeted.append(address)
                self._ask(self._hello(address, self._context.random_name, Purpose.NEUTRAL))
                return True
        return self._try_allowed()

    def _try_allowed(self) -> bool:
        """Send a hello with a name that allow-lists carry, where none was answered."""
        if self._spoke or not self._greeted:
            return False
        self._ask(self._hello(self._greeted[0], self._context.allowed_name, Purpose.ALLOWED))
        self._spoke = True  # asked once, whatever comes of it
        return True

    def _hello(self, address: str, name: str, purpose: Purpose, attempt: int = 0) -> Handshake:
        position = StepPosition(attempt=attempt, purpose=purpose)
        return Handshake(address=address, port=443, sni=name, verify=False, position=position)

    def _try_witness(self) -> None:
        if self._network.version == 4 or self._stood or not self._failed:
            return
        for resolver in self._context.trusted_resolvers[:1]:
            self._ask(
                Resolve(
                    name=self._context.allowed_name,
                    rrtype="AAAA",
                    resolver=resolver,
                    trust=Trust.TRUSTED,
                    position=StepPosition(purpose=Purpose.ALLOWED),
                )
            )
