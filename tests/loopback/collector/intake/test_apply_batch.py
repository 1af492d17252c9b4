"""The effects of a batch on the database."""

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
    CONTRADICTS,
    BatchOutcome,
    BatchResult,
    VerifiedBatch,
    apply_batch,
)
from probe.collector.intake.evidence import MAX_EVIDENCE_BYTES, MAX_VERDICT_BYTES, pack_evidence
from probe.collector.intake.votes import NoVote, Vote, Votes
from probe.collector.store import StoreSession, agents, batches, history, to_ms
from probe.collector.store.agents import AgentRow
from probe.collector.store.sqlite.sqlite_store import SqliteSession, SqliteStore, open_sqlite
from probe.formats.batch import Batch, RoundReport, encode
from probe.model.event import Network
from probe.model.observation import Connection
from probe.model.verdict import Cause, Status, Verdict
from tests.loopback.collector.vantages import INTERVAL, blocked_verdict, change, rounds, settled, stood

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
T = "https://a.example/"
HOUR = timedelta(hours=1)
DATES = "SELECT start, known, before_watch FROM span JOIN target ON target.no = span.target ORDER BY target.text"


class Bench:
    """A database with one agent, and the batches made for it."""

    def __init__(self, store: SqliteStore) -> None:
        self.store = store
        self.seq = 0
        self.made: list[VerifiedBatch] = []

    def verified(self, received: datetime = NOW, posted: datetime | None = None, **parts: Any) -> VerifiedBatch:
        """The agent's next batch, verified."""
        self.seq += 1
        whole = {"agent": "a", "epoch": "e", "seq": self.seq, "sent": NOW, "interval": INTERVAL}
        batch = Batch(**({"network": Network(asn=64500, country="RU")} | whole | parts))
        body = encode(batch)
        made = VerifiedBatch(
            batch=batch,
            evidence=tuple(each.verdict and pack_evidence(each.verdict) for each in batch.changes),
            settled_evidence=tuple(each.verdict and pack_evidence(each.verdict) for each in batch.settled),
            control=(),
            digest=sha256(body).digest(),
            raw=body,
            signature=b"",
            posted=posted,
            received=received,
        )
        self.made.append(made)
        return made

    async def apply(self, verified: VerifiedBatch) -> BatchOutcome:
        """Apply a batch."""

        def job(session: StoreSession) -> BatchOutcome:
            agent = agents.agent(session, "a")
            assert agent is not None
            return apply_batch(session, agent, verified)

        return await self.store.write(job)

    async def send(self, **parts: Any) -> BatchOutcome:
        """Make the next batch and apply it."""
        return await self.apply(self.verified(**parts))

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
    store = open_sqlite(tmp_path / "c.db")
    await store.write(enrolled)
    yield Bench(store)
    await store.close()


async def test_a_change_ends_the_open_span_and_begins_one_at_its_onset(bench: Bench) -> None:
    """The two spans touch."""
    await bench.send(settled=(settled(T, NOW - 2 * HOUR),))
    await bench.send(changes=(change(T, Status.BLOCKED, NOW - HOUR, Cause.TCP_RESET),))

    assert await bench.spans() == [(-7200, -3600, "reachable"), (-3600, None, "blocked")]


async def test_a_repeated_batch_changes_only_the_last_contact(bench: Bench) -> None:
    """The repetition writes to the database as well."""
    await bench.send(settled=(settled(T, NOW - HOUR),), rounds=rounds(NOW - HOUR, 3))
    again = msgspec.structs.replace(bench.made[0], received=NOW + HOUR)

    assert (await bench.apply(again)).answer is BatchResult.AGAIN
    assert await bench.runs() == [(3, "online")]
    assert await bench.store.read(lambda s: s.rows("SELECT seen FROM agent")) == [(to_ms(NOW + HOUR),)]


async def test_a_round_without_changes_updates_one_row(bench: Bench) -> None:
    """However many rounds there are."""
    for n in range(50):
        await bench.send(rounds=rounds(NOW - 10 * HOUR + n * timedelta(seconds=INTERVAL), 1))

    assert await bench.runs() == [(50, "online")]


async def test_a_gap_another_state_or_another_network_begins_a_new_run_of_rounds(bench: Bench) -> None:
    """A gap is longer than two intervals."""
    await bench.send(rounds=rounds(NOW - 9 * HOUR, 3))
    await bench.send(rounds=rounds(NOW - 7 * HOUR, 2) + rounds(NOW - 7 * HOUR + timedelta(minutes=10), 2, "offline"))
    await bench.send(rounds=rounds(NOW - 7 * HOUR + timedelta(minutes=20), 1), network=Network(asn=1, country="SE"))

    assert await bench.runs() == [(3, "online"), (2, "online"), (2, "offline"), (1, "online")]


async def test_a_settled_status_opens_a_span_and_its_repetition_does_not(bench: Bench) -> None:
    """A new outbox repeats what the old one reported."""
    await bench.send(settled=(settled(T, NOW - HOUR),))
    await bench.send(settled=(settled(T, NOW - timedelta(minutes=5)),))

    assert await bench.spans() == [(-3600, None, "reachable")]


async def test_a_status_that_stood_at_first_sight_is_stored_with_its_evidence(bench: Bench) -> None:
    """Its span begins with the first measurement and is known since the batch was made."""
    first = NOW - timedelta(minutes=11)
    verdict = blocked_verdict(T, "wechat.example", first)
    await bench.send(settled=(stood(T, first, Cause.DNS_SPOOFED, verdict=verdict),))

    (span,) = await bench.store.read(lambda session: history.spans(session, T, 0, 10))
    assert (span.start, span.known, span.before_watch) == (first, NOW, True)
    assert span.evidence == pack_evidence(verdict).digest.hex()
    assert await bench.store.read(lambda session: batches.evidence(session, bytes.fromhex(span.evidence)))


async def test_a_settled_status_that_contradicts_the_open_span_ends_it(bench: Bench) -> None:
    """The change between them was lost with the old outbox; it is dated after the last known moment."""
    await bench.send(changes=(change(T, Status.BLOCKED, NOW - HOUR),))
    await bench.send(settled=(settled(T, NOW - 5 * HOUR),))

    assert await bench.spans() == [(-3600, 0, "blocked"), (0, None, "reachable")]


async def test_a_vantage_in_another_network_begins_new_spans(bench: Bench) -> None:
    """A laptop may move."""
    await bench.send(settled=(settled(T, NOW - HOUR),))
    await bench.send(settled=(settled(T, NOW - HOUR),), network=Network(asn=1, country="SE"))

    assert await bench.spans() == [(-3600, 0, "reachable"), (0, None, "reachable")]


async def test_an_onset_before_the_open_span_leaves_a_millisecond_of_it(bench: Bench) -> None:
    """History is not rewritten."""
    await bench.send(settled=(settled(T, NOW - HOUR),))
    await bench.send(changes=(change(T, Status.BLOCKED, NOW - 2 * HOUR, known=NOW),))

    assert await bench.spans() == [(-3600, -3600, "reachable"), (-3600, None, "blocked")]


async def test_changes_at_impossible_times_are_kept_without_an_onset(bench: Bench) -> None:
    """An outbox older than a month, or a clock that NTP had not set; rounds at such times are ignored and counted."""
    day = timedelta(days=1)
    late = await bench.send(
        sent=NOW - 40 * day,
        rounds=rounds(NOW - 40 * day, 2) + rounds(NOW - 29 * day, 1),
        changes=(
            change("a.example", Status.BLOCKED, NOW - 32 * day),
            change("b.example", Status.BLOCKED, NOW - 29 * day),
        ),
    )
    unset = await bench.send(changes=(change("c.example", Status.BLOCKED, datetime(1970, 1, 1, tzinfo=UTC)),))
    ahead = await bench.send(
        changes=(change("d.example", Status.BLOCKED, NOW + HOUR),), settled=(settled("e", NOW + HOUR),)
    )

    assert (late.answer, late.rounds, late.changes, late.ignored) == (BatchResult.STORED, 1, 2, 2)
    assert (unset.changes, unset.ignored, ahead.changes, ahead.ignored) == (1, 0, 1, 1)
    found = await bench.store.read(lambda s: s.rows(DATES))
    month, last = to_ms(NOW - 30 * day), to_ms(NOW - 29 * day) + 20_000
    assert found == [
        (month, to_ms(NOW), 1),
        (to_ms(NOW - 29 * day), to_ms(NOW - 29 * day) + 120_000, 0),
        (last, to_ms(NOW), 1),  # after the last round that is known
        (last, to_ms(NOW), 1),
    ]


async def test_a_block_from_before_the_agent_enrolled_stood_then(bench: Bench) -> None:
    """Nobody saw it here in 1990, nor a day before the enrolment."""
    await bench.store.write(lambda s: s.run("UPDATE agent SET created = ?", to_ms(NOW - HOUR)))
    row = await bench.store.read(lambda s: agents.agent(s, "a"))
    assert row is not None
    old = datetime(1990, 1, 1, tzinfo=UTC)
    made = bench.verified(
        settled=(settled("a.example", old, Status.BLOCKED),),
        changes=(change("b.example", Status.BLOCKED, NOW - 24 * HOUR),),
    )

    await bench.store.write(lambda session: apply_batch(session, row, made))

    found = await bench.store.read(lambda s: s.rows(DATES))
    assert found == [(to_ms(NOW - HOUR), to_ms(NOW), 1), (to_ms(NOW - HOUR), to_ms(NOW - HOUR), 1)]


async def test_a_report_without_a_vote_is_kept_with_the_reason_and_counted(bench: Bench) -> None:
    """The same status with evidence follows later and counts."""
    refused = Votes(changes=(Vote(NoVote.NO_EVIDENCE),))
    made = bench.verified(changes=(change(T, Status.BLOCKED, NOW - HOUR),))
    outcome = await bench.apply(msgspec.structs.replace(made, votes=refused))
    assert outcome.without_vote == {"no_evidence": 1}

    await bench.send(changes=(change(T, Status.BLOCKED, NOW - HOUR / 2),))

    found = await bench.store.read(lambda s: s.rows("SELECT status, no_vote FROM span ORDER BY start"))
    assert found == [("blocked", "no_evidence"), ("blocked", "")]


async def test_an_agent_whose_verdicts_contradict_their_evidence_is_flagged(bench: Bench) -> None:
    """Whether the report counts or not."""
    made = bench.verified(changes=(change(T, Status.BLOCKED, NOW - HOUR),))
    await bench.apply(msgspec.structs.replace(made, votes=Votes(changes=(Vote("judged_otherwise", contradicts=True),))))

    assert await bench.store.read(lambda s: s.rows("SELECT flag FROM agent")) == [(CONTRADICTS,)]


async def test_an_agent_that_enrolled_without_a_network_has_the_first_that_it_names(bench: Bench) -> None:
    """And no other afterwards."""
    await bench.send(network=Network(asn=64500, country="RU"))
    await bench.send(network=Network(asn=64501, country="KZ"))

    assert await bench.store.read(lambda s: s.rows("SELECT asn, cc FROM agent")) == [(64500, "RU")]


async def test_the_times_of_a_clock_that_is_off_are_corrected(bench: Bench) -> None:
    """By the offset at the request, which is stored."""
    await bench.apply(
        bench.verified(posted=NOW + HOUR, sent=NOW + HOUR, changes=(change(T, Status.BLOCKED, NOW + HOUR / 2),))
    )

    assert await bench.spans() == [(-1800, None, "blocked")]
    assert await bench.store.read(lambda s: s.rows("SELECT skew FROM agent")) == [(-3_600_000,)]


async def test_the_signed_body_is_stored_only_with_changes(bench: Bench) -> None:
    """Batches of quiet rounds keep their digest only."""
    await bench.send(rounds=rounds(NOW - HOUR, 1))
    await bench.send(changes=(change(T, Status.BLOCKED, NOW - HOUR),))

    kept = await bench.store.read(lambda s: s.rows("SELECT body FROM batch ORDER BY seq"))
    assert kept == [(None,), (bench.made[1].raw,)]


async def test_two_changes_with_the_same_verdict_share_their_evidence(bench: Bench) -> None:
    """It is stored under its digest."""
    verdict = blocked_verdict(T, "a.example", NOW)
    await bench.send(changes=(change(T, Status.BLOCKED, NOW - HOUR, verdict=verdict),))
    await bench.send(changes=(change("b", Status.BLOCKED, NOW - HOUR, verdict=verdict),))

    ((digest, body),) = await bench.store.read(lambda s: s.rows("SELECT sha256, body FROM evidence"))
    assert sha256(zlib.decompress(body)).digest() == digest
    assert msgspec.json.decode(zlib.decompress(body), type=Verdict) == verdict


def test_evidence_over_the_bound_loses_its_last_observations() -> None:
    """It stays a verdict, with the note `trimmed`."""
    verdict = blocked_verdict(T, "a.example", NOW)
    noise = tuple(Connection(address=f"{sha256(bytes([n % 256, n // 256])).hexdigest()}", port=n) for n in range(900))
    large = msgspec.structs.replace(verdict, evidence=msgspec.structs.replace(verdict.evidence, observations=noise))

    packed = pack_evidence(large)
    body = zlib.decompress(packed.compressed)
    assert packed.digest == sha256(body).digest()

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

    packed = pack_evidence(large)
    body = zlib.decompress(packed.compressed)
    assert packed.digest == sha256(body).digest()

    assert len(body) <= MAX_VERDICT_BYTES
    assert msgspec.json.decode(body, type=Verdict).evidence.notes == ("trimmed",)


def test_evidence_that_is_large_without_observations_is_cut_to_the_bare_verdict() -> None:
    """The status, its causes and the rule stay."""
    noise = "".join(sha256(bytes([n % 256, n // 256])).hexdigest() for n in range(900))
    verdict = blocked_verdict(T, "a.example", NOW)
    evidence = msgspec.structs.replace(
        verdict.evidence, error=noise, families={"ipv6": noise}, failing={"192.0.2.1": noise}
    )

    kept = msgspec.json.decode(
        zlib.decompress(pack_evidence(msgspec.structs.replace(verdict, evidence=evidence)).compressed), type=Verdict
    )

    assert (kept.status, kept.causes, kept.rule) == (verdict.status, verdict.causes, verdict.rule)
    bare = msgspec.structs.replace(
        evidence, observations=(), control=None, failing={}, families={}, error="", notes=("trimmed",)
    )
    assert kept.evidence == bare


async def test_the_votes_of_agents_decide_which_service_a_target_belongs_to(bench: Bench) -> None:
    """One false vote is outvoted, in any order; both services are fused again."""
    await bench.store.write(
        lambda s: [
            agents.add_agent(s, AgentRow(0, name, name.encode() * 32, "vantage", "", 0, "", "active", "", 0, 0))
            for name in ("b", "c")
        ]
    )
    await bench.send(changes=(change(T, Status.BLOCKED, NOW - HOUR),))
    for name, service in (("a", "Liar"), ("b", "WeChat"), ("c", "WeChat")):
        measured = (settled(T, NOW - HOUR),) if name != "a" else ()
        verified = bench.verified(agent=name, seq=3 if name == "a" else 1, services={T: service}, settled=measured)
        if name == "a":
            await bench.send(seq=2)

        def job(session: StoreSession, name: str = name, verified: VerifiedBatch = verified) -> BatchOutcome:
            agent = agents.agent(session, name)
            assert agent is not None
            return apply_batch(session, agent, verified)

        assert (await bench.store.write(job)).answer is BatchResult.STORED

    assert await bench.store.read(lambda s: s.rows("SELECT service FROM target")) == [("WeChat",)]
    assert {row[0] for row in await bench.store.read(lambda s: s.rows("SELECT service FROM dirty"))} == {
        T,
        "Liar",
        "WeChat",
    }


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 5), max_size=12))
def test_any_loss_and_repetition_ends_in_the_state_of_the_batches_in_order(resent: list[int]) -> None:
    """An agent sends again from the number that the collector expects; nothing is stored twice or missing."""

    def played(order: list[int]) -> list[list[tuple[Any, ...]]]:
        store = open_sqlite(":memory:")
        session = SqliteSession(store._connection)
        enrolled(session)
        bench = Bench(store)
        made = [
            bench.verified(
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
