"""Prefixes and AS numbers as text."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.lists.prefixes.prefix import asn_of, network_of, span


@pytest.mark.parametrize(
    ("text", "number"),
    [("45090", 45090), ("AS45090", 45090), (" as1 ", 1), ("0", 0), ("4294967295", 4294967295)]
    + [(text, -1) for text in ("", "AS", "-1", "4294967296", "1.1", "\u0661", "9" * 5000)],
)
def test_an_as_number_is_read_with_or_without_its_letters(text: str, number: int) -> None:
    """-1 stands for what is none."""
    assert asn_of(text) == number


def test_a_prefix_is_written_in_its_shortest_spelling() -> None:
    """Bits beyond the mask make it none: two sources would disagree in silence."""
    assert network_of(" 240D:C000:1000::/36 ") == "240d:c000:1000::/36"
    assert network_of("192.0.2.1/24") == network_of("192.0.2.0") == network_of("x/24") == ""


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**20))
def test_a_span_is_just_its_addresses(start: int, size: int) -> None:
    """Neither more nor less, in as many prefixes as it takes."""
    last = min(start + size, 2**32 - 1)
    networks = list(span(ipaddress.IPv4Address(start), ipaddress.IPv4Address(last)))
    assert sum(network.num_addresses for network in networks) == last - start + 1
    assert (int(networks[0][0]), int(networks[-1][-1])) == (start, last)
