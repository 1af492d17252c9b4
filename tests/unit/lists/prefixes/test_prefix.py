"""Prefixes and AS numbers as text."""

import ipaddress
from collections.abc import Callable, Iterable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.errors import ListError
from probe.lists.prefixes import delegated, routing_tables
from probe.lists.prefixes.prefix import Prefix, asn_of, at_most, network_of, span


@pytest.mark.parametrize(
    ("text", "number"),
    [("45090", 45090), ("AS45090", 45090), (" as1 ", 1), ("0", 0), ("4294967295", 4294967295)]
    + [(text, -1) for text in ("", "AS", "-1", "4294967296", "1.1", "\u0661", "9" * 5000)],
)
def test_an_as_number_is_read_with_or_without_as(text: str, number: int) -> None:
    """Any other text gives -1."""
    assert asn_of(text) == number


def test_a_prefix_is_written_in_its_shortest_spelling() -> None:
    """A prefix with bits set beyond its mask is refused."""
    assert network_of(" 240D:C000:1000::/36 ") == "240d:c000:1000::/36"
    assert network_of("192.0.2.1/24") == network_of("192.0.2.0") == network_of("x/24") == ""


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**20))
def test_the_prefixes_of_a_range_cover_exactly_its_addresses(start: int, size: int) -> None:
    last = min(start + size, 2**32 - 1)
    networks = list(span(ipaddress.IPv4Address(start), ipaddress.IPv4Address(last)))
    assert sum(network.num_addresses for network in networks) == last - start + 1
    assert (int(networks[0][0]), int(networks[-1][-1])) == (start, last)


def test_the_prefixes_of_a_file_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A short line can be a range of 254 prefixes."""
    monkeypatch.setattr("probe.lists.prefixes.prefix.MAX_PREFIXES", 3)
    items = [Prefix(line=1, network=f"192.0.2.{n}/32") for n in range(4)]

    assert list(at_most(items[:3], "f")) == items[:3]
    with pytest.raises(ListError, match="more than 3 prefixes"):
        list(at_most(items, "f"))


@pytest.mark.parametrize(
    ("read", "content"),
    [
        (routing_tables.ip2asn, b"::1\tffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe\t1\tUS\tx\n"),
        (delegated.read, b"2.3|apnic|1|1||1|+1\napnic|CN|ipv4|0.0.0.1|4294967294|20100511|allocated\n"),
    ],
)
def test_readers_of_ranges_bound_the_prefixes_of_a_file(
    read: Callable[[Iterable[bytes], str], Iterator[object]], content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("probe.lists.prefixes.prefix.MAX_PREFIXES", 50)
    with pytest.raises(ListError, match="more than 50 prefixes"):
        list(read([content], "f"))
