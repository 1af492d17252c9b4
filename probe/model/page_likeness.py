"""How far two pages are alike: by hash, uncommon header fields, title, text, and the program that wrote them.

Pages of one site differ by visitor: another language, another headline, another experiment, a notice. They keep the
names of the server's header fields, addresses of the site's own files, or words. A page that somebody else wrote in
the site's place shares none of them, except that it may copy the title.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import Enum, auto
from typing import Protocol

_TITLE_WORD = re.compile(r"\w{4,}")
_TITLE = re.compile(r"<title>.{0,500}?</title>", re.IGNORECASE | re.DOTALL)
_MAX_TEXT_CHARACTERS = 8_192
"""Characters of a sample that are compared; evidence from elsewhere may hold any number."""
_TAG = re.compile(r"</?([a-z][a-z0-9]*)", re.IGNORECASE)
_WORD = re.compile(r"[^\W\d_]{3,}")
MIN_TEXT_WORDS = 8
"""Different words from which a text is compared: shorter ones have none to share."""
MIN_SHARED_WORDS = 3
MIN_SHARED_RATIO = 0.25
"""Words that two texts have in common, as a share of the shorter one's, from which they are alike."""
MAX_SHARED_RATIO = 0.1
"""The same up to which they are unlike. Two texts of one language share a few short words."""
_DENIALS = frozenset(
    {
        *("access", "denied", "blocked", "forbidden", "restricted", "prohibited", "unavailable", "error"),
        *("доступ", "запрещен", "запрещён", "ограничен", "закрыт", "заблокирован", "недоступен"),
    }
)
"""Words that the titles of any notice may have, and by chance that of a site about something else."""
_MIN_SHARED_DENIALS = 0.5
"""Such words that two titles have in common, as a share of all their words, from which the titles are alike."""
MIN_LENGTH_RATIO = 0.7
"""Ratio of lengths from which two pages without a title may be one (as OONI's Web Connectivity)."""
_EVERYWHERE = frozenset(
    {
        *("html", "head", "body", "title", "meta", "link", "script", "style", "href", "src", "content"),
        *("http", "https", "www", "com", "org", "net", "page", "site", "website", "web", "error", "access"),
        *("the", "and", "for", "that", "this", "with", "are", "you", "your", "from", "was", "has", "have", "not"),
        *("can", "all", "please"),
    }
)
"""Words that any page may have."""


class PageFacts(Protocol):
    """The facts of a page: an `Exchange`, or what a control kept of one."""

    @property
    def status(self) -> int:
        """HTTP status."""

    @property
    def title(self) -> str:
        """The title."""

    @property
    def headers(self) -> tuple[str, ...]:
        """Names of uncommon header fields."""

    @property
    def head(self) -> tuple[str, ...]:
        """Names of the first header fields as they came."""

    @property
    def server(self) -> str:
        """Value of the Server header field."""

    @property
    def sample(self) -> str:
        """Text and markup."""

    @property
    def length(self) -> int:
        """Bytes of the body."""

    @property
    def sha256(self) -> str:
        """Hash of the body."""


class Likeness(Enum):
    """How far two pages are alike."""

    ALIKE = auto()
    """They share what only one author has."""
    SAME_TITLE = auto()
    """They share the title and nothing else that could be compared: text and uncommon header fields are unlike."""
    UNLIKE = auto()
    """They share nothing that identifies a page."""


def likeness(page: PageFacts, other: PageFacts) -> Likeness:
    """How far two pages are alike. Where there is nothing to compare, they count as alike."""
    if (page.sha256 and page.sha256 == other.sha256) or set(page.headers) & set(other.headers):
        return Likeness.ALIKE
    here, there = title_words(page.title), title_words(other.title)
    texts = _compare_texts(page.sample, other.sample)
    if texts is True:
        return Likeness.ALIKE
    if here and there:
        if not _share_words(here, there):
            return Likeness.UNLIKE
        headers_differ = bool(page.headers or other.headers)
        return Likeness.SAME_TITLE if texts is False and headers_differ else Likeness.ALIKE
    if not here and not there and texts is None:
        return Likeness.ALIKE
    # One has no title: status or length must differ too.
    longer = max(page.length, other.length, 1)
    differ = page.status != other.status or min(page.length, other.length) / longer < MIN_LENGTH_RATIO
    return Likeness.UNLIKE if differ else Likeness.ALIKE


def is_unlike(page: PageFacts, other: PageFacts) -> bool:
    """Whether two pages share nothing that identifies a page."""
    return likeness(page, other) is Likeness.UNLIKE


def same_program(page: PageFacts, other: PageFacts) -> bool | None:
    """Whether one server program may have written both: by its name, and the order and case of its header fields.

    None where the facts of either are not known.
    """
    if not page.head or not other.head:
        return None
    return _program(page) == _program(other)


def is_same_page(page: PageFacts, other: PageFacts) -> bool:
    """Whether two answers are one page: the same bytes, or the same status, title and text."""
    if page.sha256 and page.sha256 == other.sha256:
        return True
    same = (page.status, page.title) == (other.status, other.title)
    return same and (page.sample == other.sample or _compare_texts(page.sample, other.sample) is True)


def has_same_text(page: PageFacts, other: PageFacts) -> bool:
    """Whether two pages have the same bytes or much of their text in common."""
    return "" != page.sha256 == other.sha256 or _compare_texts(page.sample, other.sample) is True


def title_words(title: str) -> frozenset[str]:
    """The words of a title that may identify a page."""
    return frozenset(word.lower() for word in _TITLE_WORD.findall(title))


def _share_words(here: frozenset[str], there: frozenset[str]) -> bool:
    """Whether two titles have a word in common that identifies a page, or most of the words of a notice."""
    shared = here & there
    return bool(shared - _DENIALS) or len(shared) >= _MIN_SHARED_DENIALS * len(here | there)


def _program(page: PageFacts) -> tuple[str, Sequence[str]]:
    wanted = {"date", "server", "content-type", "connection"}
    # A program puts the fields that it writes itself in an order of its own; those of an application come between.
    order = [name for name in page.head if name.lower() in wanted]
    return page.server.partition("/")[0].strip().lower(), order[:2]


def _compare_texts(one: str, other: str) -> bool | None:
    """Whether two samples are of one site: True, False, or None where too little of them can be compared."""
    here, there = _text_words(one), _text_words(other)
    fewer = min(len(here), len(there))
    if fewer < MIN_TEXT_WORDS:
        return None
    shared = len(here & there)
    if shared >= MIN_SHARED_WORDS and shared / fewer >= MIN_SHARED_RATIO:
        return True
    return False if shared / fewer <= MAX_SHARED_RATIO else None


def _text_words(sample: str) -> frozenset[str]:
    text = _TAG.sub(" ", _TITLE.sub(" ", sample[:_MAX_TEXT_CHARACTERS])).lower()
    return frozenset(_WORD.findall(text)) - _EVERYWHERE
