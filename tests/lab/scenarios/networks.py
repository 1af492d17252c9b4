"""Odd but honest networks, and censors behind them: IPv6 alone, home routers, accelerators, portals, slow lines.

Sources: RFC 6147, 6052, 7050, 7915 (NAT64); RFC 5625 and DNS flag day 2019 and 2020 (forwarders that drop EDNS,
answer A alone, lower the case, lack TCP); RFC 3135 (accelerators); RFC 2923 (black holes); RFC 7710, 8910 (portals);
Paxson: End-to-End Internet Packet Dynamics (SIGCOMM 1997: reordering, duplication); RFC 6598 (100.64.0.0/10); 3GPP
radio states (Qian et al., MobiSys 2011: promotion delays); Gettys, Nichols: Bufferbloat (2011).
"""

from __future__ import annotations

from tests.lab import notices
from tests.lab.checks import RESET, dig, get, hello, quic, tcp, works
from tests.lab.records import Act, Check, Control, Expect, Interference, Lie, Scenario, Site, Vantage
from tests.lab.scenarios.asia import SPOOFED
from tests.lab.scenarios.throttle import other
from tests.lab.scenarios.wording import (
    ANY,
    BLOCK_PAGE,
    FROZEN,
    NEVER_FINE,
    NOT_BLOCKED,
    PLAIN,
    REACHABLE,
    SNI_RESET,
    SNI_SILENT,
    URL,
    blocked,
    family,
    host_page,
    name_drop,
    name_rst,
)
from tests.lab.world import (
    DEAD_RESOLVER,
    FILTERING,
    HIJACKING,
    HONEST,
    NAT64_PREFIXES,
    ONWARD,
    PUBLIC_RESOLVER,
    RESOLVERS,
    SIX_RESOLVER,
    TRANSPARENT,
    TRUSTED_SIX,
)

_SIX_TRUSTED = (f"https://[{TRUSTED_SIX}]/dns-query",)
_HTTP_ANCHORS = "http://{}/generate_204"
_KNOWN, _OWN = NAT64_PREFIXES
_NO_SIX = Interference(act=Act.DROP, source="{vantage_six}")
NEAR_BOX = "62.115.20.2"
"""The address of ISP A's middlebox, from which an accelerator makes its connections."""
_SPARED = ("{anchor0}",)
_ROUTERS = tuple(kind for kind in ONWARD if not kind.endswith("-vk"))


def _own(act: Act, **more: object) -> tuple[Interference, ...]:
    """An interference with this vantage's own traffic, in both families."""
    return tuple(Interference(act=act, source=s, **more) for s in ("{vantage}", "{vantage_six}"))  # type: ignore[arg-type]


def _to(place: str, port: int = 0, spared: tuple[str, ...] = ()) -> Interference:
    return Interference(act=Act.PROXY, source="{vantage}", port=port, to=place, answers=spared)


def losing(percent: int, source: str = "{vantage}") -> tuple[Interference, ...]:
    """Packets of this line are lost in both directions."""
    sources = ("{vantage}", "{vantage_six}") if source == "{vantage}" else (source,)
    return tuple(Interference(act=Act.LOSS, source=one, percent=percent) for one in sources)


def translated(name: str, interference: tuple[Interference, ...] = (), prefix: str = _KNOWN) -> Vantage:
    """A line with IPv6 alone, DNS64 and NAT64."""
    return Vantage(
        name=name,
        four=False,
        resolvers=(NAT64_PREFIXES[prefix],),
        trusted_urls=_SIX_TRUSTED,
        prefix=prefix,
        interference=interference,
        timeout=6 if interference else 3,
    )


def accelerated(name: str, percent: int = 0) -> Vantage:
    """A line whose TCP ends at an accelerator near by; the servers are 120 ms behind it, and packets are lost there."""
    far = Interference(act=Act.DELAY, source=NEAR_BOX, address="95.24.255.0/24", after=120)
    lost = losing(percent, NEAR_BOX) if percent else ()
    near = (Interference(act=Act.ACCELERATE, source="{vantage}"), _NO_SIX)
    return Vantage(name=name, interference=near, core=(*lost, far), timeout=6)


def proxied(name: str) -> Vantage:
    """A line with a transparent proxy for port 80 near by; everything else is as far as the servers are."""
    far = tuple(
        Interference(act=Act.DELAY, source=s, address="95.24.255.0/24", after=80) for s in (NEAR_BOX, "{vantage}")
    )
    near = (Interference(act=Act.ACCELERATE, source="{vantage}", port=80), _NO_SIX)
    return Vantage(name=name, interference=near, core=far, timeout=6)


def waking(name: str, interference: tuple[Interference, ...] = ()) -> Vantage:
    """A line on which the first packet of each connection takes 700 ms: a radio, or servers that are slow to accept."""
    return Vantage(name=name, interference=(*interference, *_own(Act.WAKE, after=700)[:1]), timeout=6)


_LINE_CUT = Interference(
    act=Act.CENSOR, name="www.cut-line-trigger.net", source="{vantage}", after=15, page="drop drop"
)
PROFILES = (
    Vantage(name="witness"),
    Vantage(name="public-dns", resolvers=(PUBLIC_RESOLVER,)),
    Vantage(name="no-443", interference=_own(Act.RST_SYN, port=443)),
    Vantage(name="cut-line", interference=(_LINE_CUT, _NO_SIX)),
    Vantage(
        name="port-53",
        resolvers=(PUBLIC_RESOLVER,),
        interference=(Interference(act=Act.DNS_ANY, source="{vantage}", to=TRANSPARENT),),
    ),
    Vantage(name="ukraine", resolvers=(ONWARD["silent-on-vk"][0],)),
    Vantage(name="ukraine-nx", resolvers=(ONWARD["denies-vk"][0],)),
    Vantage(name="office", interference=(_to("{gate}", 443), _NO_SIX)),
    translated("nat64"),
    translated("nat64-own", prefix=_OWN),
    Vantage(name="six-alone", four=False, resolvers=(SIX_RESOLVER,), trusted_urls=_SIX_TRUSTED),
    *(Vantage(name=f"cpe-{n}", resolvers=(ONWARD[kind][0],)) for n, kind in enumerate(_ROUTERS)),
    Vantage(name="first-lies", resolvers=(RESOLVERS["a"], HONEST)),
    Vantage(name="second-lies", resolvers=(HONEST, RESOLVERS["a"])),
    Vantage(name="first-dead", resolvers=(DEAD_RESOLVER, HONEST)),
    Vantage(name="dead-lies", resolvers=(DEAD_RESOLVER, RESOLVERS["a"])),
    Vantage(name="impatient", resolvers=(RESOLVERS["a"], HONEST), timeout=1.5),
    Vantage(name="on-link", resolvers=("fe80::53%wan",)),
    Vantage(name="on-link-too", resolvers=("fe80::53%wan", HONEST)),
    accelerated("accelerated"),
    proxied("proxied"),
    Vantage(name="far-dns", resolvers=(PUBLIC_RESOLVER,), core=_own(Act.DELAY, after=90)[:1], timeout=6),
    Vantage(
        name="far-dns-un", resolvers=(PUBLIC_RESOLVER,), core=_own(Act.DELAY, after=90)[:1], trusted=False, timeout=6
    ),
    Vantage(name="mtu-1280", mtu=1280),
    Vantage(name="mtu-hole", interference=_own(Act.LARGE, after=1280)),
    Vantage(name="mtu-hole-six", interference=(Interference(act=Act.LARGE, source="{vantage_six}", after=1280),)),
    Vantage(name="twice", core=_own(Act.DUPLICATE, percent=100)),
    Vantage(name="overtaken", interference=_own(Act.DELAY, after=20, percent=30), timeout=6),
    Vantage(
        name="overtak-loss",
        interference=_own(Act.DELAY, after=25, percent=20),
        core=_own(Act.LOSS, percent=3),
        timeout=8,
    ),
    Vantage(name="far", core=_own(Act.DELAY, after=100, address="95.24.255.0/24")[:1], timeout=6),
    waking("radio"),
    Vantage(name="cgnat", private=True, interference=(Interference(act=Act.MASQUERADE, source="{vantage}"), _NO_SIX)),
    Vantage(name="slow-256", line="tbf rate 256kbit burst 6kb latency 400ms", timeout=12),
    Vantage(name="bloated", line="tbf rate 1500kbit burst 6kb latency 2500ms", timeout=12),
    Vantage(
        name="portal-same",
        interference=(_to("{same}", 80), *_own(Act.RST_SYN, port=443), _NO_SIX),
        anchor_form=_HTTP_ANCHORS,
    ),
    Vantage(
        name="portal-dns",
        resolvers=(HIJACKING,),
        interference=(_to("{gate}", 443, ("{gate}",)), _to("{gate}", 80, ("{gate}",)), _NO_SIX),
    ),
    Vantage(name="garden", interference=(_to("{gate}", 80, _SPARED), _to("{gate}", 443, _SPARED), _NO_SIX)),
    Vantage(
        name="garden-mute",
        interference=(
            Interference(act=Act.ONLY, source="{vantage}", answers=("{anchor0}", RESOLVERS["a"], PUBLIC_RESOLVER)),
            _NO_SIX,
        ),
    ),
    Vantage(
        name="quota",
        interference=(
            _to("{top_up}", 80, _SPARED),
            *(Interference(act=act, source="{vantage}", port=443, answers=_SPARED) for act in (Act.ONLY_HELLOS,)),
            _NO_SIX,
        ),
    ),
    Vantage(name="filtered", trusted_urls=(f"https://{FILTERING}/dns-query",)),
    Vantage(
        name="six-here",
        interference=tuple(
            Interference(act=Act.DROP, source="{vantage_six}", address=f"2a05:{n}:80::1") for n in (1, 2, 3)
        ),
    ),
)

_six = family("nat64")
_FORGED = Interference(act=Act.HOST_RST, name="{host}")


def _through(name: str, vantage: str, expect: Expect, *checks: Check, **more: object) -> Scenario:
    return _six(f"{name}-{vantage}", expect, *checks, vantage=vantage, **more)


_AT = get("http=200", at="")
NAT64 = tuple(
    scenario
    for vantage in ("nat64", "nat64-own")
    for scenario in (
        _through("alone-fine", vantage, REACHABLE, _AT, works()),
        _through("alone-domain", vantage, REACHABLE, _AT, works(), target="{host}"),
        _through("alone-clear", vantage, REACHABLE, get(url=PLAIN, at=""), target=PLAIN),
        _through("alone-dual", vantage, REACHABLE, _AT, works(), sites=(Site(six=1),)),
        _through("alone-big", vantage, REACHABLE, _AT, works(), sites=(Site(https="big"),)),
        _through("alone-resolves", vantage, REACHABLE, dig("AAAA", rrtype="AAAA"), target="dns://{host}"),
        _through("alone-fine-uncontrolled", vantage, REACHABLE, _AT, control=Control.NONE),
        _through(
            "alone-refused",
            vantage,
            Expect(status="down"),
            get("exit=7", at=""),
            sites=(Site(https="refused", http="refused"),),
        ),
        _through("alone-gone", vantage, Expect(status="down"), get("exit=28", at=""), sites=(Site(four=0, dead=1),)),
        _through("alone-no-name", vantage, Expect(status="down"), dig("NXDOMAIN"), sites=(Site(four=0, exists=False),)),
        _through("alone-literal", vantage, NOT_BLOCKED, works(), target="tcp://{a}:443"),
        _through("alone-denied", vantage, blocked("dns.nxdomain"), dig("NXDOMAIN"), works(), lie=Lie(rcode="NXDOMAIN")),
        _through(
            "alone-servfail", vantage, blocked("dns.servfail"), dig("SERVFAIL"), works(), lie=Lie(rcode="SERVFAIL")
        ),
        _through(
            "alone-nodata",
            vantage,
            blocked("dns.nodata"),
            dig("ANSWER: 0", rrtype="AAAA"),
            works(),
            lie=Lie(rcode="NODATA"),
        ),
        _through("alone-silent", vantage, blocked("dns.timeout"), dig("timed out"), works(), lie=Lie(rcode="SILENCE")),
        _through("alone-spoofed", vantage, SPOOFED, dig("AAAA", rrtype="AAAA"), works(), lie=Lie(answers=("{stub}",))),
        _through(
            "alone-bogon",
            vantage,
            blocked("dns.bogon|dns.spoofed"),
            dig("AAAA", rrtype="AAAA"),
            works(),
            lie=Lie(answers=("10.10.34.36",)),
        ),
        _through("alone-name-reset", vantage, SNI_RESET, get(RESET, at=""), works(), does=name_rst()),
        _through("alone-name-dropped", vantage, SNI_SILENT, get("exit=28", at=""), works(), does=name_drop()),
        _through(
            "alone-host-reset",
            vantage,
            blocked("http.reset"),
            get(RESET, PLAIN, at=""),
            works(PLAIN),
            does=_FORGED,
            target=PLAIN,
        ),
    )
)
SIX_ALONE = (
    _six("no-four-dual", REACHABLE, get(at="[{six}]"), sites=(Site(six=1),), vantage="six-alone"),
    _six("no-four-target", NOT_BLOCKED, works(), vantage="six-alone"),
    _six("no-four-target-domain", NOT_BLOCKED, works(), vantage="six-alone", target="{host}"),
    _six(
        "no-four-denied",
        blocked("dns.nxdomain"),
        dig("NXDOMAIN"),
        works(),
        sites=(Site(six=1),),
        lie=Lie(rcode="NXDOMAIN"),
        vantage="six-alone",
    ),
)

_router = family("routers")
_HELD = {"truncates-no-tcp": NOT_BLOCKED, "only-a-kept": NOT_BLOCKED}
_MANY = Site(four=41, certificate="good")


def _behind(number: int, kind: str) -> tuple[Scenario, ...]:
    """A healthy site, one with IPv6, its name alone, and a forged answer behind one kind of forwarder."""
    at = f"cpe-{number}"
    fine = _HELD.get(kind, REACHABLE)
    # One that keeps a denial denies healthy names as well, so nothing tells a forged one from its own.
    shared = {"truncates-no-tcp": NOT_BLOCKED, "only-a-kept": NEVER_FINE}
    lies = shared.get(kind, blocked("dns.nxdomain"))
    seen = dig("NXDOMAIN|TC|truncated|FORMERR|timed out|refused")
    return (
        _router(f"router-{number}-fine", fine, works(), vantage=at),
        _router(f"router-{number}-dual", fine, works(), vantage=at, sites=(Site(six=1),), target="{host}"),
        _router(f"router-{number}-name", fine, works(), vantage=at, target="dns://{host}"),
        _router(f"router-{number}-denied", lies, seen, works(), vantage=at, lie=Lie(rcode="NXDOMAIN")),
    )


ROUTERS = (
    *(scenario for number, kind in enumerate(_ROUTERS) for scenario in _behind(number, kind)),
    _router("many-addresses", REACHABLE, works(where="vantage"), sites=(_MANY,)),
    _router("many-addresses-no-tcp", REACHABLE, works(), sites=(_MANY,), vantage="cpe-7", target="dns://{host}"),
    _router("many-addresses-no-tcp-https", REACHABLE, works(), sites=(_MANY,), vantage="cpe-7"),
)

_order = family("resolvers")
_AT_LAST = Check(
    command="curl -sS -o /dev/null --max-time 9 -w 'http=%{{http_code}}' https://{host}/", finds="http=200"
)
"""The system's own resolver gets there, after its time-out."""
ORDER = (
    _order(
        "two-first-denies",
        blocked("dns.nxdomain"),
        dig("NXDOMAIN"),
        works(),
        lie=Lie(rcode="NXDOMAIN"),
        vantage="first-lies",
    ),
    _order("two-first-spoofs", SPOOFED, dig("{stub}"), works(), lie=Lie(answers=("{stub}",)), vantage="first-lies"),
    _order(
        "two-first-bogon",
        blocked("dns.bogon"),
        dig("10[.]0"),
        works(),
        lie=Lie(answers=("10.0.0.7",)),
        vantage="first-lies",
        target="{host}",
    ),
    _order("two-first-silent", REACHABLE, _AT_LAST, lie=Lie(rcode="SILENCE"), vantage="first-lies"),
    _order(
        "two-first-silent-dns",
        REACHABLE,
        _AT_LAST,
        lie=Lie(rcode="SILENCE"),
        vantage="first-lies",
        target="dns://{host}",
    ),
    _order("two-first-silent-impatient", REACHABLE, works(), lie=Lie(rcode="SILENCE"), vantage="impatient"),
    _order("two-first-servfail", REACHABLE, works(where="vantage"), lie=Lie(rcode="SERVFAIL"), vantage="first-lies"),
    _order("two-fine", REACHABLE, works(where="vantage"), vantage="first-lies"),
    _order("two-second-denies", REACHABLE, works(where="vantage"), lie=Lie(rcode="NXDOMAIN"), vantage="second-lies"),
    _order("two-second-spoofs", REACHABLE, works(where="vantage"), lie=Lie(answers=("{stub}",)), vantage="second-lies"),
    _order("first-dead-fine", REACHABLE, _AT_LAST, vantage="first-dead"),
    _order("first-dead-domain", REACHABLE, works(), vantage="first-dead", target="{host}"),
    _order("first-dead-name", REACHABLE, works(), vantage="first-dead", target="dns://{host}"),
    _order("first-dead-denied", blocked("dns.nxdomain"), works(), lie=Lie(rcode="NXDOMAIN"), vantage="dead-lies"),
    _order("first-dead-spoofed", SPOOFED, works(), lie=Lie(answers=("{stub}",)), vantage="dead-lies"),
    _order("on-link-fine", REACHABLE, works(where="vantage"), vantage="on-link"),
    _order(
        "on-link-denied",
        blocked("dns.nxdomain"),
        dig("NXDOMAIN"),
        works(),
        lie=Lie(rcode="NXDOMAIN"),
        vantage="on-link",
    ),
    _order("on-link-spoofed", SPOOFED, dig("{stub}"), works(), lie=Lie(answers=("{stub}",)), vantage="on-link"),
    _order(
        "on-link-silent", blocked("dns.timeout"), dig("timed out"), works(), lie=Lie(rcode="SILENCE"), vantage="on-link"
    ),
    _order("on-link-two-fine", REACHABLE, works(where="vantage"), vantage="on-link-too"),
    _order(
        "on-link-two-denied",
        blocked("dns.nxdomain"),
        dig("NXDOMAIN"),
        works(),
        lie=Lie(rcode="NXDOMAIN"),
        vantage="on-link-too",
    ),
    _order("on-link-two-spoofed", SPOOFED, dig("{stub}"), works(), lie=Lie(answers=("{stub}",)), vantage="on-link-too"),
)

_line = family("lines")
_BIG = (Site(https="big", http="big"),)


def _fine(vantage: str, *, big: bool = True, clear: bool = True) -> tuple[Scenario, ...]:
    """Healthy sites on an odd line: with a control and without."""
    more = {"vantage": vantage}
    return (
        _line(f"{vantage}-fine", REACHABLE, works(), **more),
        _line(f"{vantage}-fine-uncontrolled", REACHABLE, works(), control=Control.NONE, **more),
        _line(f"{vantage}-name", REACHABLE, works(), target="dns://{host}", **more),
        *((_line(f"{vantage}-clear", REACHABLE, works(PLAIN), target=PLAIN, **more),) if clear else ()),
        *((_line(f"{vantage}-big", REACHABLE, works(), sites=_BIG, **more),) if big else ()),
    )


_STALE_PAGE = notices.answer(notices.SPAIN)
_SILENT_HOST = Interference(act=Act.HOST_DROP, name="{host}")
_FREEZE = Interference(act=Act.HELLO_FREEZE, name="{host}", after=20_000)
LINES = (
    *_fine("accelerated"),
    _line("accelerated-refused", NOT_BLOCKED, works(PLAIN), sites=(Site(https="refused"),), vantage="accelerated"),
    _line(
        "accelerated-gone",
        NOT_BLOCKED,
        get("exit=28|exit=7", where="control"),
        sites=(Site(four=0, dead=1),),
        vantage="accelerated",
    ),
    _line(
        "accelerated-denied",
        blocked("dns.nxdomain"),
        dig("NXDOMAIN"),
        works(),
        lie=Lie(rcode="NXDOMAIN"),
        vantage="accelerated",
    ),
    *_fine("mtu-1280"),
    _line("mtu-hole-all-fine", NOT_BLOCKED, works(), vantage="mtu-hole"),
    _line("mtu-hole-all-big", NOT_BLOCKED, works(), sites=_BIG, vantage="mtu-hole"),
    _line("mtu-hole-all-clear", NOT_BLOCKED, works(PLAIN), sites=_BIG, vantage="mtu-hole", target=PLAIN),
    _line("mtu-hole-six-dual", REACHABLE, works(), sites=(Site(six=1, https="big"),), vantage="mtu-hole-six"),
    _line("mtu-hole-six-only", NOT_BLOCKED, works(), sites=(Site(four=0, six=1, https="big"),), vantage="mtu-hole-six"),
    *_fine("twice"),
    _line(
        "twice-quic", REACHABLE, quic("answered"), sites=(Site(quic=True),), vantage="twice", target="quic://{host}:443"
    ),
    _line("twice-name-reset", SNI_RESET, hello("errno=104"), works(), does=name_rst(), vantage="twice"),
    *_fine("overtaken"),
    _line("overtaken-name-reset", SNI_RESET, hello("errno=104"), works(), does=name_rst(), vantage="overtaken"),
    _line(
        "overtaken-denied",
        blocked("dns.nxdomain"),
        dig("NXDOMAIN"),
        works(),
        lie=Lie(rcode="NXDOMAIN"),
        vantage="overtaken",
    ),
    *_fine("overtak-loss"),
    *_fine("far"),
    _line(
        "far-name-reset", SNI_RESET, hello("errno=104"), works(), does=name_rst(), vantage="far", control=Control.NONE
    ),
    _line(
        "far-page",
        BLOCK_PAGE,
        get("size=[12]..", PLAIN),
        works(PLAIN),
        does=host_page(_STALE_PAGE),
        vantage="far",
        target=PLAIN,
    ),
    _line(
        "far-page-alone",
        NEVER_FINE,
        get("size=[12]..", PLAIN),
        works(PLAIN),
        does=host_page(_STALE_PAGE),
        vantage="far",
        target=PLAIN,
        control=Control.NONE,
    ),
    _line(
        "far-host-reset-alone",
        NEVER_FINE,
        get(RESET, PLAIN),
        works(PLAIN),
        does=_FORGED,
        vantage="far",
        target=PLAIN,
        control=Control.NONE,
    ),
    _line(
        "far-host-silent",
        blocked("http.timeout"),
        get("exit=28", PLAIN),
        works(PLAIN),
        does=_SILENT_HOST,
        vantage="far",
        target=PLAIN,
    ),
    *_fine("radio"),
    _line("radio-name-reset", SNI_RESET, hello("errno=104"), works(), does=name_rst(), vantage="radio"),
    _line("radio-down", Expect(status="down"), get("exit=7"), sites=(Site(https="refused"),), vantage="radio"),
    *_fine("cgnat"),
    _line(
        "cgnat-denied", blocked("dns.nxdomain"), dig("NXDOMAIN"), works(), lie=Lie(rcode="NXDOMAIN"), vantage="cgnat"
    ),
    _line("cgnat-name-reset", SNI_RESET, hello("errno=104"), works(), does=name_rst(), vantage="cgnat"),
    *_fine("slow-256", big=False),
    _line("slow-256-big", Expect(status="reachable|unreachable"), works(), sites=_BIG, vantage="slow-256"),
    _line("slow-256-frozen", FROZEN, works(), other("size=[0-9]"), sites=_BIG, does=_FREEZE, vantage="slow-256"),
    _line(
        "slow-256-denied",
        blocked("dns.nxdomain"),
        dig("NXDOMAIN"),
        works(),
        lie=Lie(rcode="NXDOMAIN"),
        vantage="slow-256",
    ),
    *_fine("bloated"),
    _line("bloated-name-reset", SNI_RESET, hello("errno=104"), works(), does=name_rst(), vantage="bloated"),
    _line("loss-5-name-reset", SNI_RESET, works(), does=name_rst(), vantage="loss5"),
    _line("loss-10-name-dropped", SNI_SILENT, works(), does=name_drop(), vantage="loss10"),
    _line("loss-10-denied", blocked("dns.nxdomain"), works(), lie=Lie(rcode="NXDOMAIN"), vantage="loss10"),
    _line("loss-5-page", BLOCK_PAGE, works(PLAIN), does=host_page(_STALE_PAGE), vantage="loss5", target=PLAIN),
    _line(
        "loss-10-down",
        Expect(status="down"),
        get("exit=7"),
        sites=(Site(https="refused", http="refused"),),
        vantage="loss10",
        target="{host}",
    ),
)

_near = family("nearness")
_REPLACED = Interference(act=Act.DNS_REPLACE, name="{host}", to=RESOLVERS["a"])
_ALERT = Interference(act=Act.HELLO_ALERT, name="{host}")
_FIN = Interference(act=Act.HELLO_FIN, name="{host}")
_REDIRECT = host_page(
    "HTTP/1.1 302 Found\r\nLocation: http://{stub_host}/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
)
_ELSEWHERE_TOO = Expect(status="blocked|unreachable", causes=(ANY,))
NEARNESS = (
    *_fine("proxied"),
    _near(
        "proxied-refusal",
        REACHABLE,
        get("http=403", PLAIN),
        sites=(Site(http="status:403"),),
        vantage="proxied",
        target=PLAIN,
    ),
    _near(
        "proxied-refusal-alone",
        NOT_BLOCKED,
        get("http=403", PLAIN),
        sites=(Site(http="status:403"),),
        vantage="proxied",
        target=PLAIN,
        control=Control.NONE,
    ),
    _near("proxied-domain", REACHABLE, works(PLAIN, where="vantage"), vantage="proxied", target="{host}"),
    _near(
        "proxied-closed",
        NOT_BLOCKED,
        get("exit=52|exit=56", PLAIN),
        sites=(Site(http="eof"),),
        vantage="proxied",
        target=PLAIN,
        control=Control.NONE,
    ),
    _near(
        "proxied-gone",
        NOT_BLOCKED,
        get("exit=7", PLAIN, where="control"),
        sites=(Site(http="refused"),),
        vantage="proxied",
        target=PLAIN,
    ),
    _near(
        "far-closed-by-server",
        NOT_BLOCKED,
        get("exit=52|exit=56", PLAIN),
        sites=(Site(http="eof"),),
        vantage="far",
        target=PLAIN,
        control=Control.NONE,
    ),
    _near(
        "far-reset-by-server",
        NOT_BLOCKED,
        get(RESET),
        sites=(Site(https="reset"),),
        vantage="far",
        control=Control.NONE,
    ),
    _near(
        "far-alert-by-server",
        NOT_BLOCKED,
        get("exit=35"),
        sites=(Site(https="alert:40"),),
        vantage="far",
        control=Control.NONE,
    ),
    _near(
        "radio-reset-by-server",
        NOT_BLOCKED,
        get("reset by peer|exit=28"),
        sites=(Site(https="reset"),),
        vantage="radio",
        control=Control.NONE,
    ),
    _near(
        "radio-closed-by-server",
        NOT_BLOCKED,
        get("exit=52|exit=56", PLAIN),
        sites=(Site(http="eof"),),
        vantage="radio",
        target=PLAIN,
        control=Control.NONE,
    ),
    _near(
        "accelerated-reset-by-server",
        NOT_BLOCKED,
        get("exit=7|exit=35|exit=56", where="control"),
        sites=(Site(https="reset"),),
        vantage="accelerated",
        control=Control.NONE,
    ),
    _near(
        "accelerated-refused-alone",
        NOT_BLOCKED,
        get("exit=7", where="control"),
        sites=(Site(https="refused", http="refused"),),
        vantage="accelerated",
        target="{host}",
        control=Control.NONE,
    ),
    _near("far-fin", blocked("tls.eof", "tls.sni"), hello("unexpected eof|exit=1"), works(), does=_FIN, vantage="far"),
    _near(
        "far-fin-alone",
        blocked("tls.eof", "tls.sni"),
        hello("unexpected eof|exit=1"),
        works(),
        does=_FIN,
        vantage="far",
        control=Control.NONE,
    ),
    _near("far-alert", _ELSEWHERE_TOO, hello("handshake failure"), works(), does=_ALERT, vantage="far"),
    _near(
        "far-alert-alone",
        _ELSEWHERE_TOO,
        hello("handshake failure"),
        works(),
        does=_ALERT,
        vantage="far",
        control=Control.NONE,
    ),
    _near(
        "far-redirect-alone",
        _ELSEWHERE_TOO,
        get("to=http://{stub_host}/", PLAIN),
        works(PLAIN),
        does=_REDIRECT,
        vantage="far",
        target=PLAIN,
        control=Control.NONE,
    ),
    _near(
        "far-host-reset",
        blocked("http.reset"),
        get(RESET, PLAIN),
        works(PLAIN),
        does=_FORGED,
        vantage="far",
        target=PLAIN,
    ),
    _near("far-dns-fine", REACHABLE, works(where="vantage"), vantage="far-dns"),
    _near(
        "far-dns-denied",
        blocked("dns.nxdomain"),
        dig("NXDOMAIN"),
        works(),
        lie=Lie(rcode="NXDOMAIN"),
        does=_REPLACED,
        vantage="far-dns",
    ),
    _near(
        "far-dns-spoofed",
        SPOOFED,
        dig("{stub}"),
        works(),
        lie=Lie(answers=("{stub}",)),
        does=_REPLACED,
        vantage="far-dns",
    ),
    _near(
        "far-dns-denied-alone",
        _ELSEWHERE_TOO,
        dig("NXDOMAIN"),
        works(),
        lie=Lie(rcode="NXDOMAIN"),
        does=_REPLACED,
        vantage="far-dns-un",
        control=Control.NONE,
    ),
    _near(
        "far-dns-no-name",
        Expect(status="down"),
        dig("NXDOMAIN"),
        sites=(Site(four=0, exists=False),),
        vantage="far-dns",
    ),
    _near(
        "far-dns-no-name-alone",
        NOT_BLOCKED,
        dig("NXDOMAIN"),
        sites=(Site(four=0, exists=False),),
        vantage="far-dns-un",
        control=Control.NONE,
    ),
)

_portal = family("portals")
_AT_PORTAL = Expect(status="unknown", state="portal")
_HELD_UP = Expect(status="unknown|unreachable", causes=(ANY,), state="online|portal|offline|allowlist")
_WORKS_HERE = Expect(status="reachable|unknown", causes=(ANY,), state="online|portal|offline|allowlist")
PORTALS = (
    _portal("same-host-https", _AT_PORTAL, tcp("refused"), works(), vantage="portal-same"),
    _portal(
        "same-host-clear",
        _AT_PORTAL,
        get("to=http://{host}/portal", PLAIN),
        works(PLAIN),
        vantage="portal-same",
        target=PLAIN,
    ),
    _portal("same-host-domain", _AT_PORTAL, get("http=302", PLAIN), works(), vantage="portal-same", target="{host}"),
    _portal(
        "portal-by-dns",
        Expect(status="unknown", state="portal|offline"),
        get("exit=60", at=""),
        works(),
        vantage="portal-dns",
    ),
    _portal(
        "portal-by-dns-clear",
        Expect(status="unknown", state="portal|offline"),
        get("http=302", PLAIN, at=""),
        works(PLAIN),
        vantage="portal-dns",
        target=PLAIN,
    ),
    *(
        _portal(f"{at}-{kind}", _HELD_UP, works(), vantage=at, target=target)
        for at in ("garden", "garden-mute", "quota")
        for kind, target in (("https", URL), ("clear", PLAIN), ("domain", "{host}"))
    ),
    _portal(
        "garden-tcp",
        Expect(status="reachable|unknown|unreachable", causes=(ANY,), state="online|portal|offline|allowlist"),
        works(),
        vantage="garden",
        target="tcp://{a}:443",
    ),
    _portal(
        "garden-injected",
        Expect(status="blocked|unknown", causes=(ANY,), state="online|portal|offline|allowlist"),
        works(),
        vantage="garden",
        does=Interference(act=Act.DNS_INJECT, name="{host}", answers=("8.7.198.45",)),
    ),
    _portal("quota-name", _WORKS_HERE, dig("{a}"), vantage="quota", target="dns://{host}"),
)
SCENARIOS = (*NAT64, *SIX_ALONE, *ROUTERS, *ORDER, *LINES, *NEARNESS, *PORTALS)
