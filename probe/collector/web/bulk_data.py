"""`/data`: everything that was published in a day or a month, as files: revisions of events, and spans.

A file is made while it is sent, page by page, so its size costs no memory. A closed period changes no more, except that
spans still end and late ones come: each file says what is known when it is fetched.
"""

from __future__ import annotations

import asyncio
import csv
import io
import re
import zlib
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import UTC, datetime, timedelta

import msgspec
from aiohttp import web

from probe.collector.state import STATE, Collector
from probe.collector.store import StoreSession, from_ms, public_data, to_ms
from probe.collector.store.events import Revision
from probe.collector.store.public_data import PlaceFilter, Position, SpanFilter
from probe.collector.web.api import public_span
from probe.collector.web.public_records import PublicRevision, PublicSpan, public_revision
from probe.collector.web.responses import ApiError, csv_cell, json_response
from probe.errors import StorageError
from probe.model.event import Span

PAGE_RECORDS = 1000
"""Records read at once."""
MAX_DOWNLOADS = 2
"""Files made at once; others wait for their turn."""
_GZIP = 16 + zlib.MAX_WBITS
_PERIOD = re.compile(r"\d{4}-\d\d(-\d\d)?", re.ASCII)
REVISION_COLUMNS = (
    *("no", "kind", "published", "reason", "id", "revision", "service", "scope", "asn", "country", "status"),
    *("causes", "confidence", "onset", "known", "lifted", "vantages", "networks", "targets", "before_watch"),
)
SPAN_COLUMNS = (
    *("vantage", "target", "asn", "country", "start", "stop", "known"),
    *("status", "causes", "evidence", "before_watch"),
)
SLOTS: web.AppKey[asyncio.Semaphore] = web.AppKey("downloads", asyncio.Semaphore)


def routes() -> list[web.RouteDef]:
    """The addresses of bulk data."""
    return [
        web.get("/data", get_index),
        web.get("/data/{period}/{records:revisions|spans}.{form:jsonl|csv}.gz", get_file),
    ]


async def get_index(request: web.Request) -> web.Response:
    """`/data`: the days and months of which there are files, and their addresses."""
    found = await request.app[STATE].store.read(public_data.published_days)
    days: list[str] = []
    if found is not None:
        day, last = (from_ms(value).date() for value in found)
        while day <= last:
            days.append(day.isoformat())
            day += timedelta(days=1)
    months = sorted({day[:7] for day in days})
    files = ["/data/{period}/revisions.jsonl.gz", "/data/{period}/revisions.csv.gz"]
    files += ["/data/{period}/spans.jsonl.gz", "/data/{period}/spans.csv.gz"]
    return json_response({"days": days, "months": months, "files": files})


async def get_file(request: web.Request) -> web.StreamResponse:
    """`/data/<day or month>/<revisions or spans>.<jsonl or csv>.gz`: what was published, or began, in that time."""
    collector = request.app[STATE]
    name, form = request.match_info["records"], request.match_info["form"]
    period = bounds_of(request.match_info["period"])
    answer = web.StreamResponse()
    answer.content_type = "application/gzip"
    filename = f"{request.match_info['period']}-{name}.{form}.gz"
    answer.headers["Content-Disposition"] = f"attachment; filename={filename}"
    async with request.app[SLOTS]:
        await answer.prepare(request)
        packer = zlib.compressobj(6, zlib.DEFLATED, _GZIP)
        pages = _revisions(collector, period) if name == "revisions" else _spans(collector, period)
        columns = REVISION_COLUMNS if name == "revisions" else SPAN_COLUMNS
        await answer.write(packer.compress(csv_lines([columns]) if form == "csv" else b""))
        try:
            async for page in pages:
                text = csv_lines(map(_cells, page)) if form == "csv" else _json_lines(page)
                await answer.write(packer.compress(text))
        except StorageError:  # the head is sent: cut the connection, so that nobody takes a part for the whole
            if request.transport is not None:
                request.transport.abort()
            return answer
        await answer.write(packer.flush())
    await answer.write_eof()
    return answer


def bounds_of(period: str) -> tuple[int, int]:
    """The beginning and the end of a day (`2017-05-04`) or a month (`2017-05`) in UTC, in milliseconds.

    Raises:
        ApiError: status 404; it is neither.
    """
    try:
        # An empty text is no date, so another form fails below.
        period = period if _PERIOD.fullmatch(period) else ""
        whole = len(period) == len("2017-05")
        begins = datetime.fromisoformat(f"{period}-01" if whole else period).replace(tzinfo=UTC)
        ends = (begins + timedelta(days=31)).replace(day=1) if whole else begins + timedelta(days=1)
    except (ValueError, OverflowError) as error:
        raise ApiError(404, "not_found", "there is no such day or month; /data has a list") from error
    return to_ms(begins), to_ms(ends)


def csv_lines(rows: Iterable[Sequence[str | int]]) -> bytes:
    """Rows as CSV in UTF-8; no text is a formula to a spreadsheet (see `csv_cell`)."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([csv_cell(value) for value in row] for row in rows)
    return text.getvalue().encode("utf-8", "replace")


async def _revisions(collector: Collector, period: tuple[int, int]) -> AsyncIterator[list[PublicRevision]]:
    after = 0
    while True:
        number = after

        def read(session: StoreSession, number: int = number) -> list[Revision]:
            return public_data.revision_page(session, PlaceFilter(), number, PAGE_RECORDS, period)

        page = await collector.store.read(read)
        yield [public_revision(each) for each in page]
        if len(page) < PAGE_RECORDS:
            return
        after = page[-1].no


async def _spans(collector: Collector, period: tuple[int, int]) -> AsyncIterator[list[PublicSpan]]:
    after: Position | None = None
    while True:

        def read(session: StoreSession, after: Position | None = after) -> list[tuple[Position, Span]]:
            return public_data.span_page(session, SpanFilter(began=period), after, PAGE_RECORDS)

        page = await collector.store.read(read)
        yield [public_span(span, collector.secret) for _, span in page]
        if len(page) < PAGE_RECORDS:
            return
        after = page[-1][0]


def _json_lines(page: Iterable[PublicRevision | PublicSpan]) -> bytes:
    return b"".join(msgspec.json.encode(each) + b"\n" for each in page)


def _cells(each: PublicRevision | PublicSpan) -> list[str | int]:
    """The cells of a record, in the order of its columns."""
    record = msgspec.to_builtins(each)
    if isinstance(each, PublicRevision):
        record |= record.pop("event")
    record |= record.pop("network")
    columns = REVISION_COLUMNS if isinstance(each, PublicRevision) else SPAN_COLUMNS
    return [_cell(record[name]) for name in columns]


def _cell(value: object) -> str | int:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int):
        return value
    return " ".join(map(str, value)) if isinstance(value, list | tuple) else str(value or "")
