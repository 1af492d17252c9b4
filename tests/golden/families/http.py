"""Cases of HTTP: who wrote a page."""

# ruff: noqa: RUF001 - block pages are written in Cyrillic letters

from probe.model.failure import Failure
from tests.golden.scenario import HOME, HTTP, NAME, URL, A, B, Scenario, world
from tests.golden.world import Cert, Page

GOOD = (world(),)
BARE = Page("Daily news of the region", length=5000)
NOTICE = Page("Доступ ограничен", body="<h1>Доступ к запрашиваемому ресурсу ограничен</h1>", length=900)
STYLED_NOTICE = Page(
    "Доступ ограничен",
    body="<style>" + "p { color: red }\n" * 300 + "</style>"
    "<p>Доступ к запрашиваемому ресурсу ограничен</p><p>Ваш адрес: 95.165.1.20, 00:1a:2b:3c:4d:5e</p>",
)
REFUSING_NOTICE = Page("Unavailable", status=451, body="<p>Ресурс заблокирован по решению суда</p>", length=9000)
UNKNOWN_NOTICE = Page("Content unavailable by order", length=700)
TO_NOTICE = Page("Found", status=302, location="http://warning.rt.ru/?id=7")
TO_STRANGER = Page("Found", status=302, location="http://notice.isp-filter.example/")
ISP = "95.165.200.1"
FILTER = {
    "names": {"warning.rt.ru": (ISP,), "notice.isp-filter.example": (ISP,)},
    "http": {("*", ISP): NOTICE},
    "certs": {ISP: Cert(("notice.isp-filter.example", "warning.rt.ru"))},
}
CLEAR = {"certs": {A: None, B: None}, "http": {NAME: BARE}, "tcp": {(A, 443): Failure.RESET, (B, 443): Failure.RESET}}
"""The site without TLS, and without any header of its own."""
TITLES = [Page(f"Headline number {number}: something else", length=3000 + 400 * number) for number in range(12)]


def clear(page: object) -> dict[str, dict[object, object]]:
    """The site without TLS, with this answer over http."""
    return {**CLEAR, "http": {NAME: page}}


def http(page: object) -> dict[object, object]:
    """The site with this answer over http; over TLS it answers as usual."""
    return {HTTP: page, URL: HOME}


SCENARIOS = (
    Scenario("http-served", "a page over http", world(), "reachable", "served", target=HTTP, control=GOOD),
    Scenario(
        "http-blockpage-known",
        "a known block page from the right address (VB#67)",
        world(http=http(NOTICE)),
        "blocked",
        "http.blockpage",
        ("http.blockpage",),
        target=HTTP,
        control=GOOD,
    ),
    Scenario(
        "http-blockpage-known-alone",
        "the same without control",
        world(**clear(NOTICE)),
        "blocked",
        "http.blockpage",
        ("http.blockpage",),
        target=HTTP,
    ),
    Scenario(
        "http-blockpage-unknown",
        "a page unlike the control's in everything that identifies it",
        world(**clear(UNKNOWN_NOTICE)),
        "blocked",
        "http.blockpage",
        ("http.blockpage",),
        target=HTTP,
        control=(world(**CLEAR),),
    ),
    Scenario(
        "http-blockpage-403",
        "a block page with 403 while the site answers well over TLS",
        world(http=http(Page("Blocked by the provider", status=403, length=300))),
        "blocked",
        "http.blockpage",
        ("http.blockpage",),
        target=HTTP,
        control=(world(http=http(BARE)),),
    ),
    *(
        Scenario(
            f"http-refused-{status}-in-clear",
            f"a server's ordinary page with {status} in clear text, here alone; the site answers well over TLS",
            world(http=http(Page(title, status=status, length=162))),
            "unreachable",
            "http.doubtful",
            target=HTTP,
            control=(world(http=http(BARE)),),
        )
        for status, title in (
            (403, "403 Forbidden"),
            (429, "429 Too Many Requests"),
            (451, "Unavailable For Legal Reasons"),
            (503, "503 Service Temporarily Unavailable"),
        )
    ),
    Scenario(
        "http-blockpage-down",
        "a known block page for a site that is long gone",
        world(**clear(NOTICE)),
        "down",
        "control.failed",
        target=HTTP,
        control=(world(tcp={A: Failure.TIMEOUT, B: Failure.TIMEOUT}),),
    ),
    Scenario(
        "http-blockpage-over-tls",
        "the words of a block page over verified TLS: the server's own",
        world(http={URL: NOTICE}),
        "reachable",
        "served",
        control=GOOD,
        found={"notes": ("notice_by_server",)},
    ),
    Scenario(
        "http-blockpage-styled",
        "a known block page whose words stand below a long style sheet and beside the visitor's address",
        world(**clear(STYLED_NOTICE)),
        "blocked",
        "http.blockpage",
        ("http.blockpage",),
        target=HTTP,
    ),
    Scenario(
        "http-challenge-by-server",
        "an error in clear text that names a protection service as its server: the service's own",
        world(**clear(Page("Forbidden", status=403, headers={"server": "ddos-guard"}))),
        "reachable",
        "served",
        target=HTTP,
        control=(world(**CLEAR),),
        found={"notes": ("challenge",)},
    ),
    Scenario(
        "refusal-451-notice",
        "a block page with status 451 over verified TLS: the server itself refuses",
        world(http={URL: REFUSING_NOTICE}),
        "reachable",
        "server.refusal",
        control=GOOD,
        found={"server_refusal": 451, "notes": ("notice_by_server",)},
    ),
    Scenario(
        "http-doubtful-once",
        "an unlike page seen once: time was up",
        world(names={NAME: (A,)}, **clear(UNKNOWN_NOTICE)),
        "unreachable",
        "http.doubtful",
        target=HTTP,
        control=(world(**CLEAR),),
        limit=7,
    ),
    Scenario(
        "http-dynamic-titles",
        "another headline with each visit",
        world(**clear(TITLES)),
        "reachable",
        "served",
        target=HTTP,
        control=(world(**CLEAR),),
    ),
    Scenario(
        "http-dynamic-length",
        "the same title, another length",
        world(**clear(Page("Daily news of the region", length=900))),
        "reachable",
        "served",
        target=HTTP,
        control=(world(**CLEAR),),
    ),
    Scenario(
        "http-translated",
        "another language, the same server's headers",
        world(http=http(Page("Новости", headers={"x-served-by": "edge"}, length=900))),
        "reachable",
        "served",
        target=HTTP,
        control=GOOD,
    ),
    Scenario(
        "http-captcha",
        "a CAPTCHA in clear text by its title alone, which anybody can write",
        world(**clear(Page("Just a moment...", status=403, length=900))),
        "unreachable",
        "http.doubtful",
        target=HTTP,
        control=(world(**CLEAR),),
    ),
    Scenario(
        "http-challenge-mark",
        "a content network's challenge in clear text",
        world(**clear(Page("Wait", status=503, headers={"cf-mitigated": "challenge"}, length=900))),
        "reachable",
        "served",
        target=HTTP,
        control=(world(**CLEAR),),
        found={"notes": ("challenge",)},
    ),
    Scenario(
        "http-503-here",
        "an error only here, in clear text, and no TLS to compare with",
        world(**clear(Page("Service Unavailable", status=503, length=100))),
        "unreachable",
        "http.doubtful",
        target=HTTP,
        control=(world(**CLEAR),),
    ),
    Scenario(
        "http-503-everywhere",
        "an error status for everyone",
        world(**clear(Page("Service Unavailable", status=503, length=100))),
        "reachable",
        "served",
        target=HTTP,
        control=(world(**clear(Page("Service Unavailable", status=503, length=100))),),
    ),
    Scenario(
        "http-refusal-vouched",
        "403 in clear text, and the same over TLS",
        world(http={NAME: Page("Not in your country", status=403, length=300)}),
        "reachable",
        "served",
        target=HTTP,
        control=(world(http=http(BARE)),),
    ),
    Scenario(
        "http-redirect-known",
        "302 to a provider's block page",
        world(**{**FILTER, "http": {**FILTER["http"], **http(TO_NOTICE)}}),
        "blocked",
        "http.redirect",
        ("http.redirect",),
        target=HTTP,
        control=GOOD,
    ),
    Scenario(
        "http-redirect-known-alone",
        "the same without control",
        world(**{**FILTER, "http": {**FILTER["http"], **http(TO_NOTICE)}}),
        "blocked",
        "http.redirect",
        ("http.redirect",),
        target=HTTP,
    ),
    Scenario(
        "http-redirect-foreign",
        "302 to a host to which nobody else is redirected",
        world(**{**FILTER, "http": {**FILTER["http"], **http(TO_STRANGER)}}),
        "blocked",
        "http.redirect",
        ("http.redirect",),
        target=HTTP,
        control=GOOD,
    ),
    Scenario(
        "http-redirect-to-notice",
        "302 to an unknown host with a known block page; no control",
        world(**{**FILTER, "http": {**FILTER["http"], **http(TO_STRANGER)}}),
        "blocked",
        "http.blockpage",
        ("http.blockpage",),
        target=HTTP,
        found={"hop": "http://notice.isp-filter.example/"},
    ),
    Scenario(
        "http-redirect-private",
        "302 to a private address, which is not tried",
        world(http=http(Page("", status=302, location="http://10.10.34.36/"))),
        "blocked",
        "http.redirect",
        ("http.redirect",),
        target=HTTP,
        control=GOOD,
    ),
    Scenario(
        "http-redirect-private-alone",
        "the same without control: Iran's",
        world(http=http(Page("", status=302, location="http://10.10.34.36/"))),
        "blocked",
        "http.redirect",
        ("http.redirect",),
        target=HTTP,
    ),
    Scenario(
        "http-redirect-private-unknown",
        "the same without control, to an address that no country is known for",
        world(http=http(Page("", status=302, location="http://10.66.0.1/"))),
        "unreachable",
        "unexplained",
        target=HTTP,
        found={"hop": "http://10.66.0.1/"},
    ),
    Scenario(
        "http-redirect-https",
        "301 to the same host over https",
        world(http=http(Page("Moved", status=301, location=URL))),
        "reachable",
        "served",
        target=HTTP,
        control=(world(http=http(Page("Moved", status=301, location=URL))),),
    ),
    Scenario(
        "http-redirect-geo",
        "302 within the site, to another place than the control's",
        world(
            names={"news.example.de": (A,), NAME: (A, B)},
            http={HTTP: Page("", status=302, location="http://news.example.de/"), "news.example.de": HOME},
        ),
        "reachable",
        "served",
        target=HTTP,
        control=(
            world(
                http={HTTP: Page("", status=302, location="http://us.example.org/"), "us.example.org": HOME},
                names={"us.example.org": (A,)},
            ),
        ),
    ),
    Scenario(
        "http-redirect-renamed",
        "301 to a new name that the control gets too (vk.com to vk.ru, x.com)",
        world(
            names={"daily.example.net": (A,)},
            http={HTTP: Page("", status=301, location="http://daily.example.net/"), "daily.example.net": HOME},
        ),
        "reachable",
        "served",
        target=HTTP,
        control=(
            world(
                names={"daily.example.net": (A,)},
                http={HTTP: Page("", status=301, location="http://daily.example.net/"), "daily.example.net": HOME},
            ),
        ),
    ),
    Scenario(
        "http-redirect-parked",
        "a parked name that redirects every visitor elsewhere",
        world(
            names={"ads.one.example": (A,)},
            http={
                HTTP: Page("", status=302, location="http://ads.one.example/"),
                "ads.one.example": HOME,
                URL: Failure.RESET,
            },
        ),
        "reachable",
        "served",
        target=HTTP,
        control=(
            world(
                names={"tracker.two.example": (A,)},
                http={HTTP: Page("", status=302, location="http://tracker.two.example/"), "tracker.two.example": HOME},
            ),
        ),
    ),
    Scenario(
        "http-redirect-vouched",
        "a redirect to another site, by the server itself over TLS too",
        world(
            names={"away.elsewhere.example": (A,)},
            http={
                NAME: Page("", status=302, location="http://away.elsewhere.example/"),
                "away.elsewhere.example": HOME,
            },
        ),
        "reachable",
        "served",
        target=HTTP,
        control=(world(http={NAME: BARE}),),
    ),
    Scenario(
        "http-loop",
        "a redirect loop for everyone",
        world(http={NAME: Page("", status=302, location=URL)}),
        "down",
        "control.failed",
        control=(world(http={NAME: Page("", status=302, location=URL)}),),
    ),
    Scenario(
        "http-loop-here",
        "a redirect loop only for us, over verified TLS",
        world(http={NAME: Page("", status=302, location=URL)}),
        "unreachable",
        "redirect.astray",
        control=GOOD,
    ),
    Scenario(
        "http-broken-redirect",
        "a redirect to no URL, only for us",
        world(http={NAME: Page("", status=302)}),
        "unreachable",
        "redirect.astray",
        control=GOOD,
    ),
    Scenario(
        "http-endless-redirects",
        "more redirects than ten",
        world(
            http={
                f"https://{NAME}/" + ("" if n == 0 else str(n)): Page(
                    "", status=302, location=f"https://{NAME}/{n + 1}"
                )
                for n in range(14)
            }
        ),
        "unreachable",
        "redirect.astray",
    ),
    Scenario(
        "http-frozen",
        "the page stops after sixteen kilobytes, twice (zapret#1836)",
        world(http={NAME: Page("Daily news of the region", length=16_000, failure=Failure.TIMEOUT)}),
        "unreachable",
        "http.frozen",
        control=GOOD,
    ),
    Scenario(
        "http-slow-page",
        "a large page that is only slow",
        world(http={NAME: Page("Daily news of the region", length=200_000, failure=Failure.TIMEOUT)}),
        "reachable",
        "served",
        control=GOOD,
    ),
    Scenario(
        "http-reset-after-answer",
        "a server that resets after its answer",
        world(http={NAME: Page("Daily news of the region", failure=Failure.RESET)}),
        "reachable",
        "served",
        control=GOOD,
    ),
    Scenario(
        "http-clear-reset",
        "RST after a request in clear text",
        world(http={HTTP: Failure.RESET}),
        "blocked",
        "http.reset",
        ("http.reset",),
        target=HTTP,
        control=GOOD,
    ),
    Scenario(
        "http-one-address-forged",
        "one address of two answers with a block page, the other with the page",
        world(http={(NAME, A): NOTICE, (NAME, B): HOME}),
        "reachable",
        "served",
        target=HTTP,
        control=GOOD,
    ),
)
