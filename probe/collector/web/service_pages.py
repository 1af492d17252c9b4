"""`/s/<service>`: a service over all networks and times, as a page, as JSON and as CSV."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterator
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Any

from aiohttp import web

from probe.collector.state import STATE, Collector
from probe.collector.store import followed
from probe.collector.web import wording
from probe.collector.web.display_names import catalogue_services, country_name, service_title
from probe.collector.web.drawings import badge_drawing, timeline_drawing
from probe.collector.web.html_pages import (
    BOARD,
    MAX_AGE_SECONDS,
    MAX_FOLLOWED_SHOWN,
    RELOAD_SECONDS,
    missing_page,
    render,
    service_path,
)
from probe.collector.web.network_counts import absence_text, count_networks, interference_text
from probe.collector.web.parameters import BadgeQuery
from probe.collector.web.register_timeline import Lag, ObservedNetwork, TimeBounds
from probe.collector.web.responses import ApiError, csv_response, json_response
from probe.collector.web.service_view import CountryView, ServiceView, service_view
from probe.model.verdict import Status

MAX_CACHED_VIEWS = 64
"""Services whose data are held in memory; the least recently read are dropped."""
MAX_EVENTS_SHOWN = 50
"""Events on the page; the JSON has all."""
COLUMNS = (
    *("service", "country", "asn", "listed_after", "listed_before", "decisions"),
    *("first_blocked", "found_blocked", "block_lag_least_s", "block_lag_most_s"),
    *("delisted_after", "delisted_before", "last_unblocked", "unblock_lag_least_s", "unblock_lag_most_s"),
    *("measured_since", "events"),
)


class ServiceViewCache:
    """The data of service pages, each read from the database at most once a second."""

    def __init__(self, collector: Collector) -> None:
        self._collector = collector
        self._lock = asyncio.Lock()
        self._views: OrderedDict[str, tuple[float, ServiceView]] = OrderedDict()

    async def view(self, service: str) -> ServiceView | None:
        """A service, at most `MAX_AGE_SECONDS` old; None when no vantage and no register has named it."""
        collector = self._collector
        async with self._lock:
            at, view = self._views.get(service, (0.0, None))
            if view is None or collector.real.monotonic() - at >= MAX_AGE_SECONDS:
                now = collector.clock.now().replace(microsecond=0)
                view = await collector.store.read(lambda session: service_view(session, service, now))
                if view is not None:
                    self._views[service] = (collector.real.monotonic(), view)
                    self._views.move_to_end(service)
                    if len(self._views) > MAX_CACHED_VIEWS:
                        self._views.popitem(last=False)
            return view


SERVICE_VIEWS: web.AppKey[ServiceViewCache] = web.AppKey("service_views", ServiceViewCache)


async def get_service(request: web.Request) -> web.StreamResponse:
    """`/s/<service>`, also with `.json`, `.csv` and `.svg`. A service whose own name ends like that has precedence."""
    views, name = request.app[SERVICE_VIEWS], request.match_info["service"]
    view = await views.view(name)
    stem, dot, suffix = name.rpartition(".")
    if view is None and dot and suffix in ("json", "csv", "svg"):
        view = await views.view(stem)
        if view is None:
            raise ApiError(404, "not_found", "there is no such service")
        if suffix == "svg":
            return timeline_drawing(request, view, _sentences(view), _ticks(view))
        return _csv(view) if suffix == "csv" else json_response(_record(view))
    if view is None:
        return await _missing(request, name)
    others = await request.app[STATE].store.read(
        lambda session: followed.of_service(session, view.service, MAX_FOLLOWED_SHOWN)
    )
    return render(
        request,
        "service.html",
        followed=others,
        view=view,
        now=view.now,
        title=service_title(view.service),
        about=catalogue_services().get(view.service),
        sentences=_sentences(view),
        tone=_tone(view),
        attested=wording.confidence_summary(event for country in view.countries for event in country.ongoing()),
        shown=view.events[:MAX_EVENTS_SHOWN],
        rule=wording.STATUS_RULE,
        ticks=_ticks(view),
        every=max(2.0, RELOAD_SECONDS / request.app[STATE].clock.rate),
    )


async def get_badge(request: web.Request) -> web.Response:
    """`/badge/<service>.svg`: the state of a service in a few words; with `?cc=RU` in one country."""
    view = await request.app[SERVICE_VIEWS].view(request.match_info["service"])
    if view is None:
        raise ApiError(404, "not_found", "there is no such service")
    return badge_drawing(request, view, BadgeQuery.of(request.query).country)


async def _missing(request: web.Request, name: str) -> web.StreamResponse:
    """The page of a service under the usual spelling of its name, or a page that says what there is."""
    known = [row.service for row in (await request.app[BOARD].view()).rows]
    same = next((each for each in known if each.casefold() == name.casefold()), None)
    if same is not None:
        raise web.HTTPFound(service_path(same))
    near = get_close_matches(name.casefold(), [each.casefold() for each in known], 3)
    hint = f" Did you mean {', '.join(near)}?" if near else ""
    text = f"No vantage measures a service of this name, and no register known here lists it.{hint}"
    return missing_page(request, "There is no such service", text)


def _sentences(view: ServiceView) -> list[str]:
    return [sentence(view, country) for country in view.countries] or [_not_settled(view)]


def _not_settled(view: ServiceView) -> str:
    """The answer where no vantage has a settled status yet."""
    return f"{wording.shortened(service_title(view.service))}: failing, and not yet sure."


def sentence(view: ServiceView, country: CountryView) -> str:
    """The state of the service in one country, as a sentence."""
    where = f" in {country_name(country.code)}" if country.code else ""
    name = wording.shortened(service_title(view.service)) + where
    if not country.networks:
        return f"{name}: {'on the register; ' if country.listed else ''}no vantage measures it."
    counts = count_networks(each.cell for each in country.networks)
    if not counts.interfered:
        return f"{name}: {absence_text(counts, controlled=bool(view.controls))}."
    first = min(country.ongoing(), key=lambda event: (event.onset, event.id))
    since = " since" if counts.interfered == 1 else ", the first since"
    return f"{name}: {interference_text(counts)}{since} {wording.beginning(first)}."


def _tone(view: ServiceView) -> Status:
    """The colour of the page's answer: of the ongoing events, else of the present statuses."""
    ongoing = [event.status for country in view.countries for event in country.ongoing()]
    if ongoing:
        return Status.BLOCKED if Status.BLOCKED in ongoing else Status.THROTTLED
    present = {each.cell.summary.status for country in view.countries for each in country.networks} - {Status.UNKNOWN}
    return Status.REACHABLE if present == {Status.REACHABLE} else Status.UNKNOWN


def _ticks(view: ServiceView) -> list[datetime]:
    """The times written under the timeline: its ends and its middle."""
    return [view.since, view.since + (view.now - view.since) / 2, view.now]


def _record(view: ServiceView) -> dict[str, Any]:
    return {
        "time": view.now,
        "service": view.service,
        "title": service_title(view.service),
        "rule": wording.STATUS_RULE,
        "countries": [
            {"country": country.code, "sentence": sentence(view, country), "listed": country.listed}
            for country in view.countries
        ],
        "networks": [
            {
                "network": each.column.network,
                "status": each.cell.summary.status,
                "since": each.cell.since,
                "before_watch": each.cell.before_watch,
                "causes": each.cell.summary.causes,
                "targets": each.cell.summary.targets,
                "measured": each.cell.summary.measured,
                "vantages": each.column.present,
                "seen": each.column.seen,
                "measured_since": each.measured_since,
                "together": each.cell.summary.status,
                "interfered": each.cell.summary.interfered,
                "parts": each.cell.summary.parts,
                "event": each.cell.event.id if each.cell.event else None,
                "confidence": each.cell.event.confidence if each.cell.event else None,
            }
            for country in view.countries
            for each in country.networks
        ],
        "failing": view.failing,
        "listed_beside_observed": view.comparisons,
        "events": view.events,
    }


def _csv(view: ServiceView) -> web.Response:
    return csv_response(COLUMNS, _rows(view), "service.csv")


def _rows(view: ServiceView) -> Iterator[list[str | int]]:
    """One row for each network beside each listing; lags are whole seconds, negative when the network acted first."""
    for found in view.comparisons:
        listing = found.listing
        listed = _bounds(listing.listed) if listing else ["", ""]
        delisted = _bounds(listing.delisted) if listing and listing.delisted else ["", ""]
        decisions = " ".join(listing.decisions) if listing else ""
        networks: tuple[ObservedNetwork | None, ...] = found.networks or (None,)
        for seen in networks:
            place = [seen.network.country, seen.network.asn] if seen else [listing.country if listing else "", ""]
            blocked = [_iso(seen.blocked), "yes" if seen.found else "", *_lag(seen.block_lag)] if seen else [""] * 4
            unblocked = [_iso(seen.unblocked), *_lag(seen.unblock_lag)] if seen else [""] * 3
            rest = [_iso(seen.since), " ".join(seen.events)] if seen else [""] * 2
            yield [view.service, *place, *listed, decisions, *blocked, *delisted, *unblocked, *rest]


def _bounds(when: TimeBounds) -> list[str]:
    return [_iso(when.after), _iso(when.before)]


def _lag(lag: Lag | None) -> list[str | int]:
    if lag is None:
        return ["", ""]
    return [round(lag.least), "" if lag.most is None else round(lag.most)]


def _iso(moment: datetime | None) -> str:
    return "" if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
