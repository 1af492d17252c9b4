"""The public data as JSON under `/api/v1/`."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import msgspec
from aiohttp import web

from probe.collector.state import STATE, Collector, public_name
from probe.collector.store import StoreSession, events, from_ms, history, to_ms
from probe.collector.store.history import VantageKey
from probe.collector.web.board_view import BoardCell, ServiceRow
from probe.collector.web.event_view import event_view, evidence
from probe.collector.web.html_pages import BOARD
from probe.collector.web.parameters import EventsQuery, SpansQuery, hexadecimal
from probe.collector.web.responses import ApiError, json_response
from probe.model.event import Network, Span

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
        web.get("/api/v1/spans", get_spans),
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
    """`/api/v1/events`: the latest revision of each event, newest first; query: see `EventsQuery`."""
    collector = request.app[STATE]
    query = EventsQuery.of(request.query)
    since = _since(query.since, collector)
    found = await collector.store.read(
        lambda session: events.events(session, since, query.limit, lasting=query.ongoing)
    )
    return json_response({"time": collector.clock.now(), "events": found})


async def get_event(request: web.Request) -> web.Response:
    """`/api/v1/events/<id>`: an event with its revisions, its vantages and the digests of their evidence."""
    collector = request.app[STATE]
    event_id = hexadecimal(request.match_info["id"], "id", EVENT_ID_DIGITS)
    view = await collector.store.read(lambda session: event_view(session, event_id, collector.secret))
    if view is None:
        raise ApiError(404, "not_found", "there is no such event")
    revisions = [
        {"kind": each.kind, "published": from_ms(each.published), "reason": each.reason, "event": each.event}
        for each in view.revisions
    ]
    answer = {"event": view.event, "superseded": view.superseded, "revisions": revisions, "vantages": view.vantages}
    return json_response(answer)


async def get_spans(request: web.Request) -> web.Response:
    """`/api/v1/spans`: the status of each target at each vantage over time, newest first; query: see `SpansQuery`."""
    collector = request.app[STATE]
    query = SpansQuery.of(request.query)
    since = _since(query.since, collector)

    def chosen(session: StoreSession) -> list[Span]:
        named = _vantage(session, query.vantage, collector.secret) if query.vantage else None
        if query.vantage and named is None:
            return []
        return history.spans(session, query.target, since, query.limit, named)

    found = await collector.store.read(chosen)
    return json_response({"time": collector.clock.now(), "spans": [_span(span, collector.secret) for span in found]})


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


class _PublicSpan(msgspec.Struct, frozen=True, kw_only=True):
    vantage: str
    target: str
    network: Network
    start: datetime
    stop: datetime | None
    known: datetime
    status: str
    causes: tuple[str, ...]
    evidence: str
    before_watch: bool


def _span(span: Span, secret: bytes) -> _PublicSpan:
    return _PublicSpan(
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


def _vantage(session: StoreSession, name: str, secret: bytes) -> VantageKey | None:
    """The vantage with this public name; None when none has reported."""
    found = (one for one in history.vantages(session) if public_name(secret, one.agent, one.network) == name)
    return next(found, None)


def _since(moment: datetime | None, collector: Collector) -> int:
    """The moment in milliseconds; the default period back from now when the query names none."""
    return to_ms(moment or collector.clock.now() - DEFAULT_PERIOD)
