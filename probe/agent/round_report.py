"""What of a round is worth telling the collector. Pure.

A vantage tells changes, and of each target once what it is believed to be; a control tells what it saw, whenever that
changed and now and then besides. A vantage that stays offline says so once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from hashlib import sha256

import msgspec

from probe.agent.batching import RoundFindings
from probe.agent.outbox import LastReport
from probe.agent.round import RoundResult
from probe.detect import detector_input
from probe.formats.batch import ReportedChange, ReportedStatus
from probe.judge.control import facts
from probe.model.transition import VANTAGE
from probe.model.verdict import Status, VantageState, Verdict
from probe.session.vantage_gate import CLOSING_STATES

Believed = Callable[[str], detector_input.CurrentStatus | None]


def of_vantage(
    result: RoundResult,
    *,
    believed: Believed,
    told: Mapping[str, LastReport],
    last_state: str,
    asn: int,
    services: Mapping[str, str],
    now: datetime,
) -> tuple[RoundFindings, dict[str, LastReport]]:
    """What a vantage tells, and what is told by it.

    Args:
        result: of the round.
        believed: what the detector has settled on.
        told: what was told before in this epoch.
        last_state: the vantage's state as last told.
        asn: of the network: a target is told anew on another one.
        services: target -> service.
        now: stamps what is told.
    """
    changes = tuple(ReportedChange(transition=transition, verdict=verdict) for transition, verdict in result.changes)
    changed = {change.transition.target: change.transition.after for change in changes}
    seconds = int(now.timestamp())
    telling = {target: LastReport(seconds, f"{asn} {after}") for target, after in changed.items() if target != VANTAGE}
    settled = []
    for target in result.verdicts:
        belief = believed(target)
        if belief is None or target in changed:
            continue
        said = f"{asn} {belief.status}"
        if target not in told or told[target].facts != said:
            settled.append(
                ReportedStatus(target=target, status=belief.status, since=belief.since, causes=belief.causes)
            )
            telling[target] = LastReport(seconds, said)
    for update in result.updates:
        belief = believed(update.target)
        if belief is not None and update.target not in telling:
            settled.append(
                ReportedStatus(target=update.target, status=update.status, since=belief.since, causes=update.causes)
            )
    quiet = not changes and not settled
    mute_still = VantageState(result.report.state) in CLOSING_STATES and result.report.state == last_state
    report = None if quiet and mute_still else result.report
    return RoundFindings(report=report, changes=changes, settled=tuple(settled), services=dict(services)), telling


def of_control(
    result: RoundResult, *, told: Mapping[str, LastReport], repeat: float, now: datetime
) -> tuple[RoundFindings, dict[str, LastReport]]:
    """What a control tells, and what is told by it.

    Args:
        result: of the round.
        told: what was told before in this epoch.
        repeat: seconds after which an unchanged verdict is told again.
        now: the moment.
    """
    seconds = int(now.timestamp())
    fresh: list[Verdict] = []
    telling: dict[str, LastReport] = {}
    for verdict in _conclusive(result.verdicts.values()):
        said = _digest(verdict)
        before = told.get(verdict.target)
        if before is None or before.facts != said or not 0 <= seconds - before.time < repeat:
            fresh.append(verdict)
            telling[verdict.target] = LastReport(seconds, said)
    return RoundFindings(report=result.report, control=tuple(fresh)), telling


def _conclusive(verdicts: Iterable[Verdict]) -> Iterable[Verdict]:
    return (verdict for verdict in verdicts if verdict.status is not Status.UNKNOWN)


def _digest(verdict: Verdict) -> str:
    """What a control's verdict says, whenever it was made."""
    said = [msgspec.structs.replace(one, time=datetime.min) for one in facts([verdict]).values()]  # noqa: DTZ901
    return sha256(msgspec.json.encode(said)).hexdigest()[:32]
