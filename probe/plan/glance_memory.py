"""What is known of a target's answers, and how a glance compares with it. Pure.

The known answers of a target are those of its latest reference glances, and the addresses that full looks confirmed.
All of it is bounded: a server that answers otherwise each time is looked at in full each time.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import msgspec

from probe.model.address import Family, family
from probe.model.glance import GlanceKind, GlanceRequest, GlanceResult, glance_requests
from probe.model.glance_evidence import GlanceEvidence, glance_kinds, nearest_known, unknown_addresses
from probe.model.hop import Purpose
from probe.model.observation import Connection, Conversation, Resolution
from probe.model.resolver import Trust
from probe.model.target import Target
from probe.model.verdict import Status, Verdict

MAX_KNOWN_ADDRESSES = 24
"""Addresses that are known of a target in one family; the latest are kept."""
MAX_KNOWN_ANSWERS = 4
"""Answers (`GlanceResult.seen`) that are known: a name may be served by machines of a few kinds."""
FAMILY_TURNS = (Family.IPV4, Family.IPV4, Family.IPV4, Family.IPV6)
"""The family of a glance, round after round, at a target that is served over both. Its name is asked for both."""


class SeenAnswer(msgspec.Struct, frozen=True, array_like=True):
    """An answer that a reference glance saw, and when the full look began that it followed (Unix seconds)."""

    seen: str
    full_look: int


class KnownAnswers(msgspec.Struct, frozen=True, array_like=True):
    """What is known of a target for one kind of glance and one family.

    Attributes:
        kind, family: of the glance.
        answers: the latest first.
        addresses: that are the target's, the latest first; empty where the target is an address.
    """

    kind: GlanceKind
    family: Family
    answers: tuple[SeenAnswer, ...] = ()
    addresses: tuple[str, ...] = ()


def requests_for(target: Target, known: Sequence[KnownAnswers], turn: int) -> tuple[GlanceRequest, ...]:
    """The glances at a target in one round; empty where one of its chains has no known answer.

    Args:
        target: to glance at.
        known: its known answers.
        turn: number of the round.
    """
    chosen: list[GlanceRequest] = []
    for kind in glance_kinds(target):
        of_kind = {one.family for one in known if one.kind is kind}
        families = [each for each in Family if each in of_kind]
        if not families:
            return ()
        if kind is not GlanceKind.NAME:
            turned = FAMILY_TURNS[turn % len(FAMILY_TURNS)]
            families = [turned] if turned in families else families[:1]
        chosen += (one for each in families for one in glance_requests(target, each) if one.kind is kind)
    return tuple(chosen)


def compared(result: GlanceResult, known: Sequence[KnownAnswers]) -> GlanceEvidence:
    """The evidence of a glance: what it saw, beside the known answer that is the same, or else the newest."""
    found = _of(known, result.request)
    answers = () if found is None else found.answers
    beside = next((one for one in answers if one.seen == result.seen), answers[0] if answers else None)
    return GlanceEvidence(
        kind=result.request.kind,
        answered=result.addresses,
        address=result.address,
        seen=result.seen,
        failure="" if result.failure is None else str(result.failure),
        took=result.took,
        known="" if beside is None else beside.seen,
        known_addresses=() if found is None else nearest_known(result.addresses, found.addresses),
        full_look=None if beside is None else datetime.fromtimestamp(beside.full_look, UTC),
    ).shortened()


def reference_requests(target: Target, verdict: Verdict) -> tuple[GlanceRequest, ...]:
    """The reference glances after a full look: one for each kind and each family in which the target has an address."""
    if verdict.status is not Status.REACHABLE:
        return ()
    families = {family(address) for address in confirmed_addresses(verdict)}
    found = (one for each in Family for one in glance_requests(target, each) if one.address or each in families)
    return tuple(dict.fromkeys(found))


def known_after(
    results: Iterable[GlanceResult], verdict: Verdict, before: Sequence[KnownAnswers]
) -> tuple[KnownAnswers, ...]:
    """The known answers after a full look that found a target reachable and the reference glances that followed it.

    A reference glance that failed, or that was given addresses which the full look does not confirm, makes none: where
    a chain has none, the target is looked at in full until it does.

    Args:
        results: of the reference glances.
        verdict: of the full look.
        before: the known answers until now.
    """
    confirmed = confirmed_addresses(verdict)
    moment = int(verdict.time.timestamp())
    return tuple(
        _known(result, confirmed, moment, _of(before, result.request))
        for result in results
        if result.failure is None and not unknown_addresses(result.addresses, confirmed)
    )


def confirmed_addresses(verdict: Verdict) -> tuple[str, ...]:
    """The addresses that a full look which found its target reachable shows to be the target's.

    Those that served it, those that a trusted resolver or the control gave, and those that the network's resolvers gave
    first and that did not fail.
    """
    served: list[str] = []
    failed: set[str] = set()
    trusted: list[str] = []
    given: list[str] = []
    control = verdict.evidence.control
    for one in verdict.evidence.observations:
        if (one.purpose, one.hop) != (Purpose.SUBJECT, 0):
            continue
        if isinstance(one, Resolution):
            (trusted if one.trust is Trust.TRUSTED else given).extend(one.addresses)
            trusted += () if control is None else control.addresses.get(one.name, ())
        elif isinstance(one, Conversation):
            failed |= set() if one.failure is None else {one.address}
            served += [one.address] if one.failure is None and not isinstance(one, Connection) else []
    return tuple(dict.fromkeys((*served, *trusted, *(address for address in given if address not in failed))))


def _known(result: GlanceResult, confirmed: Sequence[str], moment: int, earlier: KnownAnswers | None) -> KnownAnswers:
    request = result.request
    before = earlier or KnownAnswers(request.kind, request.family)
    others = tuple(one for one in before.answers if one.seen != result.seen)
    addresses = dict.fromkeys((*result.addresses, *confirmed, *before.addresses) if request.name else ())
    return KnownAnswers(
        request.kind,
        request.family,
        (SeenAnswer(result.seen, moment), *others)[:MAX_KNOWN_ANSWERS],
        tuple(address for address in addresses if family(address) is request.family)[:MAX_KNOWN_ADDRESSES],
    )


def _of(known: Sequence[KnownAnswers], request: GlanceRequest) -> KnownAnswers | None:
    """What is known for a request's kind and family."""
    return next((one for one in known if (one.kind, one.family) == (request.kind, request.family)), None)
