"""Situations that resemble blocking: the target's own faults, its own refusals, and ordinary variety."""

from __future__ import annotations

from tests.lab.checks import RESET, SILENCE, dig, get, hello, tcp, works
from tests.lab.records import Act, Check, Control, Expect, Interference, Lie, Scenario, Site

F = "benign"
URL, PLAIN = "https://{host}/", "http://{host}/"
REACHABLE, DOWN = Expect(status="reachable"), Expect(status="down")
REFUSAL = Expect(status="reachable", note="server_refusal")


def _case(name: str, expect: Expect, site: Site, *checks: Check, target: str = URL, **more: object) -> Scenario:
    sites = more.pop("sites", (site,))
    return Scenario(name=name, family=F, target=target, expect=expect, sites=sites, checks=checks, **more)  # type: ignore[arg-type]


def _everywhere(finds: str, url: str = URL, at: str = "{a}") -> tuple[Check, Check]:
    """The same at the vantage and at the control."""
    return get(finds, url, at=at), get(finds, url, at=at, where="control")


FINE = (
    _case("fine-https", REACHABLE, Site(), works(), works(where="vantage")),
    _case("fine-http", REACHABLE, Site(), works(PLAIN, where="vantage"), target=PLAIN),
    _case("fine-domain", REACHABLE, Site(), works(where="vantage"), target="{host}"),
    _case("fine-b", REACHABLE, Site(), works(where="vantage"), vantage="b1"),
    _case("fine-no-control", REACHABLE, Site(), works(where="vantage"), control=Control.NONE),
    _case("fine-dns", REACHABLE, Site(), dig("{a}"), target="dns://{host}"),
    _case("fine-tcp", REACHABLE, Site(), tcp("open"), target="tcp://{a}:443"),
    _case("fine-tcp-six", REACHABLE, Site(six=1), tcp("open", "{six}"), target="tcp://[{six}]:443"),
    _case("fine-tls", REACHABLE, Site(), hello("ESTABLISHED"), target="tls://{a}:443/{host}"),
    _case("fine-many", REACHABLE, Site(four=4, six=2), works(where="vantage")),
    _case("fine-https-only", REACHABLE, Site(http="refused"), tcp("refused", port=80), target="{host}"),
    _case("fine-http-only", REACHABLE, Site(https="refused"), tcp("refused"), target="{host}"),
    _case("fine-six-only", REACHABLE, Site(four=0, six=1), get(at="[{six}]")),
    _case("big-page", REACHABLE, Site(https="big"), get("size=2[0-9]{{5}}")),
    _case("page-not-found", REACHABLE, Site(https="status:404"), *_everywhere("http=404")),
    _case("server-error", REACHABLE, Site(https="status:500"), *_everywhere("http=500")),
)

_EVERYONE = (
    ("gone-silent", Site(four=0, dead=1), "exit=28", URL),
    ("gone-silent-domain", Site(four=0, dead=2), "exit=28", "{host}"),
    ("gone-refused", Site(https="refused", http="refused"), "exit=7", URL),
    ("gone-refused-domain", Site(https="refused", http="refused"), "exit=7", "{host}"),
    ("gone-refused-http", Site(http="refused"), "exit=7", PLAIN),
    ("certificate-expired", Site(certificate="expired"), "exit=60", URL),
    ("certificate-self-signed", Site(certificate="self-signed"), "exit=60", URL),
    ("certificate-of-another", Site(certificate="other-name"), "exit=60", URL),
    ("certificate-unknown-issuer", Site(certificate="unknown-ca"), "exit=60", URL),
    ("alert-everywhere", Site(https="alert"), "exit=35", URL),
    ("tls-reset-everywhere", Site(https="reset"), RESET, URL),
    ("tls-closed-everywhere", Site(https="eof"), "exit=35", URL),
    ("tls-hangs-everywhere", Site(https="hang"), SILENCE, URL),
    ("tls-garbage-everywhere", Site(https="garbage"), "exit=35", URL),
    ("http-hangs-everywhere", Site(http="hang"), SILENCE, PLAIN),
    ("http-closed-everywhere", Site(http="eof"), "exit=52|exit=56", PLAIN),
    ("http-reset-everywhere", Site(http="reset"), RESET, PLAIN),
    ("redirect-loop", Site(https="loop"), "http=302", URL),
    ("redirect-ladder", Site(https="ladder"), "http=302", URL),
    ("redirect-to-nowhere", Site(https="redirect:https://gone.redirect-to-nowhere.org/"), "http=302", URL),
)
DOWN_EVERYWHERE = (
    *(
        _case(name, DOWN, site, *_everywhere(finds, URL if target == "{host}" else target), target=target)
        for name, site, finds, target in _EVERYONE
    ),
    _case("name-gone", DOWN, Site(exists=False), dig("NXDOMAIN"), dig("NXDOMAIN", where="control")),
    _case("name-gone-dns", DOWN, Site(exists=False), dig("NXDOMAIN"), target="dns://{host}"),
    _case(
        "tcp-gone",
        DOWN,
        Site(four=0, dead=1),
        tcp("exit=124"),
        tcp("exit=124", where="control"),
        target="tcp://{a}:443",
    ),
    _case(
        "tcp-refused",
        DOWN,
        Site(https="refused"),
        tcp("refused"),
        tcp("refused", where="control"),
        target="tcp://{a}:443",
    ),
)

REFUSALS = tuple(
    _case(f"refuses-{status}", REFUSAL, Site(https=f"status:{status}"), *_everywhere(f"http={status}"))
    for status in (403, 429, 451, 503)
)


def _here(name: str, expect: Expect, other: Site, *checks: Check, **more: object) -> Scenario:
    """The operator serves this vantage from another machine with the same certificate."""
    turned = Interference(act=Act.PROXY, source="{vantage}", address="{a}", port=443, to="{here_a}")
    return _case(name, expect, Site(), *checks, works(), sites=(Site(), other), core=(turned,), **more)


_403_HERE = Site(label="here", https="status:403", poses=True)
_GEO = Site(label="here", https="redirect:https://ru.geo-redirect.org/", poses=True)
SERVERS_OWN = (
    _here("refuses-here-alone", REFUSAL, _403_HERE, get("http=403")),
    _here("refuses-here-no-control", REFUSAL, _403_HERE, get("http=403"), control=Control.NONE),
    _here(
        "loop-here-alone", Expect(status="unreachable"), Site(label="here", https="loop", poses=True), get("http=302")
    ),
    _case(
        "geo-redirect",
        REACHABLE,
        Site(),
        get("to=https://ru.geo-redirect.org/"),
        works("https://{ru}/", where="vantage"),
        sites=(Site(), _GEO, Site(label="ru")),
        core=(Interference(act=Act.PROXY, source="{vantage}", address="{a}", port=443, to="{here_a}"),),
    ),
    _case(
        "redirect-to-www",
        REACHABLE,
        Site(https="redirect:https://m.redirect-to-www.org/"),
        get("http=302"),
        sites=(Site(https="redirect:https://m.redirect-to-www.org/"), Site(label="m")),
    ),
    _case(
        "http-to-https",
        REACHABLE,
        Site(http="redirect:https://www.http-to-https.net/"),
        get("http=302", PLAIN),
        target=PLAIN,
    ),
    _case("page-changes", REACHABLE, Site(https="changing"), *_everywhere("http=200")),
    _case("answers-slowly", REACHABLE, Site(https="slow:1.5"), *_everywhere("http=200")),
    _case("resets-after-answer", REACHABLE, Site(https="after"), *_everywhere("http=200")),
    _case("resets-after-answer-http", REACHABLE, Site(http="after"), *_everywhere("http=200", PLAIN), target=PLAIN),
    _case("no-close-notify", REACHABLE, Site(https="unclosed"), *_everywhere("http=200")),
    _case("body-without-end", REACHABLE, Site(https="endless"), *_everywhere("http=200")),
    _case(
        "fails-at-control-alone",
        REACHABLE,
        Site(),
        works(where="vantage"),
        get("exit=28", where="control"),
        core=(Interference(act=Act.DROP, source="{control}", address="{a}"),),
    ),
    _case(
        "fails-everywhere-by-route",
        DOWN,
        Site(),
        *_everywhere("exit=28"),
        core=(Interference(act=Act.DROP, address="{a}"),),
    ),
)

_CDN = Site(four=4, records=(0, 1))
VARIETY = (
    _case(
        "cdn-elsewhere", REACHABLE, _CDN, dig("{a3}"), dig("{a}", where="control"), lie=Lie(answers=("{a3}", "{a4}"))
    ),
    _case("cdn-elsewhere-domain", REACHABLE, _CDN, dig("{a3}"), lie=Lie(answers=("{a3}",)), target="{host}"),
    _case("cdn-elsewhere-no-control", REACHABLE, _CDN, dig("{a3}"), lie=Lie(answers=("{a3}",)), control=Control.NONE),
    _case("one-dead", REACHABLE, Site(four=2, dead=1), tcp("exit=124", "{a3}"), works(at="{a}", where="vantage")),
    _case("first-dead", REACHABLE, Site(four=2, dead=1, records=(2, 0, 1)), tcp("exit=124", "{a3}"), tcp("open")),
    _case("six-dead", REACHABLE, Site(dead_six=1), tcp("exit=124", "{six}"), tcp("open")),
    _case("four-dead-six-serves", REACHABLE, Site(four=0, dead=1, six=1), tcp("exit=124"), tcp("open", "{six}")),
)

_CUT = Interference(act=Act.DROP, address="{a}")
_NOT_FOR_SECOND = Interference(act=Act.DROP, source="{control2}", address="{a}")
DISAGREEING = (
    _case(
        "control-disagrees",
        Expect(status="unreachable", causes=("tcp.timeout",)),
        Site(),
        tcp("exit=124"),
        works(),
        get("exit=28", where="control2"),
        middlebox=(_CUT,),
        core=(_NOT_FOR_SECOND,),
        control=Control.DISAGREES,
    ),
    _case(
        "control-disagrees-but-proven",
        Expect(status="blocked", causes=("tls.reset", "tls.sni")),
        Site(),
        hello("errno=104"),
        get("exit=28", where="control2"),
        middlebox=(Interference(act=Act.HELLO_RST, name="{host}"),),
        core=(_NOT_FOR_SECOND,),
        control=Control.DISAGREES,
    ),
    _case(
        "control-disagrees-fine-here",
        REACHABLE,
        Site(),
        works(where="vantage"),
        get("exit=28", where="control2"),
        core=(_NOT_FOR_SECOND,),
        control=Control.DISAGREES,
    ),
)

SCENARIOS = (*FINE, *DOWN_EVERYWHERE, *REFUSALS, *SERVERS_OWN, *VARIETY, *DISAGREEING)
