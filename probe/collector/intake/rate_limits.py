"""Rate limits for agents: token buckets for batches and for bytes.

They count by an agent's id, never by address: the collector keeps no address, and many volunteers share one behind a
carrier's NAT.
"""

from __future__ import annotations

from collections import OrderedDict

BATCHES_PER_SECOND, MAX_BATCHES_AT_ONCE = 20.0, 400.0
"""An agent sends one batch a round, that is every few minutes. After a month's outage it empties its outbox at this
rate."""
BYTES_PER_SECOND, MAX_BYTES_AT_ONCE = 512.0 * 1024, 16.0 * 1024 * 1024
"""Bytes as received, before they are inflated."""
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
    """The buckets of all agents.

    Args:
        scale: factor for every limit, for a laboratory clock that runs faster.
    """

    def __init__(self, scale: float = 1.0) -> None:
        self._scale = max(1.0, scale)
        self._buckets: OrderedDict[str, tuple[TokenBucket, TokenBucket]] = OrderedDict()

    def take(self, agent: str, size: int, now: float) -> float:
        """Count a batch of a size in bytes: 0 when it is within the limits, else the seconds to wait."""
        pair = self._buckets.pop(agent, None)
        if pair is None:
            pair = (
                TokenBucket(BATCHES_PER_SECOND * self._scale, MAX_BATCHES_AT_ONCE * self._scale, now),
                TokenBucket(BYTES_PER_SECOND * self._scale, MAX_BYTES_AT_ONCE * self._scale, now),
            )
        self._buckets[agent] = pair
        if len(self._buckets) > MAX_AGENTS:
            self._buckets.popitem(last=False)
        return max(pair[0].take(1.0, now), pair[1].take(float(size), now))
