"""Hostile servers and networks: every step stays within its bounds of time and memory, and no target is blocked."""

from __future__ import annotations

from tests.lab.checks import SILENCE, answers, dig, get, hello, tcp, works
from tests.lab.records import Act, Check, Control, Expect, Interference, Lie, Scenario, Site

F = "hostile"
URL, PLAIN = "https://{host}/", "http://{host}/"
REACHABLE, DOWN = Expect(status="reachable"), Expect(status="down")
UNREACHABLE = Expect(status="unreachable", causes=(...,))  # type: ignore[arg-type]
_RAW = "curl -sS -o /dev/null --max-time 4 -w 'http=%{{http_code}} size=%{{size_download}}' --connect-to ::{a}: "


def _server(name: str, kind: str, expect: Expect, finds: str, url: str = URL, **more: object) -> Scenario:
    """The server does this to every client."""
    site = Site(http=kind) if url == PLAIN else Site(https=kind)
    checks = tuple(Check(command=f"{_RAW}{url}; echo exit=$?", finds=finds, where=at) for at in ("vantage", "control"))
    return Scenario(name=name, family=F, target=url, sites=(site,), expect=expect, checks=checks, **more)  # type: ignore[arg-type]


SERVERS = (
    _server("gzip-bomb", "gzip-bomb", REACHABLE, "http=200 size=[23][0-9]{{4}}"),
    _server("gzip-bomb-in-clear", "gzip-bomb", REACHABLE, "http=200 size=[23][0-9]{{4}}", PLAIN),
    _server("brotli-bomb", "brotli-bomb", REACHABLE, "http=200 size=40005"),
    _server("endless-headers", "headers", DOWN, "exit=(28|56|100)"),
    _server("endless-headers-in-clear", "headers", DOWN, "exit=(28|56|100)", PLAIN),
    _server("slow-loris", "loris", DOWN, "http=000.*exit=28|http=200.*exit=28"),
    _server("slow-loris-no-control", "loris", UNREACHABLE, "exit=28", control=Control.NONE),
    _server("deaf", "deaf", DOWN, "exit=28"),
)

_FLOOD = Interference(act=Act.ICMP_FLOOD, name="{host}", after=300)
_ELSEWHERE = Interference(act=Act.DNS_INJECT, name="{host}", answers=("8.7.198.45", "59.24.3.173"), to="9.9.9.10")
NETWORKS = (
    Scenario(
        name="icmp-flood",
        family=F,
        target=URL,
        expect=REACHABLE,
        middlebox=(_FLOOD,),
        checks=(works(where="vantage"), works()),
    ),
    Scenario(
        name="dns-answer-from-elsewhere",
        family=F,
        target=URL,
        expect=REACHABLE,
        middlebox=(_ELSEWHERE,),
        checks=(answers("{a}"), works(where="vantage")),
    ),
    Scenario(
        name="dns-compression-loop",
        family=F,
        target=URL,
        expect=Expect(status="blocked", causes=("dns.timeout",)),
        lie=Lie(rcode="GARBAGE"),
        checks=(dig("bad compression pointer|malformed|timed out|extra bytes|parse|unexpected end"), works()),
    ),
    Scenario(
        name="dns-compression-loop-dns",
        family=F,
        target="dns://{host}",
        expect=Expect(status="blocked", causes=("dns.timeout",)),
        lie=Lie(rcode="GARBAGE"),
        checks=(works(),),
    ),
)

_HOLE = Interference(act=Act.LARGE, address="{a}", after=1300)
_SMALL = "curl -sS -I -o /dev/null --max-time 3 -w 'http=%{{http_code}}' --connect-to ::{a}: "
LARGE_PACKETS = (
    Scenario(
        name="mtu-hole-everywhere",
        family=F,
        target=URL,
        sites=(Site(https="big"),),
        expect=DOWN,
        core=(_HOLE,),
        checks=(get(SILENCE), get(SILENCE, where="control"), hello("ESTABLISHED")),
    ),
    Scenario(
        name="mtu-hole-here",
        family=F,
        target=URL,
        sites=(Site(https="big", http="big"),),
        expect=UNREACHABLE,
        middlebox=(_HOLE,),
        checks=(get(SILENCE), hello("ESTABLISHED"), Check(command=f"{_SMALL}{URL}", finds="http=200"), works()),
    ),
    Scenario(
        name="mtu-hole-here-in-clear",
        family=F,
        target=PLAIN,
        sites=(Site(https="big", http="big"),),
        expect=UNREACHABLE,
        middlebox=(_HOLE,),
        checks=(
            get(SILENCE, PLAIN),
            tcp("open", port=80),
            Check(command=f"{_SMALL}{PLAIN}", finds="http=200"),
            works(PLAIN),
        ),
    ),
)

SCENARIOS = (*SERVERS, *NETWORKS, *LARGE_PACKETS)
