"""Vantages that are lossy, offline, behind a portal or an allow-list, with a dead resolver or broken IPv6."""

from __future__ import annotations

from tests.lab.checks import dig, get, hello, tcp, works
from tests.lab.records import Act, Check, Expect, Interference, Lie, Scenario, Site, Vantage
from tests.lab.world import DEAD_RESOLVER, PUBLIC_RESOLVER, RESOLVERS, REWRITING

F = "vantage"
URL = "https://{host}/"


def _own(act: Act, **more: object) -> tuple[Interference, ...]:
    """An interference with this vantage's own traffic, in both families."""
    rules = (Interference(act=act, source=source, **more) for source in ("{vantage}", "{vantage_six}"))  # type: ignore[arg-type]
    return tuple(rules)


def _lossy(percent: int) -> Vantage:
    return Vantage(name=f"loss{percent}", interference=_own(Act.LOSS, percent=percent), timeout=10)


_PORTAL = tuple(
    Interference(act=Act.PROXY, source="{vantage}", port=port, to="{gate}", answers=("{login}",)) for port in (80, 443)
)
_FUTURE = tuple(
    Interference(act=Act.PROXY, source="{vantage}", address=f"{{anchor{n}}}", port=443, to=f"{{future{n}}}")
    for n in range(3)
)
_NO_SIX = Interference(act=Act.DROP, source="{vantage_six}")
PROFILES = (
    Vantage(name="a1"),
    Vantage(name="a2"),
    Vantage(name="b1", isp="b"),
    Vantage(name="untrusting", trusted=False),
    _lossy(2),
    _lossy(5),
    _lossy(10),
    Vantage(name="offline", interference=_own(Act.DROP)),
    Vantage(name="portal", interference=(*_PORTAL, _NO_SIX)),
    Vantage(
        name="allowlist",
        interference=(*_own(Act.ONLY_HELLOS, answers=("{domestic}",))[:1], _NO_SIX),
    ),
    Vantage(name="deadns", resolvers=(DEAD_RESOLVER,)),
    Vantage(name="rewriting", resolvers=(REWRITING,)),
    Vantage(name="sixbroken", interference=(_NO_SIX,)),
    Vantage(name="hostsfile", names={"127.0.0.1": "www.hosts-file.net"}),
    Vantage(
        name="clockpast",
        trusted=False,
        interference=(*_FUTURE, _NO_SIX),
    ),
    Vantage(
        name="redirected",
        resolvers=(PUBLIC_RESOLVER,),
        interference=(Interference(act=Act.DNS_TURN, source="{vantage}", address=PUBLIC_RESOLVER, to=RESOLVERS["a"]),),
    ),
    Vantage(name="vpn", through="tun0"),
    Vantage(name="satellite", through="wwan0", delay=0.3, timeout=10),
)
"""Every vantage of the lab; the first three are ordinary lines."""


def _case(name: str, vantage: str, expect: Expect, *checks: Check, target: str = URL, **more: object) -> Scenario:
    return Scenario(name=name, family=F, target=target, vantage=vantage, expect=expect, checks=checks, **more)  # type: ignore[arg-type]


_OFFLINE = Expect(status="unknown", state="offline")
_AT_PORTAL = Expect(status="unknown", state="portal")
_ALLOWED, _NOT_ALLOWED = Expect(status="reachable", state="allowlist"), Expect(status="unknown", state="allowlist")
_REACHABLE, _DOWN = Expect(status="reachable"), Expect(status="down")
_GHOST = (Site(four=0, exists=False),)
STATES = (
    _case("offline-https", "offline", _OFFLINE, dig("timed out"), tcp("exit=124"), works()),
    _case("offline-tcp", "offline", _OFFLINE, tcp("exit=124"), works(), target="tcp://{a}:443"),
    _case("offline-dns", "offline", _OFFLINE, dig("timed out"), works(), target="dns://{host}"),
    _case("portal-https", "portal", _AT_PORTAL, get("exit=60"), works()),
    _case("portal-http", "portal", _AT_PORTAL, get("http=302", "http://{host}/"), works(), target="http://{host}/"),
    _case("allowlist-foreign", "allowlist", _NOT_ALLOWED, get("exit=28"), tcp("open"), works()),
    _case(
        "allowlist-domain",
        "allowlist",
        _ALLOWED,
        get("exit=28"),
        works("http://{host}/", where="vantage"),
        target="{host}",
    ),
    _case("allowlist-tcp", "allowlist", _ALLOWED, tcp("open"), target="tcp://{a}:443"),
)
LINES = (
    *(
        _case(f"loss-{percent}{suffix}", f"loss{percent}", _REACHABLE, works(), target=target)
        for percent in (2, 5, 10)
        for suffix, target in (("", URL), ("-domain", "{host}"))
    ),
    _case(
        "resolver-dead",
        "deadns",
        Expect(status="unknown", note="resolver_dead"),
        dig("timed out"),
        works(),
    ),
    _case("resolver-dead-tcp", "deadns", _REACHABLE, dig("timed out"), tcp("open"), target="tcp://{a}:443"),
    _case("rewritten-ghost", "rewriting", _DOWN, dig("{stub}"), dig("NXDOMAIN", where="control"), sites=_GHOST),
    _case("rewritten-dns", "rewriting", _DOWN, dig("{stub}"), sites=_GHOST, target="dns://{host}"),
    _case("rewriting-fine", "rewriting", _REACHABLE, works(where="vantage")),
    _case(
        "rewriting-and-lying",
        "rewriting",
        Expect(status="blocked", causes=("dns.spoofed",)),
        dig("{stub}"),
        works(),
        lie=Lie(answers=("{stub}",)),
    ),
    _case("six-broken", "sixbroken", _REACHABLE, tcp("exit=124", "{six}"), tcp("open"), sites=(Site(six=1),)),
    _case(
        "six-broken-domain", "sixbroken", _REACHABLE, tcp("exit=124", "{six}"), sites=(Site(six=2),), target="{host}"
    ),
    _case(
        "six-broken-six-only",
        "sixbroken",
        Expect(status="unknown", note="ipv6_broken"),
        tcp("exit=124", "{six}"),
        works(at="[{six}]"),
        sites=(Site(four=0, six=1),),
    ),
    _case(
        "six-broken-and-dropped",
        "sixbroken",
        Expect(status="blocked", causes=("tcp.timeout",), note="ipv6_broken"),
        tcp("exit=124", "{six}"),
        tcp("exit=124"),
        works(),
        sites=(Site(six=1),),
        middlebox=(Interference(act=Act.DROP, address="{a}"),),
    ),
    _case("hosts-file", "hostsfile", Expect(status="reachable", note="hosts_file"), get("exit=7", at=""), works()),
)

_AGED = (Site(), Site(label="aged", certificate="future", poses=True))
_AT_AGED = Interference(act=Act.PROXY, source="{vantage}", address="{a}", port=443, to="{aged_a}")
_BOXED = (Site(), Site(label="box", certificate="unknown-ca", poses=True))
_AT_BOX = Interference(act=Act.PROXY, address="{a}", port=443, to="{box_a}")
_CLOCK = Expect(status="unknown", note="clock_wrong")
CLOCK = (
    _case(
        "clock-wrong",
        "clockpast",
        _CLOCK,
        hello("not yet valid"),
        hello("not yet valid", "www.anchor-one.org", "193.1.80.1"),
        works(),
        sites=_AGED,
        middlebox=(_AT_AGED,),
    ),
    _case(
        "clock-wrong-tls",
        "clockpast",
        _CLOCK,
        hello("not yet valid"),
        sites=_AGED,
        middlebox=(_AT_AGED,),
        target="tls://{a}:443/{host}",
    ),
    _case(
        "clock-wrong-in-clear",
        "clockpast",
        Expect(status="reachable", note="clock_wrong"),
        works("http://{host}/", where="vantage"),
        target="http://{host}/",
    ),
    _case(
        "clock-wrong-and-forged",
        "clockpast",
        Expect(status="blocked", causes=("tls.mitm",), note="clock_wrong"),
        hello("unable to verify"),
        works(),
        sites=_BOXED,
        middlebox=(_AT_BOX,),
    ),
)
_FAR = Check(command="curl -sS -o /dev/null --max-time 15 -w 'http=%{{http_code}}' https://{host}/", finds="http=200")
_LONG = Check(
    command="curl -sS -o /dev/null --max-time 9 -w 'tcp=%{{time_connect}}' http://{a}/", finds="tcp=(0[.][6-9]|[1-9])"
)
"""A TCP handshake of 600 ms and more."""
_HELLO_RST = Interference(act=Act.HELLO_RST, name="{host}")
TUNNELS = (
    _case(
        "vpn-fine",
        "vpn",
        Expect(status="reachable", note="tunnel"),
        works(where="vantage"),
        Check(command="ip route get 193.1.80.1", finds="dev tun0"),
    ),
    _case(
        "vpn-hides-a-block",
        "vpn",
        Expect(status="reachable", note="tunnel"),
        works(where="vantage"),
        Check(command="python -m tests.lab.ask {resolver} {host}", finds="^{a}$"),
        middlebox=(_HELLO_RST,),
    ),
    _case("satellite", "satellite", _REACHABLE, _FAR, _LONG),
    _case("satellite-domain", "satellite", _REACHABLE, _FAR, target="{host}"),
    _case("satellite-http", "satellite", _REACHABLE, _LONG, target="http://{host}/"),
    _case("satellite-big-page", "satellite", _REACHABLE, _FAR, sites=(Site(https="big"),)),
    _case("satellite-dns", "satellite", _REACHABLE, dig("{a}"), target="dns://{host}"),
)

SCENARIOS = (*STATES, *LINES, *CLOCK, *TUNNELS)
