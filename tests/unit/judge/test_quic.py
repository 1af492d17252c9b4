"""QUIC predicates: when silence is the network's doing."""

from __future__ import annotations

import pytest

from probe.judge.evidence_hop import EvidenceHop
from probe.judge.quic import silent_by_name, silent_only_here
from probe.model.failure import Failure
from probe.model.hop import Purpose
from probe.model.observation import Observation, QuicExchange
from probe.model.verdict import Cause, ControlFacts, Status
from tests.unit.judge.builders import NAME, A, B, control, hop_of, said, tcp, tls

KNOWN = (said("network", A, B), said("trusted", A, B))
TCP = (tcp(A), tls(A))
SILENT = Failure.TIMEOUT


def quic(failure: Failure | None = None, **more: object) -> QuicExchange:
    """One part of a QUIC handshake."""
    fields = {"address": A, "port": 443, "sni": NAME, "verified": failure is None, **more}
    return QuicExchange(failure=failure, **fields)  # type: ignore[arg-type]


def other(failure: Failure | None = None, **more: object) -> QuicExchange:
    """The same under another name."""
    return quic(failure, purpose=Purpose.NEUTRAL, sni="xkqvdwpzrjtm.com", verified=False, **more)


def silences(count: int = 5, *, later: bool = False) -> tuple[QuicExchange, ...]:
    """A number of tries that get no answer to the Initial, or none some seconds after the handshake."""
    if later:
        return tuple(
            one for n in range(count) for one in (quic(attempt=n), quic(SILENT, attempt=n, gap=5000, verified=False))
        )
    return tuple(quic(SILENT, attempt=n) for n in range(count))


def seen(*more: Observation, by: ControlFacts | None = None) -> EvidenceHop:
    """A hop of a QUIC target."""
    return hop_of(*KNOWN, *more, target=f"quic://{NAME}:443", by=by)


@pytest.mark.parametrize("answer", [other(), other(Failure.ALERT), other(Failure.CERTIFICATE)])
def test_five_time_outs_and_an_answer_under_another_name_are_a_block(answer: QuicExchange) -> None:
    """Whatever the answer was, and without any control."""
    assert silent_by_name(seen(*silences(), answer))
    assert not silent_by_name(seen(*silences(4), answer))
    assert not silent_by_name(seen(*silences(), other(SILENT)))
    assert not silent_by_name(seen(*silences()))


def test_silence_after_a_handshake_needs_another_name_that_is_answered_as_late() -> None:
    """A server that closes every idle connection is no filter."""
    kept = (other(), other(gap=5000))
    lost = (other(), other(SILENT, gap=5000))

    assert silent_by_name(seen(*silences(later=True), *kept))
    assert not silent_by_name(seen(*silences(later=True), *lost))
    assert not silent_by_name(seen(*silences(later=True), other()))


def test_a_name_that_is_silent_at_the_control_too_is_not_blocked() -> None:
    """The server does not answer it."""
    deaf = control(Status.UNREACHABLE, causes=(Cause.QUIC_TIMEOUT,))

    assert not silent_by_name(seen(*silences(), other(), by=deaf))


def test_silence_only_here_needs_tls_over_tcp_to_the_same_address() -> None:
    """Otherwise the address is silent, not QUIC."""
    assert silent_only_here(seen(*silences(), *TCP, by=control()))
    assert silent_only_here(seen(*silences(later=True), *TCP, by=control()))
    assert not silent_only_here(seen(*silences(), tcp(A, SILENT), by=control()))
    assert not silent_only_here(seen(*silences(), tcp(B), tls(B), by=control()))
    assert not silent_only_here(seen(*silences(4), *TCP, by=control()))


def test_silence_without_a_served_control_says_nothing() -> None:
    """A host without HTTP/3 is silent to everybody."""
    assert not silent_only_here(seen(*silences(), *TCP))
    assert not silent_only_here(seen(*silences(), *TCP, by=control(Status.UNREACHABLE)))


def test_other_failures_are_no_silence() -> None:
    """ICMP errors and alerts are answers."""
    refused = tuple(quic(Failure.UNREACHABLE, attempt=n) for n in range(3))

    assert not silent_by_name(seen(*refused, other()))
    assert not silent_only_here(seen(*refused, *TCP, by=control()))


def test_the_address_that_answers_another_name_must_have_timed_out_twice() -> None:
    """Time-outs at other addresses count with it."""
    b = {"address": B}

    assert silent_by_name(seen(*silences(2), *(quic(SILENT, attempt=n, **b) for n in range(3)), other()))
    assert not silent_by_name(seen(*silences(1), *(quic(SILENT, attempt=n, **b) for n in range(4)), other()))
