"""SQL of erasure."""

from __future__ import annotations

import pytest

from probe.collector.store import StoreSession, agents, batches, events, history
from probe.collector.store.agents import AgentRow, TokenRow
from probe.collector.store.erasure import ERASED, Erased, erase_agent
from probe.collector.store.history import NewSpan, PresenceRun
from tests.loopback.collector.store.engines import columns

SHARED, OWN = "https://shared.example/", "https://own.example/"


@pytest.fixture
def session(session: StoreSession) -> StoreSession:
    """A database with two agents in two networks that both report one target; the first one reports another, too."""
    for number in (1, 2):
        agents.add_token(session, b"t%d" % number, TokenRow("vantage", "", 100, None), 1)
        agents.spend_token(session, b"t%d" % number, f"a{number}", 2)
        key = b"%d" % number * 32
        agents.add_agent(session, AgentRow(0, f"a{number}", key, "vantage", "", 1, "RU", "active", "", 0, 7))
        report(session, number, SHARED, b"both", 64500)
        history.save_presence_run(session, number, PresenceRun(1, 2, 1, 300, "online", 1, 1))
        batches.add_batch(session, (number, "e", 1), b"d", (1, 1, 0), (b"body", b"sig"))
        batches.advance(session, number, "e", 1, 1)
    report(session, 1, OWN, b"alone", 64501)
    return session


def report(session: StoreSession, agent: int, target: str, evidence: bytes, asn: int) -> None:
    """A span with evidence, a vote and a control's verdict."""
    number, network = batches.target_number(session, target), batches.network_number(session, asn, "RU")
    batches.add_evidence(session, [(evidence, b"json")], 1)
    span = NewSpan(
        target=number, agent=agent, start=5, known=6, network=network, status="blocked", causes="", evidence=evidence
    )
    history.add_spans(session, [span])
    history.add_first_looks(session, span.network, {span.target: span.start})
    batches.vote(session, number, agent, f"Service{agent}")
    batches.set_control(session, number, agent, agent, b"verdict")


def erase(session: StoreSession) -> Erased:
    first, _ = agents.agents(session)
    return erase_agent(session, first, 50)


def test_no_table_has_a_row_of_the_agent_afterwards(session: StoreSession) -> None:
    """Also not one that a later version adds: each table with a column `agent` is looked into."""
    owned = [table for table, names in columns(session).items() if "agent" in names]
    assert {"span", "presence", "batch", "outbox_position", "membership", "control", "token"} <= set(owned)

    assert erase(session) == Erased(spans=2, batches=1, evidence=1)

    for table in owned:
        holders = {row[0] for row in session.rows(f"SELECT agent FROM {table}")}  # noqa: S608 - the names above
        assert holders <= {2, "a2", ""}, table  # the audit log keeps that somebody was erased
    assert [one.id for one in agents.agents(session)] == ["a2"]


def test_what_others_report_as_well_stays(session: StoreSession) -> None:
    erase(session)

    assert session.rows("SELECT text, service FROM target") == [(SHARED, "Service2")]
    assert session.rows("SELECT asn FROM network") == [(64500,)]
    assert (batches.evidence(session, b"both"), batches.evidence(session, b"alone")) == (b"json", None)


def test_evidence_that_no_span_refers_to_is_deleted(session: StoreSession) -> None:
    """A status that was known already left its evidence without a span; nobody can tell whose it is."""
    batches.add_evidence(session, [(b"orphan", b"json")], 1)

    erase(session)

    assert batches.evidence(session, b"orphan") is None


def test_services_that_somebody_still_measures_are_fused_again_with_the_reason(session: StoreSession) -> None:
    """Those that nobody measures and that have no event lose their mark: it would name the target."""
    history.mark_dirty(session, "Service1", "RU", 1)

    erase(session)

    found = events.dirty_marks(session, 9)
    assert [(one.service, one.cc, one.reason) for one in found] == [("Service2", "RU", ERASED)]


def test_the_revision_of_the_control_never_goes_back(session: StoreSession) -> None:
    before = batches.control_revision(session)

    erase(session)

    assert batches.control_revision(session) > before
    batches.set_control(session, 1, 2, 99, b"newer")
    assert batches.control_revision(session) > before + 1
