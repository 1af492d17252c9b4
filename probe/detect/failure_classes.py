"""Failure classes: how easily an ordinary fault produces a failing verdict.

Rules that count failures treat a time-out and an injected answer alike, and so report many false blocks. The detector
weighs a failing verdict by its class::

    letter  class        verdicts of this class                           ordinary faults look like this
    N       UNREACHABLE  unreachable                                      most of the time
    W       SILENT       blocked: silence, or the resolver gives up       most of the time
    M       CUT          blocked: reset, end, refusal, redirect           now and then
    S       FORGED       blocked: a foreign page, address, certificate    in captive portals
    X       PROVEN       blocked: interference shown by comparison        hardly ever
    T       THROTTLED    throttled                                        seldom
    D       DOWN         down                                             whenever a site is down

A verdict has the most specific class among its causes: `tls.reset` followed by `tls.sni` is PROVEN, not CUT. The
verdicts `reachable` and `unknown` have no class: the first is a success, the second carries no information.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import Final

from probe.model.verdict import Cause, Status

CLASS_LETTERS: Final = "NWMSXTD"
"""One letter a class, in the order of every table in `probe.detect`."""


class FailureClass(IntEnum):
    """The class of a failing verdict; the number is its column in every table."""

    UNREACHABLE = 0
    SILENT = 1
    CUT = 2
    FORGED = 3
    PROVEN = 4
    THROTTLED = 5
    DOWN = 6


SUCCESS: Final = -1
"""Takes the place of a class when the target was reachable."""

NO_INFORMATION: Final = -2
"""Takes the place of a class when the verdict is `unknown`."""

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
"""The class of a blocked verdict by cause; the two `throttle` causes are listed so that the table is complete."""

SELF_EVIDENT_CAUSES: Final = frozenset({Cause.DNS_INJECTED, Cause.TLS_SNI})
"""Causes that no outage of the vantage can produce: a second DNS answer; another name that worked at the address."""

NOT_THE_VANTAGE_CAUSES: Final = frozenset(
    {
        *SELF_EVIDENT_CAUSES,
        *(Cause.TCP_RESET, Cause.TLS_RESET, Cause.TLS_EOF, Cause.HTTP_RESET, Cause.HTTP_EOF, Cause.HTTP_REDIRECT),
        *(Cause.DNS_SPOOFED, Cause.DNS_BOGON, Cause.TLS_MITM, Cause.HTTP_BLOCKPAGE),
        *(Cause.IP_RANGE, Cause.THROTTLE_FREEZE),
    }
)
"""Causes that a vantage does not produce itself while its anchors answer: somebody answered, or singled out the target.

Time-outs do not count here, because half of an uplink may be down. Answers of the resolver alone do not count, because
anchors are resolved another way when it fails. A low rate does not count, because a busy line slows all targets."""

NO_WITNESS, CAUSE_WITNESS, ANCHOR_WITNESS, BESIDE_WITNESS = 0, 1, 2, 4
"""Bit flags: what confirms that the vantage did not cause a failure: nothing; the cause itself; an anchor; another port
or address of the target that answered while this one was silent."""

ANCHORS_SHIFT: Final = 3
"""The bits above the flags hold the number of independent anchors, when all of them answered a silent failure."""

MAX_COUNTED_ANCHORS: Final = 15

PATH_SILENCE_CAUSES: Final = frozenset(
    {Cause.TCP_TIMEOUT, Cause.TLS_TIMEOUT, Cause.HTTP_TIMEOUT, Cause.QUIC_TIMEOUT, Cause.TCP_UNREACHABLE}
)
"""Silence of an address. Silence of a resolver is not one of them: anchors are resolved another way when it fails."""

_INTERFERED: Final = frozenset({Status.BLOCKED, Status.THROTTLED})

_CLASS_OF_STATUS: Final[dict[Status, int]] = {
    Status.REACHABLE: SUCCESS,
    Status.UNKNOWN: NO_INFORMATION,
    Status.UNREACHABLE: FailureClass.UNREACHABLE.value,
    Status.THROTTLED: FailureClass.THROTTLED.value,
    Status.DOWN: FailureClass.DOWN.value,
}


def failure_class_of(status: Status, causes: Sequence[Cause]) -> int:
    """Return the class of a verdict as a plain integer, `SUCCESS` or `NO_INFORMATION`."""
    failure_class = _CLASS_OF_STATUS.get(status)
    if failure_class is not None:
        return failure_class
    # A cause of a newer version has no class: it counts as silence, which shows least.
    classes = (CLASS_OF_CAUSE.get(cause, FailureClass.SILENT) for cause in causes)
    specific = [each.value for each in classes if each <= FailureClass.PROVEN]
    return max(specific, default=FailureClass.SILENT.value)


def witness(
    status: Status,
    causes: Sequence[Cause],
    *,
    anchors: bool,
    beside: bool = False,
    nearer: bool = False,
    independent_anchors: int = 0,
) -> int:
    """Return the flags of what confirms that the vantage did not cause a failing verdict.

    Args:
        status: status of the verdict.
        causes: causes of the verdict.
        anchors: whether an anchor answered after the failure.
        beside: whether another port or address of the target answered while this one was silent.
        nearer: whether the answer came from something nearer than the server (`probe.judge.nearer`).
        independent_anchors: `VantageInput.independent_anchors`.
    """
    proven = nearer or not SELF_EVIDENT_CAUSES.isdisjoint(causes)
    found = CAUSE_WITNESS if proven else NO_WITNESS
    silent = status is Status.BLOCKED and bool(causes) and causes[0] in PATH_SILENCE_CAUSES
    if silent and beside:
        found |= BESIDE_WITNESS
    if anchors and status in _INTERFERED and not NOT_THE_VANTAGE_CAUSES.isdisjoint(causes):
        found |= ANCHOR_WITNESS
    if silent:
        found |= min(independent_anchors, MAX_COUNTED_ANCHORS) << ANCHORS_SHIFT
    return found
