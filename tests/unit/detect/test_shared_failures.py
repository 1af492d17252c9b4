from __future__ import annotations

from probe.detect.failure_classes import ANCHOR_WITNESS, SUCCESS, FailureClass
from probe.detect.hypotheses import PROVEN
from probe.detect.learned import LearnedRates
from probe.detect.series import Sample, Series
from probe.detect.shared_failures import MAX_SUSPECT_BATCHES, ComparisonTargets, SharedFailures, admissible_samples
from probe.model.verdict import Cause


def sample(moment: float, failure_class: int = SUCCESS, *, proven: bool = False) -> Sample:
    """One look."""
    return moment, failure_class, () if failure_class == SUCCESS else (Cause.TCP_TIMEOUT,), proven


def batch(working: int, failing: int) -> list[tuple[Series, list[Sample]]]:
    """A number of working targets and a number of failing ones."""
    samples = [[sample(n)] for n in range(working)] + [[sample(n, FailureClass.SILENT)] for n in range(failing)]
    return [(Series(str(n)), one) for n, one in enumerate(samples)]


def watched(worked: float, failed: float) -> Series:
    """A target by its last success and failure."""
    series = Series("x")
    series.worked, series.failed = worked, failed
    return series


def test_failures_of_most_targets_make_the_vantage_suspect() -> None:
    """At least three, and at least half, must fail."""
    assert SharedFailures().suspects(batch(3, 3), 0.0)
    assert SharedFailures().suspects(batch(0, 3), 0.0)
    assert not SharedFailures().suspects(batch(4, 3), 0.0)
    assert not SharedFailures().suspects(batch(0, 2), 0.0)


def test_interfered_targets_do_not_count() -> None:
    """Nine blocked targets that fail, or that work, change nothing."""
    blocked, leaking = batch(0, 9), batch(9, 0)
    for series, _ in [*blocked, *leaking]:
        series.interfere(PROVEN, 0.0, 20.0, LearnedRates())

    assert not SharedFailures().suspects([*batch(1, 1), *blocked], 0.0)
    assert SharedFailures().suspects([*batch(3, 3), *leaking], 0.0)


def test_a_fifth_of_failing_targets_is_a_crowd() -> None:
    """The vantage is not suspect, but no bursts are learned."""
    shared_failures = SharedFailures()

    assert not shared_failures.suspects(batch(9, 3), 0.0)
    assert shared_failures.crowded
    assert not shared_failures.suspects(batch(9, 2), 300.0)
    assert not shared_failures.crowded


def test_shared_failures_count_after_three_hours() -> None:
    """A fault of the vantage does not last so long."""
    shared_failures = SharedFailures()
    held = [shared_failures.suspects(batch(1, 9), 300.0 * n) for n in range(MAX_SUSPECT_BATCHES + 1)]

    assert held == [True] * MAX_SUSPECT_BATCHES + [False]
    assert shared_failures.lasting


def test_three_hours_must_pass_in_time_and_in_batches() -> None:
    """Batches may be shorter than rounds, and a laptop may sleep between two."""
    fast = SharedFailures()
    assert all(fast.suspects(batch(1, 9), 150.0 * n) for n in range(MAX_SUSPECT_BATCHES + 20))

    asleep = SharedFailures()
    assert asleep.suspects(batch(1, 9), 0.0)
    assert asleep.suspects(batch(1, 9), 9 * 3600.0)


def test_shared_failures_count_until_nothing_fails() -> None:
    """After that the test begins again."""
    shared_failures = SharedFailures()
    for n in range(MAX_SUSPECT_BATCHES + 1):
        shared_failures.suspects(batch(1, 9), 300.0 * n)
    assert not shared_failures.suspects(batch(5, 1), 12_000.0)
    assert shared_failures.lasting

    assert not shared_failures.suspects(batch(5, 0), 12_300.0)
    assert not shared_failures.lasting
    assert shared_failures.suspects(batch(1, 9), 12_600.0)


def test_only_self_evident_failures_of_a_suspect_vantage_are_evidence() -> None:
    """An injected answer is evidence while another target works."""
    samples = [sample(1), sample(2, FailureClass.SILENT), sample(3, FailureClass.PROVEN, proven=True)]

    assert admissible_samples(samples, others_work=True) == [samples[0], samples[2]]
    assert admissible_samples(samples, others_work=False) == [samples[0]]


def test_a_failure_confirmed_by_anchors_is_not_shared() -> None:
    """It is neither counted nor left out."""
    anchored = [
        (Series(str(n)), [(float(n), int(FailureClass.CUT), (Cause.TCP_RESET,), ANCHOR_WITNESS)]) for n in range(9)
    ]

    assert not SharedFailures().suspects([*batch(1, 0), *anchored], 0.0)
    assert SharedFailures().suspects([*batch(1, 9), *anchored[:1]], 0.0)
    assert admissible_samples(anchored[0][1], others_work=False) == anchored[0][1]


def test_a_comparison_needs_three_targets_that_worked_since() -> None:
    """A failure that lasts into another batch does not need them."""
    working = [watched(100.0 + n, 0.0) for n in range(3)]
    myself = watched(10.0, 90.0)

    assert ComparisonTargets([*working, myself], []).holds("me", 90.0, lasting=False, alike=True)
    assert not ComparisonTargets([*working[:2], myself], []).holds("me", 90.0, lasting=False, alike=True)
    assert ComparisonTargets([*working[:2], myself], []).holds("me", 90.0, lasting=True, alike=True)


def test_failures_spread_over_the_round_are_no_outage() -> None:
    """Each failure after the last success needs two earlier ones of a specific class; strays do not count."""
    working = [watched(100.0 + 10 * n, 0.0) for n in range(5)]
    last = (Series("last"), [sample(150.0, FailureClass.FORGED)])
    before = [(Series(f"{n}"), [sample(105.0 + n, FailureClass.CUT)]) for n in range(2)]
    strays = [(Series(f"{n}"), [sample(105.0 + n, FailureClass.UNREACHABLE)]) for n in range(2)]
    myself = (Series("me"), [sample(101.0, FailureClass.FORGED)])

    assert ComparisonTargets(working, [myself, *before, last]).holds("me", 101.0, lasting=False, alike=True)
    assert not ComparisonTargets(working, [myself, *before[:1], last]).holds("me", 101.0, lasting=False, alike=True)
    assert not ComparisonTargets(working, [myself, *strays, last]).holds("me", 101.0, lasting=False, alike=True)


def test_failing_targets_must_not_outnumber_working_ones() -> None:
    """This holds however long the failure lasts."""
    working = [watched(200.0, 0.0)] * 3
    failing = [watched(10.0, 201.0)] * 5

    assert not ComparisonTargets([*working, *failing], []).holds("me", 90.0, lasting=True, alike=True)
    assert ComparisonTargets([*working, *failing[:4]], []).holds("me", 90.0, lasting=True, alike=True)


def test_a_first_failure_of_another_class_is_not_confirmed() -> None:
    """It may be a stray just before the uplink went down."""
    comparison = ComparisonTargets([watched(100.0, 0.0)] * 3, [])

    assert not comparison.holds("me", 90.0, lasting=False, alike=False)
    assert comparison.holds("me", 90.0, lasting=True, alike=False)


def test_samples_of_the_same_time_count() -> None:
    """Some vantages give a whole round one time."""
    working = [watched(100.0, 0.0)] * 3

    assert ComparisonTargets([*working, watched(10.0, 100.0)], []).holds("me", 100.0, lasting=False, alike=True)


def test_targets_that_failed_afterwards_confirm_nothing() -> None:
    """The uplink may have gone down after their success."""
    working = [watched(100.0 + n, 0.0) for n in range(5)]
    myself, other = watched(10.0, 101.0), watched(10.0, 110.0)
    late = Series("other")
    seen = [(Series("me"), [sample(101.0, FailureClass.FORGED)]), (late, [sample(110.0, FailureClass.FORGED)])]

    assert not ComparisonTargets([*working, myself, other], seen).holds("me", 101.0, lasting=False, alike=True)
    assert ComparisonTargets([*working, myself, other], seen[:1]).holds("me", 101.0, lasting=False, alike=True)


def test_at_first_sight_the_others_must_have_worked_between_the_failures() -> None:
    """A portal in which the vantage started is over in the middle of a round: what worked, worked afterwards."""
    working = [watched(200.0 + n, 0.0) for n in range(5)]
    batch_ = [(Series(f"{n}"), [sample(200.0 + n)]) for n in range(5)]
    myself = (Series("me"), [sample(101.0, FailureClass.FORGED), sample(150.0, FailureClass.FORGED)])
    comparison = ComparisonTargets(working, [myself], [myself, *batch_])

    assert comparison.holds("me", 101.0, lasting=False, alike=True)
    assert not comparison.holds("me", 101.0, lasting=False, alike=True, last=150.0)
    assert comparison.holds("me", 101.0, lasting=False, alike=True, last=202.0)
    assert comparison.holds("me", 101.0, lasting=True, alike=True, last=150.0)


def test_at_first_sight_the_end_of_the_round_must_not_be_what_fails() -> None:
    """A network that punishes the vantage's pace stops the last targets of each round, which are others each time."""
    working = [watched(100.0 + n, 0.0) for n in range(6)]
    batch_ = [(Series(f"{n}"), [sample(100.0 + n)]) for n in range(6)]
    failing = [(Series(f"f{n}"), [sample(110.0 + n, FailureClass.THROTTLED)]) for n in range(3)]
    tail = ComparisonTargets(working, failing, [*batch_, *failing])
    spread = ComparisonTargets(working, failing, [*batch_, *failing, (Series("last"), [sample(120.0)])])

    assert not tail.holds("f0", 100.0, lasting=True, alike=True, last=112.0)
    assert spread.holds("f0", 100.0, lasting=True, alike=True, last=112.0)
    assert tail.holds("f0", 100.0, lasting=True, alike=True), "a change is compared as before"
