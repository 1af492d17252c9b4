"""What a glance saw, with what it is compared with: the evidence of a glance (docs/methods/glance.md).

A *glance* is a cheap look at a target that a full look found reachable. It can only acquit: where it sees the same as
the *reference glance* that followed the full look, the target is still reachable. Where it sees anything else, only a
full look may say what that means.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from typing import Self

import msgspec

from probe.model.glance import GlanceKind
from probe.model.target import DnsTarget, DomainTarget, QuicTarget, Target, TcpTarget, TlsTarget, UrlTarget

NEIGHBOURHOOD_BITS = {4: 24, 6: 48}
"""Addresses of one site in one such prefix are one address here: content networks move names inside them all day."""
_KINDS: dict[type[Target], tuple[GlanceKind, ...]] = {
    DnsTarget: (GlanceKind.NAME,),
    TcpTarget: (GlanceKind.TCP,),
    TlsTarget: (GlanceKind.TLS,),
    QuicTarget: (GlanceKind.QUIC,),
}


class GlanceEvidence(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One glance, and the part of the target's known answers that it is compared with.

    Nearly every glance is the same as a known answer, in every round, so that is written short (`shortened`).

    Attributes:
        kind: the layers it went through.
        answered: addresses that the network's resolver gave; empty where the target is an address.
        address: the address that was tried; empty for `name`.
        seen: what identifies the answer (`probe.model.glance.GlanceResult.seen`).
        failure: how it failed (`tls.reset`); empty where it did not.
        took: milliseconds that it took.
        known: the known answer that it is compared with: the equal one, else the newest.
        known_addresses: for each address that was answered, the known address that it is or is next to; else none.
        full_look: when the full look began that the known answer belongs to.
        same_as: the same in Unix seconds, where the known answer is the one that was seen. Then what would be repeated
            is left out: `known`; `known_addresses` where they are those that were answered; `answered` where it is the
            address alone that was tried. 0 otherwise.
    """

    kind: GlanceKind
    answered: tuple[str, ...] = ()
    address: str = ""
    seen: str = ""
    failure: str = ""
    took: int = 0
    known: str = ""
    known_addresses: tuple[str, ...] = ()
    full_look: datetime | None = None
    same_as: int = 0

    @property
    def same(self) -> bool:
        """Whether it saw what the reference glance saw."""
        if self.same_as:
            answered = bool(self.answered) or self.kind is not GlanceKind.NAME
            known = self.known_addresses or self.answered
            return answered and not self.failure and not unknown_addresses(self.answered, known)
        if self.failure or self.full_look is None or self.seen != self.known:
            return False
        if self.kind is GlanceKind.NAME and not self.answered:
            return False
        return not unknown_addresses(self.answered, self.known_addresses)

    def shortened(self) -> Self:
        """The same evidence in a few dozen bytes, where it is the same as a known answer; else itself."""
        if self.full_look is None or not self.same:
            return self
        exact = set(self.answered) == set(self.known_addresses)
        return msgspec.structs.replace(
            self,
            answered=() if exact and self.answered == (self.address,) else self.answered,
            known="",
            known_addresses=() if exact else self.known_addresses,
            full_look=None,
            same_as=int(self.full_look.timestamp()),
        )


def glance_kinds(target: Target) -> tuple[GlanceKind, ...]:
    """The kind of glance for each chain of a target: two for a domain; empty for a range, which has none."""
    match target:
        case UrlTarget(scheme=scheme):
            return (GlanceKind.TLS if scheme == "https" else GlanceKind.HTTP,)
        case DomainTarget():
            return GlanceKind.TLS, GlanceKind.HTTP
        case _:
            return _KINDS.get(type(target), ())


def is_acquitted(target: Target, glances: Iterable[GlanceEvidence]) -> bool:
    """Whether glances at every chain of a target saw what the reference glances saw, and none saw anything else."""
    kinds = set()
    for one in glances:
        if not one.same:
            return False
        kinds.add(one.kind)
    return bool(kinds) and kinds == set(glance_kinds(target))


def unknown_addresses(addresses: Iterable[str], known: Iterable[str]) -> tuple[str, ...]:
    """The addresses that are neither known nor next to a known one."""
    exact = frozenset(known)
    new = tuple(address for address in addresses if address not in exact)
    if not new:
        return ()
    near = set(map(neighbourhood_of, exact))
    return tuple(address for address in new if neighbourhood_of(address) not in near)


def nearest_known(addresses: Iterable[str], known: Iterable[str]) -> tuple[str, ...]:
    """For each address the known one that it is or is next to, each once, sorted; nothing for an unknown address."""
    exact = tuple(known)
    near = {neighbourhood_of(address): address for address in reversed(exact)}
    found = (address if address in exact else near.get(neighbourhood_of(address)) for address in addresses)
    return tuple(sorted({address for address in found if address is not None}))


@lru_cache(maxsize=4096)
def neighbourhood_of(address: str) -> str:
    """The /24 (IPv4) or /48 (IPv6) around an address; the text itself where it is no address."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ipaddress.ip_network((parsed, NEIGHBOURHOOD_BITS[parsed.version]), strict=False))
