"""The table of rules, and the causes that a verdict names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from probe.judge.rules import RULES, RULES_VERSION, causes_of, decide
from probe.model.failure import Failure
from probe.model.hop import Purpose
from probe.model.observation import Observation
from probe.model.verdict import Cause, Status, VantageNote, VantageState
from tests.unit.judge.builders import (
    FORGED,
    HTTP,
    NAME,
    NEUTRAL,
    URL,
    A,
    B,
    control,
    hop_of,
    http,
    said,
    served,
    tcp,
    tls,
    tries,
)

DOCUMENT = Path(__file__).parents[3] / "docs" / "methods" / "rules.md"
KNOWN = (said("network", A, B), said("trusted", A, B))


def documented() -> str:
    """The table as Markdown, for `docs/methods/rules.md`."""
    rows = [
        "# Rules",
        "",
        f"Version {RULES_VERSION}. One ordered table: the first rule that applies to a hop decides it, and the verdict",
        "names it. This page is generated from `probe/judge/rules.py`; a test compares the two.",
        "",
        "| rule | status | causes | why | source |",
        "| --- | --- | --- | --- | --- |",
    ]
    for rule in RULES:
        causes = " ".join(f"`{cause}`" for cause in rule.causes)
        rows.append(f"| `{rule.id}` | {rule.status} | {causes} | {rule.why} | {rule.source} |")
    return "\n".join([*rows, ""])


def test_every_rule_has_an_id_of_its_own_a_reason_and_a_source() -> None:
    """Ids have the form `layer.what`."""
    ids = [rule.id for rule in RULES]

    assert len(set(ids)) == len(ids)
    assert all(rule.why and rule.source and not rule.why.endswith(".") for rule in RULES)
    assert all(word.replace("_", "").isalpha() for name in ids for word in name.split("."))


def test_causes_belong_to_rules_that_say_blocked_or_throttled() -> None:
    """The first names the layer in which the interference showed."""
    for rule in RULES:
        assert bool(rule.causes) == (rule.status in {Status.BLOCKED, Status.THROTTLED}), rule.id
        if rule.causes:
            assert rule.id.startswith(rule.causes[0]), rule.id


def test_no_rule_says_blocked_before_those_for_what_works_and_for_allow_lists() -> None:
    """The order matters."""
    order = {rule.id: number for number, rule in enumerate(RULES)}
    first_blocked = min(number for number, rule in enumerate(RULES) if rule.status is Status.BLOCKED)

    assert max(order[name] for name in ("served", "vantage.allowlist", "vantage.policed", "host.trust")) < first_blocked
    assert order["vantage.offline"] == 0
    assert RULES[-1].id == "unexplained"


def test_only_proven_interference_comes_before_the_controls_outcome() -> None:
    """No later rule says blocked without a control, except for a known block page."""
    order = {rule.id: number for number, rule in enumerate(RULES)}
    before = {rule.id for rule in RULES[: order["control.failed"]] if rule.status is Status.BLOCKED}

    assert {name.partition(".")[0] for name in before} == {"dns", "tls", "quic", "http"}
    by_name = {"tls.reset.sni", "tls.timeout.sni", "tls.eof.sni", "tls.eof.garbage"}
    nearer = {"tls.reset.near", "tls.eof.near", "tls.eof.alert", "tls.mitm.near"}
    line = {"tls.timeout.line", "tls.reset.line"}
    assert {name for name in before if name.startswith("tls")} == by_name | nearer | line
    assert {name for name in before if name.startswith("http")} == {
        "http.timeout.line",
        "http.reset.near",
        "http.eof.near",
        "http.redirect.near",
        "http.blockpage.near",
    }
    assert {name for name in before if name.startswith("quic")} == {"quic.timeout.sni"}


@pytest.mark.parametrize(
    ("seen", "rule"),
    [
        ((), "measurement.empty"),
        ((said("network", A),), "measurement.cut"),
        ((said("network", "10.1.1.1"),), "dns.unresolved"),
        ((*KNOWN, *served()), "served"),
        ((*KNOWN, tcp(A, Failure.TIMEOUT)), "tcp.ambiguous"),
        ((*KNOWN, tcp(), tls(A, Failure.TOO_MUCH)), "tls.ambiguous"),
        ((*KNOWN, tcp()), "unexplained"),
    ],
)
def test_the_first_rule_that_applies_decides(seen: tuple[Observation, ...], rule: str) -> None:
    """The last one always applies."""
    assert decide(hop_of(*seen)).id == rule


@pytest.mark.parametrize(
    "state", [VantageState.OFFLINE, VantageState.PORTAL, VantageState.ALLOWLIST, VantageState.POLICED]
)
def test_the_state_of_the_vantage_decides_first(state: VantageState) -> None:
    """What failed is unknown."""
    assert decide(hop_of(*KNOWN, tcp(A, Failure.TIMEOUT), state=state)).id == f"vantage.{state}"


def test_failures_of_this_host_and_the_controls_outcome_have_rules() -> None:
    """`unknown`, `unreachable`, `down`."""
    failed = (*KNOWN, tcp(A, Failure.TIMEOUT))

    assert decide(hop_of(*failed, error="ValueError")).id == "measurement.failed"
    assert decide(hop_of(*failed, by=control(Status.DOWN))).id == "control.failed"
    assert decide(hop_of(*failed, by=control(Status.DOWN, Status.REACHABLE))).id == "control.disagrees"


DOUBT: dict[str, Any] = {"notes": frozenset({VantageNote.ANCHORS_DISAGREE})}


def test_where_anchors_disagree_only_what_one_address_proves_is_blocked() -> None:
    """Silence, a forged certificate and a foreign redirect are unknown there; a name cut beside another is blocked."""
    silent = (*KNOWN, *tries(5, tcp(A, Failure.TIMEOUT)))
    forged = (*KNOWN, *tries(2, tls(A, Failure.CERTIFICATE, error="self-signed certificate"), tcp()))
    elsewhere = (*KNOWN, tcp(A, port=80), http(A, 302, url=HTTP, location="http://login.example/"))
    cut = (*KNOWN, *tries(2, tls(A, Failure.RESET), tcp()), NEUTRAL)

    for seen, target, rule in (
        (silent, URL, "tcp.timeout"),
        (forged, URL, "tls.mitm"),
        (elsewhere, HTTP, "http.redirect"),
    ):
        assert decide(hop_of(*seen, target=target, by=control())).id == rule
        assert decide(hop_of(*seen, target=target, by=control(), **DOUBT)).id == "vantage.anchors_disagree"
    assert decide(hop_of(*cut, by=control(), **DOUBT)).id == "tls.reset.sni"
    assert decide(hop_of(*KNOWN, *served(), by=control(), **DOUBT)).id == "served"
    assert decide(hop_of(*silent, by=control(Status.DOWN), **DOUBT)).id == "control.failed"


def test_rules_that_one_address_proves_compare_names_or_answers_there() -> None:
    """And they accuse: the field means nothing on a rule that does not."""
    proven = {rule.id for rule in RULES if rule.at_one_address}

    assert all(rule.causes for rule in RULES if rule.at_one_address)
    assert {"dns.injected", "throttle.rate"} <= proven
    assert {rule.id for rule in RULES if rule.id.endswith(".sni")} <= proven
    assert not {"tcp.timeout", "tls.mitm", "http.redirect", "http.blockpage", "dns.spoofed"} & proven


def test_causes_that_only_a_sound_line_proves_are_left_out_where_anchors_disagree() -> None:
    """A poisoned name that is cut as well names the proven cause alone."""
    seen = (said("network", "10.1.1.1"), said("trusted", A, B), *tries(2, tls(A, Failure.RESET), tcp()), NEUTRAL)
    sound, doubted = (hop_of(*seen, by=control(), **more) for more in ({}, DOUBT))

    assert causes_of(sound, decide(sound)) == (Cause.DNS_BOGON, Cause.TLS_RESET, Cause.TLS_SNI)
    assert causes_of(doubted, decide(doubted)) == (Cause.TLS_RESET, Cause.TLS_SNI)


def test_a_redirect_to_a_private_address_is_not_an_empty_measurement() -> None:
    """It is never tried."""
    made = hop_of(*KNOWN, http(A, 302, url=HTTP, location="http://10.1.1.1/"), target=HTTP, hop=1)

    assert decide(made).id == "unexplained"
    assert decide(hop_of(target="http://10.1.1.1/")).id == "measurement.empty"  # given so, and not reached


def test_a_name_that_was_resolved_and_not_tried_was_cut_short() -> None:
    """Except for `dns://`; an address that was never tried was cut short too."""
    assert decide(hop_of(said("network", failure=Failure.NXDOMAIN), target=f"dns://{NAME}")).id == "dns.unresolved"
    broken = (said("network", failure=Failure.SERVFAIL), said("trusted", A))
    assert decide(hop_of(*broken, target=f"dns://{NAME}")).id == "dns.unresolved"
    assert decide(hop_of(said("network", A, name=A), target=f"https://{A}/")).id == "measurement.cut"


def test_a_blocked_hop_names_the_causes_of_every_blocked_layer() -> None:
    """The cause of the deciding rule comes first, and no layer is named twice."""
    denied = (said("network", failure=Failure.NXDOMAIN), said("trusted", A))
    made = hop_of(*denied, *tries(2, tls(A, Failure.RESET), tcp()), NEUTRAL, by=control())

    rule = decide(made)

    assert rule.id == "dns.nxdomain"
    assert causes_of(made, rule) == (Cause.DNS_NXDOMAIN, Cause.TLS_RESET, Cause.TLS_SNI)


def test_the_next_rule_may_add_its_cause() -> None:
    """Silence about a name and a reset after it are neighbours in the table."""
    asked = tries(5, said("network", failure=Failure.TIMEOUT))
    other = said("network", A, name="other.example", purpose=Purpose.OTHER)
    made = hop_of(*asked, said("trusted", A), other, *tries(2, tls(A, Failure.RESET), tcp()), NEUTRAL)

    assert decide(made).id == "dns.timeout"
    assert causes_of(made, decide(made)) == (Cause.DNS_TIMEOUT, Cause.TLS_RESET, Cause.TLS_SNI)


@pytest.mark.parametrize(
    ("seen", "causes"),
    [
        ((*KNOWN, tcp(A, Failure.TIMEOUT)), ("tcp.timeout",)),
        ((said("network", failure=Failure.NXDOMAIN),), ("dns.nxdomain",)),
        ((said("network", failure=Failure.NXDOMAIN), tcp(A, Failure.RESET)), ("dns.nxdomain", "tcp.reset")),
        ((*KNOWN, tcp(), tls(A, Failure.CERTIFICATE)), ()),
        ((*KNOWN, tcp(), tls(), http(A, failure=Failure.TIMEOUT, length=16_000)), ()),
        ((said("network", FORGED),), ()),
    ],
)
def test_an_unreachable_hop_names_what_failed(seen: tuple[Observation, ...], causes: tuple[str, ...]) -> None:
    """Where that is a cause."""
    made = hop_of(*seen)

    assert causes_of(made, next(rule for rule in RULES if rule.id == "unexplained")) == tuple(map(Cause, causes))


def test_a_range_that_connects_and_is_cut_names_the_failure() -> None:
    """Where the control's hellos were answered."""
    hello = tls(A, Failure.RESET, sni="xkqvdwpzrjtm.com", purpose=Purpose.NEUTRAL)
    made = hop_of(tcp(), hello, target="151.101.1.0/24", by=control(hits={A: "tls"}))

    assert decide(made).id == "range.mute"
    assert causes_of(made, decide(made)) == (Cause.TLS_RESET,)


def test_reachable_and_down_hops_have_no_cause() -> None:
    """What failed there is the target's own doing."""
    made = hop_of(*KNOWN, tcp(A, Failure.TIMEOUT), by=control(Status.DOWN))

    assert causes_of(made, decide(made)) == ()
    assert decide(hop_of(*KNOWN, *served(), target=URL)).causes == ()


def test_the_documented_table_is_the_table() -> None:
    """`python -m tests.unit.judge.test_rules` writes it."""
    same = DOCUMENT.read_text() == documented()
    assert same, "docs/methods/rules.md differs from the table: run `python -m tests.unit.judge.test_rules`"


if __name__ == "__main__":
    DOCUMENT.write_text(documented())
