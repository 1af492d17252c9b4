"""Evidence of a network without IPv4, as if it had been seen over IPv4.

There, the resolver (DNS64) writes a name's IPv4 addresses inside IPv6 ones, and a gateway (NAT64) translates. Everybody
else knows the same servers by their IPv4 addresses: trusted resolvers, the control, the list of stubs. So the addresses
that the gateway stands for are judged in the place of those that were sent to.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from probe.model.hop import Purpose
from probe.model.nat64 import embedded_ipv4
from probe.model.observation import LateAnswer, Observation, Resolution
from probe.model.resolver import Trust
from probe.model.verdict import Evidence

_OWN_RESOLVERS = frozenset({Trust.SYSTEM, Trust.NETWORK})


def translated(evidence: Evidence) -> Evidence:
    """The evidence with IPv4 addresses for those of the gateway; unchanged where the host has IPv4 of its own.

    Over two paths, an address may fail by one and serve by the other: these stay two addresses.
    """
    if not evidence.nat64 or _own_types(evidence.observations) != {"AAAA"}:
        return evidence
    older = _names_with_ipv4_alone(evidence)
    seen = tuple(_translated(one, evidence.nat64, older) for one in evidence.observations)
    cuts = tuple(replace(cut, address=_ipv4(cut.address, evidence.nat64)) for cut in evidence.recent_cuts)
    return replace(evidence, observations=seen, recent_cuts=cuts)


def _own_types(observations: Iterable[Observation]) -> set[str]:
    """The record types that the host asked its own resolvers for: those of the families that it has a route for."""
    return {
        one.rrtype
        for one in observations
        if isinstance(one, Resolution) and one.trust in _OWN_RESOLVERS and one.purpose is Purpose.SUBJECT
    }


def _names_with_ipv4_alone(evidence: Evidence) -> frozenset[str]:
    """The names that have no IPv6 address of their own, as trusted resolvers and the control know them."""
    known: dict[str, set[str]] = {}
    for one in evidence.observations:
        if isinstance(one, Resolution) and one.trust is Trust.TRUSTED:
            known.setdefault(one.name, set()).update(one.addresses)
    for name, addresses in (evidence.control.addresses if evidence.control is not None else {}).items():
        known.setdefault(name, set()).update(addresses)
    return frozenset(
        name for name, addresses in known.items() if addresses and not any(":" in one for one in addresses)
    )


def _translated(one: Observation, prefixes: tuple[str, ...], older: frozenset[str]) -> Observation:
    """One observation; a resolver that was asked for the IPv6 addresses of such a name was asked for those of IPv4."""
    if isinstance(one, Resolution | LateAnswer):
        addresses = tuple(_ipv4(address, prefixes) for address in one.addresses)
        rrtype = "A" if one.name in older and one.trust in _OWN_RESOLVERS else one.rrtype
        return replace(one, addresses=addresses, rrtype=rrtype)
    return replace(one, address=_ipv4(one.address, prefixes))


def _ipv4(address: str, prefixes: tuple[str, ...]) -> str:
    """The IPv4 address inside; the text itself where it, or a prefix, is none: evidence may come from anybody."""
    try:
        return embedded_ipv4(address, prefixes)
    except ValueError:
        return address
