"""The part of a round that is reported to the collector."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec

from probe.agent import round_report
from probe.agent.batching import RoundFindings
from probe.agent.outbox import LastReport
from probe.agent.round import RoundResult
from probe.detect.detector_input import CauseUpdate, CurrentStatus, FirstSight, UnsettledFailure
from probe.formats.batch import MAX_FAILING, ReportedFailure, RoundReport
from probe.model.observation import Connection
from probe.model.transition import VANTAGE, Transition
from probe.model.verdict import Cause, Evidence, Status, Vantage, VantageState, Verdict

NOON = datetime(2017, 5, 4, 12, tzinfo=UTC)
SECONDS = int(NOON.timestamp())
SETTLED = CurrentStatus(Status.REACHABLE, NOON)


def verdict(target: str, status: Status = Status.REACHABLE, time: datetime = NOON, took: int = 0) -> Verdict:
    return Verdict(
        time=time,
        target=target,
        status=status,
        rule="served",
        evidence=Evidence(observations=(Connection(address="192.0.2.1", port=443, took=took),)),
        vantage=Vantage(state=VantageState.ONLINE),
    )


def result(
    *verdicts: Verdict,
    state: str = "online",
    changes: tuple[Transition, ...] = (),
    updates: tuple[CauseUpdate, ...] = (),
) -> RoundResult:
    return RoundResult(
        report=RoundReport(start=NOON, seconds=1, targets=2, measured=2, state=state),
        changes=[(change, None) for change in changes],
        updates=updates,
        verdicts={one.target: one for one in verdicts},
    )


def change(target: str, before: str, after: str) -> Transition:
    return Transition(target=target, before=before, after=after, time=NOON, onset=NOON)


def of_vantage(
    found: RoundResult,
    reported: dict[str, LastReport] | None = None,
    *,
    last_state: str = "online",
    asn: int = 1,
    settled: CurrentStatus = SETTLED,
    failing: tuple[UnsettledFailure, ...] = (),
) -> tuple[RoundFindings, dict[str, LastReport]]:
    return round_report.of_vantage(
        found,
        settled=lambda target: settled if target != "new" else None,
        failing=failing,
        reported=reported or {},
        last_state=last_state,
        asn=asn,
        services={"a": "line"},
        now=NOON,
    )


def test_a_settled_status_is_reported_once() -> None:
    findings, reported = of_vantage(result(verdict("a"), verdict("new")))

    assert [(item.target, item.status, item.since) for item in findings.settled] == [("a", Status.REACHABLE, NOON)]
    assert set(reported) == {"a"}
    again, reported_again = of_vantage(result(verdict("a")), reported)
    assert (again.settled, reported_again) == ((), {})
    assert again.report is not None, "a quiet round is its report alone"


def test_a_status_that_stood_at_first_sight_is_reported_with_a_verdict_that_supports_it() -> None:
    """No transition brings one. The newest verdict may be that of a re-test that came through."""
    stood = CurrentStatus(Status.BLOCKED, NOON, (Cause.TLS_SNI,), before_watch=True)
    sight = FirstSight(
        target="a", status=Status.BLOCKED, since=NOON, time=NOON, causes=(Cause.TLS_SNI,), nats=10.0, threshold=8.5
    )
    supporting = verdict("a", Status.BLOCKED)
    found = result(verdict("a", Status.REACHABLE), verdict("b", Status.BLOCKED), verdict("c"))
    found.first_sights = [(sight, supporting)]

    findings, _ = of_vantage(found, settled=stood)

    assert [(item.target, item.before_watch, item.verdict) for item in findings.settled] == [
        ("a", True, supporting),
        ("b", True, verdict("b", Status.BLOCKED)),
        ("c", True, None),
    ]
    again, _ = of_vantage(found, settled=CurrentStatus(Status.BLOCKED, NOON))
    assert [(item.before_watch, item.verdict) for item in again.settled] == [
        (False, supporting),
        (False, verdict("b", Status.BLOCKED)),
        (False, None),
    ]
    works, _ = of_vantage(found, settled=CurrentStatus(Status.REACHABLE, NOON))
    assert {item.verdict for item in works.settled} == {None}, "a target that works needs no evidence"


def test_a_settled_status_is_reported_again_on_another_network() -> None:
    _, reported = of_vantage(result(verdict("a")))

    findings, _ = of_vantage(result(verdict("a")), reported, asn=2)

    assert [item.target for item in findings.settled] == ["a"]


def test_a_change_counts_as_the_report_of_its_target() -> None:
    findings, reported = of_vantage(result(verdict("a"), changes=(change("a", "reachable", "blocked"),)))

    assert [item.transition.after for item in findings.changes] == ["blocked"]
    assert findings.settled == ()
    assert reported == {"a": LastReport(SECONDS, "1 blocked")}


def test_a_block_that_goes_on_by_other_means_is_reported_with_its_new_causes() -> None:
    update = CauseUpdate("a", Status.BLOCKED, NOON, (Cause.IP_RANGE,))

    findings, _ = of_vantage(result(verdict("a"), updates=(update,)), {"a": LastReport(0, "1 reachable")})

    assert [(item.target, item.causes) for item in findings.settled] == [("a", (Cause.IP_RANGE,))]


def test_a_vantage_that_stays_offline_reports_that_once() -> None:
    going, reported = of_vantage(result(state="offline", changes=(change(VANTAGE, "online", "offline"),)))
    staying, _ = of_vantage(result(state="offline"), last_state="offline")
    coming, _ = of_vantage(result(changes=(change(VANTAGE, "offline", "online"),)), last_state="offline")

    assert going.report is not None
    assert reported == {}, "the vantage is no target"
    assert staying.report is None
    assert coming.report is not None


def test_a_control_reports_changed_verdicts_at_once_and_the_others_after_a_time() -> None:
    findings, reported = round_report.of_control(result(verdict("a"), verdict("b")), reported={}, repeat=900, now=NOON)
    assert [one.target for one in findings.control] == ["a", "b"]

    later = NOON + timedelta(seconds=300)
    changed = result(verdict("a", time=later, took=7), verdict("b", Status.DOWN, later))
    findings, _ = round_report.of_control(changed, reported=reported, repeat=900, now=later)
    assert [one.target for one in findings.control] == ["b"], "another duration is no news"

    later = NOON + timedelta(seconds=900)
    findings, _ = round_report.of_control(result(verdict("a", time=later)), reported=reported, repeat=900, now=later)
    assert [one.target for one in findings.control] == ["a"]


def test_a_control_does_not_report_inconclusive_verdicts() -> None:
    unknown = msgspec.structs.replace(verdict("a"), status=Status.UNKNOWN)

    findings, reported = round_report.of_control(result(unknown), reported={}, repeat=900, now=NOON)

    assert (findings.control, reported) == ((), {})


def test_a_control_reports_no_changes() -> None:
    """A failure where nobody interferes is no event. The vantages' verdicts are compared with it."""
    findings, _ = round_report.of_control(
        result(verdict("a"), changes=(change("a", "reachable", "down"),)), reported={}, repeat=900, now=NOON
    )

    assert (findings.changes, findings.settled) == ((), ())


def test_the_history_gets_every_change_of_a_settled_status_and_the_evidence_of_full_looks() -> None:
    """A glance leaves no evidence; of a block that goes on by other means the new causes are kept."""
    glanced = msgspec.structs.replace(verdict("b"), evidence=Evidence())
    found = result(
        verdict("a", Status.BLOCKED),
        glanced,
        changes=(change("a", "reachable", "blocked"),),
        updates=(CauseUpdate("c", Status.BLOCKED, NOON, (Cause.IP_RANGE,)),),
    )
    found.looked = [verdict("a", Status.BLOCKED), glanced]
    sight = FirstSight(target="d", status=Status.DOWN, since=NOON, time=NOON, causes=(), nats=20.0, threshold=9.0)
    found.first_sights = [(sight, None)]

    kept = round_report.history_of(found, ("a", "b", "c", "d"), timedelta(days=90))

    assert [(one.target, one.status, one.before_watch) for one in kept.settled] == [
        ("a", "blocked", False),
        ("c", "blocked", False),
        ("d", "down", True),
    ]
    assert [one.target for one in kept.full] == ["a"]
    assert [one.target for one in kept.verdicts] == ["a", "b"]


def test_failures_without_a_settled_status_are_reported_when_they_last() -> None:
    """Not the one of this round; those that have lasted longest, up to the bound of a batch."""
    old = UnsettledFailure(target="a", since=NOON - timedelta(hours=1), causes=(Cause.TCP_TIMEOUT,))
    new = UnsettledFailure(target="b", since=NOON, causes=())
    many = [UnsettledFailure(target=f"t{number:03}", since=old.since, causes=()) for number in range(MAX_FAILING + 5)]

    one, _ = of_vantage(result(), failing=(new, old))
    bounded, _ = of_vantage(result(), failing=(*many, old))

    assert one.failing == (ReportedFailure(target="a", since=old.since, causes=old.causes),)
    assert len(bounded.failing) == MAX_FAILING
    assert bounded.failing[0].target == "a"
