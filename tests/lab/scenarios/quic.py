"""QUIC that is dropped by port, by name or some time after the handshake, and hosts that do not speak it."""

from __future__ import annotations

from tests.lab.checks import hello, quic, tcp
from tests.lab.records import Act, Check, Control, Expect, Interference, Scenario, Site

F = "quic"
TARGET = "quic://{host}:443"
BLOCKED = Expect(status="blocked", causes=("quic.timeout",))
SILENT = Expect(status="unreachable", causes=("quic.timeout",))
UNREACHABLE = Expect(status="unreachable")
DOWN = Expect(status="down")
REACHABLE = Expect(status="reachable")
SPOKEN = (Site(quic=True),)
OTHER = quic("answered", "q7ztw4mkd2.com")
WELL = quic("answered", where="control")
TCP = hello("ESTABLISHED")


def _case(name: str, expect: Expect, *checks: Check, does: Interference | None = None, **more: object) -> Scenario:
    middlebox = () if does is None else (does,)
    fields: dict[str, object] = {"target": TARGET, "sites": SPOKEN, "middlebox": middlebox, **more}
    return Scenario(name=name, family=F, expect=expect, checks=checks, **fields)  # type: ignore[arg-type]


FINE = (
    _case("quic-fine", REACHABLE, quic("answered kept", later=1), WELL),
    _case("quic-fine-no-control", REACHABLE, quic("answered"), control=Control.NONE),
    _case("quic-fine-lossy", REACHABLE, WELL, vantage="loss10"),
)

_BY_PORT = Interference(act=Act.QUIC_DROP, address="{a}")
_BY_NAME = Interference(act=Act.QUIC_NAME, name="{host}", address="{a}")
_LATER = Interference(act=Act.QUIC_NAME, name="{host}", address="{a}", after=110)
BLOCKS = (
    _case("quic-port", BLOCKED, quic("silent"), TCP, WELL, does=_BY_PORT),
    _case("quic-port-b", BLOCKED, quic("silent"), TCP, WELL, does=_BY_PORT, vantage="b1"),
    _case("quic-port-no-control", SILENT, quic("silent"), TCP, WELL, does=_BY_PORT, control=Control.NONE),
    _case("quic-name", BLOCKED, quic("silent"), OTHER, WELL, does=_BY_NAME),
    _case("quic-name-no-control", BLOCKED, quic("silent"), OTHER, WELL, does=_BY_NAME, control=Control.NONE),
    _case("quic-name-later", BLOCKED, quic("answered lost", later=1), WELL, does=_LATER),
    _case(
        "quic-one-address",
        REACHABLE,
        quic("silent"),
        quic("answered", address="{a2}"),
        does=_BY_PORT,
        sites=(Site(quic=True, four=2),),
    ),
)

_DROPPED = (Interference(act=Act.QUIC_DROP, address="{a}"),)
_NONE = (Site(),)
ABSENT = (
    _case("quic-absent", DOWN, TCP, quic("silent|error"), sites=_NONE),
    _case("quic-absent-no-control", UNREACHABLE, TCP, quic("silent|error"), sites=_NONE, control=Control.NONE),
    _case("quic-filtered-by-host", DOWN, quic("silent"), quic("silent", where="control"), sites=_NONE, core=_DROPPED),
    _case("quic-host-gone", DOWN, quic("silent"), tcp("exit=124"), sites=(Site(four=0, dead=1),)),
    _case(
        "quic-address-dropped",
        SILENT,
        quic("silent"),
        tcp("exit=124"),
        WELL,
        does=Interference(act=Act.DROP, address="{a}"),
    ),
)

SCENARIOS = (*FINE, *BLOCKS, *ABSENT)
