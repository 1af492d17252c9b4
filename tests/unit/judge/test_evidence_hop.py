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


def test_a_case_has_a_leg_for_each_hop_of_each_chain() -> None:
    """Each knows the hops before it."""
    made = view_of(http(A, 301, location="https://x.example/"), target=NAME)

    assert [[one.observed.subject.url for one in chain] for chain in hops_of(made)] == [
        [URL, "https://x.example/"],
        [f"http://{NAME}/"],
    ]
    assert [len(one.earlier) for one in hops_of(made)[0]] == [0, 1]


def test_a_target_without_a_name_has_no_names() -> None:
    """Nobody was asked."""
    assert hop_of(tcp(), target=f"tcp://{A}:443").names is None
    assert hop_of().names is not None


def test_the_true_sites_are_the_acquitted_else_all_that_are_not_convicted() -> None:
    """An odd address says nothing about the target while a known one was tried."""
    known = hop_of(*BOTH, tcp(A), tcp(FORGED))
    unknown = hop_of(said("network", A), tcp(A), tcp(FORGED))

    assert [endpoint.address for endpoint in known.own_endpoints] == [A]
    assert [endpoint.address for endpoint in unknown.own_endpoints] == [A, FORGED]


def test_a_leg_is_served_by_those_who_gave_the_targets_own_word() -> None:
    """A handshake is enough where that is all there is to be had."""
    assert [endpoint.address for endpoint in hop_of(*BOTH, *served(), tcp(B)).serving_endpoints] == [A]
    assert [
        endpoint.address for endpoint in hop_of(tcp(), tls(), target=f"tls://{A}:443/{NAME}").serving_endpoints
    ] == [A]
    notice = http(A, url=f"http://{NAME}/", marks=("ru.mts",))
    assert hop_of(*BOTH, notice, target=f"http://{NAME}/").serving_endpoints == ()


def test_the_deepest_failure_of_the_true_sites_decides() -> None:
    """Where one of them serves there is none; our own faults never count; its likes are counted."""
    failed = hop_of(*BOTH, tcp(A, Failure.TIMEOUT), *tries(2, tls(B, Failure.RESET), tcp(B)))

    assert failed.decisive_failure == LayerFailure(Layer.TLS, Failure.RESET)
    assert failed.decisive_count == 2
    assert hop_of(*BOTH, *served(), tcp(B, Failure.TIMEOUT)).decisive_failure is None
    own = hop_of(*BOTH, tcp(A, Failure.LOCAL))
    assert (own.decisive_failure, own.failing_endpoints, own.decisive_count) == (None, (), 0)


def test_an_address_answers_a_name_of_ours_or_does_not() -> None:
    """Whatever it says."""
    made = hop_of(*BOTH, tcp(A), tls(A, Failure.RESET), NEUTRAL)

    assert made.answers_other_name(made.observed.endpoints[0])
    assert not made.answers_other_name(made.observed.endpoints[0], Purpose.ALLOWED)
