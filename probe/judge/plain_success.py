"""Recognise the evidence of a target that was plainly served, without reading its hops.

Nearly every verdict is such: each step succeeded at the first try, the addresses are those that everybody gives, and
the page is over verified TLS or like the control's. The table of rules says `served` of all of these, and finds
nothing besides; reading it takes ten times as long. Whatever is in any way unusual is left to the table. The tests
compare both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from probe.judge.control import page_of
from probe.judge.http import REFUSAL_STATUSES
from probe.lazy import lazy
from probe.model.address import is_bogon
from probe.model.failure import Failure
from probe.model.hop import Purpose
from probe.model.nearness import is_sooner
from probe.model.observation import Connection, Exchange, Observation, Resolution, TlsHandshake
from probe.model.resolver import Trust
from probe.model.target import DnsTarget, Target, TcpTarget, TlsTarget, UrlTarget
from probe.model.verdict import ControlFacts, Evidence, Vantage, VantageNote, VantageState

if TYPE_CHECKING:
    from probe.judge import blockpages
    from probe.model import page_likeness
else:
    blockpages = lazy("probe.judge.blockpages")
    page_likeness = lazy("probe.model.page_likeness")


def is_plainly_served(target: Target, evidence: Evidence, vantage: Vantage) -> bool:
    """Whether the table would say `served`, with no findings. False shows nothing.

    Args:
        target: what was measured.
        evidence: what was seen.
        vantage: where.
    """
    if vantage.state is not VantageState.ONLINE or VantageNote.ONE_HOST in vantage.notes:
        return False
    if evidence.error or evidence.outages or evidence.recent_cuts or evidence.nat64 or evidence.glance:
        return False
    match target:
        case UrlTarget():
            seen = _PlainHop(target.scheme, target.host, target.port, str(target))
        case DnsTarget():
            seen = _PlainHop("dns", target.host, 443)
        case TlsTarget():
            seen = _PlainHop("tls", target.sni, target.port)
            seen.given = {target.address}
        case TcpTarget():
            seen = _PlainHop("tcp", target.address, target.port)
        case _:
            return False
    if not all(map(seen.take, evidence.observations)):
        return False
    return seen.works() and seen.is_confirmed(evidence.control) and seen.has_own_pages(evidence.control, vantage)


class _PlainHop:
    """What the observations of one hop show, while each of them is as it should be."""

    __slots__ = ("_host", "_pages", "_port", "_resolver", "_rtts", "_scheme", "_trusted", "_url", "_verified", "given")

    def __init__(self, scheme: str, host: str, port: int, url: str = "") -> None:
        self._scheme = scheme
        self._host = host
        self._port = port
        self._url = url
        self._resolver: tuple[str, int] | None = None
        self.given: set[str] = set()
        """The addresses that the network's resolver gave."""
        self._trusted: set[str] = set()
        self._rtts: dict[str, int] = {}
        """Connected address -> the round trip of its SYN."""
        self._verified: set[str] = set()
        self._pages: list[Exchange] = []

    def take(self, one: Observation) -> bool:
        """Take in an observation; False where it is not as it should be."""
        if one.chain or one.hop or one.attempt:
            return False
        kind = type(one)
        if one.purpose is not Purpose.SUBJECT:
            relay = kind is Connection and one.purpose is Purpose.RELAY and one.failure is not None
            return relay and self._scheme == "tcp"
        if kind is Resolution:
            return self._take_resolution(one)  # type: ignore[arg-type]
        if one.failure is not None:
            return False
        if kind is Connection:
            self._rtts[one.address] = one.rtt  # type: ignore[union-attr]
            return one.port == self._port and not one.segment  # type: ignore[union-attr]
        if kind is TlsHandshake:
            self._verified.add(one.address)  # type: ignore[union-attr]
            right = one.sni == self._host and one.port == self._port  # type: ignore[union-attr]
            return right and one.verified and self._scheme in {"https", "dns", "tls"}  # type: ignore[union-attr]
        if kind is Exchange:
            self._pages.append(one)  # type: ignore[arg-type]
            return one.url == self._url != ""  # type: ignore[union-attr]
        return False

    def _take_resolution(self, one: Resolution) -> bool:
        if one.trust is Trust.PUBLIC:
            return True  # the table does not read it where nothing came after its first answer
        if one.name != self._host or one.truncated or one.errors:
            return False
        if one.failure is not None and (one.failure is not Failure.NODATA or one.addresses):
            return False
        if one.failure is None and not one.addresses:
            return False
        if any(map(is_bogon, one.addresses)):
            return False
        if one.trust is Trust.TRUSTED:
            self._trusted.update(one.addresses)
            return one.recursion is not False and bool(one.addresses)
        whom = one.resolver, one.rank
        self._resolver = self._resolver or whom
        self.given.update(one.addresses)
        return whom == self._resolver

    def works(self) -> bool:
        """Whether an address that programs on this host get served what was asked for."""
        if self._scheme == "tcp":
            return set(self._rtts) == {self._host}
        if self._scheme == "dns":
            return bool(self.given) and set(self._rtts) == self._verified
        if self._scheme == "tls":
            return set(self._rtts) == self._verified == self.given
        if self._resolver is None:
            if self._trusted or not _is_literal(self._host):
                return False
            self.given = {self._host}
        served = {page.address for page in self._pages}
        if not served or not served <= self.given or not set(self._rtts) <= self.given | self._trusted:
            return False
        return self._scheme == "http" or set(self._rtts) == self._verified

    def is_confirmed(self, control: ControlFacts | None) -> bool:
        """Whether every source has the addresses that were given, or there is no other source."""
        if self._scheme in {"tcp", "tls"} or self._resolver is None:
            return True
        if self._trusted and not self.given <= self._trusted:
            return False
        return control is None or self.given <= self._trusted | set(control.addresses.get(self._host, ()))

    def has_own_pages(self, control: ControlFacts | None, vantage: Vantage) -> bool:
        """Whether every page is the server's own, and none is a refusal, a redirect or known to anybody."""
        return all(self._is_own(page, control, vantage) for page in self._pages)

    def _is_own(self, page: Exchange, control: ControlFacts | None, vantage: Vantage) -> bool:
        if not page.complete or not _is_page(page.status) or page.marks or blockpages.fingerprints_of(page):
            return False
        if self._scheme == "https":
            return page.secure
        if page.secure or any(look.foreign_content for look in vantage.anchors):
            return False
        if page.address not in self._rtts or is_sooner(page.wait, self._rtts[page.address]):
            return False
        known = page_of(control, page.url)
        return known is None or page_likeness.likeness(page, known) is page_likeness.Likeness.ALIKE


def _is_page(status: int) -> bool:
    return 200 <= status < 600 and not 300 <= status < 400 and status not in REFUSAL_STATUSES


def _is_literal(host: str) -> bool:
    return ":" in host or host.rpartition(".")[2].isdecimal()
