"""Trials of unrouted addresses: who shares one, what is remembered, and what the evidence says."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Coroutine
from random import Random
from typing import Any

import pytest
from msgspec.structs import replace

from probe.model.failure import Failure
from probe.model.hop import Purpose
from probe.model.observation import Connection, Observation
from probe.model.target import TcpTarget, parse
from probe.plan.context import PlanContext
from probe.plan.endpoint import RelayPlan, TcpPlan
from probe.session.relay_trials import RelayTrials, RelayWatch, unrouted_address
from tests.unit.virtual_clock import VirtualClock

NOWHERE = "198.18.7.7"
TARGET = parse("tcp://151.101.1.10:80")
assert isinstance(TARGET, TcpTarget)
CONNECTED = Connection(address=TARGET.address, port=80, rtt=30_000)
Outcome = tuple[Observation, ...]


def connection(failure: Failure | None = Failure.TIMEOUT, at: int = 0) -> Connection:
    """A connection to an unrouted address."""
    return Connection(address=NOWHERE, port=80, purpose=Purpose.RELAY, failure=failure, at=at)


class Path:
    """A stand-in for the network: counts the trials and gives each the same outcome."""

    def __init__(self, *outcome: Observation, error: Exception | None = None) -> None:
        self.trials = 0
        self.outcome = outcome
        self.error = error
        self.answers = asyncio.Event()

    def perform(self, plan: RelayPlan) -> Coroutine[Any, Any, Outcome]:
        """Begin a trial, which ends once `answers` is set."""
        assert len(plan.pending()) == 1
        self.trials += 1
        return self._outcome()

    async def _outcome(self) -> Outcome:
        await self.answers.wait()
        if self.error is not None:
            raise self.error
        return self.outcome


class Vantage:
    """Measures the target, by a stand-in for the network that accepts its connection."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.clock = VirtualClock()
        self.trials = RelayTrials(self.clock, Random(1))
        self.released = 0

    def begin(self, *, failed_before: bool = False) -> RelayWatch:
        """Connect; the trial begins where the plan wants one."""
        context = PlanContext(
            relay_address=NOWHERE,
            relay_known=self.trials.known(TARGET),
            failed_before=failed_before,
            now=self.clock.now().timestamp(),
        )
        assert isinstance(TARGET, TcpTarget)
        watch = self.trials.watch(TcpPlan(TARGET, context), TARGET, NOWHERE, self.path.perform)
        (step,) = watch.pending()
        watch.observe(step, CONNECTED)
        watch.finish(step)
        assert watch.pending() == ()
        return watch

    async def measure(self, *, failed_before: bool = False) -> Outcome:
        """What a whole measurement observes beside its own connection."""
        began = self.clock.now().timestamp()
        seen = await self.begin(failed_before=failed_before).observed((CONNECTED,), began, self.release)
        assert seen[0] is CONNECTED
        return seen[1:]

    def release(self) -> None:
        """Count the releases of a slot."""
        self.released += 1


def at_once(*outcome: Observation) -> Path:
    """A path whose trials end at once."""
    path = Path(*outcome)
    path.answers.set()
    return path


async def test_targets_that_connect_while_a_trial_is_under_way_wait_for_its_outcome() -> None:
    """There is one trial. The others' slots are released while they wait."""
    vantage = Vantage(Path(connection(None)))
    began = vantage.clock.now().timestamp()
    watches = [vantage.begin() for _ in range(3)]
    waiting = [asyncio.create_task(one.observed((CONNECTED,), began, vantage.release)) for one in watches]
    await asyncio.sleep(0)
    vantage.path.answers.set()

    seen = await asyncio.gather(*waiting)

    assert (vantage.path.trials, vantage.released) == (1, 3)
    assert [one[1:] for one in seen] == [(connection(None),), (connection(None, -1),), (connection(None, -1),)]


async def test_a_trial_is_remembered_and_its_time_is_negative() -> None:
    """Evidence says when it was made, relative to the measurement that rests on it."""
    vantage = Vantage(at_once(connection(at=20)))
    assert await vantage.measure() == (connection(at=20),)
    vantage.clock.advance(7200)

    assert await vantage.measure() == (connection(at=-7_200_000),)
    assert vantage.path.trials == 1


async def test_a_target_that_failed_before_needs_a_trial_of_the_last_minute() -> None:
    vantage = Vantage(at_once(connection()))
    await vantage.measure()
    vantage.clock.advance(30)
    assert (await vantage.measure(failed_before=True))[0].at == -30_000
    vantage.clock.advance(31)

    assert (await vantage.measure(failed_before=True))[0].at == 0
    assert vantage.path.trials == 2


async def test_what_fails_has_no_trial_in_its_evidence() -> None:
    """A relay did not accept it."""
    vantage = Vantage(at_once(connection()))
    failed = replace(CONNECTED, failure=Failure.TIMEOUT)

    assert await vantage.begin().observed((failed,), 0.0, None) == (failed,)


@pytest.mark.parametrize("outcome", [(connection(Failure.LOCAL),), ()])
async def test_a_trial_that_this_host_could_not_make_is_not_remembered(outcome: Outcome) -> None:
    """It shows nothing."""
    vantage = Vantage(at_once(*outcome))
    assert await vantage.measure() == outcome
    assert await vantage.measure() == outcome

    assert vantage.path.trials == 2


async def test_what_an_older_trial_showed_counts_beside_one_that_could_not_be_made() -> None:
    vantage = Vantage(at_once(connection(None)))
    await vantage.measure()
    vantage.clock.advance(120)
    vantage.path.outcome = (connection(Failure.LOCAL),)

    assert await vantage.measure(failed_before=True) == (connection(Failure.LOCAL), connection(None, -120_000))


async def test_each_port_and_each_family_has_a_trial_of_its_own() -> None:
    """A relay may accept the connections of one port, or of one family."""
    trials, path = RelayTrials(), at_once(connection())
    for address, port in ((NOWHERE, 80), (NOWHERE, 443), ("100::7", 80), (NOWHERE, 80)):
        begun = trials.begin(address, port, path.perform)
        if begun is not None:
            await begun.task

    assert path.trials == 3


async def test_findings_are_given_to_another_session_and_forgotten_at_another_vantage() -> None:
    vantage = Vantage(at_once(connection()))
    await vantage.measure()
    other = RelayTrials(vantage.clock)
    other.remember(vantage.trials.findings)
    assert other.known(TARGET) == vantage.trials.known(TARGET) is not None

    for where, kept in (("here", 1), ("here", 1), ("there", 0)):
        other.at_vantage(where)
        assert len(other.findings) == kept


async def test_a_trial_outlives_a_measurement_that_was_cancelled() -> None:
    """Others wait for it."""
    vantage = Vantage(Path(connection()))
    waiting = asyncio.create_task(vantage.measure())
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait({waiting})
    vantage.path.answers.set()

    assert await vantage.measure() == (connection(at=-1),)


async def test_a_fault_in_a_trial_is_raised_where_it_is_awaited_and_the_trial_made_again() -> None:
    """It ends in the verdicts of those who wait for it."""
    vantage = Vantage(Path(error=ValueError("a fault")))
    vantage.path.answers.set()
    for _ in range(2):
        with pytest.raises(ValueError, match="a fault"):
            await vantage.measure()

    assert vantage.path.trials == 2


async def test_closing_ends_the_trials_under_way() -> None:
    """Nothing goes on after the session."""
    trials, path = RelayTrials(), Path(connection())
    begun = trials.begin(NOWHERE, 80, path.perform)
    await trials.close()

    assert begun is not None
    assert begun.task.cancelled()


def test_targets_with_a_name_have_no_finding() -> None:
    assert RelayTrials().known(parse("https://example.org/")) is None


def test_an_unrouted_address_is_of_the_targets_family_and_never_for_this_host() -> None:
    """The address is from a benchmark or discard prefix; a loopback or link-local target has none."""
    four = ipaddress.ip_address(unrouted_address(parse("151.101.0.0/16")))
    six = ipaddress.ip_address(unrouted_address(parse("tcp://[2a04:4e42::1]:443")))

    assert four in ipaddress.ip_network("198.18.0.0/15")
    assert six in ipaddress.ip_network("100::/64")
    none = ("tcp://127.0.0.1:80", "tcp://[::1]:80", "169.254.0.0/24", "https://example.org/")
    assert [unrouted_address(parse(text)) for text in none] == [""] * 4
