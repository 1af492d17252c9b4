"""An invented history for trying pages."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from probe.collector.demo_history import DemoScale, seed_demo
from probe.collector.store import history
from probe.collector.store.database_url import open_store
from probe.model.event import Span
from probe.model.verdict import Status

NOW = datetime(2026, 11, 30, tzinfo=UTC)
SCALE = DemoScale(services=6, networks=20, vantages=30, days=150)


async def seeded(path: Path, scale: DemoScale) -> list[Span]:
    """The open spans of a new database with this history."""
    store = open_store(str(path))
    try:
        told: list[int] = []
        await seed_demo(store, scale, NOW, told.append)
        assert sum(told) == scale.vantages
        return await store.read(history.open_spans)
    finally:
        await store.close()


async def test_the_same_seed_makes_the_same_history(tmp_path: Path) -> None:
    """Another seed makes another one; something is blocked now, and most is not."""
    one = await seeded(tmp_path / "a", SCALE)
    same = await seeded(tmp_path / "b", SCALE)
    other = await seeded(tmp_path / "c", DemoScale(services=6, networks=20, vantages=30, days=150, seed=2))

    assert one == same != other
    assert len(one) == SCALE.services * SCALE.vantages
    blocked = sum(span.status is Status.BLOCKED for span in one)
    assert 0 < blocked < len(one) / 2
