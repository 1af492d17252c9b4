"""HTTP: predicates of a leg. Whether the target's own word came, and whose word came in its place."""

from __future__ import annotations

from collections.abc import Sequence

from probe.judge import ranges
from probe.judge.acquittal import plain, verified
from probe.judge.dns import found, resolves
from probe.judge.evidence_view import Leg
from probe.judge.pages import Whose
from probe.model.failure import Failure
from probe.model.observation import Connection, Conversation, Exchange

REFUSALS = frozenset({401, 403, 429, 451, 503})
"""Statuses in which a server itself turns a visitor away (RFC 9110, RFC 6585, RFC 7725)."""


def works(leg: Leg) -> bool:
    """The target's own word came, by the way that programs on this host would take."""
    if leg.hop.subject.scheme == "dns":
        return resolves(leg)
    if ranges.is_range(leg):
        return ranges.works(leg)
    return found(leg) and bool(leg.served_by) and not leg.hop.astray and not only_small(leg)


def only_small(leg: Leg) -> bool:
    """It is served where the server was asked for small packets, and met with silence where it was not."""
    served = [group for site in leg.served_by for group in site.serving]
    silent = any(end.failure is Failure.TIMEOUT for site in leg.served_by for end in site.outcomes)
    return silent and bool(served) and all(_is_small(group) for group in served)


def _is_small(group: Sequence[Conversation]) -> bool:
    return any(isinstance(one, Connection) and one.segment for one in group)


def own_pages(leg: Leg) -> tuple[Exchange, ...]:
    """The answers that are the target's own word."""
    return tuple(page for site in leg.served_by for page in site.pages if leg.whose(page) is Whose.OWN)


def refusal(leg: Leg) -> int:
    """The status in which the server itself turned us away, over verified TLS; 0 where it did not."""
    statuses = [page.status for page in own_pages(leg) if page.secure]
    refused = [status for status in statuses if status in REFUSALS]
    return refused[0] if refused and len(refused) == len(statuses) else 0


def refused(leg: Leg) -> bool:
    """It works, and what the server itself says is no."""
    return works(leg) and bool(refusal(leg))


def acquitted(leg: Leg) -> bool:
    """It works at an address that nobody else gave and whose certificate verifies: a content network."""
    return works(leg) and odd_but_verified(leg)


def odd_but_verified(leg: Leg) -> bool:
    """An address that nobody else gave shows a certificate that verifies for the name."""
    names = leg.names
    return (
        names is not None
        and bool(names.reference)
        and any(
            plain(address) not in names.reference
            and address not in names.reference
            and verified(leg.evidence.observations, leg.hop.subject.host, address)
            for address in names.given
        )
    )


def _strangers(leg: Leg) -> set[Whose]:
    """Whose words came from the target's own addresses, where none of them was the target's."""
    if leg.served_by:
        return set()
    return {leg.whose(page) for site in leg.true_sites for page in site.pages}


def foreign_redirect(leg: Leg) -> bool:
    """The target's address answers with a redirect that is not the target's."""
    return Whose.REDIRECT in _strangers(leg)


def foreign_page(leg: Leg) -> bool:
    """The target's address answers with a page that is not the target's."""
    return Whose.NOTICE in _strangers(leg)


def doubtful_page(leg: Leg) -> bool:
    """A page came that may or may not be the target's."""
    return Whose.DOUBTFUL in _strangers(leg)


def astray(leg: Leg) -> bool:
    """The redirects lead back, nowhere, or on without end."""
    return leg.hop.astray
