"""TCP and TLS predicates: what fails only here, and what another server name shows."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from probe.judge import tcp_tls
from probe.judge.rules import decide
from probe.model.failure import Failure
from probe.model.flow import Flow
from probe.model.hop import Layer, LayerFailure, Purpose
from probe.model.observation import Observation, TlsHandshake
from probe.model.verdict import Cause, Status
from tests.unit.judge.builders import (
    FORGED,
    NAME,
    NEUTRAL,
    V6,
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

KNOWN = (said("network", A, B), said("trusted", A, B))
TLS = f"tls://{A}:443/{NAME}"
TCP = f"tcp://{A}:443"
DEAF = tls(A, Failure.TIMEOUT, sni="xkqvdwpzrjtm.com", purpose=Purpose.NEUTRAL)
ALLOWED = tls(A, Failure.CERTIFICATE, sni="www.wikipedia.org", purpose=Purpose.ALLOWED)


def cut(failure: Failure, count: int = 2, address: str = A) -> tuple[Observation, ...]:
    """A number of handshakes with this end."""
    return tries(count, tls(address, failure), tcp(address))


def silent(count: int = 5, address: str = A) -> tuple[Observation, ...]:
    """A number of unanswered SYNs."""
    return tries(count, tcp(address, Failure.TIMEOUT))


def test_a_hop_fails_by_this_host_where_all_failures_are_its_own() -> None:
    """One failure of the network is enough against it."""
    own = tcp(A, Failure.NO_ROUTE)

    assert tcp_tls.own_fault(hop_of(*KNOWN, own))
    assert not tcp_tls.own_fault(hop_of(*KNOWN, own, tcp(B, Failure.TIMEOUT)))
    assert not tcp_tls.own_fault(hop_of(*KNOWN, own, *served(B)))
    assert not tcp_tls.own_fault(hop_of(*KNOWN))


def test_a_connection_proves_nothing_where_an_unrouted_address_connects_too() -> None:
    """A target that failed is not explained by it."""
    relay = tcp("192.175.48.250", purpose=Purpose.RELAY)

    assert tcp_tls.relayed(hop_of(tcp(), relay, target=TCP))
    assert not tcp_tls.relayed(hop_of(tcp(A, Failure.RESET), relay, target=TCP))
    assert not tcp_tls.relayed(hop_of(tcp(), tcp("192.175.48.250", Failure.TIMEOUT, purpose=Purpose.RELAY), target=TCP))
    assert not tcp_tls.relayed(hop_of(tcp(), target=TCP))
    assert not tcp_tls.relayed(hop_of(tcp(), relay, tls(), target=TLS))


@pytest.mark.parametrize(
    ("seen", "by", "alone"),
    [
        ((*KNOWN, *silent()), control(), True),
        ((*KNOWN, *silent(4)), control(), False),
        ((*KNOWN, *silent(4), *silent(1, B)), control(), True),
        ((*KNOWN, *tries(2, tcp(A, Failure.RESET))), control(), True),
        ((*KNOWN, tcp(A, Failure.RESET)), control(), False),
        ((*KNOWN, *silent()), None, False),
        ((*KNOWN, *silent()), control(Status.DOWN), False),
        ((*KNOWN, *served()), control(), False),
        ((said("network", FORGED), *silent(5, FORGED)), control(addresses=()), False),
        ((said("trusted", V6), *silent(5, V6)), control(addresses=(V6,)), False),
        ((said("trusted", V6), *silent(5, V6), tcp("2620:fe::fe")), control(addresses=(V6,)), True),
        ((said("trusted", V6), *cut(Failure.RESET, 2, V6)), control(addresses=(V6,)), True),
        ((said("trusted", V6), *tries(2, tcp(V6, Failure.RESET))), control(addresses=(V6,)), True),
    ],
)
def test_a_hop_fails_only_here_where_the_control_was_served(seen: Any, by: Any, alone: bool) -> None:
    """Often enough, at a confirmed address, and over a family that works here."""
    assert tcp_tls.fails_only_here(hop_of(*seen, by=by)) is alone


@pytest.mark.parametrize(("failing", "alone"), [((), True), (("ipv6",), True), ((A,), False), (("ipv4",), False)])
def test_an_address_that_fails_at_the_control_too_does_not_fail_only_here(failing: Any, alone: bool) -> None:
    """The control was served by another address or over the other family, and says nothing of this one."""
    by = msgspec.structs.replace(control(), failing=failing)

    assert tcp_tls.fails_only_here(hop_of(said("network", A), said("trusted", A), *silent(), by=by)) is alone


def test_each_failure_has_its_predicate() -> None:
    """Layer and failure must both match."""
    made = hop_of(*KNOWN, *silent(), by=control())

    assert tcp_tls.fails_only_here_by(Layer.TCP, Failure.TIMEOUT)(made)
    assert not tcp_tls.fails_only_here_by(Layer.TCP, Failure.RESET)(made)
    assert tcp_tls.failed_at(Layer.TCP)(made)
    assert not tcp_tls.failed_at(Layer.TLS)(made)
    assert not tcp_tls.failed_at(Layer.TLS)(hop_of(*KNOWN))


@pytest.mark.parametrize(
    ("seen", "by", "silenced"),
    [
        ((*KNOWN, *cut(Failure.RESET), NEUTRAL), None, True),
        ((*KNOWN, *cut(Failure.RESET), NEUTRAL), control(Status.DOWN), True),
        (
            (*KNOWN, *cut(Failure.RESET), NEUTRAL),
            control(Status.BLOCKED, causes=(Cause.TLS_RESET, Cause.TLS_SNI)),
            False,
        ),
        ((*KNOWN, *cut(Failure.RESET, 1), NEUTRAL), None, False),
        ((*KNOWN, *cut(Failure.RESET, 1), *cut(Failure.RESET, 1, B), NEUTRAL), None, False),
        ((*KNOWN, *cut(Failure.RESET), NEUTRAL, *served(B)), None, False),
        ((*KNOWN, *cut(Failure.RESET), DEAF), None, False),
        ((*KNOWN, *cut(Failure.RESET)), None, False),
        ((*KNOWN, *cut(Failure.RESET), *served(attempt=2), NEUTRAL), None, False),
        ((*KNOWN, *cut(Failure.RESET), tcp(attempt=2), tls(attempt=2), NEUTRAL), None, False),
        ((*KNOWN, *cut(Failure.RESET, 1), tcp(A, Failure.TIMEOUT, attempt=1), NEUTRAL), None, False),
        ((*KNOWN, *tries(2, tls(A, Failure.ALERT), tcp()), NEUTRAL), None, False),
    ],
)
def test_a_name_is_cut_where_another_is_answered_at_the_same_address(seen: Any, by: Any, silenced: bool) -> None:
    """After each ClientHello, at least twice; not where the control met the same."""
    assert tcp_tls.cut_by_name(Failure.RESET)(hop_of(*seen, by=by)) is silenced


def test_silence_takes_five_hellos_over_all_addresses() -> None:
    """Four may be packet loss; different failures do not add up."""
    by = tcp_tls.cut_by_name(Failure.TIMEOUT)

    assert not by(hop_of(*KNOWN, *cut(Failure.TIMEOUT, 4), NEUTRAL))
    assert by(hop_of(*KNOWN, *cut(Failure.TIMEOUT, 5), NEUTRAL))
    assert by(hop_of(*KNOWN, *cut(Failure.TIMEOUT, 2), *cut(Failure.TIMEOUT, 3, B), NEUTRAL))
    mixed = hop_of(*KNOWN, *cut(Failure.RESET, 1), tcp(attempt=1), tls(A, Failure.TIMEOUT, attempt=1), NEUTRAL)
    assert tcp_tls.cut_by_name(Failure.RESET)(mixed)
    assert not by(mixed)


def test_a_target_without_a_server_name_is_not_cut_by_name() -> None:
    """It sends none."""
    assert not tcp_tls.cut_by_name(Failure.RESET)(hop_of(*tries(2, tcp(A, Failure.RESET)), target=TCP))


def test_a_request_is_silent_by_name_where_one_under_another_name_is_answered() -> None:
    """A server that hangs does so at the control too; without a control nothing is shown."""
    hung = tries(5, http(A, 0, Failure.TIMEOUT), tcp(), tls())
    other = http(A, 404, url="https://xkqvdwpzrjtm.com/", purpose=Purpose.NEUTRAL, secure=False)

    assert tcp_tls.request_silent_by_name(hop_of(*KNOWN, *hung, other, by=control()))
    assert not tcp_tls.request_silent_by_name(hop_of(*KNOWN, *hung, by=control()))
    assert not tcp_tls.request_silent_by_name(hop_of(*KNOWN, *hung, other))


@pytest.mark.parametrize(("took", "quiet", "silent"), [(2_900, 100, False), (1_000, 2_000, True), (0, 3_000, True)])
def test_a_page_that_still_comes_when_time_is_up_is_no_silence(took: int, quiet: int, silent: bool) -> None:
    """One lost request on a slow line beside pages that crawl shows no block; pages that stop early are cut, too."""
    flow = Flow(bytes=3_000, took=took, stall=900, quiet=quiet)
    late = tries(5, http(A, 200, Failure.TIMEOUT, flow=flow), tcp(), tls())
    lost = (tcp(), tls(), http(A, 0, Failure.TIMEOUT))
    other = http(A, 200, Failure.TIMEOUT, url="https://xkqvdwpzrjtm.com/", purpose=Purpose.NEUTRAL, flow=flow)
    hop = hop_of(*KNOWN, *lost, *late[3:], other, by=control())

    assert tcp_tls.request_silent_by_name(hop) is silent
    assert (hop.decisive_failure == LayerFailure(Layer.BODY, Failure.TIMEOUT)) is not silent
    assert (decide(hop).status is Status.BLOCKED) is silent


@pytest.mark.parametrize(
    ("own", "other", "slowed"),
    [((1700, 1670), 2, True), ((1700, 40), 2, False), ((1700, 1670), 400, False), ((900, 900), 2, False)],
)
def test_a_name_whose_handshakes_are_slow_is_slowed_and_not_silenced(
    own: tuple[int, ...], other: int, slowed: bool
) -> None:
    """Each handshake under this name takes a second, and ten times as long as under another name."""
    hung = tries(5, http(A, 0, Failure.TIMEOUT), tcp(), tls())
    hung = tuple(
        msgspec.structs.replace(one, took=own[one.attempt % 2]) if isinstance(one, TlsHandshake) else one
        for one in hung
    )
    name = {"sni": "xkqvdwpzrjtm.com", "purpose": Purpose.NEUTRAL}
    page = http(A, 404, url="https://xkqvdwpzrjtm.com/", purpose=Purpose.NEUTRAL, secure=False)
    hop = hop_of(*KNOWN, *hung, tls(A, took=other, **name), page, by=control())

    assert tcp_tls.slowed_by_name(hop) is slowed
    assert decide(hop).id == ("http.slowed" if slowed else "http.timeout.sni")


def test_without_another_name_to_compare_nothing_is_slowed() -> None:
    hung = tries(5, http(A, 0, Failure.TIMEOUT), tcp(), tls(took=1700))

    assert not tcp_tls.slowed_by_name(hop_of(*KNOWN, *hung, by=control()))


@pytest.mark.parametrize(
    ("seen", "listed"),
    [
        ((*KNOWN, *cut(Failure.TIMEOUT), DEAF, ALLOWED), True),
        ((*KNOWN, *cut(Failure.TIMEOUT), DEAF), False),
        ((*KNOWN, *cut(Failure.TIMEOUT), NEUTRAL, ALLOWED), False),
        ((*KNOWN, *cut(Failure.TIMEOUT), ALLOWED), False),
        ((*KNOWN, *tries(2, tls(A, Failure.ALERT), tcp()), DEAF, ALLOWED), False),
        ((*KNOWN, *silent(), DEAF, ALLOWED), False),
        (KNOWN, False),
    ],
)
def test_an_allow_list_lets_only_the_allow_listed_name_through(seen: Any, listed: bool) -> None:
    """At the same address."""
    assert tcp_tls.allowlisted(hop_of(*seen)) is listed


def bad(error: str = "self-signed certificate", sha256: str = "bb") -> tuple[Observation, ...]:
    """A certificate that does not verify, and a peek at it."""
    return (
        tcp(),
        tls(A, Failure.CERTIFICATE, error=error),
        tls(A, None, verified=False, error=error, sha256=sha256, purpose=Purpose.PEEK),
    )


@pytest.mark.parametrize(
    ("seen", "by", "forged"),
    [
        ((*KNOWN, *bad()), control(), True),
        ((*KNOWN, tcp(), tls(A, Failure.CERTIFICATE)), control(), True),
        ((*KNOWN, *bad()), None, False),
        ((*KNOWN, *bad("certificate has expired")), control(), False),
        ((said("network", FORGED), *bad()), control(addresses=()), False),
        ((*KNOWN, *cut(Failure.RESET)), control(), False),
    ],
)
def test_a_certificate_is_forged_where_the_control_saw_the_true_one(seen: Any, by: Any, forged: bool) -> None:
    """At the target's own address; one that is only out of date is not forged."""
    assert tcp_tls.forged_certificate(hop_of(*seen, by=by)) is forged


def test_failures_over_a_broken_ipv6_are_this_hosts_own() -> None:
    """Those before TLS; others are not."""
    broken: dict[str, Any] = {"notes": frozenset({"ipv6_broken"})}
    six = said("trusted", V6)

    assert tcp_tls.own_fault(hop_of(six, *silent(5, V6), **broken))
    assert not tcp_tls.own_fault(hop_of(six, *silent(5, V6)))
    assert not tcp_tls.own_fault(hop_of(six, *cut(Failure.RESET, 2, V6), **broken))
    assert not tcp_tls.own_fault(hop_of(*KNOWN, *silent(5), **broken))
    both = hop_of(*KNOWN, *silent(5), *silent(5, V6), **broken)
    assert [endpoint.address for endpoint in both.failing_endpoints] == [A]


def test_a_certificate_out_of_date_like_all_anchors_shows_a_wrong_clock() -> None:
    """One that fails for another reason does not."""
    wrong: dict[str, Any] = {"notes": frozenset({"clock_wrong"})}

    assert tcp_tls.own_clock(hop_of(*KNOWN, *bad("certificate is not yet valid"), **wrong))
    assert not tcp_tls.own_clock(hop_of(*KNOWN, *bad("certificate is not yet valid")))
    assert not tcp_tls.own_clock(hop_of(*KNOWN, *bad(), **wrong))


def test_the_controls_certificate_that_fails_here_is_this_hosts_fault() -> None:
    """Its clock or its authorities are wrong."""
    by = control(certificates={NAME: ("bb",)})

    assert tcp_tls.own_trust(hop_of(*KNOWN, *bad(), by=by))
    assert not tcp_tls.own_trust(hop_of(*KNOWN, *bad(sha256="cc"), by=by))
    assert not tcp_tls.own_trust(hop_of(*KNOWN, *bad()))
    assert not tcp_tls.own_trust(hop_of(*KNOWN, *silent(), by=by))


def test_an_outdated_certificate_is_known_by_its_error() -> None:
    """And an alert by its failure."""
    assert tcp_tls.outdated(hop_of(*KNOWN, *bad("certificate is not yet valid")))
    assert not tcp_tls.outdated(hop_of(*KNOWN, *bad()))
    assert not tcp_tls.outdated(hop_of(*KNOWN, tcp(), tls(A, Failure.CERTIFICATE)))
    assert tcp_tls.bad_certificate(hop_of(*KNOWN, *bad()))
    assert tcp_tls.alert(hop_of(*KNOWN, tcp(), tls(A, Failure.ALERT)))
    assert not tcp_tls.alert(hop_of(*KNOWN, *bad()))


def test_one_address_of_a_range_does_not_stand_for_the_range() -> None:
    """Its addresses belong to many machines."""
    silent = tries(5, tcp(A, Failure.TIMEOUT))

    assert not tcp_tls.fails_only_here(hop_of(*silent, target="151.101.1.0/24", by=control(hits={A: "tcp"})))
