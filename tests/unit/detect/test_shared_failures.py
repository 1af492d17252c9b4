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
    """So many targets that work and so many that fail."""
    samples = [[sample(n)] for n in range(working)] + [[sample(n, FailureClass.SILENT)] for n in range(failing)]
    return [(Series(str(n)), one) for n, one in enumerate(samples)]


def watched(worked: float, failed: float) -> Series:
    """A target by its last success and failure."""
    series = Series("x")
    series.worked, series.failed = worked, failed
    return series


def test_failures_of_most_targets_are_the_vantages() -> None:
    """At least three, at least half."""
    assert SharedFailures().suspects(batch(3, 3), 0.0)
    assert SharedFailures().suspects(batch(0, 3), 0.0)
    assert not SharedFailures().suspects(batch(4, 3), 0.0)
    assert not SharedFailures().suspects(batch(0, 2), 0.0)


def test_targets_that_are_interfered_with_speak_neither_for_nor_against_the_vantage() -> None:
    """Nine blocked ones that fail accuse nobody; nine that work excuse nobody."""
    blocked, leaking = batch(0, 9), batch(9, 0)
    for series, _ in [*blocked, *leaking]:
        series.interfere(PROVEN, 0.0, 20.0, LearnedRates())

    assert not SharedFailures().suspects([*batch(1, 1), *blocked], 0.0)
    assert SharedFailures().suspects([*batch(3, 3), *leaking], 0.0)


def test_a_few_failures_together_are_a_crowd() -> None:
    """Three, and a fifth of the targets: no reason to doubt them, one to learn nothing from them."""
    shared_failures = SharedFailures()

    assert not shared_failures.suspects(batch(9, 3), 0.0)
    assert shared_failures.crowded
    assert not shared_failures.suspects(batch(9, 2), 300.0)
    assert not shared_failures.crowded


def test_the_gate_gives_way_after_three_hours() -> None:
    """A vantage that fails for so long has lost its excuse."""
    shared_failures = SharedFailures()
    held = [shared_failures.suspects(batch(1, 9), 300.0 * n) for n in range(MAX_SUSPECT_BATCHES + 1)]

    assert held == [True] * MAX_SUSPECT_BATCHES + [False]
    assert shared_failures.lasting


def test_three_hours_are_meant_by_the_clock_and_in_rounds() -> None:
    """Batches may follow one another faster than rounds, and a laptop may sleep between two of them."""
    fast = SharedFailures()
    assert all(fast.suspects(batch(1, 9), 150.0 * n) for n in range(MAX_SUSPECT_BATCHES + 20))

    asleep = SharedFailures()
    assert asleep.suspects(batch(1, 9), 0.0)
    assert asleep.suspects(batch(1, 9), 9 * 3600.0)


def test_the_last_of_a_mass_block_find_the_gate_still_open() -> None:
    """It closes again when nothing fails any more."""
    shared_failures = SharedFailures()
    for n in range(MAX_SUSPECT_BATCHES + 1):
        shared_failures.suspects(batch(1, 9), 300.0 * n)
    assert not shared_failures.suspects(batch(5, 1), 12_000.0)
    assert shared_failures.lasting

    assert not shared_failures.suspects(batch(5, 0), 12_300.0)
    assert not shared_failures.lasting
    assert shared_failures.suspects(batch(1, 9), 12_600.0)


def test_a_suspect_vantage_tells_only_what_proves_itself() -> None:
    """An injected answer while another target works."""
    samples = [sample(1), sample(2, FailureClass.SILENT), sample(3, FailureClass.PROVEN, proven=True)]

    assert admissible_samples(samples, others_work=True) == [samples[0], samples[2]]
    assert admissible_samples(samples, others_work=False) == [samples[0]]


def test_what_anchors_bear_witness_to_is_not_the_vantages() -> None:
    """It is neither counted nor left out."""
    vouched = [
        (Series(str(n)), [(float(n), int(FailureClass.CUT), (Cause.TCP_RESET,), ANCHOR_WITNESS)]) for n in range(9)
    ]

    assert not SharedFailures().suspects([*batch(1, 0), *vouched], 0.0)
    assert SharedFailures().suspects([*batch(1, 9), *vouched[:1]], 0.0)
    assert admissible_samples(vouched[0][1], others_work=False) == vouched[0][1]


def test_an_alibi_needs_three_that_worked_since() -> None:
    """Unless the failure has lasted into another batch."""
    working = [watched(100.0 + n, 0.0) for n in range(3)]
    myself = watched(10.0, 90.0)

    assert ComparisonTargets([*working, myself], []).holds("me", 90.0, lasting=False, alike=True)
    assert not ComparisonTargets([*working[:2], myself], []).holds("me", 90.0, lasting=False, alike=True)
    assert ComparisonTargets([*working[:2], myself], []).holds("me", 90.0, lasting=True, alike=True)


def test_what_is_scattered_over_the_round_is_no_outage_that_began_in_it() -> None:
    """Two with a telling mark before, for each that began to fail after the last success; strays do not count."""
    working = [watched(100.0 + 10 * n, 0.0) for n in range(5)]
    last = (Series("last"), [sample(150.0, FailureClass.FORGED)])
    before = [(Series(f"{n}"), [sample(105.0 + n, FailureClass.CUT)]) for n in range(2)]
    strays = [(Series(f"{n}"), [sample(105.0 + n, FailureClass.UNREACHABLE)]) for n in range(2)]
    myself = (Series("me"), [sample(101.0, FailureClass.FORGED)])

    assert ComparisonTargets(working, [myself, *before, last]).holds("me", 101.0, lasting=False, alike=True)
    assert not ComparisonTargets(working, [myself, *before[:1], last]).holds("me", 101.0, lasting=False, alike=True)
    assert not ComparisonTargets(working, [myself, *strays, last]).holds("me", 101.0, lasting=False, alike=True)


def test_those_that_fail_with_it_must_not_be_more_than_those_that_work() -> None:
    """However long it lasts."""
    working = [watched(200.0, 0.0)] * 3
    failing = [watched(10.0, 201.0)] * 5

    assert not ComparisonTargets([*working, *failing], []).holds("me", 90.0, lasting=True, alike=True)
    assert ComparisonTargets([*working, *failing[:4]], []).holds("me", 90.0, lasting=True, alike=True)


def test_a_first_failure_of_another_kind_is_no_beginning() -> None:
    """A stray just before the uplink dies: the others vouch for the stray only."""
    comparison = ComparisonTargets([watched(100.0, 0.0)] * 3, [])

    assert not comparison.holds("me", 90.0, lasting=False, alike=False)
    assert comparison.holds("me", 90.0, lasting=True, alike=False)


def test_looks_of_one_moment_count() -> None:
    """Some vantages date a whole round alike."""
    working = [watched(100.0, 0.0)] * 3

    assert ComparisonTargets([*working, watched(10.0, 100.0)], []).holds("me", 100.0, lasting=False, alike=True)


def test_witnesses_that_failed_themselves_afterwards_are_none() -> None:
    """The last word of the others in the round must not be a failure: the uplink may have died since."""
    working = [watched(100.0 + n, 0.0) for n in range(5)]
    myself, other = watched(10.0, 101.0), watched(10.0, 110.0)
    late = Series("other")
    seen = [(Series("me"), [sample(101.0, FailureClass.FORGED)]), (late, [sample(110.0, FailureClass.FORGED)])]

    assert not ComparisonTargets([*working, myself, other], seen).holds("me", 101.0, lasting=False, alike=True)
    assert ComparisonTargets([*working, myself, other], seen[:1]).holds("me", 101.0, lasting=False, alike=True)
