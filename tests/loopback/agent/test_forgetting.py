"""An agent deletes itself, and asks its collectors to do the same, now or later."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from probe.agent import forgetting
from probe.agent.collector_client import CollectorClient
from probe.agent.daemon import run_once
from probe.agent.enrolment import enrol
from probe.agent.forgetting import PENDING_FILE, erase_folder, keep_pending, read_pending, remove_folder, send_request
from probe.agent.further_collectors import folder_of
from probe.agent.identity import KEY_FILE, Enrolment, load_or_create_key, read_enrolment, write_enrolment
from probe.agent.lock import FolderLock
from probe.clock import Clock
from probe.collector.intake.enrolment import make_token
from probe.collector.server import running
from probe.collector.state import Collector
from probe.collector.store import agents
from probe.errors import StateError
from probe.settings import Settings
from tests.loopback.agent.made import agent_context, port, settings

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
AWAY = "http://127.0.0.1:1"


@asynccontextmanager
async def collector_of(folder: Path) -> AsyncIterator[tuple[Collector, str, str]]:
    """A real collector, its URL, and a token."""
    folder.mkdir()  # noqa: ASYNC240 - before anything runs
    async with running(folder / "c.db", "127.0.0.1:0", "http://collector.test", Clock()) as (collector, page):
        origin = page.rstrip("/")
        collector.origin = origin
        yield collector, origin, await _token(collector)


async def _token(collector: Collector) -> str:
    now = collector.clock.now()
    return await collector.store.write(
        lambda session: make_token(session, role="vantage", sponsor="", now=now, ttl=timedelta(hours=1))
    )


async def enrolled(folder: Path, origin: str, token: str, chosen: Settings) -> Enrolment:
    async with CollectorClient((origin,), ca_file="", timeout=30) as client:
        return await enrol(client, origin, token, folder=folder, settings=chosen, clock=Clock())


async def test_after_a_round_and_forgetting_nothing_is_left_on_either_side(tmp_path: Path) -> None:
    """Every file is searched byte by byte for the agent's id, key and targets; the folder itself is gone."""
    context = agent_context(tmp_path)
    async with AsyncExitStack() as stack:
        target = stack.enter_context(port())
        collector, origin, token = await stack.enter_async_context(collector_of(tmp_path / "collector"))
        chosen = settings(tmp_path, target, collectors=[origin])
        known = await enrolled(context.folder, origin, token, chosen)
        for _ in range(3):
            assert (await run_once(chosen, context, lambda _: None))[1] == ""
        public = base64.b64decode(load_or_create_key(context.folder).public)
        marks = (known.agent.encode(), public, base64.b64encode(public), target.encode())
        assert found_in(tmp_path / "collector", *marks)
        assert found_in(context.folder, *marks)

        (request,) = erase_folder(context.folder, chosen, tell=True)
        assert await send_request(request, chosen) == ""
        keep_pending(context.folder, ())
        remove_folder(context.folder)

        assert not context.folder.exists()
        assert await collector.store.read(agents.agents) == []
        assert found_in(tmp_path / "collector", *marks) == []
    assert found_in(tmp_path / "collector", *marks) == []


def found_in(folder: Path, *needles: bytes) -> list[str]:
    """The files below a folder that have one of these byte strings."""
    files = [file for file in sorted(folder.rglob("*")) if file.is_file()]
    return [file.name for file in files if any(one in file.read_bytes() for one in needles)]


async def test_a_collector_that_is_away_is_asked_later_with_what_was_kept(tmp_path: Path) -> None:
    """Nothing but the signed request is kept: no private key, no id."""
    folder = tmp_path / "state"
    async with collector_of(tmp_path / "collector") as (collector, origin, token):
        chosen = settings(tmp_path, collectors=[AWAY])
        known = await enrolled(folder, origin, token, chosen)
        seed = (folder / KEY_FILE).read_bytes().strip()
        away = settings(tmp_path)

        requests = erase_folder(folder, away, tell=True)

        assert {file.name for file in folder.iterdir()} == {PENDING_FILE, "lock"}
        assert found_in(folder, seed, base64.b64decode(seed), known.agent.encode()) == []
        unreachable = [one for one in requests if await send_request(_at(one, AWAY), away)]
        assert len(unreachable) == len(requests) == 1
        again = erase_folder(folder, away, tell=True)
        assert again == requests == read_pending(folder)
        assert await send_request(again[0], away) == ""
        assert await collector.store.read(agents.agents) == []


def _at(request: forgetting.PendingRequest, url: str) -> forgetting.PendingRequest:
    return forgetting.PendingRequest(origin=request.origin, urls=(url,), body=request.body, signature=request.signature)


async def test_a_collector_of_an_earlier_enrolment_is_asked_with_the_earlier_key(tmp_path: Path) -> None:
    """The old key lies beside the new one."""
    folder = tmp_path / "state"
    async with collector_of(tmp_path / "collector") as (collector, origin, token):
        chosen = settings(tmp_path, collectors=[origin])
        await enrolled(folder, origin, token, chosen)
        await enrolled(folder, origin, await _token(collector), chosen)
        assert len(await collector.store.read(agents.agents)) == 2

        requests = erase_folder(folder, chosen, tell=True)

        assert [await send_request(one, chosen) for one in requests] == ["", ""]
        assert await collector.store.read(agents.agents) == []


def test_a_further_collector_is_asked_with_the_key_that_it_knows(tmp_path: Path) -> None:
    """Its outbox, key and enrolment are deleted with the rest."""
    own = folder_of(tmp_path, "https://two.example")
    key = load_or_create_key(own)
    write_enrolment(own, Enrolment(agent="a", origin="https://two.example", url="", role="vantage", time=NOON))

    (request,) = erase_folder(tmp_path, settings(tmp_path), tell=True)

    assert (request.origin, request.urls) == ("https://two.example", ("https://two.example",))
    assert key.public in request.body
    assert not own.exists()


def test_nobody_is_asked_for_an_agent_that_never_had_a_key(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    folder.mkdir()

    assert erase_folder(folder, settings(tmp_path, collectors=[AWAY]), tell=True) == ()
    assert not folder.exists()


def test_forgetting_here_alone_asks_nobody_and_drops_what_waits(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    load_or_create_key(folder)
    write_enrolment(folder, Enrolment(agent="a", origin=AWAY, url=AWAY, role="vantage", time=NOON))
    assert len(erase_folder(folder, settings(tmp_path), tell=True)) == 1

    assert erase_folder(folder, settings(tmp_path), tell=False) == ()
    assert not folder.exists()


def test_files_of_others_in_the_folder_stay(tmp_path: Path) -> None:
    """The setting may name a home folder."""
    folder = tmp_path / "state"
    load_or_create_key(folder)
    (folder / "diary.txt").write_text("dear diary")
    for name in ("pcap", "lists", "collectors"):
        (folder / name).mkdir()
    (folder / "pcap" / "1.pcap").write_bytes(b"packets")
    for name in ("ip2asn.csv", "ip2asn.json", "shopping.json"):
        (folder / "lists" / name).write_text("{}")
    (folder / "collectors" / "stamps.txt").write_text("penny black")

    erase_folder(folder, settings(tmp_path), tell=True)

    kept = sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())
    assert kept == ["collectors/stamps.txt", "diary.txt", "lists/shopping.json"]


async def test_an_agent_at_work_is_not_forgotten(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    key = load_or_create_key(folder).public
    with FolderLock(folder), pytest.raises(StateError, match="another agent is at work here"):
        erase_folder(folder, settings(tmp_path), tell=True)

    assert load_or_create_key(folder).public == key


@pytest.mark.parametrize("content", ["{}", "nonsense", '[{"origin":1}]'])
def test_a_malformed_file_of_requests_is_one_line_and_nothing_is_deleted(tmp_path: Path, content: str) -> None:
    folder = tmp_path / "state"
    load_or_create_key(folder)
    (folder / PENDING_FILE).write_text(content)

    with pytest.raises(StateError, match=r"forget\.json: not a request to be forgotten: .*\(delete it\)"):
        erase_folder(folder, settings(tmp_path), tell=True)
    assert (folder / KEY_FILE).exists()


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (
            b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}",
            "this collector is too old to erase an agent itself",
        ),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>", "the answer (200) is not a collector's, or it refuses"),
        (
            b'HTTP/1.1 500 No\r\nContent-Length: 19\r\n\r\n{"forgotten":false}',
            "the answer (500) is not a collector's, or it refuses",
        ),
        (b"HTTP/1.1 401 No\r\nContent-Length: 2\r\n\r\n{}", "the answer (401) is not a collector's, or it refuses"),
        (b"", "the server closed the connection"),
    ],
)
async def test_an_answer_that_erases_nothing_keeps_the_request(tmp_path: Path, answer: bytes, problem: str) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    folder = tmp_path / "state"
    load_or_create_key(folder)
    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        chosen = settings(tmp_path, collectors=[url])
        (request,) = erase_folder(folder, chosen, tell=True)

        assert (await send_request(request, chosen)).endswith(problem)
    assert read_enrolment(folder) is None


def test_a_damaged_enrolment_keeps_nobody_from_deleting_the_state(tmp_path: Path) -> None:
    """The settings still name the collector that is asked."""
    folder = tmp_path / "state"
    load_or_create_key(folder)
    (folder / "enrolled").write_bytes(b"{torn")

    (request,) = erase_folder(folder, settings(tmp_path, collectors=[AWAY]), tell=True)

    assert request.origin == AWAY
    assert sorted(path.name for path in folder.iterdir()) == [PENDING_FILE, "lock"]


def test_an_enrolment_that_cannot_be_read_deletes_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    load_or_create_key(folder)
    (folder / "enrolled").mkdir()

    with pytest.raises(StateError, match="cannot be read"):
        erase_folder(folder, settings(tmp_path), tell=True)

    assert (folder / KEY_FILE).exists()
