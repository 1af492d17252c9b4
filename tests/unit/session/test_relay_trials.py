"""Trials of unrouted addresses: who shares one, for how long, and what its evidence says."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from probe.model.failure import Failure
from probe.model.hop import Purpose
from probe.model.observation import Connection, Observation
from probe.model.target import parse
from probe.plan.endpoint import RelayPlan
from probe.session import relay_trials
from probe.session.relay_trials import RelayTrials, unrouted_address

NOWHERE = "198.18.7.7"
Outcome = tuple[Observation, ...]


def connection(failure: Failure | None = Failure.TIMEOUT, at: int = 0) -> Connection:
    """A connection to an unrouted address."""
    return Connection(address=NOWHERE, port=80, purpose=Purpose.RELAY, failure=failure, at=at)


class Path:
    """A stand-in for the network: counts the trials and gives each the same outcome."""

    def __init__(self, *outcome: Observation) -> None:
        self.trials = 0
        self.outcome = outcome
        self.answers = asyncio.Event()

    def perform(self, plan: RelayPlan, *, began: float) -> Coroutine[Any, Any, Outcome]:
        """Begin a trial, which ends once `answers` is set."""
        assert len(plan.pending()) == 1
        assert began <= asyncio.get_running_loop().time()
        self.trials += 1
        return self._outcome()

    async def _outcome(self) -> Outcome:
        await self.answers.wait()
        return self.outcome


async def test_targets_that_begin_while_a_trial_is_under_way_wait_for_its_outcome() -> None:
    """There is one trial, whatever comes of it."""
    trials, path = RelayTrials(), Path(connection(None))
    joined = [trials.join(NOWHERE, 80, path.perform) for _ in range(3)]
    assert joined[0].under_way

    path.answers.set()
    seen = await asyncio.gather(*(each.observed(each.began) for each in joined))

    assert path.trials == 1
    assert seen == [(connection(None),)] * 3


async def test_a_failed_trial_is_used_again_and_its_time_is_negative() -> None:
    """Evidence says when the trial began, relative to the measurement that shares it."""
    trials, path = RelayTrials(), Path(connection(at=20))
    path.answers.set()
    first = trials.join(NOWHERE, 80, path.perform)
    await first.observed(first.began)

    second = trials.join(NOWHERE, 80, path.perform)

    assert path.trials == 1
    assert await second.observed(first.began + 1.5) == (connection(at=-1480),)
    assert await second.observed(first.began + 0.0201) == (connection(at=-1),)


@pytest.mark.parametrize("outcome", [(connection(None),), (connection(Failure.LOCAL),), ()])
async def test_only_a_trial_that_failed_on_the_path_is_used_again(outcome: Outcome) -> None:
    """A connection was accepted at once and costs no wait; this host's own fault shows nothing."""
    trials, path = RelayTrials(), Path(*outcome)
    path.answers.set()
    for _ in range(2):
        trial = trials.join(NOWHERE, 80, path.perform)
        await trial.observed(trial.began)

    assert path.trials == 2


async def test_an_old_trial_is_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A relay may have begun since."""
    monkeypatch.setattr(relay_trials, "MAX_TRIAL_AGE_SECONDS", -1.0)
    trials, path = RelayTrials(), Path(connection())
    path.answers.set()
    first = trials.join(NOWHERE, 80, path.perform)
    await first.observed(first.began)

    assert trials.join(NOWHERE, 80, path.perform) is not first


async def test_each_port_and_each_family_has_a_trial_of_its_own() -> None:
    """A relay may accept the connections of one port, or of one family."""
    trials, path = RelayTrials(), Path(connection())
    path.answers.set()
    for address, port in ((NOWHERE, 80), (NOWHERE, 443), ("100::7", 80), (NOWHERE, 80)):
        trial = trials.join(address, port, path.perform)
        await trial.observed(trial.began)

    assert path.trials == 3


async def test_a_trial_outlives_a_measurement_that_was_cancelled() -> None:
    """Others wait for it."""
    trials, path = RelayTrials(), Path(connection())
    trial = trials.join(NOWHERE, 80, path.perform)
    waiting = asyncio.create_task(trial.observed(trial.began))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait({waiting})
    path.answers.set()

    assert await trial.observed(trial.began) == (connection(),)


def failing(error: Exception) -> Callable[..., Coroutine[Any, Any, Outcome]]:
    """A trial that ends in a fault of the program."""

    async def perform(plan: RelayPlan, *, began: float) -> Outcome:
        del plan, began
        raise error

    return perform


async def test_a_fault_in_a_trial_is_raised_where_it_is_awaited_and_the_trial_made_again() -> None:
    """It ends in the verdicts of those who wait for it."""
    trials = RelayTrials()
    first = trials.join(NOWHERE, 80, failing(ValueError("a fault")))
    with pytest.raises(ValueError, match="a fault"):
        await first.observed(first.began)

    assert trials.join(NOWHERE, 80, failing(ValueError("a fault"))) is not first
    await trials.close()


async def test_closing_ends_the_trials_under_way() -> None:
    """Nothing goes on after the session."""
    trials, path = RelayTrials(), Path(connection())
    trial = trials.join(NOWHERE, 80, path.perform)
    await trials.close()

    assert not trial.under_way
    assert not trial.counts(trial.began)


def test_an_unrouted_address_is_of_the_targets_family_and_never_for_this_host() -> None:
    """The address is from a benchmark or discard prefix; a loopback or link-local target has none."""
    four = ipaddress.ip_address(unrouted_address(parse("151.101.0.0/16")))
    six = ipaddress.ip_address(unrouted_address(parse("tcp://[2a04:4e42::1]:443")))

    assert four in ipaddress.ip_network("198.18.0.0/15")
    assert six in ipaddress.ip_network("100::/64")
    none = ("tcp://127.0.0.1:80", "tcp://[::1]:80", "169.254.0.0/24", "https://example.org/")
    assert [unrouted_address(parse(text)) for text in none] == [""] * 4
