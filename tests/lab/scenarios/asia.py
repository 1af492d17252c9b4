"""India, Indonesia, Pakistan, Kazakhstan and Turkmenistan.

Sources. India: Yadav et al.: Where The Light Gets In (IMC 2018); Singh, Grover, Bansal: How India Censors the Web
(WebSci 2020). Indonesia: iMAP and OONI (2022 to 2024), national DNS redirection (APNIC blog 2024). Pakistan: Nabi:
The Anatomy of Web Censorship in Pakistan (FOCI 2013); Khattak et al. (IMC 2014). Kazakhstan: Raman et al.: HTTPS
Interception in Kazakhstan (IMC 2020). Turkmenistan: Nourin et al.: Measuring and Evading Turkmenistan's Internet
Censorship (WWW 2023).
"""

from __future__ import annotations

from tests.lab import notices
from tests.lab.checks import RESET, answers, dig, get, hello, neutral, tcp, works
from tests.lab.records import Act, Control, Expect, Interference, Lie, Site
from tests.lab.scenarios.china import elsewhere
from tests.lab.scenarios.throttle import CRAWLS, other
from tests.lab.scenarios.wording import (
    ANY,
    BLOCK_PAGE,
    NEVER_FINE,
    PLAIN,
    SLOWED,
    SNI_RESET,
    SNI_SILENT,
    blocked,
    cut,
    family,
    host_page,
    name_drop,
    name_rst,
    turned,
)

SPOOFED = blocked("dns.spoofed")


def noticed(page: str, https: str = "refused", certificate: str = "unknown-ca") -> tuple[Site, Site]:
    """The target, and a machine that serves a notice for every name."""
    notice = Site(label="notice", host="", http=f"written:{page}", https=https, certificate=certificate)
    return (Site(), notice)


_TO_NOTICE = Lie(answers=("{notice_a}",))
_SENT = dig("IN\\s+A\\s+{notice_a}")
_REDIRECT = "HTTP/1.1 302 Found\r\nLocation: {}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
_REDIRECTED = Expect(status="blocked", causes=("http.redirect",))

_india = family("india")
_FRAME, _DOT = notices.answer(notices.INDIA), notices.answer(notices.INDIA_DOT)
_WIRETAP = host_page(_FRAME, Act.HOST_ANSWER)
INDIA = (
    _india("india-wiretap", BLOCK_PAGE, get("size=[12]..", PLAIN), works(PLAIN), does=_WIRETAP, target=PLAIN),
    _india("india-wiretap-domain", BLOCK_PAGE, get("size=[12]..", PLAIN), works(), does=_WIRETAP, target="{host}"),
    _india("india-in-path", BLOCK_PAGE, get("size=[23]..", PLAIN), works(PLAIN), does=host_page(_DOT), target=PLAIN),
    _india(
        "india-in-path-alone",
        NEVER_FINE,
        get("size=[23]..", PLAIN),
        works(PLAIN),
        does=host_page(_DOT),
        target=PLAIN,
        control=Control.NONE,
    ),
    _india("india-dns-notice", SPOOFED, _SENT, works(), lie=_TO_NOTICE, sites=noticed("india-dot")),
    _india(
        "india-dns-notice-http", SPOOFED, _SENT, works(PLAIN), lie=_TO_NOTICE, sites=noticed("india-dot"), target=PLAIN
    ),
    _india("india-name-reset", SNI_RESET, hello("errno=104"), neutral(), works(), does=name_rst()),
    _india(
        "india-host-reset",
        blocked("http.reset"),
        get(RESET, PLAIN),
        works(PLAIN),
        does=Interference(act=Act.HOST_RST, name="{host}"),
        target=PLAIN,
        vantage="b1",
    ),
)

_indonesia = family("indonesia")
_POSITIF = noticed("indonesia", https="notice")
_TO_POSITIF = host_page(_REDIRECT.format("http://internetpositif.uzone.id/"))
INDONESIA = (
    _indonesia("indonesia-dns", SPOOFED, _SENT, works(), lie=_TO_NOTICE, sites=_POSITIF),
    _indonesia("indonesia-dns-http", SPOOFED, _SENT, works(PLAIN), lie=_TO_NOTICE, sites=_POSITIF, target=PLAIN),
    _indonesia("indonesia-dns-domain", SPOOFED, _SENT, works(), lie=_TO_NOTICE, sites=_POSITIF, target="{host}"),
    _indonesia("indonesia-dns-alone", SPOOFED, _SENT, works(), lie=_TO_NOTICE, sites=_POSITIF, target="dns://{host}"),
    _indonesia("indonesia-port-53", SPOOFED, _SENT, works(), lie=_TO_NOTICE, sites=_POSITIF, vantage="port-53"),
    _indonesia("indonesia-port-53-fine", Expect(status="reachable"), works(where="vantage"), vantage="port-53"),
    _indonesia("indonesia-redirect", _REDIRECTED, get("http=302", PLAIN), works(PLAIN), does=_TO_POSITIF, target=PLAIN),
)

_pakistan = family("pakistan")
_SURF = notices.answer(notices.PAKISTAN)
_NONE_INJECTED = Interference(act=Act.DNS_INJECT, name="{host}", answers=("",))
PAKISTAN = (
    _pakistan("pakistan-nxdomain", blocked("dns.nxdomain"), dig("NXDOMAIN"), works(), lie=Lie(rcode="NXDOMAIN")),
    _pakistan(
        "pakistan-servfail",
        blocked("dns.servfail"),
        dig("SERVFAIL"),
        works(),
        lie=Lie(rcode="SERVFAIL"),
        target="{host}",
    ),
    _pakistan("pakistan-injected", blocked("dns.injected"), answers("NXDOMAIN", "{a}"), works(), does=_NONE_INJECTED),
    _pakistan(
        "pakistan-injected-public",
        blocked("dns.injected"),
        answers("NXDOMAIN", "{a}"),
        does=_NONE_INJECTED,
        vantage="public-dns",
    ),
    _pakistan(
        "pakistan-page", BLOCK_PAGE, get("size=[23]..", PLAIN), works(PLAIN), does=host_page(_SURF), target=PLAIN
    ),
    _pakistan(
        "pakistan-redirect",
        _REDIRECTED,
        get("http=302", PLAIN),
        works(PLAIN),
        does=host_page(_REDIRECT.format("http://surfsafely.ptcl.net.pk/")),
        target=PLAIN,
    ),
    _pakistan("pakistan-name-reset", SNI_RESET, hello("errno=104"), neutral(), works(), does=name_rst()),
    _pakistan(
        "pakistan-slowed",
        SLOWED,
        get(CRAWLS),
        other(),
        works(),
        sites=(Site(https="big"),),
        does=Interference(act=Act.RATE, name="{host}", after=12_000),
    ),
)

_kazakhstan = family("kazakhstan")
_QAZNET = (Site(), Site(label="box", certificate="unknown-ca", poses=True))
_INTERCEPTED = blocked("tls.mitm")
KAZAKHSTAN = (
    _kazakhstan("kazakhstan-mitm", _INTERCEPTED, get("exit=60"), works(), sites=_QAZNET, does=turned("box", 443)),
    _kazakhstan(
        "kazakhstan-mitm-domain",
        _INTERCEPTED,
        get("exit=60"),
        works(),
        sites=_QAZNET,
        does=turned("box", 443),
        target="{host}",
    ),
    _kazakhstan(
        "kazakhstan-mitm-alone",
        NEVER_FINE,
        get("exit=60"),
        works(),
        sites=_QAZNET,
        does=turned("box", 443),
        control=Control.NONE,
    ),
    _kazakhstan(
        "kazakhstan-name-dropped", SNI_SILENT, hello("exit=124"), neutral(), works(), does=name_drop(), vantage="b1"
    ),
    _kazakhstan(
        "kazakhstan-host-dropped",
        blocked("http.timeout"),
        get("exit=28", PLAIN),
        works(PLAIN),
        does=Interference(act=Act.HOST_DROP, name="{host}"),
        target=PLAIN,
    ),
    _kazakhstan("kazakhstan-address", blocked("tcp.timeout"), tcp("exit=124"), works(), does=cut(), vantage="b1"),
)

_turkmenistan = family("turkmenistan")
_BOGUS = Interference(act=Act.DNS_INJECT, name="{host}", answers=("127.0.0.1",))
_HELLO = Interference(act=Act.CENSOR, name="{host}", address="{a}", port=443, after=30, page="rst drop")
_HOST = Interference(act=Act.CENSOR, name="{host}", address="{a}", port=80, after=30, page="rst drop")
TURKMENISTAN = (
    _turkmenistan("turkmenistan-dns", blocked("dns.injected"), answers("127.0.0.1", "{a}"), works(), does=_BOGUS),
    _turkmenistan("turkmenistan-name", blocked("tls.reset"), *elsewhere(hello("errno=104")), does=_HELLO),
    _turkmenistan("turkmenistan-host", blocked("http.reset"), *elsewhere(get(RESET, PLAIN)), does=_HOST, target=PLAIN),
    _turkmenistan(
        "turkmenistan-all",
        blocked("dns.injected"),
        answers("127.0.0.1", "{a}"),
        works(),
        does=(_BOGUS, _HELLO, _HOST),
        target="{host}",
    ),
    _turkmenistan("turkmenistan-address", blocked("tcp.timeout"), tcp("exit=124"), works(), does=cut()),
    _turkmenistan(
        "turkmenistan-address-tcp", blocked("tcp.timeout"), tcp("exit=124"), works(), does=cut(), target="tcp://{a}:443"
    ),
    _turkmenistan(
        "turkmenistan-bystander",
        Expect(status="reachable|unknown", causes=(ANY,)),
        works(),
        sites=(Site(shares="turkmenistan-name"),),
    ),
)
SCENARIOS = (*INDIA, *INDONESIA, *PAKISTAN, *KAZAKHSTAN, *TURKMENISTAN)
