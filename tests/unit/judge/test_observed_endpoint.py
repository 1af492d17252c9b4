"""One address of a hop: attempts, and how they ended."""

from __future__ import annotations

from typing import Any

import pytest

from probe.judge.observed_endpoint import ObservedEndpoint, answered, is_verified
from probe.model.failure import Failure
from probe.model.hop import Layer, LayerFailure, Purpose, Subject, subject_of_url
from probe.model.observation import Observation, QuicExchange
from tests.unit.judge.builders import HTTP, NAME, NEUTRAL, URL, A, B, http, said, served, tcp, tls

SUBJECT = subject_of_url(URL)
assert SUBJECT is not None
DEAF = tcp(A, Failure.TIMEOUT, purpose=Purpose.NEUTRAL)


def endpoint(*seen: Observation, subject: Subject = SUBJECT) -> ObservedEndpoint:
    """One address."""
    return ObservedEndpoint(subject, A, seen)  # type: ignore[arg-type]


def quic(failure: Failure | None = None, **more: Any) -> QuicExchange:
    """A QUIC handshake, or the look at it some seconds later."""
    fields = {"address": A, "port": 443, "sni": NAME, "verified": failure is None, **more}
    return QuicExchange(failure=failure, **fields)


def test_residual_failures_are_those_at_the_port_of_the_subject() -> None:
    """Under any name."""
    silent = tcp(A, Failure.TIMEOUT, attempt=1)
    found = endpoint(tcp(), tls(A, Failure.RESET), DEAF, silent, tcp(A, Failure.TIMEOUT, port=80, attempt=2))

    assert found.residual_failures == ((DEAF,), (silent,))
    assert not endpoint(tcp(), tls(A, Failure.ALERT), DEAF).residual_failures


def under_other_names(end: str, *seen: Observation, subject: Subject = SUBJECT) -> int:
    """How many attempts under other names failed so."""
    layer, _, failure = end.partition(".")
    made = endpoint(*seen, subject=subject)
    return made.failures_under_other_names(LayerFailure(Layer(layer), Failure(failure)))


def test_failures_under_other_names_are_counted_by_attempt() -> None:
    """A page that stopped counts as a request that timed out; an answer is no failure."""
    other: dict[str, Any] = {"purpose": Purpose.NEUTRAL}
    stopped = (tcp(**other), tls(**other), http(failure=Failure.TIMEOUT, length=16_000, **other))

    assert under_other_names("http.timeout", *stopped) == 1
    assert under_other_names("tcp.timeout", DEAF, tcp(**other), NEUTRAL) == 1
    assert under_other_names("tls.timeout", *stopped) == 0
    silent = (quic(Failure.TIMEOUT, **other), quic(attempt=1, **other))
    assert under_other_names("quic.timeout", *silent, subject=Subject("quic", NAME, 443)) == 1


def test_other_names_that_are_cut_before_the_subjects_are_rejected_by_the_server() -> None:
    """The cuts afterwards count neither; silence is no rejection."""
    own = (tcp(at=5), tls(A, Failure.RESET, at=5))
    neutral: dict[str, Any] = {"purpose": Purpose.NEUTRAL}
    early = (tcp(at=1, **neutral), tls(A, Failure.RESET, at=1, **neutral))
    late = (tcp(at=9, **neutral), tls(A, Failure.RESET, at=9, **neutral))

    assert under_other_names("tls.reset", *own, *late) == 1
    assert under_other_names("tls.reset", *early, *own, *late) == 0
    assert under_other_names("tls.reset", *late) == 0
    assert under_other_names("tls.timeout", tcp(at=1, **neutral), tls(A, Failure.TIMEOUT, at=1, **neutral), *own) == 1


@pytest.mark.parametrize(
    ("seen", "end"),
    [
        ((tcp(A, Failure.RESET),), "tcp.reset"),
        ((tcp(), tls(A, Failure.TIMEOUT)), "tls.timeout"),
        ((tcp(), tls(verified=False)), "tls.certificate"),
        ((tcp(), tls(), http(status=0, failure=Failure.EOF)), "http.eof"),
        ((tcp(), tls(), http(status=0)), "http.eof"),
        ((tcp(), tls(), http(failure=Failure.TIMEOUT, length=16_000)), "body.timeout"),
        ((tcp(), tls(), http(failure=Failure.RESET, length=0)), "http.reset"),
        ((tcp(A, Failure.TIMEOUT), tcp(attempt=1), tls(A, Failure.RESET, attempt=1)), "tls.reset"),
        ((tcp(), tls(A, Failure.TIMEOUT), tcp(attempt=1), tls(A, Failure.RESET, attempt=1)), "tls.reset"),
        ((tcp(A, Failure.NO_ROUTE), tcp(A, Failure.TIMEOUT, attempt=1)), "tcp.timeout"),
        ((tcp(A, Failure.TIMEOUT), tcp(attempt=1), tls(A, Failure.LOCAL, attempt=1)), "tcp.timeout"),
        ((tcp(A, Failure.NO_ROUTE),), "tcp.no_route"),
        ((tcp(),), "None"),
        ((tcp(), tls()), "None"),
        (served(), "None"),
        ((), "None"),
        ((quic(Failure.TIMEOUT),), "quic.timeout"),
        ((quic(verified=False),), "quic.certificate"),
        ((quic(), quic(Failure.TIMEOUT, verified=False)), "quic.timeout"),
        ((quic(),), "None"),
    ],
)
def test_the_deepest_and_most_telling_failure_is_the_main_one(seen: tuple[Observation, ...], end: str) -> None:
    """An attempt cut short did not fail; failures of this host count only where there is no other."""
    subject = Subject("quic", NAME, 443) if any(isinstance(one, QuicExchange) for one in seen) else SUBJECT
    assert str(endpoint(*seen, subject=subject).main_failure) == end


def test_an_address_that_served_once_has_no_main_failure() -> None:
    """What failed before was a lost packet."""
    found = endpoint(tcp(A, Failure.TIMEOUT), *served(attempt=1))

    assert (found.serves, found.main_failure, found.failures) == (
        True,
        None,
        (LayerFailure(Layer.TCP, Failure.TIMEOUT),),
    )


def test_serving_attempts_ended_in_a_page_or_a_handshake() -> None:
    """A page where the subject has a URL, else a handshake."""
    found = endpoint(tcp(A, Failure.TIMEOUT), *served(attempt=1), tcp(attempt=2), tls(attempt=2))
    hello = endpoint(tcp(), tls(), tcp(attempt=1), tls(A, Failure.RESET, attempt=1), subject=Subject("tls", NAME, 443))

    assert [group[0].attempt for group in found.serving_attempts] == [1]
    assert [group[0].attempt for group in hello.serving_attempts] == [0]


def test_attempts_are_those_at_the_subject() -> None:
    """Not those under other names, at other ports or for other URLs."""
    beside = (NEUTRAL, tcp(port=80), tls(port=8443), http(url=HTTP), tcp(purpose=Purpose.NEUTRAL))
    found = endpoint(*served(), *beside)

    assert len(found.attempts) == 1
    assert len(found.attempts[0]) == 3
    assert found.with_purpose(Purpose.NEUTRAL) == (NEUTRAL, beside[-1])


@pytest.mark.parametrize(
    ("subject", "seen", "serves"),
    [
        (Subject("tls", NAME, 443), (tcp(), tls()), True),
        (Subject("dns", NAME, 443), (tcp(), tls()), True),
        (Subject("tls", NAME, 443), (tcp(),), False),
        (Subject("tcp", "", 443), (tcp(),), True),
        (Subject("tcp", "", 443), (tcp(A, Failure.RESET),), False),
        (Subject("http", NAME, 80, HTTP), (tcp(port=80), tls(), http(url=HTTP)), True),
        (Subject("https", NAME, 443, URL), (tcp(), tls()), False),
        (Subject("quic", NAME, 443), (quic(),), True),
        (Subject("quic", NAME, 443), (quic(Failure.TIMEOUT),), False),
        (Subject("quic", NAME, 443), (tcp(), tls()), False),
        (Subject("quic", NAME, 443), (quic(purpose=Purpose.NEUTRAL),), False),
        (Subject("https", NAME, 443, URL), (quic(),), False),
    ],
)
def test_each_kind_of_subject_is_served_by_its_own_layer(
    subject: Subject, seen: tuple[Observation, ...], serves: bool
) -> None:
    """A page, a handshake, a connection."""
    assert endpoint(*seen, subject=subject).serves is serves


def test_alerts_are_read_from_the_handshakes() -> None:
    """In order."""
    seen = (tls(A, Failure.ALERT, alert="internal_error"), tls(A, Failure.RESET, attempt=1))

    assert endpoint(*seen).alerts == ("internal_error",)
    assert not endpoint(tcp(A, Failure.LOCAL)).serves
    assert endpoint(tcp(A, Failure.LOCAL)).own_fault


def test_an_alert_and_a_wrong_certificate_are_answers() -> None:
    """Silence, RST and FIN are none."""
    assert all(answered((tls(A, failure),)) for failure in (None, Failure.CERTIFICATE, Failure.ALERT))
    assert answered((http(status=421),))
    assert not any(answered((tls(A, failure),)) for failure in (Failure.TIMEOUT, Failure.RESET, Failure.EOF))
    assert not answered((tcp(), http(status=0, failure=Failure.TIMEOUT)))


def test_a_certificate_verifies_for_a_name_at_an_address() -> None:
    """For no other name, and at no other address."""
    seen = (tcp(A), tcp(B, Failure.TIMEOUT), tls(A), said("network", A))

    assert is_verified(seen, NAME, A)
    assert not is_verified(seen, "other.example", A)
    assert not is_verified(seen, NAME, B)
