"""Name resolution alone: certificates as witnesses."""

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


def test_answers_that_agree_need_no_witness() -> None:
    """Nothing is connected."""
    assert told((A,), (A,)).asks() == []


def test_an_odd_address_shows_its_certificate_beside_one_of_the_reference() -> None:
    """Is there a certificate to be shown at all?"""
    assert told((FORGED,), (A,)).asks() == [f"hello {NAME} at {A}", f"hello {NAME} at {FORGED}"]


def test_the_first_odd_addresses_of_the_answer_are_witnesses() -> None:
    """Six of ten, in the answer's order: the same evidence whatever the order of a set in memory."""
    odd = tuple(f"31.13.94.{number}" for number in range(1, 11))

    assert told(odd, (A,)).asks() == sorted(f"hello {NAME} at {address}" for address in (*odd[:6], A))


def test_an_odd_address_that_is_silent_is_asked_often_and_one_that_resets_once_more() -> None:
    """A lost packet is no forgery; the reference's silence is not asked about."""
    dialogue = told((FORGED,), (A,))
    dialogue.asks()
    dialogue.tell(f"hello {NAME} at {A}", "tcp.timeout").tell(f"hello {NAME} at {FORGED}", "tcp.timeout")

    assert dialogue.asks() == [f"hello {NAME} at {FORGED} try {number}" for number in range(1, 5)]
    assert dialogue.tell(f"hello {NAME} at {FORGED} try 1", "tcp.timeout").asks() == []
    reset = told((FORGED,), (A,))
    reset.asks()
    assert reset.tell(f"hello {NAME} at {FORGED}", "tcp.reset").asks() == [f"hello {NAME} at {FORGED} try 1"]


def test_an_answer_about_a_name_that_exists_nowhere_shows_its_certificate() -> None:
    """A certificate would acquit it."""
    assert f"hello {NAME} at {FORGED}" in told((FORGED,), Failure.NXDOMAIN).asks()


def test_late_addresses_are_witnesses_too() -> None:
    """Each once."""
    dialogue = Dialogue(plan_for(parse(f"dns://{NAME}"), CONTEXT))
    dialogue.asks()
    dialogue.tell(f"A {NAME} @system", (FORGED,)).tell(f"A {NAME} @trusted", Failure.TIMEOUT)
    dialogue.tell(f"A {NAME} @network", (FORGED,), late((A,)), late((A,)))

    assert dialogue.asks() == [f"hello {NAME} at {A}", f"hello {NAME} at {FORGED}"]
