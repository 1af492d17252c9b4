"""Interference with plain HTTP and with the hosts of a redirect."""

from __future__ import annotations

from tests.lab.checks import RESET, SILENCE, get, hello, neutral, works
from tests.lab.records import Act, Check, Control, Expect, Interference, Scenario, Site
from tests.lab.servers import STUB_PAGE

F = "http"
URL = "http://{host}/"
_END = "Content-Type: text/html\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
BLOCKPAGE = "HTTP/1.1 200 OK\r\n" + _END.format(length=len(STUB_PAGE)) + STUB_PAGE
FORBIDDEN = "HTTP/1.1 403 Forbidden\r\n" + _END.format(length=len(STUB_PAGE)) + STUB_PAGE
REDIRECT = "HTTP/1.1 302 Found\r\nLocation: http://{stub_host}/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
_HOP = "http://{far}/"


def _host(name: str, act: Act, causes: tuple[str, ...], *checks: Check, page: str = "", **more: object) -> Scenario:
    """The box reads the Host header of plain requests."""
    fields: dict[str, object] = {
        "target": URL,
        "expect": Expect(status="blocked", causes=causes),
        "middlebox": (Interference(act=act, name="{host}", page=page),),
        "checks": (*checks, works(URL)),
    }
    return Scenario(name=name, family=F, **{**fields, **more})  # type: ignore[arg-type]


_PAGE, _REDIRECT = ("http.blockpage",), ("http.redirect",)
KEYWORD = (
    _host("host-page", Act.HOST_PAGE, _PAGE, get("http=200 .*size=2..", URL), page=BLOCKPAGE),
    _host("host-page-403", Act.HOST_PAGE, _PAGE, get("http=403", URL), page=FORBIDDEN),
    _host("host-page-domain", Act.HOST_PAGE, _PAGE, get("size=2..", URL), page=BLOCKPAGE, target="{host}"),
    _host("host-redirect", Act.HOST_PAGE, _REDIRECT, get("to=http://{stub_host}/", URL), page=REDIRECT),
    _host("host-redirect-b", Act.HOST_PAGE, _REDIRECT, get("http=302", URL), page=REDIRECT, vantage="b1"),
    _host("host-rst", Act.HOST_RST, ("http.reset",), get(RESET, URL)),
    _host("host-drop", Act.HOST_DROP, ("http.timeout",), get(SILENCE, URL)),
    _host("host-eof", Act.HOST_PAGE, ("http.eof",), get("exit=52", URL)),
    _host("host-rst-domain", Act.HOST_RST, ("http.reset",), get(RESET, URL), target="{host}"),
    Scenario(
        name="page-by-proxy",
        family=F,
        target=URL,
        expect=Expect(status="blocked", causes=_PAGE),
        middlebox=(Interference(act=Act.PROXY, address="{a}", port=80, to="{stub}"),),
        checks=(get("http=200 .*size=2..", URL), works(URL)),
    ),
    Scenario(
        name="https-redirected-here",
        family=F,
        target=URL,
        sites=(Site(), Site(label="warn", http="redirect:http://warning.isp-a.net/")),
        expect=Expect(status="blocked", causes=_REDIRECT),
        middlebox=(Interference(act=Act.PROXY, address="{a}", port=80, to="{warn_a}"),),
        checks=(get("to=http://{stub_host}/", URL), works(URL)),
    ),
)


def _chain(
    name: str, does: tuple[Interference, ...], causes: tuple[str, ...], *checks: Check, **more: object
) -> Scenario:
    """The target redirects every client to a host that is interfered with here."""
    return Scenario(
        name=name,
        family=F,
        target="https://{host}/",
        sites=(Site(https=f"redirect:https://far.{name}.org/"), Site(label="far")),
        expect=Expect(status="blocked", causes=causes, note="hop"),
        middlebox=does,
        checks=(get("http=302", "https://{host}/"), *checks, works("https://{far}/")),
        **more,  # type: ignore[arg-type]
    )


_FAR_SNI = Interference(act=Act.HELLO_RST, name="{far}")
CHAINS = (
    _chain(
        "chain-sni", (_FAR_SNI,), ("tls.reset", "tls.sni"), hello("errno=104", "{far}", "{far_a}"), neutral("{far_a}")
    ),
    _chain("chain-sni-no-control", (_FAR_SNI,), ("tls.reset", "tls.sni"), neutral("{far_a}"), control=Control.NONE),
    _chain(
        "chain-drop",
        (Interference(act=Act.DROP, address="{far_a}"),),
        ("tcp.timeout",),
        get("exit=28", "https://{far}/", at="{far_a}"),
    ),
)

SCENARIOS = (*KEYWORD, *CHAINS)
