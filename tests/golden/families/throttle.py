"""Cases of throttling: transfers that stop or crawl, and those that only look so."""

from __future__ import annotations

from probe.model.failure import Failure
from probe.model.flow import Flow
from probe.model.verdict import VantageState
from probe.plan.context import LinePage
from tests.golden.scenario import HTTP, NAME, URL, A, B, Scenario, world
from tests.golden.world import Cert, Page, Sent

TITLE = "Daily news of the region"
LARGE = 180_000


def page(flow: Flow | None = None, *, length: int = LARGE, failure: Failure | None = None) -> Page:
    """The site's page, of the size that a freeze needs to show."""
    return Page(TITLE, length=length, failure=failure, flow=flow)


QUICK = page(Flow(bytes=LARGE, took=300, stall=40))
SMALL = Page(TITLE, length=5000)
STOPPED = page(Flow(bytes=16_200, took=120, stall=60, quiet=9_700), length=14_000, failure=Failure.TIMEOUT)
UNREAD = Page(status=0, length=0, failure=Failure.TIMEOUT, flow=Flow(bytes=13_900, took=110, stall=50, quiet=9_800))
"""The freeze came within the first TLS record: bytes arrived, and none of them could be read."""
CRAWLING = page(Flow(bytes=LARGE, took=9_400, stall=400))
TRICKLE = page(Flow(bytes=9_000, took=9_500, stall=2_100, quiet=300), length=8_000, failure=Failure.TIMEOUT)
LONG = page(Flow(bytes=150_000, took=8_500, stall=900, quiet=1_200), length=149_000, failure=Failure.TIMEOUT)

POLICED = page(Flow(bytes=LARGE, took=9_400, stall=400, marks=(200, 900, 2_700), segments=130, disordered=20))
POLICED_SHORT = page(
    Flow(bytes=54_000, took=2_900, stall=400, quiet=90, marks=(200, 900), segments=40, disordered=8),
    length=52_000,
    failure=Failure.TIMEOUT,
)
PACED = page(Flow(bytes=LARGE, took=9_400, stall=90, marks=(800, 1_700, 3_400), segments=130, lag=90))
ANCHOR = "anchor.example.com"
BURST = page(
    Flow(bytes=94_252, took=2_948, stall=217, quiet=53, marks=(33, 33, 1_280), segments=74, disordered=8),
    length=92_000,
    failure=Failure.TIMEOUT,
)
FASTER = page(
    Flow(bytes=94_252, took=2_948, stall=217, quiet=53, marks=(400, 900, 1_900), segments=74, disordered=8),
    length=92_000,
    failure=Failure.TIMEOUT,
)
AFTER_BURST = page(
    Flow(bytes=45_494, took=2_969, stall=258, quiet=31, marks=(1_305, 2_345), lag=218, segments=39, disordered=9),
    length=44_000,
    failure=Failure.TIMEOUT,
)
ANCHORS_PAGE = page(Flow(bytes=60_000, took=80, stall=20, marks=(20, 50), segments=45))
ANCHORS_LARGE_PAGE = page(Flow(bytes=265_183, took=100, stall=20, marks=(10, 20, 40, 60, 98), segments=190))
ANCHORS_ADDRESS = "23.10.20.30"
LINE = {"line_pages": (LinePage(f"https://{ANCHOR}/", ANCHORS_ADDRESS),)}
QUEUED = [10_000, 991_000, 1_079_000, 951_000]
"""Round trips in microseconds on a line whose queue is full."""
SILENCE = {NAME: Failure.TIMEOUT, ("*", A): Failure.TIMEOUT, ("*", B): Failure.TIMEOUT}
CONTROL = (world(http={NAME: QUICK}),)


def _case(name: str, says: str, here: dict[object, object], status: str, rule: str, **more: object) -> Scenario:
    causes = {"throttle.freeze": ("throttle.freeze",), "throttle.rate": ("throttle.rate",)}
    named = causes.get(rule.removesuffix(".sni").removesuffix(".address"), ())
    made = world(http=here, certs={ANCHORS_ADDRESS: Cert((ANCHOR,))})
    return Scenario(name, says, made, status, rule, named, **{"control": CONTROL, **more})  # type: ignore[arg-type]


OTHER = ("*", NAME)
SENT = Sent()
HELD = Sent(18_000, Failure.TIMEOUT, stall=80, quiet=9_900, took=300)
HELD_LATER = Sent(22_500, Failure.TIMEOUT, stall=900, quiet=9_800, took=1_500)
HELD_FAR = Sent(54_000, Failure.TIMEOUT, stall=80, quiet=9_900, took=600)
CLOSED = Sent(18_000, Failure.EOF)
CUT = Sent(18_000, Failure.RESET)
SLUGGISH = Sent(18_000, Failure.TIMEOUT, stall=6_000, quiet=9_900, took=14_000)
UNANSWERED = Sent(0, Failure.TIMEOUT, stall=0, quiet=10_000, took=0)
FREEZES = ("throttled", "throttle.freeze.sent")
SERVED = ("reachable", "served")


def _send(name: str, says: str, sends: dict[str, object], ends: tuple[str, str], **more: object) -> Scenario:
    """A small page that comes at once, and what is sent to its server."""
    causes = ("throttle.freeze",) if ends == FREEZES else ()
    fields: dict[str, object] = {"control": (world(),), "sends": True, **more}
    return Scenario(name, says, world(sends=sends), *ends, causes, **fields)  # type: ignore[arg-type]


SCENARIOS = (
    _case(
        "freeze-by-name",
        "the page stops after 16 KB under its own name, and comes whole under another at the same address",
        {NAME: STOPPED, OTHER: QUICK},
        "throttled",
        "throttle.freeze.sni",
    ),
    _case(
        "freeze-by-name-alone",
        "the same without a control",
        {NAME: STOPPED, OTHER: QUICK},
        "throttled",
        "throttle.freeze.sni",
        control=(),
    ),
    _case(
        "freeze-by-name-unread",
        "the first 14 KB are one unfinished TLS record, so that nothing of the answer can be read",
        {NAME: UNREAD, OTHER: QUICK},
        "throttled",
        "throttle.freeze.sni",
    ),
    _case(
        "freeze-by-address",
        "the page stops under any name here, and the control got it whole",
        {NAME: STOPPED},
        "throttled",
        "throttle.freeze",
    ),
    _case(
        "freeze-by-address-alone",
        "the page stops under any name, and there is no control",
        {NAME: STOPPED},
        "unreachable",
        "http.frozen",
        control=(),
    ),
    _case(
        "freeze-in-clear",
        "plain HTTP stops after 16 KB under the site's Host, and not under another",
        {NAME: STOPPED, ("*", "151.101.1.10"): QUICK, ("*", "146.75.65.10"): QUICK},
        "throttled",
        "throttle.freeze.sni",
        target=HTTP,
        control=(),
    ),
    _case(
        "freeze-small-elsewhere",
        "the page stops under its own name, and under another the server has only a small page: nothing is shown",
        {NAME: STOPPED, OTHER: SMALL},
        "unreachable",
        "http.frozen",
        control=(),
    ),
    _case(
        "freeze-control-smaller",
        "the page stops here, but the control's whole page is smaller than what came: it proves nothing",
        {NAME: STOPPED},
        "unreachable",
        "http.frozen",
        control=(world(http={NAME: SMALL}),),
    ),
    _case(
        "freeze-everywhere",
        "the server's own page stops at the control as well",
        {NAME: STOPPED},
        "down",
        "control.failed",
        control=(world(http={NAME: STOPPED}),),
    ),
    _case(
        "freeze-once",
        "the page stops once, and comes whole at the second attempt",
        {NAME: [STOPPED, QUICK], OTHER: QUICK},
        "reachable",
        "served",
    ),
    _case(
        "freeze-policed",
        "the vantage is policed: a transfer that stops proves nothing",
        {NAME: STOPPED, OTHER: QUICK},
        "unknown",
        "vantage.policed",
        state=VantageState.POLICED,
    ),
    _case(
        "rate-by-name",
        "the page crawls at 19 kB/s under its own name, and comes fast under another",
        {NAME: CRAWLING, OTHER: QUICK},
        "throttled",
        "throttle.rate",
    ),
    _case(
        "rate-by-name-alone",
        "the same without a control",
        {NAME: CRAWLING, OTHER: QUICK},
        "throttled",
        "throttle.rate",
        control=(),
    ),
    _case(
        "rate-cut-short",
        "the page crawls until time is up, with enough of it come to be an answer",
        {NAME: LONG, OTHER: QUICK},
        "throttled",
        "throttle.rate",
    ),
    _case(
        "rate-slow-line",
        "the line itself is slow: every name crawls",
        {NAME: CRAWLING, OTHER: CRAWLING},
        "reachable",
        "served",
    ),
    _case(
        "rate-once",
        "the page crawls once, and comes fast at the second attempt",
        {NAME: [CRAWLING, QUICK], OTHER: QUICK},
        "reachable",
        "served",
    ),
    _case(
        "rate-misdirected",
        "the server has no page under another name: nothing is shown",
        {NAME: CRAWLING, OTHER: Page("Misdirected", status=421)},
        "reachable",
        "served",
    ),
    _case(
        "rate-by-address",
        "the page crawls under every name; the control and an anchor's page come fast, and packets are lost on the way",
        {NAME: POLICED, OTHER: POLICED, ANCHOR: ANCHORS_PAGE},
        "throttled",
        "throttle.rate.address",
        context=LINE,
    ),
    _case(
        "rate-by-address-until-time-is-up",
        "the same where too little comes to be an answer",
        {NAME: POLICED_SHORT, OTHER: POLICED_SHORT, ANCHOR: ANCHORS_PAGE},
        "throttled",
        "throttle.rate.address",
        context=LINE,
    ),
    _case(
        "rate-by-address-after-a-burst",
        "the limiter lets 48 kB through at once before the first of the transfers crawls as the others do",
        {NAME: [BURST, AFTER_BURST], OTHER: AFTER_BURST, ANCHOR: ANCHORS_LARGE_PAGE},
        "throttled",
        "throttle.rate.address",
        context=LINE,
    ),
    _case(
        "rate-unsteady",
        "after its first kilobytes one transfer crawls twice as fast as the others: congestion comes and goes",
        {NAME: [FASTER, AFTER_BURST], OTHER: AFTER_BURST, ANCHOR: ANCHORS_LARGE_PAGE},
        "reachable",
        "served",
        context=LINE,
    ),
    _case(
        "rate-by-address-alone",
        "the same without a control: the server may be slow",
        {NAME: POLICED, OTHER: POLICED, ANCHOR: ANCHORS_PAGE},
        "reachable",
        "served",
        control=(),
        context=LINE,
    ),
    _case(
        "rate-by-server",
        "no packet is lost or late: the server sends slowly to visitors from here",
        {NAME: PACED, OTHER: PACED, ANCHOR: ANCHORS_PAGE},
        "reachable",
        "served",
        context=LINE,
    ),
    _case(
        "rate-busy-line",
        "an anchor's page crawls as well: the line is slow, or busy",
        {NAME: POLICED, OTHER: POLICED, ANCHOR: POLICED},
        "reachable",
        "served",
        context=LINE,
    ),
    _case(
        "rate-trickle",
        "900 bytes a second until time is up, and all of it fast under another name",
        {NAME: TRICKLE, OTHER: QUICK},
        "throttled",
        "throttle.rate",
        control=(),
    ),
    _case(
        "rate-trickle-unproven",
        "900 bytes a second under any name, without a control",
        {NAME: TRICKLE},
        "unreachable",
        "http.frozen",
        control=(),
    ),
    _send("send-freeze-by-name", "uploads under the site's name stop after 18 KB, twice", {NAME: HELD}, FREEZES),
    _send("send-freeze-by-name-alone", "the same without a control", {NAME: HELD}, FREEZES, control=()),
    _send(
        "send-freeze-with-lag",
        "uploads stop two requests apart on a line that loses packets",
        {NAME: [HELD, HELD_LATER]},
        FREEZES,
    ),
    Scenario(
        "send-freeze-after-redirect",
        "the page in clear text redirects to https, where uploads stop twice",
        world(http={HTTP: Page(status=302, location=URL)}, sends={NAME: HELD}),
        *FREEZES,
        ("throttle.freeze",),
        target=HTTP,
        sends=True,
        found={"hop": URL},
    ),
    Scenario(
        "send-in-clear-alone", "a page in clear text only: no upload is made", world(), *SERVED, target=HTTP, sends=True
    ),
    _send("send-complete", "the first upload passes: no other is made", {}, SERVED),
    _send("send-freeze-both", "uploads stop under the other name too: the line, or the address", {"*": HELD}, SERVED),
    _send("send-freeze-once", "the first upload stops, the second passes", {NAME: [HELD, SENT]}, SERVED),
    _send("send-freeze-astray", "uploads stop at two places far apart: two outages", {NAME: [HELD, HELD_FAR]}, SERVED),
    _send("send-other-lossy", "the second upload under the other name stops", {NAME: HELD, "*": [SENT, HELD]}, SERVED),
    _send("send-server-closes", "the server closes after four requests under any name", {"*": CLOSED}, SERVED),
    _send("send-server-resets", "the server resets under its own name only", {NAME: CUT}, SERVED),
    _send("send-slow-server", "answers come ever more slowly until time is up", {NAME: SLUGGISH}, SERVED),
    _send("send-mute-at-once", "the first padded request is never answered", {NAME: UNANSWERED}, SERVED),
    _send(
        "send-freeze-policed",
        "the vantage is policed: a transfer that stops proves nothing",
        {NAME: HELD},
        SERVED,
        state=VantageState.POLICED,
    ),
    Scenario(
        "line-overloaded",
        "requests time out on a line whose full queue delays each packet by a second",
        world(http=SILENCE, syns={A: QUEUED, B: QUEUED}),
        "unreachable",
        "line.overloaded",
        ("http.timeout",),
        control=CONTROL,
    ),
    Scenario(
        "line-idle",
        "the same silence, and each handshake takes its 10 ms",
        world(http=SILENCE, syns={A: QUEUED[:1], B: QUEUED[:1]}),
        "blocked",
        "http.timeout",
        ("http.timeout",),
        control=CONTROL,
    ),
    Scenario(
        "line-overloaded-by-name",
        "on such a line another name is answered at the same address, each time",
        world(tls={("*", NAME): Failure.TIMEOUT}, syns={A: QUEUED, B: QUEUED}),
        "blocked",
        "tls.timeout.sni",
        ("tls.timeout", "tls.sni"),
        control=CONTROL,
    ),
    _case("large-and-quick", "a large page that comes fast", {NAME: QUICK}, "reachable", "served"),
)
