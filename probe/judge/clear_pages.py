"""What pages in clear text show of an address that only the network's resolvers gave.

Anybody on the path can write such a page, so it is held against the target's own: the control's page for the same URL,
or what the known addresses of the target answer here.

An address is the target's where its page is the target's in title, body or uncommon header fields. It is another's
where it sends a known block page, or a page unlike the control's; or, without the control's, where its page comes
twice, is unlike that of every known address, and something else says so too: its certificate is another name's or it
has none while the target has one, or it gives a name that no server knows the same page.
"""

from __future__ import annotations

from collections.abc import Iterable

from probe.judge.blockpages import fingerprints_of, is_blockpage
from probe.judge.control import page_of
from probe.judge.evidence_view import HopFacts
from probe.judge.name_answers import NameAnswers
from probe.judge.observed_endpoint import ObservedEndpoint, is_verified
from probe.judge.pages import PageOrigin, is_ordinary_refusal
from probe.judge.sites import host_of, same_site
from probe.model.failure import Failure
from probe.model.hop import Purpose
from probe.model.observation import Exchange, Observation, TlsHandshake
from probe.model.page_likeness import is_unlike, same_program, title_words
from probe.model.verdict import ControlPage

_Page = Exchange | ControlPage
_MIN_COMMON_WORDS = 0.5
"""Share of the words of two titles that they have in common where both are one page's: its date or count may differ."""


def served(hop: HopFacts, address: str) -> bool:
    """Whether an address answered under the name with pages, and none is a known block page."""
    found = _pages_at(hop, address)
    return bool(found) and not any(is_blockpage(fingerprints_of(page)) for page in found)


def is_like_targets(hop: HopFacts, names: NameAnswers, address: str) -> bool:
    """Whether a page of the address is the target's own, by what identifies it.

    A redirect identifies nothing: every server may send visitors to https.
    """
    return any(
        not page.redirects
        and not is_blockpage(fingerprints_of(page))
        and any(_is_like(page, known) for known in _pages_of_target(hop, names.reference, page.url))
        for page in _pages_at(hop, address)
    )


def is_of_another(hop: HopFacts, names: NameAnswers, known: frozenset[str], address: str) -> bool:
    """Whether the pages of the address are not the target's."""
    found = _pages_at(hop, address)
    if hop.subject.url:
        found = tuple(page for page in found if page.url == hop.subject.url)
    if not found:
        return False
    if any(is_ordinary_refusal(page) for page in found):
        return False
    if hop.subject.url and all(_is_foreign(hop, page) for page in found):
        return True
    if all(is_blockpage(fingerprints_of(page)) for page in found):
        return True
    return _is_unlike_known(hop, known, found) and _is_elsewhere(hop, names, address, found)


def _is_foreign(hop: HopFacts, page: Exchange) -> bool:
    """Whether a page is another's, or in doubt and unlike the control's in all and perhaps from another program.

    A site may have another page at its address for this region; its server's program is the same.
    """
    origin, known = hop.page_origin(page), page_of(hop.control, page.url)
    if origin is not PageOrigin.DOUBTFUL:
        return origin is not PageOrigin.OWN
    return known is not None and is_unlike(page, known) and same_program(page, known) is not True


def shows_another(endpoint: ObservedEndpoint) -> bool:
    """Whether an address answers as another name's machine: by its certificate, or with a known block page."""
    if endpoint.verified:
        return False
    if endpoint.pages:
        return all(is_blockpage(fingerprints_of(page)) for page in endpoint.pages)
    return any(
        isinstance(one, TlsHandshake) and one.certificate is not None and "mismatch" in one.certificate.error.lower()
        for purpose in (Purpose.SUBJECT, Purpose.PEEK)
        for one in endpoint.with_purpose(purpose)
    )


def has_certificate(hop: HopFacts) -> bool:
    """Whether the target has a certificate that verifies: here at another address, or at the control."""
    host = hop.subject.host
    if hop.control is not None and hop.control.certificates.get(host):
        return True
    return any(isinstance(one, TlsHandshake) and one.verified and one.sni == host for one in hop.evidence.observations)


def _is_unlike_known(hop: HopFacts, known: frozenset[str], found: tuple[Exchange, ...]) -> bool:
    """Whether an address gave a page twice that is unlike those of the known addresses."""
    theirs = [page for page in _pages_of_target(hop, known, found[0].url) if isinstance(page, Exchange)]
    first, *others = found
    return (
        bool(theirs)
        and any(other.title == first.title and other.status == first.status for other in others)
        and all(_differs(page, other) for page in found for other in theirs)
    )


def _is_elsewhere(hop: HopFacts, names: NameAnswers, address: str, found: tuple[Exchange, ...]) -> bool:
    """Whether something besides its pages says that an address is not the target's."""
    observations = hop.evidence.observations
    hellos = [
        one for one in observations if isinstance(one, TlsHandshake) and (one.address, one.sni) == (address, names.host)
    ]
    if any(one.failure is Failure.CERTIFICATE for one in hellos) or has_certificate(hop):
        return not is_verified(observations, names.host, address)
    neutral = _neutral_pages(observations, address)
    return bool(neutral) and all(any(_is_like(page, other) for other in neutral) for page in found)


def _neutral_pages(observations: Iterable[Observation], address: str) -> list[Exchange]:
    return [
        one
        for one in observations
        if isinstance(one, Exchange) and one.purpose is Purpose.NEUTRAL and one.address == address and one.answered
    ]


def _pages_at(hop: HopFacts, address: str) -> tuple[Exchange, ...]:
    """The answers in clear text of an address under the name, of every chain."""
    return tuple(
        one
        for one in hop.evidence.observations
        if isinstance(one, Exchange)
        and one.purpose is Purpose.SUBJECT
        and one.answered
        and not one.secure
        and one.address == address
        and host_of(one.url) == hop.subject.host
    )


def _pages_of_target(hop: HopFacts, known: frozenset[str], url: str) -> list[_Page]:
    """The target's own answers for a URL: the control's, and those of known addresses here."""
    page = page_of(hop.control, url)
    here = (one for address in sorted(known) for one in _pages_at(hop, address) if one.url == url)
    return [*([page] if page is not None else []), *here]


def _is_like(page: Exchange, known: _Page) -> bool:
    """Whether two pages have a title, a body or, without titles, uncommon header fields in common."""
    if not page.length or page.status != known.status:
        return False
    if page.sha256 and page.sha256 == known.sha256:
        return True
    here, there = title_words(page.title), title_words(known.title)
    if not here and not there:
        return bool(set(page.headers) & set(known.headers))
    return len(here & there) >= _MIN_COMMON_WORDS * len(here | there)


def _differs(page: Exchange, known: Exchange) -> bool:
    """Whether two answers have nothing in common: pages unlike each other, or a redirect off the site by one alone."""
    if page.redirects:
        there = host_of(known.location) or host_of(known.url)
        return not same_site(host_of(page.location), there) and not same_site(host_of(page.location), host_of(page.url))
    if known.redirects or (page.sha256 and page.sha256 == known.sha256) or set(page.headers) & set(known.headers):
        return False
    words, others = title_words(page.title), title_words(known.title)
    if not words or not others:
        return is_unlike(page, known)
    return len(words & others) < _MIN_COMMON_WORDS * len(words | others)
