"""A round never costs more than its budget."""

from __future__ import annotations

import asyncio

import pytest

from probe.measure import http_get, stream
from probe.measure.budget import MAX_CONNECTION_BYTES, Budget
from probe.measure.failures import OperationError
from probe.measure.pace import PaceLimiter
from probe.model.failure import Failure


def test_a_connection_reserves_the_most_that_it_can_read() -> None:
    """The bounds of handshake, headers and body, and the read that notices each."""
    assert (
        http_get.MAX_HEADER_BYTES + http_get.MAX_WIRE_BYTES + stream.MAX_HANDSHAKE_BYTES + 2 * stream.READ_BYTES
        == MAX_CONNECTION_BYTES
    )


async def test_connections_beyond_the_budget_are_refused_until_the_next_round() -> None:
    """The failure is local: it says nothing about the network."""
    budget = Budget(max_connections=2)
    for _ in range(2):
        await budget.admit()
        budget.release()
    with pytest.raises(OperationError) as refused:
        await budget.admit()

    assert (refused.value.info.failure, refused.value.info.detail) == (
        Failure.LOCAL,
        "the round's budget of connections is spent",
    )
    assert (budget.connections, budget.refused) == (2, 1)
    budget.reset()
    await budget.admit()
    assert (budget.connections, budget.refused) == (1, 0)


async def test_a_connection_waits_while_open_ones_may_need_what_is_left() -> None:
    """It is admitted once they have closed."""
    budget = Budget(max_bytes=2 * MAX_CONNECTION_BYTES)
    await budget.admit()
    await budget.admit()
    third = asyncio.create_task(budget.admit())
    await asyncio.sleep(0)
    assert not third.done()

    budget.release()
    await third
    assert budget.connections == 3


async def test_a_waiting_connection_is_refused_once_the_bytes_are_spent() -> None:
    """The open one read what it had reserved."""
    budget = Budget(max_bytes=MAX_CONNECTION_BYTES)
    await budget.admit()
    waiting = asyncio.create_task(budget.admit())
    await asyncio.sleep(0)
    budget.count(1)
    budget.release()
    with pytest.raises(OperationError, match="budget of bytes"):
        await waiting


async def test_no_more_bytes_are_read_than_the_budget_allows() -> None:
    """A hundred connections read all they may."""
    budget = Budget(max_bytes=10 * MAX_CONNECTION_BYTES + 7)

    async def visit() -> None:
        await budget.admit()
        await asyncio.sleep(0)
        budget.count(MAX_CONNECTION_BYTES)
        budget.release()

    await asyncio.gather(*(visit() for _ in range(100)), return_exceptions=True)
    assert (budget.bytes_read, budget.refused) == (10 * MAX_CONNECTION_BYTES, 90)


async def test_a_budget_without_limits_refuses_nothing() -> None:
    """`probe check` has one: a person asked for each target."""
    budget = Budget()
    for _ in range(1000):
        await budget.admit()
        budget.count(MAX_CONNECTION_BYTES)
    assert budget.refused == 0


async def test_the_pace_limiter_asks_the_budget_for_every_connection() -> None:
    """With a rate limit and without."""
    for rate in (0, 1000):
        pace = PaceLimiter(rate, budget=Budget(max_connections=1))
        async with pace.slot("198.51.100.1"):
            assert pace.budget.connections == 1
        with pytest.raises(OperationError):
            async with pace.slot("198.51.100.1"):
                pass
