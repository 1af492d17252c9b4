"""HTML pages of the board and of an event. They are complete without scripts."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jinja2
import msgspec
from aiohttp import web

from probe.collector.state import STATE, Collector
from probe.collector.store import followed, from_ms, history
from probe.collector.web import wording
from probe.collector.web.board_summary import board_summary
from probe.collector.web.board_view import BoardView, board_view
from probe.collector.web.country_matrix import country_matrix
from probe.collector.web.display_names import country_name, service_title
from probe.collector.web.event_view import EventView, SupportingVerdict, event_view
from probe.collector.web.standing_events import failing_summaries, standing_events
from probe.collector.web.timeline import TimelineStrip, vantage_timeline
from probe.collector.web.verdict_text import command_line, control_line, evidence_rows, location_line, printable
from probe.model.verdict import Cause

STATIC = Path(__file__).parent / "static"
MAX_AGE_SECONDS = 1.0
"""For how many real seconds one read of the database answers every request."""
MAX_NETWORK_COLUMNS = 8
"""With more networks than this the board shows countries; each country has a page with its networks."""
MAX_FOLLOWED_SHOWN = 20
"""Events of other collectors on a page."""
MAX_MATRIX_ROWS = 24
"""Services in the matrix at first, the worst first."""
RELOAD_SECONDS = 30.0
"""Seconds after which an open page reloads itself."""


class BoardCache:
    """The data of the board, read from the database at most once a second."""

    def __init__(self, collector: Collector) -> None:
        self._collector = collector
        self._lock = asyncio.Lock()
        self._at = -MAX_AGE_SECONDS
        self._view: BoardView | None = None

    async def view(self) -> BoardView:
        """The board, at most `MAX_AGE_SECONDS` old."""
        collector = self._collector
        async with self._lock:
            if self._view is None or collector.real.monotonic() - self._at >= MAX_AGE_SECONDS:
                now = collector.clock.now().replace(microsecond=0)
                self._view = await collector.store.read(lambda session: board_view(session, now))
                self._at = collector.real.monotonic()
            return self._view


BOARD: web.AppKey[BoardCache] = web.AppKey("board", BoardCache)
TEMPLATES: web.AppKey[jinja2.Environment] = web.AppKey("templates", jinja2.Environment)


def templates() -> jinja2.Environment:
    """The template environment: values are escaped, an undefined name is an error."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("probe.collector.web"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        iso=lambda value: value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        moment=wording.moment,
        short_moment=wording.short_moment,
        from_ms=from_ms,
        status_word=lambda status: wording.STATUS[history.known_status(status)][0],
        meaning=lambda status: wording.STATUS[history.known_status(status)][1],
        cause_text=lambda cause: wording.CAUSE.get(Cause(cause), cause),
        state=wording.state_text,
        withdrawal=wording.withdrawal,
        kind=lambda revision: wording.kind_text(revision.kind, revision.event),
        beginning=wording.beginning,
        onset_label=wording.onset_label,
        headline=lambda revision: wording.headline(revision.kind, revision.event, revision.reason),
        network=wording.network_name,
        location=wording.location,
        sentence=wording.sentence,
        citation=wording.citation,
        bibtex=wording.bibtex,
        confidence=wording.confidence,
        shortened=wording.shortened,
        duration=wording.duration,
        count_of=wording.count_of,
        time_range=lambda when: wording.time_range(when.after, when.before),
        lag_range=lambda lag: wording.lag_range(lag.least, lag.most),
        service_title=service_title,
        country=country_name,
        service_path=service_path,
        printable=printable,
    )
    return environment


async def get_board(request: web.Request) -> web.Response:
    """`/`: the board, services by network."""
    view = await request.app[BOARD].view()
    rate = request.app[STATE].clock.rate
    lasting = await request.app[STATE].store.read(lambda session: followed.ongoing(session, MAX_FOLLOWED_SHOWN))
    return render(
        request,
        "board.html",
        followed=lasting,
        view=view,
        now=view.now,
        summary=board_summary(view),
        standing=standing_events(view),
        failing=failing_summaries(view.failing),
        present=sum(place.present for place in view.networks),
        matrix=country_matrix(view) if len(view.networks) > MAX_NETWORK_COLUMNS else None,
        matrix_rows=len(view.rows) if request.query.get("rows") == "all" else MAX_MATRIX_ROWS,
        legend=list(wording.STATUS),
        rule=wording.STATUS_RULE,
        every=max(2.0, RELOAD_SECONDS / rate),
    )


async def get_event(request: web.Request) -> web.Response:
    """`/e/<id>`: an event with the reports it is made of."""
    collector = request.app[STATE]
    event_id = request.match_info["id"]
    view = await collector.store.read(lambda session: event_view(session, event_id, collector.secret))
    if view is None:
        text = "Check the address: events stay once they are published."
        return render(request, "error.html", status=404, title="There is no such event", text=text)
    now = collector.clock.now().replace(microsecond=0)
    return render(
        request,
        "event.html",
        view=view,
        now=now,
        verdicts=_verdicts(view),
        lanes=_lanes(view, now),
        latest=_latest_onset(view),
        origin=collector.origin,
    )


def service_path(name: str) -> str:
    """The path of a service's page, with the name percent-encoded."""
    return "/s/" + quote(name, safe="")


def missing_page(request: web.Request, title: str, text: str) -> web.Response:
    """A page for something that does not exist here, with a hint."""
    return render(request, "error.html", status=404, title=title, text=text)


def error_page(request: web.Request, status: int) -> web.Response:
    """An error as a page."""
    title = "There is nothing here" if status == 404 else "The request failed"
    return render(request, "error.html", status=status, title=title, text="The board links to every page.")


def render(request: web.Request, name: str, status: int = 200, **values: Any) -> web.Response:
    """A response with the template of this name, compressed and not cached by browsers."""
    text = request.app[TEMPLATES].get_template(name).render({"now": _epoch(), **values})
    answer = web.Response(text=text, status=status, content_type="text/html", charset="utf-8")
    answer.headers["Cache-Control"] = "no-cache"
    answer.enable_compression()
    return answer


def _epoch() -> datetime:
    return from_ms(0)


def _latest_onset(view: EventView) -> datetime | None:
    """When the last network of a country's event began; None where there is one network."""
    first: dict[tuple[int, str], datetime] = {}
    for each in view.vantages:
        network = (each.asn, each.country)
        first[network] = min(each.since, first.get(network, each.since))
    return max(first.values()) if len(first) > 1 else None


def _lanes(view: EventView, now: datetime) -> list[TimelineStrip]:
    """Draw when each vantage saw the event, on one scale with a small margin on both sides."""
    ends = [each.until or now for each in view.vantages]
    since = min((each.since for each in view.vantages), default=now)
    room = max(timedelta(minutes=1), (max(ends, default=now) - since) / 20)
    scale = (since - room, max(ends, default=now) + room)
    return [vantage_timeline(each.status, (each.since, each.until or scale[1]), *scale) for each in view.vantages]


def _verdicts(view: EventView) -> list[dict[str, Any]]:
    return [_shown(item) for item in view.verdicts]


def _shown(item: SupportingVerdict) -> dict[str, Any]:
    """A verdict as the page shows it. Its JSON is in ASCII: marks that reverse the writing would rearrange the page."""
    raw = json.dumps(msgspec.to_builtins(item.verdict), indent=1, ensure_ascii=True)
    return {
        "vantage": item.vantage,
        "digest": item.digest,
        "verdict": item.verdict,
        "steps": evidence_rows(item.verdict),
        "control": f"{control_line(item.verdict)} {location_line(item.verdict)}".strip(),
        "command": command_line(printable(item.verdict.target, 2048)),
        "raw": raw,
    }
