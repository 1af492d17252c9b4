"""Enrolment over HTTP, and the commands for it."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from datetime import timedelta
from unittest.mock import Mock

import pytest

from probe.collector.intake import agents_api
from probe.errors import StorageError
from tests.loopback.collector.conftest import Server
from tests.loopback.collector.vantages import FakeAgent


def unenrolled(server: Server) -> FakeAgent:
    """An agent that has not enrolled."""
    return FakeAgent(server.page)


async def test_a_token_enrols_one_key(server: Server) -> None:
    """The same key may repeat its request, because the first answer may have been lost."""
    token = await server.token()
    agent, thief = unenrolled(server), unenrolled(server)

    first = await agent.enrol(server.http, token)
    assert (first["status"], len(first["agent"])) == (200, 16)
    assert (await agent.enrol(server.http, token))["agent"] == first["agent"]
    refused = await thief.enrol(server.http, token)
    assert (refused["status"], refused["error"]["code"]) == (401, "spent_token")


async def test_an_unknown_or_expired_token_is_refused(server: Server) -> None:
    """No agent is stored."""
    stale = await server.token(ttl=timedelta(seconds=-1))

    assert (await unenrolled(server).enrol(server.http, "no such"))["error"]["code"] == "bad_token"
    assert (await unenrolled(server).enrol(server.http, stale))["error"]["code"] == "expired_token"
    assert await server.collector.store.read(lambda s: s.rows("SELECT * FROM agent")) == []


async def test_a_token_for_a_vantage_does_not_enrol_a_control(server: Server) -> None:
    """All vantages trust a control's verdicts."""
    answer = await unenrolled(server).enrol(server.http, await server.token("vantage"), "control")

    assert (answer["status"], answer["error"]["code"]) == (403, "wrong_role")


async def test_a_key_cannot_be_enrolled_twice(server: Server) -> None:
    """A second token does not give it a second identity."""
    agent = unenrolled(server)
    await agent.enrol(server.http, await server.token())

    assert (await agent.enrol(server.http, await server.token()))["error"]["code"] == "known_key"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{}", "bad_request"),
        (b"[1", "bad_request"),
        (b'{"token":"\xff"}', "bad_request"),
        (b'{"x":' * 800, "bad_request"),
        (b'{"token":1,"public_key":""}', "bad_request"),
        (b'{"token":"t","public_key":"AAAA"}', "bad_key"),
        (b'{"token":"t","public_key":"' + base64.b64encode(bytes(32)) + b'","country":"Russia"}', "bad_network"),
        (b'{"token":"t","public_key":"' + base64.b64encode(bytes(32)) + b'","role":"admin"}', "bad_role"),
    ],
)
async def test_a_body_that_is_no_enrolment_is_refused(server: Server, body: bytes, code: str) -> None:
    """The answer has an error code for programs and a message for people."""
    async with server.http.post(f"{server.page}/api/v1/enrol", data=body) as answer:
        error = (await answer.json())["error"]
        assert (answer.status, error["code"], set(error)) == (400, code, {"code", "message"})


async def test_an_enrolment_of_more_than_four_kibibytes_is_refused(server: Server) -> None:
    """A real one has two hundred bytes."""
    body = b'{"token":"' + b"a" * 5000 + b'","public_key":""}'
    async with server.http.post(f"{server.page}/api/v1/enrol", data=body) as answer:
        assert (answer.status, (await answer.json())["error"]["code"]) == (413, "too_large")


async def test_an_enrolment_that_cannot_be_stored_is_answered_with_503(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The token stays unspent: the same request succeeds once there is room."""
    token, agent = await server.token(), unenrolled(server)
    with monkeypatch.context() as full:
        full.setattr(agents_api, "enrol", Mock(side_effect=StorageError("the disk is full")))
        refused = await agent.enrol(server.http, token)

    assert (refused["status"], refused["error"]["code"]) == (503, "unavailable")
    assert (await agent.enrol(server.http, token))["status"] == 200


async def test_the_database_does_not_contain_tokens(server: Server) -> None:
    """Only their digests are stored."""
    token = await server.token()

    for path in server.collector.store.path.parent.iterdir():
        assert token.encode() not in path.read_bytes()


async def test_a_flood_of_bad_tokens_keeps_no_honest_agent_out(server: Server) -> None:
    """Good ones are taken while the bad ones wait for their answer."""
    server.collector.refusal_seconds = 0.2
    bad = [asyncio.create_task(unenrolled(server).enrol(server.http, f"guess {n}")) for n in range(40)]
    answers = [await unenrolled(server).enrol(server.http, await server.token()) for _ in range(5)]

    assert [answer["status"] for answer in answers] == [200] * 5
    assert [answer["status"] for answer in await asyncio.gather(*bad)] == [401] * 40


async def test_an_enrolment_is_refused_before_a_large_body_is_read(server: Server) -> None:
    """By its announced length, and by what comes where none is announced."""
    async with server.http.post(f"{server.page}/api/v1/enrol", data=b"x" * 5000) as answer:
        assert (answer.status, (await answer.json())["error"]["code"]) == (413, "too_large")

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(5):
            yield b"x" * 1024

    async with server.http.post(f"{server.page}/api/v1/enrol", data=chunks()) as answer:
        assert (answer.status, (await answer.json())["error"]["code"]) == (413, "too_large")
