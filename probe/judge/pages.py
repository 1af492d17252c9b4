"""HTTP: whose word a page is.

===========================================  ==================================================================
the page                                     is
===========================================  ==================================================================
over verified TLS, by a host of the site     the server's own word, whatever it says
or one that such a host led to
repeated so over verified TLS                its own
with a known notice's mark                   not the target's
of a CAPTCHA or content network              its own
a redirect within the site, or control's     its own
another redirect, control has no such        not the target's
unlike control's in what identifies it       not the target's, if it came twice alike; doubtful if it did not, or where
                                             the status is an error that servers give to some visitors
anything else                                its own
===========================================  ==================================================================

What identifies a page: its title's words and its uncommon headers; length alone never (pages are dynamic). A page that
comes twice with two titles is dynamic, and no notice is.
"""

from __future__ import annotations

import re
from enum import StrEnum

from probe.judge.blockpages import acquitting, convicting
from probe.judge.control import page_of
from probe.judge.hops import Hop
from probe.judge.sites import host_of, same_site
from probe.model.observation import Exchange, Observation
from probe.model.verdict import ControlFacts, ControlPage

_WORD = re.compile(r"\w{4,}")
_TEMPORARY = frozenset({302, 303, 307})
_CAPTCHA = re.compile(
    r"captcha|just a moment|attention required|are you (a )?(human|robot)|not a robot|checking your browser|"
    r"verify you are|access denied|ddos|security check|проверка браузера|вы не робот",
    re.IGNORECASE,
)
"""Titles of challenges. `Access denied` is both: a doubtful page, never a convicted one."""


class Whose(StrEnum):
    """Whose word a page is."""

    OWN = "own"
    NOTICE = "notice"
    """A known notice, or a page unlike the target's."""
    REDIRECT = "redirect"
    """A redirect that nobody elsewhere sees."""
    DOUBTFUL = "doubtful"


def whose(
    page: Exchange,
    hop: Hop,
    before: tuple[Hop, ...],
    control: ControlFacts | None,
    observations: tuple[Observation, ...],
) -> Whose:
    """Whose word a page is.

    Args:
        page: an answer to the hop's request.
        hop: where it came.
        before: the hops that led there.
        control: None where it says nothing that may be believed.
        observations: all, for what the server said of the same URL over TLS.
    """
    # A host that somebody on the path sent us to vouches for nothing, however well its own certificate verifies.
    led = all(past.secure for earlier in before for past in earlier.redirects)
    home = led or same_site(hop.subject.host, before[0].subject.host)
    if home and (page.secure or vouched(page, observations)):
        return Whose.OWN
    if convicting(page.marks):
        return Whose.REDIRECT if page.redirects and _leaves(page, hop) else Whose.NOTICE
    known = page_of(control, page.url)
    if page.secure or known is None or acquitting(page.marks) or _CAPTCHA.search(page.title):
        return Whose.OWN
    if page.redirects and host_of(page.location):
        return Whose.REDIRECT if _leaves(page, hop) and not _excused(page, known) else Whose.OWN
    if not differs(page, known):
        return Whose.OWN
    strange = [other for other in hop.pages if other is not page and not other.redirects and differs(other, known)]
    if any(other.title != page.title and other.status == page.status for other in strange):
        return Whose.OWN  # dynamic
    if page.status >= 400 and not contradicted(page, observations):
        return Whose.DOUBTFUL
    return Whose.NOTICE if strange else Whose.DOUBTFUL


def differs(page: Exchange, known: ControlPage) -> bool:
    """Whether a page is unlike control's in everything that identifies one."""
    if (page.sha256 and page.sha256 == known.sha256) or set(page.headers) & set(known.headers):
        return False
    here, there = _words(page.title), _words(known.title)
    if not here and not there:
        return False
    if here and there:
        return not here & there
    # One has no title: the status and the length together must say it too.
    longer = max(page.length, known.length, 1)
    return page.status != known.status or min(page.length, known.length) / longer < _ALIKE


_ALIKE = 0.7
"""Ratio of lengths above which two pages may be one (as OONI's Web Connectivity)."""


def vouched(page: Exchange, observations: tuple[Observation, ...]) -> bool:
    """Whether the server said the same of the same URL over verified TLS."""
    return any(
        twin.status == page.status
        and (
            same_site(host_of(twin.location), host_of(page.location))
            if page.redirects
            else "" != page.title == twin.title or "" != page.sha256 == twin.sha256
        )
        for twin in _twins(page, observations)
    )


def contradicted(page: Exchange, observations: tuple[Observation, ...]) -> bool:
    """Whether the server said something better of the same URL over verified TLS."""
    return any(twin.status < 400 for twin in _twins(page, observations))


def _twins(page: Exchange, observations: tuple[Observation, ...]) -> tuple[Exchange, ...]:
    """The answers over verified TLS to the same host and path."""
    url = page.url.replace("http://", "https://", 1)
    return tuple(
        one for one in observations if isinstance(one, Exchange) and one.secure and one.answered and one.url == url
    )


def _leaves(page: Exchange, hop: Hop) -> bool:
    """Whether a redirect leads off the site."""
    return not same_site(host_of(page.location), hop.subject.host)


def _excused(page: Exchange, known: ControlPage) -> bool:
    """Whether control's own redirect explains ours: to the same site, or one that changes with every visitor."""
    there = host_of(known.location)
    if not there:
        return False
    if same_site(there, host_of(page.location)):
        return True
    # Parked names send every visitor elsewhere, with a status that says "for now".
    return known.status in _TEMPORARY and not same_site(there, host_of(known.url))


def _words(title: str) -> frozenset[str]:
    return frozenset(word.lower() for word in _WORD.findall(title))
