"""A measurement, and its hops with what the control and the vantage say."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from probe.judge.control import ControlOutcome
from probe.model.failure import Failure
from probe.model.hop import Layer, LayerFailure
from probe.model.verdict import IPV6_WORKS, AnchorKind, AnchorLook, Status, VantageNote
from tests.unit.judge.builders import (
    TIME,
    V6,
    A,
    B,
    control,
    hop_of,
    http,
    said,
    tcp,
    tls,
    view_of,
)

BOTH = (said("network", A, B), said("trusted", A, B))


def test_ipv6_works_where_anything_answered_over_it() -> None:
    """A time-out is no answer."""
    assert view_of(tcp(V6)).ipv6_works
    assert not view_of(tcp(V6, Failure.TIMEOUT), tcp(A)).ipv6_works


def test_ipv6_works_where_an_anchor_or_another_target_answered_over_it() -> None:
    """An anchor that was not tried over IPv6, or failed there, shows nothing."""
    anchor = AnchorLook(url="https://a.example/", kind=AnchorKind.FOREIGN, at=TIME)
    silent = tcp(V6, Failure.TIMEOUT)

    assert view_of(silent, anchors=(replace(anchor, ipv6_result=IPV6_WORKS),)).ipv6_works
    assert view_of(silent, anchors=(replace(anchor, over_ipv6=True),)).ipv6_works
    assert not view_of(silent, anchors=(anchor, replace(anchor, ipv6_result="timeout"))).ipv6_works
    assert view_of(silent, ipv6_answered=True).ipv6_works


@pytest.mark.parametrize(
    ("note", "doubt"),
    [(VantageNote.ANCHORS_DISAGREE, True), (VantageNote.ONE_HOST, True), (VantageNote.CLOCK_WRONG, False)],
)
def test_a_line_is_in_doubt_where_anchors_disagree_or_one_host_answers_for_many(note: str, doubt: bool) -> None:
    """Other notes are about this host."""
    assert view_of(notes=frozenset({note})).is_in_doubt is doubt


def test_a_controls_facts_are_used_unless_it_disagrees_with_itself() -> None:
    """At a hop that it did not meet, it still knows the names."""
    hop = (http(A, 301, location="https://x.example/"),)

    assert hop_of(by=control()).control is not None
    assert hop_of(by=control(Status.DOWN)).control is not None
    assert hop_of(by=control(Status.REACHABLE, Status.DOWN)).control is None
    assert hop_of(by=control(Status.UNKNOWN)).control is None
    assert hop_of(*hop, by=control(), hop=1).control_outcome is ControlOutcome.NONE
    assert hop_of(*hop, by=control(), hop=1).control is not None


def test_a_connection_that_fails_over_a_broken_ipv6_is_this_hosts_fault() -> None:
    """Where the vantage's notes say so; other failures over IPv6 are not."""
    broken = {"notes": frozenset({VantageNote.IPV6_BROKEN})}
    silent, cut = tcp(V6, Failure.TIMEOUT), (tcp(V6), tls(V6, Failure.RESET))
    known = (said("trusted", A, V6),)

    assert hop_of(*known, silent).decisive_failure == LayerFailure(Layer.TCP, Failure.TIMEOUT)
    assert hop_of(*known, silent, **broken).decisive_failure is None
    assert hop_of(*known, *cut, **broken).decisive_failure == LayerFailure(Layer.TLS, Failure.RESET)
    assert hop_of(*known, tcp(A, Failure.TIMEOUT), **broken).decisive_failure == LayerFailure(
        Layer.TCP, Failure.TIMEOUT
    )


def test_a_name_under_which_the_control_was_served_is_not_absent() -> None:
    """Whatever a trusted resolver says here."""
    gone = (said("network", failure=Failure.NXDOMAIN), said("trusted", failure=Failure.NXDOMAIN))
    known, alone = hop_of(*gone, by=control(addresses={})).name_answers, hop_of(*gone).name_answers

    assert known is not None
    assert alone is not None
    assert (known.absent, alone.absent) == (False, True)
