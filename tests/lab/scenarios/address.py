"""Interference by address and port: SYNs that are dropped or answered with RST or ICMP."""

from __future__ import annotations

from tests.lab.checks import get, tcp, works
from tests.lab.records import Act, Check, Control, Expect, Interference, Scenario, Site

F = "address"
URL = "https://{host}/"
SILENT, REFUSED, OPEN = "exit=124", "refused", "open"


def _drop(address: str = "{a}", port: int = 0) -> Interference:
    return Interference(act=Act.DROP, address=address, port=port)


def _rst(address: str = "{a}", port: int = 0) -> Interference:
    return Interference(act=Act.RST_SYN, address=address, port=port)


def _icmp(kind: str) -> Interference:
    return Interference(act=Act.ICMP, address="{a}", page=kind)


def _case(
    name: str,
    does: tuple[Interference, ...],
    expect: Expect,
    *checks: Check,
    target: str = URL,
    control: Control = Control.ON,
    sites: tuple[Site, ...] = (Site(),),
    vantage: str = "a1",
) -> Scenario:
    return Scenario(
        name=name,
        family=F,
        target=target,
        expect=expect,
        middlebox=does,
        checks=(*checks, works()),
        control=control,
        sites=sites,
        vantage=vantage,
    )


def _blocked(cause: str) -> Expect:
    return Expect(status="blocked", causes=(cause,))


_UNSURE = Expect(status="unreachable", causes=("tcp.timeout",))
_FAILING = Expect(status="reachable", note="failing")
_FAMILY = Expect(status="reachable", note="families")
_THREE = (Site(four=3),)
_DUAL = (Site(six=1),)
_SIX = "[{six}]"

SILENCE = (
    _case("drop", (_drop(),), _blocked("tcp.timeout"), tcp(SILENT), tcp(SILENT, port=80)),
    _case("drop-b", (_drop(),), _blocked("tcp.timeout"), tcp(SILENT), vantage="b1"),
    _case("drop-port", (_drop(port=443),), _blocked("tcp.timeout"), tcp(SILENT), tcp(OPEN, port=80)),
    _case("drop-domain", (_drop(),), _blocked("tcp.timeout"), tcp(SILENT), target="{host}"),
    _case("drop-port-domain", (_drop(port=443),), _blocked("tcp.timeout"), tcp(SILENT), target="{host}"),
    _case("drop-http", (_drop(),), _blocked("tcp.timeout"), tcp(SILENT, port=80), target="http://{host}/"),
    _case("drop-tcp", (_drop(),), _blocked("tcp.timeout"), tcp(SILENT), target="tcp://{a}:443"),
    _case("drop-tls", (_drop(),), _blocked("tcp.timeout"), tcp(SILENT), target="tls://{a}:443/{host}"),
    _case(
        "drop-three",
        (_drop("{a}"), _drop("{a2}"), _drop("{a3}")),
        _blocked("tcp.timeout"),
        tcp(SILENT, "{a}"),
        tcp(SILENT, "{a2}"),
        tcp(SILENT, "{a3}"),
        sites=_THREE,
    ),
    _case("drop-one-of-three", (_drop("{a2}"),), _FAILING, tcp(SILENT, "{a2}"), tcp(OPEN, "{a3}"), sites=_THREE),
    _case("drop-two-of-three", (_drop("{a}"), _drop("{a3}")), _FAILING, tcp(SILENT), tcp(OPEN, "{a2}"), sites=_THREE),
    _case(
        "drop-both-families",
        (_drop(), _drop("{six}")),
        _blocked("tcp.timeout"),
        tcp(SILENT),
        tcp(SILENT, "{six}"),
        sites=_DUAL,
    ),
    _case("drop-four-only", (_drop(),), _FAMILY, tcp(SILENT), get(at=_SIX), sites=_DUAL),
    _case("drop-six-only", (_drop("{six}"),), _FAMILY, tcp(SILENT, "{six}"), get(), sites=_DUAL),
    _case("drop-no-control", (_drop(),), _UNSURE, tcp(SILENT), control=Control.NONE),
    _case("drop-no-entry", (_drop(),), _UNSURE, tcp(SILENT), control=Control.NO_ENTRY),
    _case("drop-tcp-no-control", (_drop(),), _UNSURE, tcp(SILENT), target="tcp://{a}:443", control=Control.NONE),
)

_RST_UNSURE = Expect(status="unreachable", causes=("tcp.reset",))
RESETS = (
    _case("rst", (_rst(),), _blocked("tcp.reset"), tcp(REFUSED), tcp(REFUSED, port=80)),
    _case("rst-port", (_rst(port=443),), _blocked("tcp.reset"), tcp(REFUSED), tcp(OPEN, port=80)),
    _case("rst-tcp", (_rst(),), _blocked("tcp.reset"), tcp(REFUSED), target="tcp://{a}:443"),
    _case("rst-one-of-three", (_rst("{a}"),), _FAILING, tcp(REFUSED), tcp(OPEN, "{a2}"), sites=_THREE),
    _case("rst-no-control", (_rst(),), _RST_UNSURE, tcp(REFUSED), control=Control.NONE),
    _case("rst-six-only", (_rst("{six}"),), _FAMILY, tcp(REFUSED, "{six}"), get(), sites=_DUAL),
    _case("icmp-prohibited", (_icmp("icmp-admin-prohibited"),), _blocked("tcp.unreachable"), tcp("No route")),
    _case("icmp-host", (_icmp("icmp-host-unreachable"),), _blocked("tcp.unreachable"), tcp("No route")),
    _case(
        "icmp-net-tcp",
        (_icmp("icmp-net-unreachable"),),
        _blocked("tcp.unreachable"),
        tcp("unreachable"),
        target="tcp://{a}:443",
    ),
)

SCENARIOS = (*SILENCE, *RESETS)
