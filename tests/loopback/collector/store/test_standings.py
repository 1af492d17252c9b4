"""Standings as the database has them."""

from __future__ import annotations

from pathlib import Path

import msgspec

from probe.collector.store import agents, from_ms, history
from probe.collector.store.agents import AgentRow
from probe.collector.store.history import NewSpan
from probe.collector.store.sqlite.sqlite_file import connect, migrate
from probe.collector.store.sqlite.sqlite_store import SqliteSession
from probe.collector.store.standings import HAS_VOTE, standings, vote_values
from probe.fuse.standing import VantageStanding
from probe.model.event import Network

HOME = Network(asn=64500, country="RU")


def test_each_agent_has_a_standing_until_it_is_revoked() -> None:
    """The SQL condition and the pure function agree about who has a vote."""
    connection = connect(Path(":memory:"))
    migrate(connection, Path(":memory:"))
    session = SqliteSession(connection)
    for number, (votes_from, weight) in enumerate(((0, 1000), (500, 1000), (0, 400), (0, 1000)), start=1):
        key = bytes([number]) * 32
        row = AgentRow(0, f"a{number}", key, "vantage", "club", 64500, "RU", "active", "", 0, 7, votes_from=votes_from)
        agents.add_agent(session, row)
        agents.set_weight(session, number, weight)
    agents.set_network(session, "a4", 64501, "RU")
    session.run("INSERT INTO network (no, asn, cc) VALUES (1, 64500, 'RU')")
    span = NewSpan(target=1, agent=0, start=5, known=6, network=1, status="blocked", causes="", evidence=None)
    history.add_spans(session, [msgspec.structs.replace(span, agent=number) for number in range(1, 5)])

    found = standings(session)

    assert found["a1"] == VantageStanding(sponsor="club", network=HOME)
    assert found["a2"].votes_from == from_ms(500)
    assert found["a3"].weight == 0.4
    joined = "agent JOIN span ON agent.no = span.agent JOIN network ON network.no = span.network"
    counted = session.rows(f"SELECT agent.id FROM {joined} WHERE {HAS_VOTE}", *vote_values(100))  # noqa: S608 constants
    assert [row[0] for row in counted] == [name for name in found if found[name].votes(HOME, from_ms(100))] == ["a1"]
    agents.revoke(session, "a1")
    assert "a1" not in standings(session)
    connection.close()
