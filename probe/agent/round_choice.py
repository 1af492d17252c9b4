"""Which of the due targets a short round looks at, and in which order. Pure: random numbers are given.

A round is short where it has a time limit, or where the traffic budget does not allow all of it. Then those targets
come first that matter most:

1. what fails, and what is being tested again;
2. what was not looked at for a day, so that nothing is left out for ever;
3. the services in the order of the settings' list;
4. what was not looked at for the longest.

What does not fit is left out: a gap in its history, not a verdict `unknown`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from random import Random
from typing import NamedTuple

import msgspec

from probe.agent.cost import COST_PER_LOOK, GLANCE_COST, RANGE_ADDRESS_COST, Cost, kind_of
from probe.model.target import RangeTarget, TargetText
from probe.plan.looks import DAY_SECONDS
from probe.session.pass_glances import RoundLooks

COST_MARGIN = 1.5
"""Factor on the expected cost of a look: what is failing, and pages that are heavier than most, cost more."""


class RoundChoice(NamedTuple):
    """The targets of a round.

    Attributes:
        targets: in the order in which they are to be looked at.
        looks: which of them are glanced at.
        ordered: whether the order matters; otherwise it is to be random.
        left_out: how many due targets are left out for the budget.
    """

    targets: list[TargetText]
    looks: RoundLooks
    ordered: bool
    left_out: int


class TargetRanks(NamedTuple):
    """What the order depends on.

    Attributes:
        failing: targets that fail, or did lately.
        services: target -> service.
        looked: target -> its last look, in Unix seconds.
    """

    failing: Collection[str]
    services: Mapping[str, str]
    looked: Mapping[str, int]


def choose(
    targets: Sequence[TargetText],
    looks: RoundLooks,
    ranks: TargetRanks,
    *,
    allowance: Cost | None,
    timed: bool,
    now: float,
    random: Random,
    anchors: Cost,
    samples: Mapping[str, int],
) -> RoundChoice:
    """The targets of a round that begins now.

    Args:
        targets: those that are due.
        looks: which looks they get.
        ranks: what their order depends on.
        allowance: what the round may cost; None for no limit.
        timed: whether the round has a time limit.
        now: Unix seconds.
        random: for the order of those that are alike.
        anchors: what the anchors of a round cost.
        samples: range -> how many of its addresses are measured.
    """
    expected = [_expected(item, looks, samples) for item in targets]
    whole = anchors
    for cost in expected:
        whole = whole.plus(cost)
    if not timed and (allowance is None or _fits(whole, allowance)):
        return RoundChoice(list(targets), looks, ordered=False, left_out=0)
    order = _order(targets, ranks, now, random)
    chosen = [targets[number] for number in _affordable_part(order, expected, anchors, allowance)]
    kept = {text for text, _ in chosen}
    first = frozenset(text for text in kept if text in ranks.failing)
    glance = {text: known for text, known in looks.glance.items() if text in kept}
    looks = msgspec.structs.replace(looks, glance=glance, first=first)
    return RoundChoice(chosen, looks, ordered=True, left_out=len(targets) - len(chosen))


def _affordable_part(
    order: Sequence[int], expected: Sequence[Cost], anchors: Cost, allowance: Cost | None
) -> Iterator[int]:
    """The positions whose looks the allowance covers, in this order; a cheaper look may follow one that is too dear."""
    together = anchors
    for number in order:
        more = together.plus(expected[number])
        if allowance is None or _fits(more, allowance):
            together = more
            yield number


def _order(targets: Sequence[TargetText], ranks: TargetRanks, now: float, random: Random) -> list[int]:
    """The positions of the targets, what matters most first."""
    services: dict[str, int] = {}
    for text, _ in targets:
        services.setdefault(ranks.services.get(text, ""), len(services))

    def key(number: int) -> tuple[int, int, int, float]:
        text = targets[number][0]
        looked = ranks.looked.get(text, 0)
        if text in ranks.failing:
            return 0, 0, looked, random.random()
        if not 0 <= now - looked < DAY_SECONDS:
            return 1, 0, looked, random.random()
        return 2, services[ranks.services.get(text, "")], looked, random.random()

    return sorted(range(len(targets)), key=key)


def _expected(item: TargetText, looks: RoundLooks, samples: Mapping[str, int]) -> Cost:
    text, target = item
    if isinstance(target, RangeTarget):
        return RANGE_ADDRESS_COST.times(COST_MARGIN * samples.get(text, 16))
    return (GLANCE_COST if text in looks.glance else COST_PER_LOOK)[kind_of(target)].times(COST_MARGIN)


def _fits(cost: Cost, allowance: Cost) -> bool:
    return all(one <= most for one, most in zip(cost, allowance, strict=True))


def affordable(allowance: Cost | None, anchors: Cost) -> bool:
    """Whether a round is worth its anchors: where the allowance has room for them, and for as much again or a look."""
    return allowance is None or _fits(anchors.plus(anchors).plus(GLANCE_COST["tcp"]), allowance)
