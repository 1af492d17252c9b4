"""Group observations by chain and hop."""

from __future__ import annotations

import pytest

from probe.judge.hops import chains
from probe.model.hop import MAX_REDIRECTS, Purpose, Subject, subject_of_url
from probe.model.observation import Observation
from probe.model.target import parse
from tests.unit.judge.builders import FORGED, HTTP, NAME, URL, A, B, http, said, served, tcp, tls

SUBJECT = subject_of_url(URL)
assert SUBJECT is not None
NEXT = "https://www.paper.example/"


def walk(target: str, *seen: Observation) -> list[list[str]]:
    """The URLs of the chains."""
    return [[hop.subject.url for hop in chain] for chain in chains(parse(target), seen)]


def test_each_kind_of_target_has_its_chains() -> None:
    """A domain has two."""
    assert walk(URL) == [[URL]]
    assert walk(NAME) == [[URL], [HTTP]]
    assert [walk(text) for text in (f"dns://{NAME}", f"tcp://{A}:1", f"tls://{A}:1/x.y")] == [[[""]]] * 3
    assert walk("203.0.113.0/24") == [[""]]
    assert walk("quic://x.y:1") == [[""]]


@pytest.mark.parametrize(
    ("target", "subject"),
    [
        (f"tcp://{A}:1", Subject("tcp", "", 1)),
        (f"tls://{A}:1/x.y", Subject("tls", "x.y", 1)),
        ("quic://x.y:1", Subject("quic", "x.y", 1)),
        (f"dns://{NAME}", Subject("dns", NAME, 443)),
        ("203.0.113.0/24:1", Subject("range", "", 1)),
    ],
)
def test_a_target_without_a_url_has_one_hop(target: str, subject: Subject) -> None:
    """An endpoint, or a range without a host."""
    ((hop,),) = chains(parse(target), ())

    assert hop.subject == subject


def test_a_redirect_makes_a_hop() -> None:
    """Of several redirects the one that was followed: by its page, else by its name, else the first."""
    two = (http(A, 302, location="https://one.example/"), http(B, 302, location=NEXT))

    assert walk(URL, *two) == [[URL, "https://one.example/"]]
    assert walk(URL, *two, said("network", A, name="www.paper.example", hop=1)) == [[URL, NEXT]]
    assert walk(URL, *two, tls(sni="www.paper.example", hop=1)) == [[URL, NEXT]]
    assert walk(URL, *two, http(A, url=NEXT, hop=1)) == [[URL, NEXT]]


def test_a_chain_ends_at_a_url_it_has_seen_and_after_ten_redirects() -> None:
    """The redirect of its last hop is broken."""
    (looped,) = chains(parse(URL), (http(A, 302, location=URL),))
    endless = tuple(http(A, 302, url=f"{URL}{n or ''}", location=f"{URL}{n + 1}", hop=n) for n in range(20))
    (long,) = chains(parse(URL), endless)

    assert [hop.redirect_broken for hop in looped] == [True]
    assert [hop.redirect_broken for hop in long] == [False] * MAX_REDIRECTS + [True]


@pytest.mark.parametrize("location", ["", "javascript:x", "data:,x", "ftp://x.example/", "http://[", "HTTP://["])
def test_a_redirect_to_no_url_is_broken(location: str) -> None:
    """There is nothing to try."""
    (chain,) = chains(parse(URL), (http(A, 302, location=location),))

    assert [hop.redirect_broken for hop in chain] == [True]


@pytest.mark.parametrize(
    "location", ["tg://resolve?domain=x", "intent:x#Intent;end", "market://details?id=x", "mailto:x@y"]
)
def test_a_redirect_to_an_app_ends_a_chain_well(location: str) -> None:
    """The server answered, and a browser hands the rest to the app."""
    (chain,) = chains(parse(URL), (http(A, 302, location=location),))

    assert [hop.redirect_broken for hop in chain] == [False]


def test_a_url_is_asked_for_again_after_a_cookie() -> None:
    """A redirect to itself, or back by way of another URL; a redirect that goes on setting cookies has an end."""
    itself = (http(A, 302, location=URL, sets_cookie=True), http(A, hop=1))
    back = (
        http(A, 302, location=NEXT),
        http(A, 302, url=NEXT, location=URL, sets_cookie=True, hop=1),
        http(A, hop=2),
    )
    endless = tuple(http(A, 302, location=URL, sets_cookie=True, hop=n) for n in range(20))

    for seen in (itself, back):
        (chain,) = chains(parse(URL), seen)
        assert len(chain) == len(seen)
        assert [hop.redirect_broken for hop in chain] == [False] * len(seen)
    (long,) = chains(parse(URL), endless)
    assert [hop.redirect_broken for hop in long] == [False] * MAX_REDIRECTS + [True]


def test_a_chain_that_joins_the_other_goes_its_way_with_its_cookies() -> None:
    """The second request of the other chain is not taken for the first again."""
    seen = (
        http(A, 302, location=URL, sets_cookie=True),
        http(A, hop=1),
        http(A, 301, url=HTTP, location=URL, chain=1),
    )
    _, clear = chains(parse(NAME), seen)

    assert [(hop.chain, hop.index) for hop in clear] == [(1, 0), (0, 0), (0, 1)]
    assert not any(hop.redirect_broken for hop in clear)


def test_a_url_that_the_other_chain_tried_stands_in_both() -> None:
    """It is not tried twice."""
    seen = (*served(), http(A, 301, url=HTTP, location=URL, chain=1))

    secure, clear = chains(parse(NAME), seen)

    assert [hop.subject.url for hop in clear] == [HTTP, URL]
    assert clear[1].tried
    assert (clear[1].chain, clear[1].index) == (secure[0].chain, secure[0].index) == (0, 0)


def test_a_chain_goes_on_after_a_hop_of_the_other_chain() -> None:
    """Its own observations are found there."""
    moved = (*served()[:2], http(A, 301, location=NEXT))
    seen = (*moved, http(A, 301, url=HTTP, location=URL, chain=1), http(B, url=NEXT, chain=1, hop=2))

    secure, clear = chains(parse(NAME), seen)

    assert [(hop.chain, hop.index, hop.tried) for hop in secure] == [(0, 0, True), (0, 1, False)]
    assert [(hop.chain, hop.index, hop.tried) for hop in clear] == [(1, 0, True), (0, 0, True), (1, 2, True)]


def test_a_hop_knows_its_addresses_and_whether_its_host_was_looked_up() -> None:
    """The address of a relay check is none of them."""
    seen = (said("network", A), tcp(), tcp(B, purpose=Purpose.RELAY), tcp(FORGED, hop=1))
    ((hop,),) = chains(parse(URL), seen)

    assert [found.address for found in hop.endpoints] == [A]
    assert (hop.tried, hop.looked_up) == (True, True)
    ((bare,),) = chains(parse(URL), ())
    assert (bare.tried, bare.looked_up) == (False, False)
