"""What judging adds to the evidence: the refusing status, the alert, what fails beside what works, and notes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import msgspec

from probe.judge.address_ownership import AddressOwnership
from probe.judge.evidence_hop import EvidenceHop
from probe.judge.http import has_verified_unknown_address, own_pages, refusal
from probe.judge.nearer import is_proxied
from probe.lazy import lazy
from probe.model.address import Family, family
from probe.model.hop import SILENT_SYN
from probe.model.observation import Connection, QuicExchange
from probe.model.verdict import NearerAnswer

if TYPE_CHECKING:
    from probe.judge import blockpages, quic, ranges
else:
    blockpages = lazy("probe.judge.blockpages")
    quic = lazy("probe.judge.quic")
    ranges = lazy("probe.judge.ranges")


class Findings(msgspec.Struct, frozen=True):
    """The fields of `Evidence` that judging fills in."""

    server_refusal: int = 0
    server_alert: str = ""
    families: dict[str, str] = msgspec.field(default_factory=dict)
    failing: dict[str, str] = msgspec.field(default_factory=dict)
    hop: str = ""
    nearer: tuple[NearerAnswer, ...] = ()
    notes: tuple[str, ...] = ()


def findings_of(hops: Iterable[EvidenceHop], deciding: EvidenceHop, rule: str) -> Findings:
    """The findings about the hops that were judged.

    Args:
        hops: all that were judged.
        deciding: the one that decided.
        rule: id of the rule that decided.
    """
    failing: dict[str, str] = {}
    families: dict[str, str] = {}
    notes: set[str] = set()
    nearer: dict[NearerAnswer, None] = {}
    for hop in hops:
        notes |= _notes(hop)
        nearer |= dict.fromkeys(hop.nearer)
        if not hop.serving_endpoints:
            continue
        if hop.is_range:
            failing |= ranges.failing(hop)
        else:
            failing |= {endpoint.address: str(endpoint.main_failure) for endpoint in hop.failing_endpoints}
            families |= _failing_families(hop)
    return Findings(
        server_refusal=refusal(deciding) if rule == "server.refusal" else 0,
        server_alert=_alert(deciding) if rule == "server.alert" else "",
        families=dict(sorted(families.items())),
        failing=dict(sorted(failing.items())),
        hop=deciding.subject.url if deciding.index else "",
        nearer=tuple(nearer),
        notes=tuple(sorted(notes)),
    )


def _failing_families(hop: EvidenceHop) -> dict[str, str]:
    """The address families without a working address, each with its deepest failure."""
    found: dict[str, str] = {}
    for kind in Family:
        endpoints = [endpoint for endpoint in hop.own_endpoints if family(endpoint.address) is kind]
        failures = [endpoint.main_failure for endpoint in endpoints if endpoint.main_failure is not None]
        if failures and len(failures) == len(endpoints):
            deepest = max(failures, key=lambda end: end.rank)
            local = all(endpoint.own_fault for endpoint in endpoints)
            found[kind] = str(deepest.failure) if local else str(deepest)
    return found


def _other_port_answered(hop: EvidenceHop) -> bool:
    """Whether an address whose port is silent accepted a connection at another port."""
    silent = {one.address for one in hop.failing_endpoints if one.main_failure == SILENT_SYN}
    return any(
        isinstance(one, Connection) and one.failure is None and one.port != hop.subject.port and one.address in silent
        for one in hop.evidence.observations
    )


def _alert(hop: EvidenceHop) -> str:
    """The name of the alert that ended the handshakes."""
    return next((name for endpoint in hop.failing_endpoints for name in endpoint.alerts if name), "unnamed")


def _notes(hop: EvidenceHop) -> set[str]:
    """The ids of further facts about a hop that a reader of the verdict may want."""
    answers = hop.name_answers
    found = {
        "line_lost": bool(hop.evidence.outages),
        "retried": any(endpoint.serves and endpoint.failures for endpoint in hop.endpoints),
        "notice_by_server": any(
            blockpages.is_blockpage(blockpages.fingerprints_of(page)) and page.secure for page in own_pages(hop)
        ),
        "http_proxied": bool(hop.subject.url)  # a range has a thousand endpoints
        and any(is_proxied(one.address, hop.evidence.observations) for one in hop.endpoints),
        "challenge": any(blockpages.is_server_page(blockpages.fingerprints_of(page)) for page in hop.observed.pages),
        "other_port_answered": _other_port_answered(hop),
        "tcp_answered": QuicExchange in hop.view.kinds and quic.silent_only_here(hop),
    }
    if answers is not None:
        ownership = [hop.ownership(address) for address in answers.given]
        found |= {
            "cdn_acquitted": has_verified_unknown_address(hop),
            "hosts_file": answers.hosts_file,
            "late_answer": answers.has_late_answers,
            "nxdomain_rewritten": any(answers.rewrites_nxdomain(answer) for answer in answers.by_resolver),
            "addresses_differ": bool(answers.reference) and AddressOwnership.UNDETERMINED in ownership,
        }
    return {note for note, applies in found.items() if applies}
