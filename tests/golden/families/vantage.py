"""Cases of the vantage: anchors that disagree, portals that answer for targets, addresses that we made silent."""

from datetime import timedelta

from probe.model.failure import Failure
from probe.model.verdict import IPV6_WORKS, AnchorAnswer, AnchorKind, AnchorLook, Outage, RecentCut
from tests.golden.scenario import HTTP, NAME, SITE, TIME, V6, A, B, Scenario, world
from tests.golden.temper import connections_end, moody
from tests.golden.world import Cert, Page, Race

BOTH = {A: Failure.TIMEOUT, B: Failure.TIMEOUT}
GOOD = (world(),)
LOGIN = "http://login.topup.example/"
PORTAL = AnchorAnswer(status=302, location=LOGIN)
LOGIN_PAGE = Page("Buy more data", body="<title>Buy more data</title>")


def look(name: str, failure: Failure | None = None, **more: object) -> AnchorLook:
    """One look at an anchor, after the measurement."""
    at = TIME + timedelta(minutes=1)
    fields = {"url": f"https://{name}.example/", "kind": AnchorKind.FOREIGN, "at": at, **more}
    return AnchorLook(failure=failure, **fields)  # type: ignore[arg-type]


def at_portal(answer: AnchorAnswer = PORTAL) -> AnchorLook:
    """A look at an anchor in whose place somebody else answers in clear text."""
    return look("three", url="http://three.example/generate_204", answer=answer)


ONE_OF_THREE = (look("one"), look("two", Failure.TIMEOUT), look("three", Failure.TIMEOUT))
WALLED = (look("one"), look("two"), at_portal())
SAME_HOST = AnchorAnswer(status=302, location="http://three.example/login")
NOTICE = AnchorAnswer(status=302, location="http://warning.rt.ru/")
FORBIDDEN = "forbidden.example.net"


def cut(address: str, at: int, **more: object) -> RecentCut:
    """A forbidden name that was cut at this address so many milliseconds after the measurement began."""
    return RecentCut(address=address, name=FORBIDDEN, at=at, **more)  # type: ignore[arg-type]


JUST_NOW = (cut(A, -20_000, silenced=True), cut(B, -20_000))
LOST = tuple(Outage(at=TIME + timedelta(minutes=n), alone=n > 0, back=n > 0) for n in range(3))
HELLO_ONCE = {A: [None, Failure.TIMEOUT], B: Failure.TIMEOUT}
"""One connection is established, and no further one."""

EMPTY = AnchorAnswer(status=204, complete=True)
REFUSED = AnchorAnswer(status=403, complete=True, sha256="0" * 32)


def check(number: int, answer: AnchorAnswer = EMPTY) -> AnchorLook:
    """A look at a portal check in clear text."""
    return look("", url=f"http://check{number}.example/generate_204", answer=answer)


CHECKS = tuple(check(number) for number in range(5))
OWN_CERTIFICATE = AnchorAnswer(certificate_error="Hostname mismatch")

SCENARIOS = (
    Scenario(
        "checks-pass-alone",
        "all checks in clear text pass, and both anchors over https meet silence, as this site does",
        world(tcp=BOTH),
        "unknown",
        "vantage.anchors_disagree",
        control=GOOD,
        anchors=(*CHECKS, look("one", Failure.TIMEOUT), look("two", Failure.TIMEOUT)),
    ),
    Scenario(
        "checks-pass-at-portal",
        "a portal lets all checks in clear text through, and answers for the anchors over https",
        world(certs={A: Cert(("login.topup.example",)), B: Cert(("login.topup.example",))}),
        "unknown",
        "vantage.portal",
        control=GOOD,
        anchors=(
            *CHECKS,
            look("one", Failure.CERTIFICATE, answer=OWN_CERTIFICATE),
            look("two", Failure.CERTIFICATE, answer=OWN_CERTIFICATE),
        ),
    ),
    Scenario(
        "check-refused-to-country",
        "one anchor of seven refuses this country; the others vouch for the line",
        world(tcp=BOTH),
        "blocked",
        "tcp.timeout",
        ("tcp.timeout",),
        control=GOOD,
        anchors=(*CHECKS[:4], check(5, REFUSED), look("one"), look("two")),
    ),
    Scenario(
        "check-answered-by-portal",
        "one anchor of seven is answered by a portal's redirect: a walled garden lets six pass",
        world(tcp=BOTH),
        "unknown",
        "vantage.anchors_disagree",
        control=GOOD,
        anchors=(*CHECKS[:4], check(5, PORTAL), look("one"), look("two")),
    ),
    Scenario(
        "line-full",
        "our own traffic filled the line, and its anchors work only when it is quiet",
        world(tcp=BOTH),
        "unknown",
        "vantage.anchors_disagree",
        control=GOOD,
        anchors=(look("one", lost_under_load=True), look("two", lost_under_load=True)),
    ),
    Scenario(
        "quota-used-up",
        "one anchor of three passes, the other anchors and this site meet silence",
        world(tcp=BOTH),
        "unknown",
        "vantage.anchors_disagree",
        control=GOOD,
        anchors=ONE_OF_THREE,
    ),
    Scenario(
        "quota-served",
        "what works on such a line is reachable",
        world(),
        "reachable",
        "served",
        control=GOOD,
        anchors=ONE_OF_THREE,
    ),
    Scenario(
        "quota-down",
        "what fails at the control too is down on such a line as well",
        world(tcp=BOTH),
        "down",
        "control.failed",
        control=(world(tcp=BOTH),),
        anchors=ONE_OF_THREE,
    ),
    Scenario(
        "quota-and-cut-by-name",
        "a name that is cut where another is answered proves itself at one address",
        world(tls={("*", NAME): Failure.RESET}),
        "blocked",
        "tls.reset.sni",
        ("tls.reset", "tls.sni"),
        control=GOOD,
        anchors=ONE_OF_THREE,
    ),
    Scenario(
        "quota-and-injected",
        "two answers to one query prove themselves too",
        world(network={NAME: Race(("31.13.94.10",), ((A, B),))}, tcp={**BOTH, "31.13.94.10": Failure.TIMEOUT}),
        "blocked",
        "dns.injected",
        ("dns.injected",),
        control=GOOD,
        anchors=ONE_OF_THREE,
    ),
    Scenario(
        "walled-garden-certificate",
        "somebody else answers one anchor of three, and this site with a certificate of his own",
        world(certs={A: Cert(("login.topup.example",)), B: Cert(("login.topup.example",))}),
        "unknown",
        "vantage.anchors_disagree",
        control=GOOD,
        anchors=WALLED,
    ),
    Scenario(
        "walled-garden-redirect",
        "one host answers for an anchor and for this site: a portal, whose own page is served",
        world(http={HTTP: Page(status=302, location=LOGIN), "login.topup.example": LOGIN_PAGE}),
        "unknown",
        "vantage.login_page",
        target=HTTP,
        control=GOOD,
        anchors=WALLED,
    ),
    Scenario(
        "walled-garden-page-alone",
        "without a control, too, the portal's page is not the site's",
        world(http={HTTP: LOGIN_PAGE}),
        "unknown",
        "vantage.login_page",
        target=HTTP,
        anchors=(
            look("one"),
            at_portal(AnchorAnswer(status=200, complete=True, sha256="a7c54e1e6f0dfbb2b3cfca7300ce794e")),
        ),
    ),
    Scenario(
        "anchor-cut-by-name",
        "an anchor whose address answers another name is blocked itself, and no sign of a bad line",
        world(tcp=BOTH),
        "blocked",
        "tcp.timeout",
        ("tcp.timeout",),
        control=GOOD,
        anchors=(look("one"), look("two", Failure.RESET, cut_by_name=True)),
    ),
    Scenario(
        "anchor-with-notice",
        "an anchor that is answered with a known block page is blocked itself",
        world(http={HTTP: Page(status=302, location="http://warning.rt.ru/"), "warning.rt.ru": Page("Notice")}),
        "blocked",
        "http.redirect",
        ("http.redirect",),
        target=HTTP,
        control=GOOD,
        anchors=(look("one"), at_portal(NOTICE)),
    ),
    Scenario(
        "portal-same-host",
        "a portal check answered with a redirect within its own host: a portal",
        world(tcp={A: Failure.RESET, B: Failure.RESET}),
        "unknown",
        "vantage.portal",
        control=GOOD,
        anchors=(at_portal(SAME_HOST),),
    ),
    Scenario(
        "residual-silence",
        "its addresses are silent, after a forbidden name was cut at both",
        world(tcp=BOTH),
        "unknown",
        "vantage.residual",
        control=GOOD,
        recent_cuts=JUST_NOW,
    ),
    Scenario(
        "residual-reset",
        "RST after the hello under any name, after a forbidden name was cut there",
        world(tls={(A, "*"): Failure.RESET, (B, "*"): Failure.RESET}),
        "unknown",
        "vantage.residual",
        control=GOOD,
        recent_cuts=JUST_NOW,
    ),
    Scenario(
        "residual-of-another-meanwhile",
        "a re-test: the neutral name is answered, then a forbidden name of another target is cut there",
        moody(connections_end("ok", "tls.reset", "tcp.timeout")),
        "unknown",
        "vantage.residual",
        control=(world(names={NAME: (A,)}),),
        context={"suspected": True},
        recent_cuts=(cut(A, 110, silenced=True),),
    ),
    Scenario(
        "residual-of-its-own",
        "a re-test after a forbidden name of another target was cut there: the neutral name is answered, this one cut",
        moody(connections_end("ok", "tls.reset", "tcp.timeout")),
        "blocked",
        "tls.reset.sni",
        ("tls.reset", "tls.sni"),
        control=(world(names={NAME: (A,)}),),
        context={"suspected": True},
        recent_cuts=(cut(A, -60_000, silenced=True),),
    ),
    Scenario(
        "residual-served",
        "it works although a forbidden name was cut there",
        world(),
        "reachable",
        "served",
        control=GOOD,
        recent_cuts=JUST_NOW,
    ),
    Scenario(
        "residual-by-name",
        "another name is answered at the address: this one is cut for its own sake",
        world(tls={("*", NAME): Failure.RESET}),
        "blocked",
        "tls.reset.sni",
        ("tls.reset", "tls.sni"),
        control=GOOD,
        recent_cuts=JUST_NOW,
    ),
    Scenario(
        "residual-elsewhere",
        "its second address fails too, where nothing was cut",
        world(tcp=BOTH),
        "blocked",
        "tcp.timeout",
        ("tcp.timeout",),
        control=GOOD,
        recent_cuts=JUST_NOW[:1],
    ),
    Scenario(
        "residual-long-ago",
        "the forbidden name was cut longer ago than such a silence lasts",
        world(tcp=BOTH),
        "blocked",
        "tcp.timeout",
        ("tcp.timeout",),
        control=GOOD,
        recent_cuts=(cut(A, -500_000, silenced=True), cut(B, -200_000)),
    ),
    Scenario(
        "residual-poisoned",
        "the resolver lies about a name whose addresses a forbidden name has silenced",
        world(network={NAME: Failure.NXDOMAIN}, tcp=BOTH),
        "blocked",
        "dns.nxdomain",
        ("dns.nxdomain",),
        control=GOOD,
        recent_cuts=JUST_NOW,
    ),
    Scenario(
        "one-host-for-many",
        "one unknown host answers for unrelated sites of the pass, and no certificate verifies: a portal",
        world(http={HTTP: Page(status=302, location=LOGIN), "login.topup.example": LOGIN_PAGE}),
        "unknown",
        "vantage.one_host",
        target=HTTP,
        control=GOOD,
        notes=("one_host",),
    ),
    Scenario(
        "ipv6-works-at-an-anchor",
        "an IPv6 address is silent, and an anchor accepts connections over IPv6",
        world(certs={V6: SITE}, tcp={V6: Failure.TIMEOUT}),
        "blocked",
        "tcp.timeout",
        ("tcp.timeout",),
        target=f"tcp://[{V6}]:443",
        control=(world(certs={V6: SITE}),),
        anchors=(look("one", ipv6_result=IPV6_WORKS),),
    ),
    Scenario(
        "line-lost-silence",
        "the whole line is silent after this name, twice of two times, and comes back",
        world(tcp=HELLO_ONCE, tls={(A, NAME): Failure.TIMEOUT}),
        "blocked",
        "tls.timeout.line",
        ("tls.timeout",),
        outages=LOST,
        found={"notes": ("line_lost",)},
    ),
    Scenario(
        "line-lost-reset",
        "RST after the hello, then the whole line is silent, twice of two times",
        world(tcp=HELLO_ONCE, tls={(A, NAME): Failure.RESET}),
        "blocked",
        "tls.reset.line",
        ("tls.reset",),
        outages=LOST,
    ),
    Scenario(
        "line-lost-http",
        "the whole line is silent after a request in clear text, twice of two times",
        world(tcp=HELLO_ONCE, http={HTTP: Failure.TIMEOUT}),
        "blocked",
        "http.timeout.line",
        ("http.timeout",),
        target=HTTP,
        outages=LOST,
    ),
    Scenario(
        "line-lost-once",
        "one trial lost the line: it may have been chance",
        world(tcp=HELLO_ONCE, tls={(A, NAME): Failure.TIMEOUT}),
        "unreachable",
        "tls.ambiguous",
        ("tls.timeout",),
        outages=LOST[:2],
    ),
    Scenario(
        "line-lost-down",
        "a dead site, and a line that flaps: no name was ever sent",
        world(tcp=BOTH),
        "unreachable",
        "tcp.ambiguous",
        ("tcp.timeout",),
        outages=LOST,
    ),
)
