"""The glances that cover each kind of target."""

from __future__ import annotations

from typing import Any

import pytest

from probe.model.address import Family
from probe.model.glance import GlanceKind, GlanceRequest, glance_requests
from probe.model.target import parse

TLS_443 = {"kind": GlanceKind.TLS, "port": 443}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://a.example/x?y", {**TLS_443, "name": "a.example", "sni": "a.example", "path": "/x?y"}),
        ("http://a.example:81/", {"kind": GlanceKind.HTTP, "name": "a.example", "port": 81}),
        ("https://192.0.2.1/", {**TLS_443, "address": "192.0.2.1"}),
        ("dns://a.example", {"kind": GlanceKind.NAME, "name": "a.example"}),
        ("tcp://192.0.2.1:22", {"kind": GlanceKind.TCP, "address": "192.0.2.1", "port": 22}),
        ("tls://192.0.2.1:443/a.example", {**TLS_443, "address": "192.0.2.1", "sni": "a.example"}),
        ("quic://a.example:443", {"kind": GlanceKind.QUIC, "name": "a.example", "port": 443, "sni": "a.example"}),
    ],
)
def test_a_target_has_one_glance_of_its_kind(text: str, expected: dict[str, Any]) -> None:
    """The name is resolved where there is one; an address is no server name."""
    assert glance_requests(parse(text)) == (GlanceRequest(text=text, **expected),)


def test_a_domain_has_two_glances() -> None:
    """One at its https page and one at its http page, under the same text."""
    found = glance_requests(parse("a.example"))

    assert [(one.kind, one.port, one.text) for one in found] == [
        (GlanceKind.TLS, 443, "a.example"),
        (GlanceKind.HTTP, 80, "a.example"),
    ]


def test_a_range_has_no_glance() -> None:
    """Its addresses are sampled by full looks."""
    assert glance_requests(parse("192.0.2.0/24")) == ()


def test_a_literal_decides_its_family_and_a_name_has_the_one_that_is_wanted() -> None:
    """An IPv6 literal is never asked for as A."""
    (literal,) = glance_requests(parse("tcp://[2001:db8::1]:443"))
    (named,) = glance_requests(parse("dns://a.example"), Family.IPV6)

    assert (literal.family, literal.address) == (Family.IPV6, "2001:db8::1")
    assert named.family is Family.IPV6


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("http://a.example/", "a.example"),
        ("http://a.example:8080/", "a.example:8080"),
        ("http://[2001:db8::1]/", "[2001:db8::1]"),
    ],
)
def test_the_host_header_names_the_port_where_it_is_not_80(text: str, host: str) -> None:
    """IPv6 literals are in brackets (RFC 9110 section 7.2)."""
    assert glance_requests(parse(text))[0].host_header == host
