"""What judging adds to the evidence."""

from __future__ import annotations

from typing import Any

import pytest

from probe.judge.evidence_hop import hops_of
from probe.judge.findings import Findings, findings_of
from probe.model.failure import Failure
from probe.model.hop import Purpose
from probe.model.observation import Observation
from tests.unit.judge.builders import (
    FORGED,
    HTTP,
    NAME,
    URL,
    V6,
    A,
    B,
    control,
    hop_of,
    http,
    late,
    said,
    served,
    tcp,
    tls,
    view_of,
)

KNOWN = (said("network", A, B), said("trusted", A, B))
RANGE = "151.101.1.0/24"
DUAL = (said("network", A, V6), said("trusted", A, V6))


def found(*seen: Observation, rule: str = "served", **more: Any) -> Findings:
    """The findings about one hop."""
    made = hop_of(*seen, **more)
    return findings_of([made], made, rule)


def test_addresses_that_fail_while_others_serve_are_named_with_their_failure() -> None:
    """One whose handshake succeeded is not."""
    seen = (*KNOWN, *served(), tcp(B, Failure.TIMEOUT))

    assert found(*seen).failing == {B: "tcp.timeout"}
    assert found(*KNOWN, *served(), tcp(B), tls(B)).failing == {}
    assert found(*KNOWN, tcp(B, Failure.TIMEOUT)).failing == {}


def test_another_port_of_a_silent_address_that_answers_is_noted() -> None:
    """The port of a silent one is not, nor is the port of an address that resets."""
    silent = tcp(A, Failure.TIMEOUT)
    other = tcp(A, port=80, purpose=Purpose.OTHER_PORT)

    assert found(*KNOWN, silent, other).notes == ("other_port_answered",)
    assert found(*KNOWN, silent, tcp(A, Failure.TIMEOUT, port=80, purpose=Purpose.OTHER_PORT)).notes == ()
    assert found(*KNOWN, silent, tcp(B, port=80)).notes == ()
    assert found(*KNOWN, tcp(A, Failure.RESET), other).notes == ()


def test_failing_addresses_of_a_range_are_named_where_the_control_knew_them() -> None:
    """And where another one connects."""
    seen = (tcp(), tcp("151.101.1.11", Failure.RESET), tcp("151.101.1.11", Failure.RESET, attempt=1))
    by = control(hits={A: "tcp", "151.101.1.11": "tcp"})

    assert found(*seen, target=RANGE, by=by).failing == {"151.101.1.11": "tcp.reset"}
    assert found(*seen[1:], target=RANGE, by=by).failing == {}


@pytest.mark.parametrize(("failure", "word"), [(Failure.TIMEOUT, "tcp.timeout"), (Failure.NO_ROUTE, "no_route")])
def test_a_family_that_fails_while_the_other_serves_is_named(failure: Failure, word: str) -> None:
    """By its cause, or by the failure where it is this host's own."""
    assert found(*DUAL, *served(), tcp(V6, failure)).families == {"ipv6": word}
    assert found(*DUAL, *served(), *served(V6)).families == {}


def test_a_family_is_named_with_its_deepest_failure() -> None:
    """Whichever address was tried first."""
    other = "2a04:4e42:400::10"
    known = (said("network", A, V6, other), said("trusted", A, V6, other))
    shallow, deep = (tcp(V6), tls(V6, Failure.RESET)), (tcp(other), tls(other), http(other, 0, Failure.RESET))

    assert found(*known, *served(), *shallow, *deep).families == {"ipv6": "http.reset"}


def test_the_findings_of_both_chains_of_a_domain_are_kept() -> None:
    """The later one takes nothing away."""
    first = (said("network", A, B, V6), said("trusted", A, B, V6), late(B), *served(), tcp(B, Failure.TIMEOUT))
    broken = (tcp(V6, Failure.TIMEOUT), tcp(A, Failure.TIMEOUT, port=80, chain=1))
    clear = (http(A, url=HTTP, chain=1, attempt=1), http(B, url=HTTP, chain=1))
    both = [chain[0] for chain in hops_of(view_of(*first, *broken, *clear, target=NAME))]

    made = findings_of(both, both[0], "served")

    assert (made.failing, made.families) == ({B: "tcp.timeout", V6: "tcp.timeout"}, {"ipv6": "tcp.timeout"})
    assert made.notes == findings_of(both[::-1], both[0], "served").notes == ("late_answer", "retried")


def test_failing_parts_of_several_hops_add_up() -> None:
    """Those of a range and those of a name."""
    seen = (tcp(), tcp("151.101.1.11", Failure.RESET), tcp("151.101.1.11", Failure.RESET, attempt=1))
    part = hop_of(*seen, target=RANGE, by=control(hits={A: "tcp", "151.101.1.11": "tcp"}))
    whole = hop_of(*KNOWN, *served(), tcp(B, Failure.TIMEOUT))

    for both in ([part, whole], [whole, part]):
        assert findings_of(both, whole, "served").failing == {"151.101.1.11": "tcp.reset", B: "tcp.timeout"}


def test_a_refusal_and_an_alert_are_named_where_they_decided() -> None:
    """And not elsewhere."""
    refused = (*KNOWN, tcp(), tls(), http(A, 451))
    alerted = (*KNOWN, tcp(), tls(A, Failure.ALERT, alert="access_denied"))

    assert found(*refused, rule="server.refusal").server_refusal == 451
    assert found(*refused).server_refusal == 0
    assert found(*alerted, rule="server.alert").server_alert == "access_denied"
    assert found(*KNOWN, tcp(), tls(A, Failure.ALERT), rule="server.alert").server_alert == "unnamed"
    assert found(*alerted).server_alert == ""


def test_the_hop_that_decided_is_named_unless_it_is_the_target() -> None:
    """By its URL."""
    first, second = hops_of(view_of(http(A, 301, location="https://x.example/")))[0]

    assert findings_of([first, second], second, "served").hop == "https://x.example/"
    assert findings_of([first], first, "served").hop == ""


@pytest.mark.parametrize(
    ("seen", "target", "note"),
    [
        ((said("network", FORGED), said("trusted", A), *served(FORGED)), URL, "cdn_acquitted"),
        ((said("system", "127.0.0.1"), said("network", A), *served()), URL, "hosts_file"),
        ((said("network", A), late(B)), URL, "late_answer"),
        ((said("network", A), said("network", FORGED, name="zq.x", purpose=Purpose.GHOST)), URL, "nxdomain_rewritten"),
        ((said("network", FORGED), said("trusted", A)), f"dns://{NAME}", "addresses_differ"),
        ((tcp(A, Failure.TIMEOUT), *served(attempt=1)), URL, "retried"),
        ((*KNOWN, tcp(), tls(), http(A, marks=("ru.law",))), URL, "notice_by_server"),
        (
            (
                *KNOWN,
                *(tcp(A, port=80, rtt=3_000, attempt=n) for n in range(2)),
                *(tcp(A, rtt=41_000, attempt=n) for n in range(2)),
                http(A, url=HTTP),
            ),
            HTTP,
            "http_proxied",
        ),
        ((*KNOWN, http(A, url=HTTP, marks=("own.captcha",))), HTTP, "challenge"),
    ],
)
def test_notes_name_further_facts(seen: Any, target: str, note: str) -> None:
    """By their ids."""
    assert found(*seen, target=target).notes == (note,)


def test_an_ordinary_success_has_no_notes() -> None:
    """Nor has a target without a name."""
    assert found(*KNOWN, *served()) == Findings()
    assert found(tcp(), target=f"tcp://{A}:443") == Findings()
