"""The plan of one hop: try its subject at every candidate address, then follow the rounds of `probe.plan.rounds`.

The first round of an https subject fetches the page from one address and makes a TLS handshake with each other one. The
first round of an http subject fetches the page from each address. Every other subject gets the same step at each.
"""

from __future__ import annotations

from collections.abc import Callable

from probe.model.hop import StepPosition, Subject
from probe.model.observation import Exchange, Observation
from probe.model.step import ConnectEach, Fetch, Resolve, Step
from probe.plan import page_check
from probe.plan.context import PlanContext
from probe.plan.followup import tries_subject
from probe.plan.hop_state import HopState
from probe.plan.lookup import addresses_within_limits
from probe.plan.plan import NoListener, StepQueue
from probe.plan.rounds import ROUNDS, HopTask, NextSteps, Order, after_page, begin


class PlanHop:
    """The state of one hop, and the queue of its steps at each address.

    Args:
        subject: the subject of the hop.
        context: names and limits.
        queue: receives the steps.
        position: chain and hop.
        served: called once, with the first page that arrives.
    """

    def __init__(
        self,
        subject: Subject,
        context: PlanContext,
        queue: StepQueue,
        position: StepPosition,
        served: Callable[[Exchange], None] | None = None,
    ) -> None:
        self._task = HopTask(subject, context, position)
        self._state = HopState(subject)
        self._queue = queue
        self._served = served
        self._waiting: dict[str, list[Step]] = {}
        """Address -> the steps that follow the one under way there."""
        self._turns: dict[Step, str] = {}
        """Step at another address -> the address among whose waiting steps it had its turn."""
        self._under_way: set[Step] = set()

    @property
    def subject(self) -> Subject:
        """The subject of the hop."""
        return self._task.subject

    def start(self, addresses: tuple[str, ...], local: tuple[str, ...], unconfirmed: frozenset[str]) -> None:
        """Start the first round.

        Args:
            addresses: the candidates, in order; at least one.
            local: the addresses that programs on this host get, in order.
            unconfirmed: those of them that no other source gives for the name.
        """
        self._state = HopState(self._task.subject, local=local, unconfirmed=unconfirmed)
        first = next((a for a in local if a in addresses), addresses[0])
        for address in addresses:
            self._ask(begin(self._task, self._state, address, page=address == first))

    def add(self, addresses: tuple[str, ...], unconfirmed: frozenset[str]) -> None:
        """Try further addresses, from late answers."""
        self._state = self._state.with_unconfirmed(unconfirmed)
        context = self._task.context
        for address in addresses_within_limits(
            self._state.addresses, addresses, context, beyond=context.limits.late_addresses
        ):
            self._ask(begin(self._task, self._state, address, page=False))

    def observed(self, step: Step, seen: Observation) -> None:
        """Pass on the first page as soon as it arrives, and fetch a doubtful or slow page again."""
        if not isinstance(seen, Exchange) or not isinstance(step, Fetch):
            return
        if not tries_subject(self._task.subject, step):
            return
        if page_check.crawls(seen):
            self._queue.reserve(step.address, self)
        if not seen.answered:
            return
        self._ask(after_page(self._task, self._state, step, seen))
        served, self._served = self._served, None
        if served is not None:
            served(seen)

    def finished(self, step: Step, seen: tuple[Observation, ...]) -> None:
        """Queue the next step of the address, or the next round when no step of the hop is under way."""
        self._under_way.discard(step)
        assert not isinstance(step, Resolve | ConnectEach)  # noqa: S101 - a hop's steps have one address
        if tries_subject(self._task.subject, step):
            self._state = self._state.with_try(step.address, seen)
        else:
            self._state = self._state.with_beside(step.address, step.position.purpose, seen)
        self._queue_next(self._turns.pop(step, step.address))
        for each in ROUNDS[self._state.phase]:
            if self._under_way:
                return
            self._ask(each.ask(self._task, self._state))
        if not self._under_way:
            self._queue.release(self)

    def ask(self, step: Step) -> bool:
        """Queue a step of this hop; False when an equal step was queued before."""
        if not self._queue.add(step, self):
            return False
        self._under_way.add(step)
        return True

    def _ask(self, asked: NextSteps) -> None:
        self._state, asks = asked
        for order, address, steps in asks:
            if order is Order.FOR_READERS:
                for step in steps:
                    self._queue.add(step, NoListener())
            elif order is Order.AT_ONCE:
                for step in steps:
                    self.ask(step)
            else:
                self._waiting.setdefault(address, []).extend(steps)
                if order is Order.ONE_BY_ONE:
                    self._queue_next(address)

    def _queue_next(self, address: str) -> None:
        """Queue the next waiting step of an address; one at a time keeps their order."""
        waiting = self._waiting.get(address, [])
        while waiting:
            step = waiting.pop(0)
            if self.ask(step):
                if not isinstance(step, Resolve | ConnectEach) and step.address != address:
                    self._turns[step] = address
                return
