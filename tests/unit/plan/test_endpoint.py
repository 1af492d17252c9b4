"""Plans for endpoints: a connection, a TLS handshake, a QUIC handshake, as dialogues."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from probe.model.failure import Failure
from probe.model.target import parse
from probe.plan import plan_for
from probe.plan.endpoint import RelayPlan
from probe.plan.relay_memory import RelayFinding
from tests.unit.plan.dialogue import CONTEXT, FORGED, NAME, A, B, Dialogue, late
from tests.unit.plan.test_hop import NEUTRAL, resolved

CONNECT = f"connect {A}:443"
QUIC = f"quic://{NAME}:443"


def test_a_tcp_target_that_connects_needs_one_step() -> None:
    """No step follows."""
    dialogue = Dialogue(plan_for(parse(f"tcp://{A}:443"), CONTEXT))

    assert dialogue.asks() == [CONNECT]
    assert dialogue.tell(CONNECT, "ok").asks() == []


def test_a_refused_connection_is_tried_once_more_and_a_silent_one_twice() -> None:
    """Each try has a new source port."""
    for how, tries in (("tcp.reset", 1), ("tcp.timeout", 2)):
        dialogue = Dialogue(plan_for(parse(f"tcp://{A}:443"), CONTEXT))
        dialogue.asks()
        dialogue.tell(CONNECT, how)
        asked = [f"{CONNECT} try {number}" for number in range(1, tries + 1)]
        assert dialogue.asks() == asked
        for step in asked:
            dialogue.tell(step, how)

        assert dialogue.asks() == []


RELAY = replace(CONTEXT, relay_address="198.18.7.7")
TRIAL = "connect 198.18.7.7:443 relay"


def test_an_accepted_connection_that_leaves_a_doubt_is_followed_by_one_to_where_nothing_listens() -> None:
    """A relay on the path would accept both."""
    dialogue = Dialogue(plan_for(parse(f"tcp://{A}:443"), RELAY))

    assert dialogue.asks() == [CONNECT]
    assert dialogue.tell(CONNECT, "ok").asks() == [TRIAL]
    assert dialogue.tell(TRIAL, "tcp.timeout").asks() == []


def test_a_connection_that_fails_needs_no_trial() -> None:
    """What fails is no relay's."""
    dialogue = Dialogue(plan_for(parse(f"tcp://{A}:443"), RELAY))
    asked = dialogue.asks()
    for step in asked:
        dialogue.tell(step, "tcp.reset")
    asked = dialogue.asks()
    for step in asked:
        dialogue.tell(step, "tcp.reset")

    assert asked == [f"{CONNECT} try 1"]
    assert dialogue.asks() == []


@pytest.mark.parametrize(("first", "age", "wanted"), [("ok", 3000.0, False), ("tcp.reset", 3000.0, True)])
def test_a_trial_of_this_hour_suffices_unless_the_target_failed_meanwhile(first: str, age: float, wanted: bool) -> None:
    known = RelayFinding("198.18.7.8", 443, Failure.TIMEOUT, 1000.0, 90_000.0)
    dialogue = Dialogue(plan_for(parse(f"tcp://{A}:443"), replace(RELAY, relay_known=known, now=1000.0 + age)))
    dialogue.asks()
    asked = dialogue.tell(CONNECT, first).asks()
    if first != "ok":
        asked = dialogue.tell(f"{CONNECT} try 1", "ok").asks()

    assert (TRIAL in asked) is wanted


def test_a_trial_for_all_targets_of_a_port_is_one_connection() -> None:
    """Nothing follows, whatever it shows."""
    dialogue = Dialogue(RelayPlan("198.18.7.7", 443))

    assert dialogue.asks() == ["connect 198.18.7.7:443 relay"]
    assert dialogue.tell("connect 198.18.7.7:443 relay", "ok").asks() == []


def test_a_tls_target_gets_the_follow_ups_of_a_handshake() -> None:
    """The neutral name, then the suspect one again; no page is fetched."""
    hello = f"hello {NAME} at {A}"
    dialogue = Dialogue(plan_for(parse(f"tls://{A}:443/{NAME}"), CONTEXT))
    assert dialogue.asks() == [hello]
    dialogue.tell(hello, "tls.reset")
    assert dialogue.asks() == [f"hello xkqvdwpzrjtm.com at {A} unverified neutral"]
    dialogue.tell(f"hello xkqvdwpzrjtm.com at {A} unverified neutral", "ok")

    assert dialogue.asks() == [f"{hello} try 1"]


def test_quic_addresses_that_answer_get_one_step_each() -> None:
    """The PING some seconds later belongs to the same step."""
    dialogue = resolved(QUIC)

    assert dialogue.asks() == [f"quic {NAME} at {B}", f"quic {NAME} at {A}"]
    assert dialogue.tell(f"quic {NAME} at {A}", "ok").tell(f"quic {NAME} at {B}", "ok").asks() == []


def test_a_quic_target_with_an_address_is_not_resolved() -> None:
    """There is no name to resolve."""
    dialogue = Dialogue(plan_for(parse(f"quic://{A}:443"), CONTEXT))

    assert dialogue.asks() == [f"quic {A} at {A}"]


@pytest.mark.parametrize("how", ["quic.timeout", "later.timeout"])
def test_silent_quic_is_followed_by_tcp_another_name_and_two_more_tries(how: str) -> None:
    """Each try has a new source port."""
    dialogue = resolved(QUIC, local=(A,), trusted=(A,))
    dialogue.asks()
    dialogue.tell(f"quic {NAME} at {A}", how)

    assert dialogue.asks() == [f"hello {NAME} at {A}"]
    assert dialogue.tell(f"hello {NAME} at {A}", "ok").asks() == [f"quic {NEUTRAL} at {A} unverified neutral"]
    assert dialogue.tell(f"quic {NEUTRAL} at {A} unverified neutral", how).asks() == [f"quic {NAME} at {A} try 1"]
    assert dialogue.tell(f"quic {NAME} at {A} try 1", how).asks() == [f"quic {NAME} at {A} try 2"]
    assert dialogue.tell(f"quic {NAME} at {A} try 2", how).asks() == []


def test_one_quic_address_that_answers_is_enough() -> None:
    """A time-out of the other could not change the verdict."""
    dialogue = resolved(QUIC)
    dialogue.asks()
    dialogue.tell(f"quic {NAME} at {A}", "quic.timeout").tell(f"quic {NAME} at {B}", "ok")

    assert dialogue.asks() == []


def test_a_quic_alert_or_icmp_error_is_followed_by_tcp_and_one_more_try() -> None:
    """Another name is not tried, because the address answered."""
    for how in ("quic.unreachable", "quic.alert"):
        dialogue = resolved(QUIC, local=(A,), trusted=(A,))
        dialogue.asks()
        dialogue.tell(f"quic {NAME} at {A}", how)

        assert dialogue.asks() == [f"hello {NAME} at {A}"]
        assert dialogue.tell(f"hello {NAME} at {A}", "ok").asks() == [f"quic {NAME} at {A} try 1"]


def test_a_re_test_sends_the_neutral_name_to_each_quic_address_first() -> None:
    """After the suspect name, residual blocking would silence it."""
    dialogue = resolved(QUIC, local=(A,), trusted=(A,), context=replace(CONTEXT, suspected=True))

    assert dialogue.asks() == [f"quic {NEUTRAL} at {A} unverified neutral"]
    assert dialogue.tell(f"quic {NEUTRAL} at {A} unverified neutral", "ok").asks() == [f"quic {NAME} at {A}"]


def test_quic_addresses_of_a_late_answer_are_tried_too() -> None:
    """The true address may come after the forged one."""
    dialogue = Dialogue(plan_for(parse(QUIC), CONTEXT))
    dialogue.asks()
    for who in ("system", "trusted"):
        dialogue.tell(f"A {NAME} @{who}", (FORGED,))
    network = dialogue.open[f"A {NAME} @network"]
    for seen in dialogue._seen(network, (FORGED,)):
        dialogue.plan.observe(network, seen)
    before = dialogue.asks()
    dialogue.plan.observe(network, late((A,)))

    assert (before, dialogue.asks()) == ([f"quic {NAME} at {FORGED}"], [f"quic {NAME} at {A}"])


def test_a_name_without_addresses_ends_the_plan() -> None:
    """There is no address to connect to."""
    dialogue = Dialogue(plan_for(parse(QUIC), CONTEXT))
    dialogue.asks()
    for who in ("system", "network", "trusted"):
        dialogue.tell(f"A {NAME} @{who}", Failure.NXDOMAIN)

    assert not any(step.startswith("quic") for step in dialogue.asks())
