"""URLs and domains: hops, redirects, and chains that share."""

from __future__ import annotations

from probe.model.failure import Failure
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


def test_an_address_in_a_url_is_not_looked_up() -> None:
    """There is nothing to ask."""
    assert Dialogue(plan_for(parse(f"https://{A}/"), CONTEXT)).asks() == [f"get https://{A}/ at {A}"]


def test_a_redirect_is_a_hop_treated_like_the_target() -> None:
    """Looked up and connected, under its own hop number."""
    dialogue = resolved(URL)
    dialogue.tell(GET, page(dialogue.open[GET], 301, "https://www.example.net/a"))

    assert dialogue.asks() == [f"A www.example.net @{who} hop 1" for who in ("network", "system", "trusted")]
    look_up(dialogue, "www.example.net", " hop 1")
    assert dialogue.asks() == [f"get https://www.example.net/a at {A} hop 1"]


def test_a_redirect_within_the_host_shares_its_addresses() -> None:
    """No name is looked up twice in one measurement."""
    dialogue = resolved(URL)
    dialogue.tell(GET, page(dialogue.open[GET], 302, f"https://{NAME}/home"))

    assert dialogue.asks() == [f"get https://{NAME}/home at {A} hop 1"]


def test_a_redirect_back_ends_the_chain() -> None:
    """A loop is measured once round."""
    dialogue = resolved(URL)

    assert dialogue.tell(GET, page(dialogue.open[GET], 302, URL)).asks() == []


def test_redirects_end_after_the_bound() -> None:
    """Two hops after the first, and no more."""
    context = PlanContext(trusted_resolvers=(), families=CONTEXT.families, limits=HopLimits(redirects=2))
    dialogue = Dialogue(plan_for(parse(f"https://{A}/0"), context))
    for number in range(3):
        (step,) = dialogue.asks()
        dialogue.tell(step, page(dialogue.open[step], 302, f"https://{A}/{number + 1}"))

    assert dialogue.asks() == []


def test_a_name_without_addresses_is_not_connected() -> None:
    """There is nowhere to go."""
    dialogue = Dialogue(plan_for(parse(URL), CONTEXT))
    dialogue.asks()
    for who in ("system", "network", "trusted"):
        dialogue.tell(f"A {NAME} @{who}", Failure.NXDOMAIN)

    assert dialogue.asks() == ["A www.wikipedia.org @network other"]


def test_redirects_that_lead_nowhere_are_not_followed() -> None:
    """No location, another scheme, no URL, an ordinary status."""
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
    """Whoever redirects us may not make us knock at the volunteer's own machines; the operator may."""
    dialogue = resolved(HTTP)
    step = f"get {HTTP} at {A}"
    dialogue.tell(step, page(dialogue.open[step], 302, "http://192.168.1.1/"))

    assert dialogue.asks() == []
    assert Dialogue(plan_for(parse("http://192.168.1.1/"), CONTEXT)).asks() == [
        "get http://192.168.1.1/ at 192.168.1.1"
    ]


def test_a_domain_is_two_chains_that_share_their_names() -> None:
    """Https is chain 0, http chain 1."""
    dialogue = Dialogue(plan_for(parse(NAME), CONTEXT))
    assert dialogue.asks() == [f"A {NAME} @{who}" for who in ("network", "system", "trusted")]
    look_up(dialogue, NAME)

    assert dialogue.asks() == [f"get {HTTP} at {A} chain 1", GET]


def test_a_domain_whose_http_leads_to_its_https_is_not_measured_twice() -> None:
    """The other chain's evidence stands for both."""
    dialogue = resolved(NAME)
    step = f"get {HTTP} at {A} chain 1"
    dialogue.tell(step, page(dialogue.open[step], 301, URL)).tell(GET, "ok")

    assert dialogue.asks() == []


def test_an_answer_about_a_name_whose_hop_has_begun_begins_nothing_new() -> None:
    """A slower resolver's answer comes too late to be a candidate."""
    dialogue = Dialogue(plan_for(parse(URL), CONTEXT))
    dialogue.asks()
    dialogue.tell(f"A {NAME} @system", (A,)).tell(f"A {NAME} @network", Failure.TIMEOUT)
    dialogue.tell(f"A {NAME} @trusted", (A,)).asks()

    assert dialogue.tell(f"A {NAME} @network try 1", ("104.16.1.1",)).asks() == []
