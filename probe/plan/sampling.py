"""Sample the addresses of a range. Pure: the same seed gives the same sample, here and at the control.

Addresses that are known to answer come first, because silence is no evidence elsewhere: published lists of ranges are
out of date, and most addresses of most ranges are unused. Where too few are known, the range is divided into equally
wide strata and one address is drawn from each, so that chance leaves out no part of the range. The first addresses of
each block, which hosts use most often, come last.
"""

from __future__ import annotations

import ipaddress
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from itertools import pairwise
from random import Random

from probe.model.address import is_bogon, is_bogon_number

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

BLOCK_PREFIX_LENGTH = {4: 24, 6: 48}
"""Length of the longest prefix that networks route between them; a block of this size is the smallest part of a range
that a verdict names."""
MAX_SAMPLE_FACTOR = 4
"""A range of many blocks is sampled up to so many times wider: one address a block."""


class ExcludedPrefixes:
    """Prefixes inside a range that other owners announce; no sample contains their addresses.

    Args:
        texts: the prefixes; none lies inside another.

    Raises:
        ValueError: a text is not a prefix.
    """

    def __init__(self, texts: Iterable[str] = ()) -> None:
        networks = sorted((ipaddress.ip_network(text) for text in texts), key=lambda found: int(found.network_address))
        self._first = [int(network.network_address) for network in networks]
        self._last = [int(network.broadcast_address) for network in networks]

    def __contains__(self, number: int) -> bool:
        at = bisect_right(self._first, number) - 1
        return at >= 0 and number <= self._last[at]


NOTHING_EXCLUDED = ExcludedPrefixes()
_MAX_DRAWS_PER_STRATUM = 4
"""Draws from a stratum until an address is not excluded; a stratum that is excluded whole stays empty."""


def sample_size(network: Network, sample: int) -> int:
    """Return how many addresses of a range to sample.

    The number is `sample`. A range with more blocks than that (a /24, in IPv6 a /48) gets one address in each block, up
    to `MAX_SAMPLE_FACTOR` times `sample`. With 16, a /24 gets 16 addresses, a /19 gets 32, and a /16 gets 64, which
    meet a blocked /24 inside it in one sample of four. With 64, a /16 gets 256 addresses, one in every /24.
    """
    blocks = 1 << max(0, BLOCK_PREFIX_LENGTH[network.version] - network.prefixlen)
    return min(network.num_addresses, max(sample, min(blocks, MAX_SAMPLE_FACTOR * sample)))


def block_of(address: str, network: Network) -> Network:
    """Return the block around an address: its /24 (IPv6: /48), or the whole range where that is narrower."""
    length = max(BLOCK_PREFIX_LENGTH[network.version], network.prefixlen)
    return ipaddress.ip_network((address, length), strict=False)


def sample_known(hits: Iterable[str], network: Network, count: int, seed: int, index: int = 0) -> tuple[str, ...]:
    """Sample the addresses that are known to answer: one of each block before a second of any.

    Samples of different `index` have no address in common. The sample is empty once all addresses are used.
    """
    chance = _random(network, seed)
    blocks: dict[Network, list[str]] = {}
    for hit in sorted(set(hits)):
        if ipaddress.ip_address(hit) in network:
            blocks.setdefault(block_of(hit, network), []).append(hit)
    groups = list(blocks.values())
    chance.shuffle(groups)
    for group in groups:
        chance.shuffle(group)
    longest = max(map(len, groups), default=0)
    order = [group[rank] for rank in range(longest) for group in groups if rank < len(group)]
    return tuple(order[index * count : (index + 1) * count])


def sample_strata(
    network: Network, count: int, seed: int, excluded: ExcludedPrefixes = NOTHING_EXCLUDED
) -> tuple[str, ...]:
    """Draw one address from each of `count` equally wide strata; a stratum that is excluded gives none."""
    chance = _random(network, seed, 0)  # the 0 keeps the samples of version 0.1.0
    first, size = int(network.network_address), network.num_addresses
    bounds = [first + size * part // count for part in range(count + 1)]
    numbers = (_draw_allowed(network, chance, low, high, excluded) for low, high in pairwise(bounds) if low < high)
    return _usable(network, (number for number in numbers if number is not None))


def low_addresses(
    network: Network, count: int, seed: int, excluded: ExcludedPrefixes = NOTHING_EXCLUDED
) -> tuple[str, ...]:
    """Return the first addresses of some blocks; hosts use them more often than others.

    The host part .1 answers most often, then its successors (Fan and Heidemann, IMC 2010, on selecting representative
    addresses). In IPv6, guessing finds hardly any but low host parts (Gasser et al., IMC 2018).
    """
    spread = sample_strata(network, min(count, 16), seed, excluded)
    starts = dict.fromkeys(int(block_of(address, network).network_address) for address in spread)
    ranks = -(-count // max(1, len(starts)))
    last = int(network.broadcast_address)
    numbers = (start + 1 + rank for rank in range(ranks) for start in starts if start + 1 + rank <= last)
    return _usable(network, (number for number in numbers if number not in excluded))[:count]


def neighbours(
    addresses: Iterable[str], network: Network, count: int, seed: int, excluded: ExcludedPrefixes = NOTHING_EXCLUDED
) -> Iterator[str]:
    """Draw at most `count` other addresses of the same block for each address; one draw serves a block."""
    drawn: dict[str, tuple[str, ...]] = {}
    by_text = network.version == 4 and network.prefixlen <= BLOCK_PREFIX_LENGTH[4]
    for address in addresses:
        key = address.rpartition(".")[0] if by_text else str(block_of(address, network))
        if key not in drawn:
            drawn[key] = sample_strata(block_of(address, network), count + 1, seed, excluded)
        yield from [other for other in drawn[key] if other != address][:count]


def _random(network: Network, *numbers: int) -> Random:
    return Random(f"{network} {numbers}")  # noqa: S311 - a sample, not a secret; text seeds alike on every version


def _draw_allowed(network: Network, chance: Random, low: int, high: int, excluded: ExcludedPrefixes) -> int | None:
    for _ in range(_MAX_DRAWS_PER_STRATUM):
        number = _draw(network, chance, low, high)
        if number not in excluded:
            return number
    return None


def _draw(network: Network, chance: Random, low: int, high: int) -> int:
    number = chance.randrange(low, high)
    if network.version == 6 and high - low >= 2**64:
        return (number >> 64 << 64) + 1  # no host has a random host part: take the subnet's first address
    if network.version == 4 and network.prefixlen <= 24 and number & 0xFF in {0, 0xFF}:
        return number + 1 if number & 0xFF == 0 else number - 1  # few hosts have .0 or .255
    return number


def _usable(network: Network, numbers: Iterable[int]) -> tuple[str, ...]:
    """Return the addresses as text, each once; bogons only where the whole range consists of them."""
    ends = (network.network_address, network.broadcast_address)
    private = network.prefixlen >= 8 and all(is_bogon(str(end)) for end in ends)
    if network.version == 4:
        kept = dict.fromkeys(number for number in numbers if private or not is_bogon_number(number))
        return tuple(f"{one >> 24}.{one >> 16 & 255}.{one >> 8 & 255}.{one & 255}" for one in kept)
    texts = (str(ipaddress.IPv6Address(number)) for number in numbers)
    return tuple(dict.fromkeys(text for text in texts if private or not is_bogon(text)))
