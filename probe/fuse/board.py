"""The present: one status for each service in each network.

A service has several targets and a network several vantages. The rule: it is blocked where any of its targets is
blocked at any vantage that is present, likewise throttled; else reachable where any target is reachable; else the worse
of what is left (`unreachable` before `down`). Without a vantage that is present nothing is said: `unknown`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

import msgspec

from probe.fuse.network_event import rank_causes
from probe.model.event import Network
from probe.model.verdict import Cause, Status

ORDER = (Status.BLOCKED, Status.THROTTLED, Status.REACHABLE, Status.UNREACHABLE, Status.DOWN, Status.UNKNOWN)
"""The first that any target has decides."""


class StatusCount(msgspec.Struct, frozen=True, kw_only=True):
    """Vantages of a network that say the same of a target.

    Attributes:
        present: whether they have been heard within two of their intervals.
        since: the earliest onset among them.
    """

    service: str
    target: str
    network: Network
    status: Status
    causes: tuple[Cause, ...]
    vantages: int
    since: datetime
    present: bool


class ServiceInNetwork(msgspec.Struct, frozen=True, kw_only=True):
    """A service in a network.

    Attributes:
        causes: of the targets that decided.
        since: earliest onset among those.
        targets: those that decided, where it is not all that well; `measured`: how many were looked at.
        vantages: the most that are present at any target.
        last: what was said when vantages were last present, where none is now.
    """

    service: str
    network: Network
    status: Status
    causes: tuple[Cause, ...]
    since: datetime
    targets: tuple[str, ...]
    measured: int
    vantages: int
    last: Status | None = None


def board_services(status_counts: Iterable[StatusCount]) -> list[ServiceInNetwork]:
    """The board, ordered by service and network."""
    places: dict[tuple[str, Network], list[StatusCount]] = defaultdict(list)
    for tally in status_counts:
        places[tally.service, tally.network].append(tally)
    return [_cell(service, network, places[service, network]) for service, network in sorted(places)]


def _cell(service: str, network: Network, status_counts: list[StatusCount]) -> ServiceInNetwork:
    present = [tally for tally in status_counts if tally.present and tally.status is not Status.UNKNOWN]
    heard = present or status_counts
    status = min((tally.status for tally in heard), key=ORDER.index)
    deciding = [tally for tally in heard if tally.status is status]
    vantages: dict[str, int] = defaultdict(int)
    for tally in present:
        vantages[tally.target] += tally.vantages
    return ServiceInNetwork(
        service=service,
        network=network,
        status=status if present else Status.UNKNOWN,
        causes=rank_causes(tally.causes for tally in deciding),
        since=min(tally.since for tally in deciding),
        targets=() if status is Status.REACHABLE else tuple(sorted({tally.target for tally in deciding})),
        measured=len({tally.target for tally in heard}),
        vantages=max(vantages.values(), default=0),
        last=None if present else status,
    )
