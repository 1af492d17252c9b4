"""What changed for a service as a whole, folded over its names and addresses. Pure.

A block rarely takes all targets of a service, and rarely all in one round: what a person asks is whether the service
works. The rule is the board's (`probe.fuse.board`): blocked where any target is, likewise throttled; else reachable
where any target is; else the worse of what is left. The collector folds over networks and vantages besides; this is
for an agent's own owner.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

from probe.detect.detector_input import SettledStatus
from probe.fuse.board import ORDER
from probe.model.transition import SERVICE, VANTAGE, Transition
from probe.model.verdict import Cause, Status

Believed = Callable[[str], SettledStatus | None]


def fold(found: Iterable[Transition], services: Mapping[str, str], believed: Believed) -> list[Transition]:
    """The transitions of services that follow from those of targets in one round.

    Args:
        found: of targets, in order; one of the vantage is left out.
        services: target -> service. A service of one target changes as that target does, and is left out.
        believed: what is believed of a target after the round.

    Returns:
        One transition for each service whose status is another than before, in order of name. Its target is
        `service:` and the name, its onset the earliest and its moment the latest among the targets that decided;
        evidence tells how many of how many did.
    """
    changed: dict[str, list[Transition]] = defaultdict(list)
    for one in found:
        if one.target != VANTAGE:
            changed[one.target].append(one)
    touched = sorted({services[target] for target in changed if target in services})
    folded = (_folded(name, [t for t in services if services[t] == name], changed, believed) for name in touched)
    return [one for one in folded if one is not None]


def _folded(
    name: str, targets: Sequence[str], changed: Mapping[str, Sequence[Transition]], believed: Believed
) -> Transition | None:
    if len(targets) < 2:
        return None
    now = {target: _status(believed(target)) for target in targets}
    then = {target: Status(changed[target][0].before) if target in changed else now[target] for target in targets}
    before, after = _worst(then.values()), _worst(now.values())
    if before is after:
        return None
    deciding = [target for target in targets if now[target] is after]
    speaking = [changed[target][-1] for target in deciding if target in changed]
    speaking = speaking or [changed[target][-1] for target in targets if target in changed]
    causes: dict[Cause, None] = {}
    if after is not Status.REACHABLE:
        causes = {cause: None for one in speaking for cause in one.causes}
    return Transition(
        target=SERVICE + name,
        before=before.value,
        after=after.value,
        time=max(one.time for one in speaking),
        onset=min(one.onset for one in speaking),
        causes=tuple(causes),
        evidence={"targets": len(deciding), "of": len(targets)},
    )


def _status(settled: SettledStatus | None) -> Status:
    return Status.UNKNOWN if settled is None else settled.status


def _worst(statuses: Iterable[Status]) -> Status:
    return min(statuses, key=ORDER.index)
