"""SQL of followed collectors' events, on both engines."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest

from probe.collector.store import StoreSession, followed, log_tables, to_ms
from probe.collector.store.followed import ReceivedEntry
from probe.formats.log_entry import LogEntry
from tests.loopback.collector.log.published import EVENT, MAY
from tests.loopback.collector.store.test_log_tables import HEAD


@pytest.fixture(autouse=True)
def _logs(session: StoreSession) -> None:
    """Two followed logs."""
    for source in ("0123abcd", "deadbeef"):
        followed.number_for(session, msgspec.structs.replace(HEAD, no=0, source=source, origin=f"{source}/log"))


def received(index: int, kind: str = "began", into: str = "", **parts: object) -> ReceivedEntry:
    """An entry about the event with other parts."""
    event = msgspec.structs.replace(EVENT, **parts)
    return ReceivedEntry(index, LogEntry(kind=kind, published=MAY, event=event, into=into))


def test_logs_are_numbered_once(session: StoreSession) -> None:
    heads = log_tables.followed(session)

    assert [each.no for each in heads] == [1, 2]
    assert followed.number_for(session, heads[1]) == 2


def test_an_event_is_as_the_newest_entry_has_it_and_belongs_to_its_source(session: StoreSession) -> None:
    """Two sources may have events of one id."""
    followed.store_events(session, 1, [received(0, lifted=None), received(3, "lifted", revision=2)], 5)
    followed.store_events(session, 2, [received(0, service="Line", lifted=None)], 5)
    followed.store_events(session, 2, [received(1, "changed", service="Line", lifted=None, vantages=7)], 6)

    one, other = (followed.event(session, source, EVENT.id) for source in ("0123abcd", "deadbeef"))

    assert one is not None
    assert other is not None
    assert (one.origin, one.event.revision) == ("0123abcd/log", 2)
    assert (other.event.service, other.event.vantages) == ("Line", 7)
    assert followed.event(session, "00000000", EVENT.id) is None
    assert [each.source for each in followed.ongoing(session, 9)] == ["deadbeef"]
    assert [each.source for each in followed.of_service(session, "WeChat", 9)] == ["0123abcd"]


def test_withdrawn_and_renamed_events_are_found_by_id_and_not_listed(session: StoreSession) -> None:
    entries = [received(0, "withdrawn"), received(1, "renamed", "c" * 16, id="b" * 16), received(2, id="c" * 16)]
    followed.store_events(session, 1, entries, 5)

    found = [followed.event(session, "0123abcd", letter * 16) for letter in "abc"]

    assert [each.superseded if each else None for each in found] == ["-", "c" * 16, ""]
    assert [each.event.id for each in followed.events(session, 0, 9)] == ["c" * 16]
    assert followed.of_service(session, "WeChat", 0) == []


def test_events_that_lifted_before_a_moment_are_left_out(session: StoreSession) -> None:
    followed.store_events(session, 1, [received(0), received(1, id="b" * 16, lifted=None)], 5)

    later = to_ms(MAY + timedelta(days=1))

    assert [each.event.id for each in followed.events(session, later, 9)] == ["b" * 16]
    assert len(followed.events(session, 0, 9)) == 2


def test_a_log_is_claimed_once_an_interval(session: StoreSession) -> None:
    assert followed.claim(session, 1, 1000, 900)
    assert not followed.claim(session, 1, 1010, 910)
    assert followed.claim(session, 1, 2000, 1900)
