"""Two readings: redirect chains, domains, refusals, and the states of the vantage."""

from probe.model.failure import Failure
from probe.model.verdict import VantageState
from tests.golden.scenario import HOME, HTTP, NAME, SITE, URL, A, B, Scenario, world
from tests.golden.world import Alert, Cert, Page

C = "185.15.59.224"
NEXT = "www.paper.example.net"
GOOD = (world(),)
HOP = {
    "names": {NEXT: (C,)},
    "certs": {C: Cert((NEXT,))},
    "http": {NAME: Page("", status=301, location=f"https://{NEXT}/"), NEXT: HOME},
}
REDIRECTED = (world(**HOP),)
DOWN = {"tcp": {A: Failure.TIMEOUT, B: Failure.TIMEOUT}}
MOVED = {"http": {HTTP: Page("", status=301, location=URL), URL: HOME}}
NO_TLS = {"tcp": {(A, 443): Failure.RESET, (B, 443): Failure.RESET}}
NO_CLEAR = {"tcp": {(A, 80): Failure.RESET, (B, 80): Failure.RESET}}
SNI = {"tls": {("*", NAME): Failure.RESET}}


def refusal(status: int) -> Scenario:
    """The server's own no, over verified TLS."""
    return Scenario(
        f"refusal-{status}",
        f"{status} over verified TLS",
        world(http={NAME: Page("No", status=status)}),
        "reachable",
        "server.refusal",
        control=GOOD,
        found={"server_refusal": status},
    )


SCENARIOS = (
    *(refusal(status) for status in (403, 429, 451, 503)),
    Scenario(
        "refusal-error-everywhere",
        "500 for everyone: the server's word",
        world(http={NAME: Page("Oops", status=500)}),
        "reachable",
        "served",
        control=(world(http={NAME: Page("Oops", status=500)}),),
    ),
    Scenario(
        "hop-served", "a redirect to another host, both well", world(**HOP), "reachable", "served", control=REDIRECTED
    ),
    Scenario(
        "hop-blocked-sni",
        "the host a redirect leads to is silenced",
        world(**HOP, tls={("*", NEXT): Failure.RESET}),
        "blocked",
        "tls.reset.sni",
        ("tls.reset", "tls.sni"),
        control=REDIRECTED,
        found={"hop": f"https://{NEXT}/"},
    ),
    Scenario(
        "hop-blocked-dns",
        "the host a redirect leads to is denied",
        world(**HOP, network={NEXT: Failure.NXDOMAIN}),
        "blocked",
        "dns.nxdomain",
        ("dns.nxdomain",),
        control=REDIRECTED,
        found={"hop": f"https://{NEXT}/"},
    ),
    Scenario(
        "hop-blocked-ip",
        "the host a redirect leads to is dropped",
        world(**HOP, tcp={C: Failure.TIMEOUT}),
        "blocked",
        "tcp.timeout",
        ("tcp.timeout",),
        control=REDIRECTED,
        found={"hop": f"https://{NEXT}/"},
    ),
    Scenario(
        "hop-down",
        "the host a redirect leads to is down everywhere",
        world(**HOP, tcp={C: Failure.TIMEOUT}),
        "down",
        "control.failed",
        control=(world(**HOP, tcp={C: Failure.TIMEOUT}),),
    ),
    Scenario(
        "hop-elsewhere",
        "a redirect that control did not meet, to a silent host",
        world(**HOP, tcp={C: Failure.TIMEOUT}),
        "unreachable",
        "tcp.ambiguous",
        control=GOOD,
        found={"hop": f"https://{NEXT}/"},
    ),
    Scenario(
        "hop-cut",
        "time was up before the redirect's host was tried",
        world(**HOP),
        "unknown",
        "measurement.cut",
        control=REDIRECTED,
        limit=14,
    ),
    Scenario(
        "domain",
        "both halves of a domain are well",
        world(**MOVED),
        "reachable",
        "served",
        target=NAME,
        control=(world(**MOVED),),
    ),
    Scenario(
        "domain-http-only",
        "no TLS anywhere: the other half speaks for it",
        world(**NO_TLS),
        "reachable",
        "served",
        target=NAME,
        control=(world(**NO_TLS),),
    ),
    Scenario(
        "domain-https-only",
        "no clear text anywhere",
        world(**NO_CLEAR),
        "reachable",
        "served",
        target=NAME,
        control=(world(**NO_CLEAR),),
    ),
    Scenario(
        "domain-https-blocked",
        "https silenced by name, http served",
        world(**SNI),
        "blocked",
        "tls.reset.sni",
        ("tls.reset", "tls.sni"),
        target=NAME,
        control=GOOD,
    ),
    Scenario(
        "domain-http-blocked",
        "http answered with a provider's redirect, https served",
        world(http={HTTP: Page("", status=302, location="http://fz139.ttk.ru/"), URL: HOME}),
        "blocked",
        "http.redirect",
        ("http.redirect",),
        target=NAME,
        control=GOOD,
    ),
    Scenario(
        "domain-both-blocked",
        "both halves dropped",
        world(**DOWN),
        "blocked",
        "tcp.timeout",
        ("tcp.timeout",),
        target=NAME,
        control=GOOD,
    ),
    Scenario(
        "domain-both-ways",
        "https silenced and http redirected: the causes of both",
        world(**SNI, http={HTTP: Page("", status=302, location="http://fz139.ttk.ru/")}),
        "blocked",
        "tls.reset.sni",
        ("tls.reset", "tls.sni", "http.redirect"),
        target=NAME,
        control=GOOD,
    ),
    Scenario(
        "domain-down",
        "both halves down everywhere",
        world(**DOWN),
        "down",
        "control.failed",
        target=NAME,
        control=(world(**DOWN),),
    ),
    Scenario(
        "domain-alone", "both halves silent, no control", world(**DOWN), "unreachable", "tcp.ambiguous", target=NAME
    ),
    Scenario(
        "domain-redirect-blocked",
        "http leads to https, which is silenced",
        world(**MOVED, **SNI),
        "blocked",
        "tls.reset.sni",
        ("tls.reset", "tls.sni"),
        target=NAME,
        control=(world(**MOVED),),
    ),
    Scenario(
        "domain-loop-across",
        "http and https send each other round",
        world(http={HTTP: Page("", status=301, location=URL), URL: Page("", status=301, location=HTTP)}),
        "unreachable",
        "redirect.astray",
        target=NAME,
    ),
    Scenario(
        "vantage-offline",
        "no anchor answers",
        world(**DOWN),
        "unknown",
        "vantage.offline",
        control=GOOD,
        state=VantageState.OFFLINE,
    ),
    Scenario(
        "vantage-offline-served",
        "offline, and yet something answered: nothing is said",
        world(),
        "unknown",
        "vantage.offline",
        control=GOOD,
        state=VantageState.OFFLINE,
    ),
    Scenario(
        "vantage-portal",
        "a captive portal",
        world(certs={A: Cert(("portal.example",)), B: Cert(("portal.example",))}),
        "unknown",
        "vantage.portal",
        control=GOOD,
        state=VantageState.PORTAL,
    ),
    Scenario(
        "vantage-allowlist",
        "an allow-list is in force, and the target is not on it",
        world(**SNI),
        "unknown",
        "vantage.allowlist",
        control=GOOD,
        state=VantageState.ALLOWLIST,
    ),
    Scenario(
        "vantage-allowlist-served",
        "an allow-list is in force, and the target is on it",
        world(),
        "reachable",
        "served",
        control=GOOD,
        state=VantageState.ALLOWLIST,
    ),
    Scenario(
        "vantage-policed",
        "our own pace is punished",
        world(tls={(A, "*"): Failure.TIMEOUT, (B, "*"): Failure.TIMEOUT}),
        "unknown",
        "vantage.policed",
        control=GOOD,
        state=VantageState.POLICED,
    ),
    Scenario(
        "vantage-policed-served",
        "our own pace is punished, and the target works",
        world(),
        "reachable",
        "served",
        control=GOOD,
        state=VantageState.POLICED,
    ),
    Scenario("control-no-entry", "no entry at control is no control", world(**DOWN), "unreachable", "tcp.ambiguous"),
    Scenario(
        "control-alert",
        "an alert at control, silence here",
        world(tls={(A, "*"): Failure.TIMEOUT, (B, "*"): Failure.TIMEOUT}),
        "down",
        "control.failed",
        control=(world(tls={(A, "*"): Alert(), (B, "*"): Alert()}),),
    ),
    Scenario(
        "control-newer-agrees",
        "two lines of control that agree",
        world(**DOWN),
        "blocked",
        "tcp.timeout",
        ("tcp.timeout",),
        control=(world(), world()),
    ),
    Scenario(
        "control-other-site",
        "control resolves the name to other machines of the same network",
        world(names={NAME: ("151.101.1.77",)}, certs={"151.101.1.77": SITE}),
        "reachable",
        "served.acquitted",
        control=GOOD,
        setup={"trusted_resolvers": ()},
    ),
    Scenario(
        "vchat",
        "listed and long dead: a name that resolves, a machine that is gone, a provider that still lies",
        world(**DOWN, network={NAME: ("62.33.207.196",)}),
        "down",
        "control.failed",
        control=(world(**DOWN),),
    ),
)
