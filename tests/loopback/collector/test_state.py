"""The state that the parts of a running collector share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from probe.collector import state
from probe.collector.state import normal_origin, vantage_secret
from probe.errors import SettingsError
from tests.loopback.collector.conftest import Server
from tests.loopback.collector.vantages import FakeAgent


async def test_the_key_behind_public_names_is_made_once(server: Server) -> None:
    """It is the same after a restart."""
    assert await vantage_secret(server.collector.store) == server.collector.secret
    assert len(server.collector.secret) == 32


async def test_an_agent_s_row_is_cached_and_read_again_after_it_expired(
    server: Server, enrolled: Callable[..., Awaitable[FakeAgent]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A revocation takes effect then."""
    monkeypatch.setattr(state, "AGENT_CACHE_SECONDS", 3600.0)  # it does not expire while this test is slow
    agent = await enrolled()
    first = await server.collector.agent(agent.id)
    await server.collector.store.write(lambda s: s.run("UPDATE agent SET state = 'revoked'"))

    assert await server.collector.agent(agent.id) is first
    at, row = server.collector._agents[agent.id]
    server.collector._agents[agent.id] = (at - 3600.0, row)
    again = await server.collector.agent(agent.id)
    assert again is not None
    assert again.state == "revoked"
    assert await server.collector.agent("nobody") is None


@pytest.mark.parametrize(
    ("text", "origin"),
    [("HTTPS://C.Example/", "https://c.example"), (" http://127.0.0.1:8080 ", "http://127.0.0.1:8080")],
)
def test_an_origin_is_normalised_for_signing(text: str, origin: str) -> None:
    """It is in lower case and without a final slash."""
    assert normal_origin(text) == origin


@pytest.mark.parametrize("text", ["", "c.example", "ftp://c.example", "https://c.example/path", "https://"])
def test_a_malformed_origin_is_refused(text: str) -> None:
    """The error has advice."""
    with pytest.raises(SettingsError, match="is no origin"):
        normal_origin(text)
