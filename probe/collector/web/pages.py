"""The pages people read: rendered here, complete without any script."""

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
from probe.collector.store import from_ms
from probe.collector.web import wording
from probe.collector.web.board_view import BoardView, board_view
from probe.collector.web.display_names import called, country_name
from probe.collector.web.event_view import EventView, SupportingVerdict, event_view
from probe.collector.web.timeline import TimelineStrip, lane
from probe.collector.web.verdict_text import command_line, control_line, evidence_rows, location_line, plain
from probe.fuse.revision import RevisionKind
from probe.model.verdict import Cause, Status, VantageState

STATIC = Path(__file__).parent / "static"
FRESH = 1.0
"""Real seconds for which one look at the database serves all who ask."""
REFRESH = 30.0
"""Seconds after which an open board looks again."""


class BoardCache:
    """The board, looked up once for all who ask in the same second."""

    def __init__(self, collector: Collector) -> None:
        self._collector = collector
        self._lock = asyncio.Lock()
        self._at = -FRESH
        self._view: BoardView | None = None

    async def view(self) -> BoardView:
        """The board, a second old at most."""
        collector = self._collector
        async with self._lock:
            if self._view is None or collector.real.monotonic() - self._at >= FRESH:
                now = collector.clock.now().replace(microsecond=0)
                self._view = await collector.store.read(lambda session: board_view(session, now))
                self._at = collector.real.monotonic()
            return self._view


BOARD: web.AppKey[BoardCache] = web.AppKey("board", BoardCache)
TEMPLATES: web.AppKey[jinja2.Environment] = web.AppKey("templates", jinja2.Environment)


def templates() -> jinja2.Environment:
    """The templates. Whatever is put in is escaped; a name that is missing is an error."""
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("probe.collector.web"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(
        iso=lambda value: value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        moment=wording.moment,
        near=wording.short_moment,
        from_ms=from_ms,
        word=lambda status: wording.STATUS[Status(status)][0],
        meaning=lambda status: wording.STATUS[Status(status)][1],
        said=lambda cause: wording.CAUSE[Cause(cause)],
        state=lambda state: wording.STATE[VantageState(state)],
        kind=lambda kind: wording.KIND[RevisionKind(kind)],
        news=lambda revision: wording.news(revision.kind, revision.event),
        network=wording.network_name,
        place=wording.place,
        sentence=wording.sentence,
        confidence=wording.confidence,
        abridged=wording.abridged,
        duration=wording.duration,
        counted=wording.counted,
        window=lambda when: wording.window(when.after, when.before),
        lag=lambda lag: wording.lag(lag.least, lag.most),
        called=called,
        country=country_name,
        service_path=service_path,
        plain=plain,
    )
    return made


async def get_board(request: web.Request) -> web.Response:
    """`/`: services by network."""
    view = await request.app[BOARD].view()
    rate = request.app[STATE].clock.rate
    return rendered(
        request,
        "board.html",
        view=view,
        now=view.now,
        headline=_headline(view),
        present=sum(place.present for place in view.places),
        legend=list(wording.STATUS),
        rule=wording.STATUS_RULE,
        every=max(2.0, REFRESH / rate),
    )


async def get_event(request: web.Request) -> web.Response:
    """`/e/<id>`: an event and its grounds."""
    collector = request.app[STATE]
    event_id = request.match_info["id"]
    view = await collector.store.read(lambda session: event_view(session, event_id, collector.secret))
    if view is None:
        text = "The address may be mistyped: an event once published stays."
        return rendered(request, "error.html", status=404, title="There is no such event", text=text)
    now = collector.clock.now().replace(microsecond=0)
    return rendered(request, "event.html", view=view, now=now, proofs=_proofs(view), lanes=_lanes(view, now))


def service_path(name: str) -> str:
    """The page of a service, whatever characters its name has."""
    return "/s/" + quote(name, safe="")


def lost(request: web.Request, status: int) -> web.Response:
    """A page in place of one that is not there."""
    title = "There is nothing here" if status == 404 else "That did not work"
    return rendered(request, "error.html", status=status, title=title, text="The board is where everything begins.")


def rendered(request: web.Request, name: str, status: int = 200, **values: Any) -> web.Response:
    """A template, filled in."""
    text = request.app[TEMPLATES].get_template(name).render({"now": _epoch(), **values})
    answer = web.Response(text=text, status=status, content_type="text/html", charset="utf-8")
    answer.headers["Cache-Control"] = "no-cache"
    answer.enable_compression()
    return answer


def _epoch() -> datetime:
    return from_ms(0)


def _headline(view: BoardView) -> str:
    """The answer in one line: what is interfered with, and how widely."""
    services = sorted({event.service for event in view.lasting}, key=str.casefold)
    networks = {event.network for event in view.lasting}
    if len(services) == 1:
        name = wording.abridged(called(services[0]))
        said = wording.STATUS[view.lasting[0].status][0].lower()
        measured = [line for line in view.lines if line.service == services[0]]
        squares = [square for line in measured for square in line.squares if square is not None]
        hit = [square.cell.partial for square in squares if square.event is not None]
        whole, partial = hit.count(False), hit.count(True)
        where = f"on {whole}" if whole else f"in part on {partial}"
        more = f", in part on {partial} more" if whole and partial else ""
        return f"{name} is {said} {where} of {wording.counted(len(squares), 'measured network')}{more}."
    where = wording.counted(len(networks), "network")
    return f"{wording.counted(len(services), 'service')} blocked or throttled on {where}."


def _lanes(view: EventView, now: datetime) -> list[TimelineStrip]:
    """Draw when each vantage saw the event, all on one scale with a small margin on both sides."""
    ends = [each.until or now for each in view.witnesses]
    since = min((each.since for each in view.witnesses), default=now)
    room = max(timedelta(minutes=1), (max(ends, default=now) - since) / 20)
    scale = (since - room, max(ends, default=now) + room)
    return [lane(each.status, (each.since, each.until or scale[1]), *scale) for each in view.witnesses]


def _proofs(view: EventView) -> list[dict[str, Any]]:
    return [_proof(proof) for proof in view.proofs]


def _proof(proof: SupportingVerdict) -> dict[str, Any]:
    """A verdict as the page shows it; the JSON in ASCII, so that no character of a stranger's page rearranges ours."""
    raw = json.dumps(msgspec.to_builtins(proof.verdict), indent=1, ensure_ascii=True)
    return {
        "vantage": proof.vantage,
        "digest": proof.digest,
        "verdict": proof.verdict,
        "steps": evidence_rows(proof.verdict),
        "control": f"{control_line(proof.verdict)} {location_line(proof.verdict)}".strip(),
        "command": command_line(plain(proof.verdict.target, 2048)),
        "raw": raw,
    }
