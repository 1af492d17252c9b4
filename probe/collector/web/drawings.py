"""Drawings to share: a service's timeline and its badge as SVG files with title, scope, date and source inside."""

from __future__ import annotations

from datetime import datetime

from aiohttp import web

from probe.collector.state import STATE
from probe.collector.web import wording
from probe.collector.web.display_names import country_name, service_title
from probe.collector.web.html_pages import TEMPLATES
from probe.collector.web.network_counts import NetworkCounts, absence_text, count_networks, interference_text
from probe.collector.web.service_view import CountryView, ServiceView, TimelineLane

MAX_LANES = 40
"""Lanes of one drawing; the page has all."""
MAX_LINES = 4
"""Sentences above the lanes, one a country."""
LETTER_WIDTH = 7.4
"""Units of a letter of the badge, on average."""
_COLOURS = {"interfered": "#b3201b", "failing": "#4a5560", "reachable": "#0f5fa6", "silent": "#6b7681"}


def timeline_drawing(
    request: web.Request, view: ServiceView, sentences: list[str], ticks: list[datetime]
) -> web.Response:
    """The timeline of a service as an SVG file.

    Args:
        request: gives the templates and the collector's origin.
        view: of the service.
        sentences: one a country.
        ticks: three moments: the beginning, the middle and the end of the lanes.
    """
    lanes = [
        {"name": _lane_name(lane), "strip": lane.timeline, "register": lane.network is None} for lane in view.lanes
    ]
    top = 24 + 26 * min(len(sentences), MAX_LINES)
    shown = lanes[:MAX_LANES]
    source = f"Source: {request.app[STATE].origin}/s/{view.service}, {wording.moment(view.now)}."
    return drawing(
        request,
        "timeline.svg",
        title=service_title(view.service),
        sentences=[wording.shortened_line(line) for line in sentences[:MAX_LINES]],
        lanes=shown,
        top=top,
        height=top + 32 * len(shown) + 70,
        ticks=ticks,
        source=source,
    )


def badge_drawing(request: web.Request, view: ServiceView, country: str) -> web.Response:
    """A badge that says how a service stands in a country, or everywhere when the country is empty."""
    chosen = [each for each in view.countries if country in ("", each.code)]
    counts = count_networks(each.cell for found in chosen for each in found.networks)
    label = wording.shortened(service_title(view.service)) + (f" in {country_name(country)}" if country else "")
    text = badge_text(counts, chosen)
    return drawing(
        request,
        "badge.svg",
        label=label,
        text=text,
        left=round(16 + LETTER_WIDTH * len(label)),
        right=round(16 + LETTER_WIDTH * len(text)),
        colour=_COLOURS[_kind(counts)],
    )


def badge_text(counts: NetworkCounts, countries: list[CountryView]) -> str:
    """The state in a few words; never an all-clear without data."""
    if not countries:
        return "not measured"
    if counts.interfered:
        return interference_text(counts).removesuffix(" measured networks").removesuffix(" measured network")
    return absence_text(counts, controlled=True) if counts.measured else "no data"


def drawing(request: web.Request, name: str, **values: object) -> web.Response:
    """A response with an SVG template."""
    text = request.app[TEMPLATES].get_template(name).render(values)
    answer = web.Response(text=text, content_type="image/svg+xml", charset="utf-8")
    answer.headers["Cache-Control"] = "max-age=60"
    # Shown inside other people's pages, which is what it is for.
    answer.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    answer.enable_compression()
    return answer


def _kind(counts: NetworkCounts) -> str:
    if counts.interfered:
        return "interfered"
    if not counts.measured:
        return "silent"
    return "failing" if counts.failing else "reachable"


def _lane_name(lane: TimelineLane) -> str:
    return wording.network_name(lane.network) if lane.network else f"Register of {country_name(lane.country)}"
