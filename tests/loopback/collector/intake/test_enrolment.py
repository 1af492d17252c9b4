"""Enrolment over HTTP, and the CLI's side of it."""

from __future__ import annotations

import base64
from datetime import timedelta

import pytest

from tests.loopback.collector.conftest import Server
from tests.loopback.collector.vantages import FakeAgent


def stranger(server: Server) -> FakeAgent:
    """An agent nobody knows yet."""
    return FakeAgent(server.page)


async def test_a_token_is_good_once(server: Server) -> None:
    """For one key; that key may ask again, since the first answer may have been lost."""
    token = await server.token()
    agent, thief = stranger(server), stranger(server)

    first = await agent.enrol(server.http, token)
    assert (first["status"], len(first["agent"])) == (200, 16)
    assert (await agent.enrol(server.http, token))["agent"] == first["agent"]
    refused = await thief.enrol(server.http, token)
    assert (refused["status"], refused["error"]["code"]) == (401, "spent_token")


async def test_a_token_that_is_wrong_or_out_of_date_is_refused(server: Server) -> None:
    """And leaves no agent behind."""
    stale = await server.token(ttl=timedelta(seconds=-1))

    assert (await stranger(server).enrol(server.http, "no such"))["error"]["code"] == "bad_token"
    assert (await stranger(server).enrol(server.http, stale))["error"]["code"] == "expired_token"
    assert await server.collector.store.read(lambda s: s.rows("SELECT * FROM agent")) == []


async def test_a_vantage_s_token_makes_no_control(server: Server) -> None:
    """A control is believed by all others."""
    answer = await stranger(server).enrol(server.http, await server.token("vantage"), "control")

    assert (answer["status"], answer["error"]["code"]) == (403, "wrong_role")


async def test_a_key_is_enrolled_once(server: Server) -> None:
    """A second token does not give it a second identity."""
    agent = stranger(server)
    await agent.enrol(server.http, await server.token())

    assert (await agent.enrol(server.http, await server.token()))["error"]["code"] == "known_key"


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b"[1",
        b'{"token":"\xff"}',
        b'{"x":' * 800,
        b'{"token":1,"public_key":""}',
        b'{"token":"t","public_key":"AAAA"}',
        b'{"token":"t","public_key":"' + base64.b64encode(bytes(32)) + b'","country":"Russia"}',
        b'{"token":"t","public_key":"' + base64.b64encode(bytes(32)) + b'","role":"admin"}',
    ],
)
async def test_what_is_no_application_is_refused(server: Server, body: bytes) -> None:
    """In the one shape."""
    async with server.http.post(f"{server.page}/api/v1/enrol", data=body) as answer:
        assert answer.status == 400
        assert set((await answer.json())["error"]) == {"code", "message"}


async def test_an_enrolment_of_more_than_four_kibibytes_is_refused(server: Server) -> None:
    """A real one has two hundred bytes."""
    body = b'{"token":"' + b"a" * 5000 + b'","public_key":""}'
    async with server.http.post(f"{server.page}/api/v1/enrol", data=body) as answer:
        assert (answer.status, (await answer.json())["error"]["code"]) == (413, "too_large")


async def test_tokens_are_not_to_be_read_from_the_database(server: Server) -> None:
    """Only their digests are kept."""
    token = await server.token()

    for path in server.collector.store.path.parent.iterdir():
        assert token.encode() not in path.read_bytes()


async def test_guessing_is_slowed_down(server: Server) -> None:
    """For all strangers together: nobody's address is counted."""
    later = server.collector.clock.monotonic() + 60  # nothing flows back into the bucket while this test is slow
    while not server.collector.enrolments.take("", 1024, later):
        pass

    assert (await stranger(server).enrol(server.http, "guess"))["status"] == 429
