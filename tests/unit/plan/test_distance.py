"""The steps that show how long an answer of the server takes."""

from __future__ import annotations

import pytest

from probe.model.failure import Failure
from probe.model.hop import Layer, LayerFailure, Purpose, StepPosition, Subject
from probe.model.step import Fetch, Handshake
from probe.plan.distance import DISTANCE_TRIES, asked_anyway, distance_in_clear, distance_steps, repeats_subject
from tests.unit.plan.dialogue import CONTEXT, NAME, A

HTTPS = Subject("https", NAME, 443, f"https://{NAME}/")
HTTP = Subject("http", NAME, 8080, f"http://{NAME}:8080/news?x=1")
PLACE = StepPosition(chain=1, hop=2)


@pytest.mark.parametrize(
    ("subject", "failed", "neutral", "again"),
    [
        (HTTPS, LayerFailure(Layer.TLS, Failure.RESET), True, True),
        (HTTPS, LayerFailure(Layer.HTTP, Failure.EOF), True, True),
        (HTTPS, LayerFailure(Layer.TLS, Failure.ALERT), False, True),
        (HTTPS, LayerFailure(Layer.TLS, Failure.CERTIFICATE), False, False),
        (HTTP, LayerFailure(Layer.HTTP, Failure.RESET), False, True),
        (HTTP, None, False, False),
    ],
)
def test_what_follows_anyway_is_not_asked_twice(
    subject: Subject, failed: LayerFailure | None, neutral: bool, again: bool
) -> None:
    """A cut handshake is followed by the neutral name, and most failures by the subject."""
    assert asked_anyway(subject, failed) is neutral
    assert repeats_subject(subject, failed) is again


def test_a_page_in_clear_is_compared_with_one_under_the_neutral_name_at_the_same_port() -> None:
    """Not path and query, which a filter may read too."""
    steps = distance_steps(HTTP, A, CONTEXT, PLACE)

    assert [step.url for step in steps if isinstance(step, Fetch)] == ["http://xkqvdwpzrjtm.com:8080/"] * DISTANCE_TRIES
    assert {step.position.purpose for step in steps} == {Purpose.DISTANCE}
    assert [step.position.attempt for step in steps] == list(range(DISTANCE_TRIES))
    assert {(step.position.chain, step.position.hop) for step in steps} == {(1, 2)}


def test_a_hello_is_compared_with_one_under_the_neutral_name() -> None:
    """No server has a certificate for it."""
    for step in distance_steps(HTTPS, A, CONTEXT, PLACE):
        assert isinstance(step, Handshake)
        assert (step.sni, step.verify, step.port) == ("xkqvdwpzrjtm.com", False, 443)


def test_where_every_hello_is_cut_port_80_is_asked() -> None:
    """At the same address."""
    for step in distance_in_clear(A, CONTEXT, PLACE):
        assert isinstance(step, Fetch)
        assert (step.url, step.address) == ("http://xkqvdwpzrjtm.com/", A)
