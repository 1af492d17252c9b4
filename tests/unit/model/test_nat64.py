"""NAT64 addresses: written and read as the examples of RFC 6052 and RFC 7050 have them."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.model.nat64 import MAX_PREFIXES, embedded_ipv4, prefixes_shown, synthesised

EXAMPLES = {
    "2001:db8::/32": "2001:db8:c000:221::",
    "2001:db8:100::/40": "2001:db8:1c0:2:21::",
    "2001:db8:122::/48": "2001:db8:122:c000:2:2100::",
    "2001:db8:122:300::/56": "2001:db8:122:3c0:0:221::",
    "2001:db8:122:344::/64": "2001:db8:122:344:c0:2:2100:0",
    "2001:db8:122:344::/96": "2001:db8:122:344::c000:221",
    "64:ff9b::/96": "64:ff9b::c000:221",
}
"""RFC 6052 section 2.4: where 192.0.2.33 is with each length of prefix."""


@pytest.mark.parametrize(("prefix", "address"), EXAMPLES.items())
def test_an_address_is_written_and_read_as_rfc_6052_has_it(prefix: str, address: str) -> None:
    """The octet of bits 64 to 71 is skipped."""
    assert ipaddress.ip_address(synthesised("192.0.2.33", prefix)) == ipaddress.ip_address(address)
    assert embedded_ipv4(address, (prefix,)) == "192.0.2.33"


@pytest.mark.parametrize("prefix", EXAMPLES)
def test_the_network_shows_its_prefix_by_ipv4only_arpa(prefix: str) -> None:
    """Of any length, by either of the two addresses of the name (RFC 7050 section 3)."""
    for known in ("192.0.0.170", "192.0.0.171"):
        assert prefixes_shown([synthesised(known, prefix)]) == (str(ipaddress.ip_network(prefix)),)


def test_answers_that_show_no_prefix() -> None:
    """A resolver that gives every name an address is no DNS64; more prefixes than are used are cut."""
    assert prefixes_shown(["2001:db8::1", "198.51.100.7", "::"]) == ()
    many = [synthesised("192.0.0.170", f"2001:db8:{number}::/96") for number in range(9)]
    assert len(prefixes_shown(many)) == MAX_PREFIXES


def test_the_well_known_prefix_needs_no_discovery() -> None:
    """Other addresses stay as they are, also below a prefix where the reserved octet is not zero."""
    assert embedded_ipv4("64:ff9b::9765:10a") == "151.101.1.10"
    for address in ("2001:db8:122:344::c000:221", "151.101.1.10", "64:ff9b:0:0:ff00::1"):
        assert embedded_ipv4(address) == address
    assert embedded_ipv4("2001:db8:0:0:ff00::1", ("2001:db8::/32",)) == "2001:db8:0:0:ff00::1"


@given(st.ip_addresses(v=4).map(str), st.sampled_from(sorted(EXAMPLES)))
def test_what_is_written_is_read_again(address: str, prefix: str) -> None:
    """For every address and length."""
    assert embedded_ipv4(synthesised(address, prefix), (prefix,)) == address
