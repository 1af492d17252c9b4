"""How much one agent may send."""

from __future__ import annotations

from probe.collector.intake import rate_limits
from probe.collector.intake.rate_limits import RateLimits, TokenBucket


def test_a_bucket_gives_what_it_has_and_says_how_long_the_rest_takes() -> None:
    """Two a second, ten at once."""
    bucket = TokenBucket(2.0, 10.0, now=0.0)

    assert [bucket.take(10, 0.0), bucket.take(1, 0.0), bucket.take(1, 0.5)] == [0.0, 0.5, 0.0]


def test_a_bucket_never_holds_more_than_its_size() -> None:
    """However long nobody came."""
    bucket = TokenBucket(2.0, 10.0, now=0.0)

    assert bucket.take(10, 1000.0) == 0.0
    assert bucket.take(10, 1000.0) == 5.0


def test_one_agent_does_not_use_up_what_another_may_send() -> None:
    """Buckets are per agent."""
    guard = RateLimits()
    for _ in range(int(rate_limits.MAX_BATCHES_AT_ONCE)):
        assert guard.take("a", 100, 0.0) == 0.0

    assert guard.take("a", 100, 0.0) > 0
    assert guard.take("b", 100, 0.0) == 0.0


def test_bytes_are_counted_too() -> None:
    """A few large batches weigh as much as many small ones."""
    guard = RateLimits()

    assert guard.take("a", 16 * 1024 * 1024, 0.0) == 0.0
    assert guard.take("a", 512 * 1024, 0.0) == 1.0


def test_only_so_many_agents_are_remembered() -> None:
    """The one not heard for longest is forgotten."""
    guard = RateLimits()
    for n in range(rate_limits.MAX_AGENTS + 5):
        guard.take(str(n), 1, 0.0)

    assert len(guard._buckets) == rate_limits.MAX_AGENTS
