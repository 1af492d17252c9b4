from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from probe.detect.failure_classes import SUCCESS, FailureClass
from probe.detect.hypotheses import CUT, DOWN, PROVEN, UNREACHABLE
from probe.detect.interference import CLEAR_NATS
from probe.detect.learned import AFTER_FAILURE, AFTER_SUCCESS, SOON_AFTER_SUCCESS, LearnedRates
from probe.detect.series import MIN_LASTING_SECONDS, STATE_CHANGES, Sample, Series, SeriesState
from probe.model.verdict import Cause


def sample(moment: float, failure_class: int = SUCCESS) -> Sample:
    """One look."""
    causes = {SUCCESS: (), FailureClass.PROVEN: (Cause.DNS_INJECTED,)}.get(failure_class, (Cause.TCP_TIMEOUT,))
    return moment, failure_class, causes, failure_class == FailureClass.PROVEN


def taken(*samples: Sample, learned: LearnedRates | None = None) -> tuple[Series, LearnedRates]:
    """A series that has taken these looks, each a batch."""
    learned = learned or LearnedRates()
    series = Series("a")
    for batch, one in enumerate(samples):
        series.take(one, batch, learned)
    return series, learned


def interfered(*samples: Sample) -> tuple[Series, LearnedRates]:
    """One that works until 300 s, then is proven to be blocked in four looks, and is looked at so from then on."""
    series, learned = taken(sample(300.0), *(sample(600.0 + 15.0 * n, FailureClass.PROVEN) for n in range(4)))
    series.interfere(PROVEN, 450.0, 20.0, learned)
    for batch, one in enumerate(samples, 4):
        series.take(one, batch, learned)
    return series, learned


def test_a_success_keeps_it_at_rest() -> None:
    """And teaches its own attempts."""
    series, _ = taken(sample(300.0), sample(600.0))

    assert series.state is SeriesState.REST
    assert (series.worked, series.attempts, series.since) == (600.0, 2.0, 300.0)


def test_a_failure_puts_it_under_suspicion_and_dates_it() -> None:
    """In the middle between the last success and the first failure."""
    series, _ = taken(sample(300.0), sample(600.0, FailureClass.PROVEN))

    assert series.state is SeriesState.SUSPICION
    assert series.suspicion is not None
    assert series.suspicion.onsets[PROVEN] == 450.0
    assert series.suspicion.proven


def test_a_stray_is_forgotten_by_itself() -> None:
    """After some successes it rests, and has learned."""
    series, _ = taken(
        sample(300.0), sample(600.0, FailureClass.UNREACHABLE), *(sample(600.0 + 300.0 * n) for n in range(1, 12))
    )

    assert series.state is SeriesState.REST
    assert series.strays == 1.0


def test_a_fault_that_most_others_shared_is_over_with_the_first_success() -> None:
    """It was the vantage's, so nothing of it is learned about the target."""
    series, learned = taken(sample(300.0), *(sample(600.0 + 15.0 * n, FailureClass.SILENT) for n in range(4)))
    before = learned.plain()
    assert series.suspicion is not None
    series.suspicion.shared = True

    series.take(sample(900.0), 5, learned)

    assert series.state is SeriesState.REST
    assert (series.strays, series.bursts, series.worked) == (0.0, None, 900.0)
    assert learned.plain() == before


def test_a_target_learns_its_own_bursts_one_upon_the_other() -> None:
    """Twice a minute of silence that was over by the next round."""
    episode = [FailureClass.SILENT] * 4
    samples = [sample(300.0)]
    for begin in (600.0, 12_600.0):
        samples += [sample(begin + 15.0 * n, failure_class) for n, failure_class in enumerate(episode)]
        samples += [sample(begin + 300.0 * n) for n in range(1, 30)]
    once, _ = taken(*samples[:34])
    twice, _ = taken(*samples)

    assert once.state is twice.state is SeriesState.REST
    assert once.bursts is not None
    assert twice.bursts is not None
    assert 0.0 < once.bursts[FailureClass.SILENT] < twice.bursts[FailureClass.SILENT]
    assert sum(twice.bursts) == twice.bursts[FailureClass.SILENT]


def test_interference_counts_the_attempts_since_its_onset() -> None:
    """So that its leak is known from the first moment."""
    series, learned = taken(sample(300.0), *(sample(600.0 + 15.0 * n, FailureClass.PROVEN) for n in range(4)))
    series.interfere(PROVEN, 450.0, 20.0, learned)

    assert series.state is SeriesState.INTERFERENCE
    assert series.interference is not None
    assert sum(series.interference.tried) == 4
    assert series.since == 450.0


def test_a_leak_before_the_alarm_counts_and_what_came_before_the_onset_does_not() -> None:
    """A stray an hour before is none of the block's attempts; a success between two failures is its leak."""
    early = [sample(600.0, FailureClass.UNREACHABLE), sample(615.0)]
    block = [
        sample(4200.0, FailureClass.PROVEN),
        sample(4215.0),
        sample(4230.0, FailureClass.PROVEN),
        sample(4245.0, FailureClass.PROVEN),
    ]
    series, learned = taken(sample(300.0), *early, *block)
    assert series.suspicion is not None
    assert len(series.suspicion.trail) == 6
    series.interfere(PROVEN, 4100.0, 20.0, learned)

    assert series.interference is not None
    assert sum(series.interference.tried) == 4
    assert [series.interference.leaked[n] for n in (AFTER_FAILURE, SOON_AFTER_SUCCESS, AFTER_SUCCESS)] == [1, 0, 0]
    assert [series.interference.tried[n] for n in (AFTER_FAILURE, SOON_AFTER_SUCCESS, AFTER_SUCCESS)] == [3, 1, 0]


def test_an_alarm_without_a_suspicion_begins_with_an_empty_count() -> None:
    """Nothing was tried since its onset that anybody remembers."""
    series, learned = taken(sample(300.0))
    series.interfere(PROVEN, 450.0, 20.0, learned)

    assert series.state is SeriesState.INTERFERENCE
    assert series.interference is not None
    assert sum(series.interference.tried) == 0


def test_a_success_while_interfered_with_is_hope_dated_after_the_last_failure() -> None:
    """In the middle of the two; the status stays until somebody calls it over."""
    series, _ = interfered(sample(900.0, FailureClass.PROVEN), sample(1200.0))

    assert series.state is SeriesState.INTERFERENCE
    assert series.interference is not None
    assert 0.0 < series.interference.clearing <= CLEAR_NATS
    assert series.interference.clear_onset == 1050.0
    assert (series.worked, series.failing_since) == (1200.0, 0.0)


def test_a_failure_while_interfered_with_takes_the_hope_away() -> None:
    """And what had been hope is counted as a leak."""
    series, _ = interfered(sample(900.0), sample(1200.0, FailureClass.PROVEN))

    assert series.interference is not None
    assert series.interference.clearing == 0.0
    assert sum(series.interference.leaked) == 1
    assert sum(series.interference.tried) == 6
    assert series.failing_since == 1200.0


def test_another_status_starts_again_with_the_evidence_that_called_it() -> None:
    """What was tried before was tried at something else; the new causes are the newest failure's."""
    series, _ = interfered(*(sample(900.0 + 300.0 * n, FailureClass.DOWN) for n in range(8)))
    assert series.interference is not None
    evidence = series.interference.turning[DOWN]
    assert evidence > 0.0
    series.turn(DOWN, 750.0)

    assert series.state is SeriesState.INTERFERENCE
    assert (series.interference.regime, series.interference.onset, series.interference.peak) == (DOWN, 750.0, evidence)
    assert series.interference.causes == (Cause.TCP_TIMEOUT,)
    assert sum(series.interference.tried) == 0
    assert series.since == 750.0


def test_only_interference_can_be_cleared() -> None:
    """A target at rest or under suspicion stays as it is."""
    for samples in ([sample(300.0)], [sample(300.0), sample(600.0, FailureClass.CUT)]):
        series, learned = taken(*samples)
        before = series.plain()
        series.clear(learned)

        assert series.plain() == before


def test_what_is_over_soon_is_learned_as_a_burst_and_what_lasted_is_remembered() -> None:
    """25 minutes make the difference; two such blocks in two days are flapping, faults of the site are not."""
    series, learned = taken(sample(300.0), sample(600.0, FailureClass.PROVEN))
    for n, regime in enumerate((PROVEN, UNREACHABLE, PROVEN)):
        assert not series.flaps(20_000.0)
        begun = 5_000.0 * n
        series.interfere(regime, begun, 20.0, learned)
        assert series.interference is not None
        series.interference.clear_onset = begun + MIN_LASTING_SECONDS + 1
        series.clear(learned)
    assert series.bursts is None
    assert series.flaps(20_000.0)
    assert not series.flaps(20_000.0 + 3 * 86_400.0)

    series.interfere(UNREACHABLE, 30_000.0, 20.0, learned)
    assert series.interference is not None
    series.interference.clear_onset = 30_600.0
    series.clear(learned)
    assert series.bursts is not None
    assert series.bursts[FailureClass.UNREACHABLE] > 0


def test_a_suspicion_of_the_batch_before_an_outage_is_forgotten() -> None:
    """It was of the same making; an older one stays, and one that proves itself, too."""
    fresh, _ = taken(sample(300.0), sample(600.0, FailureClass.FORGED))
    fresh.forget_one_batch()
    assert fresh.state is SeriesState.REST

    older, _ = taken(sample(300.0), sample(600.0, FailureClass.FORGED), sample(900.0, FailureClass.FORGED))
    older.forget_one_batch()
    assert older.state is SeriesState.SUSPICION

    proven, _ = taken(sample(300.0), sample(600.0, FailureClass.PROVEN))
    proven.forget_one_batch()
    assert proven.state is SeriesState.SUSPICION


def test_an_outage_that_began_in_silence_teaches_that_silence_is_ordinary() -> None:
    """A site that goes down is silent before the control knows."""
    learned = LearnedRates()
    series, _ = taken(
        sample(300.0), *(sample(600.0 + 15.0 * n, FailureClass.SILENT) for n in range(3)), learned=learned
    )
    before = learned.burst_rates[FailureClass.SILENT]
    series.interfere(UNREACHABLE, 450.0, 20.0, learned)
    learned.update_rates()

    assert learned.burst_rates[FailureClass.SILENT] > before


@pytest.mark.parametrize("classes", [[], [FailureClass.PROVEN], [FailureClass.SILENT] * 40])
def test_it_survives_as_plain_data_within_two_kilobytes(classes: list[FailureClass]) -> None:
    """At rest a few bytes, at worst under 2 KB (issue 4)."""
    series, learned = taken(
        sample(300.0), *(sample(600.0 + 300.0 * n, failure_class) for n, failure_class in enumerate(classes))
    )
    if len(classes) > 10:
        series.interfere(PROVEN, 450.0, 20.0, learned)
    packed = msgspec.msgpack.encode(series.plain())

    assert Series.of(msgspec.msgpack.decode(packed)).plain() == series.plain()
    assert len(packed) < (2048 if classes else 200)


def test_it_moves_with_the_clock() -> None:
    """Every remembered moment, and none that is not there."""
    series, _ = taken(sample(5000.0), sample(5300.0, FailureClass.PROVEN))
    series.shift(-3600.0)

    assert (series.first, series.worked, series.failed) == (1400.0, 1400.0, 1700.0)
    assert series.past == []

    quiet, _ = taken(sample(5000.0))
    quiet.shift(-3600.0)
    assert (quiet.first, quiet.worked, quiet.failed, quiet.failing_since) == (1400.0, 1400.0, 0.0, 0.0)


def test_what_is_interfered_with_moves_with_the_clock() -> None:
    """Its onset and the hope that it is over, and the ends of those before it."""
    series, learned = interfered(sample(9000.0))
    assert series.interference is not None
    series.past = [100_000.0]
    series.shift(3600.0)

    assert (series.since, series.interference.onset) == (4050.0, 4050.0)
    assert series.interference.clear_onset == (645.0 + 9000.0) / 2 + 3600.0
    assert series.past == [103_600.0]

    series.interfere(CUT, 20_000.0, 20.0, learned)
    assert series.since == 20_000.0


words = st.lists(st.sampled_from([".", ".", "XXXX", "SSSS", "W", "N", "D", ".N", "MMMM", "X.X"]), max_size=60)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(series=st.lists(words, min_size=3, max_size=5))
def test_a_series_moves_only_along_the_table(new_scene: Callable[[], Any], series: list[list[str]]) -> None:
    """Whatever happens, every step is an edge."""
    scene = new_scene()
    scene.peace(30)
    steps = {(edge.before, edge.after) for edge in STATE_CHANGES}
    before = dict.fromkeys(scene.detector.network.series, SeriesState.REST)
    for number in range(max((len(line) for line in series), default=0)):
        round_ = {f"t{n}": line[number] if number < len(line) else "." for n, line in enumerate(series)}
        scene.play(**round_)
        for target, one in scene.detector.network.series.items():
            was = before.get(target, SeriesState.REST)
            path = {(was, one.state), (was, SeriesState.SUSPICION), (SeriesState.SUSPICION, one.state)}
            assert was is one.state or (was, one.state) in steps or path & steps, (was, one.state)
            before[target] = one.state


def test_every_state_can_be_left_and_reached() -> None:
    """No dead end in the table."""
    assert {edge.before for edge in STATE_CHANGES} == {edge.after for edge in STATE_CHANGES} == set(SeriesState)


def test_only_changes_of_status_are_reported() -> None:
    """An update is told otherwise."""
    assert [edge.event.split(":")[0] for edge in STATE_CHANGES if edge.reported] == ["alarm", "clear", "turn"]
