from __future__ import annotations

import pytest

from probe.detect.failure_classes import (
    ANCHOR_WITNESS,
    CAUSE_WITNESS,
    CLASS_LETTERS,
    CLASS_OF_CAUSE,
    NO_INFORMATION,
    NO_WITNESS,
    SUCCESS,
    FailureClass,
    failure_class_of,
    witness,
)
from probe.model.verdict import Cause, Status


def test_every_cause_has_a_class() -> None:
    """The table and the vocabulary of causes agree."""
    assert set(CLASS_OF_CAUSE) == set(Cause)
    assert len(CLASS_LETTERS) == len(FailureClass)


@pytest.mark.parametrize(
    ("status", "causes", "failure_class"),
    [
        (Status.REACHABLE, (), SUCCESS),
        (Status.UNKNOWN, (), NO_INFORMATION),
        (Status.UNREACHABLE, (Cause.TLS_RESET,), FailureClass.UNREACHABLE),
        (Status.BLOCKED, (), FailureClass.SILENT),
        (Status.BLOCKED, (Cause.DNS_SERVFAIL,), FailureClass.SILENT),
        (Status.BLOCKED, (Cause.HTTP_REDIRECT,), FailureClass.CUT),
        (Status.BLOCKED, (Cause.TLS_MITM,), FailureClass.FORGED),
        (Status.THROTTLED, (Cause.THROTTLE_RATE,), FailureClass.THROTTLED),
        (Status.DOWN, (), FailureClass.DOWN),
    ],
)
def test_a_verdict_has_the_class_of_its_status_and_cause(
    status: Status, causes: tuple[Cause, ...], failure_class: int
) -> None:
    """The status decides first, then the cause."""
    assert failure_class_of(status, causes) == failure_class


def test_a_cause_of_a_newer_version_counts_as_silence() -> None:
    """Beside a cause that is known, that one decides."""
    newer = Cause("http3.timeout")

    assert failure_class_of(Status.BLOCKED, (newer,)) == FailureClass.SILENT
    assert failure_class_of(Status.BLOCKED, (newer, Cause.TLS_RESET)) == FailureClass.CUT


def test_the_most_specific_cause_decides() -> None:
    """`tls.sni` follows `tls.reset` and is more specific."""
    assert failure_class_of(Status.BLOCKED, (Cause.TLS_RESET, Cause.TLS_SNI)) == FailureClass.PROVEN
    assert failure_class_of(Status.BLOCKED, (Cause.TCP_TIMEOUT, Cause.IP_RANGE)) == FailureClass.PROVEN


def test_an_injected_answer_is_self_evident_and_a_bogon_is_not() -> None:
    """A dead or captive resolver returns bogus addresses for every name."""
    assert witness(Status.BLOCKED, (Cause.DNS_INJECTED,), anchors=False) == CAUSE_WITNESS
    assert witness(Status.BLOCKED, (Cause.TLS_TIMEOUT, Cause.TLS_SNI), anchors=False) == CAUSE_WITNESS
    assert witness(Status.BLOCKED, (Cause.DNS_BOGON,), anchors=False) == NO_WITNESS


def test_anchors_confirm_answers_and_not_time_outs() -> None:
    """Half of an uplink or the resolver may be down; a reset or a foreign page was sent by somebody."""
    assert witness(Status.BLOCKED, (Cause.TCP_RESET,), anchors=True) == ANCHOR_WITNESS
    assert witness(Status.BLOCKED, (Cause.HTTP_BLOCKPAGE,), anchors=True) == ANCHOR_WITNESS
    assert witness(Status.BLOCKED, (Cause.TLS_RESET, Cause.TLS_SNI), anchors=True) == CAUSE_WITNESS + ANCHOR_WITNESS
    assert witness(Status.THROTTLED, (Cause.THROTTLE_FREEZE,), anchors=True) == ANCHOR_WITNESS
    for silent in (Cause.TCP_TIMEOUT, Cause.TLS_TIMEOUT, Cause.DNS_TIMEOUT, Cause.DNS_NXDOMAIN, Cause.DNS_SERVFAIL):
        assert witness(Status.BLOCKED, (silent,), anchors=True) == NO_WITNESS
    assert witness(Status.THROTTLED, (Cause.THROTTLE_RATE,), anchors=True) == NO_WITNESS
    assert witness(Status.UNREACHABLE, (Cause.TCP_RESET,), anchors=True) == NO_WITNESS


def test_an_answer_nearer_than_the_server_is_self_evident() -> None:
    """Nothing on the vantage's own line can send one for a single target."""
    assert witness(Status.BLOCKED, (Cause.TLS_RESET,), anchors=False, nearer=True) == CAUSE_WITNESS
    assert witness(Status.BLOCKED, (Cause.TLS_RESET,), anchors=False) == NO_WITNESS
