"""The vocabulary of a hop: what it tries and why, at which layer and how a try ends, and which layer is deeper.

A hop is one URL of a redirect chain, or the one endpoint of a target without redirects. Planning and judging use the
same words.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

import msgspec

from probe.errors import TargetError
from probe.model.address import parse_address
from probe.model.failure import Failure
from probe.model.target import (
    DnsTarget,
    DomainTarget,
    QuicTarget,
    Target,
    TcpTarget,
    TlsTarget,
    UrlTarget,
    parse,
)

MAX_REDIRECTS = 10
"""Hops followed after the first (browsers and curl: 10 to 20; OONI: 10); a chain that goes on is a loop."""

CUT_FAILURES = frozenset({Failure.TIMEOUT, Failure.RESET, Failure.EOF})
"""Failures by which a filter on the path ends a conversation: time-out, RST, FIN."""

SILENT_FAILURES = frozenset({Failure.TIMEOUT, Failure.UNREACHABLE})
"""Failures that a packet dropped on the path causes: a time-out, or an ICMP error."""

NO_ANSWER_FAILURES = CUT_FAILURES | SILENT_FAILURES
"""Failures without any bytes of the protocol from the other side."""

_MOST_TELLING_FIRST = (
    Failure.CERTIFICATE,
    Failure.ALERT,
    Failure.RESET,
    Failure.EOF,
    Failure.GARBAGE,
    Failure.UNREACHABLE,
    Failure.TOO_MUCH,
    Failure.TIMEOUT,
)
"""At one layer an answer shows more than a cut, and a cut more than a time-out."""


class Purpose(StrEnum):
    """Why a step is taken."""

    SUBJECT = "subject"
    """The target itself."""
    NEUTRAL = "neutral"
    """The same address under a random name that no list can contain."""
    ALLOWED = "allowed"
    """The same address under a well-known name that allow-lists contain."""
    PEEK = "peek"
    """The subject again without verification, to see whose certificate it was."""
    GHOST = "ghost"
    """A random name that does not exist, at the same resolver: does it rewrite NXDOMAIN?"""
    OTHER = "other"
    """Another name that exists, at the same resolver: does the resolver answer at all?"""
    ECH = "ech"
    """The name's HTTPS record: does it offer Encrypted ClientHello? For readers; no rule reads it."""
    DISTANCE = "distance"
    """A random name at the same address, at any port: how long does an answer of the server take?"""
    OTHER_PORT = "other_port"
    """The same address at another port: is the host there? For the detector; no rule reads it."""
    NOWHERE = "nowhere"
    """A query to an address that runs no resolver: does something on the path answer it?"""
    RELAY = "relay"
    """An address where nothing listens: does a relay on the path accept every connection?"""
    LINE = "line"
    """A large page of an anchor: does this line carry more than the target's page brings?"""


class StepPosition(msgspec.Struct, frozen=True, kw_only=True):
    """Where in the target a step belongs, and why it is taken.

    Attributes:
        chain: 0; for a domain 0 is https and 1 is http.
        hop: 0 is the target itself, 1 the first redirect, and so on.
        attempt: counts the tries of the same step.
        purpose: why it is taken.
    """

    chain: int = 0
    hop: int = 0
    attempt: int = 0
    purpose: Purpose = Purpose.SUBJECT


class Layer(StrEnum):
    """The layer at which a try ended, the deepest last."""

    DNS = "dns"
    """The resolver's answer. Only a glance's failure has this layer: a full look's tries begin with an address."""
    TCP = "tcp"
    TLS = "tls"
    HTTP = "http"
    BODY = "body"
    """An HTTP answer that began and then stopped in silence."""
    QUIC = "quic"

    @property
    def depth(self) -> int:
        """Higher for the deeper layer."""
        return _DEPTHS[self]


_DEPTHS = {layer: number for number, layer in enumerate(Layer)}


class LayerFailure(NamedTuple):
    """How a try failed: the layer it reached, and the failure there."""

    layer: Layer
    failure: Failure

    def __str__(self) -> str:
        return f"{self.layer}.{self.failure}"

    @property
    def pooled(self) -> LayerFailure:
        """The failure as it is counted: a page that stopped is one more request that met silence."""
        return LayerFailure(Layer.HTTP, self.failure) if self.layer is Layer.BODY else self

    @property
    def rank(self) -> tuple[int, int]:
        """Higher for the deeper layer, then for the more telling failure."""
        known = self.failure in _MOST_TELLING_FIRST
        order = _MOST_TELLING_FIRST.index(self.failure) if known else len(_MOST_TELLING_FIRST)
        return self.layer.depth, -order


SILENT_SYN = LayerFailure(Layer.TCP, Failure.TIMEOUT)
"""No answer to a SYN."""


class Subject(msgspec.Struct, frozen=True):
    """What a hop tries at each address.

    Attributes:
        scheme: `https`, `http`, `tls` (a handshake alone), `quic` (likewise), `tcp` (a connection alone), `dns` (a
            name, with certificates as witnesses) or `range`.
        host: server name or address; empty for `tcp` and `range`.
        port: 443 for `dns`, where the certificates are.
        url: for `https` and `http`; empty otherwise.
    """

    scheme: str
    host: str
    port: int
    url: str = ""

    @property
    def encrypted(self) -> bool:
        """Whether a server name goes over the wire in a ClientHello."""
        return self.scheme in {"https", "tls", "quic"}

    @property
    def is_name(self) -> bool:
        """Whether the host is a name that has to be resolved."""
        return bool(self.host) and parse_address(self.host) is None and self.scheme in {"https", "http", "quic", "dns"}


def subject_of_url(url: str) -> Subject | None:
    """The subject of a URL; None for a text that is no URL of a target."""
    try:
        target = parse(url)
    except TargetError:
        return None
    return _of_url(target) if isinstance(target, UrlTarget) else None


def subjects_of(target: Target) -> tuple[Subject, ...]:
    """The subject of the first hop of each of a target's chains: two for a domain (https, then http), else one."""
    match target:
        case UrlTarget():
            return (_of_url(target),)
        case DomainTarget(host):
            return _of_url(UrlTarget("https", host, 443)), _of_url(UrlTarget("http", host, 80))
        case DnsTarget(host):
            return (Subject("dns", host, 443),)
        case TcpTarget(_, port):
            return (Subject("tcp", "", port),)
        case TlsTarget(_, port, sni):
            return (Subject("tls", sni, port),)
        case QuicTarget(host, port):
            return (Subject("quic", host, port),)
        case _:
            return (Subject("range", "", target.port),)


def _of_url(target: UrlTarget) -> Subject:
    return Subject(target.scheme, target.host, target.port, str(target))
