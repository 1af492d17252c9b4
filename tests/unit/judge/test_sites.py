"""Whether two hosts belong to one site."""

from __future__ import annotations

import pytest

from probe.judge.sites import host_of, same_site, site_label


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("example.com", "www.example.com"),
        ("example.com", "example.de"),
        ("m.example.co.uk", "example.co.uk"),
        ("vk.com", "vk.ru"),
        ("www.example.com.cn", "example.cn"),
        ("EXAMPLE.com.", "example.com"),
        ("www.FEDEX", "www.fedex"),
        ("FEDEX", "fedex"),
        ("192.0.2.1", "192.0.2.1"),
        ("localhost", "localhost"),
    ],
)
def test_hosts_of_one_site(one: str, other: str) -> None:
    """A subdomain, another country's ending, the bare name."""
    assert same_site(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("example.com", "warning.rt.ru"),
        ("one.co.uk", "other.co.uk"),
        ("192.0.2.1", "192.0.2.2"),
        ("example.com", ""),
        ("", ""),
        ("twitter.com", "x.com"),
    ],
)
def test_hosts_of_two_sites(one: str, other: str) -> None:
    """Another name; an empty host belongs to none."""
    assert not same_site(one, other)


def test_the_site_label_is_the_label_people_would_name() -> None:
    """Second-level endings of countries are not it."""
    assert [site_label(host) for host in ("www.bbc.co.uk", "bbc.com", "co.uk", "bbc")] == ["bbc", "bbc", "co", "bbc"]


def test_a_url_without_a_host_has_none() -> None:
    """Nor has a text that is no URL."""
    assert [host_of(url) for url in ("http://a.example/x", "mailto:x@y", "http://[", "")] == ["a.example", "", "", ""]
