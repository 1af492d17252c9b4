"""SQL of enrolment."""

from __future__ import annotations

import msgspec

from probe.collector.store import StoreSession, agents
from probe.collector.store.agents import AgentRow, TokenRow

NEW = AgentRow(0, "a1", b"k" * 32, "vantage", "club", 64500, "RU", "active", "", 0, 7)


def test_an_agent_is_found_by_id_and_by_key(session: StoreSession) -> None:
    """The database gives it a number."""
    agents.add_agent(session, NEW)

    found = agents.agent(session, "a1")

    assert found is not None
    assert (found.no, found.sponsor, found.asn, found.seen) == (1, "club", 64500, 7)
    assert agents.agent_of_key(session, b"k" * 32) == found
    assert agents.agents(session) == [found]
    assert agents.agent(session, "a2") is None


def test_an_agent_s_last_contact_flag_and_revocation_are_stored(session: StoreSession) -> None:
    """Revoking an unknown id returns False."""
    agents.add_agent(session, NEW)
    (stored,) = agents.agents(session)
    assert agents.touch(session, stored, 99, -3)
    assert not agents.touch(session, msgspec.structs.replace(stored, id="a0"), 1, 1), "its number was given to another"
    agents.flag(session, 1, "odd")

    assert [agents.revoke(session, name) for name in ("a1", "a2")] == [True, False]
    (found,) = agents.agents(session)
    assert (found.seen, found.skew, found.flag, found.state) == (99, -3, "odd", "revoked")


def test_a_used_token_names_the_agent_that_used_it(session: StoreSession) -> None:
    """An unknown digest has no token."""
    agents.add_token(session, b"d", TokenRow("vantage", "club", 100, None), 1)
    agents.spend_token(session, b"d", "a1", 2)

    assert agents.token(session, b"d") == TokenRow("vantage", "club", 100, "a1")
    assert agents.token(session, b"e") is None


def test_a_stored_secret_is_not_replaced(session: StoreSession) -> None:
    """Two processes may start at once."""
    assert agents.secret(session, "k") is None
    agents.store_secret(session, "k", b"one")
    agents.store_secret(session, "k", b"two")

    assert agents.secret(session, "k") == b"one"
