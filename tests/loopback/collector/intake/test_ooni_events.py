"""What was found in OONI's archive is shown with its source, and counts in nothing of the collector's own."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from probe.cli import main
from probe.collector.intake.ooni_events import SOURCE, events_of
from probe.errors import ExitStatus
from probe.formats.jsonlines import write
from probe.model.verdict import Cause
from probe.ooni.network_detectors import NetworkTransition
from tests.loopback.collector.conftest import Server

ONSET = datetime(2024, 2, 3, tzinfo=UTC)


def transition(before: str, after: str, hours: float, target: str = "https://news.example/") -> NetworkTransition:
    """A transition so many hours after the onset of the first."""
    at = ONSET + timedelta(hours=hours)
    causes = (Cause.DNS_BOGON,) if after == "blocked" else ()
    return NetworkTransition(
        target=target, before=before, after=after, time=at + timedelta(hours=2), onset=at, causes=causes,
        country="IT", asn=137,
    )  # fmt: skip


def test_an_interference_is_an_event_until_it_ends() -> None:
    """Its id depends on nothing but what it is, so that a file may be loaded again."""
    begun, other = transition("reachable", "blocked", 0), transition("reachable", "blocked", 5, "http://b.example/")
    whole = events_of([begun, other, transition("blocked", "reachable", 48), transition("reachable", "down", 60)])

    assert [(one.service, one.lifted and one.lifted - ONSET) for one in whole] == [
        ("https://news.example/", timedelta(hours=48)),
        ("http://b.example/", None),
    ]
    assert events_of([begun])[0].id == whole[0].id
    assert whole[0].confidence == "one_source"


async def test_events_are_shown_beside_and_not_among_our_own(server: Server, tmp_path: Path) -> None:
    """With `ooni` as their source; loaded twice, they stand there once."""
    file = tmp_path / "transitions.jsonl"
    file.write_bytes(write(transition("reachable", "blocked", 0)))
    for _ in range(2):
        assert await _load(file) == ExitStatus.OK
    _, text = await server.get("/api/v1/following/events?ongoing=true")
    (found,) = json.loads(text)["events"]

    assert found["reported_by"] == {"name": "ooni", "source": SOURCE, "log": "ooni"}
    assert found["event"]["service"] == "https://news.example/"
    assert json.loads((await server.get("/api/v1/events"))[1])["events"] == []
    status, page = await server.get(f"/following/{SOURCE}/e/{found['event']['id']}")
    assert status == 200
    assert "No log proves it" in page
    assert "OONI's measurements" in (await server.get("/following"))[1].replace("&#39;", "'")


async def _load(file: Path) -> int:
    """Run `probe collector load-ooni` on the server's database."""
    return await asyncio.to_thread(
        main, ["collector", "load-ooni", "--db", str(file.with_name("collector.db")), str(file)]
    )
