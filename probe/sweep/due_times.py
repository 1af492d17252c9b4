"""Which target is measured next: a bucket of target numbers for each second, and an order that spreads neighbours.

Neighbours in a register often belong to one provider. Measured one after the other, they would wait for the pace limit
of its network. So a sweep begins with numbers that are far apart.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from heapq import heappop, heappush
from math import gcd

_NONE = 0
_GOLDEN_RATIO = (5**0.5 - 1) / 2


def spread(count: int) -> Iterator[int]:
    """All numbers below `count`, each once; neighbours come far apart."""
    stride = max(1, round(count * _GOLDEN_RATIO))
    while gcd(stride, count) != 1:
        stride += 1
    number = 0
    for _ in range(count):
        yield number
        number = (number + stride) % count


class DueTimes:
    """When each target is due, in whole seconds; a target is due at one time only, or never.

    Args:
        count: of targets.
    """

    def __init__(self, count: int) -> None:
        self._after = array("I", bytes(4 * count))
        """By number: the number after it in its bucket, plus one."""
        self._buckets: dict[int, list[int]] = {}
        """Second -> first and last number of its bucket, each plus one."""
        self._seconds: list[int] = []
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def add(self, number: int, second: int) -> None:
        """Let a target be due at this second, after those that are due then already."""
        self._after[number] = _NONE
        bucket = self._buckets.get(second)
        if bucket is None:
            self._buckets[second] = [number + 1, number + 1]
            heappush(self._seconds, second)
        else:
            self._after[bucket[1] - 1] = number + 1
            bucket[1] = number + 1
        self._size += 1

    def take(self, now: float) -> int | None:
        """Remove and return the target that has been due for the longest time; None when none is due."""
        if not self._seconds or self._seconds[0] > now:
            return None
        bucket = self._buckets[self._seconds[0]]
        number = bucket[0] - 1
        bucket[0] = self._after[number]
        if bucket[0] == _NONE:
            del self._buckets[heappop(self._seconds)]
        self._size -= 1
        return number

    @property
    def first(self) -> int | None:
        """The second at which the next target is due; None when none is."""
        return self._seconds[0] if self._seconds else None
