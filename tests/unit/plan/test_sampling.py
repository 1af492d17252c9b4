"""Which addresses of a range are looked at."""

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
@given(NETWORKS, st.integers(3, 64), st.integers(0, 10**6), st.integers(0, 3))
def test_a_draw_is_inside_the_range_without_repetition_and_the_same_for_the_same_seed(
    network: sampling.Network, count: int, seed: int, draw: int
) -> None:
    """Control and vantages draw alike."""
    found = sampling.sample_strata(network, count, seed, draw)

    assert len(set(found)) == len(found) <= count
    assert all(ipaddress.ip_address(address) in network for address in found)
    assert found == sampling.sample_strata(network, count, seed, draw)


def test_a_draw_has_an_address_of_each_stratum() -> None:
    """No quarter of the range is left out."""
    for seed in range(50):
        found = [int(ipaddress.ip_address(address)) & 0xFF for address in sampling.sample_strata(NET, 16, seed)]
        assert {number // 64 for number in found} == {0, 1, 2, 3}
        assert 0 not in found
        assert 255 not in found


def test_another_seed_draws_others() -> None:
    """The sample is redrawn as slowly as its seed changes."""
    assert sampling.sample_strata(NET, 16, 202640) != sampling.sample_strata(NET, 16, 202641)


def test_a_small_range_is_looked_at_whole() -> None:
    """All eight of a /29, and the one of a /32."""
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
    """One address in each /24, up to four times the sample."""
    assert sampling.sample_size(ipaddress.ip_network(network), sample) == width


def test_known_addresses_come_from_every_part_before_two_come_from_one() -> None:
    """A hundred hits in one /24 do not crowd out the single ones of others."""
    hits = [f"151.101.1.{n}" for n in range(100)] + ["151.101.7.1", "151.101.9.1"]

    assert {"151.101.7.1", "151.101.9.1"} < set(sampling.sample_known(hits, WIDE, 3, 5))


def test_samples_of_different_draws_have_no_address_in_common_and_end() -> None:
    """A re-test touches none that the first look touched."""
    hits = [f"151.101.1.{n}" for n in range(1, 41)]
    draws = [sampling.sample_known(hits, NET, 16, 5, draw) for draw in range(4)]

    assert [len(draw) for draw in draws] == [16, 16, 8, 0]
    assert len({address for draw in draws for address in draw}) == 40


def test_addresses_outside_the_range_are_not_taken_for_hits() -> None:
    """A control's list may be of an older, wider range."""
    assert sampling.sample_known(["10.0.0.1", "151.101.1.1"], NET, 16, 1) == ("151.101.1.1",)


def test_low_addresses_are_guessed_first() -> None:
    """People number machines from one; in IPv6 nothing else is ever found by guessing."""
    assert sampling.low_addresses(NET, 3, 1) == ("151.101.1.1", "151.101.1.2", "151.101.1.3")
    assert all(address.endswith("::1") for address in sampling.sample_strata(SIX, 16, 1))


def test_neighbours_are_of_the_same_part() -> None:
    """The /24 around the address, without itself."""
    found = sampling.neighbours("151.101.7.9", WIDE, 3, 1)

    assert len(found) == 3
    assert all(address.startswith("151.101.7.") and address != "151.101.7.9" for address in found)


def test_a_range_of_all_the_world_leaves_nobodys_addresses_out() -> None:
    """Private and loopback ones are asked only where the range itself is of that kind."""
    everything, private = ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("10.0.0.0/24")

    assert not any(map(is_bogon, sampling.sample_strata(everything, 256, 1)))
    assert not any(map(is_bogon, sampling.low_addresses(ipaddress.ip_network("8.0.0.0/5"), 256, 1)))
    assert len(sampling.sample_strata(private, 16, 1)) == 16


def test_nothing_is_drawn_from_holes() -> None:
    """A part of the range that is all hole has no address in the sample."""
    network = ipaddress.ip_network("151.101.0.0/24")
    half, most = (
        sampling.ExcludedPrefixes(["151.101.0.128/25"]),
        sampling.ExcludedPrefixes(["151.101.0.0/25", "151.101.0.129/32"]),
    )

    assert len(sampling.sample_strata(network, 2, 1, excluded=half)) == 1
    found = [address for seed in range(20) for address in sampling.sample_strata(network, 16, seed, excluded=most)]
    assert found
    assert all(int(address.rpartition(".")[2]) >= 128 and address != "151.101.0.129" for address in found)


def test_a_habitual_address_is_inside_a_range_that_is_smaller_than_the_number_wanted() -> None:
    """A range of four addresses has three after its first."""
    found = sampling.low_addresses(ipaddress.ip_network("151.101.1.0/30"), 16, 1)

    assert found == ("151.101.1.1", "151.101.1.2", "151.101.1.3")


def test_a_stratum_of_one_subnet_of_ipv6_is_sampled_by_its_first_address() -> None:
    """A random host part of a /64 has nobody behind it."""
    found = sampling.sample_strata(ipaddress.ip_network("2a04:4e42:1:20::/60"), 16, 1)

    assert sorted(found) == [f"2a04:4e42:1:2{number:x}::1" for number in range(16)]
