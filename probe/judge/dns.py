"""DNS predicates of a hop: a false answer, a dead resolver, a name that does not exist."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from probe.judge.address_ownership import AddressOwnership
from probe.judge.control import ControlOutcome
from probe.judge.evidence_hop import EvidenceHop
from probe.judge.name_answers import NameAnswers, ResolverAnswer
from probe.judge.repetition import MIN_TIMEOUTS, recovered_timeouts
from probe.lazy import lazy
from probe.model.address import is_bogon
from probe.model.failure import DNS_ANSWERS, Failure
from probe.model.hop import SILENT_FAILURES, Purpose
from probe.model.observation import Resolution
from probe.model.verdict import Cause, VantageNote

if TYPE_CHECKING:
    from probe.judge import clear_pages
else:
    clear_pages = lazy("probe.judge.clear_pages")

MIN_INJECTED = 2
"""Answers from an address that runs no resolver."""
MIN_UNANSWERED = 3
"""Queries for other names there, each sent three times, that met nothing."""
_DENIALS = frozenset({Cause.DNS_NXDOMAIN, Cause.DNS_NODATA})
"""Answers that are false wherever the name exists."""
_RESOLVER_FAILURES = frozenset({Cause.DNS_SERVFAIL, Cause.DNS_REFUSED})
"""Answers that a broken resolver gives too; they are about the name only where the resolver answers another name."""
_FALSE_ADDRESSES = frozenset({Cause.DNS_BOGON, Cause.DNS_SPOOFED})


def leads_to_target(hop: EvidenceHop) -> bool:
    """The network's resolvers gave an address of the target, or the host needed no look-up."""
    names = hop.names
    return names is None or (bool(names.answers.by_resolver) and names.bad_answer is None and names.injected is None)


def resolves(hop: EvidenceHop) -> bool:
    """The name has public addresses here that are not shown to be false, or private ones that are the target's."""
    names = hop.names
    return (
        names is not None
        and leads_to_target(hop)
        and any(
            not is_bogon(address) or hop.ownership(address) is AddressOwnership.CONFIRMED
            for address in names.answers.given
        )
    )


def injected(hop: EvidenceHop) -> bool:
    """A forged answer arrived before the resolver's own."""
    names = hop.names
    if names is None or names.injected is None:
        return False
    return not names.answers.absent or not names.answers.rewrites_nxdomain(names.injected)


def answered_nowhere(hop: EvidenceHop) -> bool:
    """Queries for this name alone are answered from an address that runs no resolver.

    Each query for another name met silence there, or the host's word that nobody listens.
    """
    asked = [one for one in hop.evidence.observations if isinstance(one, Resolution) and one.purpose is Purpose.NOWHERE]
    about = [one for one in asked if one.name == hop.subject.host]
    others = [one for one in asked if one.name != hop.subject.host]
    answered = [one for one in about if one.addresses or one.failure in DNS_ANSWERS]
    silent = [one for one in others if one.failure in SILENT_FAILURES]
    return len(answered) >= MIN_INJECTED and len(silent) >= MIN_UNANSWERED and len(silent) == len(others)


def interference(hop: EvidenceHop) -> Cause | None:
    """The cause by which the network's resolvers answer falsely about the name; None where that is not shown."""
    names = hop.names
    if names is None or names.bad_answer is None:
        return None
    bad, answers = names.bad_answer, names.answers
    cause = names.cause_of(bad)
    if answers.absent:
        agreed = hop.control_outcome is not ControlOutcome.DISAGREES
        return cause if cause in _FALSE_ADDRESSES and answers.denies_random_name(bad) and agreed else None
    if hop.control_outcome not in {ControlOutcome.SERVED, ControlOutcome.NONE} or not answers.withheld(bad):
        return None
    if answers.trusted_agree(bad):
        return None
    if cause in _DENIALS:
        alone = hop.control_outcome is ControlOutcome.NONE and _reference_is_anothers(hop)
        shown = not answers.fails_other_names(bad) and not alone
    elif cause is Cause.DNS_TIMEOUT:
        shown = _unanswered_often(hop, answers, bad) and _resolver_works(answers, bad)
    elif cause in _RESOLVER_FAILURES:
        asked_enough = cause is Cause.DNS_REFUSED or answers.attempts(bad) > 1
        shown = asked_enough and _resolver_works(answers, bad)
    else:
        shown = cause is Cause.DNS_SPOOFED or not answers.rewrites_nxdomain(bad)
    return cause if shown else None


def interferes_by(cause: Cause) -> Callable[[EvidenceHop], bool]:
    """The predicate that the network's resolvers answer falsely by this cause."""

    def predicate(hop: EvidenceHop) -> bool:
        return interference(hop) is cause

    return predicate


def rewritten(hop: EvidenceHop) -> bool:
    """The name does not exist, and the resolver gives an address for every such name.

    Nor does it exist any more where trusted resolvers deny it now and no address that the control remembers serves.
    """
    answers = hop.name_answers
    if answers is None or not (answers.absent or (answers.denied_now and not _reference_serves(hop))):
        return False
    return any(answer.first and answers.rewrites_nxdomain(answer) for answer in answers.by_resolver)


def _reference_serves(hop: EvidenceHop) -> bool:
    """Whether an address that trusted resolvers or the control gave serves the target here."""
    answers = hop.name_answers
    return answers is not None and any(
        endpoint.serves or endpoint.verified for endpoint in hop.endpoints if endpoint.address in answers.reference
    )


def _reference_is_anothers(hop: EvidenceHop) -> bool:
    """Whether all addresses that trusted resolvers gave show the certificate of another name or a known block page.

    Then they may be those of a filter that says nothing of itself, and the network's denial may be true.
    """
    answers = hop.name_answers
    tried = [] if answers is None else [one for one in hop.endpoints if one.address in answers.trusted and one.attempts]
    return bool(tried) and all(clear_pages.shows_another(endpoint) for endpoint in tried)


def absent(hop: EvidenceHop) -> bool:
    """Nobody here or elsewhere gave an address, and a trusted resolver said that there is none."""
    answers = hop.name_answers
    return answers is not None and not answers.given and answers.empty


def fake_addresses(hop: EvidenceHop) -> bool:
    """The resolver gives every name an impossible address, as a proxy on this host or a closed network does."""
    names = hop.names
    if names is None or names.bad_answer is None:
        return False
    return names.cause_of(names.bad_answer) is Cause.DNS_BOGON and names.answers.rewrites_nxdomain(names.bad_answer)


def resolver_dead(hop: EvidenceHop) -> bool:
    """The network's resolver fails at the name, as at the names of all anchors."""
    names = hop.names
    if VantageNote.RESOLVER_DEAD not in hop.view.notes or names is None or names.bad_answer is None:
        return False
    return names.cause_of(names.bad_answer) in _RESOLVER_FAILURES | {Cause.DNS_TIMEOUT}


def resolver_broken(hop: EvidenceHop) -> bool:
    """The resolver does not find another name that exists either, or only those that it has in its cache."""
    names = hop.names
    if names is None or names.bad_answer is None:
        return False
    return names.answers.fails_other_names(names.bad_answer) or names.answers.fails_random_name(names.bad_answer)


def _resolver_works(answers: NameAnswers, bad: ResolverAnswer) -> bool:
    """Whether a resolver finds other names, and finds out about a name that is in no cache."""
    return answers.resolves_other_names(bad) and not answers.fails_random_name(bad)


def unresolved(hop: EvidenceHop) -> bool:
    """The network's resolvers gave no address of the target that could be tried."""
    names = hop.names
    return names is not None and (names.bad_answer is not None or all(map(is_bogon, names.answers.given)))


def _unanswered_often(hop: EvidenceHop, answers: NameAnswers, bad: ResolverAnswer) -> bool:
    """Whether a resolver left the name unanswered often enough; bytes that are not DNS are not made by packet loss."""
    if bad.failure is not Failure.TIMEOUT:
        return answers.attempts(bad) > 1
    return answers.timeouts(bad) >= MIN_TIMEOUTS + recovered_timeouts(hop.evidence.observations)
