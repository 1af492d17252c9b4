from __future__ import annotations

import pytest

from probe.detect.failure_classes import (
    ANCHORS,
    CAUSE_MARKS,
    ITSELF,
    LETTERS,
    NOBODY,
    SILENCE,
    SUCCESS,
    Mark,
    mark_of,
    witness,
)
from probe.model.verdict import Cause, Status


def test_every_cause_has_a_mark() -> None:
    """The table and the vocabulary agree."""
    assert set(CAUSE_MARKS) == set(Cause)
    assert len(LETTERS) == len(Mark)


@pytest.mark.parametrize(
    ("status", "causes", "mark"),
    [
        (Status.REACHABLE, (), SUCCESS),
        (Status.UNKNOWN, (), SILENCE),
        (Status.UNREACHABLE, (Cause.TLS_RESET,), Mark.UNREACHABLE),
        (Status.BLOCKED, (), Mark.SILENT),
        (Status.BLOCKED, (Cause.DNS_SERVFAIL,), Mark.SILENT),
        (Status.BLOCKED, (Cause.HTTP_REDIRECT,), Mark.CUT),
        (Status.BLOCKED, (Cause.TLS_MITM,), Mark.FORGED),
        (Status.THROTTLED, (Cause.THROTTLE_RATE,), Mark.THROTTLED),
        (Status.DOWN, (), Mark.DOWN),
    ],
)
def test_a_verdict_bears_the_mark_of_its_kind(status: Status, causes: tuple[Cause, ...], mark: int) -> None:
    """Status first, then cause."""
    assert mark_of(status, causes) == mark


def test_the_most_specific_cause_decides() -> None:
    """`tls.sni` follows `tls.reset` and says more."""
    assert mark_of(Status.BLOCKED, (Cause.TLS_RESET, Cause.TLS_SNI)) == Mark.PROVEN
    assert mark_of(Status.BLOCKED, (Cause.TCP_TIMEOUT, Cause.IP_RANGE)) == Mark.PROVEN


def test_an_injected_answer_proves_itself_and_a_bogus_one_does_not() -> None:
    """A dead or captive resolver gives bogus answers to everybody."""
    assert witness(Status.BLOCKED, (Cause.DNS_INJECTED,), anchors=False) == ITSELF
    assert witness(Status.BLOCKED, (Cause.TLS_TIMEOUT, Cause.TLS_SNI), anchors=False) == ITSELF
    assert witness(Status.BLOCKED, (Cause.DNS_BOGON,), anchors=False) == NOBODY


def test_anchors_bear_witness_where_something_spoke_and_not_where_all_was_silent() -> None:
    """Part of an uplink may be dead, the resolver too; a reset or a foreign page came from somebody."""
    assert witness(Status.BLOCKED, (Cause.TCP_RESET,), anchors=True) == ANCHORS
    assert witness(Status.BLOCKED, (Cause.HTTP_BLOCKPAGE,), anchors=True) == ANCHORS
    assert witness(Status.BLOCKED, (Cause.TLS_RESET, Cause.TLS_SNI), anchors=True) == ITSELF + ANCHORS
    assert witness(Status.THROTTLED, (Cause.THROTTLE_FREEZE,), anchors=True) == ANCHORS
    for silent in (Cause.TCP_TIMEOUT, Cause.TLS_TIMEOUT, Cause.DNS_TIMEOUT, Cause.DNS_NXDOMAIN, Cause.DNS_SERVFAIL):
        assert witness(Status.BLOCKED, (silent,), anchors=True) == NOBODY
    assert witness(Status.THROTTLED, (Cause.THROTTLE_RATE,), anchors=True) == NOBODY
    assert witness(Status.UNREACHABLE, (Cause.TCP_RESET,), anchors=True) == NOBODY
