"""SQL of events."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from probe.collector.store import StoreSession, agents, batches, events, history, to_ms
from probe.collector.store.agents import AgentRow
from probe.collector.store.history import NewSpan, PresenceRun
from probe.fuse.revision import NEWS_KINDS, NewRevision, RevisionKind
from probe.model.event import Confidence, Event, Network, Scope
from probe.model.verdict import Cause, Status
from tests.loopback.collector.store.engines import refused

MAY = datetime(2017, 5, 4, tzinfo=UTC)
EVENT = Event(
    id="a" * 16,
    revision=1,
    service="WeChat",
    scope=Scope.NETWORK,
    network=Network(asn=64500, country="RU"),
    status=Status.BLOCKED,
    causes=(Cause.DNS_SPOOFED,),
    confidence=Confidence.ONE_SOURCE,
    onset=MAY,
    known=MAY,
)


def publish(session: StoreSession, kind: RevisionKind, now: int, into: str = "", **more: object) -> Event:
    """Publish a revision."""
    event = msgspec.structs.replace(EVENT, **more)
    events.publish(session, NewRevision(event=event, kind=kind, into=into), now)
    return event


def test_an_event_is_read_as_its_last_revision_and_all_are_kept(session: StoreSession) -> None:
    """A revision number cannot be used twice."""
    publish(session, RevisionKind.BEGAN, 1)
    last = publish(session, RevisionKind.LIFTED, 2, revision=2, lifted=MAY)

    assert events.current_events(session, "WeChat", "RU") == ([last], {})
    assert [(each.kind, each.published) for each in events.revisions_of(session, EVENT.id)] == [
        (RevisionKind.BEGAN, 1),
        (RevisionKind.LIFTED, 2),
    ]
    with refused(session):
        publish(session, RevisionKind.CHANGED, 3, revision=2)
    assert events.latest_revision(session) == 2


def test_a_renamed_or_withdrawn_event_is_not_in_force_but_is_found_by_its_id(session: StoreSession) -> None:
    """It says under which id it continues."""
    publish(session, RevisionKind.RENAMED, 1, into="b" * 16, revision=2)
    publish(session, RevisionKind.WITHDRAWN, 1, id="c" * 16, revision=5)

    assert events.current_events(session, "WeChat", "RU") == ([], {"a" * 16: 2, "c" * 16: 5})
    assert events.events(session, 0, 9) == []
    found = [events.event(session, name * 16) for name in "acd"]
    assert [each.superseded if each else None for each in found] == ["b" * 16, "-", None]


def test_events_are_listed_from_a_moment_on(session: StoreSession) -> None:
    """Or only those that have not lifted."""
    publish(session, RevisionKind.BEGAN, 1)
    publish(session, RevisionKind.LIFTED, 1, id="b" * 16, lifted=MAY)

    assert len(events.events(session, to_ms(MAY), 9)) == 2
    assert [event.id for event in events.events(session, to_ms(MAY) + 1, 9)] == ["a" * 16]
    assert [event.id for event in events.events(session, 0, 9, lasting=True)] == ["a" * 16]


def test_news_are_listed_newest_first_by_kind(session: StoreSession) -> None:
    """From a moment on."""
    for n, kind in enumerate((RevisionKind.BEGAN, RevisionKind.CHANGED, RevisionKind.LIFTED), 1):
        publish(session, kind, n * 10, revision=n)

    assert [each.kind for each in events.news(session, NEWS_KINDS, 0, 9)] == [RevisionKind.LIFTED, RevisionKind.BEGAN]
    assert [each.kind for each in events.news(session, NEWS_KINDS, 11, 9)] == [RevisionKind.LIFTED]


def test_marks_are_listed_oldest_first_and_deleted_unless_marked_again(session: StoreSession) -> None:
    """Open events are marked by time alone."""
    publish(session, RevisionKind.BEGAN, 1)
    history.mark_dirty(session, "LINE", "RU", 5)
    events.mark_open_events(session, 9)
    line, wechat = events.dirty_marks(session, 9)
    assert (line.service, wechat.service) == ("LINE", "WeChat")

    history.mark_dirty(session, "LINE", "RU", 10)
    events.clear_dirty(session, line)
    events.clear_dirty(session, wechat)
    assert [each.service for each in events.dirty_marks(session, 9)] == ["LINE"]


def test_status_counts_keep_present_and_absent_vantages_apart(session: StoreSession) -> None:
    """They are counted by target, network, status and causes."""
    target, network = batches.target_number(session, "t"), batches.network_number(session, 64500, "RU")
    for no, stop in ((1, 1000), (2, 1000), (3, 10)):
        agents.add_agent(
            session, AgentRow(0, f"a{no}", b"%d" % no * 32, "vantage", "", 64500, "RU", "active", "", 0, 0)
        )
        history.save_presence_run(session, no, PresenceRun(0, stop, network, 10, "online", 1, 1))
        new = NewSpan(
            target=target,
            agent=no,
            start=no,
            known=no,
            network=network,
            status="blocked",
            causes="tcp.reset",
            evidence=None,
        )
        history.add_spans(session, [new])

    found = events.status_counts(session, 1020)

    assert [(count.present, count.vantages, to_ms(count.since)) for count in found] == [(False, 1, 3), (True, 2, 1)]
