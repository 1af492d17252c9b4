"""One hop: rounds, follow-ups, and other names, as dialogues."""

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


def test_https_fetches_one_page_and_makes_handshakes_with_the_other_addresses() -> None:
    """Every address is connected; one page is enough."""
    dialogue = resolved()

    assert dialogue.asks() == [f"get {URL} at {A}", f"hello {NAME} at {B}"]
    assert dialogue.tell(f"get {URL} at {A}", "ok").tell(f"hello {NAME} at {B}", "ok").asks() == []


def test_http_fetches_the_page_from_every_address() -> None:
    """Without TLS, only the page tells the addresses apart."""
    assert resolved(HTTP).asks() == [f"get {HTTP} at {B}", f"get {HTTP} at {A}"]


def test_the_page_is_fetched_from_another_address_when_the_first_fails() -> None:
    """Only from addresses whose handshake succeeded, one at a time, three in all."""
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


def test_an_address_that_fails_while_another_serves_gets_no_follow_ups() -> None:
    """Its failure cannot change the verdict."""
    dialogue = resolved()
    dialogue.asks()

    assert dialogue.tell(f"get {URL} at {A}", "ok").tell(f"hello {NAME} at {B}", "tls.reset").asks() == []


def test_silent_unconfirmed_addresses_are_tried_five_times_although_a_confirmed_one_serves() -> None:
    """One time-out may be packet loss; five show a forged answer."""
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


def test_an_unconfirmed_address_that_resets_is_tried_twice() -> None:
    """Packet loss causes no reset, so one repetition is enough."""
    dialogue = resolved(local=(FORGED,), trusted=(A,))
    dialogue.asks()
    dialogue.tell(f"get {URL} at {FORGED}", "tcp.reset").tell(f"hello {NAME} at {A}", "ok")
    dialogue.asks()
    dialogue.tell(f"get {URL} at {A} try 1", "ok")

    assert dialogue.asks() == [f"get {URL} at {FORGED} try 1"]
    assert dialogue.tell(f"get {URL} at {FORGED} try 1", "tcp.reset").asks() == []


def test_a_time_out_that_could_be_a_block_is_observed_five_times() -> None:
    """It could be one where the control reached the target."""
    context = replace(CONTEXT, control=CONTROL)
    dialogue = resolved(local=(A,), trusted=(A,), context=context)
    dialogue.asks()
    dialogue.tell(f"get {URL} at {A}", "tcp.timeout")
    tries = [f"get {URL} at {A} try {number}" for number in range(1, 5)]
    assert dialogue.asks() == [f"connect {A}:80 other_port", *tries]


def test_a_time_out_after_the_name_is_observed_five_times_where_another_name_is_answered() -> None:
    """The tries follow one another, each from a new source port, with or without a control."""
    dialogue = resolved(local=(A,), trusted=(A,))
    dialogue.asks()
    dialogue.tell(f"get {URL} at {A}", "tls.timeout").asks()
    dialogue.tell(f"hello {NEUTRAL} at {A} unverified neutral", "ok")
    for number in (1, 2, 3):
        assert dialogue.asks() == [f"get {URL} at {A} try {number}"]
        dialogue.tell(f"get {URL} at {A} try {number}", "tls.timeout")
    assert dialogue.asks() == [f"get {URL} at {A} in small segments try 4"]  # are large packets lost on the way?
    assert dialogue.tell(f"get {URL} at {A} in small segments try 4", "tls.timeout").asks() == []


def test_after_a_reset_the_neutral_name_is_sent_before_the_suspect_one() -> None:
    """Residual blocking would silence the neutral name right after the suspect one."""
    dialogue = resolved(local=(A,), trusted=(A,))
    dialogue.asks()
    dialogue.tell(f"get {URL} at {A}", "tls.reset")

    assert dialogue.asks() == [f"hello {NEUTRAL} at {A} unverified neutral"]
    dialogue.tell(f"hello {NEUTRAL} at {A} unverified neutral", "ok")
    assert dialogue.asks() == [f"get {URL} at {A} try 1"]
    assert dialogue.tell(f"get {URL} at {A} try 1", "tls.reset").asks() == []


def test_the_allowed_name_is_sent_where_the_neutral_one_failed_too() -> None:
    """Its answer shows that only an allow-list passes."""
    dialogue = resolved(local=(A,), trusted=(A,))
    dialogue.asks()
    dialogue.tell(f"get {URL} at {A}", "tls.reset").asks()
    dialogue.tell(f"hello {NEUTRAL} at {A} unverified neutral", "tls.timeout").asks()
    dialogue.tell(f"get {URL} at {A} try 1", "tls.reset")

    assert dialogue.asks() == [f"hello www.wikipedia.org at {A} unverified allowed"]
    assert dialogue.tell(f"hello www.wikipedia.org at {A} unverified allowed", "ok").asks() == []


def test_a_time_out_is_observed_three_times_without_a_control() -> None:
    """On a lossy line two lost handshakes are common. The pace limiter spaces the tries."""
    dialogue = resolved(local=(A,), trusted=(A,))
    dialogue.asks()
    dialogue.tell(f"get {URL} at {A}", "tcp.timeout")
    assert dialogue.asks() == [f"get {URL} at {A} try 1", f"get {URL} at {A} try 2"]
    dialogue.tell(f"get {URL} at {A} try 1", "tcp.timeout")
    assert dialogue.tell(f"get {URL} at {A} try 2", "tcp.timeout").asks() == []


def test_several_silent_addresses_need_fewer_tries_each() -> None:
    """Two tries at each of two addresses make four time-outs."""
    dialogue = resolved(local=(A, B), trusted=(A, B))
    dialogue.asks()
    dialogue.tell(f"get {URL} at {A}", "tcp.timeout")
    dialogue.tell(f"hello {NAME} at {B}", "tcp.timeout")
    assert dialogue.asks() == sorted([f"get {URL} at {A} try 1", f"get {URL} at {B} try 1"])


def test_repeated_time_outs_of_different_kinds_end_after_three_repetitions() -> None:
    """The limit holds on a line where every try fails in another way."""
    dialogue = resolved(local=(A,), trusted=(A,))
    asked = 0
    for number in range(20):
        fresh = [step for step in dialogue.asks() if step.startswith("get")]
        for step in list(dialogue.open):
            dialogue.tell(step, "http.timeout" if number == 0 and step.startswith("get") else "tls.timeout")
        asked += len(fresh)

    assert asked == 1 + 1 + HopLimits().silent_tries + 1


def test_garbage_after_a_hello_is_followed_by_the_neutral_name() -> None:
    """A notice in clear text answers this name alone; a server that speaks no TLS answers any name so."""
    dialogue = resolved(local=(A,), trusted=(A,))
    dialogue.asks()
    dialogue.tell(f"get {URL} at {A}", "tls.garbage")

    assert dialogue.asks() == [f"hello {NEUTRAL} at {A} unverified neutral"]
    dialogue.tell(f"hello {NEUTRAL} at {A} unverified neutral", "ok")
    assert dialogue.asks() == [f"get {URL} at {A} try 1"]
    assert dialogue.tell(f"get {URL} at {A} try 1", "tls.garbage").asks() == []


def test_after_a_request_that_times_out_the_neutral_name_is_sent_in_a_request() -> None:
    """A handshake would prove nothing, because the handshake under the suspect name succeeded too."""
    dialogue = resolved(local=(A,), trusted=(A,))
    dialogue.asks()
    dialogue.tell(f"get {URL} at {A}", "http.timeout")

    assert dialogue.asks() == [f"get https://{NEUTRAL}/ at {A} unverified neutral"]


def test_a_bad_certificate_is_followed_by_an_unverified_handshake() -> None:
    """It shows whose certificate it is."""
    dialogue = resolved(local=(A,), trusted=(A,))
    dialogue.asks()
    dialogue.tell(f"get {URL} at {A}", "tls.certificate")

    assert dialogue.asks() == [f"hello {NAME} at {A} unverified peek"]
    assert dialogue.tell(f"hello {NAME} at {A} unverified peek", "ok").asks() == []


def test_at_most_two_failed_addresses_get_follow_ups_one_confirmed_and_one_not() -> None:
    """Each may show what the other cannot."""
    dialogue = resolved(local=(FORGED, "31.13.95.10"), trusted=(A, B))
    dialogue.asks()
    for step in list(dialogue.open):
        dialogue.tell(step, "tls.reset")

    assert dialogue.asks() == [
        f"hello {NEUTRAL} at {A} unverified neutral",
        f"hello {NEUTRAL} at {FORGED} unverified neutral",
    ]


@pytest.mark.parametrize("fault", ["no_route", "local", "bug"])
def test_faults_of_this_host_get_no_follow_ups(fault: str) -> None:
    """They show nothing about the network."""
    dialogue = resolved(local=(A,), trusted=(A,))
    dialogue.asks()

    assert dialogue.tell(f"get {URL} at {A}", f"tcp.{fault}").asks() == []


def test_an_answer_beyond_a_size_limit_gets_no_follow_ups() -> None:
    """An endless header would be endless again."""
    dialogue = resolved(local=(A,), trusted=(A,))
    dialogue.asks()

    assert dialogue.tell(f"get {URL} at {A}", "http.too_much").asks() == []


def test_a_suspected_name_is_sent_after_the_neutral_one_at_every_address() -> None:
    """In a re-test, the suspect name sent first could cause the failure of the neutral one."""
    dialogue = resolved(local=(A,), trusted=(A,), context=replace(CONTEXT, suspected=True))

    assert dialogue.asks() == [f"hello {NEUTRAL} at {A} unverified neutral"]
    dialogue.tell(f"hello {NEUTRAL} at {A} unverified neutral", "ok")
    assert dialogue.asks() == [f"get {URL} at {A}"]
    dialogue.tell(f"get {URL} at {A}", "tls.reset")
    assert dialogue.asks() == [f"get {URL} at {A} try 1"]


def test_addresses_of_late_answers_are_tried_beyond_the_limits() -> None:
    """Two more at most, while the hop is measured."""
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


def test_over_http_an_unconfirmed_address_gets_a_handshake() -> None:
    """A verified certificate at port 443 shows that it is a content network."""
    dialogue = resolved(HTTP, local=(FORGED,), trusted=(A,))

    assert f"hello {NAME} at {FORGED}" in dialogue.asks()


def test_a_page_that_differs_from_the_controls_is_fetched_again_and_once_over_tls() -> None:
    """A block page comes twice, the server's page over TLS differs from it, and another name shows the server."""
    dialogue = resolved(HTTP, local=(A,), trusted=(A,), context=replace(CONTEXT, control=CONTROL))
    dialogue.asks()
    strange = page(dialogue.open[f"get {HTTP} at {A}"], title="Not here")
    dialogue.tell(f"get {HTTP} at {A}", strange)

    assert dialogue.asks() == [f"get {HTTP} at {A} try 1", f"get {URL} at {A}"]
    dialogue.tell(f"get {HTTP} at {A} try 1", strange).tell(f"get {URL} at {A}", "tcp.reset")
    assert dialogue.asks() == [f"get http://{NEUTRAL}/ at {A} unverified neutral try 3"]


def test_a_doubtful_page_at_another_port_is_not_fetched_over_tls() -> None:
    """Port 8080 has no counterpart at 443."""
    url = f"http://{NAME}:8080/"
    control = ControlFacts(time=CONTROL.time, statuses=CONTROL.statuses, pages=(ControlPage(url=url, status=200),))
    dialogue = resolved(url, local=(A,), trusted=(A,), context=replace(CONTEXT, control=control))
    dialogue.asks()
    dialogue.tell(f"get {url} at {A}", page(dialogue.open[f"get {url} at {A}"], status=403))

    assert dialogue.asks() == [f"get {url} at {A} try 1"]


def test_a_page_that_freezes_at_its_beginning_gets_the_follow_ups_of_a_time_out() -> None:
    """A freeze after sixteen kilobytes counts as no answer."""
    dialogue = resolved(local=(A,), trusted=(A,))
    dialogue.asks()
    step = dialogue.open[f"get {URL} at {A}"]
    dialogue.tell(f"get {URL} at {A}", page(step, length=16_000, complete=False, failure=Failure.TIMEOUT))

    assert dialogue.asks() == [f"get {URL} at {A} as {NEUTRAL} unverified neutral"]


def test_a_name_without_addresses_ends_the_plan() -> None:
    """There is no address to connect to."""
    context = PlanContext(network_resolvers=(ISP,), trusted_resolvers=(DOH,), families=CONTEXT.families)
    dialogue = Dialogue(plan_for(parse(URL), context))
    dialogue.asks()
    for who in ("system", "network", "trusted"):
        dialogue.tell(f"A {NAME} @{who}", Failure.NXDOMAIN)

    assert not any(step.startswith(("get", "hello")) for step in dialogue.asks())


def test_a_subject_without_a_page_is_served_by_its_handshake() -> None:
    """A handshake that succeeds needs no further step."""
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
    """Only where the subject uses TLS. The answer does not change the plan."""
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


def test_an_answered_quic_handshake_is_the_only_step() -> None:
    """An answer needs no follow-up."""
    dialogue = resolved(f"quic://{NAME}:443", local=(A,), trusted=(A,))

    assert dialogue.asks() == [f"quic {NAME} at {A}"]
    assert dialogue.tell(f"quic {NAME} at {A}", "ok").asks() == []


def turns(dialogue: Dialogue, first: Exchange, again: Exchange) -> list[str]:
    """Return the steps after a page that arrives like this each time it is fetched under its own name."""
    asked: list[str] = []
    while steps := dialogue.asks():
        for step in steps:
            own = "neutral" not in step
            told = (first if not asked else again) if own else page(dialogue.open[step], flow=QUICK)
            dialogue.tell(step, told)
            asked.append(step)
    return asked


def test_a_slow_page_is_fetched_in_turns_under_its_own_and_another_name() -> None:
    """Three times each, at the same address."""
    dialogue = resolved(local=(A,), trusted=(A,))
    (get,) = dialogue.asks()
    slow = page(dialogue.open[get], length=180_000, flow=Flow(bytes=180_000, took=9_000))
    dialogue.tell(get, slow)

    asked = turns(dialogue, slow, slow)

    assert [("neutral" in step) for step in asked] == [True, False, True, False, True]
    assert all(f" at {A}" in step for step in asked)


def test_a_page_that_stops_is_fetched_at_most_three_times() -> None:
    """Each fetch takes long and loads much."""
    dialogue = resolved(local=(A,), trusted=(A,))
    (get,) = dialogue.asks()
    stop = Flow(bytes=16_000, took=100, quiet=2_800)
    cut = page(dialogue.open[get], failure=Failure.TIMEOUT, complete=False, length=14_000, flow=stop)
    dialogue.tell(get, cut)

    asked = turns(dialogue, cut, cut)

    assert sum("neutral" not in step and "allowed" not in step for step in asked) == 2
