"""A service of the catalogue: the names and addresses that belong together, and which of them are measured."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from probe.model.target import RangeTarget, TcpTarget, UrlTarget, parse


class Role(StrEnum):
    """The part that a service plays in measuring."""

    WATCHED = "watched"
    """its blocking is what agents look for"""
    DOMESTIC_ANCHOR = "domestic-anchor"
    """inside one country's own network: works there when only an allow-list is let through"""
    FOREIGN_ANCHOR = "foreign-anchor"
    """works from anywhere: when it fails the vantage is at fault"""
    CONTROL_LIKE = "control-like"
    """expected to work where the watched ones do not, and measured beside them"""


class Risk(StrEnum):
    """The risk of measuring it to a volunteer whose line is monitored."""

    ORDINARY = "ordinary"
    """everybody's everyday traffic"""
    POLITICAL = "political"
    """media, watchdogs, opposition: access to them is noticed in some countries"""
    CIRCUMVENTION = "circumvention"
    """tools against censorship: using or searching for them is an offence in some countries"""
    GOVERNMENT = "government"
    """an authority's own site: measured rarely, and only as a control"""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address of the service with a port of its own.

    Attributes:
        address: IPv4 or IPv6 literal.
        port: of TCP, 1 to 65535.
        note: what runs there.
    """

    address: str
    port: int
    note: str = ""

    def __str__(self) -> str:
        return str(TcpTarget(self.address, self.port))


@dataclass(frozen=True, slots=True)
class Source:
    """Where a fact comes from.

    Attributes:
        fact: the keys of the file that it supports.
        origin: the publication.
        checked: the day on which it was read.
        verified: False where the publication could not be read again: check it before relying on it.
    """

    fact: str
    origin: str
    checked: date
    verified: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One service of the catalogue (one file in `targets/services/`).

    Attributes:
        name: its id, `[a-z0-9-]+`, the file's stem; events and lists refer to it.
        title: its usual name.
        operator: who runs it; `unknown` where that is not public.
        role: see `Role`.
        category: category code of the public test lists.
        risk: see `Risk`.
        default: whether agents measure it without being configured to.
        gone: why and when it ended; empty while it exists. A service that is gone is `down`, never `blocked`.
        urls: measured as a whole chain.
        resolve: names whose resolution alone is measured: transport hosts that serve no web page.
        endpoints: addresses with ports, measured as TCP connections.
        names: every name known to be the service's; a name under one of them is the service's too.
        ports: `tcp/80`, `udp/443`, ..: what its clients use, also where no address is known.
        asns, ranges: the networks it lives in, where they are its own.
        sample: how many addresses of each range are measured; 0 for none.
        note: what a reader of its verdicts must know.
        sources: where each fact comes from.
    """

    name: str
    title: str
    operator: str
    role: Role
    category: str
    risk: Risk
    default: bool
    gone: str = ""
    urls: tuple[str, ...] = ()
    resolve: tuple[str, ...] = ()
    endpoints: tuple[Endpoint, ...] = ()
    names: tuple[str, ...] = ()
    ports: tuple[str, ...] = ()
    asns: tuple[int, ...] = ()
    ranges: tuple[str, ...] = ()
    sample: int = 0
    note: str = ""
    sources: tuple[Source, ...] = ()

    def targets(self) -> tuple[str, ...]:
        """What is measured, as targets in the contract's forms: URLs, names, addresses, ranges."""
        names = (f"dns://{name}" for name in self.resolve)
        return tuple(dict.fromkeys((*self.urls, *names, *map(str, self.endpoints), *self.range_targets())))

    def range_targets(self) -> tuple[str, ...]:
        """The ranges that are measured, each on every TCP port of the service (443 where none is given)."""
        if not self.sample:
            return ()
        return tuple(str(RangeTarget(network, port)) for network in self.ranges for port in self.tcp_ports())

    def tcp_ports(self) -> tuple[int, ...]:
        """The TCP ports that its clients use; 443 where none is given."""
        return tuple(int(port.removeprefix("tcp/")) for port in self.ports if port.startswith("tcp/")) or (443,)

    def hosts(self) -> tuple[str, ...]:
        """Every name that measuring this service resolves."""
        parsed = (parse(url) for url in self.urls)
        return tuple(dict.fromkeys([*(t.host for t in parsed if isinstance(t, UrlTarget)), *self.resolve]))


def default_set(services: Iterable[Service]) -> dict[str, str]:
    """Target -> name of its service, for the services that agents measure by default."""
    return {target: service.name for service in services if service.default for target in service.targets()}


class ServiceIndex:
    """Finds the service that owns a host name. The longest known suffix decides.

    `weixin.qq.com` is WeChat's although `qq.com` is QQ's.
    """

    def __init__(self, services: Iterable[Service]) -> None:
        self._names: Mapping[str, str] = {name: service.name for service in services for name in service.names}

    def owner_of(self, host: str) -> str:
        """The name of the service that owns a host name; empty for none. A mask `*.x` belongs to the owner of `x`."""
        owners = map(self._names.get, suffixes(host.removeprefix("*.")))
        return next((owner for owner in owners if owner is not None), "")


def suffixes(host: str) -> Iterator[str]:
    """The name itself and every name above it, the longest first: `a.b.c`, `b.c`, `c`."""
    while host:
        yield host
        host = host.partition(".")[2]
