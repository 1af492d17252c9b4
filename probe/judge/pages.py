"""Who wrote a page: the target, or somebody on the path.

===========================================  ==================================================================
the page                                     its origin
===========================================  ==================================================================
over verified TLS, from a host of the site   the target, whatever the page says
or one that such a host redirected to
the same came over verified TLS              the target
a known block page                           a block page; a redirect to one, where it leads off the site
a content network's own page                 the target
a redirect within the site, or the           the target
control's
another redirect, which the control did not  a foreign redirect
get
unlike the control's page in everything      a block page where it came twice alike; doubtful where it did not, where
that identifies a page                       the same program answers another name at the address, where the same URL
                                             over TLS gives an error too, or where it is a server's ordinary page for
                                             visitors it turns away (403, 429, 451, 503) or a CAPTCHA
like the control's page in its title alone   doubtful; a block page where another program answers another name there
words that many block pages have, and no     doubtful
control to compare with
anything else                                the target
sooner than the server can send it           a block page, or a foreign redirect where it leads off the site; the target
                                             where the same page came from it; doubtful where it is long
===========================================  ==================================================================

A page is identified by the words of its title and text and by its uncommon header fields, never by its length alone:
pages are dynamic (`probe.model.page_likeness`). A page that comes twice with two titles is dynamic, and no block page
is. A title acquits nothing in clear text: anybody can copy it.

A site may have another page for this visitor (by country, language, experiment or device). The server that sends it is
still the same, and another host name at the same address shows which program that is: a device on the path that
answers in the server's place writes header fields in another order.
"""

from __future__ import annotations

import re
from enum import StrEnum

from probe.judge.blockpages import fingerprints_of, is_blockpage, is_doubtful, is_server_page
from probe.judge.control import page_of
from probe.judge.hops import ObservedHop
from probe.judge.sites import host_of, same_site
from probe.model.hop import Purpose
from probe.model.observation import Connection, Conversation, Exchange, Observation
from probe.model.page_likeness import Likeness, has_same_text, is_same_page, likeness, same_program
from probe.model.verdict import ControlFacts, ControlPage

_TEMPORARY_REDIRECTS = frozenset({302, 303, 307})
_CHALLENGE_TITLE = re.compile(
    r"captcha|just a moment|attention required|are you (a )?(human|robot)|not a robot|checking your browser|"
    r"verify you are|ddos|security check|проверка браузера|вы не робот",
    re.IGNORECASE,
)
"""Titles of challenges. In clear text they leave a doubt; they acquit nothing, since anybody can write them."""
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


class PageOrigin(StrEnum):
    """Who wrote a page."""

    OWN = "own"
    """The target, or its content network."""
    BLOCKPAGE = "blockpage"
    """Somebody else: a known block page, or a page unlike the target's."""
    FOREIGN_REDIRECT = "foreign_redirect"
    """Somebody else: a redirect that the target does not send elsewhere."""
    DOUBTFUL = "doubtful"
    """It may be the target's or another's."""


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
    known = page_of(control, page.url)
    if is_blockpage(fingerprints) and not (known is not None and has_same_text(page, known)):
        return PageOrigin.FOREIGN_REDIRECT if page.redirects and _leaves_site(page, hop) else PageOrigin.BLOCKPAGE
    if page.secure or is_server_page(fingerprints):
        return PageOrigin.OWN
    if known is None:
        return PageOrigin.DOUBTFUL if is_doubtful(fingerprints) else PageOrigin.OWN
    if page.redirects and host_of(page.location):
        foreign = _leaves_site(page, hop) and not _is_like_controls_redirect(page, known)
        return PageOrigin.FOREIGN_REDIRECT if foreign else PageOrigin.OWN
    assert control is not None  # noqa: S101 - it has a page
    return _origin_by_control(page, hop, known, control, observations)


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
    page: Exchange, hop: ObservedHop, known: ControlPage, control: ControlFacts, observations: tuple[Observation, ...]
) -> PageOrigin:
    """Decide who wrote a page without a fingerprint, by the control's page for the same URL."""
    alike = likeness(page, known)
    if alike is Likeness.ALIKE:
        return PageOrigin.OWN
    others = [
        one for one in hop.pages if one is not page and not one.redirects and likeness(one, known) is not Likeness.ALIKE
    ]
    if any(one.title != page.title and one.status == page.status for one in others):
        return PageOrigin.OWN  # dynamic
    well = server_answers_well(page, observations)
    excused = is_ordinary_refusal(page) or not well if page.status >= 400 else _CHALLENGE_TITLE.search(page.title)
    if excused or not others:
        return PageOrigin.DOUBTFUL
    forged = _is_forged(page, hop, known, control, well=well, same_title=alike is Likeness.SAME_TITLE)
    return PageOrigin.BLOCKPAGE if forged else PageOrigin.DOUBTFUL


def _is_forged(
    page: Exchange, hop: ObservedHop, known: ControlPage, control: ControlFacts, *, well: bool, same_title: bool
) -> bool:
    """Whether a page unlike the control's, seen twice, is another's than the server's.

    Args:
        page: the page.
        hop: where it came.
        known: the control's page.
        control: the control's facts, for the addresses of the host.
        well: the server gives no error for the same URL over verified TLS.
        same_title: the page has the control's title.
    """
    asked = _tries_under_neutral_name(page, hop)
    neutral = next((one for one in asked if isinstance(one, Exchange) and one.status > 0), None)
    by_control = same_program(page, known)
    if neutral is None:
        # Evidence of version 0.1.0 has no such question. A question without an answer may be a lost packet.
        proves = by_control is False if asked else by_control is not True
        return not same_title and (proves or (well and not asked))
    if is_same_page(page, neutral):
        # Whoever answers here does so under any name: the server, or a device in its place.
        at_control = page.address in control.addresses.get(hop.subject.host, ())
        return not same_title and (well or (at_control and by_control is False))
    by_server = same_program(page, neutral)
    if by_server is False:
        return by_control is False or (by_control is None and not same_title)
    return by_server is None and not same_title and (well or by_control is not True)


def _tries_under_neutral_name(page: Exchange, hop: ObservedHop) -> list[Conversation]:
    """What came of the requests in clear text under another host name at the address of a page."""
    return [
        one
        for endpoint in hop.endpoints
        if endpoint.address == page.address
        for one in endpoint.with_purpose(Purpose.NEUTRAL)
        if (isinstance(one, Connection) and one.port == hop.subject.port)
        or (isinstance(one, Exchange) and one.url.startswith("http:"))
    ]


def is_ordinary_refusal(page: Exchange) -> bool:
    """Whether a page is a server's usual error page for a visitor it turns away. In clear text it accuses nobody."""
    return page.status in _REFUSALS and _ORDINARY_TITLE.fullmatch(page.title.strip()) is not None


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
