"""Rate limits for agents: token buckets for batches and for bytes, of each agent, each sponsor and all together.

They count by an agent's id and its sponsor, never by address: many volunteers share one behind a carrier's NAT.
"""

from __future__ import annotations

import contextlib
from collections import Counter, OrderedDict
from collections.abc import Iterator

BATCHES_PER_SECOND, MAX_BATCHES_AT_ONCE = 20.0, 400.0
"""An agent sends one batch a round, that is every few minutes. After a month's outage it empties its outbox at this
rate."""
BYTES_PER_SECOND, MAX_BYTES_AT_ONCE = 512.0 * 1024, 16.0 * 1024 * 1024
"""Bytes as received, before they are inflated."""
SPONSOR_FACTOR, TOTAL_FACTOR = 200.0, 400.0
"""The limits of a sponsor and of all agents together, as multiples of one agent's: 4,000 batches a second of a sponsor
are more than one machine stores, and leave a place for other sponsors."""
MAX_AT_ONCE_OF_AGENT = 4
"""Requests of one agent that are read or stored at the same time; an agent makes one."""
MAX_AGENTS = 50_000
"""Agents whose buckets are kept. The one that sent nothing for longest is dropped first, which fills its bucket."""


class TokenBucket:
    """Tokens that refill at a steady rate up to a size.

    Args:
        rate: tokens a second.
        size: the most it holds; it begins full.
        now: seconds of a monotonic clock.
    """

    __slots__ = ("at", "level", "rate", "size")

    def __init__(self, rate: float, size: float, now: float) -> None:
        self.rate = rate
        self.size = size
        self.level = size
        self.at = now

    def take(self, amount: float, now: float) -> float:
        """Take tokens: 0 when there were enough, else the seconds until there will be, and nothing is taken."""
        self.level = min(self.size, self.level + (now - self.at) * self.rate)
        self.at = now
        if self.level >= amount:
            self.level -= amount
            return 0.0
        return (min(amount, self.size) - self.level) / self.rate


class RateLimits:
    """The buckets of all agents, of their sponsors, and the one of all together.

    Args:
        scale: factor for every limit, for a laboratory clock that runs faster.
    """

    def __init__(self, scale: float = 1.0) -> None:
        self._scale = max(1.0, scale)
        self._buckets: OrderedDict[str, tuple[TokenBucket, TokenBucket]] = OrderedDict()
        self._at_once: Counter[str] = Counter()

    def take(self, agent: str, size: int, now: float, sponsor: str = "") -> float:
        """Count a batch of a size in bytes: 0 when it is within the limits, else the seconds to wait.

        Sponsors are counted by their name, the empty one as well. What a narrower limit refuses does not count for the
        wider ones.
        """
        factors = {f"a{agent}": 1.0, f"s{sponsor}": SPONSOR_FACTOR, "": TOTAL_FACTOR}
        for key, factor in factors.items():
            batches, size_bucket = self._pair(key, factor, now)
            wait = max(batches.take(1.0, now), size_bucket.take(float(size), now))
            if wait:
                return wait
        return 0.0

    @contextlib.contextmanager
    def one_request(self, agent: str) -> Iterator[bool]:
        """Count a request of an agent while the block runs; False where the agent has too many at once."""
        self._at_once[agent] += 1
        try:
            yield self._at_once[agent] <= MAX_AT_ONCE_OF_AGENT
        finally:
            self._at_once[agent] -= 1
            if not self._at_once[agent]:
                del self._at_once[agent]

    def _pair(self, key: str, factor: float, now: float) -> tuple[TokenBucket, TokenBucket]:
        pair = self._buckets.pop(key, None)
        if pair is None:
            scale = self._scale * factor
            pair = (
                TokenBucket(BATCHES_PER_SECOND * scale, MAX_BATCHES_AT_ONCE * scale, now),
                TokenBucket(BYTES_PER_SECOND * scale, MAX_BYTES_AT_ONCE * scale, now),
            )
        self._buckets[key] = pair
        if len(self._buckets) > MAX_AGENTS:
            self._buckets.popitem(last=False)
        return pair
