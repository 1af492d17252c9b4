"""Two blocks of 2025 whose ends are both known, as traces of verdicts through `probe replay` and a collector process.

20 August, China: for 74 minutes (00:34 to 01:48 China time) every connection to port 443 abroad met three forged
RST+ACK, and no other port did (net4people/bbs#511; GFW Report). 20 March, Russia: eastern ISPs, AS21127 among them, cut
Cloudflare off from 00:00 to 21:00 UTC (net4people/bbs#464).
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from probe.model.verdict import AnchorKind, Cause
from tests.e2e.traces import Cut, Line, Reporter, Watch, collector, fused_json, replayed, reported, utc

EVERY = timedelta(minutes=5)
ON_443 = {
    **{
        f"https://{name}/": name.partition(".")[0] for name in ("wikipedia.org", "github.com", "apple.com", "tesla.com")
    },
    "tcp://151.101.1.69:443": "fastly",
    "tls://151.101.1.69:443/www.python.org": "fastly",
}
ELSEWHERE = {
    "http://neverssl.com/": "neverssl",
    "http://example.net/": "example",
    "tcp://151.101.1.69:80": "fastly-80",
    "tcp://192.30.255.112:22": "github-22",
    "tcp://140.82.112.3:22": "github-22",
    "tcp://151.101.65.69:80": "fastly-80",
    "dns://www.wikipedia.org": "wikipedia-dns",
}
AT_CLOUDFLARE = {f"https://{name}/": name for name in ("a.example", "b.example", "c.example", "d.example")}
NOT_THERE = {f"https://{name}/": name for name in ("e.example", "f.example", "g.example")}


async def shown(lines: tuple[Line, ...], watch: Watch, folder: Path) -> dict[str, dict[str, Any]]:
    """Service -> its page, after all vantages have reported their traces."""
    found = await asyncio.gather(*(asyncio.to_thread(replayed, line, watch, folder) for line in lines))
    reporters = [Reporter(line, watch, transitions) for line, transitions in zip(lines, found, strict=True)]
    db, now = folder / "collector.db", watch.until
    async with aiohttp.ClientSession() as http, collector(db, now) as url:
        await reported(reporters, now, url, db, http)
        return {name: await fused_json(http, url, db, f"/s/{name}.json") for name in set(watch.services.values())}


def events(page: dict[str, Any]) -> list[tuple[int, float, float, str]]:
    """AS number, onset in minutes after midnight UTC, duration in minutes, and first cause of each network's events."""
    found = []
    for event in page["events"]:
        if event["scope"] == "network":
            onset, lifted = utc(event["onset"][:19]), utc(event["lifted"][:19])
            length = (lifted - onset).total_seconds() / 60
            minutes = (onset - onset.replace(hour=0, minute=0, second=0)).total_seconds() / 60
            found.append((event["network"]["asn"], minutes, length, event["causes"][0]))
    for asn, minutes, length, cause in found:
        print(f"{page['service']} AS{asn}: {cause} from minute {minutes:.1f} for {length:.1f} min")  # noqa: T201
    return sorted(found)


async def test_74_minutes_without_port_443_are_seen_on_that_port_and_no_other(tmp_path: Path) -> None:
    """Onset and end are right within two rounds, once on each network; ports 80 and 22 and the DNS have no event.

    Six of the thirteen targets are on port 443, and the vantages have no anchors. With more than half of the list on
    that port, the detector would assume for three hours that the vantage is at fault (`probe.detect.shared_failures`;
    see the next test).
    """
    cut = Cut(frozenset(ON_443), utc("2025-08-19 16:34"), utc("2025-08-19 17:48"), Cause.TCP_RESET)
    lines = (Line(4134, "CN", (cut,)), Line(4837, "CN", (cut,)), Line(9381, "HK"))
    watch = Watch(ON_443 | ELSEWHERE, utc("2025-08-19 06:00"), utc("2025-08-20 02:00"), EVERY)

    pages = await shown(lines, watch, tmp_path)

    for service in set(ON_443.values()):
        found = events(pages[service])
        assert [(asn, cause) for asn, _, _, cause in found] == [(4134, "tcp.reset"), (4837, "tcp.reset")], service
        for _, onset, length, _ in found:
            assert onset == pytest.approx(16 * 60 + 34, abs=10), service
            assert length == pytest.approx(74, abs=10), service
    assert {name: pages[name]["events"] for name in ELSEWHERE.values() if pages[name]["events"]} == {}


def test_an_anchor_that_answers_distinguishes_a_blocked_port_from_a_dead_line(tmp_path: Path) -> None:
    """Six of nine targets and one of two anchors are on port 443. Without anchors there is no event."""
    anchors = {
        "https://www.apple.com/": AnchorKind.FOREIGN,
        "http://neverssl.com/": AnchorKind.FOREIGN,
        "https://www.baidu.com/": AnchorKind.DOMESTIC,
    }
    targets = frozenset({*ON_443, "https://www.apple.com/"})
    cut = Cut(targets, utc("2025-08-19 16:34"), utc("2025-08-19 17:48"), Cause.TCP_RESET)
    services = ON_443 | dict(list(ELSEWHERE.items())[:3])
    watch = Watch(services, utc("2025-08-14 06:00"), utc("2025-08-19 20:00"), EVERY)

    with_them = replayed(Line(4134, "CN", (cut,), anchors), watch, tmp_path)
    without = replayed(Line(4134, "CN", (cut,)), watch, tmp_path)

    assert [(one.target, one.after) for one in without] == []
    for target in ON_443:
        began, ended = (one for one in with_them if one.target == target)
        assert (began.after, began.causes, ended.after) == ("blocked", (Cause.TCP_RESET,), "reachable")
        late = began.time - cut.since
        print(f"{target}: {late} after it began")  # noqa: T201
        assert late <= 6 * EVERY
        assert abs(began.onset - cut.since) <= EVERY
        assert cut.until is not None
        assert abs(ended.onset - cut.until) <= EVERY
    assert len(with_them) == 2 * len(ON_443)


async def test_21_hours_without_cloudflare_are_reported_with_onset_and_end(tmp_path: Path) -> None:
    """Only the blocking network has events, for the names at Cloudflare."""
    cut = Cut(frozenset(AT_CLOUDFLARE), utc("2025-03-20 00:00"), utc("2025-03-20 21:00"), Cause.TCP_TIMEOUT)
    lines = (Line(21127, "RU", (cut,)), Line(12389, "RU"))
    watch = Watch(AT_CLOUDFLARE | NOT_THERE, utc("2025-03-19 00:01"), utc("2025-03-21 06:01"), EVERY)

    pages = await shown(lines, watch, tmp_path)

    for service in AT_CLOUDFLARE.values():
        ((asn, onset, length, cause),) = events(pages[service])
        assert (asn, cause) == (21127, "tcp.timeout")
        assert min(onset, 1440 - onset) <= 10
        assert length == pytest.approx(21 * 60, abs=10)
        (row,) = pages[service]["listed_beside_observed"]
        assert row["listing"] is None
    assert {name: pages[name]["events"] for name in NOT_THERE.values() if pages[name]["events"]} == {}
