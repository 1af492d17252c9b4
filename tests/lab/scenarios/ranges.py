"""Ranges: prefixes that are dropped whole or in part, half-empty ranges, relays that accept every SYN."""

from __future__ import annotations

from tests.lab.checks import hello, tcp
from tests.lab.records import Act, Check, Control, Expect, Interference, Scenario

F = "ranges"
SILENT, REFUSED, OPEN, SPEAKS = "exit=124", "refused", "open", "CONNECTION ESTABLISHED"
RANGE, WIDE = "{net}.90.0/24", "{net}.0.0/16"
ONE, OTHER, LAST = "{net}.90.7", "{net}.90.77", "{net}.90.200"
UNROUTED, EVERYBODY = "198.18.7.7", "0.0.0.0/0"


def _does(act: Act, address: str = RANGE, **more: str | int) -> tuple[Interference, ...]:
    return (Interference(act=act, address=address, **more),)  # type: ignore[arg-type]


def _case(
    name: str,
    does: tuple[Interference, ...],
    expect: Expect,
    *checks: Check,
    target: str = RANGE,
    ranges: tuple[str, ...] = (RANGE,),
    control: Control = Control.ON,
    vantage: str = "a1",
) -> Scenario:
    return Scenario(
        name=name,
        family=F,
        target=target,
        expect=expect,
        middlebox=does,
        checks=checks,
        ranges=ranges,
        control=control,
        vantage=vantage,
    )


def _blocked(*causes: str) -> Expect:
    return Expect(status="blocked", causes=(*causes, "ip.range"))


def _there(port: int = 443) -> tuple[Check, ...]:
    """Every address of the range answers at the control."""
    return tuple(tcp(OPEN, address, port, where="control") for address in (ONE, OTHER, LAST))


_WELL = Expect(status="reachable")
_FAILING = Expect(status="reachable", note="failing")
_RELAYED = Expect(status="unreachable")

SCENARIOS = (
    _case("range-open", (), _WELL, tcp(OPEN, ONE), hello(SPEAKS, address=OTHER), *_there()),
    _case("range-drop", _does(Act.DROP), _blocked("tcp.timeout"), tcp(SILENT, ONE), tcp(SILENT, LAST), *_there()),
    _case("range-drop-b", _does(Act.DROP), _blocked("tcp.timeout"), tcp(SILENT, ONE), *_there(), vantage="b1"),
    _case("range-rst", _does(Act.RST_SYN), _blocked("tcp.reset"), tcp(REFUSED, ONE), tcp(REFUSED, LAST), *_there()),
    _case(
        "range-icmp",
        _does(Act.ICMP, page="icmp-net-unreachable"),
        _blocked("tcp.unreachable"),
        tcp("unreachable", ONE),
        *_there(),
    ),
    _case(
        "range-drop-port",
        _does(Act.DROP, port=5222),
        _blocked("tcp.timeout"),
        tcp(SILENT, ONE, 5222),
        tcp(OPEN, ONE, 443),
        *_there(5222),
        target=f"{RANGE}:5222",
    ),
    _case(
        "range-other-port",
        _does(Act.DROP, port=5222),
        _WELL,
        tcp(SILENT, ONE, 5222),
        tcp(OPEN, ONE, 443),
        *_there(),
    ),
    _case(
        "range-hello-drop",
        _does(Act.FREEZE, after=250),
        _blocked("tls.timeout"),
        tcp(OPEN, ONE),
        hello("exit=124", address=ONE),
        hello(SPEAKS, address=ONE, where="control"),
    ),
    _case(
        "range-hole",
        _does(Act.DROP),
        _FAILING,
        tcp(SILENT, ONE),
        tcp(SILENT, LAST),
        tcp(OPEN, "{net}.89.7"),
        tcp(OPEN, "{net}.91.7"),
        *_there(),
        target=WIDE,
        ranges=(WIDE,),
    ),
    _case(
        "range-half-dead",
        (),
        _WELL,
        tcp(OPEN, ONE),
        tcp(SILENT, LAST),
        tcp(SILENT, LAST, where="control"),
        ranges=("{net}.90.0/25",),
    ),
    _case(
        "range-half-dead-drop",
        _does(Act.DROP),
        _blocked("tcp.timeout"),
        tcp(SILENT, ONE),
        tcp(OPEN, ONE, where="control"),
        tcp(SILENT, LAST, where="control"),
        ranges=("{net}.90.0/25",),
    ),
    _case(
        "range-dark",
        (),
        Expect(status="down"),
        tcp(SILENT, ONE),
        tcp(SILENT, ONE, where="control"),
        ranges=(),
    ),
    _case(
        "range-relay-all",
        _does(Act.PROXY, EVERYBODY, port=7777, to="{a}:443"),
        _RELAYED,
        tcp(OPEN, ONE, 7777),
        tcp(OPEN, UNROUTED, 7777),
        tcp(SILENT, UNROUTED, 7777, where="control"),
        *_there(7777),
        target=f"{RANGE}:7777",
    ),
    _case(
        "range-relay-inside",
        _does(Act.PROXY, port=7778, to="{a}:443"),
        _RELAYED,
        tcp(OPEN, ONE, 7778),
        tcp(OPEN, LAST, 7778),
        tcp(SILENT, LAST, 7778, where="control"),
        tcp(SILENT, UNROUTED, 7778),
        target=f"{RANGE}:7778",
        ranges=("{net}.90.0/25",),
    ),
    _case(
        "tcp-relay-all",
        _does(Act.PROXY, EVERYBODY, port=7779, to="{a}:443"),
        _RELAYED,
        tcp(OPEN, ONE, 7779),
        tcp(OPEN, UNROUTED, 7779),
        tcp(OPEN, ONE, 7779, where="control"),
        target=f"tcp://{ONE}:7779",
    ),
    _case(
        "range-drop-no-control",
        _does(Act.DROP),
        Expect(status="unreachable", causes=("tcp.timeout",)),
        tcp(SILENT, ONE),
        *_there(),
        control=Control.NONE,
    ),
    _case("range-open-no-control", (), _WELL, tcp(OPEN, ONE), *_there(), control=Control.NONE),
    _case(
        "range-drop-no-entry",
        _does(Act.DROP),
        Expect(status="unreachable", causes=("tcp.timeout",)),
        tcp(SILENT, ONE),
        *_there(),
        control=Control.NO_ENTRY,
    ),
    _case("range-loss", (), _WELL, *_there(), vantage="loss10"),
    _case(
        "range-half-dead-loss",
        (),
        _WELL,
        tcp(OPEN, ONE, where="control"),
        tcp(SILENT, LAST, where="control"),
        ranges=("{net}.90.0/25",),
        vantage="loss10",
    ),
    _case(
        "range-offline",
        (),
        Expect(status="unknown", state="offline"),
        tcp(SILENT, ONE),
        *_there(),
        vantage="offline",
    ),
    _case(
        "range-allowlist",
        (),
        Expect(status="unknown", state="allowlist"),
        tcp(OPEN, ONE),
        hello("exit=124", address=ONE),
        *_there(),
        vantage="allowlist",
    ),
)
