"""The list of what an agent would contact."""

from __future__ import annotations

import msgspec
import pytest

from probe.agent.contacts import contacts, place_of
from probe.agent.watchlist import Watchlist
from probe.model.target import parse
from probe.settings import load

SETTINGS = load(
    None,
    {
        "XDG_CONFIG_HOME": "/nonexistent",
        "PROBE_MEASURE_ANCHORS": "https://anchor.example/",
        "PROBE_MEASURE_DOMESTIC_ANCHORS": "https://home.example/",
        "PROBE_MEASURE_TRUSTED_RESOLVERS": "https://192.0.2.53/dns-query",
    },
)


def test_every_anchor_resolver_target_name_and_collector_is_listed() -> None:
    watched = Watchlist(
        targets=tuple((text, parse(text)) for text in ("https://a.example/x", "tcp://192.0.2.1:80")),
        services={"tcp://192.0.2.1:80": "wechat"},
    )

    found = list(contacts(SETTINGS, watched, ("udp:192.0.2.2:53",), ("https://c.example",)))

    assert [(contact.kind, contact.place) for contact in found] == [
        ("collector", "https://c.example"),
        ("anchor", "https://anchor.example/"),
        ("anchor", "https://home.example/"),
        ("resolver", "udp:192.0.2.2:53"),
        ("resolver", "https://192.0.2.53/dns-query"),
        ("target", "a.example:443"),
        ("target", "192.0.2.1:80"),
        ("unrouted", "an address of 198.18.0.0/15 or 100::/64"),
        ("name", "home.example"),
        ("name", "the names of anchors and targets that work"),
        ("name", "random names under .com"),
    ]
    assert found[5].why == "list: https://a.example/x"
    assert found[6].why == "wechat: tcp://192.0.2.1:80"
    assert all(msgspec.to_builtins(contact)["why"] for contact in found)


def test_without_endpoints_and_ranges_no_unrouted_address_is_contacted() -> None:
    watched = Watchlist(targets=(("a.example", parse("a.example")),))

    assert "unrouted" not in {contact.kind for contact in contacts(SETTINGS, watched, (), ())}


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("http://a.example:8080/x", "a.example:8080"),
        ("a.example", "a.example:443 and a.example:80"),
        ("dns://a.example", "a.example"),
        ("tcp://[2001:db8::1]:80", "[2001:db8::1]:80"),
        ("tls://192.0.2.1:443/a.example", "192.0.2.1:443"),
        ("quic://a.example:443", "a.example:443/udp"),
        ("192.0.2.0/24", "192.0.2.0/24, a few addresses, port 443"),
    ],
)
def test_a_target_of_each_kind_is_listed_with_its_address(text: str, place: str) -> None:
    assert place_of(parse(text)) == place
