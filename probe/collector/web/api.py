"""The public data as JSON under `/api/v1/`."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import msgspec
from aiohttp import web

from probe.collector.state import STATE, Collector, public_name
from probe.collector.store import StoreSession, history, public_data, to_ms
from probe.collector.store.events import Revision
from probe.collector.store.history import VantageKey
from probe.collector.store.public_data import PlaceFilter, Position, SpanFilter
from probe.collector.web.alerts_page import MAX_SHOWN, sent_alerts
from probe.collector.web.board_view import BoardCell, ServiceRow
from probe.collector.web.event_view import event_view, evidence
from probe.collector.web.html_pages import BOARD
from probe.collector.web.parameters import EventPageQuery, RevisionsQuery, SpansQuery, hexadecimal
from probe.collector.web.public_records import (
    AlertPage,
    EventDetails,
    EventPage,
    PublicSpan,
    RevisionPage,
    SpanPage,
    cursor_of,
    public_revision,
    read_cursor,
)
from probe.collector.web.responses import ApiError, json_response
from probe.model.event import Event, Span

DEFAULT_PERIOD = timedelta(days=30)
"""How far back events and spans go when the query has no `since`."""
EVENT_ID_DIGITS = 16
SHA256_DIGITS = 64


def routes() -> list[web.RouteDef]:
    """The routes of the public data."""
    return [
        web.get("/api/v1/board", get_board),
        web.get("/api/v1/events", get_events),
        web.get("/api/v1/events/{id}", get_event),
        web.get("/api/v1/revisions", get_revisions),
        web.get("/api/v1/spans", get_spans),
        web.get("/api/v1/alerts", get_alert_list),
        web.get("/api/v1/evidence/{digest}", get_evidence),
    ]


async def get_board(request: web.Request) -> web.Response:
    """`/api/v1/board`: one record for each service in each network, the networks, how many controls measure now."""
    view = await request.app[BOARD].view()
    rows = [_cell_record(line, cell) for line in view.rows for cell in line.cells if cell is not None]
    control = {"present": view.controls, "own": view.own_control}
    return json_response(
        {"time": view.now, "networks": view.networks, "control": control, "failing": view.failing, "cells": rows}
    )


async def get_events(request: web.Request) -> web.Response:
    """`/api/v1/events`: the latest revision of each event, newest onset first; query: see `EventPageQuery`."""
    collector = request.app[STATE]
    query = EventPageQuery.of(request.query)
    since, after = _since(query.since, collector), read_cursor(query.cursor, (int, str))
    place = PlaceFilter(service=query.service, country=query.country, asn=query.asn)

    def read(session: StoreSession) -> list[Event]:
        _demand_known(session, place)
        return public_data.event_page(session, place, since, after, query.limit, lasting=query.ongoing)

    found = await collector.store.read(read)
    following = cursor_of(public_data.position_of(found[-1])) if len(found) == query.limit else ""
    return json_response(EventPage(time=collector.clock.now(), events=tuple(found), next=following))


async def get_revisions(request: web.Request) -> web.Response:
    """`/api/v1/revisions`: everything that was published, in its order; query: see `RevisionsQuery`."""
    collector = request.app[STATE]
    query = RevisionsQuery.of(request.query)
    after = read_cursor(query.cursor, (int,)) or (0,)
    place = PlaceFilter(service=query.service, country=query.country, asn=query.asn)

    def read(session: StoreSession) -> list[Revision]:
        _demand_known(session, place)
        return public_data.revision_page(session, place, int(after[0]), query.limit)

    found = await collector.store.read(read)
    following = cursor_of((found[-1].no,) if found else after)
    revisions = tuple(public_revision(each) for each in found)
    return json_response(RevisionPage(time=collector.clock.now(), revisions=revisions, next=following))


async def get_event(request: web.Request) -> web.Response:
    """`/api/v1/events/<id>`: an event with its revisions, its vantages and the digests of their evidence."""
    collector = request.app[STATE]
    event_id = hexadecimal(request.match_info["id"], "id", EVENT_ID_DIGITS)
    view = await collector.store.read(lambda session: event_view(session, event_id, collector.secret))
    if view is None:
        raise ApiError(404, "not_found", "there is no such event")
    return json_response(
        EventDetails(
            event=view.event,
            superseded=view.superseded,
            revisions=tuple(public_revision(each) for each in view.revisions),
            vantages=view.vantages,
        )
    )


async def get_spans(request: web.Request) -> web.Response:
    """`/api/v1/spans`: the status of each target at each vantage over time; query: see `SpansQuery`."""
    collector = request.app[STATE]
    query = SpansQuery.of(request.query)
    since, after = _since(query.since, collector), read_cursor(query.cursor, (int, int, int))

    def read(session: StoreSession) -> list[tuple[Position, Span]]:
        named = _vantage(session, query.vantage, collector.secret) if query.vantage else None
        if query.vantage and named is None:
            raise unknown("vantage", "event pages show the names of vantages")
        if query.target and not public_data.is_target(session, query.target):
            raise unknown("target", "give it as it stands in /api/v1/board, under targets")
        wanted = SpanFilter(target=query.target, vantage=named, since=since)
        return public_data.span_page(session, wanted, after, query.limit)

    found = await collector.store.read(read)
    spans = tuple(public_span(span, collector.secret) for _, span in found)
    following = cursor_of(found[-1][0]) if len(found) == query.limit else ""
    return json_response(SpanPage(time=collector.clock.now(), spans=spans, next=following))


async def get_alert_list(request: web.Request) -> web.Response:
    """`/api/v1/alerts`: the newest messages to subscribers, without who they are."""
    collector = request.app[STATE]
    found = await collector.store.read(lambda session: sent_alerts(session, MAX_SHOWN))
    return json_response(AlertPage(time=collector.clock.now(), alerts=tuple(found)))


async def get_evidence(request: web.Request) -> web.Response:
    """`/api/v1/evidence/<sha256>`: a verdict as the agent sent it, one line that `probe judge` reads."""
    digest = hexadecimal(request.match_info["digest"], "digest", SHA256_DIGITS)
    body = await request.app[STATE].store.read(lambda session: evidence(session, digest))
    if body is None:
        raise ApiError(404, "not_found", "there is no such evidence")
    answer = web.Response(body=body + b"\n", content_type="application/jsonl")
    answer.headers["Content-Disposition"] = "attachment; filename=verdict.jsonl"
    return answer


def _cell_record(line: ServiceRow, cell: BoardCell) -> dict[str, Any]:
    summary = msgspec.to_builtins(cell.summary)
    event = cell.event
    fields = {
        "service": line.service,
        "since": cell.since,
        "before_watch": cell.before_watch,
        "event": event.id if event else None,
    }
    return {**summary, **fields, "confidence": event.confidence if event else None}


def public_span(span: Span, secret: bytes) -> PublicSpan:
    """A span as it is published: its vantage by its public name."""
    return PublicSpan(
        vantage=public_name(secret, span.agent, span.network),
        target=span.target,
        network=span.network,
        start=span.start,
        stop=span.stop,
        known=span.known,
        status=span.newer or span.status,
        causes=span.causes,
        evidence=span.evidence,
        before_watch=span.before_watch,
    )


_HINTS = {
    "service": "/api/v1/board has the services by name",
    "cc": "/api/v1/board has the countries where vantages measure",
    "asn": "/api/v1/board has the networks where vantages measure",
}


def _demand_known(session: StoreSession, place: PlaceFilter) -> None:
    """Return if everything that is asked for was ever measured: an empty answer would look like "not blocked".

    Raises:
        ApiError: status 400; nothing was ever measured of a part of it.
    """
    name = public_data.unknown_part(session, place)
    if name:
        raise unknown(name, _HINTS[name])


def unknown(name: str, hint: str) -> ApiError:
    """The answer to a value that has its form and is of nothing here."""
    return ApiError(400, "unknown_value", f"nothing is known here of the given {name}: {hint}")


def _vantage(session: StoreSession, name: str, secret: bytes) -> VantageKey | None:
    """The vantage with this public name; None when none has reported."""
    found = (one for one in history.vantages(session) if public_name(secret, one.agent, one.network) == name)
    return next(found, None)


def _since(moment: datetime | None, collector: Collector) -> int:
    """The moment in milliseconds; the default period back from now when the query names none."""
    return to_ms(moment or collector.clock.now() - DEFAULT_PERIOD)
