"""Whether an anchor itself answered at its address, or something else in its place."""

from __future__ import annotations

import re
from collections.abc import Sequence
from hashlib import sha256
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from msgspec.structs import replace

from probe.judge.address_ownership import certificate_error, fails_by_date
from probe.lazy import lazy
from probe.model.failure import Failure
from probe.model.hop import CUT_FAILURES
from probe.model.observation import Exchange, Observation, TlsHandshake
from probe.model.verdict import AnchorAnswer, AnchorLook, AnchorResult

if TYPE_CHECKING:
    from probe.judge import blockpages
else:
    blockpages = lazy("probe.judge.blockpages")

_EMPTY_PAGE_PATHS = ("/generate_204", "/gen_204")
_APPLE = b"<HTML><HEAD><TITLE>Success</TITLE></HEAD><BODY>Success</BODY></HTML>"
_MOZILLA = b'<meta http-equiv="refresh" content="0;url=https://support.mozilla.org/kb/captive-portal"/>'
_KNOWN_TEXTS = {
    "/success.txt": (b"success\n",),  # detectportal.firefox.com
    "/canonical.html": (_MOZILLA, _MOZILLA + b"\n"),  # detectportal.firefox.com
    "/connecttest.txt": (b"Microsoft Connect Test",),  # www.msftconnecttest.com
    "/ncsi.txt": (b"Microsoft NCSI",),  # www.msftncsi.com
    "/check_network_status.txt": (b"NetworkManager is online\n",),  # nmcheck.gnome.org
    "/hotspot-detect.html": (_APPLE, _APPLE + b"\n"),  # captive.apple.com
    "/library/test/success.html": (_APPLE, _APPLE + b"\n"),  # captive.apple.com
}
_KNOWN_PAGES = {path: {sha256(text).hexdigest()[:32] for text in texts} for path, texts in _KNOWN_TEXTS.items()}
"""Pages that vendors use to detect captive portals: path -> the first 32 digits of the SHA-256 of the body."""
_REFRESH = re.compile(r"""<meta[^>]+http-equiv=["']?refresh["']?[^>]*url=["']?\s*([^"'>\s]+)""", re.IGNORECASE)
_NETWORK_AUTHENTICATION_REQUIRED = 511  # RFC 6585 section 6


def classify(url: str, seen: Sequence[Observation]) -> AnchorResult:
    """Return what one fetch of the anchor `url` from one address shows.

    A verified TLS session is the anchor, whatever the page says: only the anchor holds the certificate.
    """
    last = seen[-1] if seen else None
    if isinstance(last, TlsHandshake) and last.failure is Failure.CERTIFICATE:
        return _result(url, Failure.CERTIFICATE, AnchorAnswer(certificate_error=certificate_error(last)))
    if isinstance(last, TlsHandshake) and last.failure in CUT_FAILURES:
        return AnchorResult(last.failure, cut_at=last.address)
    if not isinstance(last, Exchange):
        return AnchorResult(Failure.TIMEOUT if last is None else last.failure)
    if last.failure is not None and not last.status:
        return AnchorResult(last.failure)
    if last.secure:
        return AnchorResult()
    return _result(url, None, _answer_of(last))


def judged_again(look: AnchorLook) -> AnchorLook:
    """The look with its conclusions drawn from its facts by this version; one without facts does not change."""
    if look.answer is None:
        return look
    result = _result(look.url, look.failure, look.answer)
    return replace(look, foreign_content=result.foreign, outdated=result.outdated)


def _answer_of(page: Exchange) -> AnchorAnswer:
    return AnchorAnswer(
        status=page.status,
        location=page.location,
        sha256=page.sha256 if page.length else "",
        complete=page.complete,
        server=page.server,
        sample=page.sample,
    )


def _result(url: str, failure: Failure | None, answer: AnchorAnswer) -> AnchorResult:
    if failure is Failure.CERTIFICATE:
        outdated = fails_by_date(answer.certificate_error)
        return AnchorResult(failure, foreign=not outdated, outdated=outdated, answer=answer)
    return AnchorResult(failure, foreign=_is_foreign(url, answer), answer=answer)


def is_notice(answer: AnchorAnswer) -> bool:
    """Whether the answer is a known block page: a censor blocks the anchor, and no portal asks for a login."""
    text = answer.sample[: blockpages.MAX_TEXT_CHARACTERS]
    return blockpages.is_blockpage(
        blockpages.KNOWN.identify(status=answer.status, location=answer.location, server=answer.server, text=text)
    )


def _is_foreign(url: str, answer: AnchorAnswer) -> bool:
    """Whether the anchor itself never gives this answer.

    The paths of portal checks have one right answer, and a redirect is none, not even one within the same host.
    """
    path = urlsplit(url).path
    if answer.status == _NETWORK_AUTHENTICATION_REQUIRED or is_notice(answer):
        return True
    if path.endswith(_EMPTY_PAGE_PATHS):
        return answer.status != 204
    known = _KNOWN_PAGES.get(path)
    if known is not None:
        return bool(answer.location) or (answer.complete and answer.sha256 not in known)
    return any(not shares_host(url, other) for other in _leads_to(url, answer))


def _leads_to(url: str, answer: AnchorAnswer) -> tuple[str, ...]:
    """The URLs to which an answer sends a browser: its redirect, or the refresh in its page."""
    if answer.location:
        return (answer.location,)
    return tuple(_absolute(url, found) for found in _REFRESH.findall(answer.sample))


def _absolute(url: str, reference: str) -> str:
    try:
        return urljoin(url, reference)
    except ValueError:
        return reference


def shares_host(url: str, other: str) -> bool:
    """Return whether the two URLs name the same host or one host is a subdomain of the other (`www.` is ignored)."""
    try:
        first, second = (urlsplit(one).hostname or "" for one in (url, other))
    except ValueError:
        return False
    first, second = first.removeprefix("www."), second.removeprefix("www.")
    return first == second or first.endswith(f".{second}") or second.endswith(f".{first}")
