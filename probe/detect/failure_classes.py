"""How much a failing verdict says: its mark.

A detector that counts failures treats a timeout and an injected answer alike; that is why counting rules cry wolf. A
*mark* sorts failing verdicts by how easily an ordinary fault produces them::

    letter  mark         a verdict like this                              ordinary faults look like this
    N       UNREACHABLE  unreachable                                      most of the time
    W       SILENT       blocked: silence, or the resolver gives up       most of the time
    M       CUT          blocked: reset, end, refusal, redirect           now and then
    S       FORGED       blocked: a foreign page, address, certificate    in captive portals
    X       PROVEN       blocked: interference shown by comparison        hardly ever
    T       THROTTLED    throttled                                        seldom
    D       DOWN         down                                             whenever a site is down

A verdict takes the most specific mark among its causes: `tls.reset` followed by `tls.sni` is PROVEN, not CUT. The
verdicts `reachable` and `unknown` have no mark: the first is a success, the second says nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import Final

from probe.model.verdict import Cause, Status

CLASS_LETTERS: Final = "NWMSXTD"
"""One letter a mark, in the order of every table of this room."""


class FailureClass(IntEnum):
    """What a failing verdict looks like; the number is the column in every table."""

    UNREACHABLE = 0
    SILENT = 1
    CUT = 2
    FORGED = 3
    PROVEN = 4
    THROTTLED = 5
    DOWN = 6


SUCCESS: Final = -1
"""In place of a mark: the target was reachable."""

NO_INFORMATION: Final = -2
"""In place of a mark: nothing was learned (`unknown`)."""

CLASS_OF_CAUSE: Final[dict[Cause, FailureClass]] = {
    Cause.DNS_TIMEOUT: FailureClass.SILENT,
    Cause.DNS_SERVFAIL: FailureClass.SILENT,
    Cause.TCP_TIMEOUT: FailureClass.SILENT,
    Cause.TCP_UNREACHABLE: FailureClass.SILENT,
    Cause.TLS_TIMEOUT: FailureClass.SILENT,
    Cause.HTTP_TIMEOUT: FailureClass.SILENT,
    Cause.QUIC_TIMEOUT: FailureClass.SILENT,
    Cause.DNS_NXDOMAIN: FailureClass.CUT,
    Cause.DNS_REFUSED: FailureClass.CUT,
    Cause.DNS_NODATA: FailureClass.CUT,
    Cause.TCP_RESET: FailureClass.CUT,
    Cause.TLS_RESET: FailureClass.CUT,
    Cause.TLS_EOF: FailureClass.CUT,
    Cause.HTTP_RESET: FailureClass.CUT,
    Cause.HTTP_EOF: FailureClass.CUT,
    Cause.HTTP_REDIRECT: FailureClass.CUT,
    Cause.DNS_SPOOFED: FailureClass.FORGED,
    Cause.TLS_MITM: FailureClass.FORGED,
    Cause.HTTP_BLOCKPAGE: FailureClass.FORGED,
    Cause.DNS_INJECTED: FailureClass.PROVEN,
    Cause.DNS_BOGON: FailureClass.PROVEN,
    Cause.TLS_SNI: FailureClass.PROVEN,
    Cause.IP_RANGE: FailureClass.PROVEN,
    Cause.THROTTLE_RATE: FailureClass.THROTTLED,
    Cause.THROTTLE_FREEZE: FailureClass.THROTTLED,
}
"""The mark of a blocked verdict by cause; the two `throttle` causes are listed so that the table is complete."""

SELF_EVIDENT_CAUSES: Final = frozenset({Cause.DNS_INJECTED, Cause.TLS_SNI})
"""Causes that no outage of the vantage can produce: a second answer, and a comparison with another name that worked."""

NOT_THE_VANTAGE_CAUSES: Final = frozenset(
    {
        *SELF_EVIDENT_CAUSES,
        *(Cause.TCP_RESET, Cause.TLS_RESET, Cause.TLS_EOF, Cause.HTTP_RESET, Cause.HTTP_EOF, Cause.HTTP_REDIRECT),
        *(Cause.DNS_SPOOFED, Cause.DNS_BOGON, Cause.TLS_MITM, Cause.HTTP_BLOCKPAGE),
        *(Cause.IP_RANGE, Cause.THROTTLE_FREEZE),
    }
)
"""Causes that a vantage does not make itself while its anchors answer: something had to speak, or to pick this target
out. Not so silence, for part of an uplink may be dead, nor what a resolver alone says, for anchors are found without it
where it fails, nor a low rate, for a full line is slow to everybody."""

NO_WITNESS, CAUSE_WITNESS, ANCHOR_WITNESS = 0, 1, 2
"""Who bears witness that a failure was not the vantage's; the last two may be added up."""

_INTERFERED: Final = frozenset({Status.BLOCKED, Status.THROTTLED})

_CLASS_OF_STATUS: Final[dict[Status, int]] = {
    Status.REACHABLE: SUCCESS,
    Status.UNKNOWN: NO_INFORMATION,
    Status.UNREACHABLE: FailureClass.UNREACHABLE.value,
    Status.THROTTLED: FailureClass.THROTTLED.value,
    Status.DOWN: FailureClass.DOWN.value,
}


def failure_class_of(status: Status, causes: Sequence[Cause]) -> int:
    """The mark of a verdict as a plain number, `SUCCESS` or `SILENCE`."""
    failure_class = _CLASS_OF_STATUS.get(status)
    if failure_class is not None:
        return failure_class
    specific = [CLASS_OF_CAUSE[cause].value for cause in causes if CLASS_OF_CAUSE[cause] <= FailureClass.PROVEN]
    return max(specific, default=FailureClass.SILENT.value)


def witness(status: Status, causes: Sequence[Cause], *, anchors: bool) -> int:
    """Who bears witness that a failing verdict was not the vantage's doing.

    Args:
        status: of the verdict.
        causes: of the verdict.
        anchors: an anchor answered after the failure.
    """
    found = CAUSE_WITNESS if not SELF_EVIDENT_CAUSES.isdisjoint(causes) else NO_WITNESS
    if anchors and status in _INTERFERED and not NOT_THE_VANTAGE_CAUSES.isdisjoint(causes):
        found |= ANCHOR_WITNESS
    return found
