"""URLs and domains: hops, redirects, and shared lookups."""

from __future__ import annotations

from probe.model.failure import Failure
from probe.model.flow import Flow
from probe.model.target import parse
from probe.plan import PlanContext, plan_for
from probe.plan.context import HopLimits
from tests.unit.plan.dialogue import CONTEXT, NAME, A, Dialogue, page

URL, HTTP = f"https://{NAME}/", f"http://{NAME}/"
GET = f"get {URL} at {A}"


def resolved(target: str, name: str = NAME) -> Dialogue:
    """A plan whose first name is looked up."""
    dialogue = Dialogue(plan_for(parse(target), CONTEXT))
    dialogue.asks()
    look_up(dialogue, name)
    dialogue.asks()
    return dialogue


def look_up(dialogue: Dialogue, name: str, marks: str = "") -> None:
    """Everybody gives the one address."""
    for who in ("system", "network", "trusted"):
        dialogue.tell(f"A {name} @{who}{marks}", (A,))


def test_an_address_in_a_url_is_not_resolved() -> None:
    """There is no name to resolve."""
    assert Dialogue(plan_for(parse(f"https://{A}/"), CONTEXT)).asks() == [f"get https://{A}/ at {A}"]


def test_a_redirect_is_resolved_and_connected_like_the_target() -> None:
    """Its steps have its own hop number."""
    dialogue = resolved(URL)
    dialogue.tell(GET, page(dialogue.open[GET], 301, "https://www.example.net/a"))

    assert dialogue.asks() == [f"A www.example.net @{who} hop 1" for who in ("network", "system", "trusted")]
    look_up(dialogue, "www.example.net", " hop 1")
    assert dialogue.asks() == [f"get https://www.example.net/a at {A} hop 1"]


def test_a_redirect_to_the_same_host_uses_the_same_lookup() -> None:
    """No name is resolved twice in one measurement."""
    dialogue = resolved(URL)
    dialogue.tell(GET, page(dialogue.open[GET], 302, f"https://{NAME}/home"))

    assert dialogue.asks() == [f"get https://{NAME}/home at {A} hop 1"]


def test_two_chains_compare_slow_pages_at_an_address_one_after_the_other() -> None:
    """Side by side they would share a limit of the address, so that neither had a speed."""
    dialogue = resolved(NAME)
    slow = Flow(bytes=100_000, took=9_000)
    first, second = GET, f"get {HTTP} at {A} chain 1"
    dialogue.tell(first, page(dialogue.open[first], flow=slow))
    asked = dialogue.asks()
    dialogue.tell(second, page(dialogue.open[second], flow=slow))
    chains = []
    while asked := asked + dialogue.asks():
        assert len(asked) == 1
        chains.append(int("chain 1" in asked[0]))
        dialogue.tell(asked[0], page(dialogue.open[asked[0]], flow=slow))
        asked = []

    assert chains == [0] * 5 + [1] * 5


def test_a_redirect_to_an_earlier_url_ends_the_chain() -> None:
    """A loop is measured once."""
    dialogue = resolved(URL)

    assert dialogue.tell(GET, page(dialogue.open[GET], 302, URL)).asks() == []


def test_a_url_is_asked_for_again_after_a_redirect_with_a_cookie() -> None:
    """Once for each cookie; without a new one it is a loop."""
    dialogue = resolved(URL)
    dialogue.tell(GET, page(dialogue.open[GET], 302, URL, sets_cookie=True))
    again = f"{GET} hop 1"

    assert dialogue.asks() == [again]
    assert dialogue.tell(again, page(dialogue.open[again], 302, URL)).asks() == []


def test_a_cookie_of_one_chain_does_not_make_it_ask_for_a_url_of_the_other() -> None:
    """Servers set cookies with the redirect from http to https too, and the page is measured already."""
    dialogue = resolved(NAME)
    step = f"get {HTTP} at {A} chain 1"
    dialogue.tell(GET, "ok")

    assert dialogue.tell(step, page(dialogue.open[step], 301, URL, sets_cookie=True)).asks() == []


def test_redirects_beyond_the_limit_are_not_followed() -> None:
    """With a limit of two, the chain has three hops."""
    context = PlanContext(trusted_resolvers=(), families=CONTEXT.families, limits=HopLimits(redirects=2))
    dialogue = Dialogue(plan_for(parse(f"https://{A}/0"), context))
    for number in range(3):
        (step,) = dialogue.asks()
        dialogue.tell(step, page(dialogue.open[step], 302, f"https://{A}/{number + 1}"))

    assert dialogue.asks() == []


def test_a_name_without_addresses_is_not_connected() -> None:
    """There is no address to connect to."""
    dialogue = Dialogue(plan_for(parse(URL), CONTEXT))
    dialogue.asks()
    for who in ("system", "network", "trusted"):
        dialogue.tell(f"A {NAME} @{who}", Failure.NXDOMAIN)

    assert dialogue.asks() == ["A www.wikipedia.org @network other"]


def test_invalid_redirects_are_not_followed() -> None:
    """Without a location, with another scheme, with an invalid URL, or with a status that is no redirect."""
    for status, location in (
        (302, ""),
        (302, "mailto:x@example.org"),
        (302, "dns://x.example"),
        (302, "https://["),
        (200, "https://x.example/"),
    ):
        dialogue = resolved(URL)

        assert dialogue.tell(GET, page(dialogue.open[GET], status, location)).asks() == []


def test_a_redirect_to_a_private_address_is_not_followed() -> None:
    """A redirect must not make this host connect to the volunteer's own network. A target of the operator may."""
    dialogue = resolved(HTTP)
    step = f"get {HTTP} at {A}"
    dialogue.tell(step, page(dialogue.open[step], 302, "http://192.168.1.1/"))

    assert dialogue.asks() == []
    assert Dialogue(plan_for(parse("http://192.168.1.1/"), CONTEXT)).asks() == [
        "get http://192.168.1.1/ at 192.168.1.1"
    ]


def test_a_domain_has_two_chains_that_share_their_lookups() -> None:
    """Chain 0 is https, chain 1 is http."""
    dialogue = Dialogue(plan_for(parse(NAME), CONTEXT))
    assert dialogue.asks() == [f"A {NAME} @{who}" for who in ("network", "system", "trusted")]
    look_up(dialogue, NAME)

    assert dialogue.asks() == [f"get {HTTP} at {A} chain 1", GET]


def test_a_redirect_from_http_to_https_is_not_measured_twice() -> None:
    """The judge reads the evidence of the https chain for both."""
    dialogue = resolved(NAME)
    step = f"get {HTTP} at {A} chain 1"
    dialogue.tell(step, page(dialogue.open[step], 301, URL)).tell(GET, "ok")

    assert dialogue.asks() == []


def test_an_answer_after_the_start_of_a_hop_adds_no_addresses() -> None:
    """A slower resolver's addresses come too late to be tried."""
    dialogue = Dialogue(plan_for(parse(URL), CONTEXT))
    dialogue.asks()
    dialogue.tell(f"A {NAME} @system", (A,)).tell(f"A {NAME} @network", Failure.TIMEOUT)
    dialogue.tell(f"A {NAME} @trusted", (A,)).asks()

    assert dialogue.tell(f"A {NAME} @network try 1", ("104.16.1.1",)).asks() == []
