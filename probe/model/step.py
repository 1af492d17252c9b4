"""Single network acts. A plan asks for them; `probe.measure` performs them; neither concludes anything.

Every step knows where in the target it belongs: `chain` (0; for a domain 0 is https and 1 is http) and `hop` (0 is the
target itself, 1 the first redirect, ...). Both come back on each observation. `attempt` counts tries of the same act.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Trust(StrEnum):
    """How far a resolver is believed."""

    SYSTEM = "system"
    """getaddrinfo: what programs on this host see, hosts file included."""
    NETWORK = "network"
    """The network's own resolver (resolv.conf), asked by ourselves in plain DNS."""
    TRUSTED = "trusted"
    """An encrypted resolver given as trusted (DoH, DoT)."""


class Purpose(StrEnum):
    """Why a step is taken: what the plan will read from it."""

    SUBJECT = "subject"
    """The target itself."""
    NEUTRAL = "neutral"
    """The same address under a random name that nobody can have listed."""
    ALLOWED = "allowed"
    """The same address under a well-known name that allow-lists carry."""
    PEEK = "peek"
    """The subject again without verification, to see whose certificate it was."""
    GHOST = "ghost"
    """A random name that exists nowhere, at the same resolver: is NXDOMAIN rewritten?"""
    OTHER = "other"
    """Another name at the same resolver that is known to exist: is the resolver dead?"""
    ECH = "ech"
    """The name's HTTPS record: does it offer Encrypted ClientHello? For readers; no rule looks at it."""
    RELAY = "relay"
    """An address where nothing listens: does somebody on the path accept every connection?"""


class StepPosition(msgspec.Struct, frozen=True, kw_only=True):
    """Where in the target a step belongs, and why it is taken."""

    chain: int = 0
    hop: int = 0
    attempt: int = 0
    purpose: Purpose = Purpose.SUBJECT


class Resolve(msgspec.Struct, frozen=True, kw_only=True):
    """Ask one resolver for one name and record type.

    Attributes:
        name: A-label host name.
        rrtype: `A`, `AAAA` or `HTTPS`.
        resolver: `system`, `udp:ADDRESS:PORT` or `tcp:ADDRESS:PORT` (IPv6 in brackets), `tls://host[:port]`
            or an https URL.
    """

    name: str
    rrtype: str
    resolver: str
    trust: Trust
    position: StepPosition = StepPosition()


class Connect(msgspec.Struct, frozen=True, kw_only=True):
    """Open a TCP connection and close it."""

    address: str
    port: int
    position: StepPosition = StepPosition()


class Handshake(msgspec.Struct, frozen=True, kw_only=True):
    """Connect, then a TLS handshake with this server name, then close.

    Attributes:
        sni: the name sent and, unless the purpose forbids it, verified.
        verify: whether a certificate that does not verify ends the handshake.
        alpn: protocols offered, in order.
        segment: the largest TCP segment the server is asked to send, in octets; 0 for the usual.
    """

    address: str
    port: int
    sni: str
    verify: bool = True
    alpn: tuple[str, ...] = ("http/1.1",)
    segment: int = 0
    position: StepPosition = StepPosition()


class Fetch(msgspec.Struct, frozen=True, kw_only=True):
    """Connect, TLS where the URL is https, one GET, all in one connection; redirects are not followed here.

    Attributes:
        url: absolute URL without fragment. Its host is the server name and the Host header.
        address: the address to connect to in place of resolving the host.
        sni: the server name where it is to be another than the URL's host: the same page in the wrapping of another
            name.
        verify: whether a certificate that does not verify ends the step (false for a request under a neutral name).
        segment: the largest TCP segment the server is asked to send, in octets; 0 for the usual.
    """

    url: str
    address: str
    sni: str = ""
    verify: bool = True
    segment: int = 0
    position: StepPosition = StepPosition()


class Send(msgspec.Struct, frozen=True, kw_only=True):
    """Connect, TLS, then padded HEAD requests one after another, until 64 KiB of them were answered in one connection.

    Attributes:
        url: absolute https URL without fragment. Its host is the Host header.
        address: the address to connect to in place of resolving the host.
        sni: the server name where it is to be another than the URL's host.
        verify: whether a certificate that does not verify ends the step.
    """

    url: str
    address: str
    sni: str = ""
    verify: bool = True
    position: StepPosition = StepPosition()


class QuicHandshake(msgspec.Struct, frozen=True, kw_only=True):
    """A QUIC handshake with this server name; where it succeeds, a look whether the same tuple still works later.

    Attributes:
        sni: the name sent and, unless the purpose forbids it, verified.
        verify: whether a certificate that does not verify ends the handshake.
        later: seconds after the handshake at which a PING must still be answered on the same addresses and ports; 0
            for no such look. The GFW reads the Initial and drops what follows it only after about 110 ms, half of the
            time later (USENIX'25), so the handshake itself may pass.
    """

    address: str
    port: int
    sni: str
    verify: bool = True
    later: float = 5.0
    position: StepPosition = StepPosition()


class Said(StrEnum):
    """What a trace says to find out where it is objected to."""

    HELLO = "tls"
    """A ClientHello."""
    REQUEST = "http"
    """A request in clear."""
    QUERY = "dns"
    """A plain DNS query."""


class Trace(msgspec.Struct, frozen=True, kw_only=True):
    """Say something in a packet that only so many routers pass on; see who answers.

    TCP is connected at full reach first, so that only the words themselves are limited.

    Attributes:
        said: what is said.
        name: the server name, the URL, or the name that is asked for.
        ttl: of the packets that carry it, 1 to 255: the router that counts it down to nothing drops it.
        rrtype: of a query.
    """

    said: Said
    address: str
    port: int
    name: str
    ttl: int
    rrtype: str = "A"
    position: StepPosition = StepPosition()


Step = Resolve | Connect | Handshake | Fetch | Send | QuicHandshake | Trace
