"""Known block pages, and known pages that only look like one, recognised from the facts that evidence stores of a page.

A fingerprint counts only on a page in clear text, or at the end of redirects with one in clear text. A page over
TLS that verified from the first hop on is the server's own, whatever it says: only the holder of the key can have
written it. (A refusal by the site, like `vk.com/blank.php?rkn=`, reads like a block page and is none.)

Evidence stores what the page was (`Exchange.sample`, `location`, `headers`, `server`), never which fingerprint it has:
a fingerprint that is added later finds block pages in old evidence too. Versions up to 0.1.0 stored ids in
`Exchange.marks` in place of a sample; they still count.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from functools import lru_cache
from typing import TYPE_CHECKING

from probe.judge.fingerprints import FINGERPRINTS, Fingerprint
from probe.judge.sites import host_of
from probe.lazy import lazy
from probe.model.observation import Exchange

if TYPE_CHECKING:
    import html
else:
    html = lazy("html")

MAX_TEXT_CHARACTERS = 8_192
"""Characters of a stored sample that are searched; a measurement stores fewer (`probe.measure.page_sample`), evidence
from elsewhere may hold any number."""
MAX_NOTICE_BYTES = 32_768
"""Length of a page up to which its text is searched. Notices are short; a long page with their words reports about
blocking, or quotes a law at its end."""
MAX_DENIAL_BYTES = 8_192
"""The same for wording that servers use, too; with an error status it is a server's word (contract: readings)."""


_OWN, _DOUBT = "own.", "doubt."
_TAG = re.compile(r"<[^<>]{0,4096}>")
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2060\ufeff]")
_SENDS = (
    re.compile(r"<(?:i?frame|script|form|embed|object|meta|base)\b[^<>]{0,300}?//([a-z0-9.-]{1,253})", re.IGNORECASE),
    re.compile(r"location[\w.]{0,16}\s{0,4}[=(]\s{0,4}[\"'](?:https?:)?//([a-z0-9.-]{1,253})", re.IGNORECASE),
)
"""Markup and scripts that lead a reader to another host without a click."""


class FingerprintTable:
    """Fingerprints laid out for searching: one table per kind of sign.

    Args:
        fingerprints: those to look for.
    """

    def __init__(self, fingerprints: Iterable[Fingerprint]) -> None:
        known = tuple(fingerprints)
        self._hosts = tuple((host, one.id) for one in known for host in one.hosts)
        self._locations = tuple((one.location, one.id) for one in known if one.location)
        self._headers = tuple((one.header, one.id) for one in known if one.header)
        self._servers = tuple((one.server, one.id) for one in known if one.server)
        self._phrases = tuple((phrase, one.id) for one in known for phrase in one.text)
        # The same page is asked about several times, and block pages are few.
        self._identify = lru_cache(maxsize=1024)(self.identify)

    def fingerprints_of(self, page: Exchange) -> tuple[str, ...]:
        """The ids of the fingerprints that an answer has, sorted; those that an older version stored among them."""
        found = self._identify(
            status=page.status,
            location=page.location,
            headers=page.headers,
            server=page.server,
            text=page.sample[:MAX_TEXT_CHARACTERS] if page.length <= MAX_NOTICE_BYTES else "",
        )
        if page.length > MAX_DENIAL_BYTES or page.status >= 400:
            found = tuple(one for one in found if not one.startswith(_DOUBT))
        return tuple(sorted({*page.marks, *found})) if page.marks else found

    def identify(
        self, *, status: int, location: str = "", headers: tuple[str, ...] = (), server: str = "", text: str = ""
    ) -> tuple[str, ...]:
        """The ids of the fingerprints that these facts have, sorted.

        Args:
            status: of the answer; the text of a redirect is not searched.
            location: absolute URL of a redirect, or empty.
            headers: names of header fields, in lower case.
            server: value of the Server header field.
            text: of the page, as evidence stores it.
        """
        found: set[str] = set()
        if location:
            host = host_of(location)
            found |= {id_ for known, id_ in self._hosts if host == known or host.endswith("." + known)}
            found |= {id_ for part, id_ in self._locations if part in location}
        if not 300 <= status < 400 and text:
            found |= self._by_text(text.lower())
            for host in _embedded_hosts(text):
                found |= {id_ for known, id_ in self._hosts if host == known or host.endswith("." + known)}
        found |= {id_ for name, id_ in self._headers if name in headers}
        found |= {id_ for part, id_ in self._servers if part in server.lower()}
        return tuple(sorted(found))

    def _by_text(self, text: str) -> set[str]:
        """The ids of the phrases in a text in lower case: in its markup, or in what a reader sees of it.

        A phrase is found whatever its white space, its entities, and the tags that stand between or within its words.
        """
        plain = html.unescape(text) if "&" in text else text
        readings = {" ".join(text.split()), _shown(plain, ""), _shown(plain, " ")}
        return {id_ for phrase, id_ in self._phrases if any(phrase in reading for reading in readings)}


def _shown(markup: str, between: str) -> str:
    """What a reader sees of a page, with tags replaced, invisible characters removed and white space collapsed."""
    return " ".join(_INVISIBLE.sub("", _TAG.sub(between, markup)).split())


def _embedded_hosts(markup: str) -> set[str]:
    """The hosts to which a page sends its reader by itself: frames, scripts, a refresh, a form."""
    plain = html.unescape(markup) if "&" in markup else markup
    return {found[1].lower() for pattern in _SENDS for found in pattern.finditer(plain)}


KNOWN = FingerprintTable(FINGERPRINTS)


def has_fingerprint(page: Exchange) -> bool:
    """Whether an answer is a known page, of the server or not."""
    return bool(KNOWN.fingerprints_of(page))


def fingerprints_of(page: Exchange) -> tuple[str, ...]:
    """The ids of the known fingerprints that an answer has, sorted."""
    return KNOWN.fingerprints_of(page)


def is_blockpage(fingerprints: Collection[str]) -> bool:
    """Whether a fingerprint is a block page's, and none is the server's own."""
    return any(not one.startswith((_DOUBT, _OWN)) for one in fingerprints) and not is_server_page(fingerprints)


def is_doubtful(fingerprints: Collection[str]) -> bool:
    """Whether a page has wording that filters and servers use alike, and is not known to be the server's own."""
    return any(one.startswith(_DOUBT) for one in fingerprints) and not is_server_page(fingerprints)


def is_server_page(fingerprints: Collection[str]) -> bool:
    """Whether a fingerprint says that the server or its content network wrote the page."""
    return any(one.startswith(_OWN) for one in fingerprints)
