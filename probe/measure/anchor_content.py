"""Whether what answered at an anchor's address was the anchor: reads observations, touches no network."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import NamedTuple
from urllib.parse import urlsplit

from probe.judge.acquittal import dated
from probe.model.failure import Failure
from probe.model.observation import Exchange, Observation, TlsHandshake

_NO_CONTENT = ("/generate_204", "/gen_204")
# What vendors' portal checks answer, by path: the first 32 digits of the SHA-256 of the body.
_KNOWN_PAGES = {
    "/success.txt": sha256(b"success\n").hexdigest()[:32],  # detectportal.firefox.com
    "/connecttest.txt": sha256(b"Microsoft Connect Test").hexdigest()[:32],  # www.msftconnecttest.com
    "/check_network_status.txt": sha256(b"NetworkManager is online\n").hexdigest()[:32],  # nmcheck.gnome.org
}
_NETWORK_AUTHENTICATION_REQUIRED = 511  # RFC 6585 section 6


class AnchorResult(NamedTuple):
    """What one try at one address showed; the default is an anchor that works.

    Attributes:
        failure: None when it answered.
        foreign: something else answered in its place.
        outdated: it answered, and its certificate fails for its dates alone.
        over_six: the address was of IPv6.
    """

    failure: Failure | None = None
    foreign: bool = False
    outdated: bool = False
    over_six: bool = False

    @property
    def works(self) -> bool:
        """The anchor itself answered."""
        return self.failure is None and not self.foreign


def classify(url: str, seen: Sequence[Observation]) -> AnchorResult:
    """What the observations of one fetch of an anchor show."""
    last = seen[-1] if seen else None
    if isinstance(last, TlsHandshake) and last.failure is Failure.CERTIFICATE:
        outdated = last.certificate is not None and dated(last.certificate.error)
        return AnchorResult(Failure.CERTIFICATE, foreign=not outdated, outdated=outdated)
    if not isinstance(last, Exchange):
        return AnchorResult(Failure.TIMEOUT if last is None else last.failure)
    if last.failure is not None and not last.status:
        return AnchorResult(last.failure)
    if last.secure:  # whoever holds the certificate is the anchor, whatever it says
        return AnchorResult()
    return AnchorResult(None, foreign=_is_foreign(url, last))


def best_result(results: Sequence[AnchorResult]) -> AnchorResult:
    """What is said of an anchor after all tries: it works if any address did; a wrong answer says more than silence."""
    ranked = sorted(results, key=lambda result: (not result.works, not result.outdated, not result.foreign))
    return ranked[0] if ranked else AnchorResult(Failure.TIMEOUT)


def _is_foreign(url: str, page: Exchange) -> bool:
    path = urlsplit(url).path
    if page.marks or page.status == _NETWORK_AUTHENTICATION_REQUIRED:
        return True
    if page.location:
        return not same_site(url, page.location)
    if path.endswith(_NO_CONTENT):
        return page.status != 204
    known = _KNOWN_PAGES.get(path)
    return known is not None and page.complete and page.sha256 != known


def same_site(url: str, other: str) -> bool:
    """Whether the hosts of two URLs are the same, or one lies below the other (`www.`)."""
    try:
        first, second = (urlsplit(one).hostname or "" for one in (url, other))
    except ValueError:
        return False
    first, second = first.removeprefix("www."), second.removeprefix("www.")
    return first == second or first.endswith(f".{second}") or second.endswith(f".{first}")
