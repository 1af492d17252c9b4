"""The plan of a `dns://` target: handshakes show the certificates of unconfirmed addresses."""

from __future__ import annotations

from datetime import UTC, datetime

from msgspec.structs import replace

from probe.model.failure import Failure
from probe.model.resolver import Trust
from probe.model.step import Resolve
from probe.model.target import parse
from probe.model.verdict import ControlFacts, Status
from probe.plan import plan_for
from probe.plan.dns import QueryPlan
from tests.unit.plan.dialogue import CONTEXT, FORGED, NAME, A, B, Dialogue, late, page

URL = f"http://{NAME}/"


CONTROL = ControlFacts(time=datetime(2026, 10, 1, tzinfo=UTC), statuses=(Status.REACHABLE,), addresses={NAME: (A, B)})


def told(
    local: tuple[str, ...], trusted: tuple[str, ...] | Failure, *, control: ControlFacts | None = None
) -> Dialogue:
    """A plan whose name is looked up."""
    dialogue = Dialogue(plan_for(parse(f"dns://{NAME}"), replace(CONTEXT, control=control)))
    dialogue.asks()
    for who in ("system", "network"):
        dialogue.tell(f"A {NAME} @{who}", local or Failure.NXDOMAIN)
    return dialogue.tell(f"A {NAME} @trusted", trusted)


def test_answers_that_agree_cause_one_handshake_without_a_control_and_none_with_one() -> None:
    """A control that only resolved the name could not tell others that it is served over TLS."""
    assert told((A, B), (A, B)).asks() == [f"hello {NAME} at {A}"]
    assert told((A, B), (A, B), control=CONTROL).asks() == []
    assert told((), (A,)).asks() == ["A www.wikipedia.org @network other"]


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
    dialogue.tell(f"hello {NAME} at {A}", "ok").tell(f"hello {NAME} at {FORGED}", "tcp.timeout")

    assert dialogue.asks() == [f"hello {NAME} at {FORGED} try {number}" for number in range(1, 5)]
    assert dialogue.tell(f"hello {NAME} at {FORGED} try 1", "tcp.timeout").asks() == []
    reset = told((FORGED,), (A,))
    reset.asks()
    assert reset.tell(f"hello {NAME} at {FORGED}", "tcp.reset").asks() == [f"hello {NAME} at {FORGED} try 1"]


def without_certificates() -> Dialogue:
    """A plan whose addresses have shown no certificate."""
    dialogue = told((FORGED,), (A,))
    dialogue.asks()
    dialogue.tell(f"hello {NAME} at {A}", "tcp.reset").tell(f"hello {NAME} at {FORGED}", "tls.certificate")
    return dialogue


def test_pages_are_asked_for_once_neither_address_has_shown_a_certificate() -> None:
    """Not while one of them may still show one."""
    dialogue = told((FORGED,), (A,))
    dialogue.asks()
    assert dialogue.tell(f"hello {NAME} at {FORGED}", "tls.certificate").asks() == []
    assert dialogue.tell(f"hello {NAME} at {A}", "tls.eof").asks() == [f"get {URL} at {A}", f"get {URL} at {FORGED}"]
    certified = told((FORGED,), (A,))
    certified.asks()
    certified.tell(f"hello {NAME} at {A}", "ok").tell(f"hello {NAME} at {FORGED}", "tls.certificate")
    assert certified.asks() == []


def test_a_page_unlike_the_known_addresss_is_asked_for_again_and_under_a_name_that_nobody_knows() -> None:
    dialogue = without_certificates()
    dialogue.asks()
    at_a, at_forged = f"get {URL} at {A}", f"get {URL} at {FORGED}"
    assert dialogue.tell(at_forged, page(dialogue.open[at_forged], title="Notice")).asks() == []

    assert dialogue.tell(at_a, page(dialogue.open[at_a])).asks() == [
        f"{at_forged} try 1",
        f"get http://xkqvdwpzrjtm.com/ at {FORGED} unverified neutral",
    ]
    dialogue.tell(f"{at_forged} try 1", "ok")
    dialogue.tell(f"get http://xkqvdwpzrjtm.com/ at {FORGED} unverified neutral", "ok")
    assert dialogue.asks() == []


def test_pages_that_are_alike_cause_no_further_question() -> None:
    dialogue = without_certificates()
    dialogue.asks()

    assert dialogue.tell(f"get {URL} at {A}", "ok").tell(f"get {URL} at {FORGED}", "ok").asks() == []


def test_a_private_address_gets_one_handshake_and_no_request() -> None:
    """It may be a machine of the volunteer's own network."""
    dialogue = told(("10.10.34.36",), (A,))
    asked = [step for step in dialogue.asks() if "10.10.34.36" in step]

    assert asked == [f"hello {NAME} at 10.10.34.36"]
    assert dialogue.tell(asked[0], "ok").asks() == []


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


def test_a_shared_query_is_one_step() -> None:
    """It is asked once, whatever is answered."""
    step = Resolve(name="invented.com", rrtype="A", resolver="udp:192.0.2.1:53", trust=Trust.NETWORK)
    plan = QueryPlan(step)
    assert plan.pending() == (step,)
    plan.observe(step, step.unperformed(Failure.NXDOMAIN, "", 0))
    plan.finish(step)
    assert plan.pending() == ()
