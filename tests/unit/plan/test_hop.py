"""One hop: rounds, follow-ups, and the questions beside them, as dialogues."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from probe.model.failure import Failure
from probe.model.flow import Flow
from probe.model.observation import Exchange, Resolution
from probe.model.step import Resolve
from probe.model.target import parse
from probe.model.verdict import ControlFacts, ControlPage, Status
from probe.plan import PlanContext, plan_for
from probe.plan.context import HopLimits
from tests.unit.plan.dialogue import CONTEXT, DOH, FORGED, ISP, NAME, A, B, Dialogue, late, page

URL, HTTP = f"https://{NAME}/", f"http://{NAME}/"
NEUTRAL = "xkqvdwpzrjtm.com"
QUICK = Flow(bytes=180_000, took=300)
CONTROL = ControlFacts(
    time=datetime(2026, 10, 1, tzinfo=UTC),
    statuses=(Status.REACHABLE,),
    pages=(ControlPage(url=HTTP, status=200, title="News"),),
)


def resolved(
    target: str = URL,
    local: tuple[str, ...] = (A, B),
    trusted: tuple[str, ...] = (A, B),
    context: PlanContext = CONTEXT,
) -> Dialogue:
    """A plan whose names are looked up."""
    dialogue = Dialogue(plan_for(parse(target), context))
    dialogue.asks()
    for who, told in (("system", local), ("network", local), ("trusted", trusted)):
        dialogue.tell(f"A {NAME} @{who}", told)
    return dialogue


def test_https_fetches_from_one_address_and_shakes_hands_with_the_others() -> None:
    """Every candidate is connected; one page is enough."""
    dialogue = resolved()

    assert dialogue.asks() == [f"get {URL} at {A}", f"hello {NAME} at {B}"]
    assert dialogue.tell(f"get {URL} at {A}", "ok").tell(f"hello {NAME} at {B}", "ok").asks() == []


def test_http_fetches_from_every_address() -> None:
    """In clear text there is nothing but the page to tell them apart."""
    assert resolved(HTTP).asks() == [f"get {HTTP} at {B}", f"get {HTTP} at {A}"]


def test_the_page_is_asked_for_elsewhere_when_the_first_address_fails() -> None:
    """At another address whose handshake stood, one at a time, three in all."""
    more = ("104.16.1.1", "104.17.1.1")
    dialogue = resolved(local=(A, B, *more), trusted=(A,))
    dialogue.asks()
    dialogue.tell(f"get {URL} at {A}", "tcp.timeout")
    for address in (B, *more):
        dialogue.tell(f"hello {NAME} at {address}", "ok")

    assert dialogue.asks() == [f"get {URL} at {B} try 1"]
    dialogue.tell(f"get {URL} at {B} try 1", "http.timeout")
    assert dialogue.asks() == [f"get {URL} at {more[0]} try 1"]
    assert dialogue.tell(f"get {URL} at {more[0]} try 1", "ok").asks() == []


def test_an_address_that_fails_beside_one_that_serves_is_left_alone() -> None:
    """The verdict could not change by it."""
    dialogue = resolved()
    dialogue.asks()

    assert dialogue.tell(f"get {URL} at {A}", "ok").tell(f"hello {NAME} at {B}", "tls.reset").asks() == []


def test_all_addresses_lying_outside_the_reference_are_asked_often_though_the_true_one_serves() -> None:
    """Once might be loss, five times is a forged answer."""
    dialogue = resolved(local=(FORGED,), trusted=(A,))
    dialogue.asks()
    dialogue.tell(f"get {URL} at {FORGED}", "tcp.timeout").tell(f"hello {NAME} at {A}", "ok")
    dialogue.asks()
    dialogue.tell(f"get {URL} at {A} try 1", "ok")

    assert dialogue.asks() == [f"get {URL} at {FORGED} try 1"]
    dialogue.tell(f"get {URL} at {FORGED} try 1", "tcp.timeout")
    assert dialogue.asks() == [f"get {URL} at {FORGED} try {number}" for number in (2, 3, 4)]
    for number in (2, 3, 4):
        assert dialogue.tell(f"get {URL} at {FORGED} try {number}", "tcp.timeout").asks() == []


def test_an_address_outside_the_reference_that_resets_is_asked_twice() -> None:
    """Nobody loses a reset."""
    dialogue = resolved(local=(FORGED,), trusted=(A,))
    dialogue.asks()
    dialogue.tell(f"get {URL} at {FORGED}", "tcp.reset").tell(f"hello {NAME} at {A}", "ok")
    dialogue.asks()
    dialogue.tell(f"get {URL} at {A} try 1", "ok")

    assert dialogue.asks() == [f"get {URL} at {FORGED} try 1"]
    assert dialogue.tell(f"get {URL} at {FORGED} try 1", "tcp.reset").asks() == []


def test_a_silence_that_could_be_called_a_block_is_heard_five_times() -> None:
    """Where the control was served, that is."""
    context = replace(CONTEXT, control=CONTROL)
    dialogue = resolved(local=(A,), trusted=(A,), context=context)
    dialogue.asks()
    dialogue.tell(f"get {URL} at {A}", "tcp.timeout")
    assert dialogue.asks() == [f"get {URL} at {A} try {number}" for number in range(1, 5)]


def test_silence_after_a_name_is_heard_five_times_where_another_name_is_answered() -> None:
    """One after another, each from a new source port, with or without a control."""
    dialogue = resolved(local=(A,), trusted=(A,))
    dialogue.asks()
    dialogue.tell(f"get {URL} at {A}", "tls.timeout").asks()
    dialogue.tell(f"hello {NEUTRAL} at {A} unverified neutral", "ok")
    for number in (1, 2, 3):
        assert dialogue.asks() == [f"get {URL} at {A} try {number}"]
        dialogue.tell(f"get {URL} at {A} try {number}", "tls.timeout")
    assert dialogue.asks() == [f"get {URL} at {A} in small segments try 4"]  # are large packets lost on the way?
    assert dialogue.tell(f"get {URL} at {A} in small segments try 4", "tls.timeout").asks() == []


def test_after_a_reset_the_neutral_name_is_said_before_the_suspect_one_again() -> None:
    """Residual blocking would silence the neutral name right after the suspect one."""
    dialogue = resolved(local=(A,), trusted=(A,))
    dialogue.asks()
    dialogue.tell(f"get {URL} at {A}", "tls.reset")

    assert dialogue.asks() == [f"hello {NEUTRAL} at {A} unverified neutral"]
    dialogue.tell(f"hello {NEUTRAL} at {A} unverified neutral", "ok")
    assert dialogue.asks() == [f"get {URL} at {A} try 1"]
    assert dialogue.tell(f"get {URL} at {A} try 1", "tls.reset").asks() == []


def test_the_allowed_name_is_said_where_the_neutral_one_failed_too() -> None:
    """Is only an allow-list let through?"""
    dialogue = resolved(local=(A,), trusted=(A,))
    dialogue.asks()
    dialogue.tell(f"get {URL} at {A}", "tls.reset").asks()
    dialogue.tell(f"hello {NEUTRAL} at {A} unverified neutral", "tls.timeout").asks()
    dialogue.tell(f"get {URL} at {A} try 1", "tls.reset")

    assert dialogue.asks() == [f"hello www.wikipedia.org at {A} unverified allowed"]
    assert dialogue.tell(f"hello www.wikipedia.org at {A} unverified allowed", "ok").asks() == []


def test_silence_is_heard_three_times_before_it_is_believed() -> None:
    """On a bad line two lost handshakes are no rarity; how close they follow is for the pace to say."""
    dialogue = resolved(local=(A,), trusted=(A,))
    dialogue.asks()
    dialogue.tell(f"get {URL} at {A}", "tcp.timeout")
    assert dialogue.asks() == [f"get {URL} at {A} try 1", f"get {URL} at {A} try 2"]
    dialogue.tell(f"get {URL} at {A} try 1", "tcp.timeout")
    assert dialogue.tell(f"get {URL} at {A} try 2", "tcp.timeout").asks() == []


def test_several_silent_addresses_need_fewer_tries_each() -> None:
    """Two of two were heard twice: that is four silences."""
    dialogue = resolved(local=(A, B), trusted=(A, B))
    dialogue.asks()
    dialogue.tell(f"get {URL} at {A}", "tcp.timeout")
    dialogue.tell(f"hello {NAME} at {B}", "tcp.timeout")
    assert dialogue.asks() == sorted([f"get {URL} at {A} try 1", f"get {URL} at {B} try 1"])


def test_silences_of_different_kinds_are_not_asked_about_without_end() -> None:
    """A line on which each try fails otherwise is left after three insistences."""
    dialogue = resolved(local=(A,), trusted=(A,))
    asked = 0
    for number in range(20):
        fresh = [step for step in dialogue.asks() if step.startswith("get")]
        for step in list(dialogue.open):
            dialogue.tell(step, "http.timeout" if number == 0 and step.startswith("get") else "tcp.timeout")
        asked += len(fresh)

    assert asked == 1 + 1 + HopLimits().silent_tries + 1


def test_after_a_silent_request_the_neutral_name_makes_a_request_too() -> None:
    """A handshake under it would prove nothing: ours stood as well."""
    dialogue = resolved(local=(A,), trusted=(A,))
    dialogue.asks()
    dialogue.tell(f"get {URL} at {A}", "http.timeout")

    assert dialogue.asks() == [f"get https://{NEUTRAL}/ at {A} unverified neutral"]


def test_a_bad_certificate_is_peeked_at() -> None:
    """Whose is it?"""
    dialogue = resolved(local=(A,), trusted=(A,))
    dialogue.asks()
    dialogue.tell(f"get {URL} at {A}", "tls.certificate")

    assert dialogue.asks() == [f"hello {NAME} at {A} unverified peek"]
    assert dialogue.tell(f"hello {NAME} at {A} unverified peek", "ok").asks() == []


def test_at_most_two_addresses_are_followed_one_true_and_one_odd() -> None:
    """Each may say what the other cannot."""
    dialogue = resolved(local=(FORGED, "31.13.95.10"), trusted=(A, B))
    dialogue.asks()
    for step in list(dialogue.open):
        dialogue.tell(step, "tls.reset")

    assert dialogue.asks() == [
        f"hello {NEUTRAL} at {A} unverified neutral",
        f"hello {NEUTRAL} at {FORGED} unverified neutral",
    ]


@pytest.mark.parametrize("fault", ["no_route", "local", "bug"])
def test_our_own_faults_are_not_followed_up(fault: str) -> None:
    """They say nothing about the network."""
    dialogue = resolved(local=(A,), trusted=(A,))
    dialogue.asks()

    assert dialogue.tell(f"get {URL} at {A}", f"tcp.{fault}").asks() == []


def test_a_bound_of_ours_is_not_followed_up() -> None:
    """An endless header would be endless again."""
    dialogue = resolved(local=(A,), trusted=(A,))
    dialogue.asks()

    assert dialogue.tell(f"get {URL} at {A}", "http.too_much").asks() == []


def test_under_suspicion_the_neutral_name_goes_first_at_every_address() -> None:
    """A re-test must not be hidden by its own first word."""
    dialogue = resolved(local=(A,), trusted=(A,), context=replace(CONTEXT, suspected=True))

    assert dialogue.asks() == [f"hello {NEUTRAL} at {A} unverified neutral"]
    dialogue.tell(f"hello {NEUTRAL} at {A} unverified neutral", "ok")
    assert dialogue.asks() == [f"get {URL} at {A}"]
    dialogue.tell(f"get {URL} at {A}", "tls.reset")
    assert dialogue.asks() == [f"get {URL} at {A} try 1"]


def test_late_addresses_are_tried_beyond_the_caps() -> None:
    """Two more at most, while the hop is under way."""
    context = replace(CONTEXT, limits=HopLimits(ipv4=1, late_addresses=1))
    dialogue = Dialogue(plan_for(parse(URL), context))
    dialogue.asks()
    step = dialogue.open[f"A {NAME} @network"]
    dialogue.tell(f"A {NAME} @system", (FORGED,)).tell(f"A {NAME} @trusted", (A,))
    dialogue.plan.observe(step, late(()))
    from tests.unit.plan.dialogue import answer  # noqa: PLC0415 - used here alone

    dialogue.plan.observe(step, answer(step, (FORGED,)))  # type: ignore[arg-type]
    assert dialogue.asks() == [f"get {URL} at {FORGED}"]
    dialogue.plan.observe(step, late((A, B)))
    assert dialogue.asks() == [f"hello {NAME} at {A}"]


def test_over_http_an_odd_address_shows_its_certificate() -> None:
    """The certificate at 443 acquits a content network."""
    dialogue = resolved(HTTP, local=(FORGED,), trusted=(A,))

    assert f"hello {NAME} at {FORGED}" in dialogue.asks()


def test_a_page_unlike_controls_is_fetched_again_and_once_over_tls() -> None:
    """Twice alike, and contradicted by the server itself: that is a notice."""
    dialogue = resolved(HTTP, local=(A,), trusted=(A,), context=replace(CONTEXT, control=CONTROL))
    dialogue.asks()
    strange = page(dialogue.open[f"get {HTTP} at {A}"], title="Not here")
    dialogue.tell(f"get {HTTP} at {A}", strange)

    assert dialogue.asks() == [f"get {HTTP} at {A} try 1", f"get {URL} at {A}"]
    dialogue.tell(f"get {HTTP} at {A} try 1", strange).tell(f"get {URL} at {A}", "tcp.reset")
    assert dialogue.asks() == []


def test_a_strange_page_at_another_port_has_no_twin_over_tls() -> None:
    """Port 8080 says nothing about 443."""
    url = f"http://{NAME}:8080/"
    control = ControlFacts(time=CONTROL.time, statuses=CONTROL.statuses, pages=(ControlPage(url=url, status=200),))
    dialogue = resolved(url, local=(A,), trusted=(A,), context=replace(CONTEXT, control=control))
    dialogue.asks()
    dialogue.tell(f"get {url} at {A}", page(dialogue.open[f"get {url} at {A}"], status=403))

    assert dialogue.asks() == [f"get {url} at {A} try 1"]


def test_a_page_cut_off_at_its_beginning_is_no_page() -> None:
    """A freeze after sixteen kilobytes is followed up like silence."""
    dialogue = resolved(local=(A,), trusted=(A,))
    dialogue.asks()
    step = dialogue.open[f"get {URL} at {A}"]
    dialogue.tell(f"get {URL} at {A}", page(step, length=16_000, complete=False, failure=Failure.TIMEOUT))

    assert dialogue.asks() == [f"get {URL} at {A} as {NEUTRAL} unverified neutral"]


def test_nothing_is_asked_of_a_name_without_addresses() -> None:
    """There is nowhere to go."""
    context = PlanContext(network_resolvers=(ISP,), trusted_resolvers=(DOH,), families=CONTEXT.families)
    dialogue = Dialogue(plan_for(parse(URL), context))
    dialogue.asks()
    for who in ("system", "network", "trusted"):
        dialogue.tell(f"A {NAME} @{who}", Failure.NXDOMAIN)

    assert not any(step.startswith(("get", "hello")) for step in dialogue.asks())


def test_where_there_is_no_page_a_handshake_is_what_was_gone_for() -> None:
    """It works, and nothing follows."""
    hello = f"hello {NAME} at {A}"
    dialogue = Dialogue(plan_for(parse(f"tls://{A}:443/{NAME}"), CONTEXT))
    dialogue.asks()

    assert dialogue.tell(hello, "ok").asks() == []


@pytest.mark.parametrize(
    ("target", "how", "context", "asked"),
    [
        (URL, "tls.reset", CONTEXT, 1),
        (URL, "http.timeout", CONTEXT, 1),
        (URL, "tcp.timeout", CONTEXT, 0),
        (URL, "tls.reset", replace(CONTEXT, trusted_resolvers=()), 0),
        (HTTP, "http.reset", CONTEXT, 0),
    ],
)
def test_once_a_hello_or_what_follows_it_failed_a_trusted_resolver_is_asked_for_ech(
    target: str, how: str, context: PlanContext, asked: int
) -> None:
    """Of an encrypted subject; what it says makes no difference to the plan."""
    trusted = context.trusted_resolvers
    dialogue = Dialogue(plan_for(parse(target), context))
    dialogue.asks()
    for who in ("system", "network", *(("trusted",) if trusted else ())):
        dialogue.tell(f"A {NAME} @{who}", (A,))
    dialogue.asks()
    dialogue.tell(f"get {target} at {A}", how)
    fresh = dialogue.plan.pending()

    ech = [step for step in fresh if isinstance(step, Resolve) and step.rrtype == "HTTPS"]
    assert [(step.name, step.resolver, step.position.purpose) for step in ech] == [(NAME, DOH, "ech")] * asked
    for step in ech:
        seen = Resolution(
            name=NAME, rrtype="HTTPS", resolver=DOH, trust=step.trust, ech=True, purpose=step.position.purpose
        )
        dialogue.plan.observe(step, seen)
        dialogue.plan.finish(step)
    assert dialogue.plan.pending() == ()


def test_quic_is_shaken_hands_with_and_nothing_else() -> None:
    """Where it answers."""
    dialogue = resolved(f"quic://{NAME}:443", local=(A,), trusted=(A,))

    assert dialogue.asks() == [f"quic {NAME} at {A}"]
    assert dialogue.tell(f"quic {NAME} at {A}", "ok").asks() == []


def turns(dialogue: Dialogue, first: Exchange, again: Exchange) -> list[str]:
    """What is asked once the page came like this, each time it is asked for under its own name."""
    asked: list[str] = []
    while steps := dialogue.asks():
        for step in steps:
            own = "neutral" not in step
            told = (first if not asked else again) if own else page(dialogue.open[step], flow=QUICK)
            dialogue.tell(step, told)
            asked.append(step)
    return asked


def test_a_page_that_crawls_is_asked_for_in_turns_under_another_name() -> None:
    """Three times each, at the same address."""
    dialogue = resolved(local=(A,), trusted=(A,))
    (get,) = dialogue.asks()
    slow = page(dialogue.open[get], length=180_000, flow=Flow(bytes=180_000, took=9_000))
    dialogue.tell(get, slow)

    asked = turns(dialogue, slow, slow)

    assert [("neutral" in step) for step in asked] == [True, False, True, False, True]
    assert all(f" at {A}" in step for step in asked)


def test_a_page_that_stops_is_asked_for_no_more_often_than_three_times() -> None:
    """Each takes long, and brings much."""
    dialogue = resolved(local=(A,), trusted=(A,))
    (get,) = dialogue.asks()
    stop = Flow(bytes=16_000, took=100, quiet=2_800)
    cut = page(dialogue.open[get], failure=Failure.TIMEOUT, complete=False, length=14_000, flow=stop)
    dialogue.tell(get, cut)

    asked = turns(dialogue, cut, cut)

    assert sum("neutral" not in step and "allowed" not in step for step in asked) == 2
