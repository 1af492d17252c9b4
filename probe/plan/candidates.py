"""Which of a name's addresses are tried: fairly, so that both the suspect and the trusted ones are among them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain, zip_longest

from probe.model.address import family, is_bogon
from probe.plan.context import PlanContext


def choose(sources: Sequence[Iterable[str]], context: PlanContext) -> tuple[str, ...]:
    """Addresses to try, drawn from the sources in turn until the caps are full.

    A source is one origin of addresses (the network's answers, the trusted ones, control's): each gives its first
    before any gives its second, so a resolver that lies with twenty addresses cannot crowd out the true one.
    Bogons are never among them: a lie must not make us knock at the volunteer's own machines.
    """
    turns = zip_longest(*(dict.fromkeys(source) for source in sources))
    return fit((), (address for address in chain.from_iterable(turns) if address is not None), context)


def fit(chosen: Iterable[str], more: Iterable[str], context: PlanContext, beyond: int = 0) -> tuple[str, ...]:
    """Those of `more` that are new, connectable and within the caps, given what is chosen already.

    Args:
        chosen: addresses that are being tried.
        more: addresses on offer, best first.
        context: families and caps.
        beyond: how many more than the cap of each family.
    """
    taken = set(chosen)
    counts = Counter(family(address) for address in taken)
    added = []
    for address in more:
        kind = family(address)
        if address in taken or kind not in context.families or is_bogon(address):
            continue
        if counts[kind] < context.limits.of(kind) + beyond:
            taken.add(address)
            counts[kind] += 1
            added.append(address)
    return tuple(added)
