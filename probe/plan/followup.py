"""What is asked after a failure, and in which order: only what could change the verdict.

=====================================  ===========================================================================
an address failed by                   then, one after another
=====================================  ===========================================================================
silence, RST or ICMP to the SYN        the subject again (a lost packet; a new source port)
RST, silence or FIN after the hello    the neutral name, then the subject again; the allowed name if neutral failed too
a certificate that does not verify     a peek at whose it is
an alert, garbage                      the subject again
RST, silence or FIN after a request    over TLS: a request under the neutral name; then the subject again
silence, often, after hello or request the subject with small segments: are large packets lost on the way?
silence after the first kilobytes      the same page under the neutral name, the subject again, the neutral name again
silence to a QUIC Initial              TLS over TCP, QUIC under the neutral name, then the subject again
=====================================  ===========================================================================

The neutral name goes before the second try of the subject, because some filters silence an address for 75 to 420 s
after the suspect name: asked right after one more suspect try, the neutral name would fail too
and hide what it was to show.
"""

from __future__ import annotations

from dataclasses import dataclass

from msgspec.structs import replace

from probe.model.failure import Failure
from probe.model.observation import Exchange, Observation, QuicExchange, TlsHandshake
from probe.model.step import Connect, Fetch, Handshake, Place, Purpose, QuicHandshake, Step
from probe.model.target import bracketed
from probe.plan import transfer
from probe.plan.context import Setup

SMALL = 1_000
"""Octets of the largest TCP segment asked for where large packets may be lost: with its headers it passes wherever
IPv6's least MTU does (1,280: RFC 8200 section 5), and our own hello still goes in one."""
CUT = frozenset({Failure.TIMEOUT, Failure.RESET, Failure.EOF})
"""How a filter on the path ends a conversation."""
DEPTH = {"tcp": 0, "tls": 1, "http": 2, "quic": 3}
_TRY_AGAIN = CUT | {Failure.UNREACHABLE, Failure.ALERT, Failure.GARBAGE}


@dataclass(frozen=True, slots=True)
class Subject:
    """What is tried at each address of a hop.

    Attributes:
        scheme: `https`, `http`, `tls` (a handshake alone), `quic` (likewise) or `tcp` (a connection alone).
        host: server name; empty for `tcp`.
        url: for `https` and `http`.
    """

    scheme: str
    host: str
    port: int
    url: str = ""

    @property
    def encrypted(self) -> bool:
        """Whether a server name goes over the wire."""
        return self.scheme in {"https", "tls", "quic"}

    def step(self, address: str, place: Place, *, page: bool = True) -> Step:
        """The subject itself at one address; without the page where a handshake will do."""
        if self.url and (page or self.scheme == "http"):
            return Fetch(url=self.url, address=address, place=place)
        if self.scheme == "quic":
            return QuicHandshake(address=address, port=self.port, sni=self.host, place=place)
        if self.encrypted:
            return Handshake(address=address, port=self.port, sni=self.host, place=place)
        return Connect(address=address, port=self.port, place=place)

    def neutral(self, name: str, address: str, place: Place, *, page: bool) -> Step:
        """Another name at the same address; whose certificate comes back does not matter."""
        if self.scheme == "quic":
            return QuicHandshake(address=address, port=self.port, sni=name, verify=False, place=place)
        if page:
            port = "" if self.port == 443 else f":{self.port}"
            return Fetch(url=f"https://{bracketed(name)}{port}/", address=address, verify=False, place=place)
        return Handshake(address=address, port=self.port, sni=name, verify=False, place=place)


def failure_of(seen: tuple[Observation, ...]) -> tuple[str, Failure] | None:
    """Layer and failure in which a step ended; None when nothing failed or nothing was seen."""
    for one in reversed(seen):
        if one.failure is not None:
            if isinstance(one, Exchange):
                return None if one.answered else ("http", one.failure)
            if isinstance(one, QuicExchange):
                return ("quic", one.failure)
            return ("tls" if isinstance(one, TlsHandshake) else "tcp", one.failure)
    return None


def answered(seen: tuple[Observation, ...]) -> bool:
    """Whether the step saw what it went for."""
    return bool(seen) and failure_of(seen) is None


def after(
    subject: Subject, address: str, seen: tuple[Observation, ...], setup: Setup, place: Place
) -> tuple[Step, ...]:
    """The follow-ups of one failed try at one address, in order.

    Args:
        subject: what was tried.
        address: where.
        seen: what the failed try saw.
        setup: names to use.
        place: chain, hop and the number of the next try.
    """
    failed = failure_of(seen)
    if failed is None:
        return ()
    layer, failure = failed
    if failure is Failure.CERTIFICATE:
        peek = Handshake(
            address=address, port=subject.port, sni=subject.host, verify=False, place=_for(place, Purpose.PEEK)
        )
        return (peek,)
    if failure not in _TRY_AGAIN:
        return ()
    steps: list[Step] = []
    last = seen[-1]
    if subject.scheme == "quic":
        steps.append(
            Handshake(address=address, port=subject.port, sni=subject.host, place=_for(place, Purpose.SUBJECT))
        )
    if isinstance(last, Exchange) and last.begun and failure is Failure.TIMEOUT:
        where = _for(place, Purpose.NEUTRAL)
        return transfer.comparison(subject.url, address, setup.random_name, where, (subject.step(address, place),))
    if subject.encrypted and layer != "tcp" and failure in CUT:
        where = _for(place, Purpose.NEUTRAL)
        steps.append(subject.neutral(setup.random_name, address, where, page=layer == "http"))
    steps.append(subject.step(address, place))
    return tuple(steps)


def small(step: Step) -> Step:
    """The same, with the server asked to send small segments."""
    return replace(step, segment=SMALL) if isinstance(step, Fetch | Handshake) else step


def allowed(subject: Subject, address: str, setup: Setup, place: Place) -> Step:
    """The allowed name, asked where the neutral one failed as the subject did."""
    return subject.neutral(setup.allowed_name, address, _for(place, Purpose.ALLOWED), page=False)


def neutral_first(subject: Subject, address: str, setup: Setup, place: Place) -> Step:
    """The neutral name before anything else was said to an address."""
    return subject.neutral(setup.random_name, address, _for(place, Purpose.NEUTRAL), page=False)


def _for(place: Place, purpose: Purpose) -> Place:
    return Place(chain=place.chain, hop=place.hop, attempt=0, purpose=purpose)
