"""Answers that come sooner than the server's, without a control, and honest paths that look like it.

On the line `overseas` every server is 400 ms behind the middlebox, because a busy machine forges answers late. The
servers of the honest scenarios close the connection of a request for their own name and answer any other: as far as a
visitor can see they are censored, and only the time speaks for them.

Sources: Weaver, Sommer, Paxson: Detecting Forged TCP Reset Packets, NDSS 2009 (forged answers and their times);
RFC 3135 (accelerators); Qian et al., MobiSys 2011 (radio states); Paxson, SIGCOMM 1997 (reordering, duplication).
"""

from __future__ import annotations

from tests.lab.checks import RESET, dig, get, hello, works
from tests.lab.records import Act, Control, Expect, Interference, Lie, Scenario, Site, Vantage
from tests.lab.scenarios.wording import NEVER_FINE, NOT_BLOCKED, PLAIN, blocked, family, host_page
from tests.lab.world import PUBLIC_RESOLVER, TRANSPARENT

_near = family("near")
_SHORT = "<html><head><title>Not available</title></head><body>Not available in this network.</body></html>"
_HEAD = "Content-Type: text/html\r\nConnection: close\r\n"
_NOTICE = f"HTTP/1.1 200 OK\r\n{_HEAD}Content-Length: {len(_SHORT)}\r\n\r\n{_SHORT}"
_ELSEWHERE = f"HTTP/1.1 302 Found\r\n{_HEAD}Location: http://{{stub_host}}/\r\nContent-Length: 0\r\n\r\n"
_OTHER_NAME = "http://q7ztw4mkd2.com/"
_ALONE = {"vantage": "overseas", "control": Control.NONE}
LINES = ("far", "radio", "accelerated", "overtaken", "overtak-loss", "twice", "cgnat", "slow-256", "mtu-1280")
"""The lines from which the honest servers are measured."""

PROVEN = (
    _near(
        "near-request-reset",
        blocked("http.reset"),
        get(RESET, PLAIN),
        works(PLAIN),
        does=Interference(act=Act.HOST_RST, name="{host}"),
        target=PLAIN,
        **_ALONE,
    ),
    _near(
        "near-request-closed",
        blocked("http.eof"),
        get("exit=52", PLAIN),
        works(PLAIN),
        does=host_page(""),
        target=PLAIN,
        **_ALONE,
    ),
    _near(
        "near-notice",
        blocked("http.blockpage"),
        get(f"size={len(_SHORT)} ", PLAIN),
        works(PLAIN),
        does=host_page(_NOTICE),
        target=PLAIN,
        **_ALONE,
    ),
    _near(
        "near-notice-raced",
        blocked("http.blockpage"),
        get(f"size={len(_SHORT)} ", PLAIN),
        works(PLAIN),
        does=host_page(_NOTICE, Act.HOST_ANSWER),
        target=PLAIN,
        **_ALONE,
    ),
    _near(
        "near-redirect",
        blocked("http.redirect"),
        get("http=302", PLAIN),
        works(PLAIN),
        does=host_page(_ELSEWHERE),
        target=PLAIN,
        **_ALONE,
    ),
    _near(
        "near-alert",
        Expect(status="blocked", causes=("tls.eof", "tls.sni")),
        hello("alert handshake failure"),
        works(),
        does=Interference(act=Act.HELLO_ALERT, name="{host}"),
        **_ALONE,
    ),
)


def _closes(line: str) -> Scenario:
    """A server that closes by name, from one line."""
    return _near(
        f"closes-{line}",
        NOT_BLOCKED,
        get("exit=52", PLAIN, where="control"),
        get("http=200", _OTHER_NAME, at="{a}", where="control"),
        target=PLAIN,
        sites=(Site(http="closes", https="refused"),),
        vantage=line,
        control=Control.NONE,
    )


_POISON = "31.13.94.41"
_FORGED = {"lie": Lie(answers=(_POISON,)), "control": Control.NONE}
_INJECTED = Interference(act=Act.DNS_INJECT, name="{host}", answers=(_POISON,))
PROFILES = (
    Vantage(
        name="overseas",
        core=(Interference(act=Act.DELAY, source="{vantage}", address="95.24.255.0/24", after=400),),
        timeout=8,
    ),
    Vantage(
        name="blind-53",
        resolvers=(PUBLIC_RESOLVER,),
        interference=(Interference(act=Act.DNS_ANY, source="{vantage}", to=TRANSPARENT),),
        trusted=False,
    ),
)
NAMES = (
    _near(
        "poisoned-path", blocked("dns.injected"), dig(_POISON), works(), does=_INJECTED, vantage="untrusting", **_FORGED
    ),
    _near("poisoned-resolver", NEVER_FINE, dig(_POISON), works(), vantage="untrusting", **_FORGED),
    _near("poisoned-proxy", NEVER_FINE, dig(_POISON), works(), vantage="blind-53", **_FORGED),
    _near(
        "refused-behind-proxy",
        NOT_BLOCKED,
        get("exit=7", where="control"),
        sites=(Site(https="refused"),),
        vantage="blind-53",
        control=Control.NONE,
    ),
)
"""Names that nothing can be compared with: no trusted resolver and no control."""
SCENARIOS = (*PROVEN, *NAMES, *(_closes(line) for line in LINES))
