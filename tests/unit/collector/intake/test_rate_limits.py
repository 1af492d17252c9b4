"""Rate limits for one agent."""

from __future__ import annotations

import contextlib

from probe.collector.intake import rate_limits
from probe.collector.intake.rate_limits import RateLimits, TokenBucket


def test_an_empty_bucket_says_how_long_to_wait() -> None:
    """With two tokens a second and room for ten."""
    bucket = TokenBucket(2.0, 10.0, now=0.0)

    assert [bucket.take(10, 0.0), bucket.take(1, 0.0), bucket.take(1, 0.5)] == [0.0, 0.5, 0.0]


def test_a_bucket_never_holds_more_than_its_size() -> None:
    """This holds after any time without use."""
    bucket = TokenBucket(2.0, 10.0, now=0.0)

    assert bucket.take(10, 1000.0) == 0.0
    assert bucket.take(10, 1000.0) == 5.0


def test_each_agent_has_its_own_buckets() -> None:
    """One agent over its limit does not affect another."""
    guard = RateLimits()
    for _ in range(int(rate_limits.MAX_BATCHES_AT_ONCE)):
        assert guard.take("a", 100, 0.0) == 0.0

    assert guard.take("a", 100, 0.0) > 0
    assert guard.take("b", 100, 0.0) == 0.0


def test_bytes_are_counted_too() -> None:
    """A few large batches count like many small ones."""
    guard = RateLimits()

    assert guard.take("a", 16 * 1024 * 1024, 0.0) == 0.0
    assert guard.take("a", 512 * 1024, 0.0) == 1.0


def test_the_number_of_buckets_is_bounded() -> None:
    """The agent that sent nothing for longest is dropped."""
    guard = RateLimits(scale=1000.0)
    for n in range(rate_limits.MAX_AGENTS + 5):
        guard.take(str(n), 1, 0.0)

    assert len(guard._buckets) == rate_limits.MAX_AGENTS


def test_a_sponsor_has_a_limit_that_other_sponsors_do_not_share() -> None:
    """However many agents it has."""
    guard = RateLimits()
    most = int(rate_limits.MAX_BATCHES_AT_ONCE * rate_limits.SPONSOR_FACTOR)
    per_agent = int(rate_limits.MAX_BATCHES_AT_ONCE)
    assert not any(guard.take(str(n // per_agent), 1, 0.0, "flood") for n in range(most))

    assert guard.take("new", 1, 0.0, "flood") > 0
    assert guard.take("other", 1, 0.0, "club") == 0.0


def test_an_agent_has_few_requests_at_once() -> None:
    """What ends gives its place free."""
    guard = RateLimits()
    with contextlib.ExitStack() as stack:
        within = [stack.enter_context(guard.one_request("a")) for _ in range(rate_limits.MAX_AT_ONCE_OF_AGENT + 1)]
        assert within == [True] * rate_limits.MAX_AT_ONCE_OF_AGENT + [False]

    with guard.one_request("a") as again:
        assert again
