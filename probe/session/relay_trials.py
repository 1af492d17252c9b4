"""Try an address where no host can be: does a relay on the path accept every connection?

A connection to a target that only has an address proves nothing where a relay completes every handshake. The silence of
an unrouted address lasts a whole time-out, so that the targets of a pass share one trial for each address family and
port. Only a failed trial is kept, and only for `MAX_TRIAL_AGE_SECONDS`: a relay may begin at any time, and a connection
that was accepted costs no wait.
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
from collections.abc import Callable, Coroutine
from math import floor
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from probe.lazy import lazy
from probe.model.failure import OWN_FAULTS
from probe.model.observation import Observation
from probe.model.target import RangeTarget, Target, TcpTarget

if TYPE_CHECKING:
    from probe.plan import endpoint
else:
    endpoint = lazy("probe.plan.endpoint")

MAX_TRIAL_AGE_SECONDS = 60.0
"""Real seconds after its begin for which a failed trial still counts: the longest time for which a relay that has just
begun goes unnoticed. A re-test does not use it, so that no change of status rests on it."""


class RelayTrial:
    """One connection to an unrouted address.

    Attributes:
        began: on the event loop's clock, in seconds.
    """

    def __init__(self, began: float, trial: Coroutine[Any, Any, tuple[Observation, ...]]) -> None:
        self.began = began
        self._task = asyncio.create_task(trial)

    @property
    def under_way(self) -> bool:
        """Whether its outcome is not known yet."""
        return not self._task.done()

    def counts(self, now: float) -> bool:
        """Whether a measurement that begins now can use it."""
        if self.under_way:
            return True
        if self._task.cancelled() or self._task.exception() is not None or now - self.began > MAX_TRIAL_AGE_SECONDS:
            return False
        failures = [one.failure for one in self._task.result()]
        return bool(failures) and not any(failure is None or failure in OWN_FAULTS for failure in failures)

    async def observed(self, began: float) -> tuple[Observation, ...]:
        """Wait for its outcome; its time is negative where it began before the measurement, which began then."""
        earlier = floor((self.began - began) * 1000)
        seen = self._task.result() if self._task.done() else await asyncio.shield(self._task)
        return tuple(replace(one, at=one.at + earlier) for one in seen)

    async def cancel(self) -> None:
        """End it."""
        self._task.cancel()
        await asyncio.wait({self._task})


class RelayTrials:
    """The trials of one pass."""

    def __init__(self) -> None:
        self._trials: dict[tuple[int, int], RelayTrial] = {}

    def join(
        self, address: str, port: int, perform: Callable[..., Coroutine[Any, Any, tuple[Observation, ...]]]
    ) -> RelayTrial:
        """Return the trial that a measurement uses which begins now; a new one where none counts.

        Args:
            address: an unrouted one, for a new trial.
            port: of the target.
            perform: performs the plan of a new trial (`probe.measure.perform.perform`).
        """
        key, now = (6 if ":" in address else 4, port), asyncio.get_running_loop().time()
        trial = self._trials.get(key)
        if trial is None or not trial.counts(now):
            trial = self._trials[key] = RelayTrial(now, perform(endpoint.RelayPlan(address, port), began=now))
        return trial

    async def close(self) -> None:
        """End the trials that are under way."""
        for trial in self._trials.values():
            await trial.cancel()
        self._trials.clear()


def unrouted_address(target: Target) -> str:
    """A random address where no host can be, of the target's family; empty for this host's own addresses and for names.

    From 198.18.0.0/15 (RFC 2544, benchmarks) or 100::/64 (RFC 6666, discard). Only a device on the path that answers
    for every address takes a connection to it.
    """
    near: ipaddress.IPv4Address | ipaddress.IPv6Address | ipaddress.IPv4Network | ipaddress.IPv6Network
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
    return str(ipaddress.IPv4Address((198 << 24) + (18 << 16) + int.from_bytes(os.urandom(3)) % 2**17))
