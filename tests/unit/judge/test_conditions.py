"""Conditions of rules that belong to no layer."""

from __future__ import annotations

import pytest

from probe.judge import conditions
from probe.judge.control import ControlOutcome
from probe.model.failure import Failure
from probe.model.hop import Purpose
from probe.model.verdict import Status, VantageNote, VantageState
from tests.unit.judge.builders import A, control, hop_of, http, said, served, tcp


@pytest.mark.parametrize("state", VantageState)
def test_the_state_of_the_vantage(state: VantageState) -> None:
    holds = [one for one in VantageState if conditions.vantage_is(one)(hop_of(*served(), state=state))]

    assert holds == [state]


def test_the_outcome_of_the_control() -> None:
    hop = hop_of(*served(), by=control(Status.REACHABLE, Status.DOWN))

    assert conditions.control_is(ControlOutcome.DISAGREES)(hop)
    assert not conditions.control_is(ControlOutcome.SERVED)(hop)


def test_nothing_was_seen_or_the_measurement_failed() -> None:
    assert conditions.nothing_seen(hop_of())
    assert not conditions.nothing_seen(hop_of(said("network", A)))
    assert conditions.measurement_failed(hop_of(error="ValueError: oops"))
    assert not conditions.measurement_failed(hop_of())
    assert conditions.always(hop_of())


def test_addresses_that_were_known_and_not_tried() -> None:
    assert conditions.no_address_tried(hop_of(said("network", A)))
    assert not conditions.no_address_tried(hop_of(said("network", "10.1.1.1")))
    assert not conditions.no_address_tried(hop_of(said("network", A), tcp()))


def test_a_redirect_to_a_private_address_is_not_one_that_was_not_tried() -> None:
    seen = (*served()[:2], http(A, 302, location="http://10.1.1.1/"))

    assert not conditions.no_address_tried(hop_of(*seen, hop=1))
    assert not conditions.nothing_seen(hop_of(*seen, hop=1))


@pytest.mark.parametrize("note", [VantageNote.ONE_HOST, VantageNote.ANCHORS_DISAGREE])
def test_notes_of_the_vantage(note: VantageNote) -> None:
    hop = hop_of(*served(), notes=frozenset({note}))

    assert conditions.one_host(hop) == (note is VantageNote.ONE_HOST)
    assert conditions.anchors_disagree(hop) == (note is VantageNote.ANCHORS_DISAGREE)


@pytest.mark.parametrize(
    ("state", "relayed"),
    [(VantageState.ONLINE, False), (VantageState.ALLOWLIST, True), (VantageState.POLICED, True)],
)
def test_a_relay_counts_where_failures_prove_nothing(state: VantageState, relayed: bool) -> None:
    seen = (tcp(), tcp("198.18.7.7", purpose=Purpose.RELAY), tcp("198.18.7.7", purpose=Purpose.RELAY, attempt=1))
    refused = (tcp(), tcp("198.18.7.7", Failure.TIMEOUT, purpose=Purpose.RELAY))
    target = f"tcp://{A}:443"

    assert conditions.relayed_where_failing_proves_nothing(hop_of(*seen, target=target, state=state)) == relayed
    assert not conditions.relayed_where_failing_proves_nothing(hop_of(*refused, target=target, state=state))
