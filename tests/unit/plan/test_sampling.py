"""The samples of a range: strata, known addresses, neighbours and low addresses."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from probe.model.address import is_bogon
from probe.plan import sampling

NET = ipaddress.ip_network("151.101.1.0/24")
WIDE = ipaddress.ip_network("151.101.0.0/16")
SIX = ipaddress.ip_network("2a04:4e42::/32")
NETWORKS = st.one_of(
    st.builds(
        lambda number, length: ipaddress.ip_network((number, length), strict=False),
        st.integers(1 << 24, 0xDFFFFFFF).map(ipaddress.IPv4Address),
        st.integers(8, 32),
    ),
    st.builds(
        lambda number, length: ipaddress.ip_network((number, length), strict=False),
        st.integers(0x2A00 << 112, (0x2B00 << 112) - 1).map(ipaddress.IPv6Address),
        st.integers(19, 128),
    ),
)


@settings(deadline=None)  # the first look at an address fills a cache
@given(NETWORKS, st.integers(3, 64), st.integers(0, 10**6))
def test_a_sample_is_inside_the_range_without_repetition_and_the_same_for_the_same_seed(
    network: sampling.Network, count: int, seed: int
) -> None:
    """Control and vantages get the same sample."""
    found = sampling.sample_strata(network, count, seed)

    assert len(set(found)) == len(found) <= count
    assert all(ipaddress.ip_address(address) in network for address in found)
    assert found == sampling.sample_strata(network, count, seed)


def test_a_sample_has_an_address_of_each_stratum() -> None:
    """Chance leaves out no quarter of the range."""
    for seed in range(50):
        found = [int(ipaddress.ip_address(address)) & 0xFF for address in sampling.sample_strata(NET, 16, seed)]
        assert {number // 64 for number in found} == {0, 1, 2, 3}
        assert 0 not in found
        assert 255 not in found


def test_another_seed_gives_another_sample() -> None:
    """The seed is the week."""
    assert sampling.sample_strata(NET, 16, 202640) != sampling.sample_strata(NET, 16, 202641)


def test_a_small_range_is_sampled_whole() -> None:
    """All eight addresses of a /29, and the one of a /32."""
    tiny, one = ipaddress.ip_network("151.101.1.8/29"), ipaddress.ip_network("151.101.1.8/32")

    assert sampling.sample_strata(tiny, sampling.sample_size(tiny, 16), 1) == tuple(
        f"151.101.1.{n}" for n in range(8, 16)
    )
    assert sampling.sample_strata(one, sampling.sample_size(one, 16), 1) == ("151.101.1.8",)


@pytest.mark.parametrize(
    ("network", "sample", "width"),
    [("1.1.1.0/24", 16, 16), ("1.1.0.0/19", 16, 32), ("1.1.0.0/16", 16, 64), ("1.1.0.0/16", 64, 256), ("::/0", 16, 64)],
)
def test_a_wide_range_is_sampled_wider_within_bounds(network: str, sample: int, width: int) -> None:
    """It gets one address in each /24, up to four times the sample."""
    assert sampling.sample_size(ipaddress.ip_network(network), sample) == width


def test_each_block_gives_one_known_address_before_any_gives_two() -> None:
    """A hundred hits in one /24 do not crowd out the single hits of others."""
    hits = [f"151.101.1.{n}" for n in range(100)] + ["151.101.7.1", "151.101.9.1"]

    assert {"151.101.7.1", "151.101.9.1"} < set(sampling.sample_known(hits, WIDE, 3, 5))


def test_samples_of_different_index_have_no_address_in_common() -> None:
    """A re-test contacts no address of the first measurement. Once all are used, samples are empty."""
    hits = [f"151.101.1.{n}" for n in range(1, 41)]
    draws = [sampling.sample_known(hits, NET, 16, 5, index) for index in range(4)]

    assert [len(draw) for draw in draws] == [16, 16, 8, 0]
    assert len({address for draw in draws for address in draw}) == 40


def test_known_addresses_outside_the_range_are_left_out() -> None:
    """A control's list may be of an older, wider range."""
    assert sampling.sample_known(["10.0.0.1", "151.101.1.1"], NET, 16, 1) == ("151.101.1.1",)


def test_low_addresses_are_the_first_of_a_block() -> None:
    """In IPv6 a stratum gives the first address of a subnet, because random host parts have no host."""
    assert sampling.low_addresses(NET, 3, 1) == ("151.101.1.1", "151.101.1.2", "151.101.1.3")
    assert all(address.endswith("::1") for address in sampling.sample_strata(SIX, 16, 1))


def test_neighbours_are_other_addresses_of_the_same_block() -> None:
    """The /24 around the address, without the address itself."""
    found = [*sampling.neighbours(["151.101.7.9"], WIDE, 3, 1)]

    assert len(found) == 3
    assert all(address.startswith("151.101.7.") and address != "151.101.7.9" for address in found)


def test_the_neighbours_of_several_addresses_are_those_of_each() -> None:
    """Two of one block and one of another, in order."""
    asked = ["151.101.7.9", "151.101.9.1", "151.101.7.200"]

    assert [*sampling.neighbours(asked, WIDE, 3, 1)] == [
        other for address in asked for other in sampling.neighbours([address], WIDE, 3, 1)
    ]


def test_bogons_inside_a_wide_range_are_left_out() -> None:
    """Private addresses are sampled only where the whole range is private."""
    everything, private = ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("10.0.0.0/24")

    assert not any(map(is_bogon, sampling.sample_strata(everything, 256, 1)))
    assert not any(map(is_bogon, sampling.low_addresses(ipaddress.ip_network("8.0.0.0/5"), 256, 1)))
    assert len(sampling.sample_strata(private, 16, 1)) == 16


def test_no_address_of_an_excluded_prefix_is_drawn() -> None:
    """A stratum that is excluded whole has no address in the sample."""
    network = ipaddress.ip_network("151.101.0.0/24")
    half, most = (
        sampling.ExcludedPrefixes(["151.101.0.128/25"]),
        sampling.ExcludedPrefixes(["151.101.0.0/25", "151.101.0.129/32"]),
    )

    assert len(sampling.sample_strata(network, 2, 1, excluded=half)) == 1
    found = [address for seed in range(20) for address in sampling.sample_strata(network, 16, seed, excluded=most)]
    assert found
    assert all(int(address.rpartition(".")[2]) >= 128 and address != "151.101.0.129" for address in found)


def test_low_addresses_of_a_range_smaller_than_their_number_are_inside_it() -> None:
    """A range of four addresses has three after its first."""
    found = sampling.low_addresses(ipaddress.ip_network("151.101.1.0/30"), 16, 1)

    assert found == ("151.101.1.1", "151.101.1.2", "151.101.1.3")


def test_a_stratum_of_one_ipv6_subnet_gives_its_first_address() -> None:
    """Random host parts of a /64 have no host."""
    found = sampling.sample_strata(ipaddress.ip_network("2a04:4e42:1:20::/60"), 16, 1)

    assert sorted(found) == [f"2a04:4e42:1:2{number:x}::1" for number in range(16)]
