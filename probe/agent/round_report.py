"""Choose what of a round is reported to the collector. Pure.

A vantage reports changes, and the settled status of each target once. A control reports its verdicts when they change,
and repeats them from time to time. A vantage that stays offline reports that once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from hashlib import sha256

import msgspec

from probe.agent.batching import RoundFindings
from probe.agent.outbox import LastReport
from probe.agent.round import RoundResult
from probe.agent.services import SettledStatusOf
from probe.agent.verdict_history import HistoryChange, HistoryKind, RoundHistory
from probe.detect.detector_input import CauseUpdate, CurrentStatus, UnsettledFailure
from probe.formats.batch import MAX_FAILING, ReportedChange, ReportedFailure, ReportedStatus
from probe.judge.control import facts
from probe.model.transition import VANTAGE
from probe.model.verdict import Status, VantageState, Verdict
from probe.session.vantage_gate import CLOSING_STATES

_INTERFERENCE = frozenset({Status.BLOCKED, Status.THROTTLED})


def of_vantage(
    result: RoundResult,
    *,
    settled: SettledStatusOf,
    failing: Iterable[UnsettledFailure],
    reported: Mapping[str, LastReport],
    last_state: str,
    asn: int,
    services: Mapping[str, str],
    now: datetime,
) -> tuple[RoundFindings, dict[str, LastReport]]:
    """The findings that a vantage reports, and the targets whose status they report.

    Args:
        result: of the round.
        settled: gives the settled status of a target after the round; None when there is none.
        failing: the targets that fail without a settled failing status.
        reported: target -> its last report in this epoch.
        last_state: the vantage's state after the round before.
        asn: of the network. On another network each target is reported again.
        services: target -> service.
        now: the time of the report.
    """
    changes = tuple(ReportedChange(transition=transition, verdict=verdict) for transition, verdict in result.changes)
    changed = {change.transition.target: f"{asn} {change.transition.after}" for change in changes}
    unchanged = {target: verdict for target, verdict in result.verdicts.items() if target not in changed}
    unchanged |= {one.target: verdict for one, verdict in result.first_sights if verdict is not None}
    statuses, facts = _unreported(unchanged, settled=settled, reported=reported, asn=asn)
    facts |= {target: said for target, said in changed.items() if target != VANTAGE}
    statuses += _updates((update for update in result.updates if update.target not in facts), settled)
    still_closed = result.report.state == last_state and VantageState(last_state) in CLOSING_STATES
    report = None if still_closed and not changes and not statuses else result.report
    findings = RoundFindings(
        report=report,
        changes=changes,
        settled=tuple(statuses),
        services=dict(services),
        failing=_lasting(failing, result.report.start),
    )
    return findings, {target: LastReport(int(now.timestamp()), said) for target, said in facts.items()}


def _lasting(failing: Iterable[UnsettledFailure], began: datetime) -> tuple[ReportedFailure, ...]:
    """The failures that are older than a round, those that have lasted longest; a single failure says nothing."""
    lasting = sorted((one for one in failing if one.since < began), key=lambda one: (one.since, one.target))
    return tuple(
        ReportedFailure(target=one.target, since=one.since, causes=one.causes) for one in lasting[:MAX_FAILING]
    )


def _unreported(
    verdicts: Mapping[str, Verdict], *, settled: SettledStatusOf, reported: Mapping[str, LastReport], asn: int
) -> tuple[list[ReportedStatus], dict[str, str]]:
    """The settled statuses that differ from the last report or have none, and target -> facts for `LastReport`."""
    statuses, facts = [], {}
    for target, verdict in verdicts.items():
        current = settled(target)
        if current is None:
            continue
        said = f"{asn} {current.status}"
        if target not in reported or reported[target].facts != said:
            statuses.append(_reported(target, current, verdict))
            facts[target] = said
    return statuses, facts


def _reported(target: str, current: CurrentStatus, verdict: Verdict) -> ReportedStatus:
    """The status, with its verdict where it would not count without, or no transition has brought one."""
    needed = current.before_watch or current.status in _INTERFERENCE
    supports = needed and verdict.status is current.status
    return ReportedStatus(
        target=target,
        status=current.status,
        since=current.since,
        causes=current.causes,
        before_watch=current.before_watch,
        verdict=verdict if supports else None,
    )


def _updates(updates: Iterable[CauseUpdate], settled: SettledStatusOf) -> list[ReportedStatus]:
    """The new causes of blocks that go on."""
    return [
        ReportedStatus(
            target=update.target,
            status=update.status,
            since=current.since,
            causes=update.causes,
            before_watch=current.before_watch,
        )
        for update in updates
        if (current := settled(update.target)) is not None
    ]


def of_control(
    result: RoundResult, *, reported: Mapping[str, LastReport], repeat: float, now: datetime
) -> tuple[RoundFindings, dict[str, LastReport]]:
    """The findings that a control reports, and the targets whose verdicts they hold.

    Args:
        result: of the round.
        reported: target -> its last report in this epoch.
        repeat: seconds after which an unchanged verdict is reported again.
        now: the time of the report.
    """
    seconds = int(now.timestamp())
    verdicts: list[Verdict] = []
    reports: dict[str, LastReport] = {}
    for verdict in _conclusive(result.verdicts.values()):
        digest = _digest(verdict)
        last = reported.get(verdict.target)
        if last is None or last.facts != digest or not 0 <= seconds - last.time < repeat:
            verdicts.append(verdict)
            reports[verdict.target] = LastReport(seconds, digest)
    return RoundFindings(report=result.report, control=tuple(verdicts)), reports


def history_of(result: RoundResult, watched: Collection[str], max_age: timedelta) -> RoundHistory:
    """What a round adds to the local history: changes of settled statuses, newest verdicts, evidence of full looks.

    Args:
        result: of the round, with the transitions of services.
        watched: targets of the watchlist.
        max_age: how long changes are kept.
    """
    transitions = (*(transition for transition, _ in result.changes), *result.services)
    changes = [_settled(one.target, one.after, one.time, one.onset, one.causes) for one in transitions]
    changes += [_settled(one.target, one.status, one.time, one.time, one.causes) for one in result.updates]
    changes += [
        msgspec.structs.replace(_settled(one.target, one.status, one.time, one.since, one.causes), before_watch=True)
        for one, _ in result.first_sights
    ]
    return RoundHistory(
        verdicts=tuple(result.verdicts.values()),
        full=[verdict for verdict in result.looked if verdict.evidence.observations],
        settled=changes,
        watched=watched,
        max_age=max_age,
    )


def _settled(target: str, status: str, time: datetime, onset: datetime, causes: Iterable[str]) -> HistoryChange:
    return HistoryChange(
        target=target, kind=HistoryKind.SETTLED, time=time, status=status, causes=tuple(causes), onset=onset
    )


def _conclusive(verdicts: Iterable[Verdict]) -> Iterable[Verdict]:
    return (verdict for verdict in verdicts if verdict.status is not Status.UNKNOWN)


def _digest(verdict: Verdict) -> str:
    """A digest of the facts in a control's verdict, without their times."""
    timeless = [msgspec.structs.replace(one, time=datetime.min) for one in facts([verdict]).values()]  # noqa: DTZ901
    return sha256(msgspec.json.encode(timeless)).hexdigest()[:32]
