"""Changes of whole services that follow from changes of their targets in one round, for the agent's own owner. Pure.

The status of a service comes from `probe.fuse.service`, as on the collector's board. The collector combines networks
and vantages as well; the agent has one of each.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

from probe.detect.detector_input import CurrentStatus
from probe.fuse.service import service_status
from probe.model.transition import SERVICE, VANTAGE, Transition
from probe.model.verdict import Cause, Status

SettledStatusOf = Callable[[str], CurrentStatus | None]


def service_transitions(
    found: Iterable[Transition], services: Mapping[str, str], settled: SettledStatusOf
) -> list[Transition]:
    """The transitions of services that follow from those of targets in one round.

    Args:
        found: transitions in order; one of the vantage is left out.
        services: target -> service. A service of one target changes as that target does, and is left out.
        settled: gives the settled status of a target after the round; None when there is none.

    Returns:
        One transition for each service whose status changed, ordered by name. Its target is `service:` and the name.
        Its onset is the earliest and its time the latest among the changed targets that decided. Its evidence holds
        the number of targets that decided, of those interfered with, and of all.
    """
    changed: dict[str, list[Transition]] = defaultdict(list)
    for one in found:
        if one.target != VANTAGE:
            changed[one.target].append(one)
    touched = sorted({services[target] for target in changed if target in services})
    transitions = (
        _transition(name, [t for t in services if services[t] == name], changed, settled) for name in touched
    )
    return [one for one in transitions if one is not None]


def _transition(
    name: str, targets: Sequence[str], changed: Mapping[str, Sequence[Transition]], settled: SettledStatusOf
) -> Transition | None:
    if len(targets) < 2:
        return None
    now = {target: _status(settled(target)) for target in targets}
    then = {target: Status(changed[target][0].before) if target in changed else now[target] for target in targets}
    before, after = service_status(then).status, service_status(now)
    if before is after.status:
        return None
    used = [changed[target][-1] for target in after.deciding if target in changed]
    used = used or [changed[target][-1] for target in targets if target in changed]
    causes: dict[Cause, None] = {}
    if after.status is not Status.REACHABLE:
        causes = {cause: None for one in used for cause in one.causes}
    return Transition(
        target=SERVICE + name,
        before=before.value,
        after=after.status.value,
        time=max(one.time for one in used),
        onset=min(one.onset for one in used),
        causes=tuple(causes),
        evidence={"targets": len(after.deciding), "interfered": len(after.interfered), "of": len(targets)},
    )


def _status(settled: CurrentStatus | None) -> Status:
    return Status.UNKNOWN if settled is None else settled.status
