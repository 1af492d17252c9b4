"""HTTP predicates of a hop: whether the target's own answer came, and what came in its place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from probe.judge.evidence_hop import EvidenceHop
from probe.judge.nearer import PAGE
from probe.judge.observed_endpoint import is_verified
from probe.lazy import lazy
from probe.model.failure import Failure
from probe.model.observation import Connection, Conversation, Exchange
from probe.model.verdict import AnchorAnswer

if TYPE_CHECKING:
    from probe.judge import anchor_content, dns, name_answers, pages, ranges, sites
    from probe.judge.pages import PageOrigin
else:
    pages = lazy("probe.judge.pages")
    anchor_content = lazy("probe.judge.anchor_content")
    dns = lazy("probe.judge.dns")
    ranges = lazy("probe.judge.ranges")
    sites = lazy("probe.judge.sites")
    name_answers = lazy("probe.judge.name_answers")

REFUSAL_STATUSES = frozenset({401, 403, 429, 451, 503})
"""Statuses by which a server itself turns a visitor away (RFC 9110, RFC 6585, RFC 7725)."""


def works(hop: EvidenceHop) -> bool:
    """The target's own answer came, by the addresses that programs on this host would use."""
    if hop.subject.scheme == "dns":
        return dns.resolves(hop)
    if hop.is_range:
        return ranges.works(hop)
    return (
        (hop.names is None or dns.leads_to_target(hop))
        and bool(hop.serving_endpoints)
        and not hop.observed.redirect_broken
        and not only_small_packets(hop)
    )


def only_small_packets(hop: EvidenceHop) -> bool:
    """It is served only where the server was asked for small segments; other attempts time out."""
    served = [attempt for endpoint in hop.serving_endpoints for attempt in endpoint.serving_attempts]
    silent = any(end.failure is Failure.TIMEOUT for endpoint in hop.serving_endpoints for end in endpoint.failures)
    return silent and bool(served) and all(_asks_for_small_segments(attempt) for attempt in served)


def own_pages(hop: EvidenceHop) -> tuple[Exchange, ...]:
    """The answers that the target itself wrote."""
    return tuple(
        page
        for endpoint in hop.serving_endpoints
        for page in endpoint.pages
        if hop.page_origin(page) is pages.PageOrigin.OWN
    )


def refusal(hop: EvidenceHop) -> int:
    """The status by which the server itself turned us away over verified TLS; 0 where it did not."""
    statuses = [page.status for page in own_pages(hop) if page.secure]
    refused = [status for status in statuses if status in REFUSAL_STATUSES]
    return refused[0] if refused and len(refused) == len(statuses) else 0


def server_refuses(hop: EvidenceHop) -> bool:
    """It works, and the server itself turns us away."""
    return works(hop) and bool(refusal(hop))


def served_by_unknown_address(hop: EvidenceHop) -> bool:
    """It works at an address that nobody else gave and whose certificate verifies: a content network."""
    return works(hop) and has_verified_unknown_address(hop)


def has_verified_unknown_address(hop: EvidenceHop) -> bool:
    """An address that nobody else gave shows a certificate that verifies for the name."""
    answers = hop.name_answers
    return (
        answers is not None
        and bool(answers.reference)
        and any(
            name_answers.plain(address) not in answers.reference
            and address not in answers.reference
            and is_verified(hop.evidence.observations, hop.subject.host, address)
            for address in answers.given
        )
    )


def answered_like_anchor(hop: EvidenceHop) -> bool:
    """All answers are in clear text and are those that somebody gives in an anchor's place."""
    pages = [page for endpoint in hop.endpoints for page in endpoint.pages]
    strangers = [look.answer for look in hop.view.anchors if look.foreign_content and look.answer is not None]
    strangers = [answer for answer in strangers if not anchor_content.is_notice(answer)]
    return bool(pages) and all(any(_is_alike(page, one) for one in strangers) for page in pages)


def _is_alike(page: Exchange, answer: AnchorAnswer) -> bool:
    """Whether a page in clear text is the answer that somebody gave in an anchor's place."""
    if page.secure:
        return False
    if page.redirects and page.location:
        where = sites.host_of(page.location)
        return where == sites.host_of(answer.location) != "" and not sites.same_site(where, sites.host_of(page.url))
    return bool(answer.sha256) and page.sha256 == answer.sha256


def foreign_redirect(hop: EvidenceHop) -> bool:
    """The target's address answers with a redirect that the target does not send."""
    return pages.PageOrigin.FOREIGN_REDIRECT in _foreign_origins(hop)


def foreign_page(hop: EvidenceHop) -> bool:
    """The target's address answers with a page that the target did not write."""
    return pages.PageOrigin.BLOCKPAGE in _foreign_origins(hop)


def nearer_page(hop: EvidenceHop) -> bool:
    """The target's address answers with another's page, sooner than the server can."""
    return _comes_nearer(hop, pages.PageOrigin.BLOCKPAGE)


def nearer_redirect(hop: EvidenceHop) -> bool:
    """The target's address answers with a redirect off the site, sooner than the server can."""
    return _comes_nearer(hop, pages.PageOrigin.FOREIGN_REDIRECT)


def _comes_nearer(hop: EvidenceHop, origin: PageOrigin) -> bool:
    near = {one.address for one in hop.proven_nearer if one.what == PAGE}
    return not hop.serving_endpoints and any(
        endpoint.address in near and any(hop.page_origin(page) is origin for page in endpoint.pages)
        for endpoint in hop.own_endpoints
    )


def doubtful_page(hop: EvidenceHop) -> bool:
    """The target's address answers with a page that may or may not be the target's."""
    return pages.PageOrigin.DOUBTFUL in _foreign_origins(hop)


def redirect_broken(hop: EvidenceHop) -> bool:
    """The redirects lead back, to no URL, or on without end."""
    return hop.observed.redirect_broken


def _foreign_origins(hop: EvidenceHop) -> set[PageOrigin]:
    """The origins of the pages from the target's addresses; empty where any address served the target's own."""
    if hop.serving_endpoints:
        return set()
    return {hop.page_origin(page) for endpoint in hop.own_endpoints for page in endpoint.pages}


def _asks_for_small_segments(attempt: Sequence[Conversation]) -> bool:
    return any(isinstance(one, Connection) and one.segment for one in attempt)
