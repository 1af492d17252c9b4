"""Answers that came sooner than the server can send them, and every doubt that acquits it."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest

from probe.judge.nearer import PAGE, PathTimes, is_proxied, nearer_answers
from probe.model.failure import Failure
from probe.model.hop import Purpose
from probe.model.observation import Observation
from probe.model.verdict import NearerAnswer
from tests.unit.judge.builders import HTTP, URL, A, B, hop_of, http, tcp, tls

FAR, NEAR = 41_000, 10_000
OTHER = "http://xkqvdwpzrjtm.com/"


def request(attempt: int = 0, wait: int = NEAR, rtt: int = FAR, **more: Any) -> tuple[Observation, ...]:
    """A try of the subject in clear, which ends with RST."""
    fields = {"status": 0, "failure": Failure.RESET, "url": HTTP, "secure": False, **more}
    return tcp(port=80, rtt=rtt, attempt=attempt), http(A, attempt=attempt, wait=wait, **fields)


def other(wait: int = 43_000, rtt: int = FAR, floor: int = FAR, **more: Any) -> tuple[Observation, ...]:
    """A request under another name, answered."""
    fields = {"purpose": Purpose.DISTANCE, "secure": False, **more}
    attempt = next(ATTEMPTS)
    return (
        tcp(port=80, rtt=rtt, purpose=Purpose.DISTANCE, attempt=attempt),
        http(A, url=OTHER, wait=wait, floor=floor, attempt=attempt, **fields),
    )


ATTEMPTS = count()


def found(*seen: Observation, target: str = HTTP) -> tuple[NearerAnswer, ...]:
    """The answers at the first address of a hop."""
    (endpoint,) = hop_of(*seen, target=target).endpoints
    return nearer_answers(endpoint, seen)


def test_two_tries_in_a_quarter_of_the_round_trip_are_proven() -> None:
    """Another name was answered in full time, and three round trips agree."""
    assert found(*request(), *request(1, 11_000), *other()) == (
        NearerAnswer(
            address=A,
            port=80,
            what="http.reset",
            waits=(NEAR, 11_000),
            floor=FAR,
            connections=3,
            other=43_000,
            proven=True,
        ),
    )


@pytest.mark.parametrize(
    "seen",
    [
        (*request(), *other(), *other()),
        (*request(), *request(1), *request(2)),
        (*request(), *request(1, rtt=0), *other()),
        (*request(), *request(1), *other(rtt=53_000)),
        (*request(), *request(1), *other(36_000), *other(36_000)),
        (*request(), *request(1), *other(floor=0), *other(floor=0)),
    ],
    ids=[
        "one try",
        "no other name",
        "a repeated SYN leaves two round trips",
        "round trips disagree",
        "another name was answered sooner than SYNs",
        "the kernel tells no round trip of data",
    ],
)
def test_a_doubt_leaves_the_answer_unproven(seen: tuple[Observation, ...]) -> None:
    """It stays in evidence."""
    (answer,) = found(*seen)

    assert not answer.proven


@pytest.mark.parametrize(
    "seen",
    [
        (*request(), *request(1, 43_000), *other()),
        (*request(), *request(1, rtt=12_000), *other()),
        (*request(), *request(1), *other(11_000)),
        (*request(), *request(1), *other(floor=12_000)),
        (*request(wait=0), *request(1, 0), *other()),
        (*request(), *request(1), *other(), tls(A, wait=14_000)),
    ],
    ids=[
        "one try took its time",
        "one SYN was answered nearby",
        "the other name too",
        "data of the other name too",
        "waits are unknown",
        "a certificate verified as soon",
    ],
)
def test_what_the_server_can_have_sent_is_not_nearer(seen: tuple[Observation, ...]) -> None:
    """One round trip as low suffices."""
    assert found(*seen) == ()


def test_a_forged_acknowledgement_does_not_lower_the_round_trip() -> None:
    """The kernel measures forged data too, so the lowest round trip of the subject's own connection does not count."""
    (answer,) = found(*request(floor=NEAR), *request(1, floor=NEAR), *other())

    assert answer.proven


def test_a_verified_certificate_on_another_port_lowers_the_floor() -> None:
    """Only the server can send it, so it shows how far the server is."""
    (answer,) = found(*request(), *request(1), *other(), tls(A, wait=30_000, port=443))

    assert answer.floor == 30_000


def test_another_address_says_nothing() -> None:
    """It may be another machine."""
    seen = (*request(), *request(1), *other(), tcp(B, rtt=3_000, port=80))
    first, second = hop_of(*seen, target=HTTP).endpoints

    assert [one.proven for one in nearer_answers(first, seen)] == [True]
    assert nearer_answers(second, seen) == ()


def test_another_port_counts_only_where_the_subjects_own_has_no_answer() -> None:
    """A proxy of port 80 says nothing of port 443; where all is cut there, it is what can be known."""
    hello = [one for n in range(2) for one in (tcp(rtt=FAR, attempt=n), tls(A, Failure.RESET, attempt=n, wait=NEAR))]
    neutral = (
        tcp(rtt=FAR, purpose=Purpose.NEUTRAL),
        tls(A, Failure.CERTIFICATE, sni="xkqvdwpzrjtm.com", purpose=Purpose.NEUTRAL, wait=43_000, floor=FAR),
    )
    cut = (neutral[0], tls(A, Failure.RESET, sni="xkqvdwpzrjtm.com", purpose=Purpose.NEUTRAL, wait=NEAR))
    proxied = other(4_000, 3_000, 3_000)
    (by_own,) = found(*hello, *neutral, *proxied, target=URL)
    (by_other,) = found(*hello, *cut, *other(), target=URL)

    assert by_own.proven
    assert by_other.proven
    assert found(*hello, *cut, *proxied, target=URL) == ()


def test_pages_and_cuts_are_counted_apart() -> None:
    """Each kind of answer needs two of its own."""
    reset, page = found(*request(), *request(1, status=200, failure=None), *other())

    assert (reset.what, page.what) == ("http.reset", PAGE)
    assert not reset.proven
    assert not page.proven


@pytest.mark.parametrize(
    ("clear", "encrypted", "proxied"),
    [
        ((3_000, 4_000), (41_000, 42_000), True),
        ((3_000,), (41_000, 42_000), False),
        ((3_000, 4_000), (41_000,), False),
        ((3_000, 40_000), (41_000, 42_000), False),
        ((41_000, 42_000), (3_000, 4_000), False),
        ((0, 3_000), (41_000, 42_000), False),
    ],
)
def test_a_port_80_that_is_nearer_than_port_443_is_a_proxys(
    clear: tuple[int, ...], encrypted: tuple[int, ...], proxied: bool
) -> None:
    """For readers; two connections to each."""
    seen = [tcp(port=port, rtt=rtt) for port, rtts in ((80, clear), (443, encrypted)) for rtt in rtts]

    assert is_proxied(A, [*seen, tcp(B, port=80, rtt=1_000)]) is proxied


def test_nothing_is_proven_of_nothing() -> None:
    """No time is known."""
    assert PathTimes().floor == 0
    assert not PathTimes().proves(())
