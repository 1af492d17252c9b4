"""Receivers and stores for tests of alerts."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.loopback.collector.notify.receiver import Receiver
from tests.loopback.collector.store.conftest import engine, store, store_url

__all__ = ["engine", "store", "store_url"]
"""The engines of the store's own tests: alerts run on both."""


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """A receiver that takes everything."""
    found = Receiver()
    await found.start()
    yield found
    await found.stop()
