"""Cases of answers that came sooner than the path's round trip, and of honest paths that look like it.

The server is 41 ms away, and a filter 10 ms. There is no control, unless a case says so.
"""

from __future__ import annotations

from typing import Any

from probe.model.failure import Failure
from tests.golden.scenario import HOME, HTTP, NAME, URL, A, B, Scenario, world
from tests.golden.world import Alert, Cert, Page

NEUTRAL = "xkqvdwpzrjtm.com"
FAR, NEAR = 41_000, 10_000
NOTICE = Page("Content unavailable by order", length=700)
TO_STRANGER = Page("Found", status=302, location="http://notice.isp-filter.example/")
FORGED = Page(HOME.title, headers={"x-filter": "1"}, length=HOME.length, body=f"<title>{HOME.title}</title>x")
BARE = Page("Daily news of the region", length=5_000)
PLAIN: dict[str, dict[Any, Any]] = {
    "names": {NAME: (A,)},
    "tcp": {(A, 443): Failure.RESET},
    "certs": {A: None},
}
"""The site at one address, without TLS."""
ONE: dict[str, dict[Any, Any]] = {"names": {NAME: (A,)}}


def _clear(name: str, says: str, page: object, status: str, rule: str, *causes: str, **more: Any) -> Scenario:
    """A page in clear; the filter answers it unless `near` says otherwise."""
    tables: dict[str, Any] = {**PLAIN, "http": {NAME: page}, "near": {NAME: NEAR}}
    tables |= {key: more.pop(key) for key in ("near", "syns", "tcp", "certs", "http") if key in more}
    distance = more.pop("distance", FAR)
    return Scenario(name, says, world(distance=distance, **tables), status, rule, causes, target=HTTP, **more)


def _hello(name: str, says: str, tables: dict[str, Any], status: str, rule: str, *causes: str, **more: Any) -> Scenario:
    """A ClientHello, answered by the filter unless `near` says otherwise."""
    tables = {**ONE, "near": {("tls", NAME): NEAR}, **tables}
    return Scenario(name, says, world(distance=FAR, **tables), status, rule, causes, **more)


def _cut_for_all(failure: Failure) -> dict[str, Any]:
    return {"tls": {(A, "*"): failure}, "near": {("tls", NAME): NEAR, ("tls", NEUTRAL): NEAR, ("tls", ALLOWED): NEAR}}


ALLOWED = "www.wikipedia.org"
RESET = Failure.RESET

PROVEN = (
    _clear("near-http-rst", "RST to a request, in a quarter of the round trip", RESET,
           "blocked", "http.reset.near", "http.reset"),
    _clear("near-http-eof", "FIN to a request, in a quarter of the round trip", Failure.EOF,
           "blocked", "http.eof.near", "http.eof"),
    _clear("near-http-page", "a short page, in a quarter of the round trip", NOTICE,
           "blocked", "http.blockpage.near", "http.blockpage"),
    _clear("near-http-page-like-controls", "the control's title and length, other header names", HOME,
           "blocked", "http.blockpage.near", "http.blockpage",
           http={NAME: FORGED},
           control=(world(**{**PLAIN, "http": {NAME: HOME}}),)),
    _clear("near-http-redirect", "a redirect off the site, in a quarter of the round trip", TO_STRANGER,
           "blocked", "http.redirect.near", "http.redirect"),
    _clear("near-http-rst-failed-control", "the same where the control failed", RESET,
           "blocked", "http.reset.near", "http.reset",
           control=(world(names={NAME: (A,)}, tcp={A: Failure.TIMEOUT}),)),
    _hello("near-tls-rst", "RST to every ClientHello, and an answer at port 80 in full time", _cut_for_all(RESET),
           "blocked", "tls.reset.near", "tls.reset"),
    _hello("near-tls-eof", "FIN to every ClientHello, and an answer at port 80 in full time",
           _cut_for_all(Failure.EOF), "blocked", "tls.eof.near", "tls.eof"),
    _hello("near-tls-alert", "an alert, in a quarter of the round trip", {"tls": {(A, NAME): Alert()}},
           "blocked", "tls.eof.alert", "tls.eof", "tls.sni"),
    _hello("near-tls-mitm", "another's certificate, in a quarter of the round trip",
           {"certs": {A: [(NAME, Cert(("proxy.example",), error="self-signed certificate")), ("*", Cert((NAME,)))]}},
           "blocked", "tls.mitm.near", "tls.mitm"),
)  # fmt: skip
HONEST = (
    _clear("near-not-radio", "a radio link wakes up for every SYN, and the server resets this name", RESET,
           "unreachable", "http.ambiguous", "http.reset", syns={A: 121_000}, near={NAME: FAR}),
    _clear("near-not-radio-slow", "the same, and the server is slow to answer other names", RESET,
           "unreachable", "http.ambiguous", "http.reset", syns={A: 121_000}, near={NAME: FAR, NEUTRAL: 160_000}),
    _clear("near-not-loaded", "SYN-ACKs of a loaded server, each as late as it happens", RESET,
           "unreachable", "http.ambiguous", "http.reset",
           syns={A: [190_000, 101_000, 260_000, 140_000]}, near={NAME: FAR, NEUTRAL: 160_000}, distance=95_000),
    _clear("near-not-accelerator", "an accelerator answers SYNs, and the server answers far behind it", RESET,
           "unreachable", "http.ambiguous", "http.reset", syns={A: 3_000}, near={NAME: FAR}),
    _clear("near-not-accelerator-of-data", "SYNs go all the way, and data are answered nearby", RESET,
           "unreachable", "http.ambiguous", "http.reset", near={NAME: 6_000, NEUTRAL: 7_000}),
    _clear("near-not-anycast", "one connection met a nearer instance of the address", RESET,
           "unreachable", "http.ambiguous", "http.reset", syns={A: [FAR, 8_000, FAR]}, near={NAME: [FAR, 9_000]}),
    _clear("near-not-balanced", "one of the machines behind the address is nearer", RESET,
           "unreachable", "http.ambiguous", "http.reset", syns={A: [9_000, FAR]}, near={NAME: [9_500, FAR]}),
    _clear("near-not-proxied", "a proxy near by answers for every host", RESET,
           "unreachable", "http.ambiguous", "http.reset", syns={A: 8_000}, near={NAME: 9_000, NEUTRAL: 9_000}),
    _clear("near-once", "one of two resets came soon", RESET,
           "unreachable", "http.ambiguous", "http.reset", near={NAME: [NEAR, FAR]}),
    _clear("near-no-other-name", "no other name is answered at the address", RESET,
           "unreachable", "http.ambiguous", "http.reset", http={NAME: RESET, NEUTRAL: Failure.TIMEOUT}),
    _clear("near-unknown", "the system does not tell round trips", RESET,
           "unreachable", "http.ambiguous", "http.reset", distance=0),
    _clear("near-cached", "a long page: a cache on the path may keep it", Page("Daily news", length=60_000),
           "unreachable", "http.doubtful"),
    _clear("near-cached-copy", "a cache on the path gives the page that the server gives over TLS", BARE,
           "reachable", "served", certs={A: Cert((NAME,))}, tcp={}),
    _clear("near-redirect-to-https", "a device near by redirects to the site itself", Page("", 301, URL),
           "reachable", "served", certs={A: Cert((NAME,))}, tcp={}, http={HTTP: Page("", 301, URL), URL: HOME}),
    _hello("near-tls-verified", "a certificate that verifies can only be the server's, however soon it comes", {},
           "reachable", "served"),
    _hello("near-tls-not-alone", "RST to every ClientHello in a quarter of the round trip, and port 80 is silent",
           {**_cut_for_all(RESET), "tcp": {(A, 80): Failure.TIMEOUT}},
           "unreachable", "tls.ambiguous", "tls.reset"),
    _hello("near-served-elsewhere", "the filter answers at one address, and the other serves",
           {"names": {NAME: (A, B)}, "tls": {(A, NAME): RESET}}, "reachable", "served"),
)  # fmt: skip
BYSTANDER, FORGED_ADDRESS = "104.16.99.9", "31.13.94.10"
_LIE = {NAME: (FORGED_ADDRESS,)}


def _nowhere(
    name: str, says: str, tables: dict[str, Any], status: str, rule: str, *causes: str, **more: Any
) -> Scenario:
    """The network's resolvers give a false address, and nothing is there to compare it with."""
    context = {"trusted_resolvers": (), "no_resolver": BYSTANDER, **more.pop("context", {})}
    made = world(**{"network": _LIE, **tables})
    return Scenario(name, says, made, status, rule, causes, context=context, **more)


NOWHERE = (
    _nowhere("nowhere-injected", "an address without a resolver answers for this name, and for no other",
             {"nowhere": _LIE}, "blocked", "dns.injected.nowhere", "dns.injected"),
    _nowhere("nowhere-injected-denial", "the same by NXDOMAIN, for `dns://`",
             {"network": {NAME: Failure.NXDOMAIN}, "nowhere": {NAME: Failure.NXDOMAIN}},
             "blocked", "dns.injected.nowhere", "dns.injected", target=f"dns://{NAME}"),
    _nowhere("nowhere-injected-refused-others", "the host says that nobody listens, for every other name",
             {"nowhere": {**_LIE, "*": Failure.UNREACHABLE}},
             "blocked", "dns.injected.nowhere", "dns.injected"),
    _nowhere("nowhere-proxied", "a proxy answers every query, wherever it goes",
             {"nowhere": {**_LIE, "*": Failure.NXDOMAIN}},
             "unreachable", "tcp.ambiguous", "tcp.timeout"),
    _nowhere("nowhere-silent", "the resolver lies, and nothing on the path does",
             {}, "unreachable", "tcp.ambiguous", "tcp.timeout"),
    _nowhere("nowhere-unknown", "no address is known that runs no resolver",
             {"nowhere": _LIE}, "unreachable", "tcp.ambiguous", "tcp.timeout", context={"no_resolver": ""}),
    _nowhere("nowhere-served", "the site is served, and nothing more is asked",
             {"network": {}, "nowhere": _LIE}, "reachable", "served"),
    _nowhere("nowhere-once", "one of two queries was answered: a stray datagram",
             {"nowhere": {NAME: [(FORGED_ADDRESS,), Failure.TIMEOUT]}},
             "unreachable", "tcp.ambiguous", "tcp.timeout"),
)  # fmt: skip
SCENARIOS = (*PROVEN, *HONEST, *NOWHERE)
