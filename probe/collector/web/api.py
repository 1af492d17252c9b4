"""The public data, for programs: JSON under `/api/v1/`."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import msgspec
from aiohttp import web

from probe.collector.state import STATE, Collector, public_name
from probe.collector.store import events, from_ms, history, to_ms
from probe.collector.web.board_view import BoardCell, ServiceRow
from probe.collector.web.event_view import event_view, evidence
from probe.collector.web.pages import BOARD
from probe.collector.web.responses import ApiError, json_response
from probe.model.event import Network, Span

MOST = 1000
"""Records in one answer."""
RECENT = timedelta(days=30)


async def get_board(request: web.Request) -> web.Response:
    """`/api/v1/board`: one record for each service in each network, and the networks."""
    view = await request.app[BOARD].view()
    rows = [_square(line, square) for line in view.lines for square in line.squares if square is not None]
    return json_response({"time": view.now, "networks": view.places, "cells": rows})


async def get_events(request: web.Request) -> web.Response:
    """`/api/v1/events`: events as they stand, the newest first; `?since=` a moment, `?open=1`, `?limit=`."""
    collector = request.app[STATE]
    since, limit = _since(request, collector), _limit(request)
    lasting = request.query.get("open", "") in {"1", "true"}
    found = await collector.store.read(lambda session: events.events(session, since, limit, lasting=lasting))
    return json_response({"time": collector.clock.now(), "events": found})


async def get_event(request: web.Request) -> web.Response:
    """`/api/v1/events/<id>`: an event, its revisions, its vantages, the digests of its evidence."""
    collector = request.app[STATE]
    event_id = request.match_info["id"]
    view = await collector.store.read(lambda session: event_view(session, event_id, collector.secret))
    if view is None:
        raise ApiError(404, "not_found", "there is no such event")
    revisions = [
        {"kind": each.kind, "published": from_ms(each.published), "event": each.event} for each in view.revisions
    ]
    answer = {"event": view.event, "superseded": view.superseded, "revisions": revisions, "vantages": view.witnesses}
    return json_response(answer)


async def get_spans(request: web.Request) -> web.Response:
    """`/api/v1/spans`: what each vantage saw; `?target=`, `?since=`, `?limit=`."""
    collector = request.app[STATE]
    since, limit = _since(request, collector), _limit(request)
    target = request.query.get("target", "")
    found = await collector.store.read(lambda session: history.spans(session, target, since, limit))
    return json_response({"time": collector.clock.now(), "spans": [_span(span, collector.secret) for span in found]})


async def get_evidence(request: web.Request) -> web.Response:
    """`/api/v1/evidence/<sha256>`: a verdict as it came, one line that `probe judge` reads."""
    digest = request.match_info["digest"]
    body = await request.app[STATE].store.read(lambda session: evidence(session, digest))
    if body is None:
        raise ApiError(404, "not_found", "there is no such evidence")
    answer = web.Response(body=body + b"\n", content_type="application/jsonl")
    answer.headers["Content-Disposition"] = "attachment; filename=verdict.jsonl"
    return answer


def _square(line: ServiceRow, square: BoardCell) -> dict[str, Any]:
    cell = msgspec.to_builtins(square.cell)
    event = square.event
    fields = {"service": line.service, "since": square.since, "event": event.id if event else None}
    return {**cell, **fields, "confidence": event.confidence if event else None}


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


def _span(span: Span, secret: bytes) -> _PublicSpan:
    return _PublicSpan(
        vantage=public_name(secret, span.agent, span.network),
        target=span.target,
        network=span.network,
        start=span.start,
        stop=span.stop,
        known=span.known,
        status=span.status,
        causes=span.causes,
        evidence=span.evidence,
    )


def _since(request: web.Request, collector: Collector) -> int:
    text = request.query.get("since", "")
    if not text:
        return to_ms(collector.clock.now() - RECENT)
    try:
        moment = datetime.fromisoformat(text.replace(" ", "+"))
    except ValueError as error:
        raise ApiError(400, "bad_request", "since is a moment as 2017-05-04T00:00:00Z") from error
    if moment.tzinfo is None:
        raise ApiError(400, "bad_request", "since lacks its zone: write 2017-05-04T00:00:00Z")
    return to_ms(moment)


def _limit(request: web.Request) -> int:
    text = request.query.get("limit", str(MOST))
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= MOST):
        raise ApiError(400, "bad_request", f"limit is a number from 1 to {MOST}")
    return int(text)
