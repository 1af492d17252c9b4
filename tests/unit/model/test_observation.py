"""What an answer's arrival says of it: begun, answered, frozen, and how fast it came."""

from __future__ import annotations

import msgspec
import pytest

from probe.model.failure import Failure
from probe.model.observation import ENOUGH_FLOW, Exchange, Flow, Observation, QuicExchange, Sending

URL = "https://news.example.org/"


def page(status: int = 200, failure: Failure | None = None, length: int = 0, **more: object) -> Exchange:
    """An answer."""
    return Exchange(url=URL, address="151.101.1.10", status=status, failure=failure, length=length, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("one", "answered"),
    [
        (page(), True),
        (page(0), False),
        (page(0, Failure.RESET), False),
        (page(200, Failure.RESET, 10), True),
        (page(200, Failure.EOF, 0), False),
        (page(200, Failure.TIMEOUT, 16_000), False),
        (page(200, Failure.TIMEOUT, 65_536), True),
        (page(200, Failure.TIMEOUT, 200_000, flow=Flow(bytes=16_000)), False),
        (page(200, Failure.TIMEOUT, 65_000, flow=Flow(bytes=65_536)), True),
        (page(200, Failure.RESET, 10, complete=True), True),
    ],
)
def test_an_answer_is_more_than_its_beginning(one: Exchange, answered: bool) -> None:
    """Silence within 64 KiB of the wire makes none; a reset after some of the body leaves one."""
    assert one.answered is answered


def test_an_answer_has_begun_with_its_status_or_with_more_bytes_than_session_tickets() -> None:
    """A freeze may come before the first TLS record is whole."""
    assert page().begun
    assert page(0, Failure.TIMEOUT, flow=Flow(bytes=14_000)).begun
    assert not page(0, Failure.TIMEOUT, flow=Flow(bytes=600)).begun
    assert not page(0, Failure.TIMEOUT).begun


@pytest.mark.parametrize(
    ("flow", "frozen"),
    [
        (None, False),
        (Flow(bytes=16_000, quiet=2_000), True),
        (Flow(bytes=16_000, quiet=1_999), False),
        (Flow(bytes=16_000, quiet=4_000, stall=2_100), False),
        (Flow(bytes=65_536, quiet=9_000), False),
        (Flow(bytes=4_095, quiet=9_000), False),
    ],
)
def test_a_freeze_is_kilobytes_and_then_silence(flow: Flow | None, frozen: bool) -> None:
    """Two seconds of it at least, and twice the longest before."""
    assert page(failure=Failure.TIMEOUT, flow=flow).frozen is frozen
    assert not page(failure=Failure.RESET, flow=flow).frozen


def test_a_rate_counts_the_silence_at_the_end() -> None:
    """Bytes a second from the first byte until the step ended."""
    assert page(flow=Flow(bytes=100_000, took=1_000)).rate == 100_000
    assert page(flow=Flow(bytes=100_000, took=1_000, quiet=3_000)).rate == 25_000
    assert page(flow=Flow(bytes=20_000)).rate == 20_000_000
    assert page().rate == 0


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_what_clients_follow_by_themselves(status: int) -> None:
    """And nothing else is."""
    assert page(status).redirects
    assert not page(304).redirects


def test_records_leave_out_what_is_not_said_and_are_read_back_alike() -> None:
    """Evidence is small, and a law: decoding what was encoded gives the same."""
    seen: tuple[Observation, ...] = (
        page(flow=Flow(bytes=20_000)),
        QuicExchange(address="151.101.1.10", port=443, sni="news.example.org", gap=5000),
    )
    wire = msgspec.json.encode(seen)

    assert b'"flow":{"bytes":20000}' in wire
    assert b"verified" not in wire
    assert msgspec.json.decode(wire, type=tuple[Observation, ...]) == seen


@pytest.mark.parametrize(
    ("changes", "frozen"),
    [
        ({}, True),
        ({"failure": Failure.EOF}, False),
        ({"complete": True}, False),
        ({"sent": 8191}, False),
        ({"sent": ENOUGH_FLOW}, False),
        ({"stall": 5001}, False),
        ({"took": 20001}, False),
    ],
    ids=["silence", "closed", "complete", "too early", "enough", "answers were slow before", "slow before"],
)
def test_a_sending_is_frozen_by_silence_after_kilobytes_that_were_answered(
    changes: dict[str, object], frozen: bool
) -> None:
    """Of ten seconds, after ten seconds in which it was answered."""
    fields = {"sent": 22_000, "quiet": 10_000, "took": 20_000, "failure": Failure.TIMEOUT} | changes
    one = Sending(at=0, url="https://a.example/", address="192.0.2.1", sni="a.example", **fields)  # type: ignore[arg-type]
    assert one.frozen is frozen
