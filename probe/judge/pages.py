"""Who wrote a page: the target, or somebody on the path.

===========================================  ==================================================================
the page                                     its origin
===========================================  ==================================================================
over verified TLS, from a host of the site   the target, whatever the page says
or one that such a host redirected to
the same came over verified TLS              the target
a known block page                           a block page; a redirect to one, where it leads off the site
a CAPTCHA or a content network's own page    the target
a redirect within the site, or the           the target
control's
another redirect, which the control did not  a foreign redirect
get
unlike the control's page in everything      a block page where it came twice alike; doubtful where it did not,
that identifies a page                       where the same URL over TLS gives an error too, or where it is a server's
                                             ordinary page for visitors it turns away (403, 429, 451, 503)
anything else                                the target
sooner than the server can send it           a block page, or a foreign redirect where it leads off the site; the target
                                             where the same page came from it; doubtful where it is long
===========================================  ==================================================================

A page is identified by the words of its title and by its uncommon header fields, never by its length alone: pages are
dynamic. A page that comes twice with two titles is dynamic, and no block page is.
"""

from __future__ import annotations

import re
from enum import StrEnum

from probe.judge.blockpages import fingerprints_of, is_blockpage, is_server_page
from probe.judge.control import page_of
from probe.judge.hops import ObservedHop
from probe.judge.sites import host_of, same_site
from probe.model.observation import Exchange, Observation
from probe.model.verdict import ControlFacts, ControlPage

_WORD = re.compile(r"\w{4,}")
_TEMPORARY_REDIRECTS = frozenset({302, 303, 307})
_CHALLENGE_TITLE = re.compile(
    r"captcha|just a moment|attention required|are you (a )?(human|robot)|not a robot|checking your browser|"
    r"verify you are|access denied|ddos|security check|проверка браузера|вы не робот",
    re.IGNORECASE,
)
"""Titles of challenges. Block pages use `Access denied` too, so that title alone convicts no page."""
_REFUSALS = frozenset({403, 429, 451, 503})
"""Statuses with which servers turn some visitors away."""
_ORDINARY_TITLE = re.compile(
    r"(error )?(403|429|451|503)?[\s:-]*"
    r"(forbidden|too many requests|unavailable for legal reasons|service (temporarily )?unavailable|access denied)?",
    re.IGNORECASE,
)
"""Titles of the error pages that nginx, Apache, IIS, HAProxy, Varnish and content networks come with; or none."""
_MAX_FORGED_BYTES = 4_096
"""Length up to which a page alone, in place of the server's, is a notice; caches keep longer ones."""
_MIN_LENGTH_RATIO = 0.7
"""Ratio of lengths from which two pages without a title may be one (as OONI's Web Connectivity)."""


class PageOrigin(StrEnum):
    """Who wrote a page."""

    OWN = "own"
    """The target, or its content network."""
    BLOCKPAGE = "blockpage"
    """Somebody else: a known block page, or a page unlike the target's."""
    FOREIGN_REDIRECT = "foreign_redirect"
    """Somebody else: a redirect that the target does not send elsewhere."""
    DOUBTFUL = "doubtful"


def origin(
    page: Exchange,
    hop: ObservedHop,
    earlier: tuple[ObservedHop, ...],
    control: ControlFacts | None,
    observations: tuple[Observation, ...],
) -> PageOrigin:
    """Decide who wrote a page.

    Args:
        page: an answer to the hop's request.
        hop: where it came.
        earlier: the hops that led there.
        control: None where it does not count.
        observations: all, for what the server said of the same URL over TLS.
    """
    # A host that somebody on the path redirected to confirms nothing, even if its own certificate verifies.
    trusted_path = all(redirect.secure for past in earlier for redirect in past.redirects)
    of_target = trusted_path or same_site(hop.subject.host, earlier[0].subject.host)
    if of_target and (page.secure or came_over_tls(page, observations)):
        return PageOrigin.OWN
    fingerprints = fingerprints_of(page)
    if is_blockpage(fingerprints):
        return PageOrigin.FOREIGN_REDIRECT if page.redirects and _leaves_site(page, hop) else PageOrigin.BLOCKPAGE
    known = page_of(control, page.url)
    if page.secure or known is None or is_server_page(fingerprints) or _CHALLENGE_TITLE.search(page.title):
        return PageOrigin.OWN
    if page.redirects and host_of(page.location):
        foreign = _leaves_site(page, hop) and not _is_like_controls_redirect(page, known)
        return PageOrigin.FOREIGN_REDIRECT if foreign else PageOrigin.OWN
    return _origin_by_control(page, hop, known, observations)


def origin_of_nearer(
    page: Exchange,
    found: PageOrigin,
    hop: ObservedHop,
    control: ControlFacts | None,
    observations: tuple[Observation, ...],
) -> PageOrigin:
    """Decide who wrote a page in clear that came sooner than the server can send it.

    A cache on the path gives the server's page, or one that cannot be told from it: a long page, without anything to
    compare it with, is in doubt.

    Args:
        page: the page.
        found: its origin, going by its contents.
        hop: where it came.
        control: None where it does not count.
        observations: all, for what the server said of the same URL over TLS.
    """
    if page.redirects:
        return PageOrigin.FOREIGN_REDIRECT if _leaves_site(page, hop) else found
    known = page_of(control, page.url)
    originals = (*_secure_answers(page, observations), *((known,) if known is not None else ()))
    if is_server_page(fingerprints_of(page)) or any(_is_copy(page, one) for one in originals):
        return found
    return PageOrigin.BLOCKPAGE if originals or page.length <= _MAX_FORGED_BYTES else PageOrigin.DOUBTFUL


def _is_copy(page: Exchange, original: Exchange | ControlPage) -> bool:
    """Whether a page is one of the server's, perhaps of another moment."""
    if page.sha256 == original.sha256 != "":
        return True
    return page.title == original.title and page.headers == original.headers and bool(page.title and page.headers)


def _origin_by_control(
    page: Exchange, hop: ObservedHop, known: ControlPage, observations: tuple[Observation, ...]
) -> PageOrigin:
    """Decide who wrote a page without a fingerprint, by the control's page for the same URL."""
    if not differs(page, known):
        return PageOrigin.OWN
    others = [one for one in hop.pages if one is not page and not one.redirects and differs(one, known)]
    if any(one.title != page.title and one.status == page.status for one in others):
        return PageOrigin.OWN  # dynamic
    if page.status >= 400 and (is_ordinary_refusal(page) or not server_answers_well(page, observations)):
        return PageOrigin.DOUBTFUL
    return PageOrigin.BLOCKPAGE if others else PageOrigin.DOUBTFUL


def is_ordinary_refusal(page: Exchange) -> bool:
    """Whether a page is a server's usual error page for a visitor it turns away. In clear text it accuses nobody."""
    return page.status in _REFUSALS and _ORDINARY_TITLE.fullmatch(page.title.strip()) is not None


def differs(page: Exchange, known: ControlPage | Exchange) -> bool:
    """Whether a page is unlike the known one in everything that identifies a page."""
    if (page.sha256 and page.sha256 == known.sha256) or set(page.headers) & set(known.headers):
        return False
    here, there = title_words(page.title), title_words(known.title)
    if not here and not there:
        return False
    if here and there:
        return not here & there
    # One has no title: status or length must differ too.
    longer = max(page.length, known.length, 1)
    return page.status != known.status or min(page.length, known.length) / longer < _MIN_LENGTH_RATIO


def came_over_tls(page: Exchange, observations: tuple[Observation, ...]) -> bool:
    """Whether the server gave the same answer for the same URL over verified TLS."""
    return any(
        secure.status == page.status
        and (
            same_site(host_of(secure.location), host_of(page.location))
            if page.redirects
            else "" != page.title == secure.title or "" != page.sha256 == secure.sha256
        )
        for secure in _secure_answers(page, observations)
    )


def server_answers_well(page: Exchange, observations: tuple[Observation, ...]) -> bool:
    """Whether the server gave no error for the same URL over verified TLS."""
    return any(secure.status < 400 for secure in _secure_answers(page, observations))


def _secure_answers(page: Exchange, observations: tuple[Observation, ...]) -> tuple[Exchange, ...]:
    """The answers over verified TLS for the same host and path."""
    url = page.url.replace("http://", "https://", 1)
    return tuple(
        one for one in observations if isinstance(one, Exchange) and one.secure and one.answered and one.url == url
    )


def _leaves_site(page: Exchange, hop: ObservedHop) -> bool:
    return not same_site(host_of(page.location), hop.subject.host)


def _is_like_controls_redirect(page: Exchange, known: ControlPage) -> bool:
    """Whether the control's redirect explains ours: it led to the same site, or it changes with every visitor."""
    there = host_of(known.location)
    if not there:
        return False
    if same_site(there, host_of(page.location)):
        return True
    # Parked names redirect every visitor elsewhere, with a temporary status.
    return known.status in _TEMPORARY_REDIRECTS and not same_site(there, host_of(known.url))


def title_words(title: str) -> frozenset[str]:
    """The words of a title that identify a page, in lower case."""
    return frozenset(word.lower() for word in _WORD.findall(title))
