"""The agents' API over real HTTP with real signatures."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import msgspec

from probe.formats.batch import MAX_BYTES, MAX_CHANGES, encode
from probe.model.event import Network
from probe.model.verdict import Cause, Status, Verdict
from tests.loopback.collector.conftest import Server
from tests.loopback.collector.vantages import FakeAgent, blocked_verdict, change, rounds, settled

Enrolled = Callable[..., Awaitable[FakeAgent]]
NOW = datetime.now(UTC)


async def test_a_batch_is_acknowledged_and_a_resend_gets_the_same_answer(server: Server, enrolled: Enrolled) -> None:
    """The second delivery has no effect."""
    agent = await enrolled()
    batch = agent.batch(rounds=rounds(NOW, 1), settled=(settled("https://a.example/", NOW),))

    first = await agent.post(server.http, batch)
    again = await agent.post(server.http, batch)

    assert first[0] == again[0] == 200
    assert first[1]["acked"] == again[1]["acked"] == 1
    kept = await server.collector.store.read(lambda s: s.rows("SELECT rounds FROM presence"))
    assert kept == [(1,)]


async def test_a_vantage_is_told_the_public_name_that_pages_show(server: Server, enrolled: Enrolled) -> None:
    """Also with a repeated batch; a control has no public name."""
    agent, control = await enrolled(), await enrolled(role="control")
    batch = agent.batch(rounds=rounds(NOW, 1), settled=(settled("https://a.example/", NOW),))

    first, again = await agent.post(server.http, batch), await agent.post(server.http, batch)
    other = await control.post(server.http, control.batch(rounds=rounds(NOW, 1)))

    (span,) = json.loads((await server.get("/api/v1/spans"))[1])["spans"]
    assert first[1]["vantage"] == again[1]["vantage"] == span["vantage"]
    assert "vantage" not in other[1]


async def test_the_spans_of_one_vantage_are_found_by_its_public_name(server: Server, enrolled: Enrolled) -> None:
    """A vantage that moved has another name there."""
    one, two = await enrolled(), await enrolled()
    names = []
    for hours, (agent, asn, target) in enumerate(((one, 64500, "a"), (two, 64500, "b"), (one, 64501, "c"))):
        agent.network, start = Network(asn=asn, country="RU"), NOW - timedelta(hours=5 - hours)
        batch = agent.batch(rounds=rounds(start, 1), settled=(settled(f"https://{target}.example/", start),))
        names.append((await agent.post(server.http, batch))[1]["vantage"])

    found = [json.loads((await server.get(f"/api/v1/spans?vantage={name}"))[1])["spans"] for name in names]
    nobody, _ = await server.get("/api/v1/spans?vantage=aaaaaaaa")

    assert [[span["target"] for span in spans] for spans in found] == [
        ["https://a.example/"],
        ["https://b.example/"],
        ["https://c.example/"],
    ]
    assert nobody == 400


async def test_a_gap_is_answered_with_the_number_that_is_expected(server: Server, enrolled: Enrolled) -> None:
    """A batch after a gap is not stored."""
    agent = await enrolled()
    agent.seq = 4

    status, answer = await agent.post(server.http, agent.batch(rounds=rounds(NOW, 1)))

    assert (status, answer["expected"], answer["error"]["code"]) == (409, 1, "gap")
    assert await server.collector.store.read(lambda s: s.rows("SELECT * FROM batch")) == []


async def test_another_body_under_the_same_number_is_refused_and_the_agent_is_flagged(
    server: Server, enrolled: Enrolled
) -> None:
    """Two hosts share one key, or an outbox was restored from a backup."""
    agent = await enrolled()
    await agent.post(server.http, agent.batch(rounds=rounds(NOW, 1)))
    agent.seq = 0

    status, answer = await agent.post(server.http, agent.batch(rounds=rounds(NOW, 2)))

    assert (status, answer["error"]["code"]) == (422, "conflict")
    assert await server.collector.store.read(lambda s: s.rows("SELECT flag FROM agent")) == [
        ("two histories under one number",)
    ]


async def test_an_older_outbox_that_continues_after_a_newer_one_flags_the_agent(
    server: Server, enrolled: Enrolled
) -> None:
    """A cloned machine has made a new outbox; batches of both are still accepted."""
    agent = await enrolled()
    await agent.post(server.http, agent.batch(rounds=rounds(NOW - timedelta(hours=1), 1)))
    clone = msgspec.structs.replace(agent.batch(seq=1, epoch="e2"), rounds=rounds(NOW, 1))
    server.collector.clock._origin += timedelta(seconds=1)
    assert (await agent.post(server.http, clone))[0] == 200

    assert (await agent.post(server.http, agent.batch(seq=2)))[0] == 200

    assert await server.collector.store.read(lambda s: s.rows("SELECT flag FROM agent")) == [("two outboxes at once",)]


async def test_a_signature_of_another_key_is_refused(server: Server, enrolled: Enrolled) -> None:
    """An agent's id alone does not allow others to send for it."""
    agent, thief = await enrolled(), await enrolled()
    thief.id = agent.id

    status, answer = await thief.post(server.http, thief.batch())

    assert (status, answer["error"]["code"]) == (401, "bad_signature")


async def test_a_batch_signed_for_another_collector_is_refused(server: Server, enrolled: Enrolled) -> None:
    """The origin is part of what is signed."""
    agent = await enrolled()
    agent.origin = "https://elsewhere.example"

    assert (await agent.post(server.http, agent.batch()))[0] == 401


async def test_an_unknown_agent_and_a_missing_signature_are_refused(server: Server, enrolled: Enrolled) -> None:
    """They are refused before the body is inflated."""
    agent = await enrolled()
    assert (await agent.post(server.http, agent.batch(), **{"Probe-Signature": "x"}))[0] == 401
    agent.id = "nobody"
    assert (await agent.post(server.http, agent.batch()))[1]["error"]["code"] == "unknown_agent"


async def test_an_agent_s_id_of_bytes_that_are_no_text_is_unknown(server: Server) -> None:
    """Found by tests/fuzz/collector.py."""
    host, port = server.page.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"POST /api/v1/batches HTTP/1.1\r\nHost: c\r\nProbe-Agent: ab\xff\xfe\r\nContent-Length: 0\r\n\r\n")

    assert b" 401 " in await reader.readline()
    writer.close()
    await writer.wait_closed()


async def test_a_gzip_bomb_is_refused_at_the_bound(server: Server, enrolled: Enrolled) -> None:
    """Inflating stops at the bound, whatever the full size."""
    agent = await enrolled()
    body = b'{"agent":"' + b"0" * (MAX_BYTES * 4) + b'"}'

    status, answer = await agent.post(server.http, body)

    assert (status, answer["error"]["code"]) == (413, "too_large")


async def test_a_body_over_a_mebibyte_as_sent_is_refused(server: Server, enrolled: Enrolled) -> None:
    """The error has its usual form."""
    agent = await enrolled()
    headers = {"Probe-Agent": agent.id}
    async with server.http.post(
        server.page + "/api/v1/batches", data=io.BytesIO(bytes(1_200_000)), headers=headers
    ) as answer:
        assert answer.status == 413
        assert (await answer.json())["error"]["code"] == "too_large"


async def test_signed_bytes_that_are_no_batch_are_refused(server: Server, enrolled: Enrolled) -> None:
    """The message names the field, so that the agent's author can correct it."""
    agent = await enrolled()
    assert (await agent.post(server.http, b"[]"))[0] == 400
    status, answer = await agent.post(server.http, agent.batch(interval=-1.0))
    assert status == 400
    assert "`$.interval`" in answer["error"]["message"]
    naive = msgspec.json.encode(msgspec.to_builtins(agent.batch()) | {"sent": "2026-01-01T00:00:00"})
    assert (await agent.post(server.http, naive))[0] == 400


async def test_a_batch_with_too_many_changes_is_refused(server: Server, enrolled: Enrolled) -> None:
    """Status 413 makes the agent send smaller batches."""
    agent = await enrolled()
    many = tuple(change(f"dns://{n}.example", Status.BLOCKED, NOW) for n in range(MAX_CHANGES + 1))

    assert (await agent.post(server.http, agent.batch(changes=many)))[0] == 413


async def test_a_truncated_body_is_refused(server: Server, enrolled: Enrolled) -> None:
    """The error's code is `bad_gzip`."""
    agent = await enrolled()
    whole = gzip.compress(encode(agent.batch()))
    headers = {"Probe-Agent": agent.id, "Probe-Signature": "A" * 86 + "==", "Content-Encoding": "gzip"}
    async with server.http.post(server.page + "/api/v1/batches", data=whole[:-9], headers=headers) as answer:
        assert (answer.status, (await answer.json())["error"]["code"]) == (400, "bad_gzip")


async def test_an_agent_over_its_rate_limit_gets_retry_after(server: Server, enrolled: Enrolled) -> None:
    """The limit counts the agent, never an address."""
    agent = await enrolled()
    later = server.collector.clock.monotonic() + 60  # the bucket does not refill while this test runs
    server.collector.limits.take(agent.id, 16 * 1024 * 1024, later)

    async with server.http.post(
        server.page + "/api/v1/batches", data=b"x" * 100_000, headers={"Probe-Agent": agent.id}
    ) as answer:
        assert answer.status == 429
        assert int(answer.headers["Retry-After"]) >= 1


async def test_a_revoked_agent_is_refused(server: Server, enrolled: Enrolled) -> None:
    """It is refused at the latest when its cached row expires."""
    agent = await enrolled()
    await server.collector.store.write(lambda s: s.run("UPDATE agent SET state = 'revoked'"))

    assert (await agent.post(server.http, agent.batch()))[0] == 403


async def test_a_full_disk_is_answered_with_503_and_nothing_is_stored(server: Server, enrolled: Enrolled) -> None:
    """SQLite itself refuses to grow the file; once there is room, the same batch is stored."""
    agent = await enrolled()
    store = server.collector.store
    await store.write(lambda s: s.row("PRAGMA max_page_count=1"))
    verdicts = [blocked_verdict(f"https://{n}.example/", f"{n}.example", NOW, title=str(n) * 99) for n in range(400)]
    batch = agent.batch(
        rounds=rounds(NOW, 1), changes=tuple(change(v.target, Status.BLOCKED, NOW, verdict=v) for v in verdicts)
    )

    async with server.http.get(server.page + "/healthz") as answer:
        assert answer.status == 200
    status, answer_body = await agent.post(server.http, batch)

    assert (status, answer_body["error"]["code"]) == (503, "unavailable")
    for table in ("batch", "span", "evidence", "presence", "target"):
        assert await store.read(lambda s, table=table: s.rows(f"SELECT * FROM {table}")) == []  # noqa: S608
    await store.write(lambda s: s.row("PRAGMA max_page_count=1000000"))
    assert (await agent.post(server.http, batch))[0] == 200


async def test_the_newest_control_verdict_is_served_with_an_etag(server: Server, enrolled: Enrolled) -> None:
    """The answer has verdicts as JSON Lines, and status 304 while nothing has changed."""
    control = await enrolled(role="control", asn=64999, country="SE")
    older = blocked_verdict("https://a.example/", "a.example", NOW - timedelta(minutes=9))
    newer = msgspec.structs.replace(older, time=NOW, status=Status.REACHABLE, causes=())
    await control.post(server.http, control.batch(control=(newer,)))
    await control.post(server.http, control.batch(control=(older,)))

    async with server.http.get(server.page + "/api/v1/control") as answer:
        tag, lines = answer.headers["ETag"], (await answer.read()).splitlines()
    async with server.http.get(server.page + "/api/v1/control", headers={"If-None-Match": tag}) as answer:
        assert answer.status == 304

    assert [msgspec.json.decode(line, type=Verdict) for line in lines] == [newer]


async def test_changes_of_a_control_make_no_spans(server: Server, enrolled: Enrolled) -> None:
    """Spans are for vantages only."""
    control = await enrolled(role="control")
    batch = control.batch(changes=(change("https://a.example/", Status.DOWN, NOW, Cause.TCP_TIMEOUT),))

    assert (await control.post(server.http, batch))[0] == 200
    assert await server.collector.store.read(lambda s: s.rows("SELECT * FROM span")) == []


async def test_the_database_contains_no_client_address(server: Server, enrolled: Enrolled) -> None:
    """No file of the database contains one."""
    agent = await enrolled()
    await agent.post(server.http, agent.batch(rounds=rounds(NOW, 3)))

    for path in server.collector.store.path.parent.iterdir():
        assert b"127.0.0.1" not in path.read_bytes()


async def test_an_impossible_count_never_reaches_the_metrics(server: Server, enrolled: Enrolled) -> None:
    """A batch with a negative number or one of 401 digits is refused; nothing of it is stored or counted."""
    agent = await enrolled()
    for number in (-1, 10**400):
        whole = msgspec.to_builtins(agent.batch(rounds=rounds(NOW, 1), seq=1))
        whole["rounds"][0]["connections"] = number
        status, answer = await agent.post(server.http, json.dumps(whole, default=str).encode())
        assert (status, answer["error"]["code"]) == (400, "bad_batch")

    _, text = await server.get("/metrics")
    samples = [line for line in text.splitlines() if not line.startswith("#")]
    assert not any(line.startswith(("probe_collector_rounds_total", "probe_collector_vantage")) for line in samples)
    assert await server.collector.store.read(lambda s: s.rows("SELECT * FROM batch")) == []


async def test_a_control_s_verdict_that_inflates_to_megabytes_is_ignored(server: Server, enrolled: Enrolled) -> None:
    """Every agent would have to fetch it. The other verdicts of the batch are stored."""
    control = await enrolled(role="control", asn=64999, country="SE")
    good = blocked_verdict("https://a.example/", "a.example", NOW)
    notes = tuple("x" * 60_000 for _ in range(5))
    large = msgspec.structs.replace(
        good, target="https://b.example/", evidence=msgspec.structs.replace(good.evidence, notes=notes)
    )

    assert (await control.post(server.http, control.batch(control=(good, large))))[0] == 200

    _, lines = await server.get("/api/v1/control")
    assert [json.loads(line)["target"] for line in lines.splitlines()] == ["https://a.example/"]
    _, text = await server.get("/metrics")
    assert "probe_collector_ignored_total 1" in text.splitlines()
