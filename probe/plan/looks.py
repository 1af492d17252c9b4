"""Which look a target gets in a round: a glance, a full look, or none yet. Pure.

===============================================================  ====================================================
a target                                                         gets
===============================================================  ====================================================
without a settled status, or without a memory (first sight, the  a full look
vantage has changed, the state file is of an older version)
settled `reachable`, and a full look found anything else within  a full look
`full_every`
settled `reachable`, and its next full look is due               a full look
settled `reachable`, no reference glance                         a full look
settled `reachable` otherwise                                    a glance; none yet where it is stretched
settled otherwise, and a full look found it reachable within     a full look
`blocked_every`
settled otherwise at first sight, less than half an hour ago     a full look: a wrong one is corrected soon
settled otherwise                                                a full look every `blocked_every`, none meanwhile
===============================================================  ====================================================

A glance that differs leads to a full look in the same round, whatever this table says. Ranges have looks of their own
(`probe.agent.scheduler`). Moments are Unix seconds; one that lies in the future, because the clock was set back, counts
as unknown.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from math import ceil
from typing import NamedTuple

import msgspec

from probe.model.target import RangeTarget, Target
from probe.model.verdict import Status
from probe.plan.glance_memory import KnownAnswers

PERIOD_SHARE = 0.97
"""Least share of `full_every` between two full looks; the rest is random, so that no rhythm can be learned."""
NEXT_ROUND_INTERVALS = 1.15
"""Intervals until the next round at the latest: the jitter, and the length of a round. A look that would be due before
the next round is taken in this one."""
FIRST_SIGHT_SECONDS = 1800.0
"""How long a target that was found blocked or down at first sight is looked at in every round."""
DAY_SECONDS = 86400.0
STRETCHED_ROUNDS = 3
"""Rounds in which a stretched target is glanced at once."""


class Look(StrEnum):
    """The look that a target gets in a round."""

    NONE = "none"
    GLANCE = "glance"
    FULL = "full"


class LookTerms(msgspec.Struct, frozen=True, kw_only=True):
    """The settings that looks depend on, in seconds.

    Attributes:
        interval: between two rounds.
        full_every: longest time between two full looks at a target that is settled `reachable`; 0: only full looks.
        blocked_every: time between two full looks at a target that is settled otherwise; 0: every round.
        stretch_after: a target that has been reachable for so long is glanced at in every third round only; 0: none is.
        spread: time over which the glances of a round are spread; 0: all at once.
    """

    interval: float
    full_every: float
    blocked_every: float
    stretch_after: float = 0.0
    spread: float = 0.0


class SettledSince(NamedTuple):
    """A settled status, and when it began as far as is known (Unix seconds).

    With `before_watch` it began before the first look, which was at `since`.
    """

    status: Status
    since: float
    before_watch: bool = False


class LookMemory(msgspec.Struct, frozen=True, array_like=True):
    """What is remembered of a target's looks.

    Attributes:
        looked: the last look of any kind.
        worked: the last full look that found the target reachable; 0: none.
        failed: the last full look that found anything else; 0: none.
        full_due: when the next full look is due at the latest; 0: at once.
        known: what the reference glances saw.
    """

    looked: int = 0
    worked: int = 0
    failed: int = 0
    full_due: int = 0
    known: tuple[KnownAnswers, ...] = ()


def look_for(
    target: Target, settled: SettledSince | None, memory: LookMemory | None, now: float, terms: LookTerms
) -> Look:
    """The look that a target gets in a round that begins now.

    Args:
        target: of the watchlist.
        settled: its settled status; None before the first.
        memory: of its looks at this vantage; None when there was none.
        now: the moment.
        terms: the settings.
    """
    if isinstance(target, RangeTarget) or settled is None or memory is None or terms.full_every <= 0:
        return Look.FULL
    if settled.before_watch and _within(int(settled.since), now, FIRST_SIGHT_SECONDS):
        return Look.FULL
    if settled.status is not Status.REACHABLE:
        return _look_at_failing(memory, now, terms)
    if _within(memory.failed, now, terms.full_every) or _is_due(memory, now, terms) or not memory.known:
        return Look.FULL
    if not terms.stretch_after or now - settled.since < terms.stretch_after:
        return Look.GLANCE
    rested = _within(memory.looked, now, (STRETCHED_ROUNDS - 0.5) * terms.interval)
    return Look.NONE if rested else Look.GLANCE


def after_full_look(
    memory: LookMemory | None, status: Status, began: float, terms: LookTerms, draw: float
) -> LookMemory | None:
    """The memory after a full look.

    A first one, and one after a doubt, draws a random phase, so that the full looks of a list spread over `full_every`.
    A look without a conclusion (`unknown`) leaves the next one due at once.

    Args:
        memory: before the look.
        status: that the look found.
        began: when the look began.
        terms: the settings.
        draw: random, from 0 to 1.
    """
    if status is Status.UNKNOWN:
        return None if memory is None else msgspec.structs.replace(memory, full_due=0)
    before = memory or LookMemory()
    fresh = not before.full_due
    moment = int(began)
    before = msgspec.structs.replace(
        before, looked=moment, worked=_not_after(before.worked, moment), failed=_not_after(before.failed, moment)
    )
    if status is not Status.REACHABLE:
        return msgspec.structs.replace(before, failed=moment, full_due=0)
    share = draw if fresh else PERIOD_SHARE + (1 - PERIOD_SHARE) * draw
    return msgspec.structs.replace(before, worked=moment, full_due=int(began + share * terms.full_every))


def after_glance(memory: LookMemory, began: float) -> LookMemory:
    """The memory after a glance that acquitted."""
    return msgspec.structs.replace(memory, looked=int(began))


def full_looks_a_day(terms: LookTerms) -> float:
    """How often a healthy target is looked at in full in a day, on average."""
    rounds = ((1 + PERIOD_SHARE) / 2 * terms.full_every - NEXT_ROUND_INTERVALS * terms.interval) / terms.interval
    return DAY_SECONDS / (max(1, ceil(rounds)) * terms.interval)


def looks_at_failing_a_day(terms: LookTerms) -> float:
    """How often a target that is settled blocked, throttled, down or unreachable is looked at in a day."""
    return DAY_SECONDS / (max(1, ceil(terms.blocked_every / terms.interval - 0.5)) * terms.interval)


def with_references(memory: LookMemory, references: Sequence[KnownAnswers]) -> LookMemory:
    """The memory after reference glances; answers of other kinds and families are those of the latest full look."""
    return msgspec.structs.replace(memory, known=tuple(references))


def _look_at_failing(memory: LookMemory, now: float, terms: LookTerms) -> Look:
    if _within(memory.worked, now, terms.blocked_every):
        return Look.FULL
    return Look.NONE if _within(memory.looked, now, terms.blocked_every - terms.interval / 2) else Look.FULL


def _is_due(memory: LookMemory, now: float, terms: LookTerms) -> bool:
    """Whether the next full look is due before the next round, or the clock was set since it was dated."""
    if not memory.worked or memory.worked > now or memory.full_due > memory.worked + terms.full_every:
        return True
    return now + NEXT_ROUND_INTERVALS * terms.interval >= memory.full_due


def _within(moment: int, now: float, seconds: float) -> bool:
    """Whether a moment lies in so many seconds before now."""
    return bool(moment) and 0 <= now - moment < seconds


def _not_after(moment: int, latest: int) -> int:
    """The moment; 0 where it lies in the future."""
    return moment if moment <= latest else 0
