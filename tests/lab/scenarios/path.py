"""Blocks at the first router of the path (the ISP's middlebox) or at the second (core, the last one).

They have a lab of their own, because a search that sends the name many times follows each blocked verdict.
"""

from __future__ import annotations

from tests.lab.checks import answers, get, hello, neutral, works
from tests.lab.records import Act, Check, Expect, Interference, Scenario, Site, Vantage

URL = "https://{host}/"
PAGE = "HTTP/1.1 200 OK\r\nContent-Length: 11\r\nConnection: close\r\n\r\nNot for you"
PROFILES = (Vantage(name="seeker"),)


def _case(
    name: str,
    cause: str,
    *checks: Check,
    target: str = URL,
    middlebox: tuple[Interference, ...] = (),
    core: tuple[Interference, ...] = (),
    sites: tuple[Site, ...] = (Site(),),
) -> Scenario:
    return Scenario(
        name=name,
        family="path",
        target=target,
        vantage="seeker",
        expect=Expect(status="blocked", causes=(cause, ...)),  # type: ignore[arg-type]
        checks=(*checks, works()),
        middlebox=middlebox,
        core=core,
        sites=sites,
    )


def _does(act: Act, **more: object) -> tuple[Interference, ...]:
    return (Interference(act=act, name="{host}", **more),)  # type: ignore[arg-type]


def _far(act: Act, ttl: int = 64) -> tuple[Interference, ...]:
    return (Interference(act=act, name="{host}", source="{vantage}", ttl=ttl),)


LOCATED = {
    _case("path-first-rst", "tls.reset", hello("errno=104"), neutral(), middlebox=_does(Act.HELLO_RST)): (1, False),
    _case("path-first-beside", "tls.reset", neutral(), middlebox=_does(Act.HELLO_RST3)): (1, False),
    _case("path-first-fin", "tls.eof", neutral(), middlebox=_does(Act.HELLO_FIN)): (1, False),
    _case("path-first-drop", "tls.timeout", hello("exit=124"), neutral(), middlebox=_does(Act.HELLO_DROP)): (1, False),
    _case(
        "path-first-page",
        "http.blockpage",
        get("http=200 .*size=11", "http://{host}/"),
        target="http://{host}/",
        middlebox=_does(Act.HOST_PAGE, page=PAGE),
    ): (1, False),
    _case(
        "path-first-dns",
        "dns.injected",
        answers("8.7.198.45", "{a}"),
        middlebox=_does(Act.DNS_INJECT, answers=("8.7.198.45",)),
        target="dns://{host}",
    ): (1, False),
    _case("path-second-rst", "tls.reset", hello("errno=104"), neutral(), core=_far(Act.HELLO_RST)): (2, True),
    _case("path-second-drop", "tls.timeout", hello("exit=124"), neutral(), core=_far(Act.HELLO_DROP)): (2, True),
    _case("path-second-copies", "tls.reset", neutral(), core=_far(Act.HELLO_RST, ttl=0)): (3, True),
    _case("path-rewritten", "tls.reset", neutral(), middlebox=_does(Act.HELLO_REWRITE)): (2, True),
}
"""Scenario -> routers that the words got past, and whether the server is no farther.

A reply that is rewritten on its way back is found where its server is: the words themselves met nobody. A box that
gives its RST what is left of the words' own TTL is found up to twice as far away as it is: the RST must come back.
"""
HIDDEN = (_case("path-mute", "tls.timeout", hello("exit=124"), middlebox=_does(Act.HELLO_SILENCE, after=6)),)
"""The ClientHello passes and is acknowledged; the search cannot locate what drops the later packets."""
SCENARIOS = (*LOCATED, *HIDDEN)
