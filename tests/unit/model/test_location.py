"""The location of the interfering hop, from the replies of all tries."""

from __future__ import annotations

import pytest

from probe.model.failure import Failure
from probe.model.hop import Purpose
from probe.model.location import Location, located
from probe.model.observation import Connection, TracePayload, TraceReply

R, T, U = Failure.RESET, Failure.TIMEOUT, Failure.UNREACHABLE


def trace(ttl: int, failure: Failure | None, *, neutral: bool = False, **more: object) -> TraceReply:
    """One try."""
    purpose = Purpose.NEUTRAL if neutral else Purpose.SUBJECT
    where = {"address": "151.101.1.10", "port": 443, "name": "news.example.org"}
    return TraceReply(payload=TracePayload.HELLO, ttl=ttl, failure=failure, purpose=purpose, **where, **more)  # type: ignore[arg-type]


def other(ttl: int, failure: Failure | None) -> TraceReply:
    """One try under another name."""
    return trace(ttl, failure, neutral=True)


@pytest.mark.parametrize(
    ("seen", "found"),
    [
        ([], None),
        ([trace(8, T)], None),
        ([trace(8, R), trace(4, U), trace(6, U)], None),
        ([trace(8, R), trace(7, T)], Location(routers=7)),
        ([trace(1, R)], Location(routers=0)),
        ([trace(3, R), trace(2, U), other(3, U)], Location(routers=2, server=False)),
        ([trace(3, R), trace(2, U), other(3, None)], Location(routers=2, server=True)),
        ([trace(3, None), trace(2, U), other(3, R)], Location(routers=2, server=True)),
        ([trace(3, R), trace(2, U), other(3, T)], Location(routers=2)),
        ([trace(3, Failure.EOF), trace(2, U), other(4, None)], Location(routers=2)),
        ([trace(3, R), trace(2, Failure.LOCAL)], None),
        ([trace(3, R, opened=False), trace(2, U)], None),
        ([trace(3, T), trace(2, U), other(3, U)], Location(routers=2, server=False, silent=True)),
        ([trace(3, T), trace(2, U), other(3, None)], Location(routers=2, server=True, silent=True)),
        ([trace(1, T), other(1, U)], Location(routers=0, server=False, silent=True)),
        ([trace(3, T), trace(2, U), other(3, T)], None),
        ([trace(3, T), trace(2, U)], None),
        ([trace(3, T, acked=True), trace(2, U), other(3, None)], None),
        ([trace(3, T), trace(2, T), trace(1, U), other(3, U)], None),
    ],
)
def test_a_location_needs_a_reaction_at_one_ttl_and_none_at_a_smaller_one(
    seen: list[TraceReply], found: Location | None
) -> None:
    """A time-out counts only between replies of the path itself."""
    assert located(seen) == found


def test_other_observations_give_no_location() -> None:
    assert located([Connection(address="151.101.1.10", port=443, failure=R)]) is None
