"""A hop with everything that a rule may read."""

from __future__ import annotations

from probe.judge.evidence_hop import hops_of
from probe.model.failure import Failure
from probe.model.hop import Layer, LayerFailure, Purpose
from tests.unit.judge.builders import (
    FORGED,
    NAME,
    NEUTRAL,
    URL,
    A,
    B,
    hop_of,
    http,
    said,
    served,
    tcp,
    tls,
    tries,
    view_of,
)

BOTH = (said("network", A, B), said("trusted", A, B))


def test_every_hop_of_every_chain_is_viewed() -> None:
    """Each knows the hops before it."""
    made = view_of(http(A, 301, location="https://x.example/"), target=NAME)

    assert [[one.observed.subject.url for one in chain] for chain in hops_of(made)] == [
        [URL, "https://x.example/"],
        [f"http://{NAME}/"],
    ]
    assert [len(one.earlier) for one in hops_of(made)[0]] == [0, 1]


def test_a_target_without_a_name_has_no_resolution() -> None:
    """No resolver was asked."""
    assert hop_of(tcp(), target=f"tcp://{A}:443").names is None
    assert hop_of().names is not None


def test_own_endpoints_are_the_confirmed_ones_else_all_that_are_not_refuted() -> None:
    """An unknown address does not count where a known one was tried."""
    known = hop_of(*BOTH, tcp(A), tcp(FORGED))
    unknown = hop_of(said("network", A), tcp(A), tcp(FORGED))

    assert [endpoint.address for endpoint in known.own_endpoints] == [A]
    assert [endpoint.address for endpoint in unknown.own_endpoints] == [A, FORGED]


def test_serving_endpoints_gave_what_the_target_itself_wrote() -> None:
    """A handshake is enough for a target without a page."""
    assert [endpoint.address for endpoint in hop_of(*BOTH, *served(), tcp(B)).serving_endpoints] == [A]
    assert [
        endpoint.address for endpoint in hop_of(tcp(), tls(), target=f"tls://{A}:443/{NAME}").serving_endpoints
    ] == [A]
    notice = http(A, url=f"http://{NAME}/", marks=("ru.mts",))
    assert hop_of(*BOTH, notice, target=f"http://{NAME}/").serving_endpoints == ()


def test_the_deepest_failure_of_own_endpoints_decides() -> None:
    """There is none where one of them serves; failures of this host never count."""
    failed = hop_of(*BOTH, tcp(A, Failure.TIMEOUT), *tries(2, tls(B, Failure.RESET), tcp(B)))

    assert failed.decisive_failure == LayerFailure(Layer.TLS, Failure.RESET)
    assert failed.decisive_count == 2
    assert hop_of(*BOTH, *served(), tcp(B, Failure.TIMEOUT)).decisive_failure is None
    own = hop_of(*BOTH, tcp(A, Failure.LOCAL))
    assert (own.decisive_failure, own.failing_endpoints, own.decisive_count) == (None, (), 0)


def test_any_answer_under_another_name_counts() -> None:
    """Whatever it says."""
    made = hop_of(*BOTH, tcp(A), tls(A, Failure.RESET), NEUTRAL)

    assert made.answers_other_name(made.observed.endpoints[0])
    assert not made.answers_other_name(made.observed.endpoints[0], Purpose.ALLOWED)
