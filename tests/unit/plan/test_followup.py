"""The follow-ups of a failed try: the table, and the steps of each row."""

from __future__ import annotations

import pytest

from probe.model.failure import OWN_FAULTS, Failure
from probe.model.hop import Layer, LayerFailure, Purpose, StepPosition, Subject
from probe.model.step import Connect, Fetch, Handshake, QuicHandshake, Step
from probe.plan.followup import (
    FOLLOW_UPS,
    SMALL_SEGMENT_OCTETS,
    Question,
    allowed_name_step,
    follow_up_steps,
    neutral_name_step,
    questions_after,
    subject_step,
    tries_subject,
    with_small_segments,
)
from probe.plan.page_check import comparison
from tests.unit.plan.dialogue import CONTEXT, NAME, A

HTTPS = Subject("https", NAME, 443, f"https://{NAME}/")
PORT_8443 = Subject("https", NAME, 8443, f"https://{NAME}:8443/")
HTTP = Subject("http", NAME, 80, f"http://{NAME}/")
TCP = Subject("tcp", "", 443)
TLS = Subject("tls", NAME, 443)
QUIC = Subject("quic", NAME, 443)
NEXT = StepPosition(attempt=1)
AGAIN, NEUTRAL, NEUTRAL_PAGE, PEEK, TLS_OVER_TCP, COMPARISON = Question


def after(subject: Subject, layer: Layer, failure: Failure) -> tuple[Step, ...]:
    """The steps that follow a failure."""
    return follow_up_steps(subject, A, LayerFailure(layer, failure), CONTEXT, NEXT)


@pytest.mark.parametrize(
    ("layer", "failures", "encrypted", "questions"),
    [
        (Layer.TCP, "timeout reset eof unreachable", True, [AGAIN]),
        (Layer.TCP, "timeout reset unreachable", False, [AGAIN]),
        (Layer.TLS, "timeout reset eof garbage", True, [NEUTRAL, AGAIN]),
        (Layer.TLS, "alert unreachable", True, [AGAIN]),
        (Layer.TLS, "certificate", True, [PEEK]),
        (Layer.HTTP, "timeout reset eof", True, [NEUTRAL_PAGE, AGAIN]),
        (Layer.HTTP, "timeout reset eof", False, [AGAIN]),
        (Layer.HTTP, "garbage unreachable", True, [AGAIN]),
        (Layer.BODY, "timeout", True, [COMPARISON]),
        (Layer.BODY, "timeout", False, [COMPARISON]),
        (Layer.QUIC, "timeout reset eof", True, [TLS_OVER_TCP, NEUTRAL, AGAIN]),
        (Layer.QUIC, "alert garbage unreachable", True, [TLS_OVER_TCP, AGAIN]),
        (Layer.QUIC, "certificate", True, [PEEK]),
        (Layer.HTTP, "too_much", True, []),
        (Layer.TLS, "too_much", True, []),
        (Layer.TCP, "local no_route bug", True, []),
    ],
)
def test_each_failure_is_followed_by_the_steps_that_could_explain_it(
    layer: Layer, failures: str, encrypted: bool, questions: list[Question]
) -> None:
    """The neutral name goes before the second try of the subject, which may silence the address for minutes."""
    for failure in failures.split():
        assert list(questions_after(LayerFailure(layer, Failure(failure)), encrypted=encrypted)) == questions


def test_every_row_of_the_table_is_reached() -> None:
    """A row after a wider one would never apply."""
    reached = set()
    for layer in Layer:
        for failure in Failure:
            for encrypted in (True, False):
                fits = [
                    number
                    for number, row in enumerate(FOLLOW_UPS)
                    if layer in row.layers and failure in row.failures and row.encrypted in {None, encrypted}
                ]
                reached.update(fits[:1])

    assert reached == set(range(len(FOLLOW_UPS)))


def test_no_row_follows_a_fault_of_this_host() -> None:
    """Such a fault shows nothing about the network."""
    assert all(OWN_FAULTS.isdisjoint(row.failures) for row in FOLLOW_UPS)


def test_a_handshake_replaces_the_page_where_the_subject_uses_tls() -> None:
    """Over http there is only the page."""
    assert isinstance(subject_step(HTTPS, A, NEXT), Fetch)
    assert isinstance(subject_step(HTTPS, A, NEXT, page=False), Handshake)
    assert isinstance(subject_step(HTTP, A, NEXT, page=False), Fetch)
    assert isinstance(subject_step(TCP, A, NEXT), Connect)
    assert isinstance(subject_step(TLS, A, NEXT), Handshake)
    assert isinstance(subject_step(QUIC, A, NEXT), QuicHandshake)


@pytest.mark.parametrize("subject", [HTTPS, HTTP, TCP, TLS, QUIC], ids=lambda one: one.scheme)
def test_steps_of_the_subject_differ_from_the_follow_ups(subject: Subject) -> None:
    """By kind, URL and purpose."""
    other = Subject("https", "other.example", 443, "https://other.example/")

    assert tries_subject(subject, subject_step(subject, A, NEXT))
    assert not tries_subject(subject, subject_step(subject, A, StepPosition(purpose=Purpose.NEUTRAL)))
    assert not tries_subject(subject, subject_step(other, A, NEXT))
    assert tries_subject(subject, subject_step(TLS, A, NEXT)) is (subject in (HTTPS, TLS))
    assert tries_subject(subject, subject_step(QUIC, A, NEXT)) is (subject is QUIC)


def test_a_cut_handshake_is_followed_by_the_neutral_name_and_then_the_subject() -> None:
    """Without verification, because no server has a certificate for the neutral name."""
    neutral, again = after(HTTPS, Layer.TLS, Failure.RESET)

    assert isinstance(neutral, Handshake)
    assert (neutral.sni, neutral.verify, neutral.position.purpose) == ("xkqvdwpzrjtm.com", False, Purpose.NEUTRAL)
    assert again == subject_step(HTTPS, A, NEXT)


@pytest.mark.parametrize("scheme", ["https", "tls", "quic", "tcp"])
def test_follow_ups_go_to_the_subjects_address_and_port(scheme: str) -> None:
    """After a failure at any layer."""
    subject = Subject(scheme, "" if scheme == "tcp" else NAME, 8443, PORT_8443.url if scheme == "https" else "")
    layer = {"quic": Layer.QUIC, "tcp": Layer.TCP}.get(scheme, Layer.TLS)
    for failure in (Failure.TIMEOUT, Failure.RESET, Failure.UNREACHABLE, Failure.CERTIFICATE, Failure.ALERT):
        for step in after(subject, layer, failure):
            assert isinstance(step, Connect | Fetch | Handshake | QuicHandshake)
            assert step.address == A
            assert ":8443/" in step.url if isinstance(step, Fetch) else step.port == 8443


def test_a_request_under_the_neutral_name_goes_to_the_subjects_port() -> None:
    """Its certificate is not verified."""
    neutral, _ = after(PORT_8443, Layer.HTTP, Failure.TIMEOUT)

    assert isinstance(neutral, Fetch)
    assert (neutral.url, neutral.verify) == ("https://xkqvdwpzrjtm.com:8443/", False)
    assert after(HTTPS, Layer.HTTP, Failure.TIMEOUT)[0].url == "https://xkqvdwpzrjtm.com/"  # type: ignore[union-attr]


def test_silent_quic_is_followed_by_tls_and_another_name_before_the_subject() -> None:
    """TLS shows whether the host is up, the other name whether the name is blocked."""
    over_tcp, neutral, again = after(QUIC, Layer.QUIC, Failure.TIMEOUT)

    assert isinstance(over_tcp, Handshake)
    assert (over_tcp.sni, over_tcp.verify, over_tcp.position.purpose) == (NAME, True, Purpose.SUBJECT)
    assert isinstance(neutral, QuicHandshake)
    assert (neutral.sni, neutral.verify, neutral.position.purpose) == ("xkqvdwpzrjtm.com", False, Purpose.NEUTRAL)
    assert again == subject_step(QUIC, A, NEXT)


def test_a_page_that_stopped_is_followed_by_the_same_page_under_another_name() -> None:
    """At the same address, in turns with the subject."""
    again = subject_step(HTTPS, A, NEXT)

    assert after(HTTPS, Layer.BODY, Failure.TIMEOUT) == comparison(HTTPS.url, A, CONTEXT, StepPosition(), (again,))
    assert after(HTTPS, Layer.BODY, Failure.TIMEOUT)[1] == again


def test_a_bad_certificate_is_followed_by_a_handshake_that_accepts_it() -> None:
    """It shows whose certificate it is."""
    (peek,) = after(HTTPS, Layer.TLS, Failure.CERTIFICATE)

    assert isinstance(peek, Handshake)
    assert (peek.sni, peek.verify, peek.position.purpose) == (NAME, False, Purpose.PEEK)


def test_the_neutral_and_the_allowed_name_are_sent_without_verification() -> None:
    """No server has a certificate for them."""
    for step, name, purpose in (
        (allowed_name_step(HTTPS, A, CONTEXT, NEXT), "www.wikipedia.org", Purpose.ALLOWED),
        (neutral_name_step(HTTPS, A, CONTEXT, NEXT), "xkqvdwpzrjtm.com", Purpose.NEUTRAL),
    ):
        assert isinstance(step, Handshake)
        assert (step.sni, step.verify) == (name, False)
        assert step.position == StepPosition(purpose=purpose)


def test_small_segments_are_requested_where_the_server_sends_data() -> None:
    """A bare connection has none."""
    fetch, connect = subject_step(HTTPS, A, NEXT), subject_step(TCP, A, NEXT)
    asked = with_small_segments(fetch)

    assert isinstance(fetch, Fetch)
    assert isinstance(asked, Fetch)
    assert (fetch.segment, asked.segment, asked.url) == (0, SMALL_SEGMENT_OCTETS, fetch.url)
    assert with_small_segments(connect) is connect
