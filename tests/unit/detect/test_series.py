from __future__ import annotations

import msgspec
import pytest

from probe.detect.alternatives import PROVEN, UNREACHABLE
from probe.detect.learned import Learned
from probe.detect.machine import State
from probe.detect.marks import SUCCESS, Mark
from probe.detect.series import REMEMBERED, Look, Series
from probe.model.verdict import Cause


def look(moment: float, mark: int = SUCCESS) -> Look:
    """One look."""
    causes = {SUCCESS: (), Mark.PROVEN: (Cause.DNS_INJECTED,)}.get(mark, (Cause.TCP_TIMEOUT,))
    return moment, mark, causes, mark == Mark.PROVEN


def taken(*looks: Look, learned: Learned | None = None) -> tuple[Series, Learned]:
    """A series that has taken these looks, each a batch."""
    learned = learned or Learned()
    series = Series("a")
    for batch, one in enumerate(looks):
        series.take(one, batch, learned)
    return series, learned


def test_a_success_keeps_it_at_rest() -> None:
    """And teaches its own attempts."""
    series, _ = taken(look(300.0), look(600.0))

    assert series.state is State.REST
    assert (series.worked, series.attempts, series.since) == (600.0, 2.0, 300.0)


def test_a_failure_puts_it_under_suspicion_and_dates_it() -> None:
    """In the middle between the last success and the first failure."""
    series, _ = taken(look(300.0), look(600.0, Mark.PROVEN))

    assert series.state is State.SUSPICION
    assert series.suspicion is not None
    assert series.suspicion.onsets[PROVEN] == 450.0
    assert series.suspicion.proven


def test_a_stray_is_forgotten_by_itself() -> None:
    """After some successes it rests, and has learned."""
    series, _ = taken(look(300.0), look(600.0, Mark.UNREACHABLE), *(look(600.0 + 300.0 * n) for n in range(1, 12)))

    assert series.state is State.REST
    assert series.strays == 1.0


def test_interference_counts_the_attempts_since_its_onset() -> None:
    """So that its leak is known from the first moment."""
    series, learned = taken(look(300.0), *(look(600.0 + 15.0 * n, Mark.PROVEN) for n in range(4)))
    series.interfere(PROVEN, 450.0, 20.0, learned)

    assert series.state is State.INTERFERENCE
    assert series.interference is not None
    assert sum(series.interference.tried) == 4
    assert series.since == 450.0


def test_what_is_over_soon_is_learned_as_a_burst_and_what_lasted_is_remembered() -> None:
    """25 minutes make the difference; two such blocks in two days are flapping, faults of the site are not."""
    series, learned = taken(look(300.0), look(600.0, Mark.PROVEN))
    for n, regime in enumerate((PROVEN, UNREACHABLE, PROVEN)):
        assert not series.flaps(20_000.0)
        begun = 5_000.0 * n
        series.interfere(regime, begun, 20.0, learned)
        assert series.interference is not None
        series.interference.clear_onset = begun + REMEMBERED + 1
        series.clear(learned)
    assert series.bursts is None
    assert series.flaps(20_000.0)
    assert not series.flaps(20_000.0 + 3 * 86_400.0)

    series.interfere(UNREACHABLE, 30_000.0, 20.0, learned)
    assert series.interference is not None
    series.interference.clear_onset = 30_600.0
    series.clear(learned)
    assert series.bursts is not None
    assert series.bursts[Mark.UNREACHABLE] > 0


def test_a_suspicion_of_the_batch_before_an_outage_is_forgotten() -> None:
    """It was of the same making; an older one stays, and one that proves itself, too."""
    fresh, _ = taken(look(300.0), look(600.0, Mark.FORGED))
    fresh.forget_one_batch()
    assert fresh.state is State.REST

    older, _ = taken(look(300.0), look(600.0, Mark.FORGED), look(900.0, Mark.FORGED))
    older.forget_one_batch()
    assert older.state is State.SUSPICION

    proven, _ = taken(look(300.0), look(600.0, Mark.PROVEN))
    proven.forget_one_batch()
    assert proven.state is State.SUSPICION


def test_an_outage_that_began_in_silence_teaches_that_silence_is_ordinary() -> None:
    """A site that goes down is silent before the control knows."""
    learned = Learned()
    series, _ = taken(look(300.0), *(look(600.0 + 15.0 * n, Mark.SILENT) for n in range(3)), learned=learned)
    before = learned.eps[Mark.SILENT]
    series.interfere(UNREACHABLE, 450.0, 20.0, learned)
    learned.settle()

    assert learned.eps[Mark.SILENT] > before


@pytest.mark.parametrize("marks", [[], [Mark.PROVEN], [Mark.SILENT] * 40])
def test_it_survives_as_plain_data_within_two_kilobytes(marks: list[Mark]) -> None:
    """At rest a few bytes, at worst under 2 KB (issue 4)."""
    series, learned = taken(look(300.0), *(look(600.0 + 300.0 * n, mark) for n, mark in enumerate(marks)))
    if len(marks) > 10:
        series.interfere(PROVEN, 450.0, 20.0, learned)
    packed = msgspec.msgpack.encode(series.plain())

    assert Series.of(msgspec.msgpack.decode(packed)).plain() == series.plain()
    assert len(packed) < (2048 if marks else 200)


def test_it_moves_with_the_clock() -> None:
    """Every remembered moment, and none that is not there."""
    series, _ = taken(look(5000.0), look(5300.0, Mark.PROVEN))
    series.shift(-3600.0)

    assert (series.first, series.worked, series.failed) == (1400.0, 1400.0, 1700.0)
    assert series.past == []
