"""Divide the findings of a round into batches within the collector's limits. Pure.

A quiet round is one batch with one `RoundReport` and nothing else. A round with many findings makes several batches.
Its `RoundReport` is in the last one, so that a collector that has the report also has all the changes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from probe.formats.batch import (
    MAX_CHANGES,
    MAX_COMPRESSED,
    Batch,
    ReportedChange,
    ReportedFailure,
    ReportedStatus,
    RoundReport,
)
from probe.model.event import Network
from probe.model.verdict import Verdict

MAX_ITEMS_BYTES = MAX_COMPRESSED - 64 * 1024
"""Bytes of items in one batch, before compression. A batch within the limit before gzip is within it after."""


class RoundFindings(msgspec.Struct, frozen=True, kw_only=True):
    """What one round reports to the collector.

    Attributes:
        report: of the round; None when it repeats what was reported before (still offline).
        changes: transitions with their verdicts.
        settled: settled statuses without a transition.
        services: target -> service, for the targets of `settled` and `changes`.
        control: verdicts of a control agent.
        failing: targets that fail and are not settled yet.
    """

    report: RoundReport | None
    changes: tuple[ReportedChange, ...] = ()
    settled: tuple[ReportedStatus, ...] = ()
    services: dict[str, str] = {}
    control: tuple[Verdict, ...] = ()
    failing: tuple[ReportedFailure, ...] = ()


def make_batches(findings: RoundFindings, *, sent: datetime, interval: float, network: Network) -> tuple[Batch, ...]:
    """The batches of a round in order, without agent, epoch and number, which the outbox assigns.

    An item that does not fit into any batch is left out.

    Args:
        findings: of one round.
        sent: the agent's wall clock.
        interval: seconds between rounds.
        network: AS and country of the agent.
    """
    items: list[ReportedStatus | ReportedChange | Verdict] = [
        *map(_fitting_status, findings.settled),
        *map(_fitting, findings.changes),
        *findings.control,
    ]
    groups = _grouped([item for item in items if _size(item) <= MAX_ITEMS_BYTES])
    if findings.report is None and not groups:
        return ()
    if not groups:
        groups = [[]]
    empty = Batch(agent="", epoch="", seq=0, sent=sent, interval=interval, network=network)
    cut = [_filled(empty, group, findings.services) for group in groups]
    if findings.report is not None:
        named = {
            one.target: findings.services[one.target] for one in findings.failing if one.target in findings.services
        }
        services = cut[-1].services | named
        cut[-1] = msgspec.structs.replace(
            cut[-1], rounds=(findings.report,), failing=findings.failing, services=services
        )
    return tuple(cut)


def _filled(
    empty: Batch, group: Sequence[ReportedStatus | ReportedChange | Verdict], services: Mapping[str, str]
) -> Batch:
    changes = tuple(item for item in group if isinstance(item, ReportedChange))
    settled = tuple(item for item in group if isinstance(item, ReportedStatus))
    named = [change.transition.target for change in changes] + [item.target for item in settled]
    return msgspec.structs.replace(
        empty,
        settled=settled,
        changes=changes,
        services={target: services[target] for target in named if target in services},
        control=tuple(item for item in group if isinstance(item, Verdict)),
    )


def _fitting(change: ReportedChange) -> ReportedChange:
    """The change, without its verdict where a batch could not hold both. The transition matters more."""
    return change if _size(change) <= MAX_ITEMS_BYTES else ReportedChange(transition=change.transition)


def _fitting_status(status: ReportedStatus) -> ReportedStatus:
    """The status, without its verdict where a batch could not hold both."""
    return status if _size(status) <= MAX_ITEMS_BYTES else msgspec.structs.replace(status, verdict=None)


def _size(item: msgspec.Struct) -> int:
    return len(msgspec.json.encode(item))


def _grouped(
    items: Sequence[ReportedStatus | ReportedChange | Verdict],
) -> list[list[ReportedStatus | ReportedChange | Verdict]]:
    groups: list[list[ReportedStatus | ReportedChange | Verdict]] = []
    room = 0
    for item in items:
        size = _size(item)
        if not groups or size > room or len(groups[-1]) >= MAX_CHANGES:
            groups.append([])
            room = MAX_ITEMS_BYTES
        groups[-1].append(item)
        room -= size
    return groups
