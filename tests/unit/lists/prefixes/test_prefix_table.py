"""The longest matching prefix decides which AS an address belongs to."""

from __future__ import annotations

import ipaddress
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.lists.lines import BadRow
from probe.lists.prefixes import as_documents
from probe.lists.prefixes.prefix import Prefix
from probe.lists.prefixes.prefix_table import MAX_ORIGINS, PrefixTable
from tests import required


def table(**origins: int) -> PrefixTable:
    """A table of prefixes, given as `n10_0_0_0_8=asn`."""
    return PrefixTable(
        Prefix(line=1, network="{}.{}.{}.{}/{}".format(*name[1:].split("_")), asns=(asn,))
        for name, asn in origins.items()
    )


NESTED = table(n119_29_0_0_16=45090, n119_29_29_0_24=132203, n119_29_29_128_25=45090)


@pytest.mark.parametrize(
    ("text", "owner"),
    [
        ("119.29.1.1", ("119.29.0.0/16", (45090,))),
        ("119.29.29.1", ("119.29.29.0/24", (132203,))),
        ("119.29.29.129", ("119.29.29.128/25", (45090,))),
        ("119.29.28.0/23", ("119.29.0.0/16", (45090,))),
        ("119.29.29.0/24", ("119.29.29.0/24", (132203,))),
        ("119.30.0.1", None),
        ("2a04::1", None),
    ],
)
def test_the_longest_covering_prefix_is_found(text: str, owner: object) -> None:
    """For a prefix, a match covers all of it."""
    assert NESTED.longest_match(text) == owner


def test_all_prefixes_inside_an_unannounced_one_are_foreign() -> None:
    """The unannounced prefix has no owner."""
    assert NESTED.foreign_more_specifics(["119.28.0.0/15"]) == ("119.29.0.0/16", "119.29.29.0/24", "119.29.29.128/25")


def test_more_specific_prefixes_of_other_ases_are_foreign() -> None:
    """Those of the owner are not."""
    assert [network for network, _ in NESTED.more_specifics("119.29.0.0/16")] == ["119.29.29.0/24", "119.29.29.128/25"]
    assert NESTED.foreign_more_specifics(["119.29.0.0/16"]) == ("119.29.29.0/24",)
    assert NESTED.foreign_more_specifics(["119.29.0.0/16", "119.29.29.0/24"]) == ("119.29.29.0/24", "119.29.29.128/25")


def test_a_prefix_has_all_its_origins_and_an_unannounced_one_is_not_found() -> None:
    """The table may list a prefix once for each origin."""
    items = (
        Prefix(line=1, network="1.0.0.0/24", asns=(1,)),
        Prefix(line=2, network="1.0.0.0/24", asns=(2, 1)),
        Prefix(line=3, network="1.0.1.0/24"),
        BadRow(4, "no prefix"),
    )

    assert PrefixTable(items).longest_match("1.0.0.7") == ("1.0.0.0/24", (1, 2))
    assert PrefixTable(items).longest_match("1.0.1.7") is None


def test_the_prefixes_of_ases_are_ordered_by_address() -> None:
    """A shorter prefix comes before a longer one, IPv4 before IPv6."""
    rows = (("2a04::/32", 1), ("1.0.0.0/25", 2), ("1.0.0.0/24", 1), ("1.0.1.0/24", 3))
    items = [Prefix(line=1, network=network, asns=(asn,)) for network, asn in rows]
    found = PrefixTable(items).announced_by({1, 2})

    assert list(found) == [("1.0.0.0/24", (1,)), ("1.0.0.0/25", (2,)), ("2a04::/32", (1,))]


@given(st.lists(st.tuples(st.integers(0, 255), st.integers(24, 32)), min_size=1), st.integers(0, 255))
def test_the_match_is_the_longest_of_all_prefixes_with_the_address(parts: list[tuple[int, int]], last: int) -> None:
    networks = {ipaddress.ip_network((f"10.0.0.{start}", length), strict=False) for start, length in parts}
    found = PrefixTable(Prefix(line=1, network=str(network), asns=(1,)) for network in networks).longest_match(
        f"10.0.0.{last}"
    )
    covering = [network for network in networks if ipaddress.ip_address(f"10.0.0.{last}") in network]

    assert (found[0] if found else "") == str(max(covering, key=lambda one: one.prefixlen, default=""))


@pytest.mark.shared_data
def test_thirteen_prefixes_of_the_one_tencent_as_lie_inside_the_other() -> None:
    """As announced in September 2026 (RIPEstat)."""
    data = required.shared_data("prefixes/ripestat-announced-prefixes-AS45090.json").parent
    items = [
        item
        for asn in (45090, 132203)
        for item in as_documents.ripestat([(data / f"ripestat-announced-prefixes-AS{asn}.json").read_bytes()], "x")
        if isinstance(item, Prefix) and "." in item.network
    ]
    one = PrefixTable(items)
    blocks = PrefixTable(item for item in items if 45090 in item.asns)
    foreign = [item.network for item in items if 132203 in item.asns and blocks.longest_match(item.network) is not None]

    assert len(foreign) == 13
    assert "119.29.29.0/24" in foreign
    assert all(one.longest_match(network) == (network, (132203,)) for network in foreign)


def test_the_origins_of_a_prefix_are_bounded() -> None:
    """A table that repeats a prefix costs work in proportion to its lines."""
    start = time.process_time()
    found = PrefixTable(Prefix(line=n, network="192.0.2.0/24", asns=(n,)) for n in range(1, 20_000)).longest_match(
        "192.0.2.1"
    )
    assert found == ("192.0.2.0/24", tuple(range(1, MAX_ORIGINS + 1)))
    assert time.process_time() - start < 2
