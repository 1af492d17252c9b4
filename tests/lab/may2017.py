"""May 2017 as the demo plays it: the sites of WeChat and of the control services, the events, and the truth.

The days and their order are historical. The hours between them are not: a round of the agents stands for five minutes,
and a week would be two thousand rounds. Each day names its source.
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
"""The control services: not blocked in Russia that May, so nothing may be reported for them."""
VANTAGES = (Vantage(name="a1"), Vantage(name="a2"), Vantage(name="b1", isp="b"))
ASN = {"a": 64500, "b": 64501}
"""AS numbers for documentation (RFC 5398): these ISPs are invented."""
LONG_LINK, SHORT_LINK = 8080, 80
"""Ports of WeChat's own protocol (capture of a client on heiqu.com): one of the two must work."""
MAX_SERVICE_TARGETS = 7
"""Only the first targets of a service's list are played: two cores must run five agents."""
_UNSEEN = Expect(status="reachable")


@dataclass(frozen=True)
class Day:
    """One event of the story.

    Attributes:
        round: rounds after the start of the demo.
        date: in history.
        source: of the date.
        isp: the ISP whose network changes; none when empty.
        blocks: whether the change is a block (or its lifting).
        lists: True when the register lists the service then, False when it delists it, None for no change.
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
"""The round after which the demo no longer waits for reports of the unblocking."""


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
        """Target -> the causes, one of which must come first, for the targets that this ISP blocks."""
        found: dict[str, tuple[Cause, ...]] = {}
        for text, service in self.targets.items():
            address = isinstance(targets.parse(text), targets.TcpTarget)
            name_only = isinstance(targets.parse(text), targets.DnsTarget)
            if service != WATCHED or (isp == "a" and name_only) or (isp == "b" and address):
                continue
            found[text] = (Cause.TCP_TIMEOUT,) if isp == "a" else (Cause.DNS_NXDOMAIN, Cause.DNS_BOGON)
        return found


def cast(services: Path) -> Cast:
    """The shipped catalogue's targets of the services in the demo, placed on the lab's internet.

    Args:
        services: folder of the catalogue.
    """
    files = {f"{name}.toml": (services / f"{name}.toml").read_bytes() for name in (WATCHED, *UNTOUCHED)}
    chosen: dict[str, str] = {}
    for service in catalogue.load(files):
        named = [text for text in service.targets() if _host(text)]
        chosen |= dict.fromkeys(named[:MAX_SERVICE_TARGETS], service.name)
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
