"""How often a failure must repeat."""

from __future__ import annotations

from typing import Any

import pytest

from probe.judge.evidence_hop import EvidenceHop
from probe.judge.repetition import (
    MIN_CUTS,
    MIN_STOPPED_PAGES,
    MIN_TIMEOUTS,
    enough,
    fails_repeatedly,
    recovered_timeouts,
    repetitions,
)
from probe.model.failure import Failure
from probe.model.hop import Layer, LayerFailure, Purpose
from probe.model.observation import Observation, QuicExchange
from tests.unit.judge.builders import HTTP, NAME, URL, A, B, hop_of, http, late, said, tcp, tls, tries

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


def test_initials_after_a_connection_that_fell_silent_are_not_recovered() -> None:
    """The address and port are silent because of it; before it they were not."""
    stood = QuicExchange(address=A, port=443, sni=NAME, verified=True)
    fell = QuicExchange(address=A, port=443, sni=NAME, failure=SILENT, gap=5000)
    silent = QuicExchange(address=A, port=443, sni=NAME, failure=SILENT, attempt=1)

    assert recovered_timeouts((stood, fell, silent)) == 0
    assert recovered_timeouts((silent, stood, fell)) == 1


def ends(*texts: str) -> EvidenceHop:
    """A hop whose attempts at one address end so, one after another; `neutral` and `allowed` mark other names."""
    seen: list[Observation] = [said("network", A), said("trusted", A)]
    for number, text in enumerate(texts):
        name, _, end = text.rpartition(" ")
        layer, _, word = end.partition(".")
        place: dict[str, Any] = {"attempt": number, "purpose": Purpose(name or "subject")}
        failure = Failure(word)
        if layer == "tcp":
            seen.append(tcp(A, failure, **place))
        elif layer == "tls":
            seen += [tcp(A, **place), tls(A, failure, **place)]
        else:
            status, length = (200, 14_000) if layer == "body" else (0, 0)
            page = http(A, status, failure, length=length, **place)
            seen += [tcp(A, **place), tls(A, **place), page]
    return hop_of(*seen)


def repeats(end: str, *texts: str) -> bool:
    """Whether the address failed in the way `end` often enough."""
    layer, _, word = end.partition(".")
    made = ends(*texts)
    return fails_repeatedly(
        made.observed.endpoints, LayerFailure(Layer(layer), Failure(word)), made.evidence.observations
    )


@pytest.mark.parametrize(
    ("end", "texts", "often"),
    [
        ("tls.timeout", ["tls.timeout"] * 4 + ["neutral tls.timeout"], True),
        ("tls.timeout", ["tls.timeout"] * 3 + ["neutral tls.timeout"], False),
        ("tls.timeout", ["tls.timeout"] * 4 + ["neutral tls.reset"], False),
        ("http.timeout", ["http.timeout"] * 3 + ["body.timeout"] * 2, True),
        ("body.timeout", ["http.timeout"] * 2 + ["body.timeout"] * 2, False),
        ("body.timeout", ["http.timeout"] * 3 + ["body.timeout"] * 2, True),
        ("body.timeout", ["http.timeout"] * 2 + ["body.timeout"] * 3, True),
        ("http.timeout", ["http.timeout"] + ["tcp.timeout"] * 6, True),
        ("http.timeout", ["http.timeout"] + ["tcp.timeout"] * 5, False),
        ("http.timeout", ["http.timeout", "neutral tcp.timeout"] + ["tcp.timeout"] * 5, True),
        ("http.timeout", ["http.timeout", "neutral tls.alert"] + ["tcp.timeout"] * 9, False),
        ("tcp.timeout", ["tcp.timeout"] * 5, True),
        ("tls.reset", ["tls.reset"] * 2, True),
        ("tls.reset", ["tls.reset", "neutral tcp.timeout", "tcp.timeout"], True),
        ("tls.reset", ["tls.reset", "tcp.timeout", "tcp.timeout"], False),
        ("tls.reset", ["tls.reset"] + ["tcp.timeout"] * 4, True),
        ("tls.reset", ["tls.reset", "tcp.timeout", "neutral tls.reset", "allowed tls.reset"], True),
        ("tls.reset", ["tls.reset", "tcp.timeout", "neutral tls.reset"], False),
        ("tls.reset", ["tls.reset", "neutral tls.reset", "allowed tls.reset"], False),
        ("tls.reset", ["tls.reset", "tcp.reset", "neutral tls.reset", "allowed tls.reset"], False),
        ("tls.reset", ["tls.reset", "tls.alert", "neutral tls.reset", "allowed tls.reset"], False),
        ("http.reset", ["http.reset"] + ["http.timeout"] * 4, True),
        ("http.reset", ["http.reset"] + ["http.timeout"] * 3, False),
        ("tcp.unreachable", ["tcp.unreachable"] + ["tcp.timeout"] * 4, True),
        ("tcp.reset", ["tcp.reset", "tcp.timeout", "neutral tcp.reset", "allowed tcp.reset"], False),
    ],
)
def test_what_one_behaviour_explains_counts_together(end: str, texts: list[str], often: bool) -> None:
    """Pages that stopped, residual failures, other names, and time-outs beside one cut; each at its own bound."""
    assert repeats(end, *texts) is often


def test_residual_failures_count_where_their_address_was_cut_so() -> None:
    """Silence after an RST says nothing about time-outs."""
    made = ends("tls.reset", "tcp.timeout", "tcp.timeout")

    assert repetitions(made.observed.endpoints, LayerFailure(Layer.TLS, Failure.RESET)) == (1, 2, False, 0, 0, False)
    assert repetitions(made.observed.endpoints, LayerFailure(Layer.TLS, SILENT)) == (0, 0, False, 0, 0, False)


@pytest.mark.parametrize(
    ("refused", "hello", "often"),
    [
        (4, {"at": 60}, True),
        (3, {"at": 60}, False),
        (4, {"at": 10}, False),
        (4, {"at": 900}, False),
        (4, {"at": 60, "address": B}, False),
        (4, {"at": 60, "sni": "xkqvdwpzrjtm.com"}, False),
        (4, {"at": 60, "failure": Failure.RESET}, False),
    ],
    ids=["alive", "too few", "alive before", "alive after", "another address", "another name", "dead"],
)
def test_a_port_that_refuses_since_it_cut_a_request_counts_while_its_host_is_alive(
    refused: int, hello: dict[str, Any], often: bool
) -> None:
    """The certificate verified in between; a crash or a restart would have refused that connection, too."""
    first = (tcp(A, port=80), http(A, 0, Failure.RESET, url=HTTP, at=20))
    since = tuple(tcp(A, Failure.RESET, port=80, attempt=n, at=20 + 20 * n) for n in range(1, refused + 1))
    hop = hop_of(*first, *since, tls(**{"address": A, **hello}), target=HTTP)
    failing = hop.observed.endpoints

    assert fails_repeatedly(failing, LayerFailure(Layer.HTTP, Failure.RESET), hop.evidence.observations) is often
