"""The vantage itself: lossy, offline, behind a portal, on an allow-list, with a dead resolver or a broken IPv6."""

from __future__ import annotations

from tests.lab.checks import dig, get, tcp, works
from tests.lab.records import Act, Check, Expect, Interference, Lie, Scenario, Site, Vantage
from tests.lab.world import DEAD_RESOLVER, REWRITING

F = "vantage"
URL = "https://{host}/"


def _own(act: Act, **more: object) -> tuple[Interference, ...]:
    """What is done to this vantage's own traffic, in both families."""
    rules = (Interference(act=act, source=source, **more) for source in ("{vantage}", "{vantage_six}"))  # type: ignore[arg-type]
    return tuple(rules)


def _lossy(percent: int) -> Vantage:
    return Vantage(name=f"loss{percent}", interference=_own(Act.LOSS, percent=percent), timeout=10)


_PORTAL = tuple(
    Interference(act=Act.PROXY, source="{vantage}", port=port, to="{gate}", answers=("{login}",)) for port in (80, 443)
)
PROFILES = (
    Vantage(name="a1"),
    Vantage(name="a2"),
    Vantage(name="b1", isp="b"),
    Vantage(name="untrusting", trusted=False),
    _lossy(2),
    _lossy(5),
    _lossy(10),
    Vantage(name="offline", interference=_own(Act.DROP)),
    Vantage(name="portal", interference=(*_PORTAL, Interference(act=Act.DROP, source="{vantage_six}"))),
    Vantage(name="allowlist", interference=_own(Act.ONLY_HELLOS, answers=("{domestic}",))[:1]),
    Vantage(name="deadns", resolvers=(DEAD_RESOLVER,)),
    Vantage(name="rewriting", resolvers=(REWRITING,)),
    Vantage(name="sixbroken", interference=(Interference(act=Act.DROP, source="{vantage_six}"),)),
    Vantage(name="hostsfile", names={"127.0.0.1": "www.hosts-file.net"}),
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
        Expect(status="reachable|unreachable|unknown", causes=(...,)),
        dig("timed out"),
        works(),
    ),  # type: ignore[arg-type]
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
    _case("hosts-file", "hostsfile", Expect(status="reachable", note="hosts_file"), get("exit=7", at=""), works()),
)

SCENARIOS = (*STATES, *LINES)
