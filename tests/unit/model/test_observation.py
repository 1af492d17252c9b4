"""Observations: the answer, freeze, failure, traffic and capture name of each kind."""

from __future__ import annotations

from typing import get_args

import msgspec
import pytest

from probe.model.failure import Failure
from probe.model.flow import MAX_FREEZE_BYTES, Flow
from probe.model.hop import Layer, LayerFailure
from probe.model.observation import (
    Connection,
    Conversation,
    Exchange,
    LateAnswer,
    Observation,
    ObservationTraffic,
    QuicExchange,
    Resolution,
    Sending,
    TlsHandshake,
    TracePayload,
    TraceReply,
)
from probe.model.resolver import Trust

URL = "https://news.example.org/"
A, HOST = "151.101.1.10", "news.example.org"
LATE = LateAnswer(name=HOST, rrtype="A", resolver="udp:9.9.9.9:53", trust=Trust.NETWORK, gap=40)


def answer(trust: Trust) -> Resolution:
    """A resolver's answer."""
    return Resolution(name=HOST, rrtype="A", resolver="udp:9.9.9.9:53", trust=trust)


def trace(payload: TracePayload, *, opened: bool = True) -> TraceReply:
    """What came back to a trace."""
    return TraceReply(payload=payload, address=A, port=443, name=HOST, ttl=7, opened=opened)


DESCRIBED: tuple[tuple[Observation, tuple[int, int], str], ...] = (
    (answer(Trust.NETWORK), (0, 0), HOST),
    (answer(Trust.TRUSTED), (0, 0), ""),
    (answer(Trust.SYSTEM), (0, 0), ""),
    (LATE, (0, 0), ""),
    (Connection(address=A, port=443), (1, 0), ""),
    (TlsHandshake(address=A, port=443, sni=HOST), (0, 1), HOST),
    (Exchange(url=f"http://{HOST}:8080/", address=A), (0, 0), HOST),
    (Sending(url=URL, address=A, sni=HOST), (1, 1), ""),
    (Sending(url=URL, address=A, sni=HOST, opened=False), (1, 0), ""),
    (QuicExchange(address=A, port=443, sni=HOST), (0, 0), ""),
    (trace(TracePayload.HELLO), (1, 1), ""),
    (trace(TracePayload.HELLO, opened=False), (1, 0), ""),
    (trace(TracePayload.REQUEST), (1, 0), ""),
    (trace(TracePayload.QUERY), (0, 0), ""),
)
"""Observation, its connections and handshakes, the name that a capture shows."""


def test_the_descriptions_cover_every_kind_of_observation() -> None:
    """A new kind needs its lines in the table above."""
    assert {type(one) for one, _, _ in DESCRIBED} == set(get_args(Observation))


@pytest.mark.parametrize(("one", "traffic", "name"), DESCRIBED)
def test_each_kind_has_its_traffic_and_the_name_in_a_capture(
    one: Observation, traffic: tuple[int, int], name: str
) -> None:
    """Traffic has the address it went to; QUIC datagrams are not counted."""
    assert one.traffic == ObservationTraffic(*traffic, A if any(traffic) else one.traffic.address)
    assert one.capture_name == name


@pytest.mark.parametrize(
    ("one", "ending"),
    [
        (Connection(address=A, port=443), None),
        (Connection(address=A, port=443, failure=Failure.RESET), (Layer.TCP, Failure.RESET)),
        (TlsHandshake(address=A, port=443, sni=HOST), None),
        (TlsHandshake(address=A, port=443, sni=HOST, failure=Failure.EOF), (Layer.TLS, Failure.EOF)),
        (QuicExchange(address=A, port=443, sni=HOST), None),
        (QuicExchange(address=A, port=443, sni=HOST, failure=Failure.TIMEOUT), (Layer.QUIC, Failure.TIMEOUT)),
        (Exchange(url=URL, address=A, status=200, complete=True), None),
        (Exchange(url=URL, address=A, status=200, failure=Failure.RESET, length=10), None),
        (Exchange(url=URL, address=A, failure=Failure.TIMEOUT), (Layer.HTTP, Failure.TIMEOUT)),
        (Exchange(url=URL, address=A, status=200, failure=Failure.EOF), (Layer.HTTP, Failure.EOF)),
        (Exchange(url=URL, address=A), (Layer.HTTP, Failure.EOF)),
        (Exchange(url=URL, address=A, status=200, failure=Failure.TIMEOUT), (Layer.BODY, Failure.TIMEOUT)),
    ],
)
def test_an_observation_of_a_conversation_has_its_layer_failure(
    one: Conversation, ending: tuple[Layer, Failure] | None
) -> None:
    """An exchange fails without an answer, and in its body where the answer stopped."""
    assert one.ending == (None if ending is None else LayerFailure(*ending))


def test_a_trace_keeps_its_field_name_in_json() -> None:
    """Evidence of earlier versions is read, and earlier versions read this one's."""
    wire = msgspec.json.encode(trace(TracePayload.HELLO))

    assert b'"said":"tls"' in wire
    assert msgspec.json.decode(wire, type=Observation) == trace(TracePayload.HELLO)


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
def test_an_answer_must_be_more_than_its_beginning(one: Exchange, answered: bool) -> None:
    """A time-out within 64 KiB of the wire is no answer; a reset after some of the body is one."""
    assert one.answered is answered


def test_an_answer_has_begun_with_its_status_or_with_more_bytes_than_session_tickets() -> None:
    """A freeze may come before the first TLS record is complete."""
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
def test_a_freeze_is_a_time_out_after_some_kilobytes(flow: Flow | None, frozen: bool) -> None:
    """The silence lasts two seconds and twice the longest pause before it."""
    assert page(failure=Failure.TIMEOUT, flow=flow).frozen is frozen
    assert not page(failure=Failure.RESET, flow=flow).frozen


def test_a_rate_includes_the_silence_at_the_end() -> None:
    """Bytes a second from the first byte until the step ended."""
    assert page(flow=Flow(bytes=100_000, took=1_000)).rate == 100_000
    assert page(flow=Flow(bytes=100_000, took=1_000, quiet=3_000)).rate == 25_000
    assert page(flow=Flow(bytes=20_000)).rate == 20_000_000
    assert page().rate == 0


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_a_status_that_clients_follow(status: int) -> None:
    """No other status is."""
    assert page(status).redirects
    assert not page(304).redirects


def test_records_leave_out_defaults_and_decode_to_what_was_encoded() -> None:
    """Evidence stays small."""
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
        ({"sent": MAX_FREEZE_BYTES}, False),
        ({"stall": 5001}, False),
        ({"took": 20001}, False),
    ],
    ids=["silence", "closed", "complete", "too early", "enough", "answers were slow before", "slow before"],
)
def test_an_upload_is_frozen_after_some_answered_kilobytes_and_a_time_out(
    changes: dict[str, object], frozen: bool
) -> None:
    """Ten seconds of silence after ten seconds of answers."""
    fields = {"sent": 22_000, "quiet": 10_000, "took": 20_000, "failure": Failure.TIMEOUT} | changes
    one = Sending(at=0, url="https://a.example/", address="192.0.2.1", sni="a.example", **fields)  # type: ignore[arg-type]
    assert one.frozen is frozen
