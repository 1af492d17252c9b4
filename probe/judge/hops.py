"""Reading a heap of observations: which chain, hop and address each belongs to, and how each try ended.

Nothing here concludes. A `Hop` is one URL of a chain (or the one endpoint of a target without redirects); a `Site` is
one address of a hop with every try of the subject there; an `LayerFailure` is how a try failed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from probe.judge.lazy import cached_property
from probe.model.failure import OWN_FAULTS, Failure
from probe.model.hop import MAX_REDIRECTS, Layer, LayerFailure, Subject, subject_of_url, subjects_of
from probe.model.observation import (
    Connection,
    Conversation,
    Exchange,
    LateAnswer,
    Observation,
    QuicExchange,
    Resolution,
    TlsHandshake,
)
from probe.model.step import Purpose
from probe.model.target import Target


class Site:
    """One address of a hop."""

    def __init__(self, subject: Subject, address: str, seen: Sequence[Conversation]) -> None:
        self.address = address
        self.subject = subject
        self._seen = seen

    def _mine(self, one: Conversation) -> bool:
        """Whether the observation is of the subject itself rather than beside it."""
        if one.purpose is not Purpose.SUBJECT:
            return False
        if isinstance(one, QuicExchange) or self.subject.scheme == "quic":
            return isinstance(one, QuicExchange) and self.subject.scheme == "quic"
        if isinstance(one, Exchange):
            return one.url == self.subject.url
        if isinstance(one, TlsHandshake):
            return one.port == self.subject.port and self.subject.scheme in {"https", "tls", "dns"}
        return one.port == self.subject.port

    @cached_property
    def tries(self) -> tuple[tuple[Conversation, ...], ...]:
        """The subject's tries in order, each with what it saw from the first layer to the last."""
        grouped: dict[int, list[Conversation]] = {}
        for one in self._seen:
            if self._mine(one):
                grouped.setdefault(one.attempt, []).append(one)
        return tuple(tuple(group) for _, group in sorted(grouped.items()))

    @cached_property
    def pages(self) -> tuple[Exchange, ...]:
        """The answers to the subject's request."""
        return tuple(one for group in self.tries for one in group if isinstance(one, Exchange) and one.answered)

    @cached_property
    def serves(self) -> bool:
        """Whether the subject was served here at least once."""
        match self.subject.scheme:
            case "https" | "http":
                return bool(self.pages)
            case "tls" | "dns":
                return self.stands
            case "quic":
                return any(_end(group) is None for group in self.tries)
            case _:
                return any(one.failure is None for group in self.tries for one in group)

    @property
    def serving(self) -> tuple[tuple[Conversation, ...], ...]:
        """The tries that served."""
        wanted = Exchange if self.subject.url else TlsHandshake
        return tuple(group for group in self.tries if isinstance(group[-1], wanted) and _end(group) is None)

    @cached_property
    def stands(self) -> bool:
        """Whether a certificate verified here for the subject's name."""
        return any(
            isinstance(one, TlsHandshake | QuicExchange) and one.verified for group in self.tries for one in group
        )

    @cached_property
    def outcomes(self) -> tuple[LayerFailure, ...]:
        """How the tries failed, those that did."""
        ends = (_end(group) for group in self.tries)
        return tuple(end for end in ends if end is not None)

    @cached_property
    def failed(self) -> LayerFailure | None:
        """The most telling of its failures; None where it serves, or where nothing failed."""
        honest = [end for end in self.outcomes if end.failure not in OWN_FAULTS]
        return None if self.serves else max(honest or self.outcomes, key=lambda end: end.rank, default=None)

    def hushed_after(self, end: LayerFailure) -> int:
        """How many later tries met silence at the SYN, and another name too, once the ClientHello had been cut so.

        The GFW keeps an address and port silent for 90 to 360 s after a name it cuts (IMC'17, S&P'25): the second try
        cannot fail in the first one's manner.
        """
        silence = LayerFailure(Layer.TCP, Failure.TIMEOUT)
        if end.layer is not Layer.TLS or end not in self.outcomes:
            return 0
        neutral = [one for one in self.beside(Purpose.NEUTRAL) if isinstance(one, Connection)]
        if not neutral or any(one.failure is not Failure.TIMEOUT for one in neutral):
            return 0
        return self.outcomes[self.outcomes.index(end) :].count(silence)

    @property
    def own_fault(self) -> bool:
        """Whether this host itself had no way there."""
        return self.failed is not None and self.failed.failure in OWN_FAULTS

    @property
    def alerts(self) -> tuple[str, ...]:
        """The names of the alerts that ended the subject's handshakes."""
        ends = (group[-1] for group in self.tries)
        return tuple(
            one.alert for one in ends if isinstance(one, TlsHandshake | QuicExchange) and one.failure is Failure.ALERT
        )

    def beside(self, purpose: Purpose) -> tuple[Conversation, ...]:
        """What was seen here under another name."""
        return tuple(one for one in self._seen if one.purpose is purpose)


class Hop:
    """One URL of a chain, or the one endpoint of a target without redirects."""

    def __init__(self, chain: int, index: int, subject: Subject, observations: Sequence[Observation]) -> None:
        self.chain = chain
        self.index = index
        self.subject = subject
        self.astray = False
        """Its redirects lead back, nowhere, or on without end."""
        self._observations = observations

    @cached_property
    def sites(self) -> tuple[Site, ...]:
        """The addresses tried, in the order of their first observation."""
        here: dict[str, list[Conversation]] = {}
        for one in self._observations:
            if (
                isinstance(one, Conversation)
                and (one.chain, one.hop) == (self.chain, self.index)
                and one.purpose is not Purpose.RELAY
            ):
                here.setdefault(one.address, []).append(one)
        return tuple(Site(self.subject, address, seen) for address, seen in here.items())

    @cached_property
    def tried(self) -> bool:
        """Whether the subject was tried anywhere."""
        return any(site.tries for site in self.sites)

    @cached_property
    def resolved(self) -> bool:
        """Whether somebody was asked for the host."""
        return any(isinstance(one, Resolution) and one.name == self.subject.host for one in self._observations)

    @cached_property
    def pages(self) -> tuple[Exchange, ...]:
        """All answers to the subject's request, over the addresses."""
        return tuple(page for site in self.sites for page in site.pages)

    @property
    def redirects(self) -> tuple[Exchange, ...]:
        """The answers that send the client on."""
        return tuple(page for page in self.pages if page.redirects)


def chains(target: Target, observations: Sequence[Observation]) -> tuple[tuple[Hop, ...], ...]:
    """The chains of a target, each a run of hops; empty for kinds that this version does not measure.

    Where a chain was redirected to a URL that another chain had tried, the plan did not try it twice: the other's hop
    stands in both.
    """
    subjects = subjects_of(target)
    alone = tuple(tuple(_walk(number, subject, observations, {})) for number, subject in enumerate(subjects))
    hops = [hop for chain in alone for hop in chain]
    known = {hop.subject: hop for hop in reversed(hops) if hop.tried}
    if not any(hop.subject.url and hop.subject in known for hop in hops if not hop.tried):
        return alone
    return tuple(tuple(_walk(number, subject, observations, known)) for number, subject in enumerate(subjects))


def resolutions(observations: Sequence[Observation], name: str) -> tuple[Resolution | LateAnswer, ...]:
    """Everything that was answered about a name."""
    return tuple(one for one in observations if isinstance(one, Resolution | LateAnswer) and one.name == name)


def _walk(
    chain: int, subject: Subject, observations: Sequence[Observation], known: Mapping[Subject, Hop]
) -> Iterator[Hop]:
    seen = set()
    index = 0
    while True:
        hop = Hop(chain, index, subject, observations)
        if not hop.tried and subject.url and subject in known:
            hop = known[subject]
        seen.add(subject.url)
        following = _following(hop, observations)
        ends = following is None or following.url in seen or index == MAX_REDIRECTS
        hop.astray = bool(hop.redirects) and ends
        yield hop
        if ends or following is None:
            return
        subject = following
        index += 1


def _following(hop: Hop, observations: Sequence[Observation]) -> Subject | None:
    """Where the chain goes on: of several redirects the one that was followed, else the first."""
    wanted = [found for page in hop.redirects if (found := subject_of_url(page.location)) is not None]
    later = [one for one in observations if (one.chain, one.hop) == (hop.chain, hop.index + 1)]
    urls = {one.url for one in later if isinstance(one, Exchange)}
    names = {one.sni for one in later if isinstance(one, TlsHandshake) and one.purpose is Purpose.SUBJECT}
    names |= {one.name for one in later if isinstance(one, Resolution) and one.purpose is Purpose.SUBJECT}
    wanted.sort(key=lambda found: (found.url not in urls, found.host not in names))
    return wanted[0] if wanted else None


def _end(group: Sequence[Conversation]) -> LayerFailure | None:
    """How one try failed; None when it did not, or was cut off before it could."""
    last = group[-1]
    if isinstance(last, TlsHandshake | QuicExchange) and last.failure is None and not last.verified:
        return LayerFailure(Layer.TLS if isinstance(last, TlsHandshake) else Layer.QUIC, Failure.CERTIFICATE)
    return last.ending
