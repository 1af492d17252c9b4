"""Addresses given outright."""

from __future__ import annotations

from msgspec.structs import replace

from probe.model.target import parse
from probe.plan import plan_for
from tests.unit.plan.dialogue import CONTEXT, NAME, A, Dialogue

CONNECT = f"connect {A}:443"


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
