"""The rounds of a hop: the table, and the steps of each round in a given state."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from probe.model.failure import Failure
from probe.model.hop import Layer, Purpose, StepPosition, Subject
from probe.model.observation import Connection, Exchange, Observation, TlsHandshake
from probe.model.step import Fetch, Handshake, Step
from probe.model.verdict import ControlFacts, Status
from probe.plan.context import HopLimits, PlanContext
from probe.plan.followup import FOLLOW_UPS
from probe.plan.hop_state import HopPhase, HopState
from probe.plan.rounds import (
    ROUNDS,
    HopTask,
    NextSteps,
    Order,
    another_page,
    begin,
    follow_ups,
    repeat_doubtful,
    repeat_silence,
    repeat_unconfirmed,
    time_in_clear,
    time_other_name,
)
from tests.unit.plan.dialogue import CONTEXT, FORGED, NAME, A, B

HTTPS = Subject("https", NAME, 443, f"https://{NAME}/")
TASK = HopTask(HTTPS, CONTEXT, StepPosition(chain=1, hop=2))
STOOD = Connection(address=A, port=443)
SERVED = ControlFacts(time=datetime(2026, 10, 1, tzinfo=UTC), statuses=(Status.REACHABLE,))


def tls(failure: Failure | None = None) -> tuple[Observation, ...]:
    """What a handshake saw."""
    return STOOD, TlsHandshake(address=A, port=443, sni=NAME, failure=failure)


def syn(failure: Failure) -> tuple[Observation, ...]:
    """What a connection saw that failed."""
    return (Connection(address=A, port=443, failure=failure),)


def begun(*addresses: str, unconfirmed: tuple[str, ...] = (), local: tuple[str, ...] = ()) -> HopState:
    """A hop whose first round was asked for, the page at the first address."""
    state = HopState(HTTPS, local=local or addresses, unconfirmed=frozenset(unconfirmed))
    for address in addresses:
        state, _ = begin(TASK, state, address, page=address == addresses[0])
    return state


def steps(asked: NextSteps, order: Order | None = None) -> list[Step]:
    """The steps asked for, of one order or of all but those for readers."""
    return [
        step
        for ask in asked[1]
        for step in ask.steps
        if (ask.order is order if order is not None else ask.order is not Order.FOR_READERS)
    ]


def table() -> str:
    """The rounds and follow-ups as the document shows them."""
    rows = ["| phase of the hop | next round asks | bounded by |", "| --- | --- | --- |"]
    for phase, rounds in ROUNDS.items():
        rows += [f"| `{phase}` | {each.asks} | `{each.limit}` |" for each in rounds]
    rows += ["", "| a try failed at | by | asked next, in order |", "| --- | --- | --- |"]
    for row in FOLLOW_UPS:
        layers = "any layer" if len(row.layers) == len(Layer) else ", ".join(f"`{x}`" for x in Layer if x in row.layers)
        over_tls = " (over TLS)" if row.encrypted else ""
        failures = ", ".join(f"`{failure}`" for failure in Failure if failure in row.failures)
        rows.append(f"| {layers}{over_tls} | {failures} | {'; '.join(row.questions)} |")
    return "\n".join(rows)


def test_the_document_shows_the_tables_of_the_code() -> None:
    """Change both together: the text between the marks is what `table()` gives."""
    text = (Path(__file__).parents[3] / "docs" / "methods" / "hop.md").read_text()
    _, _, rest = text.partition("<!-- rounds -->\n")
    shown, _, _ = rest.partition("\n<!-- /rounds -->")

    assert shown == table()


def test_every_phase_has_its_rounds() -> None:
    """The table has all steps that may follow; a served hop is asked on only where its page came too soon."""
    asked = {phase: [each.ask for each in rounds] for phase, rounds in ROUNDS.items()}

    assert asked == {
        HopPhase.UNSERVED: [another_page, time_other_name, follow_ups, repeat_silence, time_in_clear, repeat_doubtful],
        HopPhase.SUSPECT: [follow_ups, repeat_unconfirmed],
        HopPhase.SERVED: [time_other_name],
    }


def test_every_round_names_the_limit_that_bounds_it() -> None:
    """A field of `HopLimits`."""
    fields = {field.name for field in msgspec.structs.fields(HopLimits)}

    assert {each.limit for rounds in ROUNDS.values() for each in rounds} <= fields


@pytest.mark.parametrize("each", [one for rounds in ROUNDS.values() for one in rounds])
def test_a_round_without_steps_leaves_the_state_unchanged(each: object) -> None:
    """The next round of the table is tried."""
    state = begun(A)

    assert each.ask(TASK, state) == (state, ())  # type: ignore[attr-defined]


def test_tries_of_the_subject_are_counted_by_address() -> None:
    """Chain and hop come from the task."""
    state = begun(A, B)
    state, first = TASK.next_try(state, A)
    state, second = TASK.next_try(state, A)

    assert [step.position for step in (first, second)] == [
        StepPosition(chain=1, hop=2, attempt=1),
        StepPosition(chain=1, hop=2, attempt=2),
    ]
    assert (state.addresses[A].tries, state.addresses[B].tries) == (3, 1)


def test_the_page_is_fetched_from_one_address_after_another_within_the_limit() -> None:
    """Only from addresses whose handshake succeeded."""
    state = begun(A, B, "104.16.1.1", "104.17.1.1").with_try(A, syn(Failure.TIMEOUT))
    asked = []
    for address in (B, "104.16.1.1", "104.17.1.1"):
        state = state.with_try(address, tls())
    while True:
        state, asks = another_page(TASK, state)
        if not asks:
            break
        asked += [step for ask in asks for step in ask.steps]

    assert all(isinstance(step, Fetch) for step in asked)
    assert [step.address for step in asked] == [B, "104.16.1.1"]  # type: ignore[union-attr]


def test_follow_ups_take_confirmed_and_unconfirmed_addresses_in_turns() -> None:
    """Two addresses in all; the state keeps which."""
    state = begun(FORGED, A, B, unconfirmed=(FORGED,))
    for address in (FORGED, A, B):
        state = state.with_try(address, tls(Failure.RESET))
    after, asks = follow_ups(TASK, state)

    assert after.followed == (A, FORGED)
    assert [ask.address for ask in asks if ask.order is Order.ONE_BY_ONE] == [A, FORGED]
    assert follow_ups(TASK, after) == (after, ())


def test_while_another_address_serves_only_unconfirmed_addresses_get_follow_ups() -> None:
    """The failure of a confirmed one cannot change the verdict."""
    state = begun(FORGED, A, B, unconfirmed=(FORGED,), local=(FORGED,)).changed(B, served=True)
    state = state.with_try(FORGED, syn(Failure.TIMEOUT)).with_try(A, syn(Failure.TIMEOUT))
    after, asks = follow_ups(TASK, state)

    assert state.phase is HopPhase.SUSPECT
    assert after.followed == (FORGED,)
    assert {ask.address for ask in asks} == {FORGED}


def test_ech_is_asked_for_beside_the_follow_ups_of_a_hello() -> None:
    """Once per followed address, of the first trusted resolver; nothing waits for it."""
    (step,) = steps(follow_ups(TASK, begun(A).with_try(A, tls(Failure.RESET))), Order.FOR_READERS)

    assert (step.rrtype, step.name, step.position.purpose) == ("HTTPS", NAME, Purpose.ECH)  # type: ignore[union-attr]
    assert not steps(follow_ups(TASK, begun(A).with_try(A, syn(Failure.RESET))), Order.FOR_READERS)


def test_silent_syns_are_retried_together_with_their_follow_ups() -> None:
    """Three tries in all, five where the control was served; none where another try failed otherwise."""
    state = begun(A).with_try(A, syn(Failure.TIMEOUT))
    after, _ = follow_ups(TASK, state)
    mixed = begun(A, B).with_try(A, syn(Failure.TIMEOUT)).with_try(B, tls(Failure.RESET))

    assert [step.position.attempt for step in steps(follow_ups(TASK, state))] == [1, 2]
    assert after.repeats == 1
    assert not steps(follow_ups(TASK, mixed), Order.AT_ONCE)


def test_the_other_web_port_of_a_silent_host_is_asked_once_where_silence_could_count() -> None:
    """For the detector; nothing waits for it. A host that resets, or that no control vouches for, is not asked."""
    control = ControlFacts(time=datetime(2026, 10, 1, tzinfo=UTC), statuses=(Status.REACHABLE,))
    served = replace(TASK, context=msgspec.structs.replace(CONTEXT, control=control))
    state = begun(A, B).with_try(A, syn(Failure.TIMEOUT)).with_try(B, syn(Failure.TIMEOUT))

    (step,) = steps(follow_ups(served, state), Order.FOR_READERS)

    assert (step.address, step.port, step.position.purpose) == (A, 80, Purpose.OTHER_PORT)  # type: ignore[union-attr]
    assert not steps(follow_ups(served, follow_ups(served, state)[0]), Order.FOR_READERS)
    assert not steps(follow_ups(TASK, state), Order.FOR_READERS)
    assert not steps(follow_ups(served, begun(A).with_try(A, syn(Failure.RESET))), Order.FOR_READERS)


def test_a_silent_unconfirmed_address_is_retried_until_silence_is_proven() -> None:
    """Once; other failures are no silence."""
    state = begun(FORGED, A, unconfirmed=(FORGED,)).changed(A, served=True)
    silent = state.with_try(FORGED, syn(Failure.TIMEOUT)).with_try(FORGED, syn(Failure.TIMEOUT))
    after, _ = repeat_unconfirmed(TASK, silent)

    assert len(steps(repeat_unconfirmed(TASK, silent), Order.AT_ONCE)) == HopLimits().proof_tries - 2
    assert repeat_unconfirmed(TASK, after) == (after, ())
    assert not steps(repeat_unconfirmed(TASK, silent.with_try(FORGED, syn(Failure.RESET))))


def test_a_silent_unconfirmed_address_is_retried_beside_a_cut_name_where_the_control_was_served() -> None:
    """Until it was tried often enough; not where the network gave a confirmed address too, nor where all are silent."""
    state = (
        begun(FORGED, A, local=(FORGED,), unconfirmed=(FORGED,))
        .with_try(FORGED, syn(Failure.TIMEOUT))
        .with_try(A, tls(Failure.RESET))
    )
    served = replace(TASK, context=msgspec.structs.replace(TASK.context, control=SERVED))
    asked = steps(repeat_doubtful(served, state), Order.AT_ONCE)

    assert [step.address for step in asked] == [FORGED] * (HopLimits().proof_tries - 1)  # type: ignore[union-attr]
    after, _ = repeat_doubtful(served, state)
    assert repeat_doubtful(served, after) == (after, ())
    assert not steps(repeat_doubtful(TASK, state))
    assert not steps(repeat_doubtful(served, replace(state, local=(FORGED, A))))
    assert not steps(repeat_doubtful(served, replace(state, failures=state.failures[:1])))
    assert not steps(repeat_doubtful(served, state.with_try(FORGED, syn(Failure.RESET))))


def test_the_deepest_time_out_is_repeated() -> None:
    """At the first address with one."""
    state = begun(A, B).with_try(A, syn(Failure.TIMEOUT)).with_try(B, tls(Failure.TIMEOUT))
    (step,) = steps(repeat_silence(TASK, state))

    assert step.address == B  # type: ignore[union-attr]


def test_the_last_try_before_proof_requests_small_segments() -> None:
    """Where another name was answered, and four of five time-outs were observed."""
    state = begun(A).with_beside(A, Purpose.NEUTRAL, tls())
    for _ in range(4):
        state = state.with_try(A, tls(Failure.TIMEOUT))
    after, _ = repeat_silence(TASK, state)
    (step,) = steps(repeat_silence(TASK, state))

    assert isinstance(step, Fetch | Handshake)
    assert step.segment > 0
    assert after.small_segments
    assert [one.segment for one in steps(repeat_silence(TASK, after))] == [0]  # type: ignore[union-attr]


def test_time_outs_of_other_names_count_with_the_subjects() -> None:
    """The address is silent, whatever the name."""
    state = begun(A)
    for _ in range(3):
        state = state.with_try(A, tls(Failure.TIMEOUT))
    alone = repeat_silence(TASK, state)
    control = HopTask(HTTPS, PlanContext(), TASK.position)
    beside = state.with_beside(A, Purpose.PEEK, tls(Failure.TIMEOUT))

    assert not steps(alone)
    assert not steps(repeat_silence(control, beside))


@pytest.mark.parametrize(
    ("neutral", "asked"),
    [(tls(Failure.TIMEOUT), True), (tls(), False), (syn(Failure.TIMEOUT), False), (tls(Failure.ALERT), False)],
    ids=["cut", "answered", "no connection", "an alert"],
)
def test_the_allowed_name_is_tried_where_the_neutral_one_was_cut(neutral: tuple[Observation, ...], asked: bool) -> None:
    """And where the subject failed at the same address."""
    state, _ = follow_ups(TASK, begun(A).with_try(A, tls(Failure.RESET)))
    state = state.with_beside(A, Purpose.NEUTRAL, neutral)
    allowed = [step for step in steps(repeat_silence(TASK, state)) if step.position.purpose is Purpose.ALLOWED]

    assert bool(allowed) is asked
    assert not steps(repeat_silence(TASK, state.with_try(A, tls())), Order.AT_ONCE)


NEAR = (
    Connection(address=A, port=443, rtt=41_000),
    TlsHandshake(address=A, port=443, sni=NAME, failure=Failure.ALERT, wait=9_000),
)


def test_an_answer_that_came_too_soon_is_followed_by_other_names() -> None:
    """Once; the subject follows anyway."""
    state = begun(A).with_try(A, NEAR)
    after, _ = time_other_name(TASK, state)

    assert [step.position.purpose for step in steps(time_other_name(TASK, state))] == [Purpose.DISTANCE] * 2
    assert after.timed == (A,)
    assert time_other_name(TASK, after) == (after, ())


def test_a_page_that_came_too_soon_is_asked_for_again_and_over_tls() -> None:
    """It may be a cache's; another port has no TLS of the same site."""
    subject = Subject("http", NAME, 80, f"http://{NAME}/")
    task = HopTask(subject, CONTEXT, StepPosition())
    state, _ = begin(task, HopState(subject), A, page=True)
    page = Exchange(url=subject.url, address=A, status=200, complete=True, wait=9_000)
    state = state.with_try(A, (Connection(address=A, port=80, rtt=41_000), page)).changed(A, served=True)
    after, _ = time_other_name(task, state)
    asked = steps(time_other_name(task, state))

    assert [step.url for step in asked if isinstance(step, Fetch)] == [
        "http://xkqvdwpzrjtm.com/",
        "http://xkqvdwpzrjtm.com/",
        subject.url,
        f"https://{NAME}/",
    ]
    assert asked[2].position.attempt == 1
    assert after.addresses[A].tries == 2


def test_where_all_names_were_cut_too_soon_port_80_is_asked() -> None:
    """Once, after the follow-ups."""
    cut = (NEAR[0], msgspec.structs.replace(NEAR[1], failure=Failure.RESET))
    state = begun(A).with_try(A, cut)
    assert not steps(time_other_name(TASK, state))  # the neutral name follows anyway
    state, _ = follow_ups(TASK, state)
    assert not steps(time_in_clear(TASK, state))
    state = state.with_beside(A, Purpose.NEUTRAL, tls(Failure.RESET))
    after, _ = time_in_clear(TASK, state)

    assert {step.position.purpose for step in steps(time_in_clear(TASK, state))} == {Purpose.DISTANCE}
    assert time_in_clear(TASK, after) == (after, ())
