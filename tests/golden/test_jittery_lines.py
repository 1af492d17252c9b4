"""Honest networks with jitter, radio links and slow servers: no server's own reset is taken for somebody else's.

The server resets the subject's name and answers others, so that only the times speak for it. A block of it without a
control would be false.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from random import Random

import pytest

from probe.judge.nearer import PathTimes
from probe.plan.distance import DISTANCE_TRIES

TRIALS = 20_000
TRIES = 2
"""Tries of the subject, as many as the plan makes of a reset one."""

Delay = Callable[[Random], float]
"""Milliseconds beyond the round trip, drawn."""


def none(chance: Random) -> float:
    """No delay."""
    return 0.0


def exponential(mean: float) -> Delay:
    """A queue: often short, at times long."""
    return lambda chance: chance.expovariate(1 / mean)


def bursts(share: float, longest: float) -> Delay:
    """A wireless link: most packets at once, some after repetitions."""
    return lambda chance: longest * chance.random() if chance.random() < share else chance.expovariate(0.2)


def between(low: float, high: float) -> Delay:
    """Anything in between."""
    return lambda chance: chance.uniform(low, high)


WORLDS: dict[str, tuple[float, Delay, Delay, Delay, float]] = {
    # round trip, jitter of each packet, extra time of each SYN, time of another name's page, wrong verdicts allowed
    "a quiet line": (20, exponential(1), none, exponential(20), 0),
    "a busy line": (20, exponential(20), none, exponential(20), 0),
    "a very busy line": (20, exponential(100), none, none, 0.0005),
    "wireless": (20, bursts(0.3, 300), none, none, 0),
    "wireless at its limit": (20, bursts(0.5, 300), none, none, 0),
    "an overloaded server": (5, between(0, 200), none, exponential(50), 0.0005),
    "a radio link that wakes up": (40, exponential(3), between(10, 150), exponential(30), 0),
    "a radio link that sleeps deeply": (40, exponential(3), between(1_000, 2_000), exponential(30), 0),
    "a slow set-up of every connection": (20, exponential(2), lambda _: 60.0, exponential(50), 0),
}


def measured(world: tuple[float, Delay, Delay, Delay, float], chance: Random) -> tuple[PathTimes, tuple[int, ...]]:
    """One measurement: the times of the path, and the waits for the server's own resets."""
    path, jitter, syn, page, _ = world

    def times(count: int, *more: Delay) -> Iterable[int]:
        return (int(1000 * (path + jitter(chance) + sum(one(chance) for one in more))) for _ in range(count))

    paths = PathTimes(
        syns=tuple(sorted(times(TRIES + DISTANCE_TRIES, syn))),
        lowest=tuple(times(DISTANCE_TRIES)),  # the kernel's round trip of the request, without the page's own time
        others=tuple(times(DISTANCE_TRIES, page)),
    )
    return paths, tuple(times(TRIES))


@pytest.mark.parametrize("name", WORLDS)
def test_jitter_is_never_taken_for_nearness(name: str) -> None:
    """Such a server is rare by itself; beside it, at most one measurement in two thousand where most times are late."""
    world, chance = WORLDS[name], Random(20170504)
    accused = 0
    for _ in range(TRIALS):
        times, waits = measured(world, chance)
        accused += times.proves(waits)

    assert accused <= world[4] * TRIALS


def test_a_filter_is_still_seen_on_an_ordinary_line() -> None:
    """At 10 ms of 41, with the jitter of a quiet line, nearly always."""
    world, chance = (41, exponential(1), none, exponential(20), 0.0), Random(20170504)
    seen = 0
    for _ in range(1_000):
        times, _ = measured(world, chance)
        seen += times.proves([int(1000 * (10 + chance.expovariate(1))) for _ in range(TRIES)])

    assert seen >= 990
