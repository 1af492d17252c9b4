"""IP addresses: families, bogons, and the key of the pace limiter."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.model.address import Family, family, is_bogon, is_bogon_number, is_private_use, network_of, parse_address


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
        "fe80::1%eth0",
        "192.0.0.170",
        "64:ff9b::10.0.0.1",
        "2001::67e4:1",
        "100:0:0:1::1",
        "3fff::1",
        "5f00::1",
    ],
)
def test_addresses_of_the_special_purpose_registries_are_bogons(address: str) -> None:
    """IANA lists them; no public name has such an address."""
    assert is_bogon(address)


@pytest.mark.parametrize(
    "address",
    [
        "8.8.8.8",
        "203.205.128.1",
        "192.0.0.9",
        "192.88.99.1",
        "2600::1",
        "::ffff:8.8.8.8",
        "64:ff9b::8.8.8.8",
        "64:ff9b:1::8.8.8.8",
        "2001:4:112::1",
        "2001:200::1",
        "2002:808:808::1",
    ],
)
def test_public_addresses_are_no_bogons(address: str) -> None:
    """Whoever announces them."""
    assert not is_bogon(address)


def test_bogons_do_not_depend_on_the_version_of_python(monkeypatch: pytest.MonkeyPatch) -> None:
    """`ipaddress` changed its mind in 3.11.9 and later patch releases."""
    for kind in (ipaddress.IPv4Address, ipaddress.IPv6Address):
        for name in ("is_global", "is_private", "is_reserved", "is_link_local"):
            monkeypatch.setattr(kind, name, property(lambda _: pytest.fail("asked ipaddress")))
    is_bogon.cache_clear()

    assert [is_bogon(text) for text in ("10.0.0.1", "8.8.8.8", "fe80::1", "64:ff9b:1::1")] == [True, False, True, False]


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


@pytest.mark.parametrize("address", ["10.10.34.36", "100.64.0.1", "172.31.0.1", "192.168.1.1", "fd00::1"])
def test_a_provider_or_a_site_may_give_its_machines_these_addresses(address: str) -> None:
    """RFC 1918, RFC 6598, RFC 4193."""
    assert is_private_use(address)


@pytest.mark.parametrize(
    "address",
    ["8.8.8.8", "127.0.0.1", "0.0.0.0", "169.254.1.1", "198.18.0.1", "224.0.0.1", "::1", "fe80::1", "2a00::1"],
)
def test_public_addresses_and_those_of_this_host_or_its_link_are_not_among_them(address: str) -> None:
    assert not is_private_use(address)


@given(st.integers(0, 2**32 - 1))
def test_a_bogon_is_one_as_a_number_too(number: int) -> None:
    assert is_bogon_number(number) == is_bogon(str(ipaddress.IPv4Address(number)))


@pytest.mark.parametrize("edge", ["9.255.255.255", "10.0.0.0", "10.255.255.255", "11.0.0.0", "192.0.0.8", "192.0.0.9"])
@pytest.mark.parametrize("step", [-1, 0, 1, 2])
def test_the_edges_of_special_ranges_are_the_same_as_numbers(edge: str, step: int) -> None:
    """`192.0.0.9` and `192.0.0.10` are public inside a special range."""
    number = int(ipaddress.IPv4Address(edge)) + step

    assert is_bogon_number(number) == is_bogon(str(ipaddress.IPv4Address(number)))


def test_the_first_and_the_last_address_are_bogons() -> None:
    assert is_bogon_number(0)
    assert is_bogon_number(2**32 - 1)
