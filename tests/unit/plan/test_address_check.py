"""Questions about addresses that only the network's resolvers gave."""

from __future__ import annotations

from typing import Any

import pytest

from probe.model.address import Family
from probe.model.observation import Exchange
from probe.model.step import Fetch
from probe.model.target import parse
from probe.plan import plan_for
from probe.plan.address_check import PageQuestions, doubtful_pages, private_addresses
from tests.unit.plan.dialogue import CONTEXT, DOH, FORGED, NAME, A, Dialogue, at, line, page

URL, HTTP = f"https://{NAME}/", f"http://{NAME}/"
CACHE, LAN, ULA = "100.72.3.9", "192.168.1.1", "fd00::9"
BOTH = frozenset(Family)


@pytest.mark.parametrize(
    ("local", "unconfirmed", "families", "found"),
    [
        ((CACHE,), {CACHE}, BOTH, (CACHE,)),
        ((A, CACHE, LAN, ULA), {CACHE, LAN, ULA}, BOTH, (CACHE, ULA)),
        ((CACHE, ULA), {CACHE, ULA}, {Family.IPV4}, (CACHE,)),
        ((CACHE,), set(), BOTH, ()),
        (("127.0.0.1", "0.0.0.0", "169.254.1.1", "198.18.0.7", "224.0.0.1"), None, BOTH, ()),
    ],
)
def test_the_first_private_address_of_each_family_that_nobody_else_gives_is_contacted(
    local: tuple[str, ...], unconfirmed: set[str] | None, families: set[Family], found: tuple[str, ...]
) -> None:
    """Never one of this host, of its link or of a proxy; nor one that the owner of the name chose."""
    assert private_addresses(local, frozenset(local if unconfirmed is None else unconfirmed), families) == found  # type: ignore[arg-type]


def told(target: str, *local: str) -> Dialogue:
    """A plan whose name has a public address elsewhere."""
    dialogue = Dialogue(plan_for(parse(target), CONTEXT))
    dialogue.asks()
    dialogue.tell(f"A {NAME} @system", local).tell(f"A {NAME} @network", local)
    return dialogue.tell(f"A {NAME} @trusted", (A,))


def at_cache(dialogue: Dialogue) -> list[str]:
    """The steps that go to the private address."""
    return [step for step in dialogue.asks() if CACHE in step]


@pytest.mark.parametrize("target", [URL, HTTP, f"https://{NAME}:8443/"])
def test_a_private_address_gets_a_handshake_at_443_first(target: str) -> None:
    """Whatever the target's port; no request and no other name is sent to it."""
    dialogue = told(target, CACHE)
    assert at_cache(dialogue) == [f"hello {NAME} at {CACHE}"]
    assert dialogue.open[f"hello {NAME} at {CACHE}"].port == 443  # type: ignore[union-attr]
    assert at_cache(dialogue.tell(f"hello {NAME} at {CACHE}", "tls.certificate")) == []


@pytest.mark.parametrize("how", ["tcp.timeout", "tcp.reset", "tls.eof"])
def test_a_private_address_that_was_cut_or_silent_gets_one_more_handshake(how: str) -> None:
    dialogue = told(URL, CACHE)
    dialogue.asks()
    assert at_cache(dialogue.tell(f"hello {NAME} at {CACHE}", how)) == [f"hello {NAME} at {CACHE} try 1"]
    assert at_cache(dialogue.tell(f"hello {NAME} at {CACHE} try 1", how)) == []


@pytest.mark.parametrize(("target", "asked"), [(URL, True), (HTTP, True), (f"https://{NAME}:8443/", False)])
def test_the_page_of_a_private_address_is_asked_for_once_its_certificate_verified(target: str, asked: bool) -> None:
    """At the ports of the web alone."""
    dialogue = told(target, CACHE)
    dialogue.asks()
    wanted = [f"get {target} at {CACHE} try 1"] if asked else []
    assert at_cache(dialogue.tell(f"hello {NAME} at {CACHE}", "ok")) == wanted


def test_a_redirect_of_a_page_from_a_private_address_is_followed() -> None:
    """Its certificate verified; the next host is looked up like any other."""
    dialogue = told(HTTP, CACHE)
    dialogue.asks()
    dialogue.tell(f"hello {NAME} at {CACHE}", "ok").asks()
    fetch = f"get {HTTP} at {CACHE} try 1"
    dialogue.tell(fetch, page(dialogue.open[fetch], 301, "https://www.example.org/"))

    assert "A www.example.org @trusted hop 1" in dialogue.asks()


def test_a_name_with_private_addresses_alone_is_not_contacted_where_nobody_else_was_asked() -> None:
    """There is nothing to doubt the answer by."""
    context = CONTEXT.__class__(network_resolvers=CONTEXT.network_resolvers, families=CONTEXT.families)
    dialogue = Dialogue(plan_for(parse(URL), context))
    dialogue.asks()
    dialogue.tell(f"A {NAME} @system", (LAN,)).tell(f"A {NAME} @network", (LAN,))

    assert DOH not in context.trusted_resolvers
    assert [step for step in dialogue.asks() if LAN in step] == []


def fetched(title: str, *, suspect_first: bool) -> Dialogue:
    """A plan whose doubtful address and known address have both given a page in clear."""
    dialogue = told(HTTP, FORGED)
    dialogue.asks()
    dialogue.tell(f"hello {NAME} at {FORGED}", "tcp.reset")
    pages = {A: "News", FORGED: title}
    for address in sorted(pages, reverse=suspect_first):
        fetch = f"get {HTTP} at {address}"
        dialogue.tell(fetch, page(dialogue.open[fetch], title=pages[address]))
    return dialogue


@pytest.mark.parametrize("suspect_first", [True, False])
def test_an_unconfirmed_address_with_another_page_than_the_known_one_is_asked_more(suspect_first: bool) -> None:
    """And the known one for its certificate, whichever page came first."""
    dialogue = fetched("Notice", suspect_first=suspect_first)
    asked: list[str] = []
    while steps := dialogue.asks():
        asked += steps
        for step in steps:
            dialogue.tell(step, "ok")

    assert sorted(asked) == [
        f"get {HTTP} at {FORGED} try 1",
        f"get http://xkqvdwpzrjtm.com/ at {FORGED} unverified neutral",
        f"hello {NAME} at {A}",
    ]


def test_an_unconfirmed_address_with_the_page_of_the_known_one_is_asked_no_more() -> None:
    """A content network's near server costs one handshake."""
    assert fetched("News", suspect_first=True).asks() == []


def test_a_known_address_that_served_in_clear_is_asked_for_its_certificate_where_the_unconfirmed_one_fails() -> None:
    """Its page alone may be the notice of a trusted resolver's filter."""
    dialogue = told(HTTP, FORGED)
    dialogue.asks()
    dialogue.tell(f"hello {NAME} at {FORGED}", "tcp.reset").tell(f"get {HTTP} at {A}", "ok")
    dialogue.tell(f"get {HTTP} at {FORGED}", "tcp.reset")
    dialogue.asks()
    dialogue.tell(f"get {HTTP} at {FORGED} try 1", "tcp.reset")

    assert dialogue.asks() == [f"hello {NAME} at {A}"]


def of(address: str = A, url: str = HTTP, **more: Any) -> Exchange:
    """A page in clear text."""
    return page(Fetch(url=url, address=address), **more)


def test_a_doubtful_page_is_asked_for_again_and_under_the_neutral_name() -> None:
    """In the hop that asked; not what was asked before."""
    questions = PageQuestions(CONTEXT, at(1, 2))
    again = f"get {HTTP} at {A} try 1 chain 1 hop 2"
    neutral = f"get http://{CONTEXT.random_name}/ at {A} unverified neutral chain 1 hop 2"

    assert [line(step) for step in questions.again(of())] == [again, neutral]
    assert [line(step) for step in questions.again(of(), tries=2)] == []
    assert [line(step) for step in questions.again(of(status=301), tries=2)] == [neutral]


def test_pages_differ_at_first_sight_by_status_title_or_redirect() -> None:
    """Not by their length: pages are dynamic. One is compared with those of confirmed addresses alone."""
    for changed in ({"status": 403}, {"title": "Other"}, {"location": "https://x.example/"}):
        assert doubtful_pages({A: of(), FORGED: of(**changed)}, frozenset({FORGED})) == (FORGED,)
        assert doubtful_pages({A: of(), FORGED: of(**changed)}, frozenset({A, FORGED})) == ()
    assert doubtful_pages({A: of(), FORGED: of(length=900)}, frozenset({FORGED})) == ()
