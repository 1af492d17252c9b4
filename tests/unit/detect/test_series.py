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
from probe.detect.round_times import ClockCorrection
from probe.detect.series import MIN_LASTING_SECONDS, STATE_CHANGES, Sample, Series, SeriesState
from probe.model.verdict import Cause


def sample(moment: float, failure_class: int = SUCCESS) -> Sample:
    """One look."""
    causes = {SUCCESS: (), FailureClass.PROVEN: (Cause.DNS_INJECTED,)}.get(failure_class, (Cause.TCP_TIMEOUT,))
    return moment, failure_class, causes, int(failure_class == FailureClass.PROVEN), 0.0


def taken(*samples: Sample, learned: LearnedRates | None = None) -> tuple[Series, LearnedRates]:
    """A series that has taken these looks, each a batch."""
    learned = learned or LearnedRates()
    series = Series("a")
    for batch, one in enumerate(samples):
        series.take(one, batch, learned)
    return series, learned


def interfered(*samples: Sample) -> tuple[Series, LearnedRates]:
    """A series that works until 300 s and is then blocked with proof in four samples, and from then on."""
    series, learned = taken(sample(300.0), *(sample(600.0 + 15.0 * n, FailureClass.PROVEN) for n in range(4)))
    series.interfere(PROVEN, 450.0, 20.0, learned)
    for batch, one in enumerate(samples, 4):
        series.take(one, batch, learned)
    return series, learned


def test_a_success_keeps_a_series_at_rest() -> None:
    """It counts as an attempt."""
    series, _ = taken(sample(300.0), sample(600.0))

    assert series.state is SeriesState.REST
    assert (series.worked, series.attempts, series.since) == (600.0, 2.0, 300.0)


def test_a_failure_begins_a_suspicion() -> None:
    """Its onset is the middle between the last success and the first failure."""
    series, _ = taken(sample(300.0), sample(600.0, FailureClass.PROVEN))

    assert series.state is SeriesState.SUSPICION
    assert series.suspicion is not None
    assert series.suspicion.onsets[PROVEN] == 450.0
    assert series.suspicion.proven


def test_a_stray_failure_leads_back_to_rest() -> None:
    """Some successes later the series is at rest and has learned the stray."""
    series, _ = taken(
        sample(300.0), sample(600.0, FailureClass.UNREACHABLE), *(sample(600.0 + 300.0 * n) for n in range(1, 12))
    )

    assert series.state is SeriesState.REST
    assert series.strays == 1.0


def test_a_shared_failure_ends_with_the_first_success() -> None:
    """The vantage caused it, so nothing is learned about the target."""
    series, learned = taken(sample(300.0), *(sample(600.0 + 15.0 * n, FailureClass.SILENT) for n in range(4)))
    before = learned.to_plain()
    assert series.suspicion is not None
    series.suspicion.shared = True

    series.take(sample(900.0), 5, learned)

    assert series.state is SeriesState.REST
    assert (series.strays, series.bursts, series.worked) == (0.0, None, 900.0)
    assert learned.to_plain() == before


def test_a_target_counts_its_own_bursts() -> None:
    """Two bursts of a minute are added up."""
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
    """The leak is therefore known at the alarm."""
    series, learned = taken(sample(300.0), *(sample(600.0 + 15.0 * n, FailureClass.PROVEN) for n in range(4)))
    series.interfere(PROVEN, 450.0, 20.0, learned)

    assert series.state is SeriesState.INTERFERENCE
    assert series.interference is not None
    assert sum(series.interference.tried) == 4
    assert series.since == 450.0


def test_only_attempts_since_the_onset_count_in_the_leak() -> None:
    """A stray an hour earlier does not count; a success between two failures does."""
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
    """No attempts since the onset are recorded."""
    series, learned = taken(sample(300.0))
    series.interfere(PROVEN, 450.0, 20.0, learned)

    assert series.state is SeriesState.INTERFERENCE
    assert series.interference is not None
    assert sum(series.interference.tried) == 0


def test_a_success_during_interference_is_evidence_for_its_end() -> None:
    """The end is dated between the last failure and the success; the status stays."""
    series, _ = interfered(sample(900.0, FailureClass.PROVEN), sample(1200.0))

    assert series.state is SeriesState.INTERFERENCE
    assert series.interference is not None
    assert 0.0 < series.interference.clearing <= CLEAR_NATS
    assert series.interference.clear_onset == 1050.0
    assert (series.worked, series.failing_since) == (1200.0, 0.0)


def test_a_failure_during_interference_resets_the_evidence_for_its_end() -> None:
    """The successes before it count as leaks."""
    series, _ = interfered(sample(900.0), sample(1200.0, FailureClass.PROVEN))

    assert series.interference is not None
    assert series.interference.clearing == 0.0
    assert sum(series.interference.leaked) == 1
    assert sum(series.interference.tried) == 6
    assert series.failing_since == 1200.0


def test_a_change_of_regime_resets_the_counts() -> None:
    """The causes are those of the newest failure."""
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
    """A series at rest or under suspicion stays as it is."""
    for samples in ([sample(300.0)], [sample(300.0), sample(600.0, FailureClass.CUT)]):
        series, learned = taken(*samples)
        before = series.to_plain()
        series.clear(learned)

        assert series.to_plain() == before


def test_a_short_interference_is_a_burst_and_a_long_one_counts_for_flapping() -> None:
    """The limit is 25 minutes; `down` and `unreachable` do not flap."""
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


def test_an_outage_discards_a_suspicion_of_one_batch() -> None:
    """An older suspicion and a self-evident one stay."""
    fresh, _ = taken(sample(300.0), sample(600.0, FailureClass.FORGED))
    fresh.drop_single_batch()
    assert fresh.state is SeriesState.REST

    older, _ = taken(sample(300.0), sample(600.0, FailureClass.FORGED), sample(900.0, FailureClass.FORGED))
    older.drop_single_batch()
    assert older.state is SeriesState.SUSPICION

    proven, _ = taken(sample(300.0), sample(600.0, FailureClass.PROVEN))
    proven.drop_single_batch()
    assert proven.state is SeriesState.SUSPICION


def test_time_outs_at_the_beginning_of_an_outage_are_learned_as_ordinary() -> None:
    """A site that goes down times out before the control notices."""
    learned = LearnedRates()
    series, _ = taken(
        sample(300.0), *(sample(600.0 + 15.0 * n, FailureClass.SILENT) for n in range(3)), learned=learned
    )
    before = learned.burst_rates[FailureClass.SILENT]
    series.interfere(UNREACHABLE, 450.0, 20.0, learned)
    learned.update_rates()

    assert learned.burst_rates[FailureClass.SILENT] > before


@pytest.mark.parametrize("classes", [[], [FailureClass.PROVEN], [FailureClass.SILENT] * 40])
def test_plain_data_of_a_series_is_below_two_kilobytes(classes: list[FailureClass]) -> None:
    """A series at rest needs a few bytes."""
    series, learned = taken(
        sample(300.0), *(sample(600.0 + 300.0 * n, failure_class) for n, failure_class in enumerate(classes))
    )
    if len(classes) > 10:
        series.interfere(PROVEN, 450.0, 20.0, learned)
    packed = msgspec.msgpack.encode(series.to_plain())

    assert Series.from_plain(msgspec.msgpack.decode(packed)).to_plain() == series.to_plain()
    assert len(packed) < (2048 if classes else 200)


def test_a_clock_correction_moves_every_moment_of_a_series() -> None:
    """Moments that are 0 stay 0."""
    series, _ = taken(sample(5000.0), sample(5300.0, FailureClass.PROVEN))
    series.correct(ClockCorrection(-3600.0))

    assert (series.first, series.worked, series.failed) == (1400.0, 1400.0, 1700.0)
    assert series.past == []

    quiet, _ = taken(sample(5000.0))
    quiet.correct(ClockCorrection(-3600.0))
    assert (quiet.first, quiet.worked, quiet.failed, quiet.failing_since) == (1400.0, 1400.0, 0.0, 0.0)


def test_a_clock_correction_moves_the_moments_of_an_interference() -> None:
    """It moves the onset, the date of the end, and the ends of earlier ones."""
    series, learned = interfered(sample(9000.0))
    assert series.interference is not None
    series.past = [100_000.0]
    series.correct(ClockCorrection(3600.0))

    assert (series.since, series.interference.onset) == (4050.0, 4050.0)
    assert series.interference.clear_onset == (645.0 + 9000.0) / 2 + 3600.0
    assert series.past == [103_600.0]

    series.interfere(CUT, 20_000.0, 20.0, learned)
    assert series.since == 20_000.0


words = st.lists(st.sampled_from([".", ".", "XXXX", "SSSS", "W", "N", "D", ".N", "MMMM", "X.X"]), max_size=60)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(series=st.lists(words, min_size=3, max_size=5))
def test_a_series_changes_only_along_the_state_table(new_scene: Callable[[], Any], series: list[list[str]]) -> None:
    """This holds for any sequence of samples."""
    scene = new_scene()
    scene.all_reachable(30)
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
    """The table has no dead end."""
    assert {edge.before for edge in STATE_CHANGES} == {edge.after for edge in STATE_CHANGES} == set(SeriesState)


def test_only_changes_of_status_are_reported() -> None:
    """A cause update is not a transition."""
    assert [edge.event.split(":")[0] for edge in STATE_CHANGES if edge.reported] == ["alarm", "clear", "turn"]
