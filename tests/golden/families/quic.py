"""Cases of QUIC: time-outs because of the network, and time-outs everywhere."""

from __future__ import annotations

from probe.model.failure import Failure
from probe.model.verdict import VantageState
from tests.golden.scenario import NAME, SITE, A, B, Scenario, world
from tests.golden.world import LATER, Alert, Cert

TARGET = f"quic://{NAME}:443"
SILENT = Failure.TIMEOUT
GOOD = (world(),)
NO_H3 = world(quic={(A, "*"): SILENT, (B, "*"): SILENT})
BY_NAME = {("*", NAME): SILENT}


def _case(name: str, says: str, here: dict[object, object], status: str, rule: str, **more: object) -> Scenario:
    causes = ("quic.timeout",) if rule.startswith("quic.timeout") or status == "unreachable" else ()
    fields: dict[str, object] = {"target": TARGET, "control": GOOD, "causes": causes, **more}
    return Scenario(name, says, world(**here), status, rule, **fields)  # type: ignore[arg-type]


SCENARIOS = (
    _case(
        "quic-served",
        "QUIC is answered, and the same addresses and ports still work after five seconds",
        {},
        "reachable",
        "served",
    ),
    _case("quic-served-alone", "the same without a control", {}, "reachable", "served", control=()),
    _case(
        "quic-by-address",
        "an address is a target as well as a name",
        {"certs": {A: [(A, Cert((A,))), ("*", SITE)]}},
        "reachable",
        "served",
        target=f"quic://{A}:443",
        control=(),
    ),
    _case(
        "quic-by-name",
        "silence under this name, an answer under another",
        {"quic": BY_NAME},
        "blocked",
        "quic.timeout.sni",
    ),
    _case(
        "quic-by-name-alone", "the same without a control", {"quic": BY_NAME}, "blocked", "quic.timeout.sni", control=()
    ),
    _case(
        "quic-by-name-later",
        "the handshake passes and the tuple is silent five seconds later, under this name only (GFW)",
        {"quic": {("*", NAME): LATER}},
        "blocked",
        "quic.timeout.sni",
        control=(),
    ),
    _case(
        "quic-by-name-at-control",
        "the server does not answer this name at the control either",
        {"quic": BY_NAME},
        "down",
        "control.failed",
        control=(world(quic=BY_NAME),),
    ),
    _case(
        "quic-by-port",
        "UDP/443 is dropped whatever the name: TCP to the same addresses works, and the control was served",
        {"quic": {("*", NAME): SILENT, (A, "*"): SILENT, (B, "*"): SILENT}},
        "blocked",
        "quic.timeout",
    ),
    _case(
        "quic-by-port-later",
        "the handshake passes, and every tuple is silent five seconds later; the control's kept working",
        {"quic": {("*", NAME): LATER, (A, "*"): LATER, (B, "*"): LATER}},
        "blocked",
        "quic.timeout",
    ),
    _case(
        "quic-nobody-listens",
        "the host has no HTTP/3: silence, and no control",
        {"quic": {(A, "*"): SILENT, (B, "*"): SILENT}},
        "unreachable",
        "quic.ambiguous",
        control=(),
    ),
    _case(
        "quic-nobody-listens-anywhere",
        "the host has no HTTP/3: silence here and at control",
        {"quic": {(A, "*"): SILENT, (B, "*"): SILENT}},
        "down",
        "control.failed",
        control=(NO_H3,),
    ),
    _case(
        "quic-and-tcp",
        "TCP to the same addresses times out too: nothing is shown about QUIC",
        {"quic": {(A, "*"): SILENT, (B, "*"): SILENT}, "tcp": {A: SILENT, B: SILENT}},
        "unreachable",
        "quic.ambiguous",
    ),
    _case(
        "quic-lost-once",
        "one handshake was not answered, the next was",
        {"quic": {(A, NAME): [SILENT, None], (B, NAME): [SILENT, None]}},
        "reachable",
        "served",
    ),
    _case("quic-one-address", "one of two addresses is silent", {"quic": {(A, "*"): SILENT}}, "reachable", "served"),
    _case(
        "quic-refused",
        "an ICMP error says that nothing listens on the port",
        {"quic": {(A, "*"): Failure.UNREACHABLE, (B, "*"): Failure.UNREACHABLE}},
        "unreachable",
        "quic.ambiguous",
        causes=(),
    ),
    _case(
        "quic-alert",
        "the server ends the handshake by an alert",
        {"quic": {(A, "*"): Alert("no_application_protocol"), (B, "*"): Alert("no_application_protocol")}},
        "unreachable",
        "server.alert",
        causes=(),
        control=(),
        found={"server_alert": "no_application_protocol"},
    ),
    _case(
        "quic-allowlist",
        "only an allow-list is let through: a time-out proves nothing",
        {"quic": BY_NAME},
        "unknown",
        "vantage.allowlist",
        state=VantageState.ALLOWLIST,
    ),
)
