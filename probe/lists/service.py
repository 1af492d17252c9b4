"""A service: the names and addresses that belong together, and which of them are looked at."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from probe.model.target import RangeTarget, TcpTarget, UrlTarget, parse


class Role(StrEnum):
    """What a service is to us."""

    WATCHED = "watched"
    """its blocking is looked for"""
    DOMESTIC_ANCHOR = "domestic-anchor"
    """inside one country's own network: works there when only an allow-list is let through"""
    FOREIGN_ANCHOR = "foreign-anchor"
    """works from anywhere: when it fails the vantage is at fault"""
    CONTROL_LIKE = "control-like"
    """expected to work where the watched ones do not, and looked at beside them"""


class Risk(StrEnum):
    """What looking at it may mean to a volunteer whose line is watched."""

    ORDINARY = "ordinary"
    """everybody's everyday traffic"""
    POLITICAL = "political"
    """media, watchdogs, places of dissent: noticed in some countries"""
    CIRCUMVENTION = "circumvention"
    """tools against censorship: their use, and looking for them, is an offence in some countries"""
    GOVERNMENT = "government"
    """an authority's own site: asked rarely, and only as a control"""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address of the service with a port of its own.

    Attributes:
        address: IPv4 or IPv6 literal.
        port: of TCP, 1 to 65535.
        note: what lives there.
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
        fact: which keys of the file it is the ground for.
        origin: the publication.
        checked: the day on which the publication said so.
        verified: False for what was recalled and could not be read again: to be checked before anyone relies on it.
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
        title: what people call it.
        operator: who runs it; `unknown` where nobody knows.
        role: see `Role`.
        category: category code of the public test lists.
        risk: see `Risk`.
        default: whether it is in the small set that an agent watches when nobody chose otherwise.
        gone: what became of it; empty while it lives. A service that is gone comes out `down`, never `blocked`.
        urls: measured as a whole chain.
        resolve: names of which only the resolution is looked at: transport hosts that serve no web page.
        endpoints: addresses with ports, measured as TCP connections.
        names: every name known to be the service's; a name under one of them is the service's too.
        ports: `tcp/80`, `udp/443`, ..: what its clients use, also where no address is known.
        asns, ranges: the networks it lives in, where they are its own.
        sample: how many addresses of each range are looked at; 0: the ranges are known and not looked at.
        note: what one has to know to read its verdicts.
        sources: the ground of each fact.
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
        """What is looked at, as targets in the contract's forms: URLs, names, addresses, ranges."""
        names = (f"dns://{name}" for name in self.resolve)
        return tuple(dict.fromkeys((*self.urls, *names, *map(str, self.endpoints), *self.range_targets())))

    def range_targets(self) -> tuple[str, ...]:
        """The ranges that are looked at, each on every TCP port that the service uses (443 where none is given)."""
        if not self.sample:
            return ()
        return tuple(str(RangeTarget(network, port)) for network in self.ranges for port in self.tcp_ports())

    def tcp_ports(self) -> tuple[int, ...]:
        """The TCP ports that its clients use; 443 where none is given."""
        return tuple(int(port.removeprefix("tcp/")) for port in self.ports if port.startswith("tcp/")) or (443,)

    def hosts(self) -> tuple[str, ...]:
        """Every name the targets of this service ask a resolver for."""
        parsed = (parse(url) for url in self.urls)
        return tuple(dict.fromkeys([*(t.host for t in parsed if isinstance(t, UrlTarget)), *self.resolve]))


def default_set(services: Iterable[Service]) -> dict[str, str]:
    """Target -> name of its service, for the services an agent watches by default."""
    return {target: service.name for service in services if service.default for target in service.targets()}


class ServiceIndex:
    """Says which service a name or a target's host belongs to. The longest known suffix decides.

    `weixin.qq.com` is WeChat's although `qq.com` is QQ's.
    """

    def __init__(self, services: Iterable[Service]) -> None:
        self._names: Mapping[str, str] = {name: service.name for service in services for name in service.names}

    def owner_of(self, host: str) -> str:
        """The name of the service that owns a host name; empty when none does. A mask (`*.x`) is owned as `x` is."""
        owners = map(self._names.get, suffixes(host.removeprefix("*.")))
        return next((owner for owner in owners if owner is not None), "")


def suffixes(host: str) -> Iterator[str]:
    """The name itself and every name above it, the longest first: `a.b.c`, `b.c`, `c`."""
    while host:
        yield host
        host = host.partition(".")[2]
