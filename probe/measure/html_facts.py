"""Read the facts that identify a page from its bytes: title, header names, redirect location."""

from __future__ import annotations

import codecs
import html
import re
from itertools import islice
from urllib.parse import urldefrag, urljoin

MAX_TITLE_CHARACTERS = 120
MAX_LOCATION_CHARACTERS = 2048
MAX_HEADER_NAMES = 32
"""Names of header fields that evidence keeps."""
_MAX_HEADER_NAME_CHARACTERS = 48
_MAX_TITLE_SEARCH_BYTES = 65536
"""Bytes of a page that are searched for its title."""

REDIRECTS = frozenset({301, 302, 303, 307, 308})

# Header fields that do not identify a server: those of RFC 9110 and 9111, and those that half of all servers send.
# Evidence does not name them (`Exchange.headers`): a page is told from another by the names that are left.
_COMMON_HEADERS = """
    accept-ranges access-control-allow-origin age allow alt-svc cache-control connection content-disposition
    content-encoding content-language content-length content-location content-security-policy content-type cookie date
    etag expect expires host keep-alive last-modified link location mime-version p3p pragma proxy-connection
    referrer-policy retry-after server set-cookie strict-transport-security trailer transfer-encoding upgrade vary via
    warning www-authenticate x-content-type-options x-frame-options x-powered-by x-xss-protection
"""
COMMON_HEADERS = frozenset(_COMMON_HEADERS.split())

_TITLE_TAG = re.compile(rb"<title[^>]{0,200}>")
_MAX_TITLE_TAGS = 16
"""Opening tags that are tried. Ten thousand of them, as many as the searched bytes have room for, cost 0.2 s."""
_MAX_TITLE_BYTES = 2000
_CHARSET = re.compile(rb"charset\s{0,4}=\s{0,4}[\"']?([a-z0-9_-]{2,20})")
# Python has codecs that are no charsets and that a hostile page must not choose (punycode is quadratic).
_CHARSETS = re.compile(
    r"utf-?8|us-ascii|(?:windows-|cp)125[0-8]|iso-?8859-\d{1,2}|koi8-[ru]|gb(?:k|2312|18030)|big5|shift_jis|euc-(?:jp|kr)|windows-874"
)


def charset(body: bytes, content_type: str) -> str:
    """Return the charset of the header, else of the page, else UTF-8; Python has a codec for it."""
    for place in (content_type.encode("latin-1", "replace"), body[:2048]):
        # A plain search first: the pattern alone would be tried at every byte of every page.
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
    """Return the page's title, white space collapsed, at most 120 characters; empty when there is none."""
    words = html.unescape(_title_bytes(body).decode(charset, "replace")).split()
    return "".join(c if c.isprintable() else "?" for c in " ".join(words))[:MAX_TITLE_CHARACTERS].rstrip()


def _title_bytes(body: bytes) -> bytes:
    """Return the bytes of the first title that is closed; empty when there is none."""
    lower = body[:_MAX_TITLE_SEARCH_BYTES].lower()
    start = lower.find(b"<title")
    tags = islice(_TITLE_TAG.finditer(lower, start), _MAX_TITLE_TAGS) if start >= 0 else ()
    for tag in tags:
        end = lower.find(b"</title", tag.end(), tag.end() + _MAX_TITLE_BYTES + len(b"</title"))
        if end >= 0:
            return body[tag.end() : end]
    return b""


def header_names(headers: list[tuple[str, bytes]]) -> tuple[str, ...]:
    """Return the names of uncommon header fields, sorted; bounded, since the server chooses them."""
    names = {name[:_MAX_HEADER_NAME_CHARACTERS] for name, _ in headers if name not in COMMON_HEADERS}
    return tuple(sorted(names)[:MAX_HEADER_NAMES])


def location(status: int, value: bytes, url: str) -> str:
    """Return the absolute URL of a redirect, without fragment; empty when it is none or has no location.

    A value that is no URL is kept unchanged: a broken redirect is a finding.
    """
    if status not in REDIRECTS or not value:
        return ""
    try:
        target = value.decode("utf-8")
    except UnicodeDecodeError:
        target = value.decode("latin-1")
    target = "".join(c for c in target.strip() if c.isprintable())[:MAX_LOCATION_CHARACTERS]
    try:
        return urldefrag(urljoin(url, target)).url[:MAX_LOCATION_CHARACTERS]
    except ValueError:
        return target
