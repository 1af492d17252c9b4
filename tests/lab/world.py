"""Assign names and addresses to scenarios and fill in their texts. Pure: the same scenarios give the same world.

Addresses are ordinary public ones. Each site has a /16 of its own, because the pace limits connections per network.
Vantages and resolvers are in blocks of access providers. The real hosts of these addresses are out of reach: no route
leads out of the lab.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, TypeVar

from tests.lab.records import Interference, Lie, Scenario, Site, Vantage

RESOLVERS = {"a": "95.24.255.53", "b": "178.140.255.53"}
SIX_RESOLVER = "2a02:2168:ffff::53"
"""ISP A's resolver for hosts with IPv6 alone."""
NAT64_PREFIXES = {"64:ff9b::": "2a02:2168:ffff::64", "2a02:2168:64::": "2a02:2168:ffff::65"}
"""Prefix (of 96 bits) -> the address of the resolver that synthesises with it. The first is the well-known one."""
TRUSTED_SIX = "2620:fe::9"
FILTERING = "185.228.168.10"
"""A public resolver that filters: honest but for `Scenario.filtered`."""
TRANSPARENT = "95.24.255.58"
"""The ISP's resolver that answers for every resolver."""
HONEST = "95.24.255.56"
"""A second resolver of ISP A, which tells the truth."""


def _about_vk(rcode: str) -> dict[str, dict[str, object]]:
    """What a Ukrainian provider's resolver says about a Russian network (decree 133/2017)."""
    return {name: {"rcode": rcode, "answers": []} for name in ("vk.com", "www.vk.com")}


ONWARD: dict[str, tuple[str, dict[str, Any]]] = {
    "only-a": ("95.24.255.60", {"aaaa": "SERVFAIL"}),
    "only-a-silent": ("95.24.255.61", {"aaaa": "SILENCE"}),
    "only-a-nxdomain": ("95.24.255.62", {"aaaa": "NXDOMAIN"}),
    "only-a-kept": ("95.24.255.63", {"aaaa": "NXDOMAIN-KEPT"}),
    "edns-silence": ("95.24.255.64", {"edns": "silence"}),
    "edns-formerr": ("95.24.255.65", {"edns": "formerr"}),
    "lower": ("95.24.255.66", {"lower": True}),
    "no-tcp": ("95.24.255.67", {"tcp": False}),
    "truncates": ("95.24.255.68", {"truncates": True}),
    "silent-on-vk": ("95.24.255.70", {"about": _about_vk("SILENCE")}),
    "denies-vk": ("95.24.255.71", {"about": _about_vk("NXDOMAIN")}),
    "truncates-no-tcp": ("95.24.255.69", {"truncates": True, "tcp": False}),
}
"""Forwarders of home routers and their faults (RFC 5625; `nameserver.py` has the keys): name -> address, entry."""
HIJACKING = "95.24.255.57"
"""The resolver of a captive portal: every name has the portal's address."""
FILTER_PAGE, ELSEWHERE = "45.54.28.11", "62.33.207.10"
"""The page of a DNS filter's operator; an address of ISP A where connections are refused."""
REWRITING = "95.24.255.54"
"""A resolver of ISP A that answers `STUB` for names that do not exist."""
DEAD_RESOLVER = "95.24.255.55"
"""An address in resolv.conf where no host answers."""
STUB = "62.33.207.9"
STUB_HOST = "warning.isp-a.net"
PUBLIC_RESOLVER = "9.9.9.9"
TRUSTED = (f"https://{PUBLIC_RESOLVER}/dns-query", f"tls://{PUBLIC_RESOLVER}:853")
CONTROLS = {"control": "185.12.64.2", "control2": "185.13.64.2"}
COLLECTOR = "185.14.64.2"
FOREIGN_ANCHORS = ("www.anchor-one.org", "www.anchor-two.org")
DOMESTIC_ANCHORS = ("www.anchor-home.net",)
GATE, LOGIN = "gate.hotel-wireless.net", "login.hotel-wireless.net"
SAME, TOP_UP = "same.airport-wireless.net", "top-up.mobile-operator.net"
"""A portal that redirects each URL to the same host, and the page of an operator whose customer used up a quota."""
FUTURE = "future."
"""In place of `www.` in an anchor's name: the same site with a certificate that is not yet valid."""
WELL_KNOWN = ("vk.com", "www.vk.com", "example.com", "www.example.com", "ya.ru", "www.wikipedia.org", "example.org")
"""Names that exist in the lab because a probe may ask for them as a second name."""

_Text = TypeVar("_Text", Interference, Lie)


@dataclass(frozen=True)
class Placed:
    """A site with its name and addresses: the served ones, then the dead; `records` are those in the zone."""

    host: str
    site: Site
    four: tuple[str, ...]
    six: tuple[str, ...]
    records: tuple[str, ...]
    certified: str

    @property
    def served(self) -> tuple[str, ...]:
        """The addresses where a server listens."""
        return (*self.four[: self.site.four], *self.six[: self.site.six])


@dataclass(frozen=True)
class World:
    """The scenarios and vantages with their names and addresses.

    Attributes:
        fields: scenario name -> its filled-in fields.
        vantages: vantage name -> (address, IPv6 address).
    """

    scenarios: tuple[Scenario, ...]
    placed: tuple[Placed, ...]
    fields: Mapping[str, Mapping[str, str]]
    vantages: Mapping[str, tuple[str, str]]
    profiles: Mapping[str, Vantage]

    @property
    def zone(self) -> dict[str, list[str]]:
        """Name -> the true addresses of both families."""
        names = {p.host: list(p.records) for p in self.placed if p.site.exists}
        return {
            **names,
            STUB_HOST: [STUB],
            "ipv4only.arpa": ["192.0.0.170", "192.0.0.171"],
            **{name: [self.placed[0].four[0]] for name in WELL_KNOWN if name not in names},
        }

    def lies(self) -> dict[str, dict[str, object]]:
        """Name -> the false answer of the ISPs' resolvers."""
        found: dict[str, dict[str, object]] = {}
        for scenario in self.scenarios:
            if scenario.lie is not None:
                fields = self.fields[scenario.name]
                lie = fill(scenario.lie, fields)
                found[fields["host"]] = asdict(lie)
        return found

    def filtered(self) -> dict[str, dict[str, object]]:
        """Name -> the answer of the filtering public resolver."""
        marked = ((s, s.filtered) for s in self.scenarios if s.filtered is not None)
        return {self.fields[s.name]["host"]: asdict(fill(lie, self.fields[s.name])) for s, lie in marked}

    def middlebox(self) -> tuple[Interference, ...]:
        """The rules of both middleboxes; a rule with a source matches that source's traffic only."""
        own = [self._own(name, rule) for name, profile in self.profiles.items() for rule in profile.interference]
        return (*own, *(fill(rule, self.fields[s.name]) for s in self.scenarios for rule in s.middlebox))

    def _own(self, name: str, rule: Interference) -> Interference:
        """A vantage's rule with its addresses filled in."""
        four, six = self.vantages[name]
        return fill(rule, {"vantage": four, "vantage_six": six, "resolver": RESOLVERS["a"], **self.landmarks()})

    def core(self) -> tuple[Interference, ...]:
        """The rules of the core router."""
        own = [self._own(name, rule) for name, profile in self.profiles.items() for rule in profile.core]
        return (*own, *(fill(rule, self.fields[s.name]) for s in self.scenarios for rule in s.core))

    def ranges(self) -> tuple[str, ...]:
        """The prefixes in which every address answers."""
        return tuple(text.format(**self.fields[s.name]) for s in self.scenarios for text in s.ranges)

    def landmarks(self) -> dict[str, str]:
        """Fields for the addresses of sites that belong to no scenario."""
        by_host = {p.host: p.four[0] for p in FIXED}
        named = {"domestic": DOMESTIC_ANCHORS[0], "gate": GATE, "login": LOGIN, "same": SAME, "top_up": TOP_UP}
        anchors = (*FOREIGN_ANCHORS, *DOMESTIC_ANCHORS)
        named |= {f"anchor{n}": name for n, name in enumerate(anchors)}
        named |= {f"future{n}": name.replace("www.", FUTURE) for n, name in enumerate(anchors)}
        return {"stub": STUB, **{field: by_host[host] for field, host in named.items()}}


def _landmark(n: int, name: str, site: Site) -> Placed:
    four = f"193.{n + 1}.80.1"
    six = (f"2a05:{n + 1:x}:80::1",) if site.six else ()
    return Placed(name, site, (four,), six, (four, *six), name.replace(FUTURE, "www."))


FIXED = tuple(
    _landmark(n, name, site)
    for n, (name, site) in enumerate(
        {
            **{name: Site(six=1, http="generate") for name in (*FOREIGN_ANCHORS, *DOMESTIC_ANCHORS)},
            FOREIGN_ANCHORS[0]: Site(six=1, https="big", http="generate"),
            GATE: Site(http=f"redirect:http://{LOGIN}/", certificate="self-signed"),
            LOGIN: Site(https="refused", title="Sign in to the wireless network"),
            SAME: Site(http="same", https="refused"),
            TOP_UP: Site(http="top-up", certificate="self-signed", title="Your data quota is used up"),
            **{n.replace("www.", FUTURE): Site(certificate="future") for n in (*FOREIGN_ANCHORS, *DOMESTIC_ANCHORS)},
        }.items()
    )
)
"""Sites that belong to no scenario: anchors, a captive portal, and the anchors' sites for a clock in the past."""


def fill(record: _Text, fields: Mapping[str, str]) -> _Text:
    """The record with every `{field}` in its texts filled in."""
    changes: dict[str, object] = {}
    for key in record.__dataclass_fields__:
        value = getattr(record, key)
        if isinstance(value, str):
            changes[key] = value.format(**fields)
        elif isinstance(value, tuple):
            changes[key] = tuple(text.format(**fields) for text in value)
    return replace(record, **changes)


def deal(scenarios: Iterable[Scenario], profiles: Sequence[Vantage]) -> World:
    """Give each site its name and addresses, each vantage its own.

    Raises:
        ValueError: two scenarios share a name.
    """
    scenarios = tuple(scenarios)
    if len({s.name for s in scenarios}) != len(scenarios):
        raise ValueError("two scenarios share a name")
    vantages = {p.name: _vantage_addresses(n, p) for n, p in enumerate(profiles)}
    placed: list[Placed] = [*FIXED]
    fields: dict[str, dict[str, str]] = {}
    resolvers = {p.name: (*p.resolvers, RESOLVERS[p.isp])[0] for p in profiles}
    for scenario in scenarios:
        own = {
            "vantage": vantages[scenario.vantage][0],
            "vantage_six": vantages[scenario.vantage][1],
            "resolver": resolvers[scenario.vantage],
            "stub": STUB,
            "stub_host": STUB_HOST,
            "filter_page": FILTER_PAGE,
            "elsewhere": ELSEWHERE,
            **CONTROLS,
        }
        for site in scenario.sites:
            place = _place(len(placed), scenario.name, site)
            if site.shares:
                theirs = next(p for p in placed if p.host == f"www.{site.shares}.net")
                place = replace(place, four=theirs.four, six=theirs.six, records=theirs.records)
            placed.append(place)
            own |= _fields(place)
        fields[scenario.name] = own
    return World(scenarios, tuple(placed), fields, vantages, {p.name: p for p in profiles})


def _vantage_addresses(n: int, profile: Vantage) -> tuple[str, str]:
    block, six = {"a": ("95.24", "2a02:2168"), "b": ("178.140", "2a02:2698")}[profile.isp]
    block = "100.64" if profile.private else block
    return f"{block}.{n + 1}.2", f"{six}:{n + 1:x}::2"


def _address(n: int, k: int) -> str:
    return f"{151 + n // 250}.{n % 250}.80.{k + 1}"


def _place(n: int, scenario: str, site: Site) -> Placed:
    host = site.host or (f"{site.label}.{scenario}.org" if site.label else f"www.{scenario}.net")
    four = tuple(_address(n, k) for k in range(site.four + site.dead))
    if site.within:
        four = tuple(f"{site.within}.{n % 250 + 1}" for k in range(site.four))
    six = tuple(f"2a05:{0x1000 + n:x}:80::{k + 1}" for k in range(site.six + site.dead_six))
    shown = tuple(four[k] for k in site.records) if site.records else four
    return Placed(host, site, four, six, (*shown, *six), f"www.{scenario}.net" if site.poses else host)


def _fields(place: Placed) -> dict[str, str]:
    label = place.site.label
    prefix = f"{label}_" if label else ""
    numbered = {"a": place.four, "six": place.six}
    net = ".".join((*place.four, "0.0.0.0")[0].split(".")[:2])
    return {label or "host": place.host, f"{prefix}net": net} | {
        f"{prefix}{letter}{k + 1 if k else ''}": address
        for letter, addresses in numbered.items()
        for k, address in enumerate(addresses)
    }
