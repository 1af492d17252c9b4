"""Assign names and addresses to scenarios and fill in their texts. Pure: the same scenarios give the same world.

Addresses are ordinary public ones. Each site has a /16 of its own, because the pace limits connections per network.
Vantages and resolvers are in blocks of access providers. The real hosts of these addresses are out of reach: no route
leads out of the lab.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from tests.lab.records import Interference, Lie, Scenario, Site, Vantage

RESOLVERS = {"a": "95.24.255.53", "b": "178.140.255.53"}
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
            **{name: [self.placed[0].four[0]] for name in WELL_KNOWN if name not in names},
        }

    def lies(self) -> dict[str, dict[str, object]]:
        """Name -> the false answer of the ISPs' resolvers."""
        found: dict[str, dict[str, object]] = {}
        for scenario in self.scenarios:
            if scenario.lie is not None:
                fields = self.fields[scenario.name]
                lie = fill(scenario.lie, fields)
                found[fields["host"]] = {"rcode": lie.rcode, "answers": list(lie.answers)}
        return found

    def middlebox(self) -> tuple[Interference, ...]:
        """The rules of both middleboxes; a rule with a source matches that source's traffic only."""
        own = [
            fill(rule, {"vantage": self.vantages[name][0], "vantage_six": self.vantages[name][1], **self.landmarks()})
            for name, profile in self.profiles.items()
            for rule in profile.interference
        ]
        return (*own, *(fill(rule, self.fields[s.name]) for s in self.scenarios for rule in s.middlebox))

    def core(self) -> tuple[Interference, ...]:
        """The rules of the core router."""
        return tuple(fill(rule, self.fields[s.name]) for s in self.scenarios for rule in s.core)

    def ranges(self) -> tuple[str, ...]:
        """The prefixes in which every address answers."""
        return tuple(text.format(**self.fields[s.name]) for s in self.scenarios for text in s.ranges)

    def landmarks(self) -> dict[str, str]:
        """Fields for the addresses of sites that belong to no scenario."""
        by_host = {p.host: p.four[0] for p in FIXED}
        named = {"domestic": DOMESTIC_ANCHORS[0], "gate": GATE, "login": LOGIN}
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
            **{name: Site(six=1) for name in (*FOREIGN_ANCHORS, *DOMESTIC_ANCHORS)},
            GATE: Site(http=f"redirect:http://{LOGIN}/", certificate="self-signed"),
            LOGIN: Site(https="refused", title="Sign in to the wireless network"),
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
    vantages = {p.name: _vantage_addresses(n, p.isp) for n, p in enumerate(profiles)}
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
            **CONTROLS,
        }
        for site in scenario.sites:
            place = _place(len(placed), scenario.name, site)
            placed.append(place)
            own |= _fields(place)
        fields[scenario.name] = own
    return World(scenarios, tuple(placed), fields, vantages, {p.name: p for p in profiles})


def _vantage_addresses(n: int, isp: str) -> tuple[str, str]:
    block, six = {"a": ("95.24", "2a02:2168"), "b": ("178.140", "2a02:2698")}[isp]
    return f"{block}.{n + 1}.2", f"{six}:{n + 1:x}::2"


def _address(n: int, k: int) -> str:
    return f"{151 + n // 250}.{n % 250}.80.{k + 1}"


def _place(n: int, scenario: str, site: Site) -> Placed:
    host = site.host or (f"{site.label}.{scenario}.org" if site.label else f"www.{scenario}.net")
    four = tuple(_address(n, k) for k in range(site.four + site.dead))
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
