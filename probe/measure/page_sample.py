"""The text sample of a page that evidence carries, so that `probe.judge` can recognise a block page at any later time.

The sample is the page's text with the markup that shows whose page it is: addresses of frames, scripts, forms, links
and pictures, and where it sends its reader. Style sheets, comments, drawings, attributes and tags that only arrange
the page are left out, so that the words of a block page stand in the sample although its markup is long. It is bounded
in size, and so is the work: the page is hostile input.

Block pages repeat what they know of the visitor. Addresses (but for the hosts of URLs), hardware addresses, long
numbers and long identifiers are left out, since evidence must not identify the vantage.
"""

from __future__ import annotations

import re
import string
from functools import lru_cache
from typing import TYPE_CHECKING

from probe.lazy import lazy
from probe.measure.redaction import REMOVED, redacted, redacted_url

if TYPE_CHECKING:
    import html
else:
    html = lazy("html")

MAX_SAMPLE_CHARACTERS = 1_536
"""Characters of a sample: most of a block page, and about 1 KB of evidence after compression."""
END_CHARACTERS = 384
"""Characters at the end of a longer page that stand at the end of its sample."""
MAX_SCRIPT_CHARACTERS = 256
"""Characters kept of a script: enough for a redirect."""
SHORT_PAGE_BYTES = 4_096
"""Length up to which a page over verified TLS is sampled, whatever its status: error and block pages are short."""
MAX_SERVER_CHARACTERS = 48
"""Characters kept of the Server header field."""
MAX_HEAD_NAMES = 8
"""Names of header fields kept in the order in which they came."""

_MAX_REDUCED_CHARACTERS = 3 * MAX_SAMPLE_CHARACTERS
"""Characters from which the end of a page is read next: one of 64 KiB would take ten milliseconds."""
_MAX_END_SOURCE_CHARACTERS = 4_096
_ADDRESS_OCTETS = bytes(
    ord("a") if chr(octet) in string.ascii_letters + string.digits + ".:-_+=%" else ord(" ") for octet in range(256)
)
"""Maps what an address may have to a letter, and everything else to a blank."""
_MAX_RESOURCES = 12
"""Links, pictures and script files that are kept: a page of some length has hundreds."""
_MAX_URL_CHARACTERS = 160

_TOKEN = re.compile(r"<!--|</?([a-z][a-z0-9]{0,15})\b([^<>]{0,4096})>?", re.IGNORECASE)
_ATTRIBUTE = re.compile(
    r"""(?<![\w-])(src|href|action|data|http-equiv|content)\s{0,4}=\s{0,4}(?:"([^"]{0,2048})|'([^']{0,2048})"""
    r"""|([^\s"'<>]{1,2048}))""",
    re.IGNORECASE,
)
_ONLOAD = re.compile(r"""(?<![\w-])onload\s{0,4}=\s{0,4}(?:"[^"]{0,256}"|'[^']{0,256}')""", re.IGNORECASE)
_SKIPPED = frozenset({"style", "svg"})
_KEPT = frozenset({"title", "h1", "h2", "h3", "p", "html", "body", "head"})
"""Tags that stay, without their attributes: they show how the page is built."""
_INLINE = frozenset({"b", "i", "u", "em", "strong", "span", "font", "small", "big", "wbr", "tt", "code"})
"""Tags that stand within words and sentences."""
_RESOURCES = frozenset({"a", "img", "link", "script"})
_FRAMES = frozenset({"iframe", "frame", "embed", "object", "form", "base", "meta"})


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


def page_sample(text: str, url: str = "") -> str:
    """The sample of a page; at most `MAX_SAMPLE_CHARACTERS`.

    Args:
        text: the page, decoded.
        url: that was asked for; the page may repeat it.
    """
    begun = _Markup(text, url)
    reduced = " ".join("".join(begun.pieces).split())
    if begun.position is not None:  # the middle of a long page is not read
        end = text[max(begun.position, len(text) - _MAX_END_SOURCE_CHARACTERS) :]
        end = end.partition(">" if ">" in end else " ")[2]
        # What stands next to the gap may be half an address, which no pattern would find.
        reduced = f"{_without_half_address(reduced)} {REMOVED} {' '.join(''.join(_Markup(end, url).pieces).split())}"
    reduced = redacted(reduced)
    if len(reduced) > MAX_SAMPLE_CHARACTERS:
        beginning = MAX_SAMPLE_CHARACTERS - END_CHARACTERS - len(REMOVED)
        reduced = reduced[:beginning] + REMOVED + reduced[-END_CHARACTERS:]
    return printable(reduced)


def _without_half_address(text: str) -> str:
    """The text without what an address may have at its end (`str.rstrip` is slow where much is to be stripped)."""
    return text[: text.encode("ascii", "replace").translate(_ADDRESS_OCTETS).rfind(b" ") + 1]


def server_name(value: bytes) -> str:
    """The value of a Server header field as evidence carries it."""
    return _shown_server(value[: 4 * MAX_SERVER_CHARACTERS])


@lru_cache(maxsize=256)
def _shown_server(value: bytes) -> str:
    return printable(redacted(value.decode("latin-1"))[:MAX_SERVER_CHARACTERS])


def head_names(names: tuple[str, ...]) -> tuple[str, ...]:
    """The first names of header fields, in their order and case, by which server programs differ."""
    return tuple(name[:MAX_SERVER_CHARACTERS] for name in names[:MAX_HEAD_NAMES])


def printable(text: str) -> str:
    """The text with a question mark for every character that cannot be printed."""
    return text if text.isprintable() else "".join(c if c.isprintable() else "?" for c in text)


class _Markup:
    """The reduced markup of a page, in pieces, up to a bound. The work is linear in the length of the page.

    Attributes:
        position: where the rest of the page begins; None where there is none.
    """

    def __init__(self, text: str, url: str) -> None:
        self.pieces: list[str] = []
        self._text = text
        lower = text.lower()
        self._lower = lower if len(lower) == len(text) else text
        self._url = url
        self._resources = 0
        self._length = 0
        self.position: int | None = 0
        while self.position is not None and self._length < _MAX_REDUCED_CHARACTERS:
            self.position = self._step(self.position)

    def _step(self, position: int) -> int | None:
        """Add the text up to the next tag, and that tag; return where to go on, None at the end."""
        found = _TOKEN.search(self._text, position)
        if found is None:
            rest = self._text[position : position + _MAX_REDUCED_CHARACTERS]
            self._add_text(rest)
            return position + len(rest) if position + len(rest) < len(self._text) else None
        self._add_text(self._text[position : found.start()])
        if found[0] == "<!--":
            end = self._lower.find("-->", found.end())
            return end + 3 if end >= 0 else None
        name, closing = found[1].lower(), found[0].startswith("</")
        if not closing and (name in _SKIPPED or name == "script"):
            return self._skip(name, found)
        self._add_tag(name, found[2], closing=closing)
        return found.end()

    def _skip(self, name: str, found: re.Match[str]) -> int | None:
        """Leave out what stands up to the closing tag; keep a script's address and beginning."""
        end = self._lower.find(f"</{name}", found.end())
        if name == "script":
            self._add_tag(name, found[2], closing=False)
            stop = len(self._text) if end < 0 else end
            code = self._text[found.end() : min(stop, found.end() + MAX_SCRIPT_CHARACTERS)].replace("<", "&lt;")
            self._add(f"<script>{code}" if code.strip() else "")
        return end if end >= 0 else None

    def _add_text(self, text: str) -> None:
        text = text if len(text) <= _MAX_REDUCED_CHARACTERS else text[:_MAX_REDUCED_CHARACTERS]
        self._add(html.unescape(text).replace("<", "&lt;") if "&" in text else text)

    def _add(self, piece: str) -> None:
        self.pieces.append(piece)
        self._length += len(piece) if not piece.isspace() else 0

    def _add_tag(self, name: str, attributes: str, *, closing: bool) -> None:
        if name in _INLINE:
            return
        if name in _KEPT:
            onload = _ONLOAD.search(attributes) if name == "body" and not closing else None
            shown = redacted(html.unescape(onload[0])).replace("<", "&lt;") if onload else ""
            self._add(f"</{name}>" if closing else f"<{name} {shown}>" if shown else f"<{name}>")
            return
        found = {} if closing else {key.lower(): a or b or c for key, a, b, c in _ATTRIBUTE.findall(attributes)}
        if name == "meta" and found.get("http-equiv", "").lower() != "refresh":
            found = {}
        if name != "meta":
            found.pop("content", None)
            found.pop("http-equiv", None)
        if name in _RESOURCES and found:
            self._resources += 1
        wanted = name in _FRAMES or (name in _RESOURCES and self._resources <= _MAX_RESOURCES)
        shown = "".join(f' {key}="{self._address(value)}"' for key, value in found.items()) if wanted else ""
        self._add(f"<{name}{shown}>" if shown else " ")

    def _address(self, value: str) -> str:
        value = " ".join(html.unescape(value[:_MAX_URL_CHARACTERS]).split()).replace('"', "%22").replace("<", "%3C")
        return value[:32] if value[:5].lower() == "data:" else redacted_url(value, self._url)
