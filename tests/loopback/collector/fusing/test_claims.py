"""Several fusers on one database share the marks, and none publishes what another has published."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from probe.clock import Clock
from probe.collector.fusing.claims import claimed_marks, key_of, publish_claimed
from probe.collector.state import Collector
from probe.collector.store import StoreSession, events, history
from probe.collector.store.database_url import open_store
from probe.collector.store.events import DirtyMark
from probe.fuse.revision import NewRevision, RevisionKind
from probe.model.event import Confidence, Event, Network, Scope
from probe.model.verdict import Status

MAY = datetime(2017, 5, 4, tzinfo=UTC)
EVENT = Event(
    id="a" * 16,
    revision=1,
    service="s0",
    scope=Scope.NETWORK,
    network=Network(asn=64500, country="RU"),
    status=Status.BLOCKED,
    causes=(),
    confidence=Confidence.ONE_SOURCE,
    onset=MAY,
    known=MAY,
)
Two = tuple[Collector, Collector]


@pytest.fixture(params=["sqlite", "postgres"])
async def two(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Two]:
    """Two collectors on one database with six marks."""
    url = str(tmp_path / "c.db") if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    stores = open_store(url), open_store(url)
    await stores[0].write(lambda session: [history.mark_dirty(session, f"s{n}", "RU", n) for n in range(6)])
    yield (
        Collector(stores[0], Clock(MAY), "http://collector.test", b"k"),
        Collector(stores[1], Clock(MAY), "http://collector.test", b"k"),
    )
    for each in stores:
        await each.close()


def publish(session: StoreSession, mark: DirtyMark) -> None:
    """Store the first revision of the event, and clear the mark."""
    events.publish(session, NewRevision(event=EVENT, kind=RevisionKind.BEGAN), 1)
    events.clear_dirty(session, mark)


async def left(collector: Collector) -> list[str]:
    """The services that are still marked."""
    return [each.service for each in await collector.store.read(lambda session: events.dirty_marks(session, 99))]


async def test_each_mark_is_one_collector_s_until_it_is_fused(two: Two) -> None:
    """The second collector gets the marks that the first one has not taken, and none twice."""
    one, other = two
    first = await claimed_marks(one, 4)
    second = await claimed_marks(other, 4)

    assert [mark.service for mark in first] == ["s0", "s1", "s2", "s3"]
    assert [mark.service for mark in second] == ["s4", "s5"]
    assert await publish_claimed(one, first, events.clear_dirty) == first
    assert await left(one) == ["s4", "s5"]
    assert await claimed_marks(one, 4) == []


async def test_what_another_collector_has_taken_over_is_not_stored(two: Two) -> None:
    """The mark is the other's to delete, also when it is made anew meanwhile."""
    one, other = two
    first = await claimed_marks(one, 1)
    (taken,) = await claimed_marks(other, 1, by_force=True)
    assert key_of(taken) == "RU s0"

    assert await publish_claimed(one, first, publish) == []
    assert await publish_claimed(other, [taken], publish) == [taken]
    assert await one.store.read(events.latest_revision) == 1
    assert "s0" not in await left(one)


async def test_a_revision_that_is_there_already_leaves_the_mark_to_be_fused_anew(two: Two) -> None:
    """The fuser goes on."""
    one, _ = two
    await one.store.write(lambda session: events.publish(session, NewRevision(event=EVENT, kind=RevisionKind.BEGAN), 1))
    marks = await claimed_marks(one, 1)

    assert await publish_claimed(one, marks, publish) == []
    assert one.fusion_requested.is_set()
    assert "s0" in await left(one)
    assert await claimed_marks(one, 1) == marks
