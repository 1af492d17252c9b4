"""`probe collector agents` and `probe collector audit`."""

from __future__ import annotations

import asyncio
import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from probe.collector.intake.enrolment import EnrolmentRequest, enrol, make_token
from probe.collector.store import StoreSession
from probe.collector.store.database_url import open_store
from probe.errors import UsageError
from tests.loopback.cli.test_collector import run

NOW = datetime(2026, 5, 4, tzinfo=UTC)


def database_with_agent(path: Path) -> str:
    """A database with one agent of the sponsor `club`; its id."""

    def make(session: StoreSession) -> str:
        token = make_token(session, role="vantage", sponsor="club", now=NOW, ttl=timedelta(hours=1))
        key = base64.b64encode(b"k" * 32).decode()
        return enrol(session, EnrolmentRequest(token=token, public_key=key, asn=64500, country="RU"), NOW)

    async def build() -> str:
        store = open_store(path)
        try:
            return await store.write(make)
        finally:
            await store.close()

    return asyncio.run(build())


def acts(db: str) -> list[tuple[str, str]]:
    """The audit log as (act, agent)."""
    lines = [json.loads(line) for line in run("audit", "--db", db, "--json").splitlines()]
    return [(line["act"], line["agent"]) for line in lines]


def test_agents_are_listed_with_sponsor_network_and_state(tmp_path: Path) -> None:
    """For people and for programs; no address is there to show."""
    db = str(tmp_path / "c.db")
    agent = database_with_agent(tmp_path / "c.db")

    line = run("agents", "list", "--db", db)
    assert all(word in line for word in (agent, "AS64500 RU", "sponsor club", "active", "2026-05-04T00:00:00Z"))
    assert json.loads(run("agents", "list", "--db", db, "--json"))["sponsor"] == "club"


def test_an_agent_is_shown_with_what_was_done_about_it(tmp_path: Path) -> None:
    """Enrolled, revoked."""
    db = str(tmp_path / "c.db")
    agent = database_with_agent(tmp_path / "c.db")
    run("agents", "revoke", "--db", db, agent)

    shown = json.loads(run("agents", "show", "--db", db, "--json", agent))
    assert (shown["state"], [act["act"] for act in shown["audit"]]) == ("revoked", ["enrolled", "revoked"])
    assert "revoked" in run("agents", "show", "--db", db, agent)


def test_a_rotated_agent_is_revoked_and_gets_a_token_of_its_role_and_sponsor(tmp_path: Path) -> None:
    """The token is all that is printed."""
    db = str(tmp_path / "c.db")
    agent = database_with_agent(tmp_path / "c.db")
    token = run("agents", "rotate", "--db", db, agent)

    assert len(token.strip()) == 32
    assert acts(db) == [("token", ""), ("enrolled", agent), ("rotated", agent), ("token", "")]
    assert json.loads(run("agents", "list", "--db", db, "--json"))["state"] == "revoked"
    assert "vantage, sponsor club" in run("audit", "--db", db).splitlines()[-1]


def test_the_older_command_for_revoking_is_in_the_log_too(tmp_path: Path) -> None:
    """Whichever of the two an operator uses."""
    db = str(tmp_path / "c.db")
    agent = database_with_agent(tmp_path / "c.db")
    run("revoke", "--db", db, agent)

    assert acts(db)[-1] == ("revoked", agent)


def test_an_erased_agent_leaves_no_id_in_the_log(tmp_path: Path) -> None:
    """That somebody was erased stays."""
    db = str(tmp_path / "c.db")
    agent = database_with_agent(tmp_path / "c.db")
    run("forget", "--db", db, agent)

    assert acts(db) == [("token", ""), ("enrolled", ""), ("erased", "")]
    assert agent not in run("audit", "--db", db)


@pytest.mark.parametrize("word", ["show", "revoke", "rotate"])
def test_an_unknown_agent_is_an_error(tmp_path: Path, word: str) -> None:
    """A mistyped id is noticed, and nothing is logged."""
    database_with_agent(tmp_path / "c.db")

    with pytest.raises(UsageError, match="no agent 'x' is enrolled"):
        run("agents", word, "--db", str(tmp_path / "c.db"), "x")
    assert len(acts(str(tmp_path / "c.db"))) == 2
