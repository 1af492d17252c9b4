"""The findings of a round become batches within the collector's limits."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime

from probe.agent.batching import RoundFindings, make_batches
from probe.formats.batch import (
    MAX_BYTES,
    MAX_CHANGES,
    MAX_COMPRESSED,
    Batch,
    ReportedChange,
    ReportedFailure,
    ReportedStatus,
    RoundReport,
    encode,
)
from probe.model.event import Network
from probe.model.transition import Transition
from probe.model.verdict import Evidence, Status, Vantage, VantageState, Verdict

NOON = datetime(2017, 5, 4, 12, tzinfo=UTC)
ROUND = RoundReport(start=NOON, seconds=2.5, targets=3, measured=3)


def cut(findings: RoundFindings) -> tuple[Batch, ...]:
    return make_batches(findings, sent=NOON, interval=300.0, network=Network(asn=64500, country="RU"))


def change(target: str, padding: int = 0) -> ReportedChange:
    verdict = Verdict(
        time=NOON,
        target=target,
        status=Status.BLOCKED,
        evidence=Evidence(error="x" * padding),
        vantage=Vantage(state=VantageState.ONLINE),
    )
    return ReportedChange(
        transition=Transition(target=target, before="reachable", after="blocked", time=NOON, onset=NOON),
        verdict=verdict,
    )


def test_a_quiet_round_is_one_batch_with_one_report_and_nothing_else() -> None:
    (batch,) = cut(RoundFindings(report=ROUND))

    assert (batch.rounds, batch.changes, batch.settled, batch.control, batch.services) == ((ROUND,), (), (), (), {})
    assert (batch.sent, batch.interval, batch.network.asn) == (NOON, 300.0, 64500)


def test_a_round_without_findings_makes_no_batch() -> None:
    assert cut(RoundFindings(report=None)) == ()


def test_a_batch_names_the_services_of_its_own_targets_only() -> None:
    (batch,) = cut(
        RoundFindings(
            report=ROUND,
            changes=(change("a"),),
            settled=(ReportedStatus(target="b", status=Status.REACHABLE, since=NOON),),
            services={"a": "line", "b": "zello", "c": "vk"},
        )
    )

    assert batch.services == {"a": "line", "b": "zello"}


def test_many_changes_make_several_batches_with_the_round_in_the_last() -> None:
    """A collector that has the round's report has all its changes."""
    made = cut(RoundFindings(report=ROUND, changes=tuple(change(f"t{n}") for n in range(MAX_CHANGES + 1))))

    assert [len(batch.changes) for batch in made] == [MAX_CHANGES, 1]
    assert [len(batch.rounds) for batch in made] == [0, 1]


def test_batches_stay_within_the_collectors_bounds() -> None:
    findings = RoundFindings(report=ROUND, changes=tuple(change(f"t{n}", 300_000) for n in range(20)))

    bodies = [encode(batch) for batch in cut(findings)]

    assert max(map(len, bodies)) <= MAX_BYTES
    assert max(len(gzip.compress(body)) for body in bodies) <= MAX_COMPRESSED
    assert max(map(len, bodies)) <= MAX_COMPRESSED, "even where nothing can be compressed"


def test_a_status_that_is_too_large_is_sent_without_its_verdict() -> None:
    """The status matters more than its evidence."""
    large = ReportedStatus(
        target="a", status=Status.BLOCKED, since=NOON, before_watch=True, verdict=change("a", 3_000_000).verdict
    )
    (batch,) = cut(RoundFindings(report=ROUND, settled=(large,)))

    assert [(item.target, item.before_watch, item.verdict) for item in batch.settled] == [("a", True, None)]


def test_a_change_that_is_too_large_is_sent_without_its_verdict() -> None:
    """The transition matters more than its evidence."""
    (batch,) = cut(RoundFindings(report=ROUND, changes=(change("a", 3_000_000),)))

    assert batch.changes[0].transition.target == "a"
    assert batch.changes[0].verdict is None


def test_a_controls_verdicts_are_sent_as_control() -> None:
    verdict = change("a").verdict
    assert verdict is not None

    (batch,) = cut(RoundFindings(report=ROUND, control=(verdict,)))

    assert batch.control == (verdict,)


def test_what_fails_without_a_settled_status_stands_beside_the_round() -> None:
    """In the last batch, with the services of those targets."""
    failing = (ReportedFailure(target="https://a.example/", since=NOON),)
    (batch,) = cut(RoundFindings(report=ROUND, failing=failing, services={"https://a.example/": "A", "b": "B"}))

    assert batch.failing == failing
    assert batch.services == {"https://a.example/": "A"}
    assert batch.rounds == (ROUND,)
