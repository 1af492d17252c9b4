"""DNS: predicates of a leg. What is a lie, what a dead resolver, what a name that does not exist."""

from __future__ import annotations

from collections.abc import Callable

from probe.judge.control import Word
from probe.judge.evidence_view import Leg
from probe.judge.names import Answer, Names
from probe.judge.repetition import SILENCES, strays
from probe.model.address import is_bogon
from probe.model.failure import Failure
from probe.model.verdict import Cause, VantageNote

_SAID = frozenset({Cause.DNS_NXDOMAIN, Cause.DNS_NODATA})
"""What a resolver says of a name: a lie where the name exists."""
_MUTE = frozenset({Cause.DNS_SERVFAIL, Cause.DNS_REFUSED})
"""What it also does when it is broken: a lie only where it answers another name."""
_FALSE = frozenset({Cause.DNS_BOGON, Cause.DNS_SPOOFED})


def found(leg: Leg) -> bool:
    """The network's resolvers led to the target, or nobody needed to be asked."""
    names = leg.names
    return names is None or (bool(names.answers) and names.trouble is None and names.injected is None)


def resolves(leg: Leg) -> bool:
    """The name has addresses here that are not shown to be false, nor private ones that nobody else knows."""
    names = leg.names
    return (
        names is not None
        and found(leg)
        and any(not is_bogon(address) or address in names.reference for address in names.given)
    )


def injected(leg: Leg) -> bool:
    """Somebody on the path answered first."""
    names = leg.names
    if names is None or names.injected is None:
        return False
    return not names.absent or not names.rewrites(names.injected)


def lie(leg: Leg) -> Cause | None:
    """How the network's resolvers lie about the name; None where they do not, or where it is not shown."""
    names = leg.names
    if names is None or names.trouble is None:
        return None
    answer = names.trouble
    cause = names.complaint(answer)
    if names.absent:
        ghost = cause in _FALSE and names.ghost_denied(answer) and leg.word is not Word.DISAGREES
        return cause if ghost else None
    if leg.word not in {Word.SERVED, Word.NONE} or not names.hidden(answer):
        return None
    if cause in _SAID:
        shown = not names.fails_others(answer)
    elif cause is Cause.DNS_TIMEOUT:
        shown = _mute(leg, names, answer) and names.answers_others(answer)
    elif cause in _MUTE:
        asked_twice = cause is Cause.DNS_REFUSED or names.tried(answer) > 1
        shown = asked_twice and names.answers_others(answer)
    else:
        shown = cause is Cause.DNS_SPOOFED or not names.rewrites(answer)
    return cause if shown else None


def _mute(leg: Leg, names: Names, answer: Answer) -> bool:
    """Whether a resolver said nothing of the name often enough; words that are no DNS are nobody's loss."""
    if answer.failure is not Failure.TIMEOUT:
        return names.tried(answer) > 1
    return names.silences(answer) >= SILENCES + strays(leg.evidence.observations)


def lies_by(cause: Cause) -> Callable[[Leg], bool]:
    """The predicate that the network's resolvers lie in this way."""

    def predicate(leg: Leg) -> bool:
        return lie(leg) is cause

    return predicate


def rewritten(leg: Leg) -> bool:
    """The name exists nowhere, and the resolver gives an address to every such name."""
    names = leg.names
    return names is not None and names.absent and any(a.first and names.rewrites(a) for a in names.answers)


def absent(leg: Leg) -> bool:
    """The name has no address anywhere: whoever should know says so, and nobody here contradicts."""
    names = leg.names
    return names is not None and not names.given and names.empty


def fake_addresses(leg: Leg) -> bool:
    """The resolver gives every name an address that can be nobody's: a proxy on this host or a closed network."""
    names = leg.names
    if names is None or names.trouble is None:
        return False
    answer = names.trouble
    return names.complaint(answer) is Cause.DNS_BOGON and names.rewrites(answer)


def resolver_dead(leg: Leg) -> bool:
    """The network's resolver could not be heard about the name, as about those of all anchors."""
    names = leg.names
    if VantageNote.RESOLVER_DEAD not in leg.case.notes or names is None or names.trouble is None:
        return False
    return names.complaint(names.trouble) in _MUTE | {Cause.DNS_TIMEOUT}


def resolver_broken(leg: Leg) -> bool:
    """The resolver does not find another name that exists either."""
    names = leg.names
    return names is not None and names.trouble is not None and names.fails_others(names.trouble)


def unresolved(leg: Leg) -> bool:
    """The network's resolvers gave no address of the target's that could be tried."""
    names = leg.names
    return names is not None and (names.trouble is not None or all(map(is_bogon, names.given)))
