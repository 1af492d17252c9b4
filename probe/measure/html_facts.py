"""What identifies a page: title, header names, where it redirects to. Works on bytes alone."""

from __future__ import annotations

import codecs
import html
import re
from urllib.parse import urldefrag, urljoin

MAX_TITLE = 120
MAX_LOCATION = 2048
MAX_HEADER_NAMES = 32
_MAX_NAME = 48
_HEAD = 65536
"""Bytes of a page in which its title is looked for."""

REDIRECTS = frozenset({301, 302, 303, 307, 308})

# Fields that say nothing about who answered: those of RFC 9110 and 9111, and what every second server adds.
_EVERYDAY = """
    accept-ranges access-control-allow-origin age allow alt-svc cache-control connection content-disposition
    content-encoding content-language content-length content-location content-security-policy content-type cookie date
    etag expect expires host keep-alive last-modified link location mime-version p3p pragma proxy-connection
    referrer-policy retry-after server set-cookie strict-transport-security trailer transfer-encoding upgrade vary via
    warning www-authenticate x-content-type-options x-frame-options x-powered-by x-xss-protection
"""
EVERYDAY = frozenset(_EVERYDAY.split())

_TITLE = re.compile(rb"<title[^>]{0,200}>(.{0,2000}?)</title", re.IGNORECASE | re.DOTALL)
_CHARSET = re.compile(rb"charset\s{0,4}=\s{0,4}[\"']?([a-z0-9_-]{2,20})")
# Python knows codecs that are no charsets and that a hostile page must not choose (punycode is quadratic).
_CHARSETS = re.compile(
    r"utf-?8|us-ascii|(?:windows-|cp)125[0-8]|iso-?8859-\d{1,2}|koi8-[ru]|gb(?:k|2312|18030)|big5|shift_jis|euc-(?:jp|kr)|windows-874"
)


def charset(body: bytes, content_type: str) -> str:
    """The charset that the header names, else that the page names, else UTF-8; a codec of Python's in any case."""
    for place in (content_type.encode("latin-1", "replace"), body[:2048]):
        # Looked for plainly first: the pattern alone would be tried at every byte of every page.
        lower = place.lower()
        at = lower.find(b"charset")
        found = _CHARSET.search(lower, at) if at >= 0 else None
        if found:
            named = found.group(1).decode("ascii")
            if _CHARSETS.fullmatch(named) and _is_codec(named):
                return named
    return "utf-8"


def _is_codec(name: str) -> bool:
    try:
        codecs.lookup(name)
    except LookupError:  # there is no ISO-8859-12
        return False
    return True


def title(body: bytes, charset: str) -> str:
    """The page's title, white space collapsed, at most 120 characters; empty when there is none."""
    at = body[:_HEAD].lower().find(b"<title")
    found = _TITLE.search(body, at, _HEAD) if at >= 0 else None
    if not found:
        return ""
    words = html.unescape(found.group(1).decode(charset, "replace")).split()
    return "".join(c if c.isprintable() else "?" for c in " ".join(words))[:MAX_TITLE].rstrip()


def header_names(headers: list[tuple[str, bytes]]) -> tuple[str, ...]:
    """The names of uncommon header fields, sorted; bounded, since the other side chooses them."""
    names = {name[:_MAX_NAME] for name, _ in headers if name not in EVERYDAY}
    return tuple(sorted(names)[:MAX_HEADER_NAMES])


def location(status: int, value: bytes, url: str) -> str:
    """The absolute URL that a redirect leads to, without fragment; empty when it is no redirect or names no place.

    A value that is no URL at all is kept as it came: a broken redirect is something to see.
    """
    if status not in REDIRECTS or not value:
        return ""
    try:
        target = value.decode("utf-8")
    except UnicodeDecodeError:
        target = value.decode("latin-1")
    target = "".join(c for c in target.strip() if c.isprintable())[:MAX_LOCATION]
    try:
        return urldefrag(urljoin(url, target)).url[:MAX_LOCATION]
    except ValueError:
        return target
