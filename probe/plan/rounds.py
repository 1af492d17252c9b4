"""The rounds of a hop: which questions are asked when every step of the hop has ended.

`ROUNDS` is the table: for each phase of a hop, the rounds in order. When no step of the hop is under way, the rounds of
its phase are gone through; the first that has a question to ask is the next round. A hop without one is over.

Every function here is pure: it takes the state of a hop and returns the new state and the steps to ask for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum, auto
from itertools import zip_longest
from types import MappingProxyType
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from probe.model.address import parse_address
from probe.model.failure import Failure
from probe.model.hop import SILENT_SYN, Layer, LayerFailure, Purpose, StepPosition, Subject
from probe.model.observation import Exchange
from probe.model.step import Fetch, Handshake, Step
from probe.model.target import DEFAULT_PORTS
from probe.plan import page_check
from probe.plan.address_check import PageQuestions, doubtful_pages
from probe.plan.context import PlanContext
from probe.plan.distance import asked_anyway, distance_in_clear, distance_steps, repeats_subject
from probe.plan.followup import (
    allowed_name_step,
    ech_step,
    follow_up_steps,
    neutral_name_step,
    other_port_step,
    subject_step,
    with_small_segments,
)
from probe.plan.hop_state import HopPhase, HopState
from probe.plan.repetition import FailureCount, is_refused_since, tries_wanted


class Order(Enum):
    """When the steps of a question are performed."""

    ONE_BY_ONE = auto()
    """One after another at their address, the first now."""
    AFTERWARDS = auto()
    """One after another, once the step under way at their address has ended."""
    AT_ONCE = auto()
    """All now; the pace limiter spaces them."""
    FOR_READERS = auto()
    """All now; nothing waits for them or follows from them."""


class StepRequest(NamedTuple):
    """Steps to ask for, and their address; steps of one address may wait for one another."""

    order: Order
    address: str
    steps: tuple[Step, ...]


NextSteps = tuple[HopState, tuple[StepRequest, ...]]
"""The new state of the hop, and the steps to ask for."""


class HopTask(msgspec.Struct, frozen=True):
    """The facts of a hop that do not change while it is measured.

    Attributes:
        subject: the subject of the hop.
        context: names and limits.
        position: chain and hop.
    """

    subject: Subject
    context: PlanContext
    position: StepPosition

    def next_try(self, state: HopState, address: str, *, page: bool = True) -> tuple[HopState, Step]:
        """The next try of the subject at an address, and the state that counts it."""
        attempt = state.addresses[address].tries
        step = subject_step(self.subject, address, self.at(attempt), page=page)
        return state.changed(address, tries=attempt + 1), step

    def at(self, attempt: int = 0, purpose: Purpose = Purpose.SUBJECT) -> StepPosition:
        """A position of this hop."""
        return StepPosition(chain=self.position.chain, hop=self.position.hop, attempt=attempt, purpose=purpose)


class Round(msgspec.Struct, frozen=True):
    """One row of the table.

    Attributes:
        ask: returns the new state and the steps; the same state and no steps where the round does not apply.
        asks: the steps, in words.
        limit: the field of `HopLimits` that bounds it.
    """

    ask: Callable[[HopTask, HopState], NextSteps]
    asks: str
    limit: str


def begin(task: HopTask, state: HopState, address: str, *, page: bool) -> NextSteps:
    """Try one more candidate address.

    Where a server name is suspected, the neutral name goes first. An address that only the network's resolver gave also
    gets a handshake at port 443 where the subject is a page in clear, because every device on the path can forge that.
    """
    state, step = task.next_try(state.with_address(address), address, page=page)
    if isinstance(step, Fetch):
        state = state.changed(address, page_asked=True)
    steps: tuple[Step, ...] = (step,)
    if task.context.suspected and task.subject.encrypted:
        steps = (neutral_name_step(task.subject, address, task.context, task.position), step)
    asks = [StepRequest(Order.ONE_BY_ONE, address, steps)]
    if task.subject.scheme == "http" and address in state.unconfirmed:
        certificate = Handshake(address=address, port=443, sni=task.subject.host, position=task.position)
        asks.append(StepRequest(Order.AT_ONCE, address, (certificate,)))
    return state, tuple(asks)


def after_page(task: HopTask, state: HopState, step: Fetch, page: Exchange) -> NextSteps:
    """Fetch the first page of an address again where it may be another server's, or was slow."""
    asks: list[StepRequest] = []
    if step.position.attempt == 0 and task.subject.scheme == "http" and page_check.is_doubtful(page, task.context):
        state, again = task.next_try(state, step.address)
        steps: tuple[Step, ...] = (again,)
        if not page.redirects:  # another name shows which program answers at this address
            where = task.at(page_check.NEUTRAL_FETCHES, Purpose.NEUTRAL)
            name = task.context.random_name
            steps = (again, page_check.same_page_step(task.subject.url, step.address, name, where))
        asks.append(StepRequest(Order.AFTERWARDS, step.address, steps))
        if task.subject.port == 80:
            url = "https" + task.subject.url.removeprefix("http")
            over_tls = Fetch(url=url, address=step.address, position=task.position)
            asks.append(StepRequest(Order.AT_ONCE, step.address, (over_tls,)))
    if step.position.attempt == 0 and page_check.is_slow(page):
        tries = []
        for _ in range(task.context.limits.silent_tries - 1):
            state, again = task.next_try(state, step.address)
            tries.append(again)
        steps = page_check.comparison(task.subject.url, step.address, task.context, task.position, tries)
        asks.append(StepRequest(Order.AFTERWARDS, step.address, steps))
    state = state.changed(step.address, served=True)
    if step.position.attempt or task.subject.scheme != "http":
        return state, tuple(asks)
    state, more = _compare_pages(task, state.changed(step.address, page=page))
    return state, (*asks, *more)


def another_page(task: HopTask, state: HopState) -> NextSteps:
    """Ask another address for the page of an https subject, where its handshake succeeded."""
    waiting = [address for address, one in state.addresses.items() if one.succeeded and not one.page_asked]
    asked = sum(one.page_asked for one in state.addresses.values())
    if task.subject.scheme != "https" or not waiting or asked >= task.context.limits.page_fetches:
        return state, ()
    state, step = task.next_try(state, waiting[0])
    return state.changed(waiting[0], page_asked=True), (StepRequest(Order.ONE_BY_ONE, waiting[0], (step,)),)


def follow_ups(task: HopTask, state: HopState) -> NextSteps:
    """Ask the follow-ups of failed addresses; while another address serves, of the unconfirmed ones alone.

    One address that others confirm and one that only the network's resolver gave come in turns: each may show what the
    other cannot. SYNs that timed out are retried together.
    """
    served = state.phase is not HopPhase.UNSERVED
    failed = [a for a in state.failed if a not in state.followed and (a in state.unconfirmed or not served)]
    confirmed, unconfirmed = ([a for a in failed if (a in state.unconfirmed) is side] for side in (False, True))
    turns = [a for pair in zip_longest(confirmed, unconfirmed) for a in pair if a is not None]
    asks: list[StepRequest] = []
    for address in turns[: task.context.limits.followed_addresses - len(state.followed)]:
        result = state.addresses[address].last
        state, step = task.next_try(replace(state, followed=(*state.followed, address)), address)
        assert result.failure is not None  # noqa: S101 - a failed address has one
        asks += _ech_question(task, address, result.failure)
        steps = follow_up_steps(task.subject, address, result.failure, task.context, step.position)
        asks.append(StepRequest(Order.ONE_BY_ONE, address, steps))
    if served:
        return state, tuple(asks)
    state, more = _repeat_syns(task, state)
    return state, (*asks, *more)


def time_other_name(task: HopTask, state: HopState) -> NextSteps:
    """Ask other names at an address that answered sooner than its round trip, before the subject again.

    A page in clear is also asked for over TLS, which shows whether it is the server's.
    """
    near = [address for address, one in state.addresses.items() if one.last.sooner and address not in state.timed]
    asks: list[StepRequest] = []
    for address in near[: task.context.limits.followed_addresses - len(state.timed)]:
        failed = state.addresses[address].last.failure
        if asked_anyway(task.subject, failed):
            continue
        state = replace(state, timed=(*state.timed, address))
        steps = distance_steps(task.subject, address, task.context, task.position)
        if not repeats_subject(task.subject, failed):
            state, again = task.next_try(state, address)
            steps = (*steps, again)
        if failed is None and task.subject.port == DEFAULT_PORTS["http"]:
            url = "https" + task.subject.url.removeprefix("http")
            steps = (*steps, Fetch(url=url, address=address, position=task.position))
        asks.append(StepRequest(Order.ONE_BY_ONE, address, steps))
    return state, tuple(asks)


def time_in_clear(task: HopTask, state: HopState) -> NextSteps:
    """Ask another name at port 80 where the subject and the neutral name were cut sooner than the round trip."""
    near = [
        address
        for address in state.followed
        if address not in state.timed and state.addresses[address].last.sooner and state.neutral_was_cut(address)
    ]
    state = replace(state, timed=(*state.timed, *near))
    steps = ((address, distance_in_clear(address, task.context, task.position)) for address in near)
    return state, tuple(StepRequest(Order.ONE_BY_ONE, address, each) for address, each in steps)


def repeat_unconfirmed(task: HopTask, state: HopState) -> NextSteps:
    """Retry an unconfirmed address that fell silent, all tries at once: one silence may be loss, many are a forgery.

    Of a page in clear, a confirmed address is asked for its certificate: the page alone may be a filter's notice.
    """
    state, certificate = _certify(task, state)
    if certificate:
        return state, certificate
    failures = [(address, failure) for address, failure in state.failures if address in state.unconfirmed]
    if not failures or state.repeats or any(one.failure is not Failure.TIMEOUT for _, one in failures):
        return state, ()
    return _repeat_at_once(task, state, failures[0][0], task.context.limits.proof_tries - len(failures))


def repeat_doubtful(task: HopTask, state: HopState) -> NextSteps:
    """Retry a silent unconfirmed address where no address serves: a false answer and a cut name may come together.

    Only where the control was served and another address accepts connections: nothing else shows that the target is
    alive. Where all are silent, the network may as well drop their packets.
    """
    own = [address for address in state.local if address in state.addresses]
    alive = any(failure.layer is not Layer.TCP for address, failure in state.failures if address not in own)
    failures = [failure for address, failure in state.failures if address in own]
    tries = sum(state.addresses[address].tries for address in own)
    wanted = task.context.limits.proof_tries - tries
    if not (task.context.served_elsewhere and alive and state.unconfirmed.issuperset(own) and failures and wanted > 0):
        return state, ()
    if any(failure.failure is not Failure.TIMEOUT for failure in failures):
        return state, ()
    return _repeat_at_once(task, state, own[0], wanted)


def repeat_silence(task: HopTask, state: HopState) -> NextSteps:
    """Ask the allowed name where the neutral one was cut, and retry where the deepest failure is silence."""
    allowed = tuple(
        StepRequest(Order.AT_ONCE, address, (allowed_name_step(task.subject, address, task.context, task.position),))
        for address in state.followed
        if state.neutral_was_cut(address)
    )
    state, again = _repeat_deepest(task, state)
    return state, (*allowed, *again)


ROUNDS: Mapping[HopPhase, tuple[Round, ...]] = MappingProxyType(
    {
        HopPhase.UNSERVED: (
            Round(another_page, "the page of another address whose handshake succeeded", "page_fetches"),
            Round(
                time_other_name,
                "other names where an answer came sooner than the round trip of its SYN",
                "followed_addresses",
            ),
            Round(follow_ups, "the follow-ups of failed addresses, and silent SYNs again", "followed_addresses"),
            Round(
                repeat_silence,
                "the allowed name where the neutral one was cut; the silent subject again",
                "proof_tries",
            ),
            Round(time_in_clear, "other names at port 80 where all were cut so soon", "followed_addresses"),
            Round(repeat_doubtful, "a silent unconfirmed address again", "proof_tries"),
        ),
        HopPhase.SUSPECT: (
            Round(follow_ups, "the follow-ups of unconfirmed addresses that failed", "followed_addresses"),
            Round(
                repeat_unconfirmed,
                "the certificate of an address that served in clear; a silent unconfirmed address again",
                "proof_tries",
            ),
        ),
        HopPhase.SERVED: (
            Round(
                time_other_name,
                "other names, the subject, and the page over TLS where it came sooner than the round trip of its SYN",
                "followed_addresses",
            ),
        ),
    }
)
"""Phase of a hop -> its rounds, the first with a question first."""


def _certify(task: HopTask, state: HopState) -> NextSteps:
    """Ask one confirmed address that served a page in clear for its certificate, once."""
    known = [address for address, one in state.addresses.items() if one.served and address not in state.unconfirmed]
    if task.subject.scheme != "http" or not known or state.certified:
        return state, ()
    step = Handshake(address=known[0], port=443, sni=task.subject.host, position=task.position)
    return replace(state, certified=True), (StepRequest(Order.AT_ONCE, known[0], (step,)),)


def _compare_pages(task: HopTask, state: HopState) -> NextSteps:
    """Ask more about an unconfirmed address whose page is unlike that of a confirmed one."""
    asks: list[StepRequest] = []
    pages = {address: one.page for address, one in state.addresses.items() if one.page is not None}
    for address in doubtful_pages(pages, state.unconfirmed):
        one = state.addresses[address]
        if not one.compared:
            steps = PageQuestions(task.context, task.at()).again(pages[address], tries=one.tries)
            state, certificate = _certify(task, state.changed(address, compared=True, tries=max(2, one.tries)))
            asks += (StepRequest(Order.ONE_BY_ONE, address, steps), *certificate)
    return state, tuple(asks)


def _ech_question(task: HopTask, address: str, failed: LayerFailure) -> tuple[StepRequest, ...]:
    """Ask one trusted resolver whether the name offers Encrypted ClientHello, after a failure beyond TCP.

    Asked for every healthy target in each round, it would add a third to the questions, for an answer that changes
    about once a year.
    """
    named = task.subject.encrypted and parse_address(task.subject.host) is None
    if failed.layer is Layer.TCP or not named or not task.context.trusted_resolvers:
        return ()
    step = ech_step(task.subject, task.context, task.at(purpose=Purpose.ECH))
    return (StepRequest(Order.FOR_READERS, address, (step,)),)


def _repeat_syns(task: HopTask, state: HopState) -> NextSteps:
    """Retry SYNs that timed out, all tries at once: no name was sent that could cause residual blocking.

    At an address that others confirm, where there is one: silence elsewhere may be that of a false answer. One SYN goes
    to the other web port of the host as well.
    """
    silent = [address for address, failure in state.failures if failure == SILENT_SYN]
    if not silent or len(silent) < len(state.failures) or state.repeats:
        return state, ()
    silent = [address for address in silent if address not in state.unconfirmed] or silent
    coming = len(silent) + sum(address in silent for address in state.followed)
    state, again = _repeat_at_once(task, state, silent[0], tries_wanted(task.context, state, silent[0]) - coming)
    if task.context.served_elsewhere:
        other = other_port_step(task.subject, silent[0], task.at(purpose=Purpose.OTHER_PORT))
        again = (*again, StepRequest(Order.FOR_READERS, silent[0], (other,)))
    return state, again


def _repeat_at_once(task: HopTask, state: HopState, address: str, count: int) -> NextSteps:
    steps = []
    for _ in range(count):
        state, step = task.next_try(state, address)
        steps.append(step)
    return replace(state, repeats=state.repeats + len(steps)), (StepRequest(Order.AT_ONCE, address, tuple(steps)),)


def _repeat_deepest(task: HopTask, state: HopState) -> NextSteps:
    """Retry the address with the deepest failure until it was observed often enough, or was shown to be an accident.

    Before silence after a hello or a request could count as a block, one try asks the server for small segments: a path
    that loses large packets is silent in just this way, here alone and under any name.
    """
    deepest = max((failure for _, failure in state.failures), key=lambda one: one.rank, default=None)
    if deepest is None:
        return state, ()
    address, limits = next(where for where, failure in state.failures if failure == deepest), task.context.limits
    if task.context.served_elsewhere and is_refused_since(state, deepest, address):
        return _repeat_refused(task, state, address)
    wanted = tries_wanted(task.context, state, address)
    found = FailureCount.of(state, deepest, address)
    proving = wanted == limits.proof_tries and deepest.layer in {Layer.TLS, Layer.HTTP} and not found.silenced
    if proving and deepest.failure is Failure.TIMEOUT and found.together >= wanted - 1 and not state.small_segments:
        state, step = task.next_try(replace(state, small_segments=True), address)
        return state, (StepRequest(Order.ONE_BY_ONE, address, (with_small_segments(step),)),)
    if state.repeats >= wanted or not found.is_in_doubt(deepest, wanted, limits):
        return state, ()
    state, step = task.next_try(replace(state, repeats=state.repeats + 1), address)
    return state, (StepRequest(Order.ONE_BY_ONE, address, (step,)),)


def _repeat_refused(task: HopTask, state: HopState, address: str) -> NextSteps:
    """Ask the host for its certificate at the port of https; where it is alive, retry the port that refuses."""
    if not state.certified:
        step: Step = Handshake(address=address, port=443, sni=task.subject.host, position=task.position)
        return replace(state, certified=True), (StepRequest(Order.AT_ONCE, address, (step,)),)
    alive = state.result_beside(address, Purpose.SUBJECT).succeeded
    if not alive or state.addresses[address].tries >= task.context.limits.proof_tries:
        return state, ()
    state, step = task.next_try(state, address)
    return state, (StepRequest(Order.ONE_BY_ONE, address, (step,)),)
