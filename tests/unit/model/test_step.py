"""Steps: equality, the observation of a step that was not performed, and what a capture keeps."""

from __future__ import annotations

from typing import get_args

import msgspec
import pytest

from probe.measure.perform import PERFORMERS
from probe.model.failure import Failure
from probe.model.hop import Purpose, StepPosition
from probe.model.observation import (
    Connection,
    Exchange,
    Observation,
    QuicExchange,
    Resolution,
    Sending,
    TlsHandshake,
    TracePayload,
    TraceReply,
)
from probe.model.resolver import Trust
from probe.model.step import Connect, ConnectEach, Fetch, Handshake, QuicHandshake, Resolve, Send, Step, Trace

ADDRESS, HOST, URL = "151.101.1.10", "news.example.org", "https://news.example.org/"
AT = StepPosition(chain=1, hop=2, attempt=3, purpose=Purpose.PEEK)
COMMON = {
    "at": 900,
    "chain": 1,
    "hop": 2,
    "attempt": 3,
    "purpose": Purpose.PEEK,
    "failure": Failure.BUG,
    "detail": "a fault",
}


def resolve(resolver: str, trust: Trust = Trust.NETWORK, position: StepPosition = AT) -> Resolve:
    """A lookup at one resolver."""
    return Resolve(name=HOST, rrtype="AAAA", resolver=resolver, trust=trust, position=position)


def all_kinds(position: StepPosition = AT) -> tuple[Step, ...]:
    """A step of every kind at one position."""
    return (
        resolve("udp:9.9.9.9:53", position=position),
        Connect(address=ADDRESS, port=8443, position=position),
        ConnectEach(addresses=(ADDRESS, "151.101.1.11"), port=8443, position=position),
        Handshake(address=ADDRESS, port=8443, sni=HOST, position=position),
        Fetch(url=URL, address=ADDRESS, position=position),
        Send(url=URL, address=ADDRESS, sni="other.example", position=position),
        QuicHandshake(address=ADDRESS, port=8443, sni=HOST, position=position),
        Trace(payload=TracePayload.QUERY, address=ADDRESS, port=53, name=HOST, ttl=7, position=position),
    )


UNPERFORMED: tuple[Observation, ...] = (
    Resolution(name=HOST, rrtype="AAAA", resolver="udp:9.9.9.9:53", trust=Trust.NETWORK, **COMMON),  # type: ignore[arg-type]
    Connection(address=ADDRESS, port=8443, **COMMON),  # type: ignore[arg-type]
    Connection(address=ADDRESS, port=8443, **COMMON),  # type: ignore[arg-type]
    TlsHandshake(address=ADDRESS, port=8443, sni=HOST, **COMMON),  # type: ignore[arg-type]
    Exchange(url=URL, address=ADDRESS, **COMMON),  # type: ignore[arg-type]
    Sending(url=URL, address=ADDRESS, sni="other.example", opened=False, **COMMON),  # type: ignore[arg-type]
    QuicExchange(address=ADDRESS, port=8443, sni=HOST, **COMMON),  # type: ignore[arg-type]
    TraceReply(payload=TracePayload.QUERY, address=ADDRESS, port=53, name=HOST, ttl=7, opened=False, **COMMON),  # type: ignore[arg-type]
)


def test_the_examples_cover_every_kind_of_step() -> None:
    """A new kind needs its line in each table of this file."""
    assert {type(step) for step in all_kinds()} == set(get_args(Step))


def test_every_kind_of_step_has_a_performer() -> None:
    """A step without one would be a fault of this program in every measurement that asks for it."""
    assert set(PERFORMERS) == set(get_args(Step))


@pytest.mark.parametrize(("step", "observation"), [*zip(all_kinds(), UNPERFORMED, strict=True)])
def test_a_step_that_cannot_be_performed_has_an_observation(step: Step, observation: Observation) -> None:
    """It has the step's facts and position, the failure, and a connection that was not opened."""
    assert step.unperformed(Failure.BUG, "a fault", 900) == observation


def test_an_unperformed_lookup_does_not_name_a_private_resolver() -> None:
    """As with a lookup that was performed."""
    assert resolve("udp:192.168.1.1:53").unperformed(Failure.LOCAL, "", 0).resolver == "network"


@pytest.mark.parametrize("step", [step for step in all_kinds()[1:] if not isinstance(step, ConnectEach)])
def test_a_capture_keeps_the_packets_of_the_address_connected_to(step: Step) -> None:
    """From before the step's first packet."""
    assert step.capture_address == ADDRESS


@pytest.mark.parametrize(
    ("resolver", "trust", "address"),
    [
        ("udp:9.9.9.9:53", Trust.NETWORK, "9.9.9.9"),
        ("udp:[2620:fe::fe]:53", Trust.NETWORK, "2620:fe::fe"),
        ("udp:127.0.0.53:53", Trust.NETWORK, ""),
        ("tcp:9.9.9.9:53", Trust.TRUSTED, ""),
        ("https://9.9.9.9/dns-query", Trust.TRUSTED, ""),
        ("system", Trust.SYSTEM, ""),
    ],
)
def test_a_capture_keeps_the_packets_of_the_networks_own_resolvers(resolver: str, trust: Trust, address: str) -> None:
    """Encrypted answers show nothing, and packets to this host itself pass no network."""
    assert resolve(resolver, trust).capture_address == address


def test_only_a_lookup_waits_for_further_observations() -> None:
    """A late answer may contradict the first."""
    assert [type(step) for step in all_kinds() if step.listens_on] == [Resolve]


def test_equal_steps_are_one_step() -> None:
    """A plan compares steps to ask for none twice."""
    assert all_kinds() == all_kinds()
    assert len({*all_kinds(), *all_kinds()}) == len(get_args(Step))


def test_steps_at_different_positions_are_different() -> None:
    """Although all their other fields are equal."""
    positions = (
        StepPosition(),
        StepPosition(attempt=1),
        StepPosition(hop=1),
        StepPosition(chain=1),
        StepPosition(purpose=Purpose.NEUTRAL),
    )

    assert len({step for position in positions for step in all_kinds(position)}) == 5 * len(get_args(Step))


def test_certificates_are_verified_by_default() -> None:
    """A step with the neutral name does not verify them."""
    verifying = [step for step in all_kinds() if "verify" in {field.name for field in msgspec.structs.fields(step)}]

    assert len(verifying) == 4
    assert all(step.verify for step in verifying)  # type: ignore[union-attr]


def test_steps_to_many_addresses_are_cheap_keys() -> None:
    """Steps with other addresses differ, whatever their hashes are."""
    one, other = (ConnectEach(addresses=(ADDRESS, last), port=443) for last in ("151.101.1.11", "151.101.1.12"))

    assert hash(one) == hash(other)
    assert one != other
    assert {one: 1, other: 2}[ConnectEach(addresses=(ADDRESS, "151.101.1.12"), port=443)] == 2
