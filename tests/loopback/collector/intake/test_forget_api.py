"""An agent is erased at its own request, and nothing of it is left in any file of the collector."""

from __future__ import annotations

import base64
import json
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from probe.clock import Clock
from probe.collector.server import running
from probe.collector.state import public_name
from probe.collector.store import agents, events
from probe.collector.store.sqlite.sqlite_file import APPLICATION_ID, MIGRATIONS
from probe.formats import forget_request
from probe.formats.batch import encode, signed_bytes
from probe.formats.forget_request import ForgetRequest
from probe.fuse.revision import ERASED, RevisionKind
from probe.model.verdict import Cause, Status, Verdict
from tests.loopback.collector.conftest import Server
from tests.loopback.collector.fusing.test_fuser import fused
from tests.loopback.collector.vantages import FakeAgent, blocked_verdict, change, rounds, settled

Enrolled = Callable[..., Awaitable[FakeAgent]]
NOW = datetime.now(UTC)
HOUR = timedelta(hours=1)
SHARED, OWN = "https://shared.example/", "https://only-here.example/"


def request_of(agent: FakeAgent, origin: str = "") -> tuple[bytes, str]:
    """A request of this agent and its signature."""
    body = forget_request.encode(ForgetRequest(public_key=base64.b64encode(raw_key(agent)).decode()))
    return body, base64.b64encode(agent.key.sign(forget_request.signed_bytes(origin or agent.origin, body))).decode()


def raw_key(agent: FakeAgent) -> bytes:
    return agent.key.public_key().public_bytes_raw()


async def post(server: Server, body: bytes, signature: str) -> tuple[int, dict[str, Any]]:
    async with server.http.post(
        f"{server.page}/api/v1/forget", data=body, headers={"Probe-Signature": signature}
    ) as answer:
        return answer.status, await answer.json()


async def report(server: Server, agent: FakeAgent, *targets: str) -> None:
    """Five hours of rounds; these targets have been blocked for an hour, with evidence."""
    changes = tuple(
        change(target, Status.BLOCKED, NOW - HOUR, Cause.DNS_SPOOFED, verdict=blocked_verdict_of(target, NOW - HOUR))
        for target in targets
    )
    batch = agent.batch(
        rounds=rounds(NOW - 5 * HOUR, 60),
        settled=tuple(settled(target, NOW - 5 * HOUR) for target in targets),
        changes=changes,
        services={target: target.split("/")[2] for target in targets},
    )
    assert (await agent.post(server.http, batch))[0] == 200


def left_in(folder: Path, *needles: bytes) -> list[str]:
    """The files of the database that have one of these byte strings."""
    return [
        file.name for file in sorted(folder.glob("collector.db*")) if any(one in file.read_bytes() for one in needles)
    ]


def blocked_verdict_of(target: str, time: datetime) -> Verdict:
    return blocked_verdict(target, target.split("/")[2], time)


def marks_of(agent: FakeAgent, secret: bytes) -> tuple[bytes, ...]:
    """What would identify the agent: id, key (raw and in base64), public name."""
    key = raw_key(agent)
    return agent.id.encode(), key, base64.b64encode(key), public_name(secret, agent.id, agent.network).encode()


async def test_nothing_of_an_erased_agent_is_left_in_the_files_and_the_others_stay(
    server: Server, enrolled: Enrolled, tmp_path: Path
) -> None:
    """The byte search finds the agent before; afterwards neither its marks nor a target that it alone reported."""
    leaving, staying = await enrolled(), await enrolled(asn=64501)
    await report(server, leaving, SHARED, OWN)
    await report(server, staying, SHARED)
    await fused(server)
    marks = marks_of(leaving, server.collector.secret)
    assert left_in(tmp_path, marks[0]) != []

    assert await post(server, *request_of(leaving)) == (200, {"forgotten": True})
    await fused(server)

    assert left_in(tmp_path, *marks) == []
    assert left_in(tmp_path, staying.id.encode()) != []
    spans = json.loads((await server.get("/api/v1/spans"))[1])["spans"]
    assert {span["target"] for span in spans} == {SHARED}
    assert {span["vantage"] for span in spans} == {public_name(server.collector.secret, staying.id, staying.network)}


async def test_an_event_that_others_report_stays_and_one_that_nobody_else_reports_is_withdrawn_with_the_reason(
    server: Server, enrolled: Enrolled
) -> None:
    leaving, staying = await enrolled(), await enrolled()
    await report(server, leaving, SHARED, OWN)
    await report(server, staying, SHARED)
    before = {event.service: event for event in await fused(server)}
    assert before["shared.example"].vantages == 2

    await post(server, *request_of(leaving))
    after = {event.service: event for event in await fused(server)}

    assert (set(after), after["shared.example"].vantages) == ({"shared.example"}, 1)
    gone = before["only-here.example"].id
    revisions = await server.collector.store.read(lambda session: events.revisions_of(session, gone))
    assert (revisions[-1].kind, revisions[-1].reason) == (RevisionKind.WITHDRAWN, ERASED)
    assert (
        "Withdrawn: its only reports were erased at the wish of who sent them." in (await server.get(f"/e/{gone}"))[1]
    )
    assert "erased at the wish" in (await server.get("/feed.atom"))[1]


async def test_a_repeated_request_finds_nothing_and_is_no_error(server: Server, enrolled: Enrolled) -> None:
    agent = await enrolled()
    request = request_of(agent)

    answers = [await post(server, *request), await post(server, *request)]

    assert answers == [(200, {"forgotten": True}), (200, {"forgotten": False})]


async def test_a_batch_that_was_under_way_leaves_nothing(server: Server, enrolled: Enrolled) -> None:
    """Its agent is cached, and the database may have given its number to another."""
    agent = await enrolled()
    batch = agent.batch(rounds=rounds(NOW - HOUR, 3), settled=(settled(OWN, NOW - HOUR),))
    cached = await server.collector.agent(agent.id)
    assert cached is not None
    await post(server, *request_of(agent))
    await enrolled(asn=64502)
    server.collector._agents[agent.id] = (server.collector.real.monotonic(), cached)

    status, answer = await agent.post(server.http, batch)

    assert (status, answer["error"]["code"]) == (401, "unknown_agent")
    assert await server.collector.store.read(lambda session: session.rows("SELECT * FROM presence")) == []


async def test_a_revoked_agent_may_still_be_erased(server: Server, enrolled: Enrolled, tmp_path: Path) -> None:
    agent = await enrolled()
    await server.collector.store.write(lambda session: agents.revoke(session, agent.id))

    assert await post(server, *request_of(agent)) == (200, {"forgotten": True})
    assert left_in(tmp_path, agent.id.encode()) == []


async def test_the_verdicts_of_an_erased_control_are_served_no_more(server: Server, enrolled: Enrolled) -> None:
    """The revision number goes on, so that no agent takes its old copy for the present one."""
    one, other = await enrolled(role="control"), await enrolled(role="control")
    await other.post(server.http, other.batch(control=(blocked_verdict_of(SHARED, NOW),)))
    await one.post(server.http, one.batch(control=(blocked_verdict_of(OWN, NOW),)))
    async with server.http.get(f"{server.page}/api/v1/control") as answer:
        tag = answer.headers["ETag"]

    await post(server, *request_of(one))

    status, text = await server.get("/api/v1/control", **{"If-None-Match": tag})
    assert (status, [json.loads(line)["target"] for line in text.splitlines()]) == (200, [SHARED])
    await other.post(server.http, other.batch(control=(blocked_verdict_of(OWN, NOW),)))
    status, text = await server.get("/api/v1/control", **{"If-None-Match": tag})
    assert (status, len(text.splitlines())) == (200, 2)


@pytest.mark.parametrize("origin", ["http://elsewhere.test", ""])
async def test_a_request_that_the_key_has_not_signed_for_this_collector_is_refused(
    server: Server, enrolled: Enrolled, origin: str
) -> None:
    agent = await enrolled()
    body, signature = request_of(agent, origin)
    if not origin:
        signature = base64.b64encode(Ed25519PrivateKey.generate().sign(body)).decode()

    status, answer = await post(server, body, signature)

    assert (status, answer["error"]["code"]) == (401, "bad_signature")
    assert await server.collector.agent(agent.id) is not None


async def test_a_signed_batch_is_no_request(server: Server, enrolled: Enrolled) -> None:
    agent = await enrolled()
    body = encode(agent.batch(rounds=rounds(NOW, 1)))
    signature = base64.b64encode(agent.key.sign(signed_bytes(agent.origin, body))).decode()

    status, answer = await post(server, body, signature)

    assert (status, answer["error"]["code"]) == (400, "bad_request")


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"", 400), (b"{}", 400), (b'{"public_key":"AAAA"}', 400), (b'{"public_key":"\xff"}', 400), (b"x" * 1025, 413)],
)
async def test_a_body_that_is_no_request_is_refused(server: Server, body: bytes, status: int) -> None:
    assert (await post(server, body, base64.b64encode(b"s" * 64).decode()))[0] == status


async def test_what_an_older_version_left_in_the_file_is_gone_after_the_upgrade(tmp_path: Path) -> None:
    """Older versions did not overwrite what they deleted."""
    with closing(sqlite3.connect(tmp_path / "collector.db", isolation_level=None)) as old:
        old.execute("PRAGMA secure_delete=OFF")
        old.executescript("".join(text for number, text in MIGRATIONS if number <= 4))
        old.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        old.execute("INSERT INTO meta VALUES ('note', ?)", (b"an-agent-of-old" * 100,))
        old.execute("DELETE FROM meta WHERE key = 'note'")
        old.execute("PRAGMA user_version = 4")
        old.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert left_in(tmp_path, b"an-agent-of-old") != []

    async with running(tmp_path / "collector.db", "127.0.0.1:0", "http://collector.test", Clock()) as (collector, _):
        await collector.store.erase_remains()

        assert left_in(tmp_path, b"an-agent-of-old") == []
