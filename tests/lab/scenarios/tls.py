"""Interference with the TLS handshake: by server name, by address, by a man in the middle."""

from __future__ import annotations

from tests.lab.checks import RESET, get, hello, neutral, tcp, works
from tests.lab.records import Act, Check, Control, Expect, Interference, Scenario, Site

F = "tls"
URL = "https://{host}/"
EOF = "unexpected eof|exit=1"


def _sni(
    name: str,
    act: Act,
    causes: tuple[str, ...],
    *checks: Check,
    target: str = URL,
    after: int = 0,
    status: str = "blocked",
    control: Control = Control.ON,
    sites: tuple[Site, ...] = (Site(),),
    vantage: str = "a1",
) -> Scenario:
    """The middlebox matches the server name; the same address works under another name."""
    return Scenario(
        name=name,
        family=F,
        target=target,
        expect=Expect(status=status, causes=causes),
        middlebox=(Interference(act=act, name="{host}", after=after),),
        checks=(tcp("open"), *checks, neutral(), works()),
        control=control,
        sites=sites,
        vantage=vantage,
    )


_RESET, _TIMEOUT, _EOF = ("tls.reset", "tls.sni"), ("tls.timeout", "tls.sni"), ("tls.eof", "tls.sni")
_LATE = ("http.timeout", "tls.sni")
BY_NAME = (
    _sni("sni-rst", Act.HELLO_RST, _RESET, hello("errno=104")),
    _sni("sni-rst-b", Act.HELLO_RST, _RESET, hello("errno=104"), vantage="b1"),
    _sni("sni-rst-domain", Act.HELLO_RST, _RESET, hello("errno=104"), target="{host}"),
    _sni("sni-rst-tls-target", Act.HELLO_RST, _RESET, hello("errno=104"), target="tls://{a}:443/{host}"),
    _sni("sni-rst-two-addresses", Act.HELLO_RST, _RESET, hello("errno=104"), sites=(Site(four=2),)),
    _sni("sni-rst-no-control", Act.HELLO_RST, _RESET, hello("errno=104"), control=Control.NONE),
    _sni("sni-rst-no-entry", Act.HELLO_RST, _RESET, hello("errno=104"), control=Control.NO_ENTRY),
    _sni("sni-rst-three", Act.HELLO_RST3, _RESET, get(RESET)),
    _sni("sni-rewritten-reply", Act.HELLO_REWRITE, _RESET, hello("errno=104")),
    _sni("sni-drop", Act.HELLO_DROP, _TIMEOUT, hello("exit=124")),
    _sni("sni-drop-domain", Act.HELLO_DROP, _TIMEOUT, hello("exit=124"), target="{host}"),
    _sni("sni-drop-tls-target", Act.HELLO_DROP, _TIMEOUT, hello("exit=124"), target="tls://{a}:443/{host}"),
    _sni("sni-drop-no-control", Act.HELLO_DROP, _TIMEOUT, hello("exit=124"), control=Control.NONE),
    _sni("sni-mute", Act.HELLO_SILENCE, _TIMEOUT, hello("exit=124"), after=5),
    _sni("sni-mute-later", Act.HELLO_SILENCE, _LATE, get("tls=0.0*[1-9].*exit=28"), after=9),
    _sni("sni-eof", Act.HELLO_FIN, _EOF, hello(EOF)),
    _sni("sni-alert-here", Act.HELLO_ALERT, (), hello("handshake failure"), status="unreachable"),
    Scenario(
        name="sni-residual",
        family=F,
        target=URL,
        expect=Expect(status="blocked", causes=("tls.reset", ...)),  # type: ignore[arg-type]
        middlebox=(Interference(act=Act.HELLO_RESIDUAL, name="{host}", address="{a}", after=90),),
        # From another vantage, because the first trigger blocks the address for a minute and a half.
        checks=(works(),),
    ),
)


def _whole(name: str, does: Interference, cause: str, *checks: Check, sites: tuple[Site, ...] = (Site(),)) -> Scenario:
    """Every handshake with the address has the same result, whatever the name."""
    expect = Expect(status="blocked", causes=(cause,))
    return Scenario(
        name=name, family=F, target=URL, expect=expect, middlebox=(does,), checks=(*checks, works()), sites=sites
    )


_PORTAL = (Site(), Site(label="box", certificate="unknown-ca", title="Intercepted"))
_SELF = (Site(), Site(label="box", certificate="self-signed", title="Intercepted"))
_TO_BOX = Interference(act=Act.PROXY, address="{a}", port=443, to="{box_a}")
BY_ADDRESS = (
    _whole("hello-freeze", Interference(act=Act.FREEZE, address="{a}", after=600), "tls.timeout", hello("exit=124")),
    _whole("mitm", _TO_BOX, "tls.mitm", get("exit=60"), hello("unable to verify"), sites=_PORTAL),
    _whole("mitm-self-signed", _TO_BOX, "tls.mitm", get("exit=60"), hello("unable to verify"), sites=_SELF),
    Scenario(
        name="mitm-domain",
        family=F,
        target="{host}",
        sites=_PORTAL,
        expect=Expect(status="blocked", causes=("tls.mitm",)),
        middlebox=(_TO_BOX,),
        checks=(get("exit=60"), works()),
    ),
    Scenario(
        name="mitm-tls-target",
        family=F,
        target="tls://{a}:443/{host}",
        sites=_PORTAL,
        expect=Expect(status="blocked", causes=("tls.mitm",)),
        middlebox=(_TO_BOX,),
        checks=(get("exit=60"), works()),
    ),
)

SCENARIOS = (*BY_NAME, *BY_ADDRESS)
