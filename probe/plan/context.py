"""The context of a plan: resolvers, names and control facts, and the limits of a measurement."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from probe.model.address import Family
from probe.model.hop import MAX_REDIRECTS
from probe.model.nat64 import embedded_ipv4, synthesised
from probe.model.observation import Exchange
from probe.model.verdict import ControlFacts, Status

if TYPE_CHECKING:
    from probe.plan.relay_memory import RelayFinding

FALLBACK_NAME = "example.com"
"""A name that exists (RFC 2606) and that nobody has a reason to block, where no other is known to work here."""


class HopLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Limits of one measurement.

    The limits per family cover every address of nearly all names and keep the handshakes to one network few: four to
    twelve close together make some Russian filters freeze all new ones (net4people/bbs#546).

    Attributes:
        ipv4: IPv4 addresses tried per name.
        ipv6: IPv6 addresses tried per name.
        late_addresses: addresses from late answers, tried beyond those.
        page_fetches: addresses of one hop that are asked for the page over TLS, one after another.
        followed_addresses: addresses of one hop that get follow-ups after a failure.
        silent_tries: tries of a hop that is silent. At 10 % loss either way a SYN and its two retransmissions stay
            unanswered once in 150 times, three such tries once in three million.
        proof_tries: the same where silence could count as a block (`probe.judge.repetition`).
        mixed_tries: the same where it began at two layers.
        trace_connections: connections of one search for the interfering hop.
        redirects: hops after the first.
        other_names: other names that a resolver is asked for, so that one that is blocked too does not decide.
    """

    ipv4: int = 4
    ipv6: int = 2
    late_addresses: int = 2
    page_fetches: int = 3
    followed_addresses: int = 2
    silent_tries: int = 3
    proof_tries: int = 5
    mixed_tries: int = 7
    trace_connections: int = 8
    redirects: int = MAX_REDIRECTS
    other_names: int = 3

    def of(self, family: Family) -> int:
        """Return the number of addresses to try of a family."""
        return self.ipv6 if family is Family.IPV6 else self.ipv4


class LinePage(NamedTuple):
    """A large page that this line has carried: an anchor's."""

    url: str
    address: str


def _no_fingerprint(page: Exchange) -> bool:  # noqa: ARG001 - the shape of `PlanContext.has_fingerprint`
    return False


class PlanContext(msgspec.Struct, frozen=True, kw_only=True):
    """What a plan knows besides its target.

    Attributes:
        network_resolvers: `udp:ADDRESS:PORT`, in the order in which the system asks them.
        dead_resolvers: those of them that have answered nothing in this pass; they are asked last.
        rotates: the system begins with another one each time.
        nat64: prefixes with which the network's resolvers write IPv4 addresses (RFC 7050).
        trusted_resolvers: encrypted ones, in order of trust.
        spares_resolvers: ask one of them, and the others once anything is in doubt (`probe.plan.lookup`).
        hosts_file_names: the names that this host finds in its hosts file; None where it may find any name outside DNS.
        control: the control's facts about this target.
        has_fingerprint: whether a page matches a fingerprint, such as that of a block page; it is then fetched again.
        families: the address families that this host has a route for.
        random_name: a server name that no list can contain, neither to block nor to allow; drawn per measurement.
        ghost_name: a host name that does not exist; drawn per measurement.
        other_names: names that are known to work here, to compare a resolver's answers with; the best first.
        allowed_name: a well-known name that exists and that allow-lists of this network contain.
        suspected: the server name is suspected to be blocked (a re-test). The neutral name then goes to each address
            before the suspect one, because some filters drop all packets of an address for minutes after the suspect
            name (GFW: 90 to 360 s per client, server and port).
        relay_address: an address where nothing listens, for `tcp://` targets and ranges; empty for none.
        relay_known: the outcome of the latest trial of such an address for the target's family and port.
        failed_before: the target failed at its last full look, or this is a re-test.
        now: start of the measurement, in Unix seconds.
        no_resolver: an IPv4 address abroad that runs no resolver, an anchor's; empty for none.
        send_syns: whether the sample of a range may be asked with SYNs in place of connections.
        sample: how many addresses of a range to sample (more of a wide one, see `probe.plan.sampling`).
        seed: seed of a range's sample: the same number gives the same sample.
        sample_index: which of a range's disjoint samples: 0, or the number of the re-test.
        search_seed: seed of the new addresses that a control tries in a range; it changes with every measurement.
        hit_list: addresses of a range that answered this control before.
        excluded_prefixes: prefixes inside a range that other owners announce; they are never contacted.
        line_pages: large pages of anchors, whose speed shows what the line carries.
    """

    network_resolvers: tuple[str, ...] = ()
    dead_resolvers: frozenset[str] = frozenset()
    rotates: bool = False
    nat64: tuple[str, ...] = ()
    trusted_resolvers: tuple[str, ...] = ()
    spares_resolvers: bool = False
    hosts_file_names: frozenset[str] | None = None
    control: ControlFacts | None = None
    has_fingerprint: Callable[[Exchange], bool] = _no_fingerprint
    families: frozenset[Family] = frozenset(Family)
    random_name: str = "xkqvdwpzrjtm.com"
    ghost_name: str = "zq7w0v5xk2md.com"
    other_names: tuple[str, ...] = ()
    allowed_name: str = "www.wikipedia.org"
    suspected: bool = False
    relay_address: str = ""
    relay_known: RelayFinding | None = None
    failed_before: bool = False
    now: float = 0.0
    no_resolver: str = ""
    send_syns: bool = False
    sample: int = 16
    seed: int = 0
    sample_index: int = 0
    search_seed: int = 0
    hit_list: tuple[str, ...] = ()
    excluded_prefixes: tuple[str, ...] = ()
    line_pages: tuple[LinePage, ...] = ()
    limits: HopLimits = HopLimits()

    def asks_system(self, name: str) -> bool:
        """Whether getaddrinfo may give another answer than a direct query to the network's resolver.

        The hosts file may contain the name. Of several resolvers, getaddrinfo asks one, and programs on this host get
        the answer of that one. Where one is dead, getaddrinfo would wait for it each time.
        """
        if self.hosts_file_names is None or name in self.hosts_file_names or not self.network_resolvers:
            return True
        return len(self.network_resolvers) > 1 and not self.dead_resolvers

    def rank(self, resolver: str) -> int:
        """The position of a resolver in the system's order, from 1; 0 for its only one and for one it does not ask."""
        if len(self.network_resolvers) < 2 or resolver not in self.network_resolvers:
            return 0
        return self.network_resolvers.index(resolver) + 1

    @property
    def answering_resolvers(self) -> tuple[str, ...]:
        """The network's resolvers without the dead ones; all of them where every one is dead."""
        alive = tuple(resolver for resolver in self.network_resolvers if resolver not in self.dead_resolvers)
        return alive or self.network_resolvers

    def names_beside(self, name: str) -> tuple[str, ...]:
        """The names that a resolver is asked for to compare: none of this name's own domain."""
        domain = name.split(".")[-2:]
        kept = [one for one in self.other_names or (self.allowed_name,) if one.split(".")[-2:] != domain]
        return tuple(kept[: self.limits.other_names]) or (FALLBACK_NAME,)

    def as_here(self, address: str) -> str:
        """An address of the target as this host reaches it: in a network without IPv4, by the NAT64 gateway."""
        if ":" in address or not self.nat64 or Family.IPV4 in self.families:
            return address
        return synthesised(address, self.nat64[0])

    def as_elsewhere(self, address: str) -> str:
        """An address that the network's resolver gave as other resolvers give it: the IPv4 address inside NAT64's."""
        return embedded_ipv4(address, self.nat64)

    @property
    def served_elsewhere(self) -> bool:
        """Whether the control reached the target, so that a failure here may be a block."""
        good = {Status.REACHABLE, Status.THROTTLED}
        return self.control is not None and bool(self.control.statuses) and good.issuperset(self.control.statuses)

    @property
    def rrtypes(self) -> tuple[str, ...]:
        """The record types to ask for: those of the families that this host has a route for."""
        wanted = (("A", Family.IPV4), ("AAAA", Family.IPV6))
        return tuple(rrtype for rrtype, family in wanted if family in self.families)
