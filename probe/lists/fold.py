"""What a service's targets say together: its own status, folded over names *and* addresses.

A page may load while the app's servers are out of reach, and the reverse; names may resolve while no address answers.
So the targets are taken in parts, and a part works when any target in it works:

==========  ==================================================
web         URLs and domains: the whole chain
names       `dns://`: resolution of transport hosts
addresses   `tcp://`, `tls://` and `quic://` endpoints, ranges
==========  ==================================================

The first line that holds decides (targets that are `unknown` say nothing and are left out):

1. nothing is known: `unknown`
2. a part has a blocked target and none that works: `blocked`
3. a part has a throttled target and none that works at full rate: `throttled`
4. anything works: `reachable`, and what does not is named beside it
5. every target is down: `down`
6. else: `unreachable`

A part that fails without any proof of interference never makes a service blocked, and a service that is gone fails
everywhere: `down`.
"""

from __future__ import annotations

from collections.abc import Mapping

from probe.model.target import DnsTarget, DomainTarget, UrlTarget, parse
from probe.model.verdict import Status


def part_of(target: str) -> str:
    """`web`, `names` or `addresses`.

    Raises:
        TargetError: it is no target.
    """
    match parse(target):
        case UrlTarget() | DomainTarget():
            return "web"
        case DnsTarget():
            return "names"
        case _:
            return "addresses"


def fold(statuses: Mapping[str, Status]) -> tuple[Status, tuple[str, ...]]:
    """The status of a service, and the targets that do not work.

    Args:
        statuses: target -> its status.

    Raises:
        TargetError: a key is no target.
    """
    known = {target: status for target, status in statuses.items() if status is not Status.UNKNOWN}
    parts: dict[str, set[Status]] = {}
    for target, status in known.items():
        parts.setdefault(part_of(target), set()).add(status)
    failing = tuple(sorted(target for target, status in known.items() if status is not Status.REACHABLE))
    works = {Status.REACHABLE, Status.THROTTLED}
    if any(Status.BLOCKED in part and not part & works for part in parts.values()):
        return Status.BLOCKED, failing
    if any(Status.THROTTLED in part and Status.REACHABLE not in part for part in parts.values()):
        return Status.THROTTLED, failing
    if Status.REACHABLE in known.values():
        return Status.REACHABLE, failing
    if not known:
        return Status.UNKNOWN, failing
    return (Status.DOWN if set(known.values()) == {Status.DOWN} else Status.UNREACHABLE), failing
