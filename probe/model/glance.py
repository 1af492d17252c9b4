"""Requests and results of glances: cheap looks at targets that are known to be reachable.

A glance sends what a full look sends first (a DNS query, a ClientHello, a GET, a QUIC Initial), reads the beginning of
the answer and ends. It can only acquit: a result that is like an earlier one says `reachable`, and every other one
calls for the full look.
"""

from __future__ import annotations

from enum import StrEnum
from functools import lru_cache

import msgspec

from probe.model.address import Family, family, parse_address
from probe.model.hop import LayerFailure
from probe.model.target import (
    DEFAULT_PORTS,
    DnsTarget,
    DomainTarget,
    QuicTarget,
    Target,
    TcpTarget,
    TlsTarget,
    UrlTarget,
    bracketed,
)


class GlanceKind(StrEnum):
    """How far a glance goes."""

    NAME = "name"
    """The name resolves."""
    TCP = "tcp"
    """A TCP connection opens."""
    TLS = "tls"
    """The server answers a ClientHello: with a ServerHello (TLS 1.3), or with its certificate (TLS 1.2)."""
    HTTP = "http"
    """The server answers a GET in clear."""
    QUIC = "quic"
    """The server answers a QUIC Initial."""


class GlanceRequest(msgspec.Struct, frozen=True, kw_only=True, cache_hash=True):
    """What to glance at.

    Attributes:
        text: the target as it was given.
        kind: how far to go.
        name: host name to resolve, in A-labels; empty where `address` is given.
        address: an IP literal without brackets; empty where the name is resolved.
        family: of the record that is asked for. One request asks for one.
        port: 1 to 65535; 0 for `NAME`.
        sni: the server name; empty for none.
        path: path and query of the GET.
    """

    text: str
    kind: GlanceKind
    name: str = ""
    address: str = ""
    family: Family = Family.IPV4
    port: int = 0
    sni: str = ""
    path: str = "/"

    @property
    def host_header(self) -> str:
        """The value of the Host header of a GET."""
        host = self.name or bracketed(self.address)
        return host if self.port == DEFAULT_PORTS["http"] else f"{host}:{self.port}"


class GlanceResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a glance saw: facts without a conclusion.

    Attributes:
        request: as it was given.
        addresses: the resolver's answer, sorted as texts; empty for an IP literal.
        address: the address that was tried; empty for `NAME`, and where there was none.
        seen: what identifies the server's answer, at most `MAX_SEEN_CHARACTERS` printable characters; empty for `NAME`,
            `TCP` and after a failure. `TLSv1.3 1301 001d` (cipher suite and group in hexadecimal, then ` retry` where
            the server asked for another ClientHello with that group), `TLSv1.2 <16 digits of the leaf's sha256>`,
            `200 <title, or 16 digits of a sha256 of the page's beginning>`, `301 <origin of the redirect>`,
            `quic 1` (the version; or `quic retry`, `quic versions`).
        failure: how it ended otherwise; None where an answer was seen.
        detail: a few words for readers; no rule may read it.
        took: milliseconds from the first packet to the answer or the end. A wait for the pace limiter is not counted.
        octets: bytes of payload in both directions, DNS included.
    """

    request: GlanceRequest
    addresses: tuple[str, ...] = ()
    address: str = ""
    seen: str = ""
    failure: LayerFailure | None = None
    detail: str = ""
    took: int = 0
    octets: int = 0


MAX_SEEN_CHARACTERS = 72
"""Characters of `GlanceResult.seen`: a status, and a title or an origin cut to 64."""


@lru_cache(maxsize=4096)
def glance_requests(target: Target, wanted: Family = Family.IPV4) -> tuple[GlanceRequest, ...]:
    """Return the glances that cover a target: two for a domain (https, then http), none for a range.

    Remembered, since every round asks for the same.

    Args:
        target: what to glance at.
        wanted: family of the record that is asked for where the target has a name.
    """
    text = str(target)
    match target:
        case UrlTarget():
            return (_of_url(target, text, wanted),)
        case DomainTarget(host):
            urls = UrlTarget("https", host, DEFAULT_PORTS["https"]), UrlTarget("http", host, DEFAULT_PORTS["http"])
            return tuple(_of_url(url, text, wanted) for url in urls)
        case DnsTarget(host):
            return (GlanceRequest(text=text, kind=GlanceKind.NAME, name=host, family=wanted),)
        case TcpTarget(address, port):
            return (_to_host(text, GlanceKind.TCP, address, port, wanted),)
        case TlsTarget(address, port, sni):
            return (msgspec.structs.replace(_to_host(text, GlanceKind.TLS, address, port, wanted), sni=sni),)
        case QuicTarget(host, port):
            return (_to_host(text, GlanceKind.QUIC, host, port, wanted),)
        case _:
            return ()


def _of_url(target: UrlTarget, text: str, wanted: Family) -> GlanceRequest:
    kind = GlanceKind.TLS if target.scheme == "https" else GlanceKind.HTTP
    return msgspec.structs.replace(_to_host(text, kind, target.host, target.port, wanted), path=target.path)


def _to_host(text: str, kind: GlanceKind, host: str, port: int, wanted: Family) -> GlanceRequest:
    """Return a request for a host; the server name of TLS and QUIC is its name (RFC 6066: no address is one)."""
    if parse_address(host) is not None:
        return GlanceRequest(text=text, kind=kind, address=host, family=family(host), port=port)
    sni = host if kind in {GlanceKind.TLS, GlanceKind.QUIC} else ""
    return GlanceRequest(text=text, kind=kind, name=host, family=wanted, port=port, sni=sni)
