"""What is asked after a failure, and in which order."""

from __future__ import annotations

import pytest

from probe.model.failure import Failure
from probe.model.hop import Purpose, StepPosition, Subject
from probe.model.observation import Connection, Exchange, Observation, QuicExchange, TlsHandshake
from probe.model.step import Connect, Fetch, Handshake, QuicHandshake
from probe.plan.followup import SMALL, after, allowed, answered, failure_of, neutral_first, small, subject_step
from probe.plan.transfer import comparison
from tests.unit.plan.dialogue import CONTEXT, NAME, A

HTTPS = Subject("https", NAME, 443, f"https://{NAME}/")
ODD_PORT = Subject("https", NAME, 8443, f"https://{NAME}:8443/")
HTTP = Subject("http", NAME, 80, f"http://{NAME}/")
TCP = Subject("tcp", "", 443)
QUIC = Subject("quic", NAME, 443)
STOOD = Connection(address=A, port=443)
NEXT = StepPosition(attempt=1)


def tls(failure: Failure) -> tuple[Observation, ...]:
    """A handshake that ended so."""
    return STOOD, TlsHandshake(address=A, port=443, sni=NAME, failure=failure)


def http(failure: Failure, status: int = 0) -> tuple[Observation, ...]:
    """A request that ended so."""
    return STOOD, Exchange(url=HTTPS.url, address=A, failure=failure, status=status, length=status)


def quic(failure: Failure) -> tuple[Observation, ...]:
    """A QUIC handshake that ended so."""
    return (QuicExchange(address=A, port=443, sni=NAME, failure=failure),)


def test_the_page_is_left_out_where_a_handshake_will_do() -> None:
    """Over http there is nothing but the page."""
    assert isinstance(subject_step(HTTPS, A, NEXT), Fetch)
    assert isinstance(subject_step(HTTPS, A, NEXT, page=False), Handshake)
    assert isinstance(subject_step(HTTP, A, NEXT, page=False), Fetch)
    assert isinstance(subject_step(TCP, A, NEXT), Connect)
    assert isinstance(subject_step(QUIC, A, NEXT), QuicHandshake)


@pytest.mark.parametrize(
    ("seen", "end"),
    [
        ((), None),
        ((STOOD,), None),
        ((Connection(address=A, port=443, failure=Failure.RESET),), ("tcp", Failure.RESET)),
        (tls(Failure.EOF), ("tls", Failure.EOF)),
        (http(Failure.TIMEOUT), ("http", Failure.TIMEOUT)),
        (http(Failure.RESET, 200), None),
        (quic(Failure.TIMEOUT), ("quic", Failure.TIMEOUT)),
    ],
)
def test_a_try_ends_at_its_last_layer(seen: tuple[Observation, ...], end: object) -> None:
    """A page that was cut off after some of its body is a page."""
    assert failure_of(seen) == end


def test_a_step_that_saw_nothing_did_not_succeed() -> None:
    """Time was up before it began."""
    assert not answered(())
    assert answered((STOOD,))


@pytest.mark.parametrize("failure", [Failure.RESET, Failure.TIMEOUT, Failure.EOF])
def test_a_handshake_cut_off_calls_for_the_neutral_name_first(failure: Failure) -> None:
    """Then for the subject again."""
    neutral, again = after(HTTPS, A, tls(failure), CONTEXT, NEXT)

    assert (neutral.position.purpose, again) == (Purpose.NEUTRAL, subject_step(HTTPS, A, NEXT))
    assert isinstance(neutral, Handshake)


def test_a_request_under_the_neutral_name_goes_to_the_same_port() -> None:
    """Whatever certificate comes back."""
    neutral, _ = after(ODD_PORT, A, http(Failure.TIMEOUT), CONTEXT, NEXT)

    assert isinstance(neutral, Fetch)
    assert (neutral.url, neutral.verify) == ("https://xkqvdwpzrjtm.com:8443/", False)


@pytest.mark.parametrize("failure", [Failure.ALERT, Failure.GARBAGE])
def test_the_servers_own_words_call_for_the_subject_alone(failure: Failure) -> None:
    """No other name would explain them."""
    assert after(HTTPS, A, tls(failure), CONTEXT, NEXT) == (subject_step(HTTPS, A, NEXT),)


def test_a_silent_syn_calls_for_the_subject_alone() -> None:
    """No name was said yet."""
    seen = (Connection(address=A, port=443, failure=Failure.TIMEOUT),)

    assert after(HTTPS, A, seen, CONTEXT, NEXT) == (subject_step(HTTPS, A, NEXT),)


def test_silent_quic_calls_for_tls_and_another_name_before_the_subject_again() -> None:
    """Whether there is anybody, and whether it is the name."""
    over_tcp, neutral, again = after(QUIC, A, quic(Failure.TIMEOUT), CONTEXT, NEXT)

    assert isinstance(over_tcp, Handshake)
    assert (over_tcp.sni, over_tcp.verify, over_tcp.position.purpose) == (NAME, True, Purpose.SUBJECT)
    assert isinstance(neutral, QuicHandshake)
    assert (neutral.sni, neutral.verify, neutral.position.purpose) == ("xkqvdwpzrjtm.com", False, Purpose.NEUTRAL)
    assert again == subject_step(QUIC, A, NEXT)


def test_a_page_that_stopped_calls_for_the_same_page_under_another_name() -> None:
    """It starts as the subject did, and goes to the same address."""
    begun = Exchange(url=HTTPS.url, address=A, failure=Failure.TIMEOUT, status=200, length=14_000)
    steps = after(HTTPS, A, (STOOD, begun), CONTEXT, NEXT)

    assert steps == comparison(
        HTTPS.url,
        A,
        CONTEXT.random_name,
        StepPosition(attempt=1, purpose=Purpose.NEUTRAL),
        (subject_step(HTTPS, A, NEXT),),
    )
    assert subject_step(HTTPS, A, NEXT) in steps


def test_a_bad_certificate_calls_for_a_peek() -> None:
    """The handshake again, whatever it shows."""
    (peek,) = after(HTTPS, A, tls(Failure.CERTIFICATE), CONTEXT, NEXT)

    assert isinstance(peek, Handshake)
    assert (peek.sni, peek.verify, peek.position.purpose) == (NAME, False, Purpose.PEEK)


def test_the_names_of_ours_are_said_without_verification() -> None:
    """No server has a certificate for them."""
    for step, name in (
        (allowed(HTTPS, A, CONTEXT, NEXT), "www.wikipedia.org"),
        (neutral_first(HTTPS, A, CONTEXT, NEXT), "xkqvdwpzrjtm.com"),
    ):
        assert isinstance(step, Handshake)
        assert (step.sni, step.verify) == (name, False)


def test_a_server_is_asked_for_small_segments_where_it_would_send_any() -> None:
    """A connection alone brings none."""
    fetch, connect = subject_step(HTTPS, A, NEXT), subject_step(TCP, A, NEXT)
    asked = small(fetch)

    assert isinstance(fetch, Fetch)
    assert isinstance(asked, Fetch)
    assert (fetch.segment, asked.segment, asked.url) == (0, SMALL, fetch.url)
    assert small(connect) is connect


def test_nothing_follows_what_succeeded_or_what_no_question_could_explain() -> None:
    """A bound of ours, a fault of this host."""
    assert after(HTTPS, A, (STOOD,), CONTEXT, NEXT) == ()
    assert after(HTTPS, A, http(Failure.TOO_MUCH), CONTEXT, NEXT) == ()
    assert after(HTTPS, A, tls(Failure.LOCAL), CONTEXT, NEXT) == ()
