"""What the agent's own history says of one target, for `probe explain`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

import msgspec

from probe.agent.outbox import Outbox
from probe.agent.state_file import STATE_FILE
from probe.agent.verdict_history import HistoryChange, HistoryKind
from probe.cli.localisation import translate as _
from probe.cli.output import describe_evidence
from probe.cli.status import moment_text
from probe.cli.verdict_words import causes_in_words
from probe.detect.detector import Detector
from probe.detect.detector_input import CurrentStatus
from probe.detect.explain import StandingEvidence, standing_evidence
from probe.errors import StateError
from probe.model.verdict import Verdict

MAX_SHOWN_CHANGES = 30
"""Changes of each kind that are printed, the newest."""


class TargetRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What the state file has of one target.

    Attributes:
        current: its settled status; None where there is none.
        standing: the evidence for another one; None where the target was never measured.
        changes: in the history, the newest first.
        verdict: JSON of its last full look; None where none is kept.
    """

    target: str
    current: CurrentStatus | None
    standing: StandingEvidence | None
    changes: tuple[HistoryChange, ...]
    verdict: bytes | None


def read_record(folder: Path, target: str) -> TargetRecord:
    """Read what the state of an agent has of a target.

    Raises:
        StateError: there is no state, or it cannot be read.
    """
    if not (folder / STATE_FILE).is_file():
        raise StateError("no history", where=str(folder), mend="start `probe run`, or name a file of verdicts")
    with Outbox(folder / STATE_FILE) as outbox:
        state = outbox.agent_state()
        changes = tuple(outbox.history.changes(target))
        verdict = outbox.history.last_evidence(target)
    detector = Detector() if state.detector is None else Detector.load(state.detector)
    return TargetRecord(
        target=target,
        current=detector.settled(target),
        standing=standing_evidence(detector, target),
        changes=changes,
        verdict=verdict,
    )


def record_lines(record: TargetRecord) -> Iterator[str]:
    """The record for a person: the status now, why not another one, what changed and when, the last full look."""
    yield record.target
    yield _now(record.current)
    standing = record.standing
    if standing is not None and standing.towards is not None and standing.threshold:
        yield _("evidence for {status}: {nats:.1f} of {threshold:.1f}: {reason}").format(
            status=standing.towards, nats=standing.nats, threshold=standing.threshold, reason=standing.reason
        )
    for kind, title in ((HistoryKind.SETTLED, _("Settled:")), (HistoryKind.MEASURED, _("Measured:"))):
        yield from _change_lines(title, [one for one in record.changes if one.kind is kind])
    if record.verdict is not None:
        verdict = msgspec.json.decode(record.verdict, type=Verdict)
        yield _("Last full look at {moment}: {status}, {seen} (rule {rule}); --json prints it").format(
            moment=moment_text(verdict.time), status=verdict.status, seen=describe_evidence(verdict), rule=verdict.rule
        )


def _now(current: CurrentStatus | None) -> str:
    if current is None:
        return _("no settled status yet")
    causes = f" ({causes_in_words(current.causes)})" if current.causes else ""
    if current.before_watch:
        said = _("{status} since before the first look at {moment}")
    else:
        said = _("{status} since {moment}")
    return said.format(status=current.status, moment=moment_text(current.since)) + causes


def _change_lines(title: str, changes: Sequence[HistoryChange]) -> Iterator[str]:
    if not changes:
        return
    yield title
    for one in changes[:MAX_SHOWN_CHANGES]:
        causes = f" ({causes_in_words(one.causes)})" if one.causes else ""
        yield f"  {moment_text(one.time)}  {one.status}{causes}{_onset(one.onset, one.time)}"
    if len(changes) > MAX_SHOWN_CHANGES:
        yield "  " + _("and {count} earlier ones").format(count=len(changes) - MAX_SHOWN_CHANGES)


def _onset(onset: datetime, time: datetime) -> str:
    return _(", began about {moment}").format(moment=moment_text(onset)) if onset != time else ""
