"""When an answer came sooner than a server at the end of the path can send it."""

from __future__ import annotations

import pytest

from probe.model.failure import Failure
from probe.model.nearness import came_sooner, is_sooner, is_unproven
from probe.model.observation import Connection, Exchange, Observation, Resolution, TlsHandshake
from probe.model.resolver import Trust

STOOD = Connection(address="151.101.1.10", port=443, rtt=41_000)


def tls(failure: Failure | None, wait: int = 10_000) -> TlsHandshake:
    """The end of a handshake."""
    return TlsHandshake(address="151.101.1.10", port=443, sni="news.example.org", failure=failure, wait=wait)


def page(status: int = 200, *, failure: Failure | None = None, scheme: str = "http") -> Exchange:
    """The answer to a request."""
    where = {"url": f"{scheme}://news.example.org/", "address": "151.101.1.10"}
    return Exchange(**where, status=status, failure=failure, wait=9_000)


@pytest.mark.parametrize(
    ("wait", "round_trip", "sooner"),
    [
        (10_000, 41_000, True),
        (20_500, 41_000, False),  # half of the way
        (4_000, 9_000, True),
        (4_001, 9_000, False),  # less than five milliseconds sooner
        (0, 41_000, False),  # unknown
        (10_000, 0, False),
    ],
)
def test_an_answer_is_sooner_below_half_of_the_round_trip_and_by_milliseconds(
    wait: int, round_trip: int, sooner: bool
) -> None:
    """Both, because a busy host is late by milliseconds."""
    assert is_sooner(wait, round_trip) is sooner


@pytest.mark.parametrize(
    ("one", "unproven"),
    [
        (tls(Failure.RESET), True),
        (tls(Failure.ALERT), True),
        (tls(Failure.CERTIFICATE), True),
        (tls(None), False),
        (tls(Failure.TIMEOUT), False),
        (page(), True),
        (page(0, failure=Failure.EOF), True),
        (page(0, failure=Failure.EOF, scheme="https"), False),
        (page(scheme="https"), False),
        (page(0, failure=Failure.TIMEOUT), False),
        (STOOD, False),
        (Resolution(name="news.example.org", rrtype="A", resolver="network", trust=Trust.NETWORK), False),
    ],
)
def test_anybody_on_the_path_can_send_a_cut_an_alert_and_a_page_in_clear(one: Observation, unproven: bool) -> None:
    """Not a certificate that verifies; and over TLS, a server may end the connection before it has the request."""
    assert is_unproven(one) is unproven


def test_a_step_is_held_against_the_round_trip_of_its_own_syn() -> None:
    """Without one, nothing is known."""
    assert came_sooner((STOOD, tls(Failure.RESET)))
    assert not came_sooner((STOOD, tls(Failure.RESET, 39_000)))
    assert not came_sooner((STOOD, tls(None)))
    assert not came_sooner((tls(Failure.RESET),))
    assert not came_sooner((STOOD,))
    assert not came_sooner(())
