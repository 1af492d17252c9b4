"""An outbox carried in a file: signed, forwarded by another host, taken once by whatever way."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from probe.agent.collector_client import CollectorClient
from probe.agent.enrolment import enrol
from probe.agent.identity import KEY_FILE
from probe.agent.outbox import AgentState, Outbox
from probe.agent.outbox_transfer import ForwardResult, entries, forward, signed_batches
from probe.agent.state_file import STATE_FILE
from probe.agent.uplink import Uplink
from probe.agent.uplink_replies import Action
from probe.clock import Clock
from probe.errors import StateError
from probe.formats import outbox_file
from probe.formats.outbox_file import SignedBatch
from tests.loopback.agent.made import settings
from tests.loopback.agent.tiny_collector import TinyCollector
from tests.unit.agent.batches import NOON, draft


@pytest.fixture
async def tiny() -> AsyncIterator[TinyCollector]:
    async with TinyCollector() as collector:
        yield collector


async def folder_with_batches(folder: Path, tiny: TinyCollector) -> Path:
    """The state of an enrolled agent with three batches, one of them with a transition."""
    async with CollectorClient([tiny.origin], ca_file="", timeout=30) as client:
        await enrol(client, tiny.origin, tiny.token, folder=folder, settings=settings(folder), clock=Clock(NOON))
    with Outbox(folder / STATE_FILE) as outbox:
        outbox.assign_agent("agent0")
        drafts = [draft("a"), draft(changed="b", evidence_bytes=2000), draft("c")]
        outbox.commit(AgentState(), drafts, reports={}, now=NOON)
    return folder


async def forwarded(tiny: TinyCollector, batches: list[SignedBatch]) -> ForwardResult:
    """The result of forwarding batches from another host."""
    async with CollectorClient([tiny.origin], ca_file="", timeout=30) as client:
        return await forward(client, tiny.origin, batches)


async def test_batches_are_listed_in_order_and_only_those_that_wait(tmp_path: Path, tiny: TinyCollector) -> None:
    folder = await folder_with_batches(tmp_path, tiny)
    with Outbox(folder / STATE_FILE) as outbox:
        outbox.acknowledge(1, NOON)

    assert [(one.batch.seq, one.acknowledged) for one in entries(folder, acknowledged=True)] == [
        (1, True),
        (2, False),
        (3, False),
    ]
    assert [one.batch.seq for one in entries(folder, acknowledged=False)] == [2, 3]
    assert [one.seq for one in signed_batches(folder)] == [2, 3]


async def test_a_carried_file_is_taken_once_and_the_agent_then_finds_its_reports_known(
    tmp_path: Path, tiny: TinyCollector
) -> None:
    folder = await folder_with_batches(tmp_path, tiny)
    content = b"".join(outbox_file.write(signed_batches(folder)))
    carried = list(outbox_file.read(io.BytesIO(content), "stick"))

    for _ in range(2):
        assert await forwarded(tiny, carried) == ForwardResult(taken=3)
    with Outbox(folder / STATE_FILE) as outbox:
        assert outbox.unsent_count() == 3
        async with CollectorClient([tiny.origin], ca_file="", timeout=30) as client:
            delivery = await Uplink(tiny.origin, outbox, folder, settings(folder), Clock(NOON)).deliver(client)

    assert delivery.action is Action.DONE
    assert [len(kept) for kept in tiny.stored.values()] == [3]
    assert tiny.targets() == ["a", "c"]


async def test_a_file_has_neither_key_nor_token(tmp_path: Path, tiny: TinyCollector) -> None:
    folder = await folder_with_batches(tmp_path, tiny)

    content = b"".join(outbox_file.write(signed_batches(folder)))

    assert (folder / KEY_FILE).read_bytes().strip() not in content
    assert tiny.token.encode() not in content


async def test_a_batch_for_another_collector_or_out_of_order_is_refused_and_named(
    tmp_path: Path, tiny: TinyCollector
) -> None:
    batches = list(signed_batches(await folder_with_batches(tmp_path, tiny)))
    elsewhere = SignedBatch(agent="agent0", origin="https://other.example", seq=1, signature="", body="")

    result = await forwarded(tiny, [elsewhere, batches[2], batches[0]])

    assert result.taken == 1
    assert result.refused == [
        "batch 1 of agent0: signed for https://other.example",
        "batch 3 of agent0: 409 -",
    ]


async def test_a_collector_that_does_not_answer_ends_it_with_the_reason(tmp_path: Path, tiny: TinyCollector) -> None:
    batches = list(signed_batches(await folder_with_batches(tmp_path, tiny)))
    tiny.script = lambda batch: (503, {"error": {"code": "busy", "message": "later"}}, {}) if batch.seq == 2 else None

    result = await forwarded(tiny, batches)

    assert (result.taken, result.problem) == (1, f"{tiny.origin}: 503 later")


def test_an_agent_that_was_never_enrolled_can_sign_nothing(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="not enrolled"):
        next(signed_batches(tmp_path))
    with pytest.raises(StateError, match="no state yet"):
        entries(tmp_path, acknowledged=False)
