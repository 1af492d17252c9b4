"""Following other collectors' logs: two real collectors, one that is lost, and logs that lie."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from probe.clock import Clock
from probe.collector.log import following
from probe.collector.log.following import ACTIVE, FORKED, Follower, add_followed, begin_following
from probe.collector.log.log_client import log_session
from probe.collector.log.own_log import OwnLog, own_key
from probe.collector.log.verification import prove
from probe.collector.server import running
from probe.collector.state import Collector
from probe.collector.store import agents, events, followed, log_tables
from probe.collector.store.log_tables import LogHead
from probe.errors import RecordError, UplinkError, UsageError
from probe.formats.checkpoint import open_checkpoint
from probe.formats.signed_note import NoteKey
from probe.formats.tlog_proof import parse_proof
from probe.fuse.revision import RevisionKind
from tests.loopback.collector.conftest import Server
from tests.loopback.collector.log.hostile_log import HostileLog, entry
from tests.loopback.collector.log.independent_client import IndependentClient, check_proof
from tests.loopback.collector.log.published import EVENT, MAY, publish, publish_many

NOW = MAY
ID = "a" * 16


async def follow(server: Server, url: str, key: NoteKey | None = None) -> LogHead:
    """Follow a log, as the command does."""
    async with log_session() as http:
        new = await begin_following(http, url, key, server.collector.clock.now())
    return await server.collector.store.write(lambda session: add_followed(session, new))


async def read(server: Server, head: LogHead) -> tuple[str, LogHead]:
    """Read a followed log to its end; what is wrong, and its row afterwards."""
    async with log_session() as http:
        problem = await Follower(server.collector).read_log(head.no, http)
    found = await server.collector.store.read(lambda session: log_tables.head(session, head.no))
    assert found is not None
    return problem, found


async def logged(collector: Collector) -> None:
    """Append what was published to the collector's log."""
    await OwnLog(collector, None).append_all()


@pytest.fixture
async def other(tmp_path: Path) -> AsyncIterator[Server]:
    """Another collector."""
    async with (
        running(tmp_path / "other.db", "127.0.0.1:0", "https://other.example", Clock(NOW)) as (collector, page),
        aiohttp.ClientSession() as http,
    ):
        yield Server(collector, page, http)


async def test_events_of_another_collector_appear_with_their_source_and_proof(server: Server, other: Server) -> None:
    """Also an event whose id is one of ours: both stand, apart. The copy verifies under the source's own key."""
    await publish_many(other.collector, 300)
    await publish(other.collector, lifted=None)
    await logged(other.collector)
    await publish(server.collector, service="Ours")
    head = await follow(server, other.page)

    problem, row = await read(server, head)

    assert (problem, row.size, row.state) == ("", 301, ACTIVE)
    page = (await server.get(f"/following/{head.source}/e/{ID}"))[1]
    assert "Reported by the collector <b>other.example</b>, verified by its log." in page
    assert "WeChat has been blocked" in page
    assert "Ours was blocked" in (await server.get(f"/e/{ID}"))[1]
    key = str(await own_key(other.collector.store, "https://other.example"))
    copy = IndependentClient(server.http, f"{server.page}/following/{head.source}/log", key)
    _, entries = await copy.verify_all()
    proof = (await server.get(f"/api/v1/following/{head.source}/events/{ID}/proof"))[1]
    assert check_proof(proof, key, entries)[0] == 300


async def test_what_is_followed_is_marked_everywhere_and_counts_nowhere(server: Server, other: Server) -> None:
    """Board, service page, feed and API say whose it is; our own events, log and confidence are as before."""
    await publish(other.collector, lifted=None)
    await logged(other.collector)
    await publish(server.collector, id="b" * 16)
    await logged(server.collector)
    before = (await server.get("/api/v1/events"))[1]
    head = await follow(server, other.page)
    await read(server, head)

    link = f'href="/following/{head.source}/e/{ID}"'
    said = "reported by the collector other.example, verified by its log"
    for path in ("/", "/following"):
        page = (await server.get(path))[1]
        assert link in page, path
        assert said in page, path
    assert said in (await server.get("/following.atom"))[1]
    data = json.loads((await server.get("/api/v1/following/events"))[1])["events"]
    assert [(each["reported_by"]["name"], each["event"]["id"]) for each in data] == [("other.example", ID)]
    assert json.loads((await server.get("/api/v1/following/events?open=1"))[1])["events"] == data
    one = json.loads((await server.get(f"/api/v1/following/{head.source}/events/{ID}"))[1])
    assert [each["kind"] for each in one["revisions"]] == ["began"]
    assert json.loads((await server.get("/api/v1/following"))[1])["following"][0]["entries"] == 1
    assert json.loads((await server.get("/api/v1/events"))[1])["events"] == json.loads(before)["events"]
    assert "other.example" not in (await server.get("/feed.atom"))[1]
    assert await server.collector.store.read(lambda s: events.event(s, ID)) is None


async def test_two_that_follow_each_other_do_not_publish_each_other_s_events(server: Server, other: Server) -> None:
    """Each log has its own collector's revisions alone, so nothing goes round."""
    await publish(server.collector, id="1" * 16)
    await publish(other.collector, id="2" * 16)
    for _ in range(2):
        for one, peer in ((server, other), (other, server)):
            await logged(one.collector)
            await read(peer, await follow(peer, one.page))

    for each in (server, other):
        own = await each.collector.store.read(log_tables.head)
        copies = await each.collector.store.read(log_tables.followed)
        assert own is not None
        assert (own.size, [copy.size for copy in copies]) == (1, [1])


async def test_the_history_of_a_lost_collector_survives_at_its_followers(server: Server, tmp_path: Path) -> None:
    """The source is gone, with its database and its key; its events and proofs stand, under its name."""
    async with AsyncExitStack() as stack:
        lost, page = await stack.enter_async_context(
            running(tmp_path / "lost.db", "127.0.0.1:0", "https://lost.example", Clock(NOW))
        )
        await publish(lost)
        await publish(lost, RevisionKind.WITHDRAWN, revision=2, reason="erased")
        await logged(lost)
        key = await own_key(lost.store, "https://lost.example")
        head = await follow(server, page)
        await read(server, head)
    for end in ("", "-wal", "-shm", ".checkpoint"):
        tmp_path.joinpath(f"lost.db{end}").unlink(missing_ok=True)

    problem, row = await read(server, head)

    assert "cannot be fetched" in problem
    assert row.state == ACTIVE
    page = (await server.get(f"/following/{head.source}/e/{ID}"))[1]
    assert "Reported by the collector <b>lost.example</b>" in page
    assert "Withdrawn there" in page
    proof = (await server.get(f"/api/v1/following/{head.source}/events/{ID}/proof?revision=1"))[1]
    assert prove(parse_proof(proof.encode()), key).entry.kind == "began"
    _, entries = await IndependentClient(
        server.http, f"{server.page}/following/{head.source}/log", str(key)
    ).verify_all()
    assert len(entries) == 2
    assert "cannot be fetched" in (await server.get("/following"))[1]


async def test_a_copy_can_be_followed_in_place_of_the_source(server: Server, other: Server, tmp_path: Path) -> None:
    """So a history spreads further after its source is lost; the key is still the source's."""
    await publish(other.collector)
    await logged(other.collector)
    key = await own_key(other.collector.store, other.collector.origin)
    head = await follow(server, other.page)
    await read(server, head)
    async with running(tmp_path / "third.db", "127.0.0.1:0", "http://third.test", Clock(NOW)) as (collector, page):
        third = Server(collector, page, server.http)

        copied = await follow(third, f"{server.page}/following/{head.source}/log", key)
        problem, row = await read(third, copied)

    assert (problem, row.size, row.origin, row.source) == ("", 1, "other.example/log", head.source)


async def test_the_task_reads_what_is_due_by_itself(server: Server) -> None:
    """The collector follows while it serves; one log that does not answer holds up no other."""
    log = HostileLog(entry())
    async with log.served() as url:
        gone = HostileLog(entry())
        gone.name = "gone.example/log"
        async with gone.served() as gone_url:
            lost = await follow(server, gone_url)
        head = await follow(server, url)
        async with asyncio.timeout(60):
            while not await server.collector.store.read(lambda s: followed.events(s, 0, 9)):  # noqa: ASYNC110 no event
                await asyncio.sleep(0.05)
    rows = await server.collector.store.read(log_tables.followed)

    assert {row.no: row.size for row in rows} == {lost.no: 0, head.no: 1}
    assert server.collector.supervisor.states()["following"] == "running"


async def test_a_log_of_many_bundles_is_read_in_pieces(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is verified before it is stored, also when the log grows meanwhile."""
    monkeypatch.setattr(following, "MAX_BUNDLES", 1)
    log = HostileLog(*(entry(id=f"{number:016x}") for number in range(600)))
    async with log.served() as url:
        head = await follow(server, url)
        assert (await read(server, head))[1].size == 600
        log.bodies += [entry(id=f"{number:016x}") for number in range(600, 900)]
        problem, row = await read(server, head)

    assert (problem, row.size) == ("", 900)
    assert open_checkpoint(row.checkpoint, log.key).size == 900


async def test_a_fork_is_proven_kept_and_ends_the_following(server: Server) -> None:
    """What was copied before stands; the two signed checkpoints are there for everybody."""
    log = HostileLog(entry(), entry("lifted", revision=2))
    async with log.served() as url:
        head = await follow(server, url)
        await read(server, head)
        log.bodies[0] = entry(service="Rewritten")
        problem, row = await read(server, head)
        log.bodies[0] = entry()
        await read(server, head)
        with pytest.raises(UsageError, match="is not followed any more"):
            await follow(server, url)

    assert "two signed checkpoints of 2 entries have different contents" in problem
    assert (row.state, row.size) == (FORKED, 2)
    notes = (await server.get(f"/following/{head.source}/log/fork"))[1]
    assert notes.count("hostile.example/log\n2\n") == 2
    assert "Rewritten" not in (await server.get(f"/following/{head.source}/e/{ID}"))[1]
    assert "its log was rewritten" in (await server.get("/following"))[1]


async def test_an_older_checkpoint_that_contradicts_the_copy_is_a_fork_too(server: Server) -> None:
    log = HostileLog(entry(), entry("lifted", revision=2), entry(id="c" * 16))
    async with log.served() as url:
        head = await follow(server, url)
        await read(server, head)
        log.size = 2
        behind, row = await read(server, head)
        log.bodies[0] = entry(service="Rewritten")
        forked, _ = await read(server, head)

    assert "shows a checkpoint of 2 entries, and had 3 before" in behind
    assert row.state == ACTIVE
    assert "a signed checkpoint of 2 entries contradicts" in forked


async def test_a_rewritten_log_that_has_grown_is_not_taken(server: Server) -> None:
    """No proof leads from what was seen to what is shown now; the copy stays as it was."""
    log = HostileLog(entry(), entry("lifted", revision=2))
    async with log.served() as url:
        head = await follow(server, url)
        await read(server, head)
        log.bodies = [entry(service="Rewritten"), log.bodies[1], entry(id="c" * 16)]
        problem, row = await read(server, head)

    assert "do not begin with the 2 that were published before" in problem
    assert (row.size, row.state) == (2, ACTIVE)


async def test_a_wrong_signature_another_key_and_another_name_are_not_taken(server: Server) -> None:
    log = HostileLog(entry())
    async with log.served() as url:
        head = await follow(server, url)
        log.signed_by = Ed25519PrivateKey.from_private_bytes(b"z" * 32)
        assert "not signed with the key" in (await read(server, head))[0]
        with pytest.raises(RecordError, match="not signed with the key"):
            await follow(server, url)
        with pytest.raises(RecordError, match="not signed with the key"):
            await follow(server, url, NoteKey(name="x", public=b"k" * 32))
    with pytest.raises(UplinkError):
        await follow(server, "http://127.0.0.1:1")
    assert (await server.collector.store.read(log_tables.followed))[0].size == 0


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        ("tile/entries/000.p/3", b"", "a bundle has not 3 entries"),
        ("tile/entries/000.p/3", b"\xff\xffshort", "cut off"),
        ("tile/entries/000.p/3", b"\0\0" * 4, "a bundle has not 3 entries"),
        ("tile/entries/000.p/3", b"\0\1x\0\1y\0\1z", "do not begin with the 3 that"),
        ("tile/entries/000.p/3", b"x" * 20_000_000, "more than"),
        ("checkpoint", b"x" * 300_000, "more than"),
        ("checkpoint", b"nonsense", "no signed note"),
    ],
)
async def test_what_does_not_follow_from_the_checkpoint_is_not_stored(
    server: Server, path: str, body: bytes, said: str
) -> None:
    """Huge, torn or other entries: nothing of them is kept, and the reason is said in one line."""
    log = HostileLog(entry(), entry(id="b" * 16), entry(id="c" * 16))
    async with log.served() as url:
        head = await follow(server, url)
        log.replies[path] = body
        problem, row = await read(server, head)

    assert said in problem
    assert "\n" not in problem
    assert (row.size, row.state, row.problem) == (0, ACTIVE, problem)


async def test_entries_that_are_not_understood_are_kept_and_not_shown(server: Server) -> None:
    """Of a newer version, hostile, or dated ahead: the log stays whole, and no page shows them."""
    ahead = entry(id="d" * 16, onset=MAY + timedelta(days=9), lifted=None)
    log = HostileLog(b'{"format":"probe-event-v9"}', b"\xff" * 60_000, b"", ahead, entry())
    async with log.served() as url:
        head = await follow(server, url)
        problem, row = await read(server, head)

    assert (problem, row.size) == ("", 5)
    found = await server.collector.store.read(lambda session: followed.events(session, 0, 99))
    assert [each.event.id for each in found] == [EVENT.id]
    assert (await server.get(f"/following/{head.source}/e/{'d' * 16}"))[0] == 404
    _, entries = await IndependentClient(
        server.http, f"{server.page}/following/{head.source}/log", str(log.key)
    ).verify_all()
    assert entries == log.bodies


async def test_a_log_that_fills_the_disk_is_stopped_at_its_bound(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "MAX_LOG_BYTES", 1000)
    log = HostileLog(*(entry(id=f"{number:016x}") for number in range(5)))
    async with log.served() as url:
        problem, row = await read(server, await follow(server, url))

    assert "has more than the 1000 bytes" in problem
    assert row.size == 0


async def test_our_own_log_and_too_many_are_refused(
    server: Server, other: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    await logged(server.collector)
    await own_key(server.collector.store, server.collector.origin)
    with pytest.raises(UsageError, match="the log of this collector itself"):
        await follow(server, server.page)
    monkeypatch.setattr(following, "MAX_FOLLOWED", 0)
    with pytest.raises(UsageError, match="no more than 0"):
        await follow(server, other.page)


async def test_two_followers_on_one_database_store_each_entry_once(server: Server) -> None:
    """One of them claims the log; where both read it, the second finds it read."""
    log = HostileLog(*(entry(id=f"{number:016x}") for number in range(40)))
    async with log.served() as url:
        head = await follow(server, url)
        found = await asyncio.gather(*(read(server, head) for _ in range(3)))
        claims = [
            await server.collector.store.write(lambda session: followed.claim(session, head.no, 2**50, 2**49))
            for _ in range(2)
        ]

    assert [problem for problem, _ in found] == ["", "", ""]
    counted = await server.collector.store.read(
        lambda session: session.row("SELECT count(*) FROM tlog_entry WHERE tlog = ?", head.no)
    )
    assert counted == (40,)
    assert claims == [True, False]


async def test_no_fork_is_kept_where_there_is_none(server: Server) -> None:
    log = HostileLog(entry())
    async with log.served() as url:
        head = await follow(server, url)

    assert (await server.get(f"/following/{head.source}/log/fork"))[0] == 404
    assert await server.collector.store.read(lambda s: agents.secret(s, log_tables.fork_name(head.no))) is None
