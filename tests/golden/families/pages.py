"""Cases of pages in clear text: notices in many forms, and honest pages that differ from the control's."""

# ruff: noqa: RUF001 - block pages are written in Cyrillic letters

from probe.model.failure import Failure
from tests.golden.scenario import HOME, HTTP, NAME, SITE, URL, A, B, Scenario, world
from tests.golden.world import Page

GOOD = (world(),)
NGINX = {"Server": "nginx/1.24", "Date": "", "Content-Type": ""}
"""Header fields in nginx's order."""
SQUID = {"Content-Type": "", "Connection": ""}
"""Header fields of a page that a device on the path writes."""
NEWS = (
    '<title>Daily news of the region</title><link href="/static/main.css"><a href="/about">About the daily paper '
    "</a><p>Council votes about bridge, harvest begins early, school opens again, river stays low, market grows"
)
LICHT = (
    '<title>Zeitung</title><link href="/static/main.css"><a href="/about">Wir</a><p>Rat stimmt, Ernte beginnt, '
    "Schule, Fluss, Markt wächst /static/main.css about daily paper council bridge"
)
TEXT = Page("Daily news of the region", headers=NGINX, body=NEWS, length=12_000)
NO_TLS = {"certs": {A: None, B: None}, "tcp": {(A, 443): Failure.RESET, (B, 443): Failure.RESET}}
MISSING = Page("404 Not Found", status=404, headers=NGINX, length=150)
"""What the server says to a name that it does not know."""
DENIED = Page("Access Denied", headers=SQUID, body="<title>Access Denied</title><h1>Access Denied</h1>", length=136)
COPY = Page(
    "Daily news of the region",
    headers={**SQUID, "X-Box": ""},
    body="<title>Daily news of the region</title><p>this resource was closed after decision number four hundred six "
    "under article nine; subscribers may write letters",
    length=12_000,
)


def clear(page: object, *, neutral: Page = MISSING, tls: bool = False) -> dict[str, dict[object, object]]:
    """The site with this page over http, and this one for other names at its addresses."""
    pages = {HTTP: page, ("*", A): neutral, ("*", B): neutral}
    return {"http": {**pages, URL: HOME}} if tls else {**NO_TLS, "http": {NAME: None, **pages}}


def text(body: str, title: str = "Notice", length: int = 0) -> Page:
    """A page with this body."""
    return Page(title, body=f"<title>{title}</title>{body}", length=length or len(body), headers=SQUID)


NOTICES = {
    "entities": text("<h1>&#1044;&#1086;&#1089;&#1090;&#1091;&#1087; к запрашиваемому&nbsp;ресурсу ограничен</h1>"),
    "tags": text("<td>ДОСТУП<br>к запраши<b>ваемому</b> <i>ресурсу</i><br/>ограничен</td>"),
    "refresh": text('<meta http-equiv="Refresh" content="0; URL=http://warning.rt.ru/?id=7">', ""),
    "script": text('<script>window.location.replace("http://blocked.mts.ru/");</script>', ""),
    "onload": text("<body onload=\"location.href='http://blocked.mts.ru/'\">", ""),
    "script-file": text("<script src=//lawfilter.ertelecom.ru/a.js></script>", ""),
    "iframe-iran": text("<iframe style='width:100%' src='http://10.10.34.35:80' frameborder=0></iframe>", "M1-8"),
    "iframe-airtel": text('<iframe src="https://www.airtel.in/dot/?dpid=1&dpruleid=3" width="100%"></iframe>', ""),
    "iframe-jio": text("<iframe width=100% src=http://49.44.18.34/x></iframe>", ""),
    "indonesia": text("<p>Situs ini tidak bisa diakses melalui jaringan ini sesuai peraturan", "Internet Positif"),
    "korea": text("<p>불법·유해정보(사이트)에 대한 <b>차단</b> 안내", ""),
    "italy": text("<h1>AVVERTENZA - SITO NON RAGGIUNGIBILE</h1>", ""),
    "malaysia": text("<p>This website is not available in Malaysia as it violate(s) the National law(s).", ""),
    "thailand": text("<h1>เว็บไซต์นี้มีเนื้อหาที่ไม่เหมาะสม<BR>ถูกระงับโดยกระทรวงดิจิทัล</h1>", ""),
    "pakistan": text("<p>content that is prohibited for viewership from within Pakistan", "Surf Safely!"),
    "turkey": text("<p>law nr. 5651, administration measure", ""),
    "emirates": text('<img src="http://lighthouse.du.ae/x.png"><iframe src="http://lighthouse.du.ae/">', ""),
    "school": text("<p>Powered By <b>FortiGuard</b>", "Web Filter Violation"),
    "long": text("<table>" + "<tr><td width=100><a href='/m'>menu</a></td></tr>" * 300 + "</table>"
                 "<p>Доступ к запрашиваемому ресурсу ограничен</p>"),
}  # fmt: skip
DENIALS = {
    "english": text("<h1>Web Site Blocked</h1>", "Blocked"),
    "turkish": text("<p>Bu siteye erişim engellenmiştir", "Uyarı"),
    "arabic": text("<p>عفواً هذا الموقع محجوب", ""),
    "access-denied": DENIED,
}


def honest(name: str, says: str, page: Page, **how: object) -> Scenario:
    """An honest page in clear text that is not the control's: never blocked."""
    return Scenario(
        f"clear-{name}",
        says,
        world(**clear(page, **how)),  # type: ignore[arg-type]
        "unreachable",
        "http.doubtful",
        target=HTTP,
        control=(world(**clear(TEXT)),),
    )


def blocked(name: str, says: str, here: dict[str, dict[object, object]], control: tuple[object, ...]) -> Scenario:
    """A page that the site did not write."""
    return Scenario(
        f"clear-{name}",
        says,
        world(**here),
        "blocked",
        "http.blockpage",
        ("http.blockpage",),
        target=HTTP,
        control=control,  # type: ignore[arg-type]
    )


SCENARIOS = (
    *(
        blocked(f"notice-{name}", "a known notice, without a control", clear(notice), ())
        for name, notice in NOTICES.items()
    ),
    *(
        Scenario(
            f"clear-denial-{name}",
            "wording of filters and servers alike, without a control",
            world(**clear(page)),
            "unreachable",
            "http.doubtful",
            target=HTTP,
        )
        for name, page in DENIALS.items()
    ),
    blocked(
        "denied-200",
        "`Access Denied` with 200 and 136 bytes, 12 kB at the control; https serves the site",
        clear(DENIED, tls=True),
        (world(**clear(TEXT, tls=True)),),
    ),
    blocked(
        "denied-any-name",
        "the same where a device answers for every name at port 80",
        clear(DENIED, tls=True, neutral=DENIED),
        (world(**clear(TEXT, tls=True)),),
    ),
    blocked(
        "unlike-other-program",
        "an unknown notice for this name alone, from another program than the server's",
        clear(text("<p>closed after decision number four hundred six", "Closed")),
        (world(**clear(TEXT)),),
    ),
    blocked(
        "unlike-any-name-other-program",
        "an unknown notice for every name, where the control found another program at the same address",
        clear(DENIED, neutral=DENIED),
        (world(**clear(TEXT)),),
    ),
    blocked(
        "copied-title",
        "the right title and length, other text and header fields, from another program than the server's",
        clear(COPY),
        (world(**clear(TEXT)),),
    ),
    Scenario(
        "clear-copied-title-any-name",
        "the same for every name: a proxy that rewrites pages, or a device in the server's place",
        world(**clear(COPY, neutral=COPY)),
        "unreachable",
        "http.doubtful",
        target=HTTP,
        control=(world(**clear(TEXT)),),
    ),
    Scenario(
        "clear-region",
        "another language, the site's own files and words",
        world(**clear(Page("Zeitung", headers=NGINX, body=LICHT, length=3_000))),
        "reachable",
        "served",
        target=HTTP,
        control=(world(**clear(TEXT)),),
    ),
    honest(
        "region-unlike",
        "another page by country, all its words and files others, from the same program",
        Page("Nachrichten", headers=NGINX, body="<title>Nachrichten</title><p>Heute im Angebot", length=700),
    ),
    honest(
        "parked",
        "a parked page under any name",
        Page("Diese Domain", headers=NGINX, body="<title>Diese Domain</title>", length=700),
        neutral=Page("Diese Domain", headers=NGINX, body="<title>Diese Domain</title>", length=700),
    ),
    honest(
        "consent",
        "a consent page in the place of the site, from its own server; https serves",
        Page("Before you continue", headers=NGINX, body="<title>Before you continue</title>", length=700),
        tls=True,
    ),
    honest(
        "geo",
        "the server's own words about the country, with 200, from the same program",
        Page("Not available in your country", headers=NGINX, body="<title>Not available</title>", length=300),
    ),
    honest("maintenance", "503 in clear text", Page("Service Unavailable", status=503, headers=NGINX, length=300)),
    honest("cdn-1020", "a content network's refusal", Page("Access denied", status=403, headers=SQUID, length=300)),
    honest(
        "captcha-200", "a CAPTCHA with 200, https serves", Page("Are you human?", headers=SQUID, length=300), tls=True
    ),
    Scenario(
        "clear-akamai",
        "a content network's refusal that names it",
        world(**clear(text('<p>Reference #18.2d <a href="https://errors.edgesuite.net/18">', "Access Denied"))),
        "reachable",
        "served",
        target=HTTP,
        control=(world(**clear(TEXT)),),
        found={"notes": ("challenge",)},
    ),
    Scenario(
        "clear-law-in-footer",
        "a site that quotes the law of block pages, to the control too",
        world(**clear(Page("Forum", headers=NGINX, body=NEWS + "<p>law nr. 5651", length=9_000))),
        "reachable",
        "served",
        target=HTTP,
        control=(world(**clear(Page("Forum", headers=NGINX, body=NEWS + "<p>law nr. 5651", length=9_000))),),
    ),
    Scenario(
        "clear-report-about-blocking",
        "a long page that reports about blocking, without a control",
        world(**clear(Page("News", headers=NGINX, body="<p>eais.rkn.gov.ru website has been blocked", length=50_000))),
        "reachable",
        "served",
        target=HTTP,
    ),
    Scenario(
        "cookie-wall",
        "302 to itself with a cookie, then the page",
        world(http={URL: [Page("", status=302, location=URL, sets_cookie=True), HOME]}, names={NAME: (A,)}),
        "reachable",
        "served",
        control=GOOD,
        found={"hop": URL},
    ),
    Scenario(
        "cookie-loop",
        "302 to itself with a new cookie each time, without end",
        world(http={URL: Page("", status=302, location=URL, sets_cookie=True)}, names={NAME: (A,)}),
        "unreachable",
        "redirect.astray",
        control=GOOD,
        found={"hop": URL},
    ),
    Scenario(
        "redirect-to-app",
        "302 to a messenger's app over verified TLS",
        world(http={NAME: Page("", status=302, location="tg://resolve?domain=x")}),
        "reachable",
        "served",
        control=GOOD,
    ),
    Scenario(
        "url-of-cyrillic-letters",
        "a URL of more than 340 letters outside ASCII is found in its own control",
        world(names={NAME: (A,)}, certs={A: SITE}),
        "reachable",
        "served",
        target=f"https://{NAME}/{'д' * 400}",
        control=GOOD,
    ),
)
