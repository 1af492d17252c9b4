"""List every name and address that an agent with these settings contacts, and why: `probe run --dry-run`. Pure.

The addresses that names resolve to and the hosts that pages redirect to are not known in advance; `probe run --dry-run`
says so in words.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from probe.agent.watchlist import Watchlist
from probe.model.target import (
    DnsTarget,
    DomainTarget,
    QuicTarget,
    RangeTarget,
    Target,
    TcpTarget,
    TlsTarget,
    UrlTarget,
    bracketed,
)
from probe.plan.context import FALLBACK_NAME
from probe.session.working_names import WorkingNames
from probe.settings import Settings
from probe.settings.well_known import names_of


class Contact(msgspec.Struct, frozen=True):
    """One place that the agent contacts, or one name that it sends.

    Attributes:
        kind: `resolver`, `anchor`, `target`, `unrouted`, `name` or `collector`.
        place: URL, name, or address and port.
        why: the purpose in a few words.
    """

    kind: str
    place: str
    why: str


def contacts(
    settings: Settings, watchlist: Watchlist, network_resolvers: Sequence[str], collectors: Sequence[str]
) -> Iterator[Contact]:
    """All contacts, in the order in which a round makes them.

    Args:
        settings: merged.
        watchlist: the targets.
        network_resolvers: resolvers of this host.
        collectors: URLs to which reports are sent.
    """
    for url in collectors:
        yield Contact("collector", url, "reports go there, and the control comes from there")
    chosen = settings.measure
    for url in chosen.anchors:
        yield Contact("anchor", url, "asked in turns, around every round: does this line work?")
    for url in chosen.domestic_anchors:
        yield Contact("anchor", url, "asked where others fail: does the country's own network work?")
    for resolver in network_resolvers:
        yield Contact("resolver", resolver, "asked for every name below, by the system and by the agent")
    for resolver in chosen.trusted_resolvers:
        yield Contact("resolver", resolver, "asked for every name below, encrypted, to compare")
    for text, target in watchlist.targets:
        yield Contact("target", place_of(target), watchlist.services.get(text, "list") + f": {text}")
    if any(isinstance(target, TcpTarget | RangeTarget) for _, target in watchlist.targets):
        why = "beside tcp:// targets and ranges: does somebody on the path answer for addresses that nobody has?"
        yield Contact("unrouted", "an address of 198.18.0.0/15 or 100::/64", why)
    names = WorkingNames(chosen.domestic_anchors, names_of(settings.network.country), chosen.allowed_name)
    allowed = "the name of an anchor that works" if names.allowed(()) == FALLBACK_NAME else names.allowed(())
    yield Contact("name", allowed, "sent to a failing target's addresses, to tell what is blocked there")
    yield Contact("name", "the names of anchors and targets that work", "asked of a resolver that fails, to compare")
    yield Contact("name", "random names under .com", "likewise, and asked of the resolvers")


def place_of(target: Target) -> str:
    """What is contacted for a target: host and port where they are known, else the name that is resolved."""
    match target:
        case UrlTarget(host=host, port=port):
            return f"{bracketed(host)}:{port}"
        case DomainTarget(host=host):
            return f"{host}:443 and {host}:80"
        case DnsTarget(host=host):
            return host
        case TcpTarget(address=address, port=port) | TlsTarget(address=address, port=port):
            return f"{bracketed(address)}:{port}"
        case QuicTarget(host=host, port=port):
            return f"{bracketed(host)}:{port}/udp"
        case RangeTarget(network=network, port=port):
            return f"{network}, a few addresses, port {port}"
