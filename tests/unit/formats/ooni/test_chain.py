"""Which hop a record belongs to."""

from __future__ import annotations

from typing import cast

import pytest

from probe.formats.ooni.chain import OoniChain, endpoint_of, parsed_url
from probe.formats.ooni.records import OoniAnswer, OoniQuery, OoniRequest, OoniTransaction
from probe.model.target import UrlTarget, parse

TARGET = cast("UrlTarget", parse("http://a.example/"))
ASKED = [
    OoniQuery("a.example", "A", answers=[OoniAnswer("A", ipv4="151.101.1.10")]),
    OoniQuery("b.example", "A", answers=[OoniAnswer("A", ipv4="151.101.1.20")], tags=["depth=1"]),
]


def test_requests_without_tags_are_newest_first() -> None:
    """The last of the list is the first hop."""
    requests = [OoniTransaction(OoniRequest("https://b.example/x")), OoniTransaction(OoniRequest("http://A.example"))]
    chain = OoniChain(TARGET, requests, ASKED)

    assert [(hop, str(url)) for hop, url, _ in chain.transactions] == [
        (0, "http://a.example/"),
        (1, "https://b.example/x"),
    ]
    assert (chain.hop_of_host("b.example"), chain.hop_of_address("151.101.1.20")) == (1, 1)


def test_tags_win() -> None:
    """Version 0.5 says which hop a record belongs to."""
    requests = [OoniTransaction(OoniRequest("https://b.example/"), tags=["depth=4"])]

    assert OoniChain(TARGET, requests, ASKED).transactions[0][0] == 4
    assert OoniChain(TARGET, [], ASKED).hop_of_host("b.example") == 1
    assert OoniChain(TARGET, [], ASKED).hop_of_address("151.101.1.10", ["depth=2"]) == 2


def test_endless_chains_are_cut() -> None:
    """No more hops are kept than are judged."""
    requests = [OoniTransaction(OoniRequest(f"http://a.example/{n}")) for n in range(500)]

    assert len(OoniChain(TARGET, requests, []).transactions) == 12


def test_given_are_the_addresses_of_the_clients_resolver() -> None:
    """A literal host is its own address."""
    assert OoniChain(TARGET, [], ASKED).given("a.example") == ("151.101.1.10",)
    assert OoniChain(TARGET, [], ASKED).given("151.101.1.30") == ("151.101.1.30",)


@pytest.mark.parametrize(
    "text, endpoint",
    [
        ("151.101.1.10:443", ("151.101.1.10", 443)),
        ("[2a04:4e42::10]:443", ("2a04:4e42::10", 443)),
        ("a.example:443", None),
        ("151.101.1.10:99999", None),
        (None, None),
    ],
)
def test_an_endpoint_is_an_address_and_a_port(text: str | None, endpoint: tuple[str, int] | None) -> None:
    """Anything else is none."""
    assert endpoint_of(text) == endpoint


def test_a_url_has_no_fragment() -> None:
    """And a text that is no URL is none."""
    assert str(parsed_url("http://a.example/x#y")) == "http://a.example/x"
    assert parsed_url("tcp://1.2.3.4:5") is None
    assert parsed_url("http://") is None
