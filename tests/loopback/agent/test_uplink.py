"""Batches on their way to a real collector on loopback: in order, signed, until acknowledged."""

from __future__ import annotations

import socket
import ssl
from base64 import b64decode
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trustme
from aiohttp import web

from probe.agent.collector_client import BATCHES_PATH, MAX_REPLY_BYTES, CollectorClient
from probe.agent.identity import Enrolment, load_or_create_key, write_enrolment
from probe.agent.outbox import AgentState, Outbox
from probe.agent.uplink import Uplink, UploadResult
from probe.agent.uplink_replies import Action
from probe.clock import Clock
from probe.errors import SettingsError
from probe.formats.batch import Batch, ReportedStatus
from probe.model.event import Network
from probe.model.verdict import Status
from tests.loopback.agent.made import settings
from tests.loopback.agent.tiny_collector import TinyCollector

NOON = datetime(2017, 5, 4, 12, tzinfo=UTC)


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


def unused_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


async def deliver(folder: Path, origin: str, outbox: Outbox, *urls: str) -> UploadResult:
    async with CollectorClient(urls or (origin,), ca_file="", timeout=30) as client:
        return await uplink(folder, origin, outbox).deliver(client)


async def test_what_waits_goes_in_order_and_nothing_waits_any_more(
    tmp_path: Path, outbox: Outbox, tiny: TinyCollector
) -> None:
    delivery = await deliver(tmp_path, tiny.origin, outbox)

    assert (delivery.sent, delivery.action, delivery.problem) == (3, Action.DONE, "")
    assert tiny.targets() == ["a", "b", "c"]
    assert outbox.unsent_count() == 0
    assert "Probe-Clock" in tiny.heard[0].headers


async def test_a_collector_that_is_down_is_one_line_and_everything_waits(tmp_path: Path, outbox: Outbox) -> None:
    origin = f"http://127.0.0.1:{unused_port()}"

    delivery = await deliver(tmp_path, origin, outbox)

    assert (delivery.sent, delivery.action) == (0, Action.RETRY)
    assert delivery.problem.startswith(f"{origin}: ")
    assert "\n" not in delivery.problem
    assert outbox.unsent_count() == 3


async def test_another_way_to_the_collector_is_taken_and_remembered(
    tmp_path: Path, outbox: Outbox, tiny: TinyCollector
) -> None:
    """The signature is for the collector, whichever way it is reached."""
    dead = f"http://127.0.0.1:{unused_port()}"
    async with CollectorClient((dead, tiny.origin), ca_file="", timeout=30) as collector:
        delivery = await uplink(tmp_path, tiny.origin, outbox).deliver(collector)

        assert collector.urls == [tiny.origin, dead]
    assert delivery.sent == 3


async def test_a_lost_acknowledgement_is_repeated_without_effect(
    tmp_path: Path, outbox: Outbox, tiny: TinyCollector
) -> None:
    await deliver(tmp_path, tiny.origin, outbox)
    outbox.rewind(2, NOON)

    delivery = await deliver(tmp_path, tiny.origin, outbox)

    assert (delivery.action, outbox.unsent_count()) == (Action.DONE, 0)
    assert tiny.targets() == ["a", "b", "c"]


async def test_a_collector_that_lost_its_memory_gets_everything_again(
    tmp_path: Path, outbox: Outbox, tiny: TinyCollector
) -> None:
    """It answers 409 and what it expects; batches are kept for that."""
    await deliver(tmp_path, tiny.origin, outbox)
    tiny.stored.clear()
    outbox.commit(AgentState(), [draft("d")], reports={}, now=NOON)

    delivery = await deliver(tmp_path, tiny.origin, outbox)

    assert delivery.action is Action.DONE
    assert tiny.targets() == ["a", "b", "c", "d"]


async def test_a_state_restored_from_an_old_copy_goes_on_under_a_new_epoch(
    tmp_path: Path, outbox: Outbox, tiny: TinyCollector
) -> None:
    """Another body under a number that the collector has is a 422: the two histories do not fit."""
    await deliver(tmp_path, tiny.origin, outbox)
    with Outbox(tmp_path / "other.sqlite") as copy:
        copy._db.execute("UPDATE agent_state SET epoch = ?", (next(iter(tiny.stored))[1],))
        copy.commit(AgentState(), [draft("x"), draft("y")], reports={}, now=NOON)

        delivery = await deliver(tmp_path, tiny.origin, copy)

    assert delivery.action is Action.DONE
    assert sorted(tiny.targets()) == ["a", "b", "c", "x", "y"]
    assert len(tiny.stored) == 2


async def test_a_batch_that_is_never_taken_is_sent_bare_so_that_no_gap_remains(
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


async def test_a_batch_that_is_refused_even_bare_is_left_alone_for_a_while(
    tmp_path: Path, outbox: Outbox, tiny: TinyCollector
) -> None:
    tiny.script = lambda _: (400, {"error": {"code": "bad_batch", "message": "no"}}, {})

    delivery = await deliver(tmp_path, tiny.origin, outbox)

    assert (delivery.action, outbox.unsent_count()) == (Action.RETRY, 3)
    assert delivery.problem == f"{tiny.origin}: the collector does not take reports: 400 no"


async def test_a_collector_that_asks_again_and_again_is_left_alone_for_a_while(
    tmp_path: Path, outbox: Outbox, tiny: TinyCollector
) -> None:
    tiny.script = lambda _: (409, {"expected": 1}, {})

    delivery = await deliver(tmp_path, tiny.origin, outbox)

    assert delivery.action is Action.RETRY
    assert len(tiny.heard) < 10


@pytest.mark.parametrize(("status", "action"), [(503, Action.RETRY), (401, Action.ENROL), (403, Action.STOP)])
async def test_a_refusal_stops_the_sending_and_says_why(
    status: int, action: Action, tmp_path: Path, outbox: Outbox, tiny: TinyCollector
) -> None:
    tiny.script = lambda _: (status, {"error": {"code": "x", "message": "not now"}}, {"Retry-After": "7"})

    delivery = await deliver(tmp_path, tiny.origin, outbox)

    assert (delivery.action, delivery.wait, outbox.unsent_count()) == (action, 7, 3)
    assert delivery.problem == f"{tiny.origin}: the collector does not take reports: {status} not now"


async def test_an_endless_answer_and_a_redirect_are_nobodys_acknowledgement(tmp_path: Path, outbox: Outbox) -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        try:
            while True:
                await answer.write(b"x" * MAX_REPLY_BYTES)
        except ConnectionError:
            return answer

    async def elsewhere(request: web.Request) -> web.Response:
        raise web.HTTPTemporaryRedirect("http://192.0.2.1/")

    app = web.Application()
    app.router.add_post("/endless" + BATCHES_PATH, endless)
    app.router.add_post("/elsewhere" + BATCHES_PATH, elsewhere)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    origin = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        for path in ("/endless", "/elsewhere"):
            delivery = await deliver(tmp_path, origin, outbox, origin + path)
            assert (delivery.action, outbox.unsent_count()) == (Action.RETRY, 3)
    finally:
        await runner.cleanup()


async def test_only_the_pinned_authority_is_believed(tmp_path: Path, outbox: Outbox) -> None:
    authority, other = trustme.CA(), trustme.CA()
    for name, ca in (("right.pem", authority), ("wrong.pem", other)):
        ca.cert_pem.write_to_path(str(tmp_path / name))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)

    async def take(request: web.Request) -> web.Response:
        return web.json_response({"acked": 3})

    app = web.Application()
    app.router.add_post(BATCHES_PATH, take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    origin = f"https://127.0.0.1:{runner.addresses[0][1]}"
    try:
        async with CollectorClient((origin,), ca_file=str(tmp_path / "wrong.pem"), timeout=30) as collector:
            assert (await uplink(tmp_path, origin, outbox).deliver(collector)).action is Action.RETRY
        async with CollectorClient((origin,), ca_file=str(tmp_path / "right.pem"), timeout=30) as collector:
            assert (await uplink(tmp_path, origin, outbox).deliver(collector)).action is Action.DONE
    finally:
        await runner.cleanup()


async def test_an_authority_file_that_is_none_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no")

    with pytest.raises(SettingsError, match=r"ca\.pem: agent\.ca_file cannot be used: .* \(give a PEM file\)"):
        CollectorClient(("https://a.example",), ca_file=str(tmp_path / "ca.pem"), timeout=1)
