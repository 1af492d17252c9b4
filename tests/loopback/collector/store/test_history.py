"""SQL of spans and presence."""

from __future__ import annotations

import pytest

from probe.collector.store import StoreSession, agents, batches, from_ms, history
from probe.collector.store.agents import AgentRow
from probe.collector.store.history import EndedSpan, NewSpan, PresenceRun
from probe.model.event import Network
from probe.model.verdict import Cause, Status
from tests.loopback.collector.store.engines import refused


@pytest.fixture
def session(session: StoreSession) -> StoreSession:
    """A database in memory with an agent, two targets and a network."""
    made = session
    agents.add_agent(made, AgentRow(0, "a1", b"k" * 32, "vantage", "", 0, "", "active", "", 0, 0))
    batches.target_number(made, "t1")
    batches.target_number(made, "t2")
    batches.network_number(made, 64500, "RU")
    return made


def span(target: int, start: int, status: str = "reachable", causes: str = "") -> NewSpan:
    """A span of agent 1 in network 1."""
    return NewSpan(
        target=target,
        agent=1,
        start=start,
        known=start + 5,
        network=1,
        status=status,
        causes=causes,
        evidence=b"\x01\x02",
    )


def test_a_target_has_one_open_span_at_an_agent(session: StoreSession) -> None:
    """The database enforces it."""
    history.add_spans(session, [span(1, 10)])
    with refused(session):
        history.add_spans(session, [span(1, 20)])
    history.close_spans(session, [EndedSpan(1, 1, 10, 20)])
    history.add_spans(session, [span(1, 20, "blocked")])

    lasting = history.open_spans_of(session, 1, [1, 2]).get(1)
    assert lasting is not None
    assert (lasting.start, lasting.status, lasting.network) == (20, "blocked", 1)
    assert 2 not in history.open_spans_of(session, 1, [1, 2])


def test_spans_are_read_back_as_they_were_stored(session: StoreSession) -> None:
    """As records of the model."""
    history.add_spans(session, [span(1, 10, "blocked", "tls.reset tls.sni")])

    (found,) = history.spans_of(session, "t1", "RU")

    assert (found.agent, found.target, found.network) == ("a1", "t1", Network(asn=64500, country="RU"))
    assert (found.start, found.stop, found.known) == (from_ms(10), None, from_ms(15))
    assert (found.status, found.causes, found.evidence) == (Status.BLOCKED, (Cause.TLS_RESET, Cause.TLS_SNI), "0102")


def test_spans_of_a_service_are_those_of_its_targets(session: StoreSession) -> None:
    """In one country, of agents that are not revoked."""
    history.add_spans(session, [span(1, 10)])
    history.add_spans(session, [span(2, 10)])
    batches.vote(session, 1, 1, "S")
    batches.vote(session, 2, 1, "S")

    assert len(history.spans_of(session, "S", "RU")) == 2
    assert history.spans_of(session, "S", "BY") == history.spans_of(session, "t1", "RU") == []
    assert history.services(session) == {"t1": "S", "t2": "S"}
    agents.revoke(session, "a1")
    assert history.spans_of(session, "S", "RU") == history.open_spans(session) == []


def test_spans_are_listed_newest_first_and_by_target(session: StoreSession) -> None:
    """Spans that ended before the given moment are left out."""
    history.add_spans(session, [span(1, 10)])
    history.close_spans(session, [EndedSpan(1, 1, 10, 20)])
    history.add_spans(session, [span(1, 20, "blocked")])
    history.add_spans(session, [span(2, 30)])

    assert [each.start for each in history.spans(session, "", 0, 9)] == [from_ms(30), from_ms(20), from_ms(10)]
    assert [each.start for each in history.spans(session, "t1", 21, 9)] == [from_ms(20)]
    assert len(history.spans(session, "", 0, 1)) == 1


def test_the_first_look_of_each_network_is_kept(session: StoreSession) -> None:
    """A later report does not change it; it is computed anew when spans are deleted."""
    history.add_first_looks(session, 1, {1: 20, 2: 30})
    history.add_first_looks(session, 1, {1: 10, 2: 40})
    assert session.rows("SELECT target, first FROM first_look ORDER BY target") == [(1, 10), (2, 30)]
    assert history.countries_of(session, 1) == ["RU"]

    history.add_spans(session, [span(1, 25)])
    history.renew_first_looks(session, 1)
    history.renew_first_looks(session, 2)
    assert session.rows("SELECT target, first FROM first_look") == [(1, 25)]


def test_a_run_of_rounds_is_found_by_its_start_and_replaced(session: StoreSession) -> None:
    """The latest one that began at or before a moment is found."""
    run = PresenceRun(100, 200, 1, 60, "online", 3, 9)
    history.save_presence_run(session, 1, run)
    run.stop, run.rounds = 260, 4
    history.save_presence_run(session, 1, run)

    assert history.presence_run_at(session, 1, 99) is None
    assert history.presence_run_at(session, 1, 500) == run
    (presence,) = history.presences_of(session, "RU")
    assert (presence.stop, presence.rounds, presence.interval) == (from_ms(260), 4, 0.06)
    assert history.presences_since(session, 261) == []
    (latest,) = history.latest_presences(session)
    assert (latest.agent, latest.state, latest.stop) == ("a1", "online", 260)
