"""Whether an anchor itself answered at its address, or something else in its place."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
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

_REFRESH = re.compile(r"""<meta[^>]+http-equiv=["']?refresh["']?[^>]*url=["']?\s*([^"'>\s]+)""", re.IGNORECASE)
_LOWEST_ERROR_STATUS = 400
_NETWORK_AUTHENTICATION_REQUIRED = 511  # RFC 6585 section 6


class PortalCheck(NamedTuple):
    """The one right answer of a path by which vendors detect captive portals.

    Attributes:
        path: the end of the URL's path.
        status: HTTP status.
        hashes: the first 32 digits of the SHA-256 of each right body; empty where there is no body.
    """

    path: str
    status: int
    hashes: frozenset[str]

    def allows(self, answer: AnchorAnswer) -> bool:
        """Whether the answer, or the part of it that arrived, can be the right one."""
        if answer.status != self.status:
            return False
        return not self.hashes or not answer.complete or answer.sha256 in self.hashes


def portal_check(url: str) -> PortalCheck | None:
    """The right answer of a URL, where it is a portal check; None for any other page."""
    path = urlsplit(url).path
    return next((check for check in _portal_checks() if path.endswith(check.path)), None)


@cache
def _portal_checks() -> tuple[PortalCheck, ...]:
    import tomllib  # noqa: PLC0415 - loaded only where an anchor is asked in clear text

    text = Path(__file__).with_name("portal_checks.toml").read_text(encoding="utf-8")
    return tuple(
        PortalCheck(check["path"], check["status"], frozenset(map(_hash_of, check["texts"])))
        for check in tomllib.loads(text)["check"]
    )


def _hash_of(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:32]


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
    if last.failure is not None and portal_check(url) is not None:
        return AnchorResult(last.failure)  # a part of a known answer proves nothing
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


def is_of_portal(look: AnchorLook) -> bool:
    """Whether a portal may have answered in the anchor's place: with a page, a redirect, or a certificate of its own.

    A known block page is a censor's. An error status in clear text is a filter's, or that of a server which refuses us.
    """
    answer = look.answer
    if answer is None or answer.certificate_error or answer.status == _NETWORK_AUTHENTICATION_REQUIRED:
        return look.foreign_content
    return look.foreign_content and answer.status < _LOWEST_ERROR_STATUS and not is_notice(answer)


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
    if answer.status == _NETWORK_AUTHENTICATION_REQUIRED or is_notice(answer):
        return True
    check = portal_check(url)
    if check is not None:
        return bool(answer.location) or not check.allows(answer)
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
