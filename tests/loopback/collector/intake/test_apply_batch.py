"""What a batch does to the database."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from probe.collector.intake.apply_batch import (
    MAX_EVIDENCE_BYTES,
    MAX_VERDICT_BYTES,
    BatchOutcome,
    BatchResult,
    VerifiedBatch,
    apply_batch,
    pack,
)
from probe.collector.store import StoreSession, agents, to_ms
from probe.collector.store.agents import AgentRow
from probe.collector.store.sqlite import SqliteSession, SqliteStore, open_store
from probe.formats.batch import Batch, RoundReport, encode
from probe.model.event import Network
from probe.model.observation import Connection
from probe.model.verdict import Cause, Status, Verdict
from tests.loopback.collector.vantages import INTERVAL, blocked_verdict, change, rounds, settled

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
T = "https://a.example/"
HOUR = timedelta(hours=1)


class Bench:
    """A database, an agent, and its next batch."""

    def __init__(self, store: SqliteStore) -> None:
        self.store = store
        self.seq = 0
        self.parcels: list[VerifiedBatch] = []

    def parcel(self, received: datetime = NOW, posted: datetime | None = None, **parts: Any) -> VerifiedBatch:
        """The agent's next batch, as it came."""
        self.seq += 1
        whole = {"agent": "a", "epoch": "e", "seq": self.seq, "sent": NOW, "interval": INTERVAL}
        batch = Batch(**({"network": Network(asn=64500, country="RU")} | whole | parts))
        body = encode(batch)
        made = VerifiedBatch(
            batch=batch, digest=sha256(body).digest(), raw=body, signature=b"", posted=posted, received=received
        )
        self.parcels.append(made)
        return made

    async def take(self, parcel: VerifiedBatch) -> BatchOutcome:
        """Absorb it."""

        def job(session: StoreSession) -> BatchOutcome:
            agent = agents.agent(session, "a")
            assert agent is not None
            return apply_batch(session, agent, parcel)

        return await self.store.write(job)

    async def send(self, **parts: Any) -> BatchOutcome:
        """Make and apply_batch the next batch."""
        return await self.take(self.parcel(**parts))

    async def spans(self) -> list[tuple[int, int | None, str]]:
        """Start and stop in seconds from noon, and status."""
        found = await self.store.read(lambda s: s.rows("SELECT start, stop, status FROM span ORDER BY target, start"))
        zero = to_ms(NOW)
        return [
            ((start - zero) // 1000, None if stop is None else (stop - zero) // 1000, s) for start, stop, s in found
        ]

    async def runs(self) -> list[tuple[Any, ...]]:
        """Presence: rounds and state of each unbroken run."""
        return await self.store.read(lambda s: s.rows("SELECT rounds, state FROM presence ORDER BY start"))


def enrolled(session: StoreSession) -> None:
    """One agent."""
    agents.add_agent(session, AgentRow(0, "a", b"k" * 32, "vantage", "", 0, "", "active", "", 0, 0))


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    """An empty database that knows one agent."""
    store = open_store(tmp_path / "c.db")
    await store.write(enrolled)
    yield Bench(store)
    await store.close()


async def test_a_change_ends_the_span_that_lasts_where_the_next_one_begins(bench: Bench) -> None:
    """At its onset."""
    await bench.send(settled=(settled(T, NOW - 2 * HOUR),))
    await bench.send(changes=(change(T, Status.BLOCKED, NOW - HOUR, Cause.TCP_RESET),))

    assert await bench.spans() == [(-7200, -3600, "reachable"), (-3600, None, "blocked")]


async def test_a_batch_that_comes_again_changes_nothing_but_when_the_agent_was_heard(bench: Bench) -> None:
    """The duplicate path writes, too."""
    await bench.send(settled=(settled(T, NOW - HOUR),), rounds=rounds(NOW - HOUR, 3))
    again = msgspec.structs.replace(bench.parcels[0], received=NOW + HOUR)

    assert (await bench.take(again)).answer is BatchResult.AGAIN
    assert await bench.runs() == [(3, "online")]
    assert await bench.store.read(lambda s: s.rows("SELECT seen FROM agent")) == [(to_ms(NOW + HOUR),)]


async def test_a_quiet_round_is_one_row_updated(bench: Bench) -> None:
    """However many there are."""
    for n in range(50):
        await bench.send(rounds=rounds(NOW - 10 * HOUR + n * timedelta(seconds=INTERVAL), 1))

    assert await bench.runs() == [(50, "online")]


async def test_presence_breaks_where_rounds_are_missing_or_the_vantage_changes(bench: Bench) -> None:
    """More than two intervals apart, another state, another network."""
    await bench.send(rounds=rounds(NOW - 9 * HOUR, 3))
    await bench.send(rounds=rounds(NOW - 7 * HOUR, 2) + rounds(NOW - 7 * HOUR + timedelta(minutes=10), 2, "offline"))
    await bench.send(rounds=rounds(NOW - 7 * HOUR + timedelta(minutes=20), 1), network=Network(asn=1, country="SE"))

    assert await bench.runs() == [(3, "online"), (2, "online"), (2, "offline"), (1, "online")]


async def test_what_was_settled_when_the_agent_began_opens_a_span_and_its_repetition_none(bench: Bench) -> None:
    """A new outbox says again what the old one said."""
    await bench.send(settled=(settled(T, NOW - HOUR),))
    await bench.send(settled=(settled(T, NOW - timedelta(minutes=5)),))

    assert await bench.spans() == [(-3600, None, "reachable")]


async def test_a_settled_status_that_contradicts_the_span_that_lasts_ends_it(bench: Bench) -> None:
    """The change between them was lost with the old outbox; it is dated after what was known."""
    await bench.send(changes=(change(T, Status.BLOCKED, NOW - HOUR),))
    await bench.send(settled=(settled(T, NOW - 5 * HOUR),))

    assert await bench.spans() == [(-3600, 0, "blocked"), (0, None, "reachable")]


async def test_a_vantage_in_another_network_begins_spans_of_its_own(bench: Bench) -> None:
    """A laptop that moved."""
    await bench.send(settled=(settled(T, NOW - HOUR),))
    await bench.send(settled=(settled(T, NOW - HOUR),), network=Network(asn=1, country="SE"))

    assert await bench.spans() == [(-3600, 0, "reachable"), (0, None, "reachable")]


async def test_an_onset_before_the_span_that_lasts_does_not_rewrite_it(bench: Bench) -> None:
    """It is cut to a millisecond, not removed."""
    await bench.send(settled=(settled(T, NOW - HOUR),))
    await bench.send(changes=(change(T, Status.BLOCKED, NOW - 2 * HOUR, known=NOW),))

    assert await bench.spans() == [(-3600, -3600, "reachable"), (-3600, None, "blocked")]


async def test_late_reports_are_kept_for_thirty_days(bench: Bench) -> None:
    """Older ones are acknowledged and counted, so that no agent waits for ever."""
    day = timedelta(days=1)
    outcome = await bench.send(
        sent=NOW - 40 * day,
        rounds=rounds(NOW - 40 * day, 2) + rounds(NOW - 29 * day, 1),
        changes=(change(T, Status.BLOCKED, NOW - 40 * day), change(T, Status.BLOCKED, NOW - 29 * day)),
    )

    assert (outcome.answer, outcome.rounds, outcome.changes, outcome.ignored) == (BatchResult.STORED, 1, 1, 4)


async def test_what_has_not_come_yet_is_not_kept(bench: Bench) -> None:
    """A time after all corrections five minutes ahead of ours."""
    outcome = await bench.send(changes=(change(T, Status.BLOCKED, NOW + HOUR),), settled=(settled("b", NOW + HOUR),))

    assert (outcome.changes, outcome.ignored) == (0, 3)
    assert await bench.spans() == []


async def test_times_of_a_clock_that_is_off_are_shifted_and_the_shift_is_kept(bench: Bench) -> None:
    """By as much as it was off at the request."""
    await bench.take(
        bench.parcel(posted=NOW + HOUR, sent=NOW + HOUR, changes=(change(T, Status.BLOCKED, NOW + HOUR / 2),))
    )

    assert await bench.spans() == [(-1800, None, "blocked")]
    assert await bench.store.read(lambda s: s.rows("SELECT skew FROM agent")) == [(-3_600_000,)]


async def test_the_signed_body_is_kept_where_it_says_something(bench: Bench) -> None:
    """Not of quiet rounds."""
    await bench.send(rounds=rounds(NOW - HOUR, 1))
    await bench.send(changes=(change(T, Status.BLOCKED, NOW - HOUR),))

    kept = await bench.store.read(lambda s: s.rows("SELECT body FROM batch ORDER BY seq"))
    assert kept == [(None,), (bench.parcels[1].raw,)]


async def test_evidence_is_kept_under_its_digest_once(bench: Bench) -> None:
    """Two changes with the same verdict share it."""
    verdict = blocked_verdict(T, "a.example", NOW)
    await bench.send(changes=(change(T, Status.BLOCKED, NOW - HOUR, verdict=verdict),))
    await bench.send(changes=(change("b", Status.BLOCKED, NOW - HOUR, verdict=verdict),))

    ((digest, body),) = await bench.store.read(lambda s: s.rows("SELECT sha256, body FROM evidence"))
    assert sha256(zlib.decompress(body)).digest() == digest
    assert msgspec.json.decode(zlib.decompress(body), type=Verdict) == verdict


def test_evidence_beyond_the_cap_loses_its_end_and_says_so() -> None:
    """It stays a verdict."""
    verdict = blocked_verdict(T, "a.example", NOW)
    noise = tuple(Connection(address=f"{sha256(bytes([n % 256, n // 256])).hexdigest()}", port=n) for n in range(900))
    large = msgspec.structs.replace(verdict, evidence=msgspec.structs.replace(verdict.evidence, observations=noise))

    body = pack(large)

    kept = msgspec.json.decode(body, type=Verdict)
    assert len(zlib.compress(body, 6)) <= MAX_EVIDENCE_BYTES
    assert 0 < len(kept.evidence.observations) < 900
    assert kept.evidence.notes == ("trimmed",)


def test_evidence_that_compresses_well_is_cut_by_its_size_too() -> None:
    """Eight kilobytes may inflate to eight megabytes."""
    verdict = blocked_verdict(T, "a.example", NOW)
    same = tuple(Connection(address="192.0.2.1", port=443, detail="x" * 1000) for _ in range(900))
    large = msgspec.structs.replace(verdict, evidence=msgspec.structs.replace(verdict.evidence, observations=same))
    assert len(zlib.compress(msgspec.json.encode(large), 6)) <= MAX_EVIDENCE_BYTES

    body = pack(large)

    assert len(body) <= MAX_VERDICT_BYTES
    assert msgspec.json.decode(body, type=Verdict).evidence.notes == ("trimmed",)


async def test_most_agents_word_says_which_service_a_target_belongs_to(bench: Bench) -> None:
    """One that lies is outvoted, in whatever order they speak; what changes is fused again."""
    await bench.store.write(
        lambda s: [
            agents.add_agent(s, AgentRow(0, name, name.encode() * 32, "vantage", "", 0, "", "active", "", 0, 0))
            for name in ("b", "c")
        ]
    )
    await bench.send(changes=(change(T, Status.BLOCKED, NOW - HOUR),))
    for name, service in (("a", "Liar"), ("b", "WeChat"), ("c", "WeChat")):
        parcel = bench.parcel(agent=name, seq=3 if name == "a" else 1, services={T: service})
        if name == "a":
            await bench.send(seq=2)

        def job(session: StoreSession, name: str = name, parcel: VerifiedBatch = parcel) -> BatchOutcome:
            agent = agents.agent(session, name)
            assert agent is not None
            return apply_batch(session, agent, parcel)

        assert (await bench.store.write(job)).answer is BatchResult.STORED

    assert await bench.store.read(lambda s: s.rows("SELECT service FROM target")) == [("WeChat",)]
    assert {row[0] for row in await bench.store.read(lambda s: s.rows("SELECT service FROM dirty"))} == {
        T,
        "Liar",
        "WeChat",
    }


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 5), max_size=12))
def test_any_loss_and_repetition_on_the_way_leaves_what_the_batches_in_order_leave(resent: list[int]) -> None:
    """An agent sends again from wherever the collector says; nothing is doubled and nothing missing."""

    def played(order: list[int]) -> list[list[tuple[Any, ...]]]:
        store = open_store(":memory:")
        session = SqliteSession(store._connection)
        enrolled(session)
        bench = Bench(store)
        made = [
            bench.parcel(
                rounds=(RoundReport(start=NOW - (9 - n) * HOUR / 12, seconds=5, targets=1, measured=1),),
                changes=(change(T, Status.BLOCKED if n % 2 else Status.REACHABLE, NOW - (9 - n) * HOUR),),
            )
            for n in range(6)
        ]
        agent = agents.agent(session, "a")
        assert agent is not None
        expected = 0
        for n in [*order, *range(6), *range(6)]:
            outcome = apply_batch(session, agent, made[n])
            assert outcome.answer is (
                BatchResult.AGAIN if n < expected else BatchResult.GAP if n > expected else BatchResult.STORED
            )
            expected += outcome.answer is BatchResult.STORED
        tables = ("span", "presence", "batch", "evidence", "outbox_position")
        kept = [session.rows(f"SELECT * FROM {table} ORDER BY 1, 2, 3") for table in tables]  # noqa: S608
        store._jobs.put(None)
        store._writer.join()
        store._readers.shutdown()
        store._connection.close()
        return kept

    assert played(resent) == played([])
