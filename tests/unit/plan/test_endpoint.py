"""Plans for endpoints: a connection, a TLS handshake, a QUIC handshake, as dialogues."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from probe.model.failure import Failure
from probe.model.target import parse
from probe.plan import plan_for
from tests.unit.plan.dialogue import CONTEXT, FORGED, NAME, A, B, Dialogue, late
from tests.unit.plan.test_hop import NEUTRAL, resolved

CONNECT = f"connect {A}:443"
QUIC = f"quic://{NAME}:443"


def test_a_connection_is_enough() -> None:
    """One step, and it is over."""
    dialogue = Dialogue(plan_for(parse(f"tcp://{A}:443"), CONTEXT))

    assert dialogue.asks() == [CONNECT]
    assert dialogue.tell(CONNECT, "ok").asks() == []


def test_a_refused_connection_is_tried_once_more_and_a_silent_one_twice() -> None:
    """From new source ports."""
    for how, tries in (("tcp.reset", 1), ("tcp.timeout", 2)):
        dialogue = Dialogue(plan_for(parse(f"tcp://{A}:443"), CONTEXT))
        dialogue.asks()
        dialogue.tell(CONNECT, how)
        asked = [f"{CONNECT} try {number}" for number in range(1, tries + 1)]
        assert dialogue.asks() == asked
        for step in asked:
            dialogue.tell(step, how)

        assert dialogue.asks() == []


def test_an_address_where_nothing_listens_is_tried_beside_it() -> None:
    """A relay on the path would accept both."""
    context = replace(CONTEXT, relay_address="192.175.48.250")

    asked = Dialogue(plan_for(parse(f"tcp://{A}:443"), context)).asks()

    assert asked == [CONNECT, "connect 192.175.48.250:443 relay"]


def test_a_handshake_has_the_follow_ups_of_one() -> None:
    """The neutral name, then the suspect again; no page is asked for."""
    hello = f"hello {NAME} at {A}"
    dialogue = Dialogue(plan_for(parse(f"tls://{A}:443/{NAME}"), CONTEXT))
    assert dialogue.asks() == [hello]
    dialogue.tell(hello, "tls.reset")
    assert dialogue.asks() == [f"hello xkqvdwpzrjtm.com at {A} unverified neutral"]
    dialogue.tell(f"hello xkqvdwpzrjtm.com at {A} unverified neutral", "ok")

    assert dialogue.asks() == [f"{hello} try 1"]


def test_every_address_is_tried_and_nothing_more_where_they_answer() -> None:
    """The look at the same tuple some seconds later belongs to the step itself."""
    dialogue = resolved(QUIC)

    assert dialogue.asks() == [f"quic {NAME} at {B}", f"quic {NAME} at {A}"]
    assert dialogue.tell(f"quic {NAME} at {A}", "ok").tell(f"quic {NAME} at {B}", "ok").asks() == []


def test_an_address_is_tried_without_any_lookup() -> None:
    """Nobody is asked for it."""
    dialogue = Dialogue(plan_for(parse(f"quic://{A}:443"), CONTEXT))

    assert dialogue.asks() == [f"quic {A} at {A}"]


@pytest.mark.parametrize("how", ["quic.timeout", "later.timeout"])
def test_silence_asks_tcp_then_another_name_then_the_same_again_three_times_in_all(how: str) -> None:
    """Each from a source port of its own."""
    dialogue = resolved(QUIC, local=(A,), trusted=(A,))
    dialogue.asks()
    dialogue.tell(f"quic {NAME} at {A}", how)

    assert dialogue.asks() == [f"hello {NAME} at {A}"]
    assert dialogue.tell(f"hello {NAME} at {A}", "ok").asks() == [f"quic {NEUTRAL} at {A} unverified neutral"]
    assert dialogue.tell(f"quic {NEUTRAL} at {A} unverified neutral", how).asks() == [f"quic {NAME} at {A} try 1"]
    assert dialogue.tell(f"quic {NAME} at {A} try 1", how).asks() == [f"quic {NAME} at {A} try 2"]
    assert dialogue.tell(f"quic {NAME} at {A} try 2", how).asks() == []


def test_one_address_that_answers_is_enough() -> None:
    """The other's silence could change nothing."""
    dialogue = resolved(QUIC)
    dialogue.asks()
    dialogue.tell(f"quic {NAME} at {A}", "quic.timeout").tell(f"quic {NAME} at {B}", "ok")

    assert dialogue.asks() == []


def test_an_alert_or_an_icmp_error_is_asked_about_once_more_beside_tcp() -> None:
    """No other name: somebody answered."""
    for how in ("quic.unreachable", "quic.alert"):
        dialogue = resolved(QUIC, local=(A,), trusted=(A,))
        dialogue.asks()
        dialogue.tell(f"quic {NAME} at {A}", how)

        assert dialogue.asks() == [f"hello {NAME} at {A}"]
        assert dialogue.tell(f"hello {NAME} at {A}", "ok").asks() == [f"quic {NAME} at {A} try 1"]


def test_in_a_re_test_each_address_hears_the_neutral_name_first() -> None:
    """Residual blocking would silence it after the suspect name."""
    dialogue = resolved(QUIC, local=(A,), trusted=(A,), context=replace(CONTEXT, suspected=True))

    assert dialogue.asks() == [f"quic {NEUTRAL} at {A} unverified neutral"]
    assert dialogue.tell(f"quic {NEUTRAL} at {A} unverified neutral", "ok").asks() == [f"quic {NAME} at {A}"]


def test_what_a_late_answer_brings_is_tried_too() -> None:
    """As of any name: the true address may come after the forged one."""
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


def test_nothing_is_asked_of_a_name_without_addresses() -> None:
    """There is nowhere to go."""
    dialogue = Dialogue(plan_for(parse(QUIC), CONTEXT))
    dialogue.asks()
    for who in ("system", "network", "trusted"):
        dialogue.tell(f"A {NAME} @{who}", Failure.NXDOMAIN)

    assert not any(step.startswith("quic") for step in dialogue.asks())
