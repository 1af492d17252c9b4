"""The kinds of target, and the text form of each (contract: Targets).

`parse` and `str` are inverse: ``parse(str(target)) == target`` for every target.
"""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote, unquote, urlsplit

import msgspec

from probe.errors import TargetError
from probe.model.address import parse_address

MAX_LENGTH = 2048
"""Targets with more characters are refused. Browsers and servers accept URLs of about this length. A percent-encoded
character counts as one, so that the canonical form of a target is a target, too."""
_MAX_ENCODED_CHARACTERS = 12
"""Characters that one takes at most, percent-encoded in UTF-8."""

DEFAULT_PORTS = {"https": 443, "http": 80}
_LABEL = re.compile(r"(?=.{1,63}\Z)-*[a-z0-9_][a-z0-9_-]*", re.ASCII)
_PLAIN_NAME = re.compile(r"(?:[a-z0-9_][a-z0-9_-]{0,62}\.)*[a-z][a-z0-9_-]{0,62}", re.ASCII)
"""Names that are as DNS and TLS carry them; no address is such."""
_MAX_NAME = 253
_PLAIN_URL = re.compile(r"(https?)://([a-z0-9_.-]+)(/[/A-Za-z0-9%:@!$&'()*+,;=~._-]*)?", re.ASCII)
"""URLs without anything to normalise but the host."""
_JOINERS = "\u200c\u200d"
_MAX_UNICODE_NAME = 1024
"""Characters in a name outside ASCII: 253 octets, and room for characters that the mapping of UTS 46 removes."""
_FORMS = "URL, host, dns://host, tcp://address:port, tls://address:port/sni, quic://host:port or a prefix"


class UrlTarget(msgspec.Struct, frozen=True):
    """One URL: DNS, TCP, TLS for https, HTTP, and every redirect are measured.

    Attributes:
        scheme: `http` or `https`.
        host: A-label host name, lower case, or an IP literal without brackets.
        port: 1 to 65535.
        path: path and query, from the slash on; no fragment.
    """

    scheme: str
    host: str
    port: int
    path: str = "/"

    def __str__(self) -> str:
        port = "" if self.port == DEFAULT_PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{bracketed(self.host)}{port}{self.path}"


class DomainTarget(msgspec.Struct, frozen=True):
    """A domain: `https://host/` and `http://host/` get one verdict."""

    host: str

    def __str__(self) -> str:
        return self.host


class DnsTarget(msgspec.Struct, frozen=True):
    """A host name: only its resolution is measured."""

    host: str

    def __str__(self) -> str:
        return f"dns://{self.host}"


class TcpTarget(msgspec.Struct, frozen=True):
    """A TCP connection to an address."""

    address: str
    port: int

    def __str__(self) -> str:
        return f"tcp://{bracketed(self.address)}:{self.port}"


class TlsTarget(msgspec.Struct, frozen=True):
    """A TLS handshake with a server name to an address."""

    address: str
    port: int
    sni: str

    def __str__(self) -> str:
        return f"tls://{bracketed(self.address)}:{self.port}/{self.sni}"


class QuicTarget(msgspec.Struct, frozen=True):
    """A QUIC handshake with a host, by name or by address."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"quic://{bracketed(self.host)}:{self.port}"


class RangeTarget(msgspec.Struct, frozen=True):
    """A range of addresses: a sample of them gets one verdict."""

    network: str
    port: int = 443

    def __str__(self) -> str:
        if self.port == 443:
            return self.network
        return f"{bracketed_range(self.network)}:{self.port}"


Target = UrlTarget | DomainTarget | DnsTarget | TcpTarget | TlsTarget | QuicTarget | RangeTarget

TargetText = tuple[str, Target]
"""A target as it was given, and parsed."""


def bracketed(host: str) -> str:
    """Return the host as in a URL: IPv6 literals in brackets."""
    return f"[{host}]" if ":" in host else host


def bracketed_range(network: str) -> str:
    """Return the prefix as before a port: IPv6 prefixes in brackets."""
    return f"[{network}]" if ":" in network else network


class UrlParts(NamedTuple):
    """The parts of a URL that a request needs.

    Attributes:
        scheme: in lower case.
        host: in lower case, without brackets; empty where there is none.
        port: as written; None where none is.
        target: path and query, as a request line has them.
    """

    scheme: str
    host: str
    port: int | None
    target: str


@lru_cache(maxsize=256)
def url_parts(url: str) -> UrlParts:
    """Return the parts of a URL. Each layer of a measurement asks for those of the same few URLs.

    Raises:
        ValueError: it is no URL.
    """
    parts = urlsplit(url)
    query = f"?{parts.query}" if parts.query else ""
    return UrlParts(parts.scheme, parts.hostname or "", parts.port, (parts.path or "/") + query)


@lru_cache(maxsize=64)
def parse(text: str) -> Target:
    """Parse one target. The last ones are kept: a list is checked by one reader and used by the next.

    Raises:
        TargetError: the text has none of the forms, or a part of it is out of bounds; its `what` names the fault.
    """
    text = text.strip()
    if not text or is_too_long(text) or not _has_only_printable(text):
        raise TargetError(f"{_shown(text)} is not a target", mend=f"write a {_FORMS}")
    scheme, separator, rest = text.partition("://")
    if not separator:
        return _parse_bare(text)
    match scheme.lower():
        case "http" | "https":
            return _parse_url(text)
        case "dns":
            return DnsTarget(_name(rest, text))
        case "tcp":
            return TcpTarget(*_endpoint(rest, text))
        case "tls":
            endpoint, slash, sni = rest.partition("/")
            if not slash or not sni:
                raise TargetError(f"{_shown(text)} lacks a server name", mend="write tls://address:port/sni")
            return TlsTarget(*_endpoint(endpoint, text), _name(sni, text))
        case "quic":
            host, port = _split_port(rest, text)
            return QuicTarget(_host(host, text), port)
        case _:
            raise TargetError(f"{_shown(text)} has the unknown scheme {_shown(scheme)}", mend=f"write a {_FORMS}")


def _has_only_printable(text: str) -> bool:
    """Whether a text has no space and no control character."""
    if text.isascii():
        return text.isprintable() and " " not in text
    return all((c.isprintable() or c in _JOINERS) and not c.isspace() for c in text)


def is_too_long(text: str) -> bool:
    """Whether a text has more characters than a target may have, percent-encoded ones counted once."""
    if len(text) <= MAX_LENGTH:
        return False
    return len(text) > _MAX_ENCODED_CHARACTERS * MAX_LENGTH or len(unquote(text)) > MAX_LENGTH


def normalise_host(text: str) -> str | None:
    """Return the host as DNS and TLS carry it, or None when the text is no host.

    The result is an IP literal, or a name in lower case and A-labels without a final dot. Names outside ASCII are
    mapped as in browsers: UTS 46, non-transitional (`faß.de` is `xn--fa-hia.de`), without its restrictions on hyphens.
    ASCII names may contain what DNS serves: underscores, and hyphens anywhere (`r3---sn-x.googlevideo.com`).
    """
    if _PLAIN_NAME.fullmatch(text) and len(text) <= _MAX_NAME:
        return text
    address = parse_address(text)
    if address is not None:
        return str(address)
    name = text.lower() if text.isascii() else _ascii_name(text)
    name = name.rstrip(".")
    labels = name.split(".")
    if not 1 <= len(name) <= _MAX_NAME or not all(_LABEL.fullmatch(label) for label in labels):
        return None
    # WHATWG URL: a host that ends in a number is an IPv4 address or an error, so `1.2.3.4-1.2.3.9` is no name.
    return None if len(labels) > 1 and labels[-1].isdigit() else name


def _ascii_name(text: str) -> str:
    """Return a name outside ASCII in A-labels; empty when UTS 46 does not allow it."""
    import idna  # noqa: PLC0415 - few lists have such names, and its tables are slow to load

    if len(text) > _MAX_UNICODE_NAME:
        return ""
    try:
        return ".".join(map(_a_label, idna.uts46_remap(text, std3_rules=False).split(".")))
    except ValueError:  # idna.IDNAError among them
        return ""


def _a_label(label: str) -> str:
    """Return a mapped label in ASCII (UTS 46 section 4.1: validity criteria).

    `idna.alabel` accepts only the characters of IDNA2008, so it would refuse names with symbols (`i❤.ws`) that browsers
    resolve.

    Raises:
        ValueError: the label is not valid.
    """
    import idna  # noqa: PLC0415 - see `_ascii_name`

    if label.isascii():
        return label
    if len(label) > 59 or label.startswith("xn--"):
        raise ValueError("longer than 63 octets, or neither an A-label nor a U-label")
    idna.check_initial_combiner(label)
    idna.check_bidi(label)
    if not all(idna.valid_contextj(label, at) for at, character in enumerate(label) if character in _JOINERS):
        raise ValueError("a joiner outside its context")
    return "xn--" + label.encode("punycode").decode("ascii")


def _parse_bare(text: str) -> Target:
    if "/" in text:
        network, _, port = text.partition(":") if text.count(":") == 1 else (text, "", "")
        if text.startswith("["):
            network, _, port = text.removeprefix("[").partition("]")
            port = port.removeprefix(":")
        try:
            return RangeTarget(str(ipaddress.ip_network(network)), _port(port, text) if port else 443)
        except ValueError as error:
            raise TargetError(
                f"{_shown(text)} is neither a URL nor a range ({_bounded(error)})", mend=f"write a {_FORMS}"
            ) from error
    if parse_address(text) is not None:
        plain = text.partition("%")[0]  # a zone is meaningful on its own host only, and has no length limit
        raise TargetError(f"{_shown(text)} is an address without a port", mend=f"write tcp://{bracketed(plain)}:443")
    return DomainTarget(_name(text, text))


def _parse_url(text: str) -> UrlTarget:
    plain = _PLAIN_URL.fullmatch(text)
    if plain is not None:
        scheme, host, path = plain.groups()
        return UrlTarget(scheme, _host(host, text), DEFAULT_PORTS[scheme], path or "/")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise TargetError(f"{_shown(text)} is not a URL ({_bounded(error)})", mend="write https://host/path") from error
    if parts.username is not None:
        raise TargetError(f"{_shown(text)} carries a user name", mend="leave user and password out")
    if port == 0:
        raise TargetError(f"{_shown(text)} has a port that is not 1 to 65535")
    scheme = parts.scheme.lower()
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._") + (
        "?" + quote(parts.query, safe="/%:@!$&'()*+,;=~-._?") if parts.query else ""
    )
    return UrlTarget(scheme, _host(_written_host(parts.netloc), text), port or DEFAULT_PORTS[scheme], path)


def _written_host(netloc: str) -> str:
    """The host of an authority without a user name, in the case it is written in.

    `SplitResult.hostname` is in lower case by Python's rules, which make a last capital sigma a final one. UTS 46 makes
    it an ordinary one.
    """
    if netloc.startswith("["):
        return netloc[1:].partition("]")[0]
    return netloc.partition(":")[0]


def _host(host: str, text: str) -> str:
    normal = normalise_host(host)
    if normal is None:
        raise TargetError(f"{_shown(text)} has no valid host name", mend=f"write a {_FORMS}")
    return normal


def _name(name: str, text: str) -> str:
    normal = _host(name, text)
    if parse_address(normal) is not None:
        raise TargetError(f"{_shown(text)} has an address where a name belongs")
    return normal


def _split_port(text: str, whole: str) -> tuple[str, int]:
    host, separator, port = text.rpartition(":")
    if not separator or not host or (":" in host and not host.startswith("[")):
        raise TargetError(f"{_shown(whole)} lacks a port", mend="write address:port, IPv6 in brackets")
    return host, _port(port, whole)


def _endpoint(text: str, whole: str) -> tuple[str, int]:
    host, port = _split_port(text, whole)
    address = parse_address(host)
    if address is None:
        raise TargetError(f"{_shown(whole)} has no IP address", mend="write the address itself, IPv6 in brackets")
    return str(address), port


def _port(text: str, whole: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 65535):
        raise TargetError(f"{_shown(whole)} has a port that is not 1 to 65535")
    return int(text)


def _bounded(error: ValueError) -> str:
    """Return the library's message, cut because it repeats the whole text."""
    return str(error)[:150]


def _shown(text: str) -> str:
    """Return the text for an error message: short and printable."""
    return repr(text if len(text) <= 100 else text[:97] + "...")
