"""Sample the addresses of a range. Pure: the same seed draws the same sample, here and at the control.

Addresses that are known to answer come first, since a miss is no evidence: published lists of ranges rot, and most
addresses of most ranges are unused. Where too few are known, one is drawn from each of equally wide
strata, so that no part of the range is left out by chance; then those that people give to machines first.
"""

from __future__ import annotations

import ipaddress
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from itertools import pairwise
from random import Random

from probe.model.address import is_bogon

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

UNIT = {4: 24, 6: 48}
"""Length of the smallest prefix that is routed between networks, hence the smallest part that is named by itself."""
WIDEST = 4
"""A range wider than a unit is sampled wider, up to so many times: one address a unit."""


class Holes:
    """Prefixes inside a range that belong to somebody else: nothing is drawn from them.

    Args:
        texts: the prefixes; none lies inside another.

    Raises:
        ValueError: one is no prefix.
    """

    def __init__(self, texts: Iterable[str] = ()) -> None:
        networks = sorted((ipaddress.ip_network(text) for text in texts), key=lambda found: int(found.network_address))
        self._first = [int(network.network_address) for network in networks]
        self._last = [int(network.broadcast_address) for network in networks]

    def __contains__(self, number: int) -> bool:
        at = bisect_right(self._first, number) - 1
        return at >= 0 and number <= self._last[at]


NO_HOLES = Holes()
_TRIES = 4
"""Draws from a stratum until one is outside the holes; a stratum that is all hole stays empty."""


def width(network: Network, sample: int) -> int:
    """The number of addresses of a range to sample.

    `sample` of them; where the range is so wide that this would not be one in each /24 (IPv6: /48), one in each, up to
    `WIDEST` times as many. With 16: a /24 gets 16, a /19 32, a /16 64, in which a blocked /24 is met once in four
    draws; with 64 a /16 gets 256, and the /24 is met for certain.
    """
    units = 1 << max(0, UNIT[network.version] - network.prefixlen)
    return min(network.num_addresses, max(sample, min(units, WIDEST * sample)))


def unit_of(address: str, network: Network) -> Network:
    """The part of the range around an address: its /24 (IPv6: /48), or the range where that is narrower."""
    length = max(UNIT[network.version], network.prefixlen)
    return ipaddress.ip_network((address, length), strict=False)


def known(hits: Iterable[str], network: Network, count: int, seed: int, draw: int = 0) -> tuple[str, ...]:
    """The `draw`-th sample of the addresses known to answer: one of each part of the range before two of any.

    Samples of different `draw` have no address in common; when there are no more addresses, the sample is empty.
    """
    chance = _chance(network, seed)
    parts: dict[Network, list[str]] = {}
    for hit in sorted(set(hits)):
        if ipaddress.ip_address(hit) in network:
            parts.setdefault(unit_of(hit, network), []).append(hit)
    groups = list(parts.values())
    chance.shuffle(groups)
    for group in groups:
        chance.shuffle(group)
    order = [group[turn] for turn in range(max(map(len, groups), default=0)) for group in groups if turn < len(group)]
    return tuple(order[draw * count : (draw + 1) * count])


def drawn(network: Network, count: int, seed: int, draw: int = 0, holes: Holes = NO_HOLES) -> tuple[str, ...]:
    """One address from each of `count` equally wide strata, where that is not in a hole."""
    chance = _chance(network, seed, draw)
    first, size = int(network.network_address), network.num_addresses
    bounds = [first + size * part // count for part in range(count + 1)]
    numbers = (_outside(network, chance, low, high, holes) for low, high in pairwise(bounds) if low < high)
    return _usable(network, (number for number in numbers if number is not None))


def habitual(network: Network, count: int, seed: int, holes: Holes = NO_HOLES) -> tuple[str, ...]:
    """The first addresses of the range's parts, which are in use more often than others.

    The host part .1 answers most often, then its successors (Fan and Heidemann, IMC 2010, on selecting representative
    addresses); in IPv6 low host parts are nearly all that is found by guessing (Gasser et al., IMC 2018).
    """
    spread = drawn(network, min(count, 16), seed, holes=holes)
    starts = dict.fromkeys(int(unit_of(address, network).network_address) for address in spread)
    rounds = -(-count // max(1, len(starts)))
    last = int(network.broadcast_address)
    numbers = (start + 1 + turn for turn in range(rounds) for start in starts if start + 1 + turn <= last)
    return _usable(network, (number for number in numbers if number not in holes))[:count]


def neighbours(address: str, network: Network, count: int, seed: int, holes: Holes = NO_HOLES) -> tuple[str, ...]:
    """Some addresses of the same part of the range."""
    found = drawn(unit_of(address, network), count + 1, seed, holes=holes)
    return tuple(other for other in found if other != address)[:count]


def _chance(network: Network, *numbers: int) -> Random:
    return Random(f"{network} {numbers}")  # noqa: S311 - a sample, not a secret; text seeds alike on every version


def _outside(network: Network, chance: Random, low: int, high: int, holes: Holes) -> int | None:
    for _ in range(_TRIES):
        number = _within(network, chance, low, high)
        if number not in holes:
            return number
    return None


def _within(network: Network, chance: Random, low: int, high: int) -> int:
    number = chance.randrange(low, high)
    if network.version == 6 and high - low >= 2**64:
        return (number >> 64 << 64) + 1  # a random host part has nobody behind it: the subnet's first
    if network.version == 4 and network.prefixlen <= 24 and number & 0xFF in {0, 0xFF}:
        return number + 1 if number & 0xFF == 0 else number - 1  # hardly ever a host's
    return number


def _usable(network: Network, numbers: Iterable[int]) -> tuple[str, ...]:
    """As text, each once; nobody's addresses only where the whole range is of that kind."""
    kind = ipaddress.IPv6Address if network.version == 6 else ipaddress.IPv4Address
    texts: Iterator[str] = (str(kind(number)) for number in numbers)
    ends = (network.network_address, network.broadcast_address)
    own = network.prefixlen >= 8 and all(is_bogon(str(end)) for end in ends)
    return tuple(dict.fromkeys(text for text in texts if own or not is_bogon(text)))
