"""Read the facts that identify a page from its bytes: title, header names, redirect location."""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING
from urllib.parse import quote, urldefrag, urljoin, urlsplit

from probe.lazy import lazy
from probe.measure.redaction import redacted

if TYPE_CHECKING:
    import html
else:
    html = lazy("html")

MAX_TITLE_CHARACTERS = 120
MAX_LOCATION_CHARACTERS = 8192
"""Characters of a redirect's location; servers refuse longer request lines (nginx: 8 KiB)."""
MAX_HEADER_NAMES = 32
"""Names of header fields that evidence keeps."""
_MAX_HEADER_NAME_CHARACTERS = 48

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

_TITLE_TAG = re.compile(r"<title[^>]{0,200}>")
_MAX_TITLE_TAGS = 16
"""Opening tags that are tried. Ten thousand of them, as many as the searched text has room for, cost 0.2 s."""
_MAX_RAW_TITLE_CHARACTERS = 2000
_KEPT_IN_URL = "!#$%&'()*+,/:;=?@[]~-._|"
"""Characters besides letters and digits that stay in a redirect's location; others are percent-encoded."""


def title(text: str) -> str:
    """Return the page's title, white space collapsed, at most 120 characters; empty when there is none.

    Titles of block pages name the visitor's address, so what could identify the vantage is left out.
    """
    raw = _raw_title(text)
    words = redacted(" ".join((html.unescape(raw) if "&" in raw else raw).split()))
    shown = words if words.isprintable() else "".join(c if c.isprintable() else "?" for c in words)
    return shown[:MAX_TITLE_CHARACTERS].rstrip()


def _raw_title(text: str) -> str:
    """Return the first title that is closed; empty when there is none."""
    lower = text.lower()
    if len(lower) != len(text):  # some capitals have two lower-case letters
        lower = text
    start = lower.find("<title")
    tags = islice(_TITLE_TAG.finditer(lower, start), _MAX_TITLE_TAGS) if start >= 0 else ()
    for tag in tags:
        end = lower.find("</title", tag.end(), tag.end() + _MAX_RAW_TITLE_CHARACTERS + len("</title"))
        if end >= 0:
            return text[tag.end() : end]
    return ""


def header_names(headers: list[tuple[str, bytes]]) -> tuple[str, ...]:
    """Return the names of uncommon header fields, sorted; bounded, since the server chooses them."""
    names = {name[:_MAX_HEADER_NAME_CHARACTERS] for name, _ in headers if name not in COMMON_HEADERS}
    return tuple(sorted(names)[:MAX_HEADER_NAMES])


def location(status: int, value: bytes, url: str) -> str:
    """Return the absolute URL of a redirect, without fragment and user name; empty when it is none or has no location.

    It is read as browsers read it: blanks and octets outside ASCII are percent-encoded. A value that is no URL is kept:
    a broken redirect is a finding. An app's URL (`tg://resolve?domain=x`) is kept, too.
    """
    if status not in REDIRECTS or not value:
        return ""
    try:
        target = value.decode("utf-8")
    except UnicodeDecodeError:
        target = quote(value, safe=_KEPT_IN_URL + " ")
    target = "".join(c for c in target.strip() if c.isprintable())[:MAX_LOCATION_CHARACTERS]
    try:
        absolute = urldefrag(urljoin(url, target)).url
        parts = urlsplit(absolute)
        absolute = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl() if parts.username else absolute
    except ValueError:
        return target
    return quote(absolute, safe=_KEPT_IN_URL)[:MAX_LOCATION_CHARACTERS]
