"""Odd but working servers: redirects with cookies, malformed headers, one protocol alone, alerts, old cryptography.

Sources: the RFCs beside the answers in `odd_answers.py`; RFC 8446, 6.2 (alerts); RFC 7301 (ALPN's refusal); Adrian et
al.: Logjam (CCS 2015); bug reports of curl, aiohttp and urllib3 about headers that browsers accept.
"""

from __future__ import annotations

from tests.lab import odd_answers
from tests.lab.checks import dig, get, tcp, works
from tests.lab.records import Check, Control, Expect, Lie, Site
from tests.lab.scenarios.wording import PLAIN, REACHABLE, family

_case = family("servers")


_ASK = "printf 'GET / HTTP/1.1\\r\\nHost: {host}\\r\\nConnection: close\\r\\n\\r\\n'"
_READ = "2>/dev/null | tr -d '\\0' | head -c 300"
_TLS = f"({_ASK}; sleep 1) | timeout 3 openssl s_client -quiet -connect {{a}}:443 -servername {{host}} -ign_eof {_READ}"
_TCP = f"exec 3<>/dev/tcp/{{a}}/80; {_ASK} >&3; timeout 2 cat <&3 {_READ}"


def _spoken(command: str = _TLS) -> Check:
    """The server says a status line, whatever curl thinks of the rest."""
    return Check(command=command, finds="HTTP/1[.][01] [0-9]{{3}}")


_CLEAR = (
    "early-hints",
    "blank-before-colon",
    "line-without-colon",
    "leading-crlf",
    "double-transfer-encoding",
    "location-with-space",
    "location-of-an-app",
    "permanent-308",
    "no-reason",
)
_ALERTS = {
    10: "unexpected-message",
    40: "handshake-failure",
    49: "access-denied",
    70: "protocol-version",
    71: "insufficient-security",
    80: "internal-error",
    86: "inappropriate-fallback",
    109: "missing-extension",
    115: "unknown-psk",
    116: "certificate-required",
}
_DOWN = Expect(status="down")
_ODD = {"location-empty": Expect(status="reachable|down")}
"""An empty Location leads to the same page again: the server's word, or a broken redirect for everyone."""
_EVERYWHERE = Expect(status="down|reachable")
_REGIONAL = {"refused": "refused", "closed": "eof", "reset": "reset", "mute": "hang"}
_TEXT = "%D1%8F" * 350
SCENARIOS = (
    *(
        _case(f"odd-{kind}", _ODD.get(kind, REACHABLE), _spoken(), sites=(Site(https=f"raw:{kind}"),))
        for kind in odd_answers.ANSWERS
    ),
    *(
        _case(
            f"odd-{kind}-clear",
            REACHABLE,
            _spoken(_TCP),
            sites=(Site(http=f"raw:{kind}"),),
            target=PLAIN,
        )
        for kind in _CLEAR
    ),
    *(
        _case(f"odd-{kind}-alone", REACHABLE, _spoken(), sites=(Site(https=f"raw:{kind}"),), control=Control.NONE)
        for kind in ("early-hints", "false-gzip", "location-of-an-app", "large-headers")
    ),
    _case("cookie-redirect", REACHABLE, get("http=302"), sites=(Site(https="cookie", http="cookie"),)),
    _case(
        "cookie-redirect-clear",
        REACHABLE,
        get("http=302", PLAIN),
        sites=(Site(https="cookie", http="cookie"),),
        target=PLAIN,
    ),
    _case(
        "cookie-redirect-domain",
        REACHABLE,
        get("http=302"),
        sites=(Site(https="cookie", http="cookie"),),
        target="{host}",
    ),
    _case(
        "cookie-redirect-alone",
        REACHABLE,
        get("http=302"),
        sites=(Site(https="cookie", http="cookie"),),
        control=Control.NONE,
    ),
    _case("only-http2", REACHABLE, works(), works(where="vantage"), sites=(Site(https="http2"),)),
    _case(
        "only-http2-alone",
        Expect(status="reachable|unreachable"),
        works(where="vantage"),
        sites=(Site(https="http2"),),
        control=Control.NONE,
    ),
    _case("old-dh", _EVERYWHERE, get("exit=35"), get("exit=35", where="control"), sites=(Site(https="old-dh"),)),
    _case("old-dh-domain", REACHABLE, get("exit=35"), works(PLAIN), sites=(Site(https="old-dh"),), target="{host}"),
    *(
        _case(
            f"alert-{name}",
            _DOWN,
            get("exit=35|exit=98"),
            get("exit=35|exit=98", where="control"),
            sites=(Site(https=f"alert:{code}"),),
        )
        for code, name in _ALERTS.items()
    ),
    *(
        _case(
            f"alert-{_ALERTS[code]}-domain",
            REACHABLE,
            get("exit=35"),
            works(PLAIN),
            sites=(Site(https=f"alert:{code}"),),
            target="{host}",
        )
        for code in (40, 70, 80)
    ),
    _case(
        "alert-alone",
        Expect(status="unreachable"),
        get("exit=35"),
        sites=(Site(https="alert:80"),),
        control=Control.NONE,
    ),
    *(
        _case(
            f"regional-{name}",
            REACHABLE,
            dig("{near_a}"),
            tcp("refused|open", "{near_a}"),
            dig("{a}", where="control"),
            sites=(Site(https=kind), Site(label="near", https=kind)),
            lie=Lie(answers=("{near_a}",)),
            target="dns://{host}",
        )
        for name, kind in _REGIONAL.items()
    ),
    _case(
        "long-cyrillic-url",
        REACHABLE,
        works(f"https://{{host}}/{_TEXT}", where="vantage"),
        works(f"https://{{host}}/{_TEXT}"),
        target=f"https://{{host}}/{'я' * 350}",
    ),
    _case("fragment-and-query", REACHABLE, works(where="vantage"), target="https://{host}/a?b=c&d=%20#part"),
    _case(
        "moved-for-good",
        REACHABLE,
        get("http=308"),
        works("https://{there}/"),
        sites=(Site(https="permanent:https://there.moved-for-good.org/"), Site(label="there")),
    ),
)
