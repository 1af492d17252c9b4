"""What judging found out on the way: the part of evidence that is said rather than seen."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from probe.judge import ranges
from probe.judge.acquittal import Standing
from probe.judge.blockpages import acquitting, convicting
from probe.judge.evidence_view import Leg
from probe.judge.http import odd_but_verified, own_pages, refusal
from probe.model.address import Family, family


@dataclass(frozen=True, slots=True)
class Findings:
    """The second half of `Evidence`, field by field."""

    server_refusal: int = 0
    server_alert: str = ""
    families: dict[str, str] = field(default_factory=dict)
    failing: dict[str, str] = field(default_factory=dict)
    hop: str = ""
    notes: tuple[str, ...] = ()


def find(legs: Iterable[Leg], deciding: Leg, rule: str) -> Findings:
    """What there is to say about the legs that were judged, and the one that decided."""
    judged = tuple(legs)
    failing: dict[str, str] = {}
    families: dict[str, str] = {}
    notes: set[str] = set()
    for leg in judged:
        notes |= _notes(leg)
        if ranges.is_range(leg):
            failing |= ranges.failing(leg) if leg.served_by else {}
        elif leg.served_by:
            failing |= {site.address: str(site.failed) for site in leg.failing}
            families |= _families(leg)
    return Findings(
        server_refusal=refusal(deciding) if rule == "server.refusal" else 0,
        server_alert=_alert(deciding) if rule == "server.alert" else "",
        families=dict(sorted(families.items())),
        failing=dict(sorted(failing.items())),
        hop=deciding.hop.subject.url if deciding.hop.index else "",
        notes=tuple(sorted(notes)),
    )


def _families(leg: Leg) -> dict[str, str]:
    """The families of which no address works, in a leg that does work."""
    found: dict[str, str] = {}
    for kind in Family:
        sites = [site for site in leg.true_sites if family(site.address) is kind]
        ends = [site.failed for site in sites if site.failed is not None]
        if ends and len(ends) == len(sites):
            deepest = max(ends, key=lambda end: end.rank)
            found[kind] = str(deepest.failure) if all(site.own_fault for site in sites) else str(deepest)
    return found


def _alert(leg: Leg) -> str:
    """The name of the alert that ended the handshakes."""
    return next((name for site in leg.failing for name in site.alerts if name), "unnamed")


def _notes(leg: Leg) -> set[str]:
    notes = set()
    names = leg.names
    if names is not None:
        local = {address: leg.standing(address) for address in names.given}
        notes |= {
            word
            for word, said in (
                ("cdn_acquitted", odd_but_verified(leg)),
                ("hosts_file", names.hosts_file),
                ("late_answer", names.raced),
                ("nxdomain_rewritten", any(names.rewrites(answer) for answer in names.answers)),
                ("addresses_differ", bool(names.reference) and Standing.OPEN in local.values()),
            )
            if said
        }
    if any(site.serves and site.outcomes for site in leg.hop.sites):
        notes.add("retried")
    if any(convicting(page.marks) and page.secure for page in own_pages(leg)):
        notes.add("notice_by_server")
    if any(acquitting(page.marks) for page in leg.hop.pages):
        notes.add("challenge")
    return notes
