"""Range predicates of a hop: only addresses that answered at the control count.

Most addresses of most ranges have nothing behind them, and lists of ranges grow old (a stale one once made WhatsApp
look blocked at OONI): an address that does not answer is no evidence. A range is blocked only where at least
`MIN_FAILED_ADDRESSES` addresses that answered at the control fail here, all of them and alike, and nothing else in it
answers. Where some answer the range is reachable, and what fails is named.
"""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Callable

from probe.judge.control import ControlOutcome, answers_hello
from probe.judge.evidence_hop import EvidenceHop
from probe.judge.observed_endpoint import ObservedEndpoint
from probe.model.failure import Failure
from probe.model.hop import CUT_FAILURES, SILENT_FAILURES, Layer, LayerFailure, Purpose
from probe.model.observation import Connection, TlsHandshake
from probe.model.target import RangeTarget

MIN_FAILED_ADDRESSES = 3
"""Addresses that answered at the control and fail here, before a range is blocked or a part of it is named."""
MIN_SHARE_ALIKE = 0.75
"""Share of them that must fail in the same way: a machine may have died since the control saw it."""
MAX_FAILING = 64
"""Entries of `failing`; the observations hold the rest."""
_PART_LENGTHS = {4: 24, 6: 48}
"""Prefix length of the parts that are named, by IP version."""

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def works(hop: EvidenceHop) -> bool:
    """Some addresses connect, and they answer a ClientHello where they did at the control."""
    return bool(hop.serving_endpoints) and _hello_failure(hop) is None


def relayed(hop: EvidenceHop) -> bool:
    """A relay on the path accepts connections in the place of others, so that a connection proves nothing.

    It is shown by an unrouted address that connects, or by at least two addresses that are silent at the control and
    all connect.
    """
    if not hop.is_range or not hop.serving_endpoints:
        return False
    asked = [one for one in hop.evidence.observations if isinstance(one, Connection) and one.purpose is Purpose.RELAY]
    inside = [one for one in asked if _network(hop) is not None and _is_inside(hop, one.address)]
    unrouted = [one for one in asked if one not in inside]
    return any(one.failure is None for one in unrouted) or (
        len(inside) > 1 and all(one.failure is None for one in inside)
    )


def fails_only_here_by(layer: Layer, failure: Failure) -> Callable[[EvidenceHop], bool]:
    """The predicate that the whole sample fails only here, in this way."""

    def predicate(hop: EvidenceHop) -> bool:
        return _failure_only_here(hop) == LayerFailure(layer, failure)

    return predicate


def unanswered(hop: EvidenceHop) -> bool:
    """Addresses connect and do not answer a ClientHello, and too few answered one at the control to tell why."""
    return hello_failure(hop) is not None and bool(hop.serving_endpoints)


def hello_failure(hop: EvidenceHop) -> LayerFailure | None:
    """How the addresses that connect fail after a ClientHello; None where they do not."""
    return _hello_failure(hop) if hop.is_range else None


def failing(hop: EvidenceHop) -> dict[str, str]:
    """What fails in a range that works: the parts where enough addresses fail alike and none serves, else addresses."""
    network = _network(hop)
    lost = {one.address: str(one.main_failure) for one in _known_at_control(hop) if _failed_twice(one)}
    if network is None or not lost:
        return {}
    by_part: dict[Network, list[ObservedEndpoint]] = {}
    for endpoint in hop.endpoints:
        if not _is_inside(hop, endpoint.address):
            continue  # stored evidence may hold anything
        length = max(_PART_LENGTHS[network.version], network.prefixlen)
        by_part.setdefault(ipaddress.ip_network((endpoint.address, length), strict=False), []).append(endpoint)
    parts: dict[str, list[Network]] = {}
    for part, endpoints in by_part.items():
        causes = Counter(lost[one.address] for one in endpoints if one.address in lost)
        whole = part != network and not any(one.serves for one in endpoints)
        if whole and len(causes) == 1 and causes.total() >= MIN_FAILED_ADDRESSES:
            parts.setdefault(next(iter(causes)), []).append(part)
            for endpoint in endpoints:
                lost.pop(endpoint.address, None)
    named = {str(part): cause for cause, found in parts.items() for part in _merged(found)}
    return dict([*sorted(named.items()), *sorted(lost.items())][:MAX_FAILING])


def _network(hop: EvidenceHop) -> Network | None:
    target = hop.view.target
    return ipaddress.ip_network(target.network) if isinstance(target, RangeTarget) else None


def _is_inside(hop: EvidenceHop, address: str) -> bool:
    network = _network(hop)
    return network is not None and ipaddress.ip_address(address) in network


def _known_at_control(hop: EvidenceHop) -> tuple[ObservedEndpoint, ...]:
    """The tried addresses that answered at the control."""
    control = hop.control
    if control is None or hop.control_outcome is not ControlOutcome.SERVED:
        return ()
    return tuple(
        one for one in hop.endpoints if one.attempts and one.address in control.hits and _is_inside(hop, one.address)
    )


def _failed_twice(endpoint: ObservedEndpoint) -> bool:
    """Whether an address failed at least twice, and not because of this host."""
    return endpoint.main_failure is not None and not endpoint.own_fault and len(endpoint.failures) > 1


def _failure_only_here(hop: EvidenceHop) -> LayerFailure | None:
    """How the whole sample fails only here; None where it does not, or where that is not shown."""
    if not hop.is_range:
        return None
    if hop.serving_endpoints:
        return _hello_failure_only_here(hop)
    known = _known_at_control(hop)
    failure = _commonest([one.main_failure for one in known if one.main_failure is not None and _failed_twice(one)])
    if failure is None:
        return None
    silent_ipv6 = failure.failure in SILENT_FAILURES and not hop.view.ipv6_works
    return None if silent_ipv6 and any(":" in endpoint.address for endpoint in hop.endpoints) else failure


def _hello_failure_only_here(hop: EvidenceHop) -> LayerFailure | None:
    """How ClientHellos fail at addresses that connect here, and that answered them at the control."""
    control = hop.control
    if _hello_failure(hop) is None or control is None or _answers_allowed_name(hop):
        return None
    known = _known_at_control(hop)
    ends = [
        end
        for endpoint in known
        if control.hits[endpoint.address] == "tls" and (end := _end_of_hellos(endpoint)) is not None
    ]
    return _commonest(ends) or _silent_at_both_layers(hop, ends)


def _silent_at_both_layers(hop: EvidenceHop, ends: list[LayerFailure]) -> LayerFailure | None:
    """The commoner of silence to SYNs and silence to ClientHellos, where both together are nearly the whole sample.

    A filter that lets a SYN pass now and then drops what follows it. An address that only connects at the control too,
    and connects here, works.
    """
    control = hop.control
    if control is None or any(control.hits.get(one.address) == "tcp" for one in hop.serving_endpoints):
        return None
    lost = [one.main_failure for one in _known_at_control(hop) if one.main_failure is not None and _failed_twice(one)]
    both = [end for end in (*ends, *lost) if end.failure is Failure.TIMEOUT]
    if not ends or len(both) < MIN_FAILED_ADDRESSES or len(both) < MIN_SHARE_ALIKE * (len(ends) + len(lost)):
        return None
    return Counter(both).most_common(1)[0][0]


def _commonest(ends: list[LayerFailure]) -> LayerFailure | None:
    """The way in which nearly all addresses failed, if they are enough.

    Silence beside ICMP errors is the same refusal: routers limit how many errors they send (RFC 1812 section 4.3.2.8).
    """
    icmp = LayerFailure(Layer.TCP, Failure.UNREACHABLE)
    if ends.count(icmp) >= MIN_FAILED_ADDRESSES:
        ends = [icmp if end.layer is Layer.TCP and end.failure in SILENT_FAILURES else end for end in ends]
    if not ends:
        return None
    failure, times = Counter(ends).most_common(1)[0]
    return failure if times >= MIN_FAILED_ADDRESSES and times >= MIN_SHARE_ALIKE * len(ends) else None


def _hello_failure(hop: EvidenceHop) -> LayerFailure | None:
    """How ClientHellos fail where the control's were answered; None where any is answered here, or none was sent."""
    control = hop.control
    if control is None or hop.control_outcome is not ControlOutcome.SERVED:
        return None
    if any(answers_hello(one) for endpoint in hop.endpoints for one in _hellos(endpoint)):
        return None
    ends = [_end_of_hellos(one, times=1) for one in hop.serving_endpoints if control.hits.get(one.address) == "tls"]
    cut = [end for end in ends if end is not None]
    return Counter(cut).most_common(1)[0][0] if cut else None


def _hellos(endpoint: ObservedEndpoint) -> list[TlsHandshake]:
    return [one for one in endpoint.with_purpose(Purpose.NEUTRAL) if isinstance(one, TlsHandshake)]


def _end_of_hellos(endpoint: ObservedEndpoint, times: int = 2) -> LayerFailure | None:
    """How an address's last ClientHello was cut, where each of at least `times` was cut, or silenced after such a cut.

    A SYN that meets silence after the cut of a ClientHello is residual blocking.
    """
    ends = [attempt[-1].ending for attempt in endpoint.attempts_under(Purpose.NEUTRAL)]
    cuts = [end for end in ends if end is not None and end.layer is Layer.TLS and end.failure in CUT_FAILURES]
    silent = ends[ends.index(cuts[0]) :].count(LayerFailure(Layer.TCP, Failure.TIMEOUT)) if cuts else 0
    return cuts[-1] if cuts and len(cuts) + silent == len(ends) >= times else None


def _answers_allowed_name(hop: EvidenceHop) -> bool:
    """Whether an allow-listed name is answered: then the network lets no other pass."""
    return any(
        isinstance(one, TlsHandshake) and answers_hello(one)
        for endpoint in hop.endpoints
        for one in endpoint.with_purpose(Purpose.ALLOWED)
    )


def _merged(parts: list[Network]) -> list[Network]:
    """The prefixes, neighbours merged."""
    ipv4 = [part for part in parts if isinstance(part, ipaddress.IPv4Network)]
    ipv6 = [part for part in parts if isinstance(part, ipaddress.IPv6Network)]
    return [*ipaddress.collapse_addresses(ipv4), *ipaddress.collapse_addresses(ipv6)]
