"""`/v/<name>`: a vantage under its public name, for the volunteer who runs it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import msgspec
from aiohttp import web

from probe.collector.state import STATE, public_name
from probe.collector.store import StoreSession, events, from_ms, history, to_ms
from probe.collector.store.history import LatestPresence, VantageKey
from probe.collector.web.board_view import board_cell
from probe.collector.web.html_pages import missing_page, render
from probe.fuse.board import board_services
from probe.model.event import Span
from probe.model.verdict import Status

MAX_SPANS = 500
"""Statuses of a vantage on its page, newest first."""


class VantageFinding(msgspec.Struct, frozen=True, kw_only=True):
    """A target as this vantage sees it now.

    Attributes:
        network_status: of the target's service by all vantages of the network; None where it is not known.
        differs: this vantage sees interference and the network's other vantages do not, or the reverse.
    """

    span: Span
    service: str
    network_status: Status | None
    differs: bool


class VantageView(msgspec.Struct, frozen=True, kw_only=True):
    """A vantage in one network.

    Attributes:
        presence: its latest run of rounds in any network; None where it is not active any more.
        present: whether it counts as present now.
        findings: its present statuses, those that differ first.
        past: its statuses that have ended, newest first.
    """

    name: str
    key: VantageKey
    presence: LatestPresence | None
    present: bool
    findings: tuple[VantageFinding, ...]
    past: tuple[Span, ...]


def vantage_view(session: StoreSession, name: str, secret: bytes, now: datetime) -> VantageView | None:
    """Read a vantage by its public name; None when none has reported under it."""
    keys = (key for key in history.vantages(session) if public_name(secret, key.agent, key.network) == name)
    key = next(keys, None)
    if key is None:
        return None
    latest = next((each for each in history.latest_presences(session) if each.agent == key.agent), None)
    found = history.spans(session, "", 0, MAX_SPANS, key)
    standing = [span for span in found if span.stop is None]
    return VantageView(
        name=name,
        key=key,
        presence=latest,
        present=latest is not None and latest.present(to_ms(now)),
        findings=tuple(_findings(session, standing, key, now)),
        past=tuple(span for span in found if span.stop is not None),
    )


def _findings(session: StoreSession, spans: Iterable[Span], key: VantageKey, now: datetime) -> list[VantageFinding]:
    services = history.services(session)
    named = {services.get(span.target, span.target) for span in spans}
    known = {
        summary.service: board_cell(summary, []).summary.status
        for service in sorted(named)
        for summary in board_services(events.status_counts(session, to_ms(now), service))
        if summary.network == key.network
    }
    findings = [_finding(span, services.get(span.target, span.target), known) for span in spans]
    return sorted(findings, key=lambda each: (not each.differs, each.service, each.span.target))


def _finding(span: Span, service: str, known: dict[str, Status]) -> VantageFinding:
    status = known.get(service)
    bad = {Status.BLOCKED, Status.THROTTLED}
    differs = status is not None and status is not Status.UNKNOWN and (span.status in bad) is not (status in bad)
    return VantageFinding(span=span, service=service, network_status=status, differs=differs)


async def get_vantage(request: web.Request) -> web.Response:
    """`/v/<name>`: whether its reports arrive, what it finds, where it differs from its network."""
    collector = request.app[STATE]
    now = collector.clock.now().replace(microsecond=0)
    name = request.match_info["name"]
    view = await collector.store.read(lambda session: vantage_view(session, name, collector.secret, now))
    if view is None:
        return missing_page(request, "There is no such vantage", "`probe status` shows the name of your own.")
    seen = from_ms(view.presence.stop) if view.presence else None
    return render(request, "vantage.html", view=view, now=now, seen=seen)
