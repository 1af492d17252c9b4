"""Situations in which an earlier version of the probe was wrong: false blocks, missed blocks, and their neighbours.

They were reported from other people's laboratories, from public issue trackers of similar tools, and by readers.
"""

from __future__ import annotations

from tests.lab import notices, servers
from tests.lab.checks import RESET, answers, dig, get, hello, neutral, quic, tcp, works
from tests.lab.notices import WRITTEN
from tests.lab.records import Act, Control, Expect, Interference, Lie, Scenario, Site
from tests.lab.scenarios.asia import SPOOFED
from tests.lab.scenarios.china import elsewhere
from tests.lab.scenarios.throttle import other
from tests.lab.scenarios.wording import (
    ANY,
    BLOCK_PAGE,
    NEVER_FINE,
    NOT_BLOCKED,
    PLAIN,
    REACHABLE,
    SLOWED,
    UNREACHABLE,
    blocked,
    cut,
    family,
    host_page,
    turned,
)

_false = family("false-blocks")
_GONE = Expect(status="down|unreachable", causes=(ANY,))
_CODES = {"nxdomain": "NXDOMAIN", "nodata": "NODATA", "servfail": "SERVFAIL", "refused": "REFUSED"}
_SEEN = {"nodata": "NOERROR.*ANSWER: 0"}
_PARKED = Lie(answers=("{parking_a}",))
_PARKING = (Site(), Site(label="parking", http="old-page", https="refused"))
_MACHINE_GONE = cut(source="{vantage}")
_TWO = (Site(https="refused"), Site(label="near", https="refused", title="Welcome to www.two-answers-both-ours.net"))
_HTTP_ONLY = (Site(https="refused"),)
_FILTERS = {
    "nxdomain": Lie(rcode="NXDOMAIN"),
    "no-recursion": Lie(rcode="REFUSED", denies_recursion=True),
    "no-recursion-empty": Lie(rcode="NODATA", denies_recursion=True),
    "blocked-ede": Lie(rcode="NXDOMAIN", ede=15),
    "censored-ede": Lie(answers=("{filter_page}",), ede=16),
    "filtered-ede": Lie(rcode="NODATA", ede=17),
}
_REFUSALS = (403, 429, 451, 503)


def _refused_here(status: int) -> tuple[Site, Site]:
    return (Site(), Site(label="guard", http=f"status:{status}", https="refused"))


_CACHE = Lie(answers=("{cache_a}",))
_QUIC_TARGET = "quic://{host}:443"
_ODD_QUIC = {"versions": "versions", "garbage": "00ff" * 30, "echo": "echo"}
_SAYS_NOTHING = Expect(status="reachable|down|unreachable")
FALSE_BLOCKS = (
    *(
        _false(
            f"both-say-{name}",
            _GONE,
            dig(_SEEN.get(name, code)),
            works(),
            lie=Lie(rcode=code),
            filtered=Lie(rcode=code),
            vantage="filtered",
        )
        for name, code in _CODES.items()
    ),
    _false(
        "both-say-nxdomain-domain",
        _GONE,
        dig("NXDOMAIN"),
        works(),
        lie=Lie(rcode="NXDOMAIN"),
        filtered=Lie(rcode="NXDOMAIN"),
        vantage="filtered",
        target="{host}",
    ),
    _false(
        "both-say-nxdomain-dns",
        _GONE,
        dig("NXDOMAIN"),
        lie=Lie(rcode="NXDOMAIN"),
        filtered=Lie(rcode="NXDOMAIN"),
        vantage="filtered",
        target="dns://{host}",
    ),
    _false(
        "parked-since",
        NOT_BLOCKED,
        dig("{parking_a}"),
        works(),
        sites=_PARKING,
        lie=_PARKED,
        filtered=_PARKED,
        core=(_MACHINE_GONE,),
        vantage="filtered",
    ),
    _false(
        "parked-since-http",
        NOT_BLOCKED,
        dig("{parking_a}"),
        works(PLAIN),
        sites=_PARKING,
        lie=_PARKED,
        filtered=_PARKED,
        core=(_MACHINE_GONE,),
        vantage="filtered",
        target=PLAIN,
    ),
    _false(
        "parked-since-domain",
        NOT_BLOCKED,
        dig("{parking_a}"),
        works(PLAIN),
        sites=_PARKING,
        lie=_PARKED,
        filtered=_PARKED,
        core=(_MACHINE_GONE,),
        vantage="filtered",
        target="{host}",
    ),
    _false(
        "two-answers-both-ours",
        REACHABLE,
        answers("{near_a}", "{a}"),
        works(PLAIN),
        sites=_TWO,
        does=Interference(act=Act.DNS_INJECT, name="{host}", answers=("{near_a}",)),
        target=PLAIN,
    ),
    *(
        _false(
            f"trusted-says-{name}",
            REACHABLE,
            works(PLAIN, where="vantage"),
            works(PLAIN),
            sites=_HTTP_ONLY,
            filtered=lie,
            vantage="filtered",
            target=PLAIN,
        )
        for name, lie in _FILTERS.items()
    ),
    _false(
        "trusted-filters-https", REACHABLE, works(where="vantage"), filtered=Lie(rcode="NXDOMAIN"), vantage="filtered"
    ),
    *(
        _false(
            f"quic-answers-{name}",
            _SAYS_NOTHING,
            hello("ESTABLISHED"),
            quic("silent|error"),
            quic("silent|error", where="control"),
            core=(Interference(act=Act.QUIC_ANSWER, address="{a}", page=page),),
            target=_QUIC_TARGET,
        )
        for name, page in _ODD_QUIC.items()
    ),
    *(
        _false(
            f"here-alone-{status}",
            UNREACHABLE,
            get(f"http={status}", PLAIN),
            works(where="vantage"),
            works(PLAIN),
            sites=_refused_here(status),
            core=(turned("guard", 80, source="{vantage}"),),
            target=PLAIN,
        )
        for status in _REFUSALS
    ),
    _false(
        "here-alone-503-domain",
        REACHABLE,
        get("http=503", PLAIN),
        works(where="vantage"),
        sites=_refused_here(503),
        core=(turned("guard", 80, source="{vantage}"),),
        target="{host}",
    ),
    _false(
        "cache-in-shared-space",
        REACHABLE,
        dig("100[.]127[.]9"),
        works(at="{cache_a}", where="vantage"),
        works(),
        sites=(Site(), Site(label="cache", within="100.127.9", poses=True)),
        lie=_CACHE,
    ),
    _false(
        "cache-in-shared-space-domain",
        REACHABLE,
        dig("100[.]127[.]10"),
        works(),
        sites=(Site(), Site(label="cache", within="100.127.10", poses=True)),
        lie=_CACHE,
        target="{host}",
    ),
    _false(
        "cache-in-private-space",
        REACHABLE,
        dig("10[.]98[.]7"),
        works(at="{cache_a}", where="vantage"),
        works(),
        sites=(Site(), Site(label="cache", within="10.98.7", poses=True)),
        lie=_CACHE,
    ),
    _false(
        "four-dead-on-a-dead-six-line",
        Expect(status="unknown|unreachable", causes=(ANY,), note="ipv6_broken"),
        tcp("exit=124"),
        tcp("exit=124", "{six}"),
        works(),
        sites=(Site(four=0, dead=1, six=1),),
        vantage="sixbroken",
    ),
    _false(
        "cache-that-is-none",
        blocked("dns.bogon"),
        dig("100[.]127[.]11"),
        works(),
        sites=(Site(), Site(label="cache", within="100.127.11", http="notice", certificate="unknown-ca", poses=True)),
        lie=_CACHE,
    ),
)

_missed = family("missed-blocks")
_HTTP_IN_TLS = notices.answer("<html><body>Forbidden</body></html>", "403 Forbidden").encode().hex()
_OTHER_SITE = (Site(), Site(label="other", title="Another site altogether"))
_BIG = (Site(https="big", http="big"),)
_LONG = (Site(http="big"),)
_TITLE = "<html><head><title>Welcome to {host}</title></head><body><h1>Welcome to {host}</h1><p>"
_TRUE = servers.page("Welcome to {host}")
_IMITATED = (
    _TITLE
    + ("This material cannot be shown on this line. " * 60)[: len(_TRUE) - len(_TITLE) - 18]
    + "</p></body></html>"
)
_HEAD = f"HTTP/1.1 200 OK\r\nX-Proxy: filter\r\nContent-Type: text/html\r\nContent-Length: {len(_IMITATED)}\r\n"


def _imitation(host: str) -> str:
    """A page with the site's title and length and another text."""
    body = _IMITATED.replace("{host}", host)
    return _HEAD.replace(str(len(_IMITATED)), str(len(body))) + "Connection: close\r\n\r\n" + body


_SHORT = notices.answer(WRITTEN["denied-short"].decode())
_DENIED = notices.answer(WRITTEN["denied"].decode())
_SLOW_HERE = Interference(act=Act.RATE, address="{a}", after=16_000)
_GRAVE = Expect(status="blocked|throttled", causes=(ANY,))
_NOTICES = (
    "windows-1251",
    "windows-1251-mislabelled",
    "cp866",
    "koi8-r",
    "utf-16",
    "entities",
    "tags-inside",
    "refresh",
    "script",
    "frame",
)


def _box(page: str) -> tuple[Site, Site]:
    return (Site(), Site(label="box", http=f"written:{page}", https="refused"))


_SPOOF_AND_NAME = Lie(answers=("{box_a}",))
_HONEST_SPEAKS = (Site(https="refused"), Site(label="box", http="written:spain", https="refused"))
_NOTICE_CACHE = (Site(), Site(label="cache", within="100.127.12", http="written:spain", https="refused"))
ACQUITTALS = (
    # Each is the censored twin of an honest situation above: what acquits there must not acquit here.
    _missed(
        "cache-of-notices",
        blocked("dns.bogon"),
        dig("100[.]127[.]12"),
        works(PLAIN),
        sites=_NOTICE_CACHE,
        lie=_CACHE,
        target=PLAIN,
    ),
    _missed(
        "two-answers-one-a-notice",
        blocked("dns.injected"),
        answers("{box_a}", "{a}"),
        works(PLAIN),
        sites=_HONEST_SPEAKS,
        does=Interference(act=Act.DNS_INJECT, name="{host}", answers=("{box_a}",)),
        target=PLAIN,
    ),
    _missed(
        "both-resolvers-filter",
        NEVER_FINE,
        dig("{box_a}"),
        works(PLAIN),
        sites=_HONEST_SPEAKS,
        lie=_SPOOF_AND_NAME,
        filtered=Lie(rcode="NXDOMAIN"),
        vantage="filtered",
        target=PLAIN,
    ),
    _missed(
        "sent-to-notice-without-tls",
        SPOOFED,
        dig("{box_a}"),
        works(PLAIN),
        sites=_HONEST_SPEAKS,
        lie=_SPOOF_AND_NAME,
        target=PLAIN,
    ),
    _missed(
        "sent-to-notice-without-tls-dns",
        blocked("dns.spoofed"),
        dig("{box_a}"),
        works(),
        sites=(Site(), Site(label="box", http="written:spain", https="refused")),
        lie=_SPOOF_AND_NAME,
        target="dns://{host}",
    ),
    _missed(
        "refused-in-clear-and-dropped",
        blocked("tls.timeout"),
        get("http=503", PLAIN),
        hello("exit=124"),
        works(),
        sites=_refused_here(503),
        core=(turned("guard", 80, source="{vantage}"),),
        does=Interference(act=Act.HELLO_DROP, name="{host}"),
        target="{host}",
    ),
    _missed(
        "first-silent-second-lies",
        blocked("dns.nxdomain"),
        works(),
        lie=Lie(rcode="NXDOMAIN"),
        vantage="dead-lies",
        target="{host}",
    ),
    _missed(
        "spoofed-to-verified-stranger",
        SPOOFED,
        dig("{other_a}"),
        works(),
        sites=(Site(http="refused"), Site(label="other", title="Another site altogether")),
        lie=Lie(answers=("{other_a}",)),
        target="{host}",
    ),
    _missed(
        "many-forged-addresses",
        SPOOFED,
        dig("{box_a}"),
        works(),
        sites=(Site(), Site(label="box", four=3, http="written:spain", https="refused")),
        lie=Lie(answers=("{box_a}", "{box_a2}", "{box_a3}")),
    ),
    _missed(
        "reset-on-a-dead-six-line",
        blocked("tls.reset", "tls.sni"),
        hello("errno=104"),
        neutral(),
        works(),
        sites=(Site(six=1),),
        does=Interference(act=Act.HELLO_RST, name="{host}"),
        vantage="sixbroken",
    ),
)
MISSED = (
    _missed(
        "clear-text-in-tls",
        blocked("tls.eof|tls.reset|tls.mitm|tls.timeout"),
        hello("wrong version|exit=1"),
        neutral(),
        works(),
        does=Interference(act=Act.TLS_ANSWER, name="{host}", page=_HTTP_IN_TLS),
    ),
    _missed(
        "garbage-in-tls",
        blocked("tls.eof|tls.reset|tls.mitm|tls.timeout"),
        hello("wrong version|exit=1"),
        neutral(),
        works(),
        does=Interference(act=Act.TLS_ANSWER, name="{host}", page="80ff" * 40),
    ),
    _missed(
        "garbage-in-tls-alone",
        blocked("tls.eof|tls.reset|tls.mitm|tls.timeout"),
        hello("wrong version|exit=1"),
        neutral(),
        works(),
        does=Interference(act=Act.TLS_ANSWER, name="{host}", page="80ff" * 40),
        control=Control.NONE,
    ),
    _missed(
        "sent-to-another-site",
        SPOOFED,
        dig("{other_a}"),
        get("exit=60", at=""),
        works(),
        sites=_OTHER_SITE,
        lie=Lie(answers=("{other_a}",)),
    ),
    _missed(
        "sent-to-another-site-http",
        SPOOFED,
        dig("{other_a}"),
        get(url=PLAIN, at=""),
        works(PLAIN),
        sites=_OTHER_SITE,
        lie=Lie(answers=("{other_a}",)),
        target=PLAIN,
    ),
    _missed(
        "sent-to-another-site-domain",
        SPOOFED,
        dig("{other_a}"),
        works(),
        sites=_OTHER_SITE,
        lie=Lie(answers=("{other_a}",)),
        target="{host}",
    ),
    _missed(
        "short-page-for-long",
        BLOCK_PAGE,
        get("size=1[0-9]{{2}} ", PLAIN),
        works(where="vantage"),
        works(PLAIN),
        sites=_LONG,
        does=host_page(_SHORT),
        target=PLAIN,
    ),
    _missed(
        "short-page-for-long-domain",
        BLOCK_PAGE,
        get("size=1[0-9]{{2}} ", PLAIN),
        works(where="vantage"),
        works(PLAIN),
        sites=_LONG,
        does=host_page(_SHORT),
        target="{host}",
    ),
    _missed(
        "denied-title", BLOCK_PAGE, get("size=1[0-9]{{2}} ", PLAIN), works(PLAIN), does=host_page(_DENIED), target=PLAIN
    ),
    _missed(
        "denied-title-alone",
        NEVER_FINE,
        get("size=1[0-9]{{2}} ", PLAIN),
        works(PLAIN),
        does=host_page(_DENIED),
        target=PLAIN,
        control=Control.NONE,
    ),
    *(
        _missed(
            f"mute-after-{n}",
            _GRAVE,
            get("exit=28"),
            other(),
            works(),
            sites=_BIG,
            does=Interference(act=Act.HELLO_SILENCE, name="{host}", after=n),
        )
        for n in (8, 10, 12)
    ),
    _missed(
        "slowed-for-all-names",
        SLOWED,
        get("size=[1-9][0-9]{{4,5}} .*exit=28"),
        other("exit=28|size=[1-9][0-9]{{4,5}}$"),
        works(),
        sites=_BIG,
        does=_SLOW_HERE,
    ),
    _missed(
        "slowed-for-all-names-domain",
        SLOWED,
        get("size=[1-9][0-9]{{4,5}} .*exit=28"),
        works(),
        sites=_BIG,
        does=_SLOW_HERE,
        target="{host}",
    ),
    _missed(
        "slowed-with-memory",
        SLOWED,
        *elsewhere(get("size=[1-9][0-9]{{4,5}} .*exit=28")),
        sites=_BIG,
        does=Interference(act=Act.RATE_RESIDUAL, name="{host}", address="{a}", after=18_000),
    ),
    _missed(
        "served-then-hush",
        blocked("http.timeout|tls.timeout"),
        *elsewhere(get("exit=28")),
        does=Interference(act=Act.MUTE_RESIDUAL, name="{host}", address="{a}", after=60),
    ),
    _missed(
        "page-with-the-right-title",
        BLOCK_PAGE,
        get("size=[12][0-9]{{3}} ", PLAIN),
        works(PLAIN),
        does=host_page(_imitation("www.page-with-the-right-title.net").replace("{", "{{").replace("}", "}}")),
        vantage="far",
        target=PLAIN,
    ),
    _missed(
        "dropped-six-literal",
        Expect(status="unknown|unreachable", causes=(ANY,), note="ipv6_broken"),
        tcp("exit=124", "{six}"),
        tcp("open", "{six}", where="control"),
        sites=(Site(six=1),),
        does=cut("{six}"),
        target="tcp://[{six}]:443",
        vantage="six-here",
    ),
    _missed(
        "six-literal-fine",
        REACHABLE,
        tcp("open", "{six}"),
        sites=(Site(six=1),),
        target="tcp://[{six}]:443",
        vantage="six-here",
    ),
    *(
        _missed(
            f"notice-{page}-alone",
            NEVER_FINE,
            get("http=200", PLAIN),
            works(PLAIN),
            sites=_box(page),
            does=turned("box", 80),
            target=PLAIN,
            control=Control.NONE,
        )
        for page in _NOTICES
    ),
    *(
        _missed(
            f"notice-{page}",
            BLOCK_PAGE,
            get("http=200", PLAIN),
            works(PLAIN),
            sites=_box(page),
            does=turned("box", 80),
            target=PLAIN,
        )
        for page in ("windows-1251", "utf-16", "refresh", "frame")
    ),
    _missed(
        "host-silent-https-fine",
        blocked("http.timeout"),
        get("exit=28", PLAIN),
        works(where="vantage"),
        does=Interference(act=Act.HOST_DROP, name="{host}"),
        target="{host}",
    ),
    _missed(
        "host-reset-two-addresses",
        blocked("http.reset"),
        get(RESET, PLAIN),
        works(PLAIN),
        sites=(Site(four=2),),
        does=Interference(act=Act.HOST_RST, name="{host}"),
        target="{host}",
    ),
)
SCENARIOS: tuple[Scenario, ...] = (*FALSE_BLOCKS, *MISSED, *ACQUITTALS)
