"""A file of signed batches at a real collector: checked like posted ones, stored once."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import msgspec

from probe.collector.intake.import_file import ImportResult, import_batches
from probe.collector.store import agents, history
from probe.formats.batch import Batch, encode, signed_bytes
from probe.formats.outbox_file import SignedBatch
from tests.loopback.collector.conftest import Server
from tests.loopback.collector.vantages import FakeAgent, rounds, settled

Enrolled = Callable[..., Awaitable[FakeAgent]]
NOW = datetime.now(UTC)


def exported(agent: FakeAgent, batch: Batch) -> SignedBatch:
    """The batch as its agent would write it to a file."""
    body = encode(batch)
    return SignedBatch(
        agent=agent.id,
        origin=agent.origin,
        seq=batch.seq,
        signature=base64.b64encode(agent.key.sign(signed_bytes(agent.origin, body))).decode(),
        body=base64.b64encode(gzip.compress(body)).decode(),
    )


async def test_a_file_is_stored_once_whatever_way_its_batches_come(server: Server, enrolled: Enrolled) -> None:
    """Imported twice, and posted afterwards: one effect. What was made days ago keeps its time."""
    agent, made = await enrolled(), NOW - timedelta(days=3)
    batches = [agent.batch(sent=made, rounds=rounds(made, 1), settled=(settled("https://a.example/", made),))]
    batches.append(agent.batch(sent=made, rounds=rounds(made + timedelta(minutes=5), 1)))
    carried = [exported(agent, batch) for batch in batches]

    assert await import_batches(server.collector, carried) == ImportResult(new=2)
    assert await import_batches(server.collector, carried) == ImportResult(known=2)
    assert (await agent.post(server.http, batches[1]))[0] == 200
    (presence,) = await server.collector.store.read(history.latest_presences)
    assert presence.rounds == 2
    assert abs(presence.start / 1000 - made.timestamp()) < 1


async def test_a_backlog_is_taken_in_linear_time(server: Server, enrolled: Enrolled) -> None:
    """Counted in steps of SQLite's machine: a batch costs as much after a thousand others as after fifty."""
    agent, made = await enrolled(), NOW - timedelta(days=6)
    counted = [0]

    def step() -> int:
        counted[0] += 1
        return 0

    server.collector.store._connection.set_progress_handler(step, 1)  # type: ignore[attr-defined]
    costs: list[float] = []
    for size in (50, 1000, 50):
        batches = []
        for number in range(size):
            start = made + (agent.seq + number) * timedelta(minutes=5)
            target = f"https://t{number % 7}.example/"
            batches.append(exported(agent, agent.batch(rounds=rounds(start, 1), settled=(settled(target, made),))))
        before = counted[0]
        assert (await import_batches(server.collector, batches)).new == size
        costs.append((counted[0] - before) / size)

    assert costs[2] < 1.5 * costs[0], costs


async def test_batches_that_cannot_be_stored_are_named_and_the_others_are_stored(
    server: Server, enrolled: Enrolled
) -> None:
    agent, revoked = await enrolled(), await enrolled(asn=64501)
    await server.collector.store.write(lambda session: agents.revoke(session, revoked.id))
    good = exported(agent, agent.batch(rounds=rounds(NOW, 1)))
    forged = msgspec.structs.replace(good, signature=base64.b64encode(b"x" * 64).decode())
    carried = [
        msgspec.structs.replace(good, agent="nobody"),
        exported(revoked, revoked.batch(rounds=rounds(NOW, 1))),
        msgspec.structs.replace(good, origin="https://other.example"),
        forged,
        msgspec.structs.replace(good, body="*"),
        msgspec.structs.replace(good, body=base64.b64encode(b"no gzip").decode()),
        good,
        exported(agent, agent.batch(rounds=rounds(NOW, 1), seq=9)),
    ]

    result = await import_batches(server.collector, carried)

    assert (result.new, result.known, len(result.refused)) == (1, 0, 7)
    assert [line.partition(": ")[2][:30] for line in result.refused] == [
        "this agent is not enrolled her",
        "this agent has been revoked",
        "signed for https://other.examp",
        "the signature is not this agen",
        "the body is not base64",
        "the body is not gzip",
        "batches before this one are mi",
    ]
