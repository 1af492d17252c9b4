"""Delivery to collectors on loopback: in order, signed, until acknowledged; and re-enrolment."""

from __future__ import annotations

import socket
from base64 import b64decode
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from probe.agent.collector_client import CollectorClient
from probe.agent.delivery import UploadResult
from probe.agent.identity import Enrolment, load_or_create_key, read_enrolment, write_enrolment
from probe.agent.outbox import AgentState, Outbox
from probe.agent.uplink import Uplink
from probe.agent.uplink_replies import Action
from probe.clock import Clock
from probe.collector.intake.enrolment import make_token
from probe.collector.server import running
from probe.collector.state import Collector
from probe.collector.store import agents
from probe.formats.batch import Batch, ReportedStatus, decode
from probe.model.event import Network
from probe.model.verdict import Status
from tests.loopback.agent.made import settings
from tests.loopback.agent.tiny_collector import TinyCollector

NOON = datetime(2017, 5, 4, 12, tzinfo=UTC)
ORIGIN = "https://collector.test"


def draft(name: str) -> Batch:
    settled = (ReportedStatus(target=name, status=Status.REACHABLE, since=NOON),)
    return Batch(agent="", epoch="", seq=0, sent=NOON, interval=300, network=Network(), settled=settled)


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    box = Outbox(tmp_path / "state.sqlite")
    box.assign_agent("agent0")
    box.commit(AgentState(), [draft("a"), draft("b"), draft("c")], reports={}, now=NOON)
    return box


@pytest.fixture
async def tiny(tmp_path: Path) -> AsyncIterator[TinyCollector]:
    async with TinyCollector() as collector:
        collector.keys["agent0"] = b64decode(load_or_create_key(tmp_path).public)
        yield collector


def uplink(folder: Path, origin: str, outbox: Outbox, *, token_file: str = "") -> Uplink:
    """An uplink of an agent that enrolled at this origin as agent0."""
    write_enrolment(folder, Enrolment(agent="agent0", origin=origin, url=origin, role="vantage", time=NOON))
    return Uplink(origin, outbox, folder, settings(folder, token_file=token_file), Clock(NOON))


@pytest.fixture
def refusing() -> Iterator[str]:
    """The URL of a port that refuses connections: it is bound, so that nobody else gets it, and does not listen."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"


async def deliver(folder: Path, origin: str, outbox: Outbox, *urls: str) -> UploadResult:
    async with CollectorClient(urls or (origin,), ca_file="", timeout=30) as client:
        return await uplink(folder, origin, outbox).deliver(client)


async def test_unsent_batches_are_delivered_in_order(tmp_path: Path, outbox: Outbox, tiny: TinyCollector) -> None:
    delivery = await deliver(tmp_path, tiny.origin, outbox)

    assert (delivery.sent, delivery.action, delivery.problem) == (3, Action.DONE, "")
    assert tiny.targets() == ["a", "b", "c"]
    assert outbox.unsent_count() == 0
    assert "Probe-Clock" in tiny.heard[0].headers


async def test_the_public_name_that_the_collector_says_is_noted(
    tmp_path: Path, outbox: Outbox, tiny: TinyCollector
) -> None:
    tiny.script = lambda batch: (200, {"acked": batch.seq, "vantage": "abcd2345"}, {})

    await deliver(tmp_path, tiny.origin, outbox)

    assert outbox.notes()["vantage"] == {tiny.origin: "abcd2345"}


async def test_a_collector_that_is_down_is_one_line_and_no_batch_is_lost(
    tmp_path: Path, outbox: Outbox, refusing: str
) -> None:
    delivery = await deliver(tmp_path, refusing, outbox)

    assert (delivery.sent, delivery.action) == (0, Action.RETRY)
    assert delivery.problem.startswith(f"{refusing}: ")
    assert "\n" not in delivery.problem
    assert outbox.unsent_count() == 3


async def test_a_lost_acknowledgement_is_repeated_without_effect(
    tmp_path: Path, outbox: Outbox, tiny: TinyCollector
) -> None:
    await deliver(tmp_path, tiny.origin, outbox)
    outbox.rewind(2, NOON)

    delivery = await deliver(tmp_path, tiny.origin, outbox)

    assert (delivery.action, outbox.unsent_count()) == (Action.DONE, 0)
    assert tiny.targets() == ["a", "b", "c"]


async def test_a_collector_that_lost_its_batches_gets_them_again(
    tmp_path: Path, outbox: Outbox, tiny: TinyCollector
) -> None:
    """It answers 409 with the number that it expects. Acknowledged batches are kept for that."""
    await deliver(tmp_path, tiny.origin, outbox)
    tiny.stored.clear()
    outbox.commit(AgentState(), [draft("d")], reports={}, now=NOON)

    delivery = await deliver(tmp_path, tiny.origin, outbox)

    assert delivery.action is Action.DONE
    assert tiny.targets() == ["a", "b", "c", "d"]


async def test_a_state_restored_from_an_old_copy_continues_under_a_new_epoch(
    tmp_path: Path, outbox: Outbox, tiny: TinyCollector
) -> None:
    """The collector answers 422 to another body under a number that it has: the two histories do not fit."""
    await deliver(tmp_path, tiny.origin, outbox)
    with Outbox(tmp_path / "other.sqlite") as copy:
        copy._db.execute("UPDATE agent_state SET epoch = ?", (next(iter(tiny.stored))[1],))
        copy.commit(AgentState(), [draft("x"), draft("y")], reports={}, now=NOON)

        delivery = await deliver(tmp_path, tiny.origin, copy)

    assert delivery.action is Action.DONE
    assert sorted(tiny.targets()) == ["a", "b", "c", "x", "y"]
    assert len(tiny.stored) == 2


async def test_a_batch_that_is_refused_is_sent_without_content_so_that_no_gap_remains(
    tmp_path: Path, outbox: Outbox, tiny: TinyCollector
) -> None:
    def picky(batch: Batch) -> tuple[int, dict[str, object], dict[str, str]] | None:
        bad = any(item.target == "b" for item in batch.settled)
        return (400, {"error": {"code": "bad_batch", "message": "no b"}}, {}) if bad else None

    tiny.script = picky

    delivery = await deliver(tmp_path, tiny.origin, outbox)

    assert delivery.action is Action.DONE
    assert tiny.targets() == ["a", "c"]
    assert [len(kept) for kept in tiny.stored.values()] == [3]


async def test_a_batch_that_is_refused_even_without_content_is_retried_later(
    tmp_path: Path, outbox: Outbox, tiny: TinyCollector
) -> None:
    tiny.script = lambda _: (400, {"error": {"code": "bad_batch", "message": "no"}}, {})

    delivery = await deliver(tmp_path, tiny.origin, outbox)

    assert (delivery.action, outbox.unsent_count()) == (Action.RETRY, 3)
    assert delivery.problem == f"{tiny.origin}: the collector does not take reports: 400 no"


async def test_a_collector_that_keeps_asking_for_corrections_is_retried_later(
    tmp_path: Path, outbox: Outbox, tiny: TinyCollector
) -> None:
    tiny.script = lambda _: (409, {"expected": 1}, {})

    delivery = await deliver(tmp_path, tiny.origin, outbox)

    assert delivery.action is Action.RETRY
    assert len(tiny.heard) < 10


@pytest.mark.parametrize(("status", "action"), [(503, Action.RETRY), (401, Action.ENROL), (403, Action.STOP)])
async def test_a_refusal_ends_the_delivery_with_the_reason(
    status: int, action: Action, tmp_path: Path, outbox: Outbox, tiny: TinyCollector
) -> None:
    tiny.script = lambda _: (status, {"error": {"code": "x", "message": "not now"}}, {"Retry-After": "7"})

    delivery = await deliver(tmp_path, tiny.origin, outbox)

    assert (delivery.action, delivery.wait, outbox.unsent_count()) == (action, 7, 3)
    assert delivery.problem == f"{tiny.origin}: the collector does not take reports: {status} not now"


# A collector that does not know the agent (401).


def with_token(folder: Path, token: str) -> str:
    """A token file."""
    (folder / "token").write_text(token + "\n")
    return str(folder / "token")


def forget(tiny: TinyCollector) -> None:
    """Make the collector lose its agents; another agent has enrolled since."""
    tiny.keys = {"agent9": b""}


async def test_an_agent_that_the_collector_lost_enrols_with_its_token_and_loses_nothing(
    tmp_path: Path, outbox: Outbox, tiny: TinyCollector
) -> None:
    """The unsent batches are sent under the new id, in order, from number 1 of a new epoch."""
    forget(tiny)
    token_file = with_token(tmp_path, tiny.token)
    async with CollectorClient((tiny.origin,), ca_file="", timeout=30) as client:
        result = await uplink(tmp_path, tiny.origin, outbox, token_file=token_file).deliver(client)

    assert (result.action, result.sent, result.problem) == (Action.DONE, 3, "")
    assert tiny.targets() == ["a", "b", "c"]
    assert [agent for agent, _ in tiny.stored] == ["agent1"]
    enrolment = read_enrolment(tmp_path)
    assert enrolment is not None
    assert enrolment.agent == "agent1"
    outbox.commit(AgentState(), [draft("d")], reports={}, now=NOON)
    batch = outbox.next_unsent()
    assert batch is not None
    assert decode(batch.body).agent == "agent1", "batches made from now on carry the new id"


async def test_a_collector_that_rejects_the_new_id_too_is_asked_once_in_a_delivery(
    tmp_path: Path, outbox: Outbox, tiny: TinyCollector
) -> None:
    tiny.script = lambda _: (401, {"error": {"code": "bad_signature", "message": "no"}}, {})
    token_file = with_token(tmp_path, tiny.token)
    async with CollectorClient((tiny.origin,), ca_file="", timeout=30) as client:
        result = await uplink(tmp_path, tiny.origin, outbox, token_file=token_file).deliver(client)

    assert (result.action, len(tiny.tokens), outbox.unsent_count()) == (Action.ENROL, 1, 3)
    assert result.problem.endswith("the collector does not take reports: 401 no")


async def test_a_refused_token_is_not_sent_again_and_a_new_one_is(
    tmp_path: Path, outbox: Outbox, tiny: TinyCollector
) -> None:
    forget(tiny)
    made = uplink(tmp_path, tiny.origin, outbox, token_file=with_token(tmp_path, "spent"))
    async with CollectorClient((tiny.origin,), ca_file="", timeout=30) as client:
        first, second = await made.deliver(client), await made.deliver(client)
        assert (first.action, second.action, tiny.tokens) == (Action.ENROL, Action.ENROL, ["spent"])
        assert "the token is not known" in first.problem
        assert "401 not enrolled here; the token was refused (put a new token there)" in second.problem
        assert "spent" not in first.problem + second.problem

        with_token(tmp_path, tiny.token)
        assert (await made.deliver(client)).action is Action.DONE

    assert tiny.tokens == ["spent", tiny.token]


async def test_a_refused_token_is_not_sent_again_after_a_restart(
    tmp_path: Path, outbox: Outbox, tiny: TinyCollector
) -> None:
    """An agent of cron is a new process in every round."""
    tiny.keys.clear()
    (tmp_path / "token").write_text("wrong")
    for _ in range(2):
        async with CollectorClient((tiny.origin,), ca_file="", timeout=30) as client:
            refused = await uplink(tmp_path, tiny.origin, outbox, token_file=str(tmp_path / "token")).deliver(client)

    assert tiny.tokens == ["wrong"]
    assert "the token was refused (put a new token there)" in refused.problem


async def test_a_clock_that_differs_from_the_collectors_is_noted_until_it_agrees(
    tmp_path: Path, outbox: Outbox, tiny: TinyCollector
) -> None:
    write_enrolment(tmp_path, Enrolment(agent="agent0", origin=tiny.origin, url="", role="vantage", time=NOON))
    async with CollectorClient((tiny.origin,), ca_file="", timeout=30) as client:
        behind = Clock(NOON - timedelta(minutes=7))
        await Uplink(tiny.origin, outbox, tmp_path, settings(tmp_path), behind).deliver(client)
        (noted,) = [outbox.notes()["clock"]]
        outbox.commit(AgentState(), [draft("d")], reports={}, now=NOON)
        await Uplink(tiny.origin, outbox, tmp_path, settings(tmp_path), Clock(NOON)).deliver(client)

    assert isinstance(noted, dict)
    assert -421 < noted["seconds"] < -300
    assert outbox.notes()["clock"] is None


async def test_an_empty_token_file_does_not_end_the_agent(tmp_path: Path, outbox: Outbox, tiny: TinyCollector) -> None:
    """The daemon continues to measure, and the problem is logged."""
    forget(tiny)
    async with CollectorClient((tiny.origin,), ca_file="", timeout=30) as client:
        result = await uplink(tmp_path, tiny.origin, outbox, token_file=with_token(tmp_path, "")).deliver(client)

    assert (result.action, tiny.tokens, outbox.unsent_count()) == (Action.ENROL, [], 3)
    assert "the token is empty" in result.problem


async def test_a_collector_that_fails_during_enrolment_is_asked_again_with_the_same_token(
    tmp_path: Path, outbox: Outbox, tiny: TinyCollector
) -> None:
    """Status 503 does not mean that the token was refused."""
    forget(tiny)
    tiny.enrol_answer = (503, {"error": {"code": "busy", "message": "later"}})
    made = uplink(tmp_path, tiny.origin, outbox, token_file=with_token(tmp_path, tiny.token))
    async with CollectorClient((tiny.origin,), ca_file="", timeout=30) as client:
        assert (await made.deliver(client)).action is Action.ENROL
        tiny.enrol_answer = None
        assert (await made.deliver(client)).action is Action.DONE


@asynccontextmanager
async def real_collector(db: Path) -> AsyncIterator[tuple[Collector, CollectorClient]]:
    """A collector as `probe collector serve` runs it, and a client for it."""
    async with (
        running(db, "127.0.0.1:0", ORIGIN, Clock(NOON)) as (collector, page),
        CollectorClient((page,), ca_file="", timeout=30) as client,
    ):
        yield collector, client


async def new_token(collector: Collector) -> str:
    return await collector.store.write(
        lambda session: make_token(session, role="vantage", sponsor="", now=NOON, ttl=timedelta(days=1))
    )


async def test_an_agent_whose_collector_lost_its_database_reports_again(tmp_path: Path, outbox: Outbox) -> None:
    """A real collector loses the first enrolment; the second one uses a token that the operator provides."""
    token_file = with_token(tmp_path, "")
    made = Uplink(ORIGIN, outbox, tmp_path, settings(tmp_path, token_file=token_file), Clock(NOON))
    async with real_collector(tmp_path / "first.db") as (collector, client):
        with_token(tmp_path, await new_token(collector))
        assert (await made.deliver(client)).sent == 3
    first = read_enrolment(tmp_path)
    outbox.commit(AgentState(), [draft("d")], reports={}, now=NOON)

    async with real_collector(tmp_path / "second.db") as (collector, client):
        assert (await made.deliver(client)).action is Action.ENROL
        with_token(tmp_path, await new_token(collector))
        assert (await made.deliver(client)).sent == 1
        stored = await collector.store.read(lambda session: [row.id for row in agents.agents(session)])

    second = read_enrolment(tmp_path)
    assert first is not None
    assert second is not None
    assert stored == [second.agent] != [first.agent]


async def test_a_batch_with_a_newer_word_is_stored_as_it_came(tmp_path: Path, outbox: Outbox) -> None:
    """A status that the collector does not know is kept by it, under its own word; nothing waits for an update."""
    token_file = with_token(tmp_path, "")
    newer = msgspec.structs.replace(draft("n").settled[0], status="slowed")
    made = Uplink(ORIGIN, outbox, tmp_path, settings(tmp_path, token_file=token_file), Clock(NOON))
    async with real_collector(tmp_path / "c.db") as (collector, client):
        with_token(tmp_path, await new_token(collector))
        assert (await made.deliver(client)).sent == 3
        outbox.commit(AgentState(), [msgspec.structs.replace(draft("n"), settled=(newer,))], reports={}, now=NOON)
        result = await made.deliver(client)
        assert (result.sent, result.action, outbox.unsent_count()) == (1, Action.DONE, 0)
        words = await collector.store.read(lambda session: session.rows("SELECT status FROM span ORDER BY start"))
    assert "slowed" in {row[0] for row in words}


async def test_a_key_that_the_collector_knows_under_an_id_we_lost_is_replaced(tmp_path: Path, outbox: Outbox) -> None:
    """A real collector answers 409 to the old key; the agent enrols with a new one in the same delivery."""
    made = Uplink(ORIGIN, outbox, tmp_path, settings(tmp_path, token_file=with_token(tmp_path, "")), Clock(NOON))
    async with real_collector(tmp_path / "c.db") as (collector, client):
        with_token(tmp_path, await new_token(collector))
        assert (await made.deliver(client)).sent == 3
        known, key = read_enrolment(tmp_path), load_or_create_key(tmp_path).public
        assert known is not None
        write_enrolment(tmp_path, msgspec.structs.replace(known, agent="lost"))
        outbox.commit(AgentState(), [draft("d")], reports={}, now=NOON)
        with_token(tmp_path, await new_token(collector))
        assert (await made.deliver(client)).action is Action.DONE

    assert load_or_create_key(tmp_path).public != key
    assert outbox.unsent_count() == 0
