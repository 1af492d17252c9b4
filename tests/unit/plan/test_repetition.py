"""How often a failure is repeated, and when that ends."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from probe.model.failure import Failure
from probe.model.hop import Layer, LayerFailure, Purpose, StepPosition, Subject
from probe.model.observation import Connection, Exchange, Observation, TlsHandshake
from probe.model.step import Fetch
from probe.model.verdict import ControlFacts, Status
from probe.plan.context import HopLimits, PlanContext
from probe.plan.hop_state import HopState
from probe.plan.repetition import FailureCount, tries_wanted
from probe.plan.rounds import HopTask, begin, repeat_silence
from tests.unit.plan.dialogue import CONTEXT, NAME, A, B

HTTPS = Subject("https", NAME, 443, f"https://{NAME}/")
TASK = HopTask(HTTPS, CONTEXT, StepPosition())
SERVED = ControlFacts(time=datetime(2026, 10, 1, tzinfo=UTC), statuses=(Status.REACHABLE,))
STOOD = Connection(address=A, port=443)
CONTROLLED = HopTask(HTTPS, PlanContext(control=SERVED), TASK.position)


def tls(failure: Failure | None = None) -> tuple[Observation, ...]:
    """What a handshake saw."""
    return STOOD, TlsHandshake(address=A, port=443, sni=NAME, failure=failure)


def syn(failure: Failure) -> tuple[Observation, ...]:
    """What a connection saw that failed."""
    return (Connection(address=A, port=443, failure=failure),)


def request(status: int = 0) -> tuple[Observation, ...]:
    """What a request saw that timed out, after the beginning of a page where it has a status."""
    return *tls(), Exchange(url=HTTPS.url, address=A, status=status, failure=Failure.TIMEOUT)


def failing(*tries: tuple[Observation, ...], neutral: tuple[Observation, ...] = (), task: HopTask = TASK) -> int:
    """How many more tries are asked for where all that follow end as the last of these."""
    state, _ = begin(TASK, HopState(HTTPS, local=(A,)), A, page=True)
    if neutral:
        state = state.with_beside(A, Purpose.NEUTRAL, neutral)
    for seen in tries:
        state = state.with_try(A, seen)
    for number in range(20):
        state, asks = repeat_silence(task, state)
        if not [step for ask in asks for step in ask.steps if step.position.purpose is Purpose.SUBJECT]:
            return number
        state = state.with_try(A, tries[-1])
    return 20


def test_a_failure_that_is_no_time_out_is_not_repeated_where_it_was_seen_twice_or_not_among_time_outs() -> None:
    """Packet loss causes no reset; a refused connection is the server's own."""
    assert failing(tls(Failure.RESET), tls(Failure.RESET), task=CONTROLLED) == 0
    assert failing(tls(Failure.RESET), syn(Failure.RESET), task=CONTROLLED) == 0
    assert failing(tls(Failure.ALERT), syn(Failure.TIMEOUT), task=CONTROLLED) == 0
    assert failing(tls(Failure.RESET), tls(Failure.ALERT), task=CONTROLLED) == 0
    assert failing(tls(Failure.RESET), task=CONTROLLED) == 0


@pytest.mark.parametrize("cut", [tls(Failure.RESET), tls(Failure.GARBAGE), syn(Failure.UNREACHABLE)])
def test_a_cut_that_was_seen_once_among_time_outs_is_repeated(cut: tuple[Observation, ...]) -> None:
    """Five failures in all where the control was served, three without; another cut ends it."""
    assert failing(cut, syn(Failure.TIMEOUT), task=CONTROLLED) == 3
    assert failing(cut, syn(Failure.TIMEOUT)) == 1
    assert failing(cut, syn(Failure.TIMEOUT), cut, task=CONTROLLED) == 0


def test_silent_syns_after_a_request_that_timed_out_count_with_it() -> None:
    """Seven where the control was served, because they are silences of two kinds; another name's count too."""
    silent = syn(Failure.TIMEOUT)

    assert failing(request(), silent, task=CONTROLLED) == 5
    assert failing(request(), silent, neutral=silent, task=CONTROLLED) == 4
    assert failing(request(), silent) == 1


def test_a_lost_syn_does_not_stand_in_for_the_try_with_small_segments() -> None:
    """On a path that loses large packets every request times out, and a SYN is lost now and then."""
    state, _ = begin(TASK, HopState(HTTPS, local=(A,)), A, page=True)
    for seen in (request(), syn(Failure.TIMEOUT), *[request()] * 3):
        state = state.with_try(A, seen)
    _, (asked,) = repeat_silence(CONTROLLED, state)

    assert [step.segment > 0 for step in asked.steps if isinstance(step, Fetch)] == [True]


def test_silence_at_two_layers_is_repeated_where_another_name_was_answered() -> None:
    """The neutral name excludes a server that hangs; the small segments of the last try but one are among these."""
    early = tls(Failure.TIMEOUT)

    assert failing(early, early, *[request()] * 3, neutral=tls(), task=CONTROLLED) == 2
    assert failing(*[request()] * 5, neutral=tls(), task=CONTROLLED) == 1


def test_a_page_that_stopped_among_silent_requests_does_not_end_the_tries() -> None:
    """Where every try stopped in the page, three are enough."""
    stopped = request(200)

    assert failing(stopped, request(), request(), neutral=tls(), task=CONTROLLED) == 2
    assert failing(stopped, stopped, request(), neutral=tls(), task=CONTROLLED) == 2
    assert failing(stopped, stopped, stopped, neutral=tls(), task=CONTROLLED) == 0


def test_failures_are_counted_by_what_explains_them() -> None:
    """At other addresses, too; what came before the deepest failure was no residual silence."""
    state = HopState(HTTPS).with_address(A).with_address(B)
    silent = syn(Failure.TIMEOUT)
    for address, seen in ((A, silent), (A, request()), (A, silent), (B, request()), (B, tls(Failure.ALERT))):
        state = state.with_try(address, seen)
    state = state.with_beside(A, Purpose.NEUTRAL, silent)
    count = FailureCount.of(state, LayerFailure(Layer.HTTP, Failure.TIMEOUT), A)

    assert count == FailureCount(alike=2, silenced=1, beside=1, in_handshake=0, others=2, answered=True)
    assert count.together == 4
    again = FailureCount.of(state.with_try(A, request()), LayerFailure(Layer.HTTP, Failure.TIMEOUT), A)
    assert (again.alike, again.silenced) == (3, 0)


def test_more_tries_are_wanted_where_a_failure_could_count_as_a_block() -> None:
    """The control was served, or another name was answered."""
    limits = HopLimits()
    state = HopState(HTTPS).with_address(A)

    assert tries_wanted(CONTEXT, state, A) == limits.silent_tries
    assert tries_wanted(PlanContext(control=SERVED), state, A) == limits.proof_tries
    assert tries_wanted(CONTEXT, state.with_beside(A, Purpose.NEUTRAL, tls()), A) == limits.proof_tries
