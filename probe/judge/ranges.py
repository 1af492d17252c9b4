"""Ranges: predicates of a leg. What counts are the addresses that answered at control; a miss is no evidence.

Most addresses of most ranges have nobody behind them, and lists of ranges rot (a stale one once made WhatsApp look
blocked at OONI). So a range is blocked only where at least `ENOUGH` addresses that answered at control fail here, all
of them, alike, and nothing else of it answers. Where some answer the range is reachable, and what fails is named.
"""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Callable

from probe.judge.control import Word
from probe.judge.evidence_view import Leg
from probe.judge.hits import spoke
from probe.judge.hops import Site
from probe.model.failure import Failure
from probe.model.hop import CUT_FAILURES, SILENT_FAILURES, Layer, LayerFailure
from probe.model.observation import Connection, TlsHandshake
from probe.model.step import Purpose
from probe.model.target import RangeTarget

ENOUGH = 3
"""Addresses that answered at control and fail here, with which a range is said to be blocked, or a part of it named."""
ALIKE = 0.75
"""Share of them that must fail in one and the same way: a machine may have died since control saw it."""
MOST = 64
"""Entries of `failing`; what is beyond is left to the observations."""
_UNIT = {4: 24, 6: 48}

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def is_range(leg: Leg) -> bool:
    """Whether the target is a range."""
    return leg.hop.subject.scheme == "range"


def works(leg: Leg) -> bool:
    """Some of its addresses connect; and they speak, where they spoke at control."""
    return bool(leg.served_by) and _hush(leg) is None


def relayed(leg: Leg) -> bool:
    """Somebody on the path accepts connections in the place of others, so that none proves anything.

    An unrouted address connects, or each of at least two that are silent at control.
    """
    if not is_range(leg) or not leg.served_by:
        return False
    asked = [one for one in leg.evidence.observations if isinstance(one, Connection) and one.purpose is Purpose.RELAY]
    inside = [one for one in asked if _network(leg) is not None and _inside(leg, one.address)]
    unrouted = [one for one in asked if one not in inside]
    return any(one.failure is None for one in unrouted) or (
        len(inside) > 1 and all(one.failure is None for one in inside)
    )


def alone_by(layer: Layer, failure: Failure) -> Callable[[Leg], bool]:
    """The predicate that the whole sample fails here alone, in this way."""

    def predicate(leg: Leg) -> bool:
        return _alone(leg) == LayerFailure(layer, failure)

    return predicate


def mute(leg: Leg) -> bool:
    """Its addresses connect and do not speak, and too few of them spoke at control to tell why."""
    return is_range(leg) and bool(leg.served_by) and _hush(leg) is not None


def hush(leg: Leg) -> LayerFailure | None:
    """How the addresses that connect fail after a ClientHello, where they do."""
    return _hush(leg) if is_range(leg) else None


def failing(leg: Leg) -> dict[str, str]:
    """What fails of a range that works: parts where all of at least `ENOUGH` fail alike, else single addresses."""
    network = _network(leg)
    if network is None:
        return {}
    units: dict[Network, list[Site]] = {}
    for site in leg.hop.sites:
        if not _inside(leg, site.address):
            continue  # evidence from elsewhere may hold anything
        length = max(_UNIT[network.version], network.prefixlen)
        units.setdefault(ipaddress.ip_network((site.address, length), strict=False), []).append(site)
    lost = {site.address: str(site.failed) for site in _vouched(leg) if _lasting(site)}
    parts: dict[str, list[Network]] = {}
    for unit, sites in units.items():
        causes = Counter(lost[site.address] for site in sites if site.address in lost)
        whole = unit != network and not any(site.serves for site in sites)
        if whole and len(causes) == 1 and causes.total() >= ENOUGH:
            parts.setdefault(next(iter(causes)), []).append(unit)
            for site in sites:
                lost.pop(site.address, None)
    named = {str(part): cause for cause, found in parts.items() for part in _joined(found)}
    return dict([*sorted(named.items()), *sorted(lost.items())][:MOST])


def _network(leg: Leg) -> Network | None:
    target = leg.case.target
    return ipaddress.ip_network(target.network) if isinstance(target, RangeTarget) else None


def _inside(leg: Leg, address: str) -> bool:
    network = _network(leg)
    return network is not None and ipaddress.ip_address(address) in network


def _vouched(leg: Leg) -> tuple[Site, ...]:
    """The sites that answered at control."""
    control = leg.control
    if control is None or leg.word is not Word.SERVED:
        return ()
    return tuple(
        site for site in leg.hop.sites if site.tries and site.address in control.hits and _inside(leg, site.address)
    )


def _lasting(site: Site) -> bool:
    """Whether a site failed twice, and by no fault of this host."""
    return site.failed is not None and not site.own_fault and len(site.outcomes) > 1


def _alone(leg: Leg) -> LayerFailure | None:
    """How the whole sample fails here alone; None where it does not, or where that is not shown."""
    if not is_range(leg):
        return None
    if leg.served_by:
        return _hushed_alone(leg)
    outcome = _commonest([site.failed for site in _vouched(leg) if site.failed is not None and _lasting(site)])
    if outcome is None:
        return None
    silent_six = outcome.failure in SILENT_FAILURES and not leg.case.ipv6_works
    return None if silent_six and any(":" in site.address for site in leg.hop.sites) else outcome


def _hushed_alone(leg: Leg) -> LayerFailure | None:
    """Likewise where its addresses connect: what their hellos meet, which were answered at control."""
    control = leg.control
    if _hush(leg) is None or control is None or _allowed_speaks(leg):
        return None
    ends = [
        end
        for site in _vouched(leg)
        if control.hits[site.address] == "tls" and (end := _end_of_hellos(site)) is not None
    ]
    return _commonest(ends)


def _commonest(ends: list[LayerFailure]) -> LayerFailure | None:
    """The way in which nearly all failed, if they are enough.

    Silence beside ICMP errors is the same refusal: routers limit how many errors they send (RFC 1812 section 4.3.2.8).
    """
    icmp = LayerFailure(Layer.TCP, Failure.UNREACHABLE)
    if ends.count(icmp) >= ENOUGH:
        ends = [icmp if end.layer is Layer.TCP and end.failure in SILENT_FAILURES else end for end in ends]
    if not ends:
        return None
    outcome, times = Counter(ends).most_common(1)[0]
    return outcome if times >= ENOUGH and times >= ALIKE * len(ends) else None


def _hush(leg: Leg) -> LayerFailure | None:
    """How hellos fail at addresses that answered them at control; None where one speaks, or none was asked."""
    control = leg.control
    heard = [one for site in leg.hop.sites for one in _hellos(site)]
    if control is None or leg.word is not Word.SERVED or any(map(spoke, heard)):
        return None
    ends = [_end_of_hellos(site, times=1) for site in leg.served_by if control.hits.get(site.address) == "tls"]
    cut = [end for end in ends if end is not None]
    return Counter(cut).most_common(1)[0][0] if cut else None


def _hellos(site: Site) -> list[TlsHandshake]:
    return [one for one in site.beside(Purpose.NEUTRAL) if isinstance(one, TlsHandshake)]


def _end_of_hellos(site: Site, times: int = 2) -> LayerFailure | None:
    """How a site's hellos ended, where each of at least so many was cut off; of several ways the last."""
    ends = [one.failure for one in _hellos(site)]
    cut = [end for end in ends if end is not None and end in CUT_FAILURES]
    return LayerFailure(Layer.TLS, cut[-1]) if len(cut) == len(ends) >= times else None


def _allowed_speaks(leg: Leg) -> bool:
    """Whether a name that allow-lists carry is answered: then it is the network that lets no other pass."""
    return any(
        isinstance(one, TlsHandshake) and spoke(one) for site in leg.hop.sites for one in site.beside(Purpose.ALLOWED)
    )


def _joined(parts: list[Network]) -> list[Network]:
    """Neighbouring parts as one."""
    four = [part for part in parts if isinstance(part, ipaddress.IPv4Network)]
    six = [part for part in parts if isinstance(part, ipaddress.IPv6Network)]
    return [*ipaddress.collapse_addresses(four), *ipaddress.collapse_addresses(six)]
