"""Ours, written as OONI's measurements and read again: the same status wherever the format can carry the evidence."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from probe.formats.ooni.measurement_header import SetAside
from probe.formats.ooni.writing import measurements_of
from probe.model.hop import Purpose
from probe.model.target import DomainTarget, RangeTarget, parse
from probe.model.verdict import VantageState, Verdict
from probe.ooni.reading import OoniReader
from tests.golden import record

NOT_CARRIED = {
    "clear-report-about-blocking": "the text of the control's page",
    "cookie-wall": "cookies of a redirect that leads back to itself",
    "dns-hosts-file": "the network's resolver beside the system's",
    "dns-injected-control-down": "the network's resolver beside the system's",
    "dns-injected-twitter-dns": "the network's resolver beside the system's",
    "dns-rotating-pool": "addresses that only the control gave, and the page from there",
    "dns-spoofed-control-saw-tls": "the certificates that the control saw",
    "http-redirect-private": "the control's redirect",
    "http-redirect-private-alone": "the control's redirect",
    "http-slow-first": "how fast a page came",
    "http-slow-page": "how fast a page came",
    "large-packets-and-a-syn-lost": "the size of segments",
    "measurement-failed": "that the measurement itself failed",
    "tcp-nothing": "that nothing was seen",
}
"""Cases without comparisons, anchors or glances whose status the format does not carry -> what it lacks."""


def verdict_of(folder: Path) -> Verdict:
    """The whole verdict of a golden case."""
    case = record.read(folder)
    evidence = msgspec.structs.replace(
        case.verdict.evidence,
        observations=case.seen.observations,
        control=case.control,
        recent_cuts=case.seen.recent_cuts,
        outages=case.seen.outages,
        glance=case.seen.glance,
    )
    vantage = msgspec.structs.replace(case.verdict.vantage, anchors=case.seen.anchors)
    return msgspec.structs.replace(case.verdict, evidence=evidence, vantage=vantage)


def is_carried(verdict: Verdict) -> bool:
    """Whether all of a verdict's evidence has a place in OONI's format."""
    evidence, vantage = verdict.evidence, verdict.vantage
    target = parse(verdict.target)
    if isinstance(target, RangeTarget | DomainTarget) or evidence.glance or evidence.recent_cuts or evidence.outages:
        return False
    if vantage.state is not VantageState.ONLINE or vantage.anchors or vantage.notes:
        return False
    if evidence.control is not None and len(evidence.control.statuses) > 1:
        return False
    return all(one.purpose in {Purpose.SUBJECT, Purpose.ECH} for one in evidence.observations)


FOLDERS = [folder for folder in sorted(record.CASES.iterdir()) if folder.is_dir() and is_carried(verdict_of(folder))]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: str(folder.name))
def test_the_status_is_the_same(folder: Path) -> None:
    """What the format lacks is listed with its reason, and the list is exact."""
    verdict = verdict_of(folder)
    (line,) = measurements_of(verdict, parse(verdict.target))
    found = OoniReader().read(line, "export", 1)
    same = not isinstance(found, SetAside) and found[0].verdict.status is verdict.status

    assert same is (folder.name not in NOT_CARRIED)


def test_most_kinds_of_case_are_carried() -> None:
    """A guard against a test of nothing."""
    assert len(FOLDERS) > 100
