"""A hop with everything that a rule may read."""

from __future__ import annotations

from typing import Any

import pytest

from probe.judge.evidence_hop import hops_of
from probe.model.failure import Failure
from probe.model.hop import Layer, LayerFailure, Purpose
from tests.unit.judge.builders import (
    FORGED,
    HTTP,
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


REGIONAL = (said("network", FORGED), said("trusted", A))


@pytest.mark.parametrize(
    ("seen", "serving", "own"),
    [
        ((*REGIONAL, tcp(FORGED, Failure.RESET), *served()), [], [FORGED]),
        ((*BOTH, tcp(B, Failure.RESET), *served()), [A], [B, A]),
        ((said("network", B), said("trusted", A, B), tcp(B, Failure.RESET), *served()), [A], [B, A]),
        ((*REGIONAL, tcp(FORGED, Failure.NO_ROUTE), *served()), [A], [A]),
        ((*REGIONAL, *served()), [A], [A]),
        ((*REGIONAL, *served(FORGED), *served()), [FORGED, A], [FORGED, A]),
    ],
)
def test_a_page_that_programs_on_this_host_do_not_get_serves_nobody(seen: Any, serving: Any, own: Any) -> None:
    """One confirmed address of those that they get may fail; a fault of this host says nothing of what others get."""
    hop = hop_of(*seen)

    assert [one.address for one in hop.serving_endpoints] == serving
    assert [one.address for one in hop.own_endpoints] == own


def test_somebody_elses_page_is_what_people_get_also_at_a_confirmed_address() -> None:
    """Though another address serves the target."""
    notice = http(B, url=HTTP, marks=("ru.mts",))
    answers = (said("network", B), said("trusted", A, B))
    hop = hop_of(*answers, notice, http(A, url=HTTP), target=HTTP)

    assert hop.serving_endpoints == ()
    assert [one.address for one in hop.own_endpoints] == [B]
