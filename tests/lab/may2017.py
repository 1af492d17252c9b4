"""May 2017 as the demo plays it: WeChat's hosts and those left alone, who does what when, and what is true then.

The days and their order are history's; the hours between them are not: a round of the agents stands for five minutes,
and a week would be two thousand rounds. Sources stand beside each day.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from probe.lists import catalogue
from probe.model import target as targets
from probe.model.verdict import Cause
from tests.lab.records import Act, Expect, Interference, Scenario, Site, Vantage
from tests.lab.world import World, deal

WATCHED = "wechat"
UNTOUCHED = (
    *("vk", "odnoklassniki", "mail-ru", "telegram", "whatsapp", "facebook"),
    *("instagram", "twitter", "youtube", "signal", "threema", "discord"),
)
"""Services that nobody in Russia blocked that May: the control services, on which nothing may be reported."""
VANTAGES = (Vantage(name="a1"), Vantage(name="a2"), Vantage(name="b1", isp="b"))
ASN = {"a": 64500, "b": 64501}
"""Numbers kept for documentation (RFC 5398): these ISPs never were."""
LONG_LINK, SHORT_LINK = 8080, 80
"""Ports of WeChat's own protocol (capture of a client on heiqu.com): one of the two must work."""
MOST = 7
"""Targets of one service, the first of its list: two cores carry five agents' worth of them."""
_UNSEEN = Expect(status="reachable")


@dataclass(frozen=True)
class Day:
    """Something that happened.

    Attributes:
        round: rounds after the start of the demo.
        date: in history.
        source: of the date.
        isp: whose network changes with it; none when empty.
        blocks: whether the change is a block (or its lifting).
        lists: what becomes of it on the register: listed, delisted, nothing (None).
    """

    round: float
    date: str
    what: str
    source: str
    isp: str = ""
    blocks: bool = False
    lists: bool | None = None


STORY = (
    Day(2, "2017-05-04", "WeChat is listed (art. 15.4 of 149-FZ)", "tass.ru/obschestvo/4234299", lists=True),
    Day(2.5, "2017-05-04", "ISP A drops its addresses", "crimerussia.com: some ISPs on 4 May", "a", blocks=True),
    Day(3.5, "2017-05-05", "ISP B lies about its names", "theins.ru/amp/news/54906: Moscow on 5 May", "b", blocks=True),
    Day(12, "2017-05-10", "WeChat is entered as an organizer of information dissemination", "RKN statement"),
    Day(12.5, "2017-05-11", "delisted; ISP A lets go", "RKN statement", "a", lists=False),
    Day(13, "2017-05-11", "delisted; ISP B lets go", "RKN statement", "b"),
)
LAST_ROUND = 21
"""When the demo gives up waiting for a lifting to be reported."""


@dataclass(frozen=True)
class Cast:
    """The world of the demo and the targets of each service.

    Attributes:
        targets: target -> service.
        hosts: of the watched service; its names.
        addresses: of the watched service.
    """

    world: World
    targets: Mapping[str, str]
    hosts: tuple[str, ...]
    addresses: tuple[str, ...]

    def drops(self) -> tuple[Interference, ...]:
        """The interference of ISP A's middlebox."""
        return tuple(Interference(act=Act.DROP, address=address) for address in self.addresses)

    def lies(self) -> dict[str, dict[str, object]]:
        """The false answers of ISP B's resolver: NXDOMAIN for half of the names, an unused address for the others."""
        bogon = {"rcode": "", "answers": ["10.10.34.34"]}
        return {name: {"rcode": "NXDOMAIN", "answers": []} if n % 2 else bogon for n, name in enumerate(self.hosts)}

    def affected(self, isp: str) -> dict[str, tuple[Cause, ...]]:
        """Target -> causes of which one must come first, for the targets this ISP's block reaches."""
        found: dict[str, tuple[Cause, ...]] = {}
        for text, service in self.targets.items():
            address = isinstance(targets.parse(text), targets.TcpTarget)
            name_only = isinstance(targets.parse(text), targets.DnsTarget)
            if service != WATCHED or (isp == "a" and name_only) or (isp == "b" and address):
                continue
            found[text] = (Cause.TCP_TIMEOUT,) if isp == "a" else (Cause.DNS_NXDOMAIN, Cause.DNS_BOGON)
        return found


def cast(services: Path) -> Cast:
    """The shipped catalogue's targets of the services that play, on the lab's internet.

    Args:
        services: folder of the catalogue.
    """
    files = {f"{name}.toml": (services / f"{name}.toml").read_bytes() for name in (WATCHED, *UNTOUCHED)}
    chosen: dict[str, str] = {}
    for service in catalogue.load(files):
        named = [text for text in service.targets() if _host(text)]
        chosen |= dict.fromkeys(named[:MOST], service.name)
    scenarios = [_scenario(name, [t for t, owner in chosen.items() if owner == name]) for name in (WATCHED, *UNTOUCHED)]
    world = deal(scenarios, VANTAGES)
    own = [p for p in world.placed if p.site.title.startswith(f"{WATCHED} ")]
    for port in (SHORT_LINK, LONG_LINK):
        chosen[f"tcp://{own[-1].four[0]}:{port}"] = WATCHED
    other = next(p for p in world.placed if p.site.title.startswith(f"{UNTOUCHED[0]} "))
    chosen[f"tcp://{other.four[0]}:443"] = UNTOUCHED[0]
    return Cast(world, chosen, tuple(p.host for p in own), tuple(a for p in own for a in p.four))


def _host(text: str) -> str:
    parsed = targets.parse(text)
    return str(getattr(parsed, "host", ""))


def _scenario(service: str, texts: Iterable[str]) -> Scenario:
    names = dict.fromkeys(_host(text) for text in texts)
    sites = tuple(
        Site(label=f"s{n}", host=name, title=f"{service} {name}", accepts=(LONG_LINK,)) for n, name in enumerate(names)
    )
    return Scenario(name=service, family="demo", target="", expect=_UNSEEN, checks=(), sites=sites)
