from __future__ import annotations

import msgspec
import pytest

from probe.detect.failure_classes import FailureClass
from probe.detect.hypotheses import CUT, DOWN, PROVEN, SILENT, UNREACHABLE
from probe.detect.interference import CLEAR_NATS, Interference, context_of
from probe.detect.learned import AFTER_FAILURE, AFTER_SUCCESS, SOON_AFTER_SUCCESS, LearnedRates
from probe.detect.round_times import ClockCorrection
from probe.model.verdict import Cause

FAULT = 0.01 * 0.4
INJECTED = (Cause.DNS_INJECTED,)


def made(
    regime: int = PROVEN, failures: int = 100, failure_class: int = FailureClass.PROVEN
) -> tuple[Interference, LearnedRates]:
    """A block that has lasted for a number of failures."""
    learned = LearnedRates()
    state = Interference(regime, 0.0, 20.0, INJECTED)
    for n in range(failures):
        state.failed(AFTER_FAILURE, 300.0 * n, failure_class, FAULT, learned)
    return state, learned


def test_contexts_of_an_attempt() -> None:
    """They are: after a failure, soon after a success, a round after a success."""
    assert context_of(failed_last=True, since=5.0) == AFTER_FAILURE
    assert context_of(failed_last=False, since=15.0) == SOON_AFTER_SUCCESS
    assert context_of(failed_last=False, since=300.0) == AFTER_SUCCESS


def test_a_full_block_ends_after_one_round_with_re_tests() -> None:
    """One success may be a leak; four are not."""
    state, learned = made()
    for context in (AFTER_FAILURE, *[SOON_AFTER_SUCCESS] * 2):
        state.succeeded(context, 0.0, 0.01, learned)
        assert state.clearing <= CLEAR_NATS
    state.succeeded(SOON_AFTER_SUCCESS, 0.0, 0.01, learned)

    assert state.clearing > CLEAR_NATS


def test_a_leaky_block_needs_more_successes_to_end() -> None:
    """The leak is learned."""
    state, learned = made(failures=0)
    for _ in range(60):
        state.failed(AFTER_SUCCESS, 0.0, FailureClass.PROVEN, FAULT, learned)
        state.failed(AFTER_FAILURE, 0.0, FailureClass.PROVEN, FAULT, learned)
        state.succeeded(AFTER_FAILURE, 0.0, 0.01, learned)
        state.succeeded(AFTER_SUCCESS, 0.0, 0.01, learned)
    assert state.overall_leak() > 0.3

    rounds = 0
    while state.clearing <= CLEAR_NATS:
        state.succeeded(AFTER_SUCCESS, 0.0, 0.01, learned)
        rounds += 1
    assert rounds > 6


def test_a_failure_resets_the_evidence_for_the_end() -> None:
    """The successes before it are counted as leaks."""
    state, learned = made()
    state.succeeded(AFTER_FAILURE, 0.0, 0.01, learned)
    assert state.clearing > 0.0
    before = state.overall_leak()

    state.failed(SOON_AFTER_SUCCESS, 0.0, FailureClass.PROVEN, FAULT, learned)
    assert state.clearing == 0.0
    assert state.overall_leak() > before


def test_a_stray_failure_reduces_the_evidence_for_the_end() -> None:
    """A failure that looks like an ordinary fault leaves a part of it, and its date."""
    state, learned = made()
    for n, context in enumerate((AFTER_FAILURE, SOON_AFTER_SUCCESS)):
        state.succeeded(context, 40_000.0 + n, 0.01, learned)
    hope, leak = state.clearing, state.overall_leak()

    state.failed(SOON_AFTER_SUCCESS, 40_015.0, FailureClass.UNREACHABLE, FAULT, learned)

    assert 0.0 < state.clearing < hope
    assert state.clear_onset == 40_000.0
    assert state.overall_leak() == leak


def test_a_success_of_an_unreliable_target_is_no_evidence_for_the_end() -> None:
    """If the block leaks more than a healthy target succeeds, a success is one more leak."""
    state, learned = made(failures=1)
    state.seed([0, 0, 300], [0, 0, 300], [0] * 7, learned)
    before = state.leaked[AFTER_SUCCESS]
    state.succeeded(AFTER_SUCCESS, 500.0, 0.3, learned)

    assert state.clearing < 0.0
    assert state.leaked[AFTER_SUCCESS] == before + 1

    state.succeeded(AFTER_FAILURE, 800.0, 0.3, learned)
    assert state.clearing > 0.0
    assert state.clear_onset == 800.0


def test_attempts_before_the_alarm_count_in_the_leak_and_in_the_class_counts() -> None:
    """The classes of an outage are not learned, because it must stay distinct from a block."""
    classes = [0, 0, 30, 0, 3, 0, 0]
    for regime, learns in ((PROVEN, True), (DOWN, False)):
        state, learned = made(regime, failures=0)
        before = list(state.class_counts)
        state.seed([1, 0, 0], [30, 2, 2], classes, learned)

        assert (sum(state.leaked), sum(state.tried)) == (1, 34)
        assert learned.leak_prior(AFTER_FAILURE)[1] > LearnedRates().leak_prior(AFTER_FAILURE)[1]
        gained = [now - then for now, then in zip(state.class_counts, before, strict=True)]
        assert gained == pytest.approx(classes if learns else [0] * 7)


def test_a_block_becomes_down_when_the_site_goes_down() -> None:
    """The other status needs evidence of its own class."""
    state, learned = made()
    turned = None
    for n in range(30):
        state.failed(AFTER_FAILURE, 300.0 * n, FailureClass.DOWN, FAULT, learned)
        turned = state.turned()
        if turned is not None:
            break

    assert turned == DOWN
    assert n < 12


def test_other_causes_do_not_end_a_block() -> None:
    """After injected answers come time-outs: the target is still blocked."""
    state, learned = made()
    for n in range(60):
        failure_class = FailureClass.UNREACHABLE if n % 5 == 0 else FailureClass.SILENT
        state.failed(AFTER_FAILURE, 300.0 * n, failure_class, FAULT, learned)
        assert state.turned() is None

    assert state.regime == SILENT


def test_an_unreachable_target_becomes_blocked_on_proof() -> None:
    """The reason was unknown at first."""
    state, learned = made(UNREACHABLE, 3, FailureClass.UNREACHABLE)
    n = 0
    while state.turned() is None:
        state.failed(AFTER_FAILURE, 0.0, FailureClass.CUT, FAULT, learned)
        n += 1

    assert state.turned() == CUT
    assert n <= 6


def test_two_batches_must_agree_before_causes_are_updated() -> None:
    """One odd failure is no update."""
    state, _ = made()
    silent = (Cause.TCP_TIMEOUT,)

    assert not state.record_causes(silent)
    assert not state.record_causes(INJECTED)
    assert not state.record_causes(silent)
    assert state.record_causes(silent)
    assert state.causes == silent
    assert not state.record_causes(silent)
    assert not state.record_causes(())


def test_plain_data_restores_the_state_and_a_clock_correction_moves_it() -> None:
    """The data is small, and a correction forth and back changes nothing."""
    state, learned = made()
    state.succeeded(AFTER_FAILURE, 900.0, 0.01, learned)
    packed = msgspec.msgpack.encode(state.to_plain())
    again = Interference.from_plain(msgspec.msgpack.decode(packed))
    assert again.to_plain() == state.to_plain()
    assert len(packed) < 1000

    again.correct(ClockCorrection(-60.0))
    assert again.clear_onset == pytest.approx(840.0)
