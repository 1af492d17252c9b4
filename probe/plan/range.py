"""The plan of a range: connect to a sample of its addresses, and send ClientHellos to those that accept.

::

    sample      a connection to each address, or a SYN where this host may send one; one that answered at the control
                and not here is tried again, by a connection. A control connects to every address it knows, within
                bounds, and to some new ones, so that its hit list grows
    relay       beside it: two that are silent at the control, and an unrouted address where one that answers leaves a
                doubt (`probe.plan.relay_memory`). A relay on the path accepts them
    neighbours  where some addresses answer and a hit of the control fails: other hits of the same /24
    search      where nothing is known of the range: neighbours of those that answer, or more addresses until some do
    hello       port 443: a ClientHello with a name that no list contains, because filters let SYNs pass
    IPv6        an IPv6 range of which nothing answered: a connection to a well-known name over IPv6

Most addresses are contacted once in a measurement, none more than six times: a connection, a hello, and a hello with an
allowed name, each tried twice. The scheduler waits an hour before the next measurement (`probe.agent.scheduler`). A
re-test begins with other addresses than the first measurement. The plan never contacts `PlanContext.excluded_prefixes`.
"""

from __future__ import annotations

import ipaddress

from probe.model.failure import OWN_FAULTS, Failure
from probe.model.hop import NO_ANSWER_FAILURES, Purpose, StepPosition
from probe.model.observation import Connection, Observation, Resolution, TlsHandshake
from probe.model.resolver import Trust
from probe.model.step import Connect, ConnectEach, Handshake, Resolve, Step
from probe.model.target import RangeTarget
from probe.plan import sampling
from probe.plan.context import PlanContext
from probe.plan.endpoint import RelayCheck
from probe.plan.hop_state import failure_of
from probe.plan.plan import Plan

MIN_KNOWN_HITS = 3
"""Addresses known to answer that suffice to judge a range; with fewer, others are drawn beside them."""
MAX_SEARCHED_ANSWERS = 8
"""Answers after which the search of an unknown range ends."""
MAX_HELLO_ADDRESSES = 4
"""Addresses that get a ClientHello. Four to twelve close together make some filters freeze all new ones
(net4people/bbs#546), so they are sent one after another. Where enough hits are known, the first answer ends them."""
_MAX_SEARCHES = 3
_MAX_SILENT_RELAY_CHECKS = 2
_MAX_NEIGHBOURS = 3
_MAX_COMPARED_BLOCKS = 8


def first_addresses(target: RangeTarget, context: PlanContext) -> tuple[str, ...]:
    """Return the addresses that a measurement of the range connects to first, without those of the relay check."""
    steps = RangePlan(target, context).pending()
    return tuple(step.address for step in steps if isinstance(step, Connect) and step.position == StepPosition())


class RangePlan(Plan):
    """The plan of one range.

    Args:
        target: the range and its port.
        context: control facts, seed, sample size and the prefixes to leave out.
    """

    def __init__(self, target: RangeTarget, context: PlanContext) -> None:
        super().__init__()
        self._context = context
        self._port = target.port
        self._network = ipaddress.ip_network(target.network)
        self._excluded = sampling.ExcludedPrefixes(context.excluded_prefixes)
        control = context.control
        self._hits = {a: how for a, how in control.hits.items() if self._includes(a)} if control is not None else {}
        self._misses = tuple(a for a in control.misses if self._includes(a)) if control is not None else ()
        self._count = sampling.sample_size(self._network, context.sample)
        self._under_way: set[Step] = set()
        self._contacted: set[str] = set()
        self._accepted: list[str] = []
        self._failed: list[str] = []
        self._hello_addresses: list[str] = []
        self._hellos_done = False
        self._searches = 0
        self._relay_check = RelayCheck(context, target.port, self.queue, one_host=False)
        self._begin()

    @property
    def _well_known(self) -> bool:
        return len(self._hits) >= MIN_KNOWN_HITS

    def _includes(self, address: str) -> bool:
        found = ipaddress.ip_address(address)
        return found in self._network and int(found) not in self._excluded

    def _begin(self) -> None:
        context, network = self._context, self._network
        if context.sample_index and not self._well_known:
            return  # a re-test needs known addresses that were not contacted yet
        sample = sampling.sample_known(self._hits, network, self._count, context.seed, context.sample_index)
        if context.hit_list and not self._hits:
            sample = self._control_sample()
        elif not self._well_known:
            fresh = sampling.sample_strata(network, self._count, context.seed, self._excluded)
            sample = (*sample, *fresh)[: self._count]
        if not sample or (context.sample_index and len(sample) < MIN_KNOWN_HITS):
            return
        for address in sampling.sample_known(
            self._misses, network, _MAX_SILENT_RELAY_CHECKS, context.seed, context.sample_index
        ):
            self._check_relay(address)
        self._connect(*sample)

    def _control_sample(self) -> tuple[str, ...]:
        """Return the addresses that the control knows, and a quarter of a sample of others."""
        fresh = sampling.sample_strata(
            self._network, max(1, self._count // 4), self._context.search_seed, self._excluded
        )
        most = sampling.MAX_SAMPLE_FACTOR * self._count - len(fresh)
        own = [address for address in self._context.hit_list if self._includes(address)]
        return (*sampling.sample_known(own, self._network, most, self._context.seed), *fresh)

    def _check_relay(self, address: str) -> None:
        self._contacted.add(address)
        self._ask(Connect(address=address, port=self._port, position=StepPosition(purpose=Purpose.RELAY)))

    def _connect(self, *addresses: str) -> bool:
        """Connect to those of the addresses that were not contacted yet; False when there are none."""
        fresh = [address for address in dict.fromkeys(addresses) if address not in self._contacted]
        self._contacted.update(fresh)
        # Where SYNs were sent and none was answered, connections are tried: SYNs may be lost on this host.
        if fresh and self._context.send_syns and (self._accepted or not self._failed):
            self._ask(ConnectEach(addresses=tuple(fresh), port=self._port))
            return True
        for address in fresh:
            self._ask(Connect(address=address, port=self._port))
        return bool(fresh)

    def _ask(self, step: Step) -> None:
        if self.queue.add(step, self):
            self._under_way.add(step)

    def observe(self, step: Step, observation: Observation) -> None:
        """Take in an observation of a step."""
        super().observe(step, observation)
        self._relay_check.consider(observation)

    def observed(self, step: Step, seen: Observation) -> None:
        """Connect to the well-known name over IPv6 once its address is resolved; take each address of a sweep."""
        if isinstance(step, ConnectEach) and isinstance(seen, Connection):
            self._take_connection(seen.address, seen.failure, 0)
        elif isinstance(step, Resolve) and isinstance(seen, Resolution) and seen.addresses:
            self._ask(Connect(address=seen.addresses[0], port=443, position=StepPosition(purpose=Purpose.ALLOWED)))

    def finished(self, step: Step, seen: tuple[Observation, ...]) -> None:
        """Queue the next step of the address, or of the range when no step is under way."""
        self._under_way.discard(step)
        failed = failure_of(seen)
        if isinstance(step, Connect) and step.position.purpose is Purpose.SUBJECT and seen:
            self._take_connection(step.address, None if failed is None else failed.failure, step.position.attempt)
        elif isinstance(step, Handshake):
            self._take_hello(step, seen)
        if not self._under_way:
            self._advance()

    def _take_connection(self, address: str, failure: Failure | None, attempt: int) -> None:
        if failure is None:
            self._accepted.append(address)
        elif failure in OWN_FAULTS or attempt or address not in self._hits:
            self._failed.append(address)
        else:
            self._ask(Connect(address=address, port=self._port, position=StepPosition(attempt=1)))

    def _take_hello(self, step: Handshake, seen: tuple[Observation, ...]) -> None:
        last = seen[-1] if seen else None
        if isinstance(last, TlsHandshake) and last.failure not in NO_ANSWER_FAILURES:
            self._hellos_done = True
        elif last is not None and last.failure in NO_ANSWER_FAILURES and not step.position.attempt:
            self._ask(self._hello(step.address, step.sni, step.position.purpose, attempt=1))

    def _advance(self) -> None:
        """Queue the next steps: more addresses, then hellos, then the check of IPv6."""
        if self._widen() or self._send_hello():
            return
        self._check_ipv6()

    def _widen(self) -> bool:
        if self._well_known:
            return self._compare()
        if self._context.control is not None and self._hits:
            return False  # too few hits are known to judge by, and more silent addresses would show nothing
        return self._search()

    def _compare(self) -> bool:
        """Connect to other hits of each block in which a hit fails here, while other blocks answer."""
        if not self._accepted:
            return False
        blocks = list(dict.fromkeys(sampling.block_of(a, self._network) for a in self._failed if a in self._hits))
        chosen: list[str] = []
        for block in blocks[:_MAX_COMPARED_BLOCKS]:
            others = sampling.sample_known(self._hits, block, len(self._hits), self._context.seed)
            asked = sum(other in self._contacted for other in others)
            chosen += [other for other in others if other not in self._contacted][: max(0, _MAX_NEIGHBOURS + 1 - asked)]
        return self._connect(*chosen)

    def _search(self) -> bool:
        """Search an unknown range for addresses that answer, so that the hit list of a control grows."""
        network, seed = self._network, self._context.seed
        left = sampling.MAX_SAMPLE_FACTOR * self._count - len(self._contacted)
        while left > 0 and self._searches < _MAX_SEARCHES:
            self._searches += 1
            if self._searches == 1:
                wide = network.prefixlen < sampling.BLOCK_PREFIX_LENGTH[network.version]
                parts = [a for a in self._accepted if a not in self._context.hit_list] if wide else []
                more = [*sampling.neighbours(parts, network, _MAX_NEIGHBOURS, seed, self._excluded)]
            elif len(self._accepted) >= MAX_SEARCHED_ANSWERS:
                return False
            elif self._searches == 2:
                more = [*sampling.low_addresses(network, self._count, seed, self._excluded)]
            else:
                more = [*sampling.sample_strata(network, left, seed + 1, self._excluded)]
            if self._connect(*more[:left]):
                return True
        return False

    def _send_hello(self) -> bool:
        """Send a hello to the next address that accepted a connection; False when enough were answered."""
        if self._port != 443:
            return False
        if self._well_known:
            addresses = [a for a in self._accepted if self._hits.get(a) == "tls" and not self._hellos_done]
        else:
            addresses = self._accepted
        for address in addresses:
            if address not in self._hello_addresses and len(self._hello_addresses) < MAX_HELLO_ADDRESSES:
                self._hello_addresses.append(address)
                self._ask(self._hello(address, self._context.random_name, Purpose.NEUTRAL))
                return True
        return self._send_allowed_hello()

    def _send_allowed_hello(self) -> bool:
        """Send a hello with a name that allow-lists contain, where no hello was answered."""
        if self._hellos_done or not self._hello_addresses:
            return False
        self._ask(self._hello(self._hello_addresses[0], self._context.allowed_name, Purpose.ALLOWED))
        self._hellos_done = True
        return True

    def _hello(self, address: str, name: str, purpose: Purpose, attempt: int = 0) -> Handshake:
        position = StepPosition(attempt=attempt, purpose=purpose)
        return Handshake(address=address, port=443, sni=name, verify=False, position=position)

    def _check_ipv6(self) -> None:
        if self._network.version == 4 or self._accepted or not self._failed:
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
