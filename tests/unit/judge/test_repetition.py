"""How often a failure must repeat."""

from __future__ import annotations

from typing import Any

import pytest

from probe.judge.repetition import (
    MIN_CUTS,
    MIN_STOPPED_PAGES,
    MIN_TIMEOUTS,
    enough,
    other_name_timeouts,
    recovered_timeouts,
)
from probe.model.failure import Failure
from probe.model.hop import Layer, LayerFailure, Purpose
from probe.model.observation import QuicExchange
from tests.unit.judge.builders import NAME, URL, A, B, hop_of, http, late, said, tcp, tls, tries

SILENT = Failure.TIMEOUT
OTHER: dict[str, Any] = {"sni": "xkqvdwpzrjtm.com", "purpose": Purpose.NEUTRAL}


@pytest.mark.parametrize(
    ("layer", "failure", "times"),
    [
        ("tcp", SILENT, MIN_TIMEOUTS),
        ("tls", SILENT, MIN_TIMEOUTS),
        ("http", SILENT, MIN_TIMEOUTS),
        ("quic", SILENT, MIN_TIMEOUTS),
        ("body", SILENT, MIN_STOPPED_PAGES),
        ("tcp", Failure.RESET, MIN_CUTS),
        ("tls", Failure.EOF, MIN_CUTS),
        ("tcp", Failure.UNREACHABLE, MIN_CUTS),
    ],
)
def test_time_outs_must_repeat_more_often_than_other_failures(layer: str, failure: Failure, times: int) -> None:
    """A page that stopped needs fewer: each attempt says more."""
    assert enough(LayerFailure(Layer(layer), failure), times, ())
    assert not enough(LayerFailure(Layer(layer), failure), times - 1, ())


def test_a_recovered_time_out_raises_the_number_by_one() -> None:
    """Not for failures that are no time-outs."""
    made = (said("network", failure=SILENT), said("network", A, attempt=1), *tries(5, tcp(A, SILENT)))

    assert not enough(LayerFailure(Layer.TCP, SILENT), MIN_TIMEOUTS, made)
    assert enough(LayerFailure(Layer.TCP, SILENT), MIN_TIMEOUTS + 1, made)
    assert enough(LayerFailure(Layer.TCP, Failure.RESET), MIN_CUTS, made)


@pytest.mark.parametrize(
    ("seen", "count"),
    [
        ((), 0),
        ((said("network", failure=SILENT), said("network", A, attempt=1)), 1),
        ((said("network", failure=SILENT), said("network", failure=Failure.NODATA, rrtype="AAAA")), 1),
        ((said("network", failure=SILENT), said("trusted", A)), 0),
        ((said("network", failure=SILENT), late(A)), 0),
        ((tcp(A, SILENT), tcp(A, attempt=1)), 1),
        ((late(A), tcp(A, SILENT), tcp(A, attempt=1)), 1),
        ((tcp(A, SILENT), tcp(A, Failure.RESET, attempt=1)), 1),
        ((tcp(A, SILENT), tcp(A, port=80)), 0),
        ((tcp(A, SILENT), tcp(B)), 0),
        ((tcp(), tls(A, Failure.RESET), tcp(A, SILENT, attempt=1)), 0),
        ((tcp(), tls(A, Failure.CERTIFICATE), tcp(A, SILENT, attempt=1)), 1),
        ((tls(A, SILENT), tls(A, attempt=1)), 1),
        ((said("trusted", failure=SILENT), said("trusted", rrtype="HTTPS", purpose=Purpose.ECH)), 0),
        ((tls(A, SILENT), tls(A, **OTHER)), 0),
        ((http(A, 0, SILENT), http(A, attempt=1)), 1),
        ((http(A, 0, SILENT), http(A, url=f"{URL}x")), 0),
    ],
)
def test_a_time_out_is_recovered_where_the_same_act_was_answered_another_time(seen: Any, count: int) -> None:
    """Except a SYN after a cut conversation, which the same filter may hold back."""
    assert recovered_timeouts(seen) == count


def test_silence_after_a_quic_handshake_is_another_act_than_the_handshake() -> None:
    """So the handshake's answer does not recover it."""
    stood = QuicExchange(address=A, port=443, sni=NAME, verified=True)
    fell = QuicExchange(address=A, port=443, sni=NAME, failure=SILENT, gap=5000)
    unanswered = QuicExchange(address=A, port=443, sni=NAME, failure=SILENT)

    assert recovered_timeouts((stood, fell)) == 0
    assert recovered_timeouts((unanswered, stood)) == 1


def test_the_same_time_outs_under_other_names_count() -> None:
    """The address is silent, whatever the name."""
    allowed = tls(A, SILENT, sni="www.wikipedia.org", purpose=Purpose.ALLOWED)
    made = hop_of(
        said("network", A), tcp(), tls(A, SILENT), tcp(purpose=Purpose.NEUTRAL), tls(A, SILENT, **OTHER), allowed
    )

    assert other_name_timeouts(made.observed.endpoints, LayerFailure(Layer.TLS, SILENT)) == 2
    assert other_name_timeouts(made.observed.endpoints, LayerFailure(Layer.TCP, SILENT)) == 0
    assert other_name_timeouts(made.observed.endpoints, LayerFailure(Layer.TLS, Failure.RESET)) == 0
