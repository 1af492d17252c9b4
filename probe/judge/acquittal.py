"""Whether an address is the target's: what acquits it, what convicts it, and what does neither.

Acquitted by a certificate that verifies for the name (content networks answer everybody with other addresses), by being
among the addresses that trusted resolvers or the control gave, by sharing the page. TCP success acquits nobody: the GFW
and transparent relays complete handshakes for forged addresses (net4people/bbs#294). Convicted only where there is
somebody to compare with: a missing comparison leaves an address open, and an open address is treated as the target's.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING

from probe.judge.blockpages import STUBS
from probe.judge.control import Word
from probe.judge.hops import Site
from probe.judge.pages import Whose
from probe.judge.repetition import CUTS, enough
from probe.model.address import is_bogon, network_of
from probe.model.failure import Failure
from probe.model.observation import Conversation, Exchange, Observation, QuicExchange, TlsHandshake

if TYPE_CHECKING:
    from probe.judge.evidence_view import Leg
    from probe.judge.names import Names

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052: an IPv4 address in an IPv6 one, made by DNS64
_DATES = ("expired", "not yet valid")


class Standing(StrEnum):
    """What is known of an address as the target's."""

    ACQUITTED = "acquitted"
    OPEN = "open"
    CONVICTED = "convicted"


@lru_cache(maxsize=4096)
def plain(address: str) -> str:
    """The address itself, or the IPv4 address that DNS64 wrapped."""
    parsed = ipaddress.ip_address(address)
    if isinstance(parsed, ipaddress.IPv6Address) and parsed in _NAT64:
        return str(ipaddress.IPv4Address(int(parsed) & 0xFFFF_FFFF))
    return address


def standing(leg: Leg, address: str) -> Standing:
    """What is known of an address as the target's, for one leg."""
    names = leg.names
    if names is None:
        return Standing.ACQUITTED  # given outright
    if verified(leg.evidence.observations, leg.hop.subject.host, address):
        return Standing.ACQUITTED
    if plain(address) in names.reference or address in names.reference:
        return Standing.ACQUITTED
    if address not in names.given and not is_bogon(plain(address)):
        return Standing.OPEN
    if names.absent or _forged(leg, names, address):
        return Standing.CONVICTED
    return Standing.OPEN


def verified(observations: Iterable[Observation], host: str, address: str) -> bool:
    """Whether a certificate verified for the host at the address."""
    return any(
        isinstance(one, TlsHandshake | QuicExchange) and one.verified and one.sni == host and one.address == address
        for one in observations
    )


def answered(seen: Iterable[Conversation]) -> bool:
    """Whether anything came back to a handshake or a request: an alert and a wrong certificate are answers too."""
    return any(
        (isinstance(one, TlsHandshake | QuicExchange) and (one.failure in {None, Failure.CERTIFICATE, Failure.ALERT}))
        or (isinstance(one, Exchange) and one.status > 0)
        for one in seen
    )


def answering(observations: Iterable[Observation]) -> frozenset[str]:
    """The addresses from which anything came back."""
    return frozenset(one.address for one in observations if isinstance(one, Conversation) and one.failure is None)


def dated(error: str) -> bool:
    """Whether a certificate failed for its dates alone: OpenSSL checks them after the chain, so the chain was good."""
    return any(part in error for part in _DATES)


def _known(leg: Leg, names: Names, address: str) -> frozenset[str]:
    """The addresses that are the target's for certain, to hold this one against.

    Where nobody should know, a late answer to the same query does, if its address has the target's certificate.
    """
    if names.reference:
        return names.reference
    host = leg.hop.subject.host
    rivals = names.rivals(address)
    return frozenset(rival for rival in rivals if verified(leg.evidence.observations, host, rival))


def _forged(leg: Leg, names: Names, address: str) -> bool:
    """Whether an address is shown not to be the target's; without any to hold it against nothing is."""
    known = _known(leg, names, address)
    if not known:
        return False
    if is_bogon(plain(address)):
        return any(not is_bogon(other) for other in known)
    if address in STUBS:
        return True
    site = next((site for site in leg.hop.sites if site.address == address), None)
    if site is None:
        return False
    if site.pages:
        return _strange_page(leg, site)
    if site.failed is None:
        return False
    if site.failed.failure is Failure.CERTIFICATE:
        return not _only_dates(site) and _has_certificate(leg)
    # A neighbour of a known address is more likely another one of its pool.
    elsewhere = network_of(plain(address)) not in {network_of(other) for other in known}
    return not leg.own_fault(site) and elsewhere and _lives(leg, known) and _often(leg, site, known)


def _often(leg: Leg, site: Site, known: frozenset[str]) -> bool:
    """Whether an address failed twice at least, and silence was heard often enough at it and those given beside it."""
    if site.failed is None or len(site.outcomes) < CUTS:
        return False
    rivals = [other for other in leg.hop.sites if other.address not in known and other.failed == site.failed]
    return enough(leg, site.failed, sum(other.outcomes.count(site.failed) for other in rivals))


def _strange_page(leg: Leg, site: Site) -> bool:
    """Whether every page of the site is a notice, or unlike what control got."""
    return all(leg.whose(page) is not Whose.OWN for page in site.pages)


def _only_dates(site: Site) -> bool:
    errors = [error for group in site.tries for one in group if (error := certificate_error(one))]
    return bool(errors) and all(map(dated, errors))


def certificate_error(one: Conversation) -> str:
    """Why the certificate of a handshake did not verify, if that is known."""
    return one.certificate.error if isinstance(one, TlsHandshake) and one.certificate is not None else ""


def _has_certificate(leg: Leg) -> bool:
    """Whether the target has a certificate that verifies: seen here at another address, or at control."""
    host = leg.hop.subject.host
    if leg.control is not None and leg.control.certificates.get(host):
        return True
    return any(isinstance(one, TlsHandshake) and one.verified and one.sni == host for one in leg.evidence.observations)


def _lives(leg: Leg, known: frozenset[str]) -> bool:
    """Whether the target is known to be alive: control was served, or one of its own addresses serves here."""
    if leg.word is Word.SERVED:
        return True
    return any((site.serves or site.stands) and site.address in known for site in leg.hop.sites)
