"""Files of a day and of a month, from a running collector."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from probe.collector.web import bulk_data
from probe.collector.web.bulk_data import bounds_of, csv_lines
from probe.collector.web.public_records import PublicRevision, PublicSpan
from probe.collector.web.responses import ApiError
from probe.model.verdict import Cause, Status
from tests.loopback.collector.conftest import Server
from tests.loopback.collector.fusing.test_fuser import T, fused, report
from tests.loopback.collector.vantages import FakeAgent, change
from tests.loopback.collector.web.test_api import got

Enrolled = Callable[..., Awaitable[FakeAgent]]
NOW = datetime.now(UTC)
HOUR = timedelta(hours=1)


async def unpacked(server: Server, path: str) -> str:
    """The content of a file."""
    async with server.http.get(server.page + path) as answer:
        assert (answer.status, answer.content_type) == (200, "application/gzip")
        return gzip.decompress(await answer.read()).decode()


async def test_files_have_what_the_pages_have(
    server: Server, enrolled: Enrolled, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As JSON Lines and as CSV, of the day and of the month, read in several pages."""
    monkeypatch.setattr(bulk_data, "PAGE_RECORDS", 2)
    for asn in (64500, 64501, 64502):
        await report(server, await enrolled(asn), change(T, Status.BLOCKED, NOW - HOUR, Cause.TCP_RESET))
    await fused(server)
    index = await got(server, "/data")
    (day, *_), (month, *_) = index["days"], index["months"]
    whole = (await got(server, "/api/v1/revisions"))["revisions"]
    assert len(whole) > 2

    lines = (await unpacked(server, f"/data/{month}/revisions.jsonl.gz")).splitlines()
    assert [json.loads(line) for line in lines] == whole
    assert all(msgspec.json.decode(line, type=PublicRevision) for line in lines)
    rows = list(csv.DictReader(io.StringIO(await unpacked(server, f"/data/{day}/revisions.csv.gz"))))
    assert [int(row["no"]) for row in rows] == [each["no"] for each in whole]
    assert {row["causes"] for row in rows} == {"tcp.reset"}

    spans = (await got(server, "/api/v1/spans"))["spans"]
    begun = [span for span in spans if span["start"].startswith(NOW.strftime("%Y-%m-%d"))]
    today = await unpacked(server, f"/data/{NOW:%Y-%m-%d}/spans.jsonl.gz")
    assert [json.loads(line) for line in today.splitlines()] == begun
    assert all(msgspec.json.decode(line, type=PublicSpan) for line in today.splitlines())
    table = await unpacked(server, f"/data/{NOW:%Y-%m-%d}/spans.csv.gz")
    assert table.startswith("vantage,target,asn,country,start")
    assert table.count("\n") == len(begun) + 1


async def test_a_day_without_anything_is_an_empty_file_and_no_day_is_an_error(server: Server) -> None:
    assert await unpacked(server, "/data/2017-05-04/revisions.jsonl.gz") == ""
    for period in ("2017-13", "2017-02-30", "9999-12-31", "today", "2017-5", "0000-01"):
        assert (await server.get(f"/data/{period}/spans.csv.gz"))[0] == 404
    assert await got(server, "/data") == {"days": [], "months": [], "files": (await got(server, "/data"))["files"]}


def test_a_month_ends_where_the_next_begins() -> None:
    assert bounds_of("2016-02")[1] == bounds_of("2016-03")[0] == bounds_of("2016-02-29")[1]
    assert bounds_of("2016-12")[1] == bounds_of("2017-01")[0]
    with pytest.raises(ApiError, match="no such day"):
        bounds_of("2016-02-30")


def test_what_strangers_wrote_is_no_formula() -> None:
    assert csv_lines([("=1+1", -5, "a,b")]) == b'\'=1+1,-5,"a,b"\n'
