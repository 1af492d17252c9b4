"""Group observations by redirect chain, hop and address. Nothing here concludes.

An `ObservedHop` is one URL of a chain, or the one endpoint of a target without redirects.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from probe.judge.cached_property import cached_property
from probe.judge.observed_endpoint import ObservedEndpoint
from probe.model.hop import MAX_REDIRECTS, Purpose, Subject, subject_of_url, subjects_of
from probe.model.observation import Conversation, Exchange, Observation, Resolution, TlsHandshake
from probe.model.target import Target

_SCHEME = re.compile(r"([a-z][a-z0-9+.-]+):", re.IGNORECASE)
_NO_APP = frozenset({"http", "https", "ftp", "ws", "wss", "file", "data", "javascript", "about", "blob", "view-source"})
"""Schemes that browsers handle themselves, or refuse to be redirected to."""


class ObservedHop:
    """One URL of a chain, or the one endpoint of a target without redirects.

    Attributes:
        chain: number of the chain.
        index: number of the hop in it; 0 is the target itself.
        subject: what the hop tries.
        redirect_broken: its redirects lead back, to no URL, or on after the last hop that counts.
    """

    def __init__(self, chain: int, index: int, subject: Subject, observations: Sequence[Observation]) -> None:
        self.chain = chain
        self.index = index
        self.subject = subject
        self.redirect_broken = False
        self._observations = observations

    @cached_property
    def endpoints(self) -> tuple[ObservedEndpoint, ...]:
        """The addresses tried, in the order of their first observation."""
        by_address: dict[str, list[Conversation]] = {}
        for one in self._observations:
            if (
                isinstance(one, Conversation)
                and (one.chain, one.hop) == (self.chain, self.index)
                and one.purpose not in {Purpose.RELAY, Purpose.LINE}
            ):
                by_address.setdefault(one.address, []).append(one)
        return tuple(ObservedEndpoint(self.subject, address, seen) for address, seen in by_address.items())

    @cached_property
    def tried(self) -> bool:
        """Whether the subject was tried at any address."""
        return any(endpoint.attempts for endpoint in self.endpoints)

    @cached_property
    def looked_up(self) -> bool:
        """Whether any resolver was asked for the host."""
        return any(isinstance(one, Resolution) and one.name == self.subject.host for one in self._observations)

    @cached_property
    def pages(self) -> tuple[Exchange, ...]:
        """The answers to the subject's request at all addresses."""
        return tuple(page for endpoint in self.endpoints for page in endpoint.pages)

    @property
    def redirects(self) -> tuple[Exchange, ...]:
        """The answers that are redirects."""
        return tuple(page for page in self.pages if page.redirects)


def leads_to_app(location: str) -> bool:
    """Whether a redirect's location is the URL of an app, as messengers and stores send (`tg:`, `intent:`, `market:`).

    A browser hands it to the app and stays where it is.
    """
    found = _SCHEME.match(location)
    return found is not None and found[1].lower() not in _NO_APP


def chains(target: Target, observations: Sequence[Observation]) -> tuple[tuple[ObservedHop, ...], ...]:
    """The chains of a target, each a sequence of hops.

    Where a chain is redirected to a URL that another chain tried, the plan does not try it twice: the other chain's hop
    stands in both.
    """
    subjects = subjects_of(target)
    separate = tuple(tuple(_walk(number, subject, observations, {})) for number, subject in enumerate(subjects))
    hops = [hop for chain in separate for hop in chain]
    known = {hop.subject: hop for hop in reversed(hops) if hop.tried}
    if not any(hop.subject.url and hop.subject in known for hop in hops if not hop.tried):
        return separate
    return tuple(tuple(_walk(number, subject, observations, known)) for number, subject in enumerate(subjects))


def _walk(
    chain: int, subject: Subject, observations: Sequence[Observation], known: Mapping[Subject, ObservedHop]
) -> Iterator[ObservedHop]:
    """Yield the hops of one chain; a subject that it did not try itself is taken from `known`."""
    cookies_at: dict[str, int] = {}
    cookies = index = 0
    follows: ObservedHop | None = None
    while True:
        hop = _tried_hop(ObservedHop(chain, index, subject, observations), follows, observations, known)
        cookies_at[subject.url] = cookies
        following = _following(hop, observations)
        # A URL may be asked for again with a cookie that an answer has set meanwhile.
        cookies += any(page.sets_cookie for page in hop.redirects)
        ends = following is None or cookies_at.get(following.url) == cookies or index == MAX_REDIRECTS
        hop.redirect_broken = ends and any(not leads_to_app(page.location) for page in hop.redirects)
        yield hop
        if ends or following is None:
            return
        subject = following
        follows = hop
        index += 1


def _tried_hop(
    own: ObservedHop,
    follows: ObservedHop | None,
    observations: Sequence[Observation],
    known: Mapping[Subject, ObservedHop],
) -> ObservedHop:
    """The hop with this subject that was tried: the chain's own, else the other chain's; its own where none was."""
    subject = own.subject
    if own.tried or not subject.url or subject not in known:
        return own
    # A chain may ask for a URL twice, the second time with a cookie.
    there = follows and ObservedHop(follows.chain, follows.index + 1, subject, observations)
    return there if there is not None and there.tried else known[subject]


def _following(hop: ObservedHop, observations: Sequence[Observation]) -> Subject | None:
    """The subject of the next hop: of several redirects the one that was followed, else the first."""
    wanted = [found for page in hop.redirects if (found := subject_of_url(page.location)) is not None]
    later = [one for one in observations if (one.chain, one.hop) == (hop.chain, hop.index + 1)]
    urls = {one.url for one in later if isinstance(one, Exchange)}
    names = {one.sni for one in later if isinstance(one, TlsHandshake) and one.purpose is Purpose.SUBJECT}
    names |= {one.name for one in later if isinstance(one, Resolution) and one.purpose is Purpose.SUBJECT}
    wanted.sort(key=lambda found: (found.url not in urls, found.host not in names))
    return wanted[0] if wanted else None
