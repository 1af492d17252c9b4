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

LETTERS: Final = "NWMSXTD"
"""One letter a mark, in the order of every table of this room."""


class Mark(IntEnum):
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

SILENCE: Final = -2
"""In place of a mark: nothing was learned (`unknown`)."""

CAUSE_MARKS: Final[dict[Cause, Mark]] = {
    Cause.DNS_TIMEOUT: Mark.SILENT,
    Cause.DNS_SERVFAIL: Mark.SILENT,
    Cause.TCP_TIMEOUT: Mark.SILENT,
    Cause.TCP_UNREACHABLE: Mark.SILENT,
    Cause.TLS_TIMEOUT: Mark.SILENT,
    Cause.HTTP_TIMEOUT: Mark.SILENT,
    Cause.QUIC_TIMEOUT: Mark.SILENT,
    Cause.DNS_NXDOMAIN: Mark.CUT,
    Cause.DNS_REFUSED: Mark.CUT,
    Cause.DNS_NODATA: Mark.CUT,
    Cause.TCP_RESET: Mark.CUT,
    Cause.TLS_RESET: Mark.CUT,
    Cause.TLS_EOF: Mark.CUT,
    Cause.HTTP_RESET: Mark.CUT,
    Cause.HTTP_EOF: Mark.CUT,
    Cause.HTTP_REDIRECT: Mark.CUT,
    Cause.DNS_SPOOFED: Mark.FORGED,
    Cause.TLS_MITM: Mark.FORGED,
    Cause.HTTP_BLOCKPAGE: Mark.FORGED,
    Cause.DNS_INJECTED: Mark.PROVEN,
    Cause.DNS_BOGON: Mark.PROVEN,
    Cause.TLS_SNI: Mark.PROVEN,
    Cause.IP_RANGE: Mark.PROVEN,
    Cause.THROTTLE_RATE: Mark.THROTTLED,
    Cause.THROTTLE_FREEZE: Mark.THROTTLED,
}
"""The mark of a blocked verdict by cause; the two `throttle` causes are listed so that the table is complete."""

SELF_EVIDENT: Final = frozenset({Cause.DNS_INJECTED, Cause.TLS_SNI})
"""Causes that no outage of the vantage can produce: a second answer, and a comparison with another name that worked."""

BEYOND_THE_LINE: Final = frozenset(
    {
        *SELF_EVIDENT,
        *(Cause.TCP_RESET, Cause.TLS_RESET, Cause.TLS_EOF, Cause.HTTP_RESET, Cause.HTTP_EOF, Cause.HTTP_REDIRECT),
        *(Cause.DNS_SPOOFED, Cause.DNS_BOGON, Cause.TLS_MITM, Cause.HTTP_BLOCKPAGE),
        *(Cause.IP_RANGE, Cause.THROTTLE_FREEZE),
    }
)
"""Causes that a vantage does not make itself while its anchors answer: something had to speak, or to pick this target
out. Not so silence, for part of an uplink may be dead, nor what a resolver alone says, for anchors are found without it
where it fails, nor a low rate, for a full line is slow to everybody."""

NOBODY, ITSELF, ANCHORS = 0, 1, 2
"""Who bears witness that a failure was not the vantage's; the last two may be added up."""

_INTERFERED: Final = frozenset({Status.BLOCKED, Status.THROTTLED})

_STATUS_MARKS: Final[dict[Status, int]] = {
    Status.REACHABLE: SUCCESS,
    Status.UNKNOWN: SILENCE,
    Status.UNREACHABLE: Mark.UNREACHABLE.value,
    Status.THROTTLED: Mark.THROTTLED.value,
    Status.DOWN: Mark.DOWN.value,
}


def mark_of(status: Status, causes: Sequence[Cause]) -> int:
    """The mark of a verdict as a plain number, `SUCCESS` or `SILENCE`."""
    mark = _STATUS_MARKS.get(status)
    if mark is not None:
        return mark
    specific = [CAUSE_MARKS[cause].value for cause in causes if CAUSE_MARKS[cause] <= Mark.PROVEN]
    return max(specific, default=Mark.SILENT.value)


def witness(status: Status, causes: Sequence[Cause], *, anchors: bool) -> int:
    """Who bears witness that a failing verdict was not the vantage's doing.

    Args:
        status: of the verdict.
        causes: of the verdict.
        anchors: an anchor answered after the failure.
    """
    found = ITSELF if not SELF_EVIDENT.isdisjoint(causes) else NOBODY
    if anchors and status in _INTERFERED and not BEYOND_THE_LINE.isdisjoint(causes):
        found |= ANCHORS
    return found
