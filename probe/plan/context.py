"""The context of a plan: resolvers, names and control facts, and the limits of a measurement."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from probe.model.address import Family
from probe.model.hop import MAX_REDIRECTS
from probe.model.observation import Exchange
from probe.model.verdict import ControlFacts, Status


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
        trace_connections: connections of one search for the interfering hop.
        redirects: hops after the first.
    """

    ipv4: int = 4
    ipv6: int = 2
    late_addresses: int = 2
    page_fetches: int = 3
    followed_addresses: int = 2
    silent_tries: int = 3
    proof_tries: int = 5
    trace_connections: int = 8
    redirects: int = MAX_REDIRECTS

    def of(self, family: Family) -> int:
        """The limit of a family."""
        return self.ipv6 if family is Family.IPV6 else self.ipv4


def _no_fingerprint(page: Exchange) -> bool:  # noqa: ARG001 - the shape of `PlanContext.has_fingerprint`
    return False


class PlanContext(msgspec.Struct, frozen=True, kw_only=True):
    """The context of one measurement besides its target.

    Attributes:
        network_resolvers: `udp:ADDRESS:PORT`, as resolv.conf lists them.
        trusted_resolvers: encrypted ones, in order of trust.
        own_names: the names that this host finds elsewhere than at the network's resolvers (the hosts file); None where
            any may be.
        control: what the control says of this target.
        has_fingerprint: whether an answer is a known page, such as a block page; it then deserves a second look.
        families: the families this host has a route for.
        random_name: a server name that nobody can have listed, neither to block nor to allow; drawn per measurement.
        ghost_name: a host name that exists nowhere; drawn per measurement.
        allowed_name: a well-known name that exists and that allow-lists carry.
        suspected: a server name is suspected (a re-test): the neutral name goes to each address before the suspect one,
            since some filters silence an address for minutes after the suspect name (GFW: 90 to 360 s per client,
            server and port).
        relay_address: an address where nothing listens, for `tcp://` targets and ranges; empty for none.
        sample: of a range, how many addresses are looked at (more where it is wide, see `probe.plan.sampling`).
        seed: of a range, what the sample is drawn by: the same number draws the same one.
        turn: of a range, a number that changes with every look, for the draws of a control that searches on.
        known: of a range, addresses that answered a control before; a control's own hit list.
        holes: of a range, the prefixes inside it that belong to somebody else; nothing of them is looked at.
        draw: of a range, which of the disjoint samples: 0, or the number of a re-test, which asks others.
    """

    network_resolvers: tuple[str, ...] = ()
    trusted_resolvers: tuple[str, ...] = ()
    own_names: frozenset[str] | None = None
    control: ControlFacts | None = None
    has_fingerprint: Callable[[Exchange], bool] = _no_fingerprint
    families: frozenset[Family] = frozenset(Family)
    random_name: str = "xkqvdwpzrjtm.com"
    ghost_name: str = "zq7w0v5xk2md.com"
    allowed_name: str = "www.wikipedia.org"
    suspected: bool = False
    relay_address: str = ""
    sample: int = 16
    seed: int = 0
    draw: int = 0
    turn: int = 0
    known: tuple[str, ...] = ()
    holes: tuple[str, ...] = ()
    limits: HopLimits = HopLimits()

    def asks_system(self, name: str) -> bool:
        """Whether getaddrinfo may answer otherwise than the network's resolver does when asked directly.

        Of several resolvers it asks one; which one decides what programs on this host get.
        """
        return self.own_names is None or name in self.own_names or len(self.network_resolvers) != 1

    @property
    def served_elsewhere(self) -> bool:
        """Whether the control was served, so that a failure here may be called a block."""
        good = {Status.REACHABLE, Status.THROTTLED}
        return self.control is not None and bool(self.control.statuses) and good.issuperset(self.control.statuses)

    @property
    def rrtypes(self) -> tuple[str, ...]:
        """The record types worth asking for."""
        wanted = (("A", Family.IPV4), ("AAAA", Family.IPV6))
        return tuple(rrtype for rrtype, family in wanted if family in self.families)
