"""What one measurement remembers while it follows redirects: cookies, and the URLs behind redacted ones.

Many sites set a cookie, redirect to themselves and serve only who brings it back. And redirects carry what identifies
the visitor in their queries, which evidence must not hold: observations name such a URL without those values, and
whoever fetches it is told the true one. Nothing of this leaves the memory of the process.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec

from probe.errors import TargetError
from probe.lazy import lazy
from probe.model.address import parse_address
from probe.model.target import parse

if TYPE_CHECKING:
    from probe.measure import redaction
else:
    redaction = lazy("probe.measure.redaction")

MAX_COOKIES = 32
"""Cookies that one chain keeps; the first ones stay."""
MAX_COOKIE_CHARACTERS = 4_096
"""Characters of a cookie, name and value (RFC 6265 section 6.1)."""
MAX_URLS = 64
"""Redacted URLs of one measurement: ten redirects in each of two chains, from several addresses."""


class _Cookie(msgspec.Struct, frozen=True):
    """One cookie of a chain; `hop` set it, and `domain` is empty where it is for its host alone."""

    name: str
    value: str
    host: str
    domain: str
    secure: bool
    hop: int

    def is_for(self, host: str, *, secure: bool) -> bool:
        below = bool(self.domain) and (host == self.domain or host.endswith("." + self.domain))
        return (host == self.host or below) and (secure or not self.secure)


class ChainMemory:
    """The memory of one measurement."""

    __slots__ = ("_cookies", "_names", "_urls")

    def __init__(self) -> None:
        self._cookies: dict[int, dict[tuple[str, str], _Cookie]] = {}
        self._urls: dict[str, str] = {}
        self._names: dict[str, str] = {}

    def take_cookies(self, chain: int, hop: int, url: str, fields: list[bytes]) -> bool:
        """Keep the cookies that an answer sets; return whether the next request would carry any of them.

        Args:
            chain: of the answer.
            hop: of the answer.
            url: that answered.
            fields: values of its Set-Cookie header fields.
        """
        jar = self._cookies.setdefault(chain, {})
        host, secure = _host_of(url)
        took = False
        for field in fields[:MAX_COOKIES]:
            cookie = _read_cookie(field, host, hop)
            if cookie is None or (cookie.secure and not secure):
                continue
            key = cookie.name, cookie.domain or cookie.host
            known = jar.get(key)
            if known is None and len(jar) >= MAX_COOKIES:
                continue
            took = took or known is None or known.value != cookie.value
            jar[key] = cookie
        return took

    def cookies(self, chain: int, hop: int, url: str) -> list[tuple[str, str]]:
        """Return the cookies for a request: those that answers of earlier hops set, whatever was tried since."""
        jar = self._cookies.get(chain, {}).values()
        if not jar:
            return []
        host, secure = _host_of(url)
        return [(one.name, one.value) for one in jar if one.hop < hop and one.is_for(host, secure=secure)]

    def redact(self, url: str, asked: str) -> str:
        """Return the URL as evidence may name it, and remember the true one.

        Args:
            url: where a redirect leads.
            asked: the true URL that was asked for.
        """
        named = redaction.redacted_url(url, asked, self._name_of)
        if named != url and len(self._urls) < MAX_URLS:
            self._urls[_canonical(named)] = _canonical(url)
        return named

    def true_url(self, url: str) -> str:
        """Return the URL to ask for where evidence names this one."""
        return self._urls.get(url, url)

    def _name_of(self, value: str) -> str:
        """What stands for a value: the same for the same value, so that a loop is told from a way that leads on."""
        known = len(self._names)
        return self._names.setdefault(value, redaction.REMOVED_VALUE + (str(known + 1) if known else ""))


def _host_of(url: str) -> tuple[str, bool]:
    parts = urlsplit(url)
    return parts.hostname or "", parts.scheme == "https"


def _canonical(url: str) -> str:
    try:
        return str(parse(url))
    except TargetError:
        return url


def _read_cookie(field: bytes, host: str, hop: int) -> _Cookie | None:
    """Return the cookie of a Set-Cookie field (RFC 6265 section 5.2); None where it has none for this host."""
    pair, *attributes = field[: 2 * MAX_COOKIE_CHARACTERS].decode("latin-1").split(";")
    name, equals, value = pair.partition("=")
    name, value = name.strip(), value.strip()
    domain = ""
    secure = expired = False
    for attribute in attributes:
        key, _, setting = (part.strip().lower() for part in attribute.partition("="))
        if key == "domain":
            domain = setting.lstrip(".")
        secure = secure or key == "secure"
        expired = expired or (key == "max-age" and setting.lstrip("-").isdigit() and int(setting[:9]) <= 0)
    # A domain of one label is a registry's; the registries' own second level costs a list that browsers ship.
    if domain and ("." not in domain or parse_address(host) is not None or not ("." + host).endswith("." + domain)):
        return None
    sendable = (name + value).isascii() and (name + value).isprintable()
    if not equals or not name or expired or not sendable or len(name) + len(value) > MAX_COOKIE_CHARACTERS:
        return None
    return _Cookie(name, value, host, domain, secure, hop)
