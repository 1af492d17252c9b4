"""Russia: the state's boxes (TSPU) by name, address and volume, and the providers' own pages and resolvers.

Sources: Xue et al.: TSPU (IMC 2022); Xue et al.: Throttling Twitter (IMC 2021); Ramesh et al.: Decentralized Control
(NDSS 2020); net4people/bbs#65, #382, #490, #516, #657; the numbers beside the acts in `records.py`.
"""

from __future__ import annotations

from tests.lab.checks import SILENCE, dig, get, hello, neutral, quic, tcp, works
from tests.lab.records import Act, Control, Expect, Interference, Lie, Site
from tests.lab.scenarios.throttle import CRAWLS, STOPS, other
from tests.lab.scenarios.wording import (
    FROZEN,
    NEVER_FINE,
    PLAIN,
    REACHABLE,
    SLOWED,
    SNI_RESET,
    SNI_SILENT,
    blocked,
    cut,
    family,
    host_page,
)

_case = family("russia")
_BIG = (Site(https="big", http="big"),)
_REWRITE = Interference(act=Act.HELLO_REWRITE, name="{host}")
_MUTE = Interference(act=Act.HELLO_SILENCE, name="{host}", after=6)
_TO_STUB = (
    "HTTP/1.1 307 Temporary Redirect\r\nLocation: http://warning.rt.ru/?id=17&rs=http://{{host}}/\r\n"
    "Content-Length: 0\r\nConnection: close\r\n\r\n"
).replace("{{host}}", "x.org")
_RATE = Interference(act=Act.RATE, name="{host}", after=16_000)
_REDIRECTED = Expect(status="blocked", causes=("http.redirect",))
SCENARIOS = (
    _case("russia-rewritten-domain", SNI_RESET, hello("errno=104"), neutral(), works(), does=_REWRITE, target="{host}"),
    _case(
        "russia-rewritten-alone", SNI_RESET, hello("errno=104"), neutral(), works(), does=_REWRITE, control=Control.NONE
    ),
    _case("russia-mute-domain", SNI_SILENT, hello("exit=124"), neutral(), works(), does=_MUTE, target="{host}"),
    _case("russia-mute-alone", SNI_SILENT, hello("exit=124"), neutral(), works(), does=_MUTE, control=Control.NONE),
    _case("russia-stub", _REDIRECTED, get("http=307", PLAIN), works(PLAIN), does=host_page(_TO_STUB), target=PLAIN),
    _case(
        "russia-stub-domain", _REDIRECTED, get("http=307", PLAIN), works(), does=host_page(_TO_STUB), target="{host}"
    ),
    _case(
        "russia-stub-alone",
        NEVER_FINE,
        get("http=307", PLAIN),
        works(PLAIN),
        does=host_page(_TO_STUB),
        target=PLAIN,
        control=Control.NONE,
    ),
    _case(
        "russia-national-resolver",
        blocked("dns.nxdomain"),
        dig("NXDOMAIN"),
        works(),
        lie=Lie(rcode="NXDOMAIN"),
        vantage="untrusting",
    ),
    _case("russia-slowed", SLOWED, get(CRAWLS), other(), works(), sites=_BIG, does=_RATE),
    _case("russia-slowed-domain", SLOWED, get(CRAWLS), other(), works(), sites=_BIG, does=_RATE, target="{host}"),
    _case(
        "russia-frozen-packets-alone-by-name",
        FROZEN,
        get(STOPS),
        other(),
        works(),
        sites=_BIG,
        does=Interference(act=Act.HELLO_FREEZE, name="{host}", after=28_000),
        control=Control.NONE,
    ),
    _case(
        "russia-frozen-at-every-address",
        FROZEN,
        get("size=[0-9]{{1,5}} .*exit=28"),
        works(),
        sites=(Site(https="big", http="big", four=2),),
        does=tuple(Interference(act=Act.FREEZE, address=a, after=20_000) for a in ("{a}", "{a2}")),
    ),
    _case(
        "russia-quic-of-a-healthy-site",
        REACHABLE,
        quic("silent"),
        works(where="vantage"),
        sites=(Site(quic=True),),
        does=Interference(act=Act.QUIC_DROP, address="{a}"),
    ),
    _case(
        "russia-address-port",
        blocked("tcp.timeout"),
        tcp("exit=124", port=8080),
        tcp("open", port=8080, where="control"),
        sites=(Site(accepts=(8080,)),),
        does=cut(),
        target="tcp://{a}:8080",
    ),
    _case(
        "russia-name-and-host",
        blocked("tls.timeout|http.timeout"),
        hello("exit=124"),
        get(SILENCE, PLAIN),
        works(),
        does=(Interference(act=Act.HELLO_DROP, name="{host}"), Interference(act=Act.HOST_DROP, name="{host}")),
        target="{host}",
    ),
)
