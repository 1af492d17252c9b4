"""The board: one status for each service in each network, now.

A service has several targets and a network several vantages. Only vantages that are present count. Where they disagree
about a target, the target has the first status of `STATUS_PRECEDENCE` that any of them reports. The statuses of the
targets make the service's by the rule of `probe.fuse.service`. Without a present vantage the status is `unknown`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

import msgspec

from probe.fuse.network_event import rank_causes
from probe.fuse.service import PartStatus, service_status, worst_status
from probe.model.event import Network
from probe.model.verdict import Cause, Status


class StatusCount(msgspec.Struct, frozen=True, kw_only=True):
    """The number of vantages in a network that report one status with the same causes for a target.

    Attributes:
        present: whether they have sent a round within two of their intervals.
        since: the earliest onset among them.
        before_watch: that status began before the target was first measured, which was at `since`.
    """

    service: str
    target: str
    network: Network
    status: Status
    causes: tuple[Cause, ...]
    vantages: int
    since: datetime
    present: bool
    before_watch: bool = False


class ServiceInNetwork(msgspec.Struct, frozen=True, kw_only=True):
    """The present status of a service in a network.

    Attributes:
        causes: of the targets that decided.
        since: the earliest onset among those.
        before_watch: that one began before the target was first measured, which was at `since`.
        targets: the targets that decided; empty where the service is reachable.
        interfered: every target that is blocked or throttled, also where the service is reachable.
        parts: pages, names and addresses, each with its own status.
        measured: how many targets are known.
        vantages: the highest number of present vantages at any one target.
        last: the status when vantages were last present; None while some are.
    """

    service: str
    network: Network
    status: Status
    causes: tuple[Cause, ...]
    since: datetime
    targets: tuple[str, ...]
    interfered: tuple[str, ...]
    parts: tuple[PartStatus, ...]
    measured: int
    vantages: int
    last: Status | None = None
    before_watch: bool = False

    @property
    def partial(self) -> bool:
        """Whether the service works although the network interferes with some of its targets."""
        return self.status is Status.REACHABLE and bool(self.interfered)


def board_services(status_counts: Iterable[StatusCount]) -> list[ServiceInNetwork]:
    """The board, ordered by service and network."""
    grouped: dict[tuple[str, Network], list[StatusCount]] = defaultdict(list)
    for count in status_counts:
        grouped[count.service, count.network].append(count)
    return [_service_in_network(service, network, grouped[service, network]) for service, network in sorted(grouped)]


def _service_in_network(service: str, network: Network, counts: list[StatusCount]) -> ServiceInNetwork:
    present = [count for count in counts if count.present and count.status is not Status.UNKNOWN]
    used = present or counts
    whole = service_status(target_statuses(used))
    deciding = [count for count in used if count.status is whole.status and count.target in whole.deciding] or used
    first = min(deciding, key=lambda count: (count.since, not count.before_watch))
    vantages: dict[str, int] = defaultdict(int)
    for count in present:
        vantages[count.target] += count.vantages
    return ServiceInNetwork(
        service=service,
        network=network,
        status=whole.status if present else Status.UNKNOWN,
        causes=rank_causes(count.causes for count in deciding),
        since=first.since,
        targets=() if whole.status is Status.REACHABLE else whole.deciding,
        interfered=whole.interfered if present else (),
        parts=whole.parts if present else (),
        measured=len({count.target for count in used}),
        vantages=max(vantages.values(), default=0),
        last=None if present else whole.status,
        before_watch=first.before_watch,
    )


def target_statuses(counts: Iterable[StatusCount]) -> dict[str, Status]:
    """Target -> its status in one network, over the vantages that report on it."""
    reported: dict[str, list[Status]] = defaultdict(list)
    for count in counts:
        reported[count.target].append(count.status)
    return {target: worst_status(statuses) for target, statuses in reported.items()}
