"""IP addresses: families, bogons, and the key of the pace limiter."""

from __future__ import annotations

import pytest

from probe.model.address import Family, family, is_bogon, network_of, parse_address


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",
        "10.1.2.3",
        "100.64.0.1",
        "127.0.0.1",
        "169.254.1.1",
        "172.16.0.1",
        "192.0.2.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:10.0.0.1",
        "2001:db8::1",
        "fc00::1",
        "fe80::1",
        "ff02::1",
    ],
)
def test_addresses_of_the_special_purpose_registries_are_bogons(address: str) -> None:
    """IANA lists them; no public name has such an address."""
    assert is_bogon(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "203.205.128.1", "2600::1", "::ffff:8.8.8.8"])
def test_public_addresses_are_no_bogons(address: str) -> None:
    """Whoever announces them."""
    assert not is_bogon(address)


def test_an_address_without_a_known_as_is_paced_by_its_16_or_32() -> None:
    """The unit of the pace limiter (contract: --pace)."""
    assert network_of("203.205.128.1") == "203.205.0.0/16"
    assert network_of("2001:db8:1::1") == "2001:db8::/32"


def test_an_address_may_be_written_in_brackets() -> None:
    """A name is no address and has no family."""
    assert family("2001:db8::1") is Family.IPV6
    assert family("192.0.2.1") is Family.IPV4
    assert str(parse_address("[2001:db8::1]")) == "2001:db8::1"
    assert parse_address("example.com") is None
