"""Names that are known to work at this vantage: to compare a resolver's answers with, and to pass an allow-list.

One fixed name would do neither. It may be blocked here itself (`vk.com` in Ukraine since 2017), and it would be sent
from lines where nobody asks for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain, zip_longest
from urllib.parse import urlsplit

from probe.model.address import parse_address
from probe.model.hop import Purpose
from probe.model.observation import Resolution
from probe.model.resolver import Trust
from probe.model.verdict import AnchorKind, AnchorLook, Status, Verdict
from probe.plan.context import FALLBACK_NAME

MAX_REMEMBERED_NAMES = 8
"""Names of targets that are kept, the newest."""


class WorkingNames:
    """The names that worked in this pass.

    Args:
        domestic_anchors: their URLs, as the settings have them.
        well_known: well-known names of the vantage's country.
        allowed_name: the settings' own choice of the name that allow-lists contain; empty for none.
    """

    def __init__(
        self, domestic_anchors: Iterable[str] = (), well_known: Iterable[str] = (), allowed_name: str = ""
    ) -> None:
        self._allowed = tuple(filter(None, (allowed_name, *_hosts(domestic_anchors), *well_known)))
        self._targets: dict[str, None] = {}

    def add(self, verdict: Verdict) -> None:
        """Remember the names of a reachable target that the network's resolvers found."""
        if verdict.status is Status.REACHABLE:
            self.remember(
                one.name
                for one in verdict.evidence.observations
                if isinstance(one, Resolution)
                and one.purpose is Purpose.SUBJECT
                and one.trust is not Trust.TRUSTED
                and one.addresses
            )

    def remember(self, names: Iterable[str]) -> None:
        """Remember names that the network's resolvers found and whose targets work."""
        for name in names:
            self._targets.pop(name, None)
            self._targets[name] = None
        while len(self._targets) > MAX_REMEMBERED_NAMES:
            del self._targets[next(iter(self._targets))]

    def to_compare(self, looks: Sequence[AnchorLook]) -> tuple[str, ...]:
        """The names to ask a resolver for, the best first: working foreign anchors and targets, then domestic ones.

        A domestic name comes last: where the line to other countries is broken, it still resolves.
        """
        working = [look for look in looks if look.failure is None and not look.foreign_content]
        working.sort(key=lambda look: not _is_secure(look))
        foreign = _hosts(look.url for look in working if look.kind is AnchorKind.FOREIGN)
        domestic = _hosts(look.url for look in working if look.kind is AnchorKind.DOMESTIC)
        mixed = chain.from_iterable(zip_longest(foreign, reversed(self._targets)))
        return tuple(dict.fromkeys(name for name in (*mixed, *domestic) if name))

    def allowed(self, looks: Sequence[AnchorLook]) -> str:
        """A name that allow-lists of this network contain, as far as is known.

        That of the settings, a domestic anchor's, a well-known one of the country, a name that works here, else a
        neutral one. It is sent in a ClientHello, and of the anchors only those over https have ordinary names.
        """
        return next(iter((*self._allowed, *self.to_compare(list(filter(_is_secure, looks))), FALLBACK_NAME)))


def _is_secure(look: AnchorLook) -> bool:
    return look.url.startswith("https:")


def _hosts(urls: Iterable[str]) -> list[str]:
    """The host names of URLs; an address is none."""
    hosts = [urlsplit(url).hostname or "" for url in urls]
    return [host for host in hosts if host and parse_address(host) is None]
