"""Reading a heap of observations: tries, sites, hops, chains."""

from __future__ import annotations

from typing import Any

import pytest

from probe.judge.hops import Site, chains, resolutions
from probe.model.failure import Failure
from probe.model.hop import MAX_REDIRECTS, Layer, LayerFailure, Subject, subject_of_url
from probe.model.observation import Observation, QuicExchange
from probe.model.step import Purpose
from probe.model.target import parse
from tests.unit.judge.made import FORGED, HTTP, NAME, NEUTRAL, URL, A, B, http, late, said, served, tcp, tls

SUBJECT = subject_of_url(URL)
assert SUBJECT is not None
NEXT = "https://www.paper.example/"
DEAF = tcp(A, Failure.TIMEOUT, purpose=Purpose.NEUTRAL)


def site(*seen: Observation, subject: Subject = SUBJECT) -> Site:
    """One address."""
    return Site(subject, A, seen)  # type: ignore[arg-type]


def quic(failure: Failure | None = None, **more: Any) -> QuicExchange:
    """A QUIC handshake, or the look at it some seconds later."""
    fields = {"address": A, "port": 443, "sni": NAME, "verified": failure is None, **more}
    return QuicExchange(failure=failure, **fields)


def cut(count: int = 1) -> tuple[Observation, ...]:
    """A hello that is cut, and silence at so many SYNs after it."""
    return (tcp(), tls(A, Failure.RESET), *(tcp(A, Failure.TIMEOUT, attempt=n + 1) for n in range(count)))


@pytest.mark.parametrize(
    ("seen", "end", "count"),
    [
        ((*cut(2), DEAF), "tls.reset", 2),
        ((tcp(A, Failure.TIMEOUT, attempt=0), *cut(1)[:2]), "tls.reset", 0),
        ((*cut(2), DEAF), "tls.timeout", 0),
        ((*cut(2), DEAF), "tcp.timeout", 0),
        (cut(2), "tls.reset", 0),
        ((*cut(2), tcp(purpose=Purpose.NEUTRAL)), "tls.reset", 0),
        ((*cut(2), DEAF, tcp(purpose=Purpose.NEUTRAL, attempt=1)), "tls.reset", 0),
        ((*cut(2), tcp(A, Failure.RESET, purpose=Purpose.NEUTRAL)), "tls.reset", 0),
    ],
)
def test_a_hush_after_a_cut_hello_is_counted_where_another_name_meets_it_too(
    seen: tuple[Observation, ...], end: str, count: int
) -> None:
    """Only after it, and only where that other name met nothing but silence."""
    layer, _, failure = end.partition(".")

    assert site(*seen).hushed_after(LayerFailure(Layer(layer), Failure(failure))) == count


def walk(target: str, *seen: Observation) -> list[list[str]]:
    """The URLs of the chains."""
    return [[hop.subject.url for hop in chain] for chain in chains(parse(target), seen)]


@pytest.mark.parametrize(
    ("seen", "end"),
    [
        ((tcp(A, Failure.RESET),), "tcp.reset"),
        ((tcp(), tls(A, Failure.TIMEOUT)), "tls.timeout"),
        ((tcp(), tls(verified=False)), "tls.certificate"),
        ((tcp(), tls(), http(status=0, failure=Failure.EOF)), "http.eof"),
        ((tcp(), tls(), http(status=0)), "http.eof"),
        ((tcp(), tls(), http(failure=Failure.TIMEOUT, length=16_000)), "body.timeout"),
        ((tcp(), tls(), http(failure=Failure.RESET, length=0)), "http.reset"),
        ((tcp(A, Failure.TIMEOUT), tcp(attempt=1), tls(A, Failure.RESET, attempt=1)), "tls.reset"),
        ((tcp(), tls(A, Failure.TIMEOUT), tcp(attempt=1), tls(A, Failure.RESET, attempt=1)), "tls.reset"),
        ((tcp(A, Failure.NO_ROUTE), tcp(A, Failure.TIMEOUT, attempt=1)), "tcp.timeout"),
        ((tcp(A, Failure.TIMEOUT), tcp(attempt=1), tls(A, Failure.LOCAL, attempt=1)), "tcp.timeout"),
        ((tcp(A, Failure.NO_ROUTE),), "tcp.no_route"),
        ((tcp(),), "None"),
        ((tcp(), tls()), "None"),
        (served(), "None"),
        ((), "None"),
        ((quic(Failure.TIMEOUT),), "quic.timeout"),
        ((quic(verified=False),), "quic.certificate"),
        ((quic(), quic(Failure.TIMEOUT, verified=False)), "quic.timeout"),
        ((quic(),), "None"),
    ],
)
def test_a_site_fails_by_its_deepest_and_most_telling_try(seen: tuple[Observation, ...], end: str) -> None:
    """Cut short is no failure; our own faults count only where there is nothing else."""
    subject = Subject("quic", NAME, 443) if any(isinstance(one, QuicExchange) for one in seen) else SUBJECT
    assert str(site(*seen, subject=subject).failed) == end


def test_a_site_that_served_once_has_not_failed() -> None:
    """What failed before was a lost packet."""
    found = site(tcp(A, Failure.TIMEOUT), *served(attempt=1))

    assert (found.serves, found.failed, found.outcomes) == (True, None, (LayerFailure(Layer.TCP, Failure.TIMEOUT),))


def test_the_tries_that_served_are_those_that_ended_in_what_was_wanted() -> None:
    """A page where there is a URL, else a handshake."""
    found = site(tcp(A, Failure.TIMEOUT), *served(attempt=1), tcp(attempt=2), tls(attempt=2))
    hello = site(tcp(), tls(), tcp(attempt=1), tls(A, Failure.RESET, attempt=1), subject=Subject("tls", NAME, 443))

    assert [group[0].attempt for group in found.serving] == [1]
    assert [group[0].attempt for group in hello.serving] == [0]


def test_tries_are_the_subjects_own() -> None:
    """Not other names', other ports', other URLs'."""
    beside = (NEUTRAL, tcp(port=80), tls(port=8443), http(url=HTTP), tcp(purpose=Purpose.NEUTRAL))
    found = site(*served(), *beside)

    assert len(found.tries) == 1
    assert len(found.tries[0]) == 3
    assert found.beside(Purpose.NEUTRAL) == (NEUTRAL, beside[-1])


@pytest.mark.parametrize(
    ("subject", "seen", "serves"),
    [
        (Subject("tls", NAME, 443), (tcp(), tls()), True),
        (Subject("dns", NAME, 443), (tcp(), tls()), True),
        (Subject("tls", NAME, 443), (tcp(),), False),
        (Subject("tcp", "", 443), (tcp(),), True),
        (Subject("tcp", "", 443), (tcp(A, Failure.RESET),), False),
        (Subject("http", NAME, 80, HTTP), (tcp(port=80), tls(), http(url=HTTP)), True),
        (Subject("https", NAME, 443, URL), (tcp(), tls()), False),
        (Subject("quic", NAME, 443), (quic(),), True),
        (Subject("quic", NAME, 443), (quic(Failure.TIMEOUT),), False),
        (Subject("quic", NAME, 443), (tcp(), tls()), False),
        (Subject("quic", NAME, 443), (quic(purpose=Purpose.NEUTRAL),), False),
        (Subject("https", NAME, 443, URL), (quic(),), False),
    ],
)
def test_what_serving_means_hangs_on_the_subject(subject: Subject, seen: tuple[Observation, ...], serves: bool) -> None:
    """A page, a handshake, a connection."""
    assert site(*seen, subject=subject).serves is serves


def test_the_alerts_of_a_site_are_read_from_its_handshakes() -> None:
    """In order."""
    seen = (tls(A, Failure.ALERT, alert="internal_error"), tls(A, Failure.RESET, attempt=1))

    assert site(*seen).alerts == ("internal_error",)
    assert not site(tcp(A, Failure.LOCAL)).serves
    assert site(tcp(A, Failure.LOCAL)).own_fault


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
def test_a_target_without_a_url_is_tried_at_one_endpoint(target: str, subject: Subject) -> None:
    """Of bare endpoints and ranges without a host."""
    ((hop,),) = chains(parse(target), ())

    assert hop.subject == subject


def test_a_redirect_makes_a_hop_and_of_several_the_one_that_was_followed_does() -> None:
    """By its page, else by its name, else the first."""
    two = (http(A, 302, location="https://one.example/"), http(B, 302, location=NEXT))

    assert walk(URL, *two) == [[URL, "https://one.example/"]]
    assert walk(URL, *two, said("network", A, name="www.paper.example", hop=1)) == [[URL, NEXT]]
    assert walk(URL, *two, tls(sni="www.paper.example", hop=1)) == [[URL, NEXT]]
    assert walk(URL, *two, http(A, url=NEXT, hop=1)) == [[URL, NEXT]]


def test_a_chain_ends_at_a_url_it_has_seen_and_after_ten_redirects() -> None:
    """Its last hop has gone astray."""
    (looped,) = chains(parse(URL), (http(A, 302, location=URL),))
    endless = tuple(http(A, 302, url=f"{URL}{n or ''}", location=f"{URL}{n + 1}", hop=n) for n in range(20))
    (long,) = chains(parse(URL), endless)

    assert [hop.astray for hop in looped] == [True]
    assert [hop.astray for hop in long] == [False] * MAX_REDIRECTS + [True]


@pytest.mark.parametrize("location", ["", "mailto:x@y", "dns://x.example", "http://["])
def test_a_redirect_to_nowhere_has_gone_astray(location: str) -> None:
    """There is nothing to try."""
    (chain,) = chains(parse(URL), (http(A, 302, location=location),))

    assert [hop.astray for hop in chain] == [True]


def test_a_url_that_the_other_chain_tried_is_not_tried_twice() -> None:
    """Its hop stands in both chains."""
    seen = (*served(), http(A, 301, url=HTTP, location=URL, chain=1))

    secure, clear = chains(parse(NAME), seen)

    assert [hop.subject.url for hop in clear] == [HTTP, URL]
    assert clear[1].tried
    assert (clear[1].chain, clear[1].index) == (secure[0].chain, secure[0].index) == (0, 0)


def test_a_chain_that_goes_on_after_the_others_hop_has_hops_of_its_own() -> None:
    """What was tried in it is found there."""
    moved = (*served()[:2], http(A, 301, location=NEXT))
    seen = (*moved, http(A, 301, url=HTTP, location=URL, chain=1), http(B, url=NEXT, chain=1, hop=2))

    secure, clear = chains(parse(NAME), seen)

    assert [(hop.chain, hop.index, hop.tried) for hop in secure] == [(0, 0, True), (0, 1, False)]
    assert [(hop.chain, hop.index, hop.tried) for hop in clear] == [(1, 0, True), (0, 0, True), (1, 2, True)]


def test_a_hop_knows_its_sites_and_whether_anybody_was_asked() -> None:
    """Relays are nobody's sites."""
    seen = (said("network", A), tcp(), tcp(B, purpose=Purpose.RELAY), tcp(FORGED, hop=1))
    ((hop,),) = chains(parse(URL), seen)

    assert [found.address for found in hop.sites] == [A]
    assert (hop.tried, hop.resolved) == (True, True)
    ((bare,),) = chains(parse(URL), ())
    assert (bare.tried, bare.resolved) == (False, False)


def test_everything_answered_about_a_name_is_found() -> None:
    """Late answers too, other names not."""
    seen = (said("network", A), late(B), said("network", A, name="other.example"), tcp())

    assert resolutions(seen, NAME) == seen[:2]
