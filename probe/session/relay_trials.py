"""Try an address where no host can be: does a relay on the path accept every connection?

`probe.plan.relay_memory` says which connections leave a doubt, and for how long a trial is believed. Here is the memory
of one vantage, and the one trial for each address family and port that all measurements share which want one.
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
from collections.abc import Callable, Collection, Coroutine, Mapping
from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec.structs import replace

from probe.clock import Clock
from probe.lazy import lazy
from probe.model.hop import Purpose
from probe.model.observation import Connection, Observation
from probe.model.step import Step
from probe.model.target import RangeTarget, Target, TcpTarget

if TYPE_CHECKING:
    from probe.measure.perform import StepSource
    from probe.plan import endpoint, relay_memory
    from probe.plan.relay_memory import RelayFinding
else:
    endpoint = lazy("probe.plan.endpoint")
    relay_memory = lazy("probe.plan.relay_memory")

PerformPlan = Callable[[Any], Coroutine[Any, Any, tuple[Observation, ...]]]
"""Performs a plan (`probe.measure.perform.perform`)."""


_NEAR_IPV4 = ("127.", "169.254.")
"""Beginnings of the addresses of this host and of its link (RFC 6890)."""


class SharedTrial(NamedTuple):
    """A trial that measurements wait for.

    Attributes:
        task: ends with what was seen.
        began: when the measurement wanted it, in Unix seconds.
        is_own: this measurement made it, rather than an earlier one.
    """

    task: asyncio.Task[tuple[Observation, ...]]
    began: float
    is_own: bool


class RelayTrials:
    """What is known of relays at this vantage, and the trials under way.

    Args:
        clock: dates the trials.
        random: says for how long each is believed; seeded by the system when None.

    Attributes:
        failing: targets that failed at their last full look, as far as is known.
    """

    def __init__(self, clock: Clock | None = None, random: Random | None = None) -> None:
        self.failing: Collection[str] = ()
        self._clock = clock or Clock()
        self._random = random or Random(os.urandom(16))  # noqa: S311 - not a secret
        self._known: dict[str, RelayFinding] = {}
        self._under_way: dict[str, asyncio.Task[tuple[Observation, ...]]] = {}
        self._vantage: object = None

    @property
    def findings(self) -> dict[str, RelayFinding]:
        """Address family and port -> the outcome of the latest trial."""
        return dict(self._known)

    def remember(self, findings: Mapping[str, RelayFinding]) -> None:
        """Replace what is known by what was known of this vantage."""
        self._known = dict(findings)

    def at_vantage(self, vantage: object) -> None:
        """Forget everything where the vantage is another one than at the last call."""
        if self._vantage is not None and vantage != self._vantage:
            self._known.clear()
        self._vantage = vantage

    def known(self, target: Target) -> RelayFinding | None:
        """What is known for a target's family and port; None before the first trial, and for names."""
        match target:
            case TcpTarget(address=text) | RangeTarget(network=text):
                return self._known.get(relay_memory.relay_key(text.partition("/")[0], target.port))
        return None

    def watch(
        self, plan: StepSource, target: TcpTarget | RangeTarget, address: str, perform: PerformPlan
    ) -> RelayWatch:
        """The plan of a target, whose trials of an unrouted address are shared with others.

        Args:
            plan: of the target.
            target: has an address.
            address: the unrouted one.
            perform: performs the plan of a trial.
        """
        return RelayWatch(plan, self, target, address, perform)

    def begin(self, address: str, port: int, perform: PerformPlan) -> SharedTrial | None:
        """The trial that a measurement waits for which wants one now; None where one was made just now.

        Args:
            address: an unrouted one, for a new trial.
            port: of the target.
            perform: performs the plan of a new trial.
        """
        key, now = relay_memory.relay_key(address, port), self._now()
        found = self._known.get(key)
        if found is not None and 0 <= now - found.tried <= relay_memory.FRESH_SECONDS:
            return None
        task = self._under_way.get(key)
        if task is not None and not task.done():
            return SharedTrial(task, now, is_own=False)
        task = self._under_way[key] = asyncio.create_task(self._try(now, address, port, perform))
        return SharedTrial(task, now, is_own=True)

    def used(self, target: Target, seen: tuple[Observation, ...], *, afresh: bool) -> RelayFinding | None:
        """What is known for a target, with the round trips of a measurement that relies on it."""
        found = self.known(target)
        if found is None:
            return None
        found = relay_memory.with_round_trips(found, seen, afresh=afresh)
        self._known[relay_memory.relay_key(found.address, found.port)] = found
        return found

    async def close(self) -> None:
        """End the trials that are under way."""
        tasks = [task for task in self._under_way.values() if not task.done()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        self._under_way.clear()

    async def _try(self, began: float, address: str, port: int, perform: PerformPlan) -> tuple[Observation, ...]:
        seen, key = await perform(endpoint.RelayPlan(address, port)), relay_memory.relay_key(address, port)
        for one in seen:
            if isinstance(one, Connection):
                found = relay_memory.after_trial(self._known.get(key), one, began, self._random.random())
                if found is not None:
                    self._known[key] = found
        return seen

    def _now(self) -> float:
        return self._clock.now().timestamp()


class RelayWatch:
    """A target's plan; its trial of an unrouted address is made once for the vantage, not for the target."""

    def __init__(
        self, plan: StepSource, trials: RelayTrials, target: TcpTarget | RangeTarget, address: str, perform: PerformPlan
    ) -> None:
        self._plan = plan
        self._trials = trials
        self._target = target
        self._address = address
        self._perform = perform
        self._wanted = False
        self._trial: SharedTrial | None = None

    def pending(self) -> tuple[Step, ...]:
        """The steps to perform, without the trial, which begins now."""
        steps = self._plan.pending()
        if not steps:
            return steps
        kept = tuple(step for step in steps if not relay_memory.is_trial(step, self._address))
        if len(kept) < len(steps):
            self._wanted = True
            self._trial = self._trials.begin(self._address, self._target.port, self._perform)
        return kept

    def observe(self, step: Step, observation: Observation) -> None:
        """Pass on an observation."""
        self._plan.observe(step, observation)

    def finish(self, step: Step) -> None:
        """Pass on the end of a step."""
        self._plan.finish(step)

    async def observed(
        self, seen: tuple[Observation, ...], began: float, release: Callable[[], None] | None
    ) -> tuple[Observation, ...]:
        """The observations of the measurement with the trial that its connections rest on, an older one as well.

        Args:
            seen: of the target's plan.
            began: start of the measurement, in Unix seconds.
            release: called before a trial is waited for.
        """
        if not any(_is_accepted(one) for one in seen):
            return seen
        trial, own = self._trial, tuple[Observation, ...]()
        if trial is not None:
            if release is not None and not trial.task.done():
                release()
            made = await asyncio.shield(trial.task)
            shift = int((trial.began - began) * 1000)
            own = tuple(replace(one, at=max(0, one.at + shift)) for one in made) if trial.is_own else ()
        found = self._trials.used(self._target, seen, afresh=self._wanted)
        if own and (found is None or (trial is not None and found.tried >= trial.began)):
            return seen + own
        return seen + own if found is None else (*seen, *own, found.observation(began))


def _is_accepted(one: Observation) -> bool:
    return isinstance(one, Connection) and one.purpose is Purpose.SUBJECT and one.failure is None


def unrouted_address(target: Target) -> str:
    """A random address where no host can be, of the target's family; empty for this host's own addresses and for names.

    From 198.18.0.0/15 (RFC 2544, benchmarks) or 100::/64 (RFC 6666, discard). Only a device on the path that answers
    for every address takes a connection to it.
    """
    near: ipaddress.IPv4Address | ipaddress.IPv6Address | ipaddress.IPv4Network | ipaddress.IPv6Network
    if type(target) is TcpTarget and ":" not in target.address:  # thousands of a list are such
        return "" if target.address.startswith(_NEAR_IPV4) else _unrouted_ipv4()
    match target:
        case TcpTarget(address=text):
            near = ipaddress.ip_address(text)
        case RangeTarget(network=text):
            near = ipaddress.ip_network(text)
        case _:
            return ""
    if near.is_loopback or near.is_link_local:
        return ""
    if near.version == 6:
        return str(ipaddress.IPv6Address((0x0100 << 112) + int.from_bytes(os.urandom(8))))
    return _unrouted_ipv4()


def _unrouted_ipv4() -> str:
    half, third, fourth = os.urandom(3)
    return f"198.{18 + half % 2}.{third}.{fourth}"


def sends_syns_to(target: Target) -> bool:
    """Whether the addresses of a target are asked with SYNs: those of a range, unless they are this host's own."""
    if not isinstance(target, RangeTarget) or not unrouted_address(target):
        return False
    from probe.measure.syn_scanner import may_send_syns  # noqa: PLC0415 - only ranges need it

    return may_send_syns()
