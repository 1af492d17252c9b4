"""Situations that suggest a wrong verdict: old control facts, blocks that begin meanwhile, odd resolvers, proxies."""

from __future__ import annotations

from tests.lab.checks import RESET, dig, get, hello, neutral, tcp, works
from tests.lab.records import Act, Check, Control, Expect, Interference, Lie, Scenario, Site

F = "traps"
URL, PLAIN = "https://{host}/", "http://{host}/"
REACHABLE = Expect(status="reachable")


def _case(name: str, expect: Expect, *checks: Check, target: str = URL, **more: object) -> Scenario:
    return Scenario(name=name, family=F, target=target, expect=expect, checks=checks, **more)  # type: ignore[arg-type]


def _blocked(*causes: str) -> Expect:
    return Expect(status="blocked", causes=causes)


def _from_port(port: int, finds: str, name: str = "{host}") -> Check:
    """A ClientHello from a fixed source port."""
    curl = f"curl -sS -o /dev/null --max-time 2 --local-port {port} --connect-to ::{{a}}: https://{name}/"
    return Check(command=f"{curl}; echo exit=$?", finds=finds)


CONTROLS = (
    _case(
        "control-stale",
        Expect(status="unreachable", causes=("tcp.timeout",)),
        tcp("exit=124"),
        works(),
        middlebox=(Interference(act=Act.DROP, address="{a}"),),
        control=Control.STALE,
    ),
    _case(
        "control-stale-but-proven",
        _blocked("tls.reset", "tls.sni"),
        hello("errno=104"),
        neutral(),
        works(),
        middlebox=(Interference(act=Act.HELLO_RST, name="{host}"),),
        control=Control.STALE,
    ),
    _case("control-stale-fine", REACHABLE, works(where="vantage"), control=Control.STALE),
)

_HENAN = "01020304050607080900"
TIMES = (
    # The first ClientHello passes, so no check without the probe may send one before the probe's.
    _case(
        "block-begins-between-tries",
        Expect(status="blocked", causes=("tls.reset", "tls.sni"), note="hop"),
        tcp("open"),
        neutral(),
        get("http=302", where="control"),
        works("https://{host}/next"),
        sites=(Site(https="onward"),),
        middlebox=(Interference(act=Act.HELLO_LATER, name="{host}"),),
    ),
    _case(
        "block-begins-after-the-page",
        REACHABLE,
        tcp("open"),
        works(),
        middlebox=(Interference(act=Act.HELLO_LATER, name="{host}"),),
    ),
    _case(
        "sni-residual-tuple",
        _blocked("tls.reset", "tls.sni"),
        Check(
            command="for i in 1 2; do timeout 3 curl -sS -o /dev/null --max-time 2 --local-port 27001 "
            "--connect-to ::{a}: https://{host}/; echo exit=$?; done",
            finds="exit=35.*exit=28",
        ),
        _from_port(27002, RESET),
        neutral(),
        works(),
        middlebox=(Interference(act=Act.HELLO_TUPLE, name="{host}", address="{a}", after=75),),
    ),
    _case(
        "sni-rst-with-payload",
        _blocked("tls.reset", "tls.sni"),
        get(RESET),
        neutral(),
        works(),
        middlebox=(Interference(act=Act.HELLO_RST, name="{host}", page=_HENAN),),
    ),
)

_CACHE = (Site(), Site(label="cache", poses=True))
_NOTICE = (Site(), Site(label="box", https="notice", http="notice", poses=True))
_BAD_NOTICE = (Site(), Site(label="box", https="notice", http="notice", certificate="unknown-ca", poses=True))
PAGES = (
    _case(
        "proxied-honestly",
        REACHABLE,
        works(PLAIN, where="vantage"),
        target=PLAIN,
        sites=_CACHE,
        middlebox=(Interference(act=Act.PROXY, address="{a}", port=80, to="{cache_a}"),),
    ),
    _case(
        "notice-with-the-sites-certificate",
        REACHABLE,
        get("http=200 .*size=2.."),
        works(),
        sites=_NOTICE,
        middlebox=(Interference(act=Act.PROXY, address="{a}", port=443, to="{box_a}"),),
    ),
    _case(
        "notice-with-a-bad-certificate",
        _blocked("tls.mitm"),
        get("exit=60"),
        works(),
        sites=_BAD_NOTICE,
        middlebox=(Interference(act=Act.PROXY, address="{a}", port=443, to="{box_a}"),),
    ),
    _case(
        "notice-from-a-wrong-address",
        _blocked("dns.spoofed", ...),  # type: ignore[arg-type]
        dig("{box_a}"),
        get("http=200 .*size=2..", PLAIN, at=""),
        works(PLAIN),
        target=PLAIN,
        sites=_BAD_NOTICE,
        lie=Lie(answers=("{box_a}",)),
    ),
    _case(
        "path-keyword",
        _blocked("http.reset"),
        get(RESET, "http://{host}/news/forbidden-path-word"),
        works(PLAIN, where="vantage"),
        target="http://{host}/news/forbidden-path-word",
        middlebox=(Interference(act=Act.HOST_RST, name="forbidden-path-word"),),
    ),
    _case(
        "captcha-here-alone",
        Expect(status="reachable", note="server_refusal"),
        get("http=403"),
        works(),
        sites=(Site(), Site(label="guard", https="captcha", poses=True)),
        core=(Interference(act=Act.PROXY, source="{vantage}", address="{a}", port=443, to="{guard_a}"),),
    ),
    _case(
        "captcha-everywhere",
        Expect(status="reachable", note="server_refusal"),
        get("http=403"),
        get("http=403", where="control"),
        sites=(Site(https="captcha"),),
    ),
)

RESOLVERS = (
    _case(
        "public-resolver-redirected",
        _blocked("dns.nxdomain"),
        dig("status: NXDOMAIN"),
        Check(command="dig +tcp +tries=1 +time=2 {host} A", finds="{a}"),
        works(),
        vantage="redirected",
        lie=Lie(rcode="NXDOMAIN"),
    ),
    _case("public-resolver-redirected-fine", REACHABLE, works(where="vantage"), vantage="redirected"),
    _case(
        "rate-trickle",
        Expect(status="throttled|unreachable", causes=(...,)),  # type: ignore[arg-type]
        get("exit=28"),
        works(),
        sites=(Site(https="big"),),
        middlebox=(Interference(act=Act.RATE, name="{host}", after=700),),
    ),
)

SCENARIOS = (*CONTROLS, *TIMES, *PAGES, *RESOLVERS)
