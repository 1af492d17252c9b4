"""Places for handshakes at work."""

from __future__ import annotations

import asyncio

from probe.measure import handshake_slots
from probe.measure.handshake_slots import ConcurrencyLimits, open_files


async def test_a_place_is_given_back_once() -> None:
    """Early, by the grace, or on leaving; never twice."""
    limits = ConcurrencyLimits(handshakes=1)
    async with limits.handshake_slot() as permit:
        permit.release()
        permit.release()
        async with limits.handshake_slot():
            assert limits._handshakes.locked()
    assert limits._handshakes._value == 1


async def test_one_that_waits_too_long_makes_room(monkeypatch) -> None:  # noqa: ANN001
    """The next begins although the first is still there."""
    monkeypatch.setattr(handshake_slots, "SLOT_SECONDS", 0.0)
    limits = ConcurrencyLimits(handshakes=1)
    async with limits.handshake_slot(), asyncio.timeout(60), limits.handshake_slot():
        pass
    assert limits._handshakes._value == 1


def test_the_system_lets_us_have_some_files() -> None:
    """Raised as far as it may be."""
    assert open_files() >= 64
