"""The plan of a `dns://` target: handshakes show the certificates of unconfirmed addresses."""

from __future__ import annotations

from probe.model.failure import Failure
from probe.model.target import parse
from probe.plan import plan_for
from tests.unit.plan.dialogue import CONTEXT, FORGED, NAME, A, Dialogue, late


def told(local: tuple[str, ...], trusted: tuple[str, ...] | Failure) -> Dialogue:
    """A plan whose name is looked up."""
    dialogue = Dialogue(plan_for(parse(f"dns://{NAME}"), CONTEXT))
    dialogue.asks()
    for who in ("system", "network"):
        dialogue.tell(f"A {NAME} @{who}", local)
    return dialogue.tell(f"A {NAME} @trusted", trusted)


def test_answers_that_agree_cause_no_handshake() -> None:
    """No address is connected."""
    assert told((A,), (A,)).asks() == []


def test_an_unconfirmed_address_gets_a_handshake_beside_a_confirmed_one() -> None:
    """The second shows whether the name has a certificate at all."""
    assert told((FORGED,), (A,)).asks() == [f"hello {NAME} at {A}", f"hello {NAME} at {FORGED}"]


def test_the_first_six_unconfirmed_addresses_get_handshakes() -> None:
    """In the answer's order, so that the same answer always gives the same evidence."""
    unconfirmed = tuple(f"31.13.94.{number}" for number in range(1, 11))

    assert told(unconfirmed, (A,)).asks() == sorted(f"hello {NAME} at {address}" for address in (*unconfirmed[:6], A))


def test_an_unconfirmed_address_is_tried_five_times_when_silent_and_twice_after_a_reset() -> None:
    """A lost packet is no forgery. A silent confirmed address is not repeated."""
    dialogue = told((FORGED,), (A,))
    dialogue.asks()
    dialogue.tell(f"hello {NAME} at {A}", "tcp.timeout").tell(f"hello {NAME} at {FORGED}", "tcp.timeout")

    assert dialogue.asks() == [f"hello {NAME} at {FORGED} try {number}" for number in range(1, 5)]
    assert dialogue.tell(f"hello {NAME} at {FORGED} try 1", "tcp.timeout").asks() == []
    reset = told((FORGED,), (A,))
    reset.asks()
    assert reset.tell(f"hello {NAME} at {FORGED}", "tcp.reset").asks() == [f"hello {NAME} at {FORGED} try 1"]


def test_an_address_of_a_name_denied_elsewhere_gets_a_handshake() -> None:
    """A verified certificate shows that it is no forgery."""
    assert f"hello {NAME} at {FORGED}" in told((FORGED,), Failure.NXDOMAIN).asks()


def test_addresses_of_late_answers_get_handshakes_too() -> None:
    """Each once."""
    dialogue = Dialogue(plan_for(parse(f"dns://{NAME}"), CONTEXT))
    dialogue.asks()
    dialogue.tell(f"A {NAME} @system", (FORGED,)).tell(f"A {NAME} @trusted", Failure.TIMEOUT)
    dialogue.tell(f"A {NAME} @network", (FORGED,), late((A,)), late((A,)))

    assert dialogue.asks() == [f"hello {NAME} at {A}", f"hello {NAME} at {FORGED}"]
