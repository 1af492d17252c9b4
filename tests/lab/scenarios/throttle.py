"""Transfers that stop after some kilobytes or crawl, because of the network, the server or the line."""

from __future__ import annotations

from tests.lab.checks import get, neutral, works
from tests.lab.records import Act, Check, Control, Expect, Interference, Scenario, Site

F = "throttle"
URL, PLAIN = "https://{host}/", "http://{host}/"
BIG = (Site(https="big", http="big"),)
FROZEN = Expect(status="throttled", causes=("throttle.freeze",))
SLOWED = Expect(status="throttled", causes=("throttle.rate",))
UNREACHABLE = Expect(status="unreachable")
REACHABLE = Expect(status="reachable")
STOPS = "size=[1-3][0-9]{{4}} .*exit=28"
"""curl received 10 to 39 kB of 256 and timed out."""
CRAWLS = "size=[1-9][0-9]{{4,5}} .*exit=28"
WHOLE = "size=2[0-9]{{5}} .*exit=0"
_OTHER = "curl -sSk -o /dev/null --max-time 3 -w 'size=%{{size_download}}\\n' -H 'Host: {host}'"


def other(finds: str = "size=2[0-9]{{5}}") -> Check:
    """The same page at the same address under another server name."""
    fixed = "--connect-to '::{a}:' https://q7ztw4mkd2.com/"
    return Check(command=f"{_OTHER} {fixed}; echo exit=$?", finds=finds)


def _case(name: str, does: Interference, expect: Expect, *checks: Check, **more: object) -> Scenario:
    fields: dict[str, object] = {"target": URL, "sites": BIG, "middlebox": (does,), **more}
    return Scenario(name=name, family=F, expect=expect, checks=(*checks, works()), **fields)  # type: ignore[arg-type]


def _by_name(after: int = 22_000, port: int = 0) -> Interference:
    return Interference(act=Act.HELLO_FREEZE, name="{host}", after=after, port=port)


_BY_BYTES = Interference(act=Act.FREEZE, address="{a}", after=22_000)
_BY_PACKETS = Interference(act=Act.FREEZE_PACKETS, address="{a}", after=40)
FREEZES = (
    _case("freeze-sni", _by_name(), FROZEN, get(STOPS), other()),
    _case("freeze-sni-b", _by_name(), FROZEN, get(STOPS), other(), vantage="b1"),
    _case("freeze-sni-no-control", _by_name(), FROZEN, get(STOPS), other(), control=Control.NONE),
    _case("freeze-sni-domain", _by_name(), FROZEN, get(STOPS), other(), target="{host}"),
    _case("freeze-sni-early", _by_name(17_000), FROZEN, get("exit=28"), other()),
    _case("freeze-host", _by_name(18_000, 80), FROZEN, get(STOPS, PLAIN), works(PLAIN), target=PLAIN),
    _case("freeze-address", _BY_BYTES, FROZEN, get(STOPS), neutral()),
    _case("freeze-address-packets", _BY_PACKETS, FROZEN, get("size=[0-9]{{1,5}} .*exit=28"), neutral()),
    _case("freeze-address-no-control", _BY_BYTES, UNREACHABLE, get(STOPS), neutral(), control=Control.NONE),
    _case("freeze-small-page", _by_name(), REACHABLE, get("http=200 .*exit=0"), sites=(Site(),)),
)

_SLOW = Interference(act=Act.RATE, name="{host}", after=14_000)
RATES = (
    _case("rate-sni", _SLOW, SLOWED, get(CRAWLS), other()),
    _case("rate-sni-no-control", _SLOW, SLOWED, get(CRAWLS), other(), control=Control.NONE),
    _case(
        "rate-address",
        Interference(act=Act.RATE, address="{a}", after=9_000),
        SLOWED,
        get(CRAWLS),
        other("exit=28"),
    ),
    _case(
        "rate-address-no-control",
        Interference(act=Act.RATE, address="{a}", after=9_000),
        Expect(status="reachable|unreachable"),
        get(CRAWLS),
        other("exit=28"),
        control=Control.NONE,
    ),
)


def _server(name: str, kind: str, expect: Expect, finds: str, **more: object) -> Scenario:
    """The server itself does this to every client."""
    checks = (get(finds), get(finds, where="control"))
    return Scenario(
        name=name,
        family=F,
        target=URL,
        sites=(Site(https=kind),),
        expect=expect,
        checks=checks,
        **more,  # type: ignore[arg-type]
    )


SERVERS = (
    _server("stalls-everywhere", "stall:20000", Expect(status="down"), "size=20000 .*exit=28"),
    _server("stalls-no-control", "stall:20000", UNREACHABLE, "size=20000 .*exit=28", control=Control.NONE),
    _server("crawls-everywhere", "crawl:40000", REACHABLE, "size=[0-9]{{5,6}} "),
)

LINES = tuple(
    Scenario(
        name=f"big-page-loss-{percent}",
        family=F,
        target=URL,
        sites=BIG,
        expect=REACHABLE,
        vantage=f"loss{percent}",
        checks=(works(),),
    )
    for percent in (2, 5, 10)
)

SCENARIOS = (*FREEZES, *RATES, *SERVERS, *LINES)
