"""The text sample of a page that evidence carries, so that `probe.judge` can recognise a block page at any later time.

The sample is the page's markup, white space collapsed, without style sheets, comments and drawings, which identify
nobody and push the text of a block page down. It is bounded in size, and so is the work: the page is hostile input.

Block pages repeat what they know of the visitor. Addresses (but for the hosts of URLs), hardware addresses, long
numbers and long identifiers are left out, since evidence must not identify the vantage.
"""

from __future__ import annotations

import re

MAX_SOURCE_BYTES = 65_536
"""Bytes of a body that the sample is taken from."""
MAX_SAMPLE_CHARACTERS = 1_536
"""Characters of a sample: most of a block page, and about 1 KB of evidence after compression."""
MAX_SCRIPT_BYTES = 256
"""Bytes kept of a script with its tag: enough for its address, or for a redirect."""
SHORT_PAGE_BYTES = 4_096
"""Length up to which a page over verified TLS is sampled, whatever its status: error and block pages are short."""
MAX_SERVER_CHARACTERS = 48
"""Characters kept of the Server header field."""

_MAX_REDACTED_CHARACTERS = 4 * MAX_SAMPLE_CHARACTERS
_REMOVED = "…"

_OPENING = re.compile(rb"<!--|<style|<svg|<script", re.IGNORECASE)
_CLOSING = {b"<!--": b"-->", b"<style": b"</style", b"<svg": b"</svg", b"<script": b"</script"}

_LONG_NUMBER = re.compile(r"[0-9]{7,}")
_IDENTIFIER = re.compile(r"[0-9A-Za-z+_-]{32,}=*")
_HARDWARE_ADDRESS = re.compile(r"(?<![0-9A-Fa-f])(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}(?![0-9A-Fa-f])")
_IPV4 = re.compile(r"(?<![0-9.])(?<!//)[0-9]{1,6}(?:\.[0-9]{1,6}){3}")
_IPV6 = re.compile(r"(?<![0-9A-Fa-f:])(?<!//\[)(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}")


def is_sampled(*, status: int, secure: bool, length: int) -> bool:
    """Whether evidence carries a sample of a page: where somebody else than the server may have written it.

    A redirect is identified by where it leads. A page of some length over verified TLS is the server's own.

    Args:
        status: 0 when no answer came.
        secure: over a TLS session whose certificate verified.
        length: bytes of the decoded body.
    """
    if not status or 300 <= status < 400:
        return False
    return not secure or status >= 400 or length <= SHORT_PAGE_BYTES


def page_sample(body: bytes, charset: str) -> str:
    """The sample of a decoded body; at most `MAX_SAMPLE_CHARACTERS`."""
    text = " ".join(_markup(body[:MAX_SOURCE_BYTES]).decode(charset, "replace").split())
    if len(text) > _MAX_REDACTED_CHARACTERS:
        # What follows the last separator may be half an address, which no pattern below would find.
        text = text[:_MAX_REDACTED_CHARACTERS]
        text = text[: max(text.rfind(" "), text.rfind("<"), 0)]
    return printable(redacted(text)[:MAX_SAMPLE_CHARACTERS])


def server_name(value: bytes) -> str:
    """The value of a Server header field as evidence carries it."""
    return printable(redacted(value[: 4 * MAX_SERVER_CHARACTERS].decode("latin-1"))[:MAX_SERVER_CHARACTERS])


def redacted(text: str) -> str:
    """The text without what could identify the visitor it was made for."""
    # Long runs go first: after that, every pattern has a bounded number of characters to try at each place.
    text = _IDENTIFIER.sub(_without_identifier, text)
    text = _LONG_NUMBER.sub(_REMOVED, text)
    text = _HARDWARE_ADDRESS.sub(_REMOVED, text)
    text = _IPV4.sub(_REMOVED, text)
    return _IPV6.sub(_REMOVED, text)


def printable(text: str) -> str:
    """The text with a question mark for every character that cannot be printed."""
    return text if text.isprintable() else "".join(c if c.isprintable() else "?" for c in text)


def _without_identifier(found: re.Match[str]) -> str:
    run = found.group()
    return _REMOVED if any(c.isdecimal() for c in run) else run


def _markup(page: bytes) -> bytes:
    """The page without comments, style sheets and drawings, and with the beginnings of its scripts. Linear in time."""
    lower = page.lower()
    kept = bytearray()
    position = 0
    while (opening := _OPENING.search(page, position)) is not None:
        kept += page[position : opening.start()]
        kind = opening.group().lower()
        end = lower.find(_CLOSING[kind], opening.end())
        if kind == b"<script":
            stop = len(page) if end < 0 else end
            kept += page[opening.start() : min(stop, opening.start() + MAX_SCRIPT_BYTES)]
        if end < 0:  # the rest is inside
            return bytes(kept)
        position = end + (len(b"-->") if kind == b"<!--" else 0)
    return bytes(kept + page[position:])
