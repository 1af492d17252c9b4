"""What the other targets of a pass show about the line, and verdicts that are withheld until it shows.

Two questions cannot be answered by one target, nor always by the anchors:

- Does IPv6 work here? Silence over IPv6 alone is no block where nothing ever answered over IPv6. Any other destination
  that does is a witness (`Vantage.ipv6_answered`).
- Is it a portal? Where one unknown host answers in the place of several unrelated sites and nobody's certificate
  verifies, the line leads to a portal that lets the anchors through (`VantageNote.ONE_HOST`). A block-page host answers
  for many sites, too; but then other sites still show certificates that verify.

A verdict that such a witness would change is withheld until the witness appears or the pass is over. On a healthy line
none is: the anchors are witnesses enough.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from msgspec.structs import replace

from probe import judge
from probe.lazy import lazy
from probe.model.failure import Failure
from probe.model.hop import Purpose
from probe.model.observation import Connection, Conversation, Exchange, TlsHandshake
from probe.model.verdict import AnchorLook, Status, VantageNote, Verdict

if TYPE_CHECKING:
    from probe.judge import blockpages, sites
else:
    blockpages = lazy("probe.judge.blockpages")
    sites = lazy("probe.judge.sites")

MIN_VERIFIED_SITES = 2
"""Sites whose certificates must verify before one host that answers for many counts as a block page's."""
MIN_ANSWERED_SITES = 3
"""Unrelated sites in whose place one host must answer before it counts as a portal's."""

_WITNESSES = 2
"""Targets that answered over IPv6 which are remembered: one of them is another than the target in question."""
_ACCUSED = frozenset({Status.BLOCKED, Status.THROTTLED})


class RoundWitness:
    """The witnesses of one pass over a list, and the verdicts that wait for them."""

    def __init__(self) -> None:
        self._verified: set[str] = set()
        self._answered: dict[str, set[str]] = {}
        self._ipv6: set[str] = set()
        self._withheld: list[Verdict] = []

    def add(self, verdict: Verdict) -> list[Verdict]:
        """Add a verdict; return those that can be reported now, among them withheld ones."""
        if not self._is_vouched:
            self._verified |= set(_verified_sites(verdict))
        for stranger in _strangers(verdict):
            self._answered.setdefault(stranger, set()).add(_site(verdict))
        if len(self._ipv6) < _WITNESSES and _answered_over_ipv6(verdict):
            self._ipv6.add(verdict.target)
        if not self._withheld and verdict.status is Status.REACHABLE:
            return [verdict]
        waiting, self._withheld = [*self._withheld, verdict], []
        ready: list[Verdict] = []
        for one in map(self._with_ipv6, waiting):
            (self._withheld if self._waits(one) else ready).append(one)
        return ready

    @property
    def lacks_certificates(self) -> bool:
        """Whether verdicts are withheld that certificates of other sites, if they verify, would release."""
        return not self._is_vouched and any(one.status in _ACCUSED for one in self._withheld)

    def note_glance(self, verdict: Verdict) -> None:
        """Add a glance that acquitted its target: it may have been answered over IPv6. It verified no certificate."""
        if any(":" in one.address for one in verdict.evidence.glance):
            self._ipv6.add(verdict.target)

    def settle(self) -> list[Verdict]:
        """Return the verdicts still withheld: where a portal shows, judged with it."""
        withheld, self._withheld = self._withheld, []
        portal = not self._is_vouched and any(len(sites) >= MIN_ANSWERED_SITES for sites in self._answered.values())
        return [_at_portal(one) if portal else one for one in withheld]

    @property
    def _is_vouched(self) -> bool:
        """Whether certificates verify here, so that nobody answers in the place of all."""
        return len(self._verified) >= MIN_VERIFIED_SITES

    def _with_ipv6(self, verdict: Verdict) -> Verdict:
        """The verdict judged with the knowledge that another target answered over IPv6."""
        if not self._ipv6 - {verdict.target} or not _failed_over_ipv6(verdict):
            return verdict
        return _over_working_ipv6(verdict)

    def _waits(self, verdict: Verdict) -> bool:
        """Whether a witness that may still appear would change the verdict."""
        if verdict.status in _ACCUSED and not self._is_vouched and _at_portal(verdict).status is not verdict.status:
            return True
        return _failed_over_ipv6(verdict) and _over_working_ipv6(verdict).status is not verdict.status


def _over_working_ipv6(verdict: Verdict) -> Verdict:
    return judge.again(replace(verdict, vantage=replace(verdict.vantage, ipv6_answered=True)))


def _at_portal(verdict: Verdict) -> Verdict:
    """The verdict judged where one host answers in the place of many sites."""
    notes = tuple(sorted({*verdict.vantage.notes, VantageNote.ONE_HOST}))
    return judge.again(replace(verdict, vantage=replace(verdict.vantage, notes=notes)))


def _verified_sites(verdict: Verdict) -> Iterator[str]:
    """The sites whose certificates verified: those of anchors and of the target."""
    yield from (sites.site_label(sites.host_of(look.url)) for look in verdict.vantage.anchors if _vouches(look))
    for one in verdict.evidence.observations:
        if isinstance(one, TlsHandshake) and one.verified and one.sni:
            yield sites.site_label(one.sni)


def _vouches(look: AnchorLook) -> bool:
    return look.failure is None and not look.foreign_content and look.url.startswith("https:")


def _strangers(verdict: Verdict) -> Iterator[str]:
    """Who answered in the target's place: hosts of redirects, pages and certificates."""
    if verdict.status not in _ACCUSED:
        return
    for one in verdict.evidence.observations:
        if (
            isinstance(one, Exchange)
            and not one.secure
            and one.status
            and not blockpages.is_blockpage(blockpages.fingerprints_of(one))
        ):
            if one.redirects and not sites.same_site(sites.host_of(one.location), sites.host_of(one.url)):
                yield f"redirect {sites.host_of(one.location)}"
            elif one.sha256 and one.length:
                yield f"page {one.sha256}"
        if isinstance(one, TlsHandshake) and one.certificate is not None and one.purpose is Purpose.PEEK:
            yield f"issuer {one.certificate.issuer}" if one.certificate.issuer else f"leaf {one.certificate.sha256}"


def _site(verdict: Verdict) -> str:
    """The site that a target belongs to."""
    return sites.site_label(sites.host_of(verdict.target if "://" in verdict.target else f"https://{verdict.target}"))


def _answered_over_ipv6(verdict: Verdict) -> bool:
    return any(one.failure is None and ":" in one.address for one in _conversations(verdict))


def _failed_over_ipv6(verdict: Verdict) -> bool:
    if verdict.status is Status.REACHABLE or verdict.vantage.ipv6_answered:
        return False
    return any(one.failure is Failure.TIMEOUT and ":" in one.address for one in _conversations(verdict))


def _conversations(verdict: Verdict) -> Iterable[Conversation]:
    return (
        one
        for one in verdict.evidence.observations
        if isinstance(one, Conversation) and not (isinstance(one, Connection) and one.purpose is Purpose.RELAY)
    )
