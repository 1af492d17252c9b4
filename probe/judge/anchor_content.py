"""Decide whether the answer at an anchor's address came from the anchor or from something in its place."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from urllib.parse import urlsplit

from probe.judge.address_ownership import fails_by_date
from probe.judge.blockpages import fingerprints_of
from probe.model.failure import Failure
from probe.model.observation import Exchange, Observation, TlsHandshake
from probe.model.verdict import AnchorResult

_EMPTY_PAGE_PATHS = ("/generate_204", "/gen_204")
# Pages that vendors use to detect captive portals: path -> the first 32 digits of the SHA-256 of the body.
_KNOWN_PAGES = {
    "/success.txt": sha256(b"success\n").hexdigest()[:32],  # detectportal.firefox.com
    "/connecttest.txt": sha256(b"Microsoft Connect Test").hexdigest()[:32],  # www.msftconnecttest.com
    "/check_network_status.txt": sha256(b"NetworkManager is online\n").hexdigest()[:32],  # nmcheck.gnome.org
}
_NETWORK_AUTHENTICATION_REQUIRED = 511  # RFC 6585 section 6


def classify(url: str, seen: Sequence[Observation]) -> AnchorResult:
    """Return what one fetch of the anchor `url` from one address shows.

    A verified TLS session is the anchor, whatever the page says: only the anchor holds the certificate.
    """
    last = seen[-1] if seen else None
    if isinstance(last, TlsHandshake) and last.failure is Failure.CERTIFICATE:
        outdated = last.certificate is not None and fails_by_date(last.certificate.error)
        return AnchorResult(Failure.CERTIFICATE, foreign=not outdated, outdated=outdated)
    if not isinstance(last, Exchange):
        return AnchorResult(Failure.TIMEOUT if last is None else last.failure)
    if last.failure is not None and not last.status:
        return AnchorResult(last.failure)
    if last.secure:
        return AnchorResult()
    return AnchorResult(None, foreign=_is_foreign(url, last))


def _is_foreign(url: str, page: Exchange) -> bool:
    path = urlsplit(url).path
    if fingerprints_of(page) or page.status == _NETWORK_AUTHENTICATION_REQUIRED:
        return True
    if page.location:
        return not shares_host(url, page.location)
    if path.endswith(_EMPTY_PAGE_PATHS):
        return page.status != 204
    known = _KNOWN_PAGES.get(path)
    return known is not None and page.complete and page.sha256 != known


def shares_host(url: str, other: str) -> bool:
    """Return whether the two URLs name the same host or one host is a subdomain of the other (`www.` is ignored)."""
    try:
        first, second = (urlsplit(one).hostname or "" for one in (url, other))
    except ValueError:
        return False
    first, second = first.removeprefix("www."), second.removeprefix("www.")
    return first == second or first.endswith(f".{second}") or second.endswith(f".{first}")
