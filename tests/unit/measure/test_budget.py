"""What a round may cost holds whatever comes."""

from __future__ import annotations

import asyncio

import pytest

from probe.measure import http_get, stream
from probe.measure.budget import MAX_CONNECTION_BYTES, Budget
from probe.measure.failures import OperationError
from probe.measure.pace import PaceLimiter
from probe.model.failure import Failure


def test_what_is_set_aside_is_the_most_that_one_connection_can_read() -> None:
    """The bounds of the handshake, of headers and body, and the read in which each is noticed."""
    assert (
        http_get.MAX_HEADER_BYTES + http_get.MAX_WIRE_BYTES + stream.MAX_HANDSHAKE_BYTES + 2 * stream.READ_BYTES
        == MAX_CONNECTION_BYTES
    )


async def test_connections_beyond_the_budget_are_refused_until_the_next_round() -> None:
    """As a fault of this host: it says nothing of the network."""
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


async def test_a_connection_waits_while_those_that_are_open_might_need_what_is_left() -> None:
    """And goes on once they have read less than they might have."""
    budget = Budget(max_bytes=2 * MAX_CONNECTION_BYTES)
    await budget.admit()
    await budget.admit()
    third = asyncio.create_task(budget.admit())
    await asyncio.sleep(0)
    assert not third.done()

    budget.release()
    await third
    assert budget.connections == 3


async def test_who_waits_is_refused_once_the_bytes_are_spent() -> None:
    """What was set aside was really read."""
    budget = Budget(max_bytes=MAX_CONNECTION_BYTES)
    await budget.admit()
    waiting = asyncio.create_task(budget.admit())
    await asyncio.sleep(0)
    budget.count(1)
    budget.release()
    with pytest.raises(OperationError, match="budget of bytes"):
        await waiting


async def test_no_more_is_ever_read_than_the_budget_says() -> None:
    """A hundred connections that each read all they may."""
    budget = Budget(max_bytes=10 * MAX_CONNECTION_BYTES + 7)

    async def visit() -> None:
        await budget.admit()
        await asyncio.sleep(0)
        budget.count(MAX_CONNECTION_BYTES)
        budget.release()

    await asyncio.gather(*(visit() for _ in range(100)), return_exceptions=True)
    assert (budget.bytes_read, budget.refused) == (10 * MAX_CONNECTION_BYTES, 90)


async def test_a_budget_without_limits_refuses_nobody() -> None:
    """As for `probe check`, where somebody asked for each target."""
    budget = Budget()
    for _ in range(1000):
        await budget.admit()
        budget.count(MAX_CONNECTION_BYTES)
    assert budget.refused == 0


async def test_the_pace_asks_the_budget_for_every_connection() -> None:
    """With a limit on the pace and without."""
    for rate in (0, 1000):
        pace = PaceLimiter(rate, budget=Budget(max_connections=1))
        async with pace.slot("198.51.100.1"):
            assert pace.budget.connections == 1
        with pytest.raises(OperationError):
            async with pace.slot("198.51.100.1"):
                pass
