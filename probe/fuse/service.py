"""The status of a service, from the statuses of its targets: the one rule for agents, board and pages.

A service has several targets: pages, names, addresses. A page may load while the servers of the app do not answer, and
names may resolve while no address answers. The rule therefore takes the targets in parts. A part works when any of its
targets works, because the targets of a part can replace each other:

==========  ==================================================
web         URLs and domains: the whole chain
names       `dns://`: resolution of transport hosts
addresses   `tcp://`, `tls://` and `quic://` endpoints, ranges
other       targets of a form that this version does not know
==========  ==================================================

The first rule that applies decides. `unknown` targets are left out.

1. No target is known: `unknown`.
2. A part has a blocked target, and none of it is reachable or throttled: `blocked`.
3. A part has a throttled target, and none of it is reachable: `throttled`.
4. A target is reachable: `reachable`.
5. Every target is down: `down`.
6. Otherwise: `unreachable`.

One blocked target of many does not make a service blocked: that would be a false alarm. It must not disappear either:
that would be a false all-clear. `ServiceStatus.interfered` lists every blocked or throttled target whatever the status,
and `parts` counts them, so that a page can say "reachable, 1 of 5 targets blocked".

A part that fails without proof of interference never makes a service blocked. Two laws follow and are tested: the order
of targets does not matter, and one more blocked target never makes a service or a part look better.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from probe.errors import TargetError
from probe.model.target import DnsTarget, DomainTarget, UrlTarget, parse
from probe.model.verdict import Status

PARTS = ("web", "names", "addresses", "other")
STATUS_PRECEDENCE = (
    Status.BLOCKED,
    Status.THROTTLED,
    Status.REACHABLE,
    Status.UNREACHABLE,
    Status.DOWN,
    Status.UNKNOWN,
)
"""Where vantages disagree about a target, the first of these that any of them reports is the target's status."""
INTERFERENCE = frozenset({Status.BLOCKED, Status.THROTTLED})
"""Statuses that claim interference by the network. Only these open an event."""


class PartStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One part of a service.

    Attributes:
        name: `web`, `names`, `addresses` or `other`.
        status: by the rule above, for the targets of this part alone.
        works: how many of its targets are reachable.
        interfered: how many are blocked or throttled.
        measured: how many are known at all.
    """

    name: str
    status: Status
    works: int
    interfered: int
    measured: int


class ServiceStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The combined status of a service's targets.

    Attributes:
        status: by the rule of this module.
        deciding: the targets that have the service's status, in the parts that have it; sorted.
        interfered: every target that is blocked or throttled, sorted; also where the service is reachable.
        parts: the parts with a known target, in the order of `PARTS`.
    """

    status: Status
    deciding: tuple[str, ...]
    interfered: tuple[str, ...]
    parts: tuple[PartStatus, ...]

    @property
    def partial(self) -> bool:
        """Whether the service works although the network interferes with some of its targets."""
        return self.status is Status.REACHABLE and bool(self.interfered)


def service_status(statuses: Mapping[str, Status]) -> ServiceStatus:
    """The status of a service.

    Args:
        statuses: target -> its status; in any order.
    """
    known = {target: each for target, each in sorted(statuses.items()) if each is not Status.UNKNOWN}
    by_part: dict[str, dict[str, Status]] = {name: {} for name in PARTS}
    for target, each in known.items():
        by_part[part_of(target)][target] = each
    parts = tuple(_part_status(name, its.values()) for name, its in by_part.items() if its)
    status = _combined(part.status for part in parts)
    deciding = {part.name for part in parts if part.status is status}
    return ServiceStatus(
        status=status,
        deciding=tuple(target for target, each in known.items() if each is status and part_of(target) in deciding),
        interfered=tuple(target for target, each in known.items() if each in INTERFERENCE),
        parts=parts,
    )


def worst_status(reported: Iterable[Status]) -> Status:
    """The status of one target in one network, from its vantages' reports; `unknown` when there are none."""
    return min(reported, key=STATUS_PRECEDENCE.index, default=Status.UNKNOWN)


def part_of(target: str) -> str:
    """The part of a service that a target belongs to: one of `PARTS`."""
    try:
        parsed = parse(target)
    except TargetError:  # an agent of another version may know other forms
        return "other"
    match parsed:
        case UrlTarget() | DomainTarget():
            return "web"
        case DnsTarget():
            return "names"
        case _:
            return "addresses"


def _part_status(name: str, its: Iterable[Status]) -> PartStatus:
    found = list(its)
    working = [status for status in (Status.REACHABLE, Status.THROTTLED) if status in found]
    return PartStatus(
        name=name,
        status=working[0] if working else _combined(found),
        works=found.count(Status.REACHABLE),
        interfered=sum(each in INTERFERENCE for each in found),
        measured=len(found),
    )


def _combined(statuses: Iterable[Status]) -> Status:
    """Blocked, throttled or reachable where any is, in this order; else down where all are; else unreachable."""
    found = set(statuses)
    first = next((each for each in (Status.BLOCKED, Status.THROTTLED, Status.REACHABLE) if each in found), None)
    if first is not None:
        return first
    if not found:
        return Status.UNKNOWN
    return Status.DOWN if found == {Status.DOWN} else Status.UNREACHABLE
