"""Estimate the traffic of a day of watching: packets, bytes and connections. Pure.

The costs were counted with tcpdump at a vantage of the laboratory, both directions, IP headers included, everything
healthy: those of the kinds of the default list by `python -m benchmarks.day` (2026-11-30), which compares a day with
this estimate, the others by `python -m benchmarks.cost` (2026-11-22, two trusted resolvers). A home page of
`PAGE_BYTES` is part of them. A failing target costs more, because it is tried again and compared with other names.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from functools import reduce
from typing import NamedTuple

from probe.agent.look_book import look_terms
from probe.agent.scheduler import RANGE_INTERVAL_SECONDS
from probe.agent.watchlist import Watchlist
from probe.model.anchor_parts import usual_part
from probe.model.hop import subjects_of
from probe.model.target import DnsTarget, DomainTarget, QuicTarget, RangeTarget, Target, TcpTarget, TlsTarget, UrlTarget
from probe.model.verdict import AnchorKind
from probe.plan.looks import DAY_SECONDS, full_looks_a_day, looks_at_failing_a_day
from probe.plan.sampling import sample_size
from probe.settings import Settings

PAGE_BYTES = 30_000
"""Bytes on the wire of a page, beyond the laboratory's: the HTML of the median home page (HTTP Archive, Web
Almanac 2022, chapter Page Weight, 31 kB). A page is read to 512 KiB at most
(`probe.measure.http_get.MAX_BODY_BYTES`)."""
SEGMENT_PAYLOAD_BYTES = 1448
"""TCP payload of a full Ethernet packet (1500 bytes, less 20 of IP, 20 of TCP, 12 of TCP options)."""


class Cost(NamedTuple):
    """Traffic: packets and bytes in both directions, and connections begun (TCP and UDP flows)."""

    packets: float
    octets: float
    connections: float

    def times(self, number: float) -> Cost:
        """The cost, multiplied."""
        return Cost(self.packets * number, self.octets * number, self.connections * number)

    def plus(self, other: Cost) -> Cost:
        """The sum of two costs."""
        return Cost(*(one + two for one, two in zip(self, other, strict=True)))


NO_COST = Cost(0, 0, 0)
PAGE_BODY_COST = Cost(PAGE_BYTES / SEGMENT_PAYLOAD_BYTES * 1.5, PAGE_BYTES, 0)
"""The packets of a page, with one acknowledgement for every second packet."""
PAGE_COSTS = {
    "https": Cost(22.7, 10_000, 3.0).plus(PAGE_BODY_COST),
    "http": Cost(62.0, 12_100, 5.0).plus(PAGE_BODY_COST),
    "domain": Cost(56.5, 12779, 5.4).plus(PAGE_BODY_COST.times(2)),
}
COST_PER_LOOK = {
    **PAGE_COSTS,
    "dns": Cost(10.0, 1620, 2.0),
    "tcp": Cost(12.2, 700, 1.9),
    "tls": Cost(13.2, 2803, 1.5),
    "quic": Cost(39.6, 9096, 4.5),
}
"""Kind of target -> cost of one measurement of a healthy target, with the questions about its name to one trusted
resolver; to all of them where the name is fetched in clear text."""
RANGE_ADDRESS_COST = Cost(127.5 / 16, 8250 / 16, 19.5 / 16)
"""One address of a range, with its share of the other questions: from a sample of 16 that all answered."""
GLANCE_COST = {
    "https": Cost(11.0, 2621, 1.1),
    "http": Cost(11.0, 2428, 1.1),
    "domain": Cost(23.5, 6248, 2.1),
    "dns": Cost(2.0, 156, 0.1),
    "tcp": Cost(4.0, 224, 1.0),
    "tls": Cost(9.0, 2461, 1.0),
    "quic": Cost(8.0, 6222, 1.1),
}
"""Kind of target -> cost of one glance (`python -m benchmarks.glance_cost`, 2026-11-30), chains of 4 kB included."""
FAILING_COST = Cost(51.1, 11384, 5.6)
"""One full look at an https target whose name is cut, with the neutral name first (likewise)."""
SEND_COST = Cost(59.1 + 15 * 4, 74_634, 1.0)
"""One upload test (`measure.send`). tcpdump sees a request of 4.4 kB as one packet, which the network card divides into
four, acknowledged by two; there are 15 requests."""
CHAIN_BYTES = 3_000
"""Bytes of the certificates that a large site sends, beyond those of the laboratory's single one."""
ANCHOR_COST = {"https": Cost(29.0, 4400 + CHAIN_BYTES, 4.0), "http": Cost(12.0, 1100, 2.0)}
"""One check of one anchor, by its scheme: the head of a page and a connection over IPv6, or a known answer."""
LOOKS_A_ROUND = 2
"""Looks at anchors: before the targets and after them."""
TRUSTED_COST = Cost(27.8, 6400 + 2.6 * CHAIN_BYTES, 2.6)
"""The connections to one trusted resolver in a round with full looks; no connection outlives the round."""


class DailyCost(NamedTuple):
    """The cost of one kind of target in a day.

    Attributes:
        what: `https`, `dns`, .., `glance https`, .., `send`, `trusted resolver`, `range`, `anchor https` or
            `anchor http`.
        number: how many targets or anchors of that kind there are.
        looks: measurements of all of them in a day.
        cost: of these measurements.
    """

    what: str
    number: int
    looks: float
    cost: Cost


def daily_costs(settings: Settings, watchlist: Watchlist) -> Iterator[DailyCost]:
    """The cost of a day by kind, anchors last. Traffic with the collector is small and left out.

    Some anchors are checked before and after each round, in turns; after a target that fails, as many more, which are
    left out, as are the first round's.
    Ranges of one network are measured once an hour at most.
    """
    rounds = DAY_SECONDS / settings.agent.interval
    terms = look_terms(settings)
    full = min(rounds, full_looks_a_day(terms))
    kinds: dict[str, int] = {}
    for _, target in watchlist.targets:
        if not isinstance(target, RangeTarget):
            kinds[kind_of(target)] = kinds.get(kind_of(target), 0) + 1
    for kind, cost in COST_PER_LOOK.items():
        if number := kinds.get(kind, 0):
            yield DailyCost(kind, number, number * full, cost.times(number * full))
    for kind, cost in GLANCE_COST.items():
        # Each full look is followed by a reference glance, so there is a glance in every round.
        if terms.full_every and (number := kinds.get(kind, 0)):
            yield DailyCost(f"glance {kind}", number, number * rounds, cost.times(number * rounds))
    if settings.measure.send == "always" and (number := kinds.get("https", 0) + kinds.get("domain", 0)):
        yield DailyCost("send", number, number * full, SEND_COST.times(number * full))
    yield from _of_trusted(settings, watchlist, rounds, full)
    yield from _of_ranges(settings, watchlist, rounds)
    yield from _of_anchors(settings, rounds)


def _of_trusted(settings: Settings, watchlist: Watchlist, rounds: float, full: float) -> Iterator[DailyCost]:
    """The connections to the first trusted resolver; a control asks all of them."""
    known = settings.measure.trusted_resolvers
    asked = len(known) if settings.agent.role == "control" else min(1, len(known))
    named = sum(any(subject.is_name for subject in subjects_of(target)) for _, target in watchlist.targets)
    if asked and named:
        looks = asked * min(rounds, full * named)
        yield DailyCost("trusted resolver", asked, looks, TRUSTED_COST.times(looks))


def _of_anchors(settings: Settings, rounds: float) -> Iterator[DailyCost]:
    anchors = [(url, AnchorKind.FOREIGN) for url in settings.measure.anchors]
    anchors += [(url, AnchorKind.DOMESTIC) for url in settings.measure.domestic_anchors]
    part = [url.partition(":")[0] for url, _ in usual_part(anchors, 0)]
    for scheme, cost in ANCHOR_COST.items():
        if number := sum(url.startswith(f"{scheme}:") for url, _ in anchors):
            looks = LOOKS_A_ROUND * part.count(scheme) * rounds
            yield DailyCost(f"anchor {scheme}", number, looks, cost.times(looks))


def anchors_of_round(settings: Settings) -> Cost:
    """The cost of the anchors of one round."""
    return reduce(Cost.plus, (one.cost for one in _of_anchors(settings, 1.0)), NO_COST)


def _of_ranges(settings: Settings, watchlist: Watchlist, rounds: float) -> Iterator[DailyCost]:
    networks: dict[str, int] = {}
    texts = 0
    for text, target in watchlist.targets:
        if isinstance(target, RangeTarget):
            texts += 1
            sample = watchlist.samples.get(text, settings.measure.range_sample)
            found = sample_size(ipaddress.ip_network(target.network), sample)
            networks[target.network] = max(found, networks.get(target.network, 0))
    if networks:
        looks = min(rounds, DAY_SECONDS / RANGE_INTERVAL_SECONDS)
        addresses = sum(networks.values()) * looks
        yield DailyCost("range", texts, len(networks) * looks, RANGE_ADDRESS_COST.times(addresses))


def kind_of(target: Target) -> str:
    """The kind of a target in `COST_PER_LOOK`, or `range`."""
    match target:
        case UrlTarget(scheme=scheme):
            return scheme
        case DomainTarget():
            return "domain"
        case DnsTarget():
            return "dns"
        case TcpTarget():
            return "tcp"
        case TlsTarget():
            return "tls"
        case QuicTarget():
            return "quic"
        case RangeTarget():
            return "range"


def format_costs(items: Iterator[DailyCost]) -> Iterator[str]:
    """Lines to print: one for each kind, then the sum and how it was estimated."""
    total, looks = NO_COST, 0.0
    for item in items:
        total, looks = total.plus(item.cost), looks + item.looks
        yield f"a day\t{item.what}\t{item.number} of them, {item.looks:,.0f} looks: {_said(item.cost)}"
    yield (
        f"a day\tall\t{looks:,.0f} looks: {_said(total)}. An estimate: what a healthy look cost in the laboratory and "
        f"{PAGE_BYTES // 1000} kB a page (read to 512 KiB at most); failing targets and redirects cost more"
    )


def format_failing(settings: Settings) -> str:
    """A line to print about targets that fail, whose number nobody knows before."""
    looks = looks_at_failing_a_day(look_terms(settings))
    return (
        f"a day\tblocked\teach https target that is blocked by name, in place of its other looks, {looks:,.0f} looks: "
        f"{_said(FAILING_COST.times(looks))}"
    )


def _said(cost: Cost) -> str:
    return f"{cost.connections:,.0f} connections, {cost.packets:,.0f} packets, {cost.octets / 1e6:,.1f} MB"
