"""Handshake slots are released early, and once."""

from __future__ import annotations

import asyncio

from probe.measure import handshake_slots
from probe.measure.handshake_slots import ConcurrencyLimits, open_files


async def test_a_slot_is_released_once() -> None:
    """By the caller, by the timer, or at the end of the block."""
    limits = ConcurrencyLimits(handshakes=1)
    async with limits.handshake_slot() as permit:
        permit.release()
        permit.release()
        async with limits.handshake_slot():
            assert limits._handshakes.locked()
    assert limits._handshakes._value == 1


async def test_a_slot_is_released_after_its_time(monkeypatch) -> None:  # noqa: ANN001
    """The next handshake starts while the first still waits."""
    monkeypatch.setattr(handshake_slots, "SLOT_SECONDS", 0.0)
    limits = ConcurrencyLimits(handshakes=1)
    async with limits.handshake_slot(), asyncio.timeout(60), limits.handshake_slot():
        pass
    assert limits._handshakes._value == 1


def test_the_limit_of_open_files_is_raised() -> None:
    """It is raised as far as the system allows."""
    assert open_files() >= 64
