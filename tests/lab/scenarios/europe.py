"""Turkey, Ukraine, and what courts and regulators order in the European Union and the United Kingdom.

Sources. Turkey: OONI (Wikipedia 2017); Akdeniz; BGPmon on the hijack of public resolvers (2014). Ukraine: decree
133/2017, OONI reports. Courts: Clayton: Failures in a Hybrid Content Blocking System (PET 2005) and the IWF's
Wikipedia block of 2008; CUII (Germany) as described at cuiiliste.de; AGCOM and Piracy Shield (Cloudflare address
blocked, February 2024); LaLiga (Cloudflare addresses null-routed since February 2025); Ververis et al. (FOCI 2015 to
2021).
"""

from __future__ import annotations

from tests.lab import notices
from tests.lab.checks import RESET, answers, dig, get, hello, neutral, tcp, works
from tests.lab.records import Act, Control, Expect, Interference, Lie, Site
from tests.lab.scenarios.asia import SPOOFED, noticed
from tests.lab.scenarios.throttle import CRAWLS, other
from tests.lab.scenarios.wording import (
    BLOCK_PAGE,
    NEVER_FINE,
    PLAIN,
    SLOWED,
    SNI_RESET,
    blocked,
    cut,
    family,
    host_page,
    name_rst,
    turned,
)

_TO_NOTICE = Lie(answers=("{notice_a}",))
_SENT = dig("IN\\s+A\\s+{notice_a}")
_FAILING = Expect(status="reachable", note="failing")

_turkey = family("turkey")
_KNOWN = Lie(answers=("195.175.254.2",))
TURKEY = (
    _turkey("turkey-dns", SPOOFED, dig("195[.]175[.]254[.]2"), works(), lie=_KNOWN),
    _turkey("turkey-dns-only", SPOOFED, dig("195[.]175[.]254[.]2"), works(), lie=_KNOWN, target="dns://{host}"),
    _turkey(
        "turkey-dns-and-name",
        blocked("dns.spoofed"),
        dig("195[.]175[.]254[.]2"),
        hello("errno=104"),
        works(),
        lie=_KNOWN,
        does=name_rst(),
    ),
    _turkey("turkey-name-reset", SNI_RESET, hello("errno=104"), neutral(), works(), does=name_rst(), target="{host}"),
    _turkey(
        "turkey-page",
        BLOCK_PAGE,
        get("size=[34]..", PLAIN),
        works(PLAIN),
        does=host_page(notices.answer(notices.TURKEY)),
        target=PLAIN,
    ),
    _turkey("turkey-address", blocked("tcp.timeout"), tcp("exit=124"), works(), does=cut(), target="{host}"),
    _turkey(
        "turkey-slowed",
        SLOWED,
        get(CRAWLS),
        other(),
        works(),
        sites=(Site(https="big"),),
        does=Interference(act=Act.RATE, name="{host}", after=15_000),
        control=Control.NONE,
    ),
)

_ukraine = family("ukraine")
UKRAINE = (
    _ukraine(
        "ukraine-silent",
        blocked("dns.timeout"),
        dig("timed out"),
        dig("timed out", "vk.com"),
        works(),
        lie=Lie(rcode="SILENCE"),
        vantage="ukraine",
    ),
    _ukraine(
        "ukraine-silent-dns",
        blocked("dns.timeout"),
        dig("timed out"),
        works(),
        lie=Lie(rcode="SILENCE"),
        vantage="ukraine",
        target="dns://{host}",
    ),
    _ukraine(
        "ukraine-nxdomain",
        blocked("dns.nxdomain"),
        dig("NXDOMAIN"),
        dig("NXDOMAIN", "vk.com"),
        works(),
        lie=Lie(rcode="NXDOMAIN"),
        vantage="ukraine-nx",
    ),
    _ukraine(
        "ukraine-refused", blocked("dns.refused"), dig("REFUSED"), works(), lie=Lie(rcode="REFUSED"), vantage="ukraine"
    ),
    _ukraine("ukraine-notice", SPOOFED, _SENT, works(), lie=_TO_NOTICE, sites=noticed("ukraine"), vantage="ukraine"),
    _ukraine(
        "ukraine-notice-http",
        SPOOFED,
        _SENT,
        works(PLAIN),
        lie=_TO_NOTICE,
        sites=noticed("ukraine"),
        vantage="ukraine",
        target=PLAIN,
    ),
    _ukraine("ukraine-fine", Expect(status="reachable"), works(where="vantage"), vantage="ukraine"),
)

_courts = family("courts")
_SPANISH = notices.answer(notices.SPAIN)
_PATH = "http://{host}/wiki/forbidden-article-uk"
_NOT_FOUND = notices.answer("<html><body><h1>404 Not Found</h1></body></html>", "404 Not Found")
_ALLOT = (Site(), Site(label="box", https="written:spain", certificate="self-signed"))
COURTS = (
    _courts(
        "germany-nxdomain",
        blocked("dns.nxdomain"),
        dig("NXDOMAIN"),
        works(),
        lie=Lie(rcode="NXDOMAIN"),
        target="{host}",
    ),
    _courts("germany-notice", SPOOFED, _SENT, works(), lie=_TO_NOTICE, sites=noticed("uk")),
    _courts("germany-explained", blocked("dns.nxdomain"), dig("EDE"), works(), lie=Lie(rcode="NXDOMAIN", ede=16)),
    _courts("france-loopback", blocked("dns.bogon"), dig("127[.]0[.]0[.]1"), works(), lie=Lie(answers=("127.0.0.1",))),
    _courts("france-refused", blocked("dns.refused"), dig("REFUSED"), works(), lie=Lie(rcode="REFUSED", ede=15)),
    _courts("italy-notice", SPOOFED, _SENT, works(PLAIN), lie=_TO_NOTICE, sites=noticed("italy"), target=PLAIN),
    _courts(
        "italy-shield-one-address", _FAILING, tcp("exit=124"), tcp("open", "{a2}"), sites=(Site(four=2),), does=cut()
    ),
    _courts(
        "italy-shield-all",
        blocked("tcp.timeout"),
        tcp("exit=124"),
        tcp("exit=124", "{a2}"),
        works(),
        sites=(Site(four=2),),
        does=(cut(), cut("{a2}")),
    ),
    _courts("spain-null-route", blocked("tcp.timeout"), tcp("exit=124"), works(), does=cut(), target="{host}"),
    _courts(
        "spain-icmp",
        blocked("tcp.unreachable"),
        tcp("No route|unreachable"),
        works(),
        does=Interference(act=Act.ICMP, address="{a}", page="icmp-host-unreachable"),
    ),
    _courts("spain-mitm", blocked("tls.mitm"), get("exit=60"), works(), sites=_ALLOT, does=turned("box", 443)),
    _courts("spain-page", BLOCK_PAGE, get("size=[12]..", PLAIN), works(PLAIN), does=host_page(_SPANISH), target=PLAIN),
    _courts(
        "spain-page-alone",
        NEVER_FINE,
        get("size=[12]..", PLAIN),
        works(PLAIN),
        does=host_page(_SPANISH),
        target=PLAIN,
        control=Control.NONE,
    ),
    _courts(
        "britain-cleanfeed",
        NEVER_FINE,
        get("http=404", _PATH),
        works(PLAIN, where="vantage"),
        works(_PATH),
        does=Interference(act=Act.HOST_PAGE, name="forbidden-article-uk", page=_NOT_FOUND),
        target=_PATH,
    ),
    _courts(
        "britain-court-page",
        BLOCK_PAGE,
        get("size=[12]..", PLAIN),
        works(PLAIN),
        does=host_page(notices.answer(notices.UK)),
        target=PLAIN,
    ),
    _courts("britain-name-reset", SNI_RESET, hello("errno=104"), neutral(), works(), does=name_rst(), target="{host}"),
    _courts(
        "britain-host-reset",
        blocked("http.reset"),
        get(RESET, PLAIN),
        works(PLAIN),
        does=Interference(act=Act.HOST_RST, name="{host}"),
        target=PLAIN,
    ),
    _courts(
        "belgium-injected-stop-page",
        blocked("dns.injected"),
        answers("193.191.245.244", "{a}"),
        works(),
        does=Interference(act=Act.DNS_INJECT, name="{host}", answers=("193.191.245.244",)),
    ),
)

_offices = family("offices")
_FORTI = (Site(), Site(label="box", https="written:fortiguard", http="written:fortiguard", certificate="unknown-ca"))
_UNKNOWN = Expect(status="unknown", state="portal|offline|online")
OFFICES = (
    _offices("office-intercepts-all", _UNKNOWN, get("exit=60"), works(), vantage="office"),
    _offices("office-intercepts-all-domain", _UNKNOWN, get("exit=60"), works(), vantage="office", target="{host}"),
    _offices("office-intercepts-all-tls", _UNKNOWN, works(), vantage="office", target="tls://{a}:443/{host}"),
    _offices("office-filters-one", blocked("tls.mitm"), get("exit=60"), works(), sites=_FORTI, does=turned("box", 443)),
    _offices(
        "office-filters-one-http",
        BLOCK_PAGE,
        get("size=[23]..", PLAIN),
        works(PLAIN),
        sites=_FORTI,
        does=turned("box", 80),
        target=PLAIN,
    ),
    _offices("school-dns-page", SPOOFED, dig("{filter_page}"), works(), lie=Lie(answers=("{filter_page}",), ede=17)),
    _offices(
        "school-dns-page-domain",
        SPOOFED,
        dig("{filter_page}"),
        works(),
        lie=Lie(answers=("{filter_page}",), ede=17),
        target="{host}",
    ),
    _offices("school-dns-refused", blocked("dns.refused"), dig("EDE"), works(), lie=Lie(rcode="REFUSED", ede=17)),
    _offices(
        "school-dns-zero", blocked("dns.bogon"), dig("0[.]0[.]0[.]0"), works(), lie=Lie(answers=("0.0.0.0",), ede=17)
    ),
)
SCENARIOS = (*TURKEY, *UKRAINE, *COURTS, *OFFICES)
