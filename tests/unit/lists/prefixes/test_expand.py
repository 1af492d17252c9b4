"""The prefixes of an AS, without the more specific ones that are not its own."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from probe.lists.prefixes import as_documents
from probe.lists.prefixes.expand import OwnPrefix, expand, more_specifics_of
from probe.lists.prefixes.prefix import Prefix
from probe.lists.prefixes.prefix_table import PrefixTable
from tests import required

PREFIXES = st.lists(
    st.tuples(
        st.builds(
            lambda start, length: ipaddress.ip_network((f"8.8.8.{start}", length), strict=False),
            st.integers(0, 255),
            st.integers(24, 32),
        ),
        st.sampled_from([64500, 64501, 64502]),
    ),
    min_size=1,
    max_size=12,
)


def table(*rows: tuple[str, int]) -> PrefixTable:
    """A table of prefixes with their AS numbers."""
    return PrefixTable(Prefix(line=1, network=network, asns=(asn,)) for network, asn in rows)


def test_a_more_specific_prefix_of_another_as_is_excluded() -> None:
    """A more specific prefix of the AS itself is a range of its own."""
    rows = table(("119.29.0.0/16", 45090), ("119.29.29.0/24", 132203), ("119.29.29.128/25", 45090))

    assert expand([45090], rows) == (
        OwnPrefix(network="119.29.0.0/16", asns=(45090,), excluded_prefixes=("119.29.29.0/24",)),
        OwnPrefix(network="119.29.29.128/25", asns=(45090,)),
    )
    assert expand([132203], rows) == (
        OwnPrefix(network="119.29.29.0/24", asns=(132203,), excluded_prefixes=("119.29.29.128/25",)),
    )


def test_a_prefix_without_an_address_of_its_own_is_left_out() -> None:
    """Two halves cover the whole; private space is left out; an unknown AS has no prefixes."""
    rows = table(("8.8.8.0/24", 1), ("8.8.8.0/25", 1), ("8.8.8.128/25", 2), ("10.0.0.0/8", 1))

    assert [part.network for part in expand([1], rows)] == ["8.8.8.0/25"]
    assert expand([3], rows) == ()


@settings(deadline=None, max_examples=50)  # a whole /24 an example
@given(PREFIXES)
def test_every_address_is_in_the_part_of_its_longest_prefix_and_in_no_other(
    rows: list[tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, int]],
) -> None:
    """So two ranges of a watchlist never share an address."""
    known = table(*((str(network), asn) for network, asn in rows))
    held = {}
    for part in expand([64500, 64501], known):
        excluded = {address for inside in part.excluded_prefixes for address in ipaddress.ip_network(inside)}
        held[part.network] = set(ipaddress.ip_network(part.network)) - excluded
    for last in range(256):
        address = ipaddress.ip_address(f"8.8.8.{last}")
        inside = [network for network, addresses in held.items() if address in addresses]
        owner = known.longest_match(str(address))
        expected = [owner[0]] if owner is not None and {64500, 64501} & set(owner[1]) else []
        assert inside == expected


def test_more_specifics_are_those_directly_inside_and_of_the_same_family() -> None:
    """A prefix inside an excluded prefix is excluded from that prefix only."""
    texts = ["8.0.0.0/8", "8.8.0.0/16", "8.8.8.0/24", "8.9.0.0/16", "9.0.0.0/8", "2a04::/32", "2a04::/48"]
    assert more_specifics_of(texts) == {
        "8.0.0.0/8": ("8.8.0.0/16", "8.9.0.0/16"),
        "8.8.0.0/16": ("8.8.8.0/24",),
        "2a04::/32": ("2a04::/48",),
    }
    with pytest.raises(ValueError, match="does not appear to be"):
        more_specifics_of(["8.8.8.0/24", "mine"])


@pytest.mark.shared_data
def test_the_blocks_of_one_tencent_as_exclude_those_of_the_other() -> None:
    """Thirteen prefixes of AS132203 lie inside blocks of AS45090, which exclude them."""
    data = required.shared_data("prefixes/ripestat-announced-prefixes-AS45090.json").parent
    files = [data / f"ripestat-announced-prefixes-AS{asn}.json" for asn in (45090, 132203)]
    rows = PrefixTable(item for file in files for item in as_documents.ripestat([file.read_bytes()], file.name))
    mainland, overseas = expand([45090], rows), expand([132203], rows)
    own = {part.network for part in overseas}
    foreign = [inside for part in mainland for inside in part.excluded_prefixes if inside in own and "." in inside]

    assert len(foreign) == 13
    assert "119.29.29.0/24" in foreign
