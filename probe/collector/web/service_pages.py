"""`/s/<service>`: a service over all networks and times; the same as data with `.json` and `.csv`."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from probe.collector.state import STATE, Collector
from probe.collector.web import wording
from probe.collector.web.display_names import called, country_name, services
from probe.collector.web.pages import FRESH, REFRESH, rendered
from probe.collector.web.register_timeline import Lag, ObservedNetwork, TimeBounds
from probe.collector.web.responses import ApiError, csv_response, json_response
from probe.collector.web.service_view import CountryView, ServiceView, service_view
from probe.model.verdict import Status

"""What makes an event; the same for the board and these pages."""
REMEMBERED = 64
MAX_EVENTS_SHOWN = 50
"""Events on the page; the rest is in the data."""
COLUMNS = (
    *("service", "country", "asn", "listed_after", "listed_before", "decisions"),
    *("first_blocked", "found_blocked", "block_lag_least_s", "block_lag_most_s"),
    *("delisted_after", "delisted_before", "last_unblocked", "unblock_lag_least_s", "unblock_lag_most_s"),
    *("measured_since", "events"),
)


class ServiceViewCache:
    """Pages of services, each looked up once for all who ask in the same second."""

    def __init__(self, collector: Collector) -> None:
        self._collector = collector
        self._lock = asyncio.Lock()
        self._kept: OrderedDict[str, tuple[float, ServiceView]] = OrderedDict()

    async def view(self, service: str) -> ServiceView | None:
        """A service as it is, a second old at most; None when nobody ever named it."""
        collector = self._collector
        async with self._lock:
            at, view = self._kept.get(service, (0.0, None))
            if view is None or collector.real.monotonic() - at >= FRESH:
                now = collector.clock.now().replace(microsecond=0)
                view = await collector.store.read(lambda session: service_view(session, service, now))
                if view is not None:
                    self._kept[service] = (collector.real.monotonic(), view)
                    self._kept.move_to_end(service)
                    if len(self._kept) > REMEMBERED:
                        self._kept.popitem(last=False)
            return view


SERVICE_VIEWS: web.AppKey[ServiceViewCache] = web.AppKey("shelf", ServiceViewCache)


async def get_service(request: web.Request) -> web.StreamResponse:
    """`/s/<service>`, `/s/<service>.json`, `/s/<service>.csv`. A service whose own name ends like that comes first."""
    shelf, name = request.app[SERVICE_VIEWS], request.match_info["service"]
    view = await shelf.view(name)
    stem, dot, suffix = name.rpartition(".")
    if view is None and dot and suffix in ("json", "csv"):
        view = await shelf.view(stem)
        if view is None:
            raise ApiError(404, "not_found", "there is no such service")
        return _csv(view) if suffix == "csv" else json_response(_record(view))
    if view is None:
        text = "Nobody here has looked at it under this name, and no register that was given named it."
        return rendered(request, "error.html", status=404, title="There is no such service", text=text)
    return rendered(
        request,
        "service.html",
        view=view,
        now=view.now,
        title=called(view.service),
        about=services().get(view.service),
        sentences=[sentence(view, country) for country in view.countries],
        tone=_tone(view),
        attested=wording.attested(event for country in view.countries for event in country.lasting()),
        shown=view.events[:MAX_EVENTS_SHOWN],
        rule=wording.STATUS_RULE,
        ticks=_ticks(view),
        every=max(2.0, REFRESH / request.app[STATE].clock.rate),
    )


def sentence(view: ServiceView, country: CountryView) -> str:
    """The answer for one country."""
    where = f" in {country_name(country.code)}" if country.code else ""
    statuses = [each.square.cell.status for each in country.standings]
    present = [status for status in statuses if status is not Status.UNKNOWN]
    name = wording.abridged(called(view.service)) + where
    partial = [each.square.event for each in country.standings if each.square.event and each.square.cell.partial]
    whole = [event for event in country.lasting() if event not in partial]
    said = wording.standing(name, whole, present, len(statuses), partial)
    if country.listed is not None and not statuses:
        return f"{name}: on the register; nobody here looks at it."
    return said


def _tone(view: ServiceView) -> Status:
    """The colour of the answer: what lasts, else what the present says."""
    lasting = [event.status for country in view.countries for event in country.lasting()]
    if lasting:
        return Status.BLOCKED if Status.BLOCKED in lasting else Status.THROTTLED
    present = {each.square.cell.status for country in view.countries for each in country.standings} - {Status.UNKNOWN}
    return Status.REACHABLE if present == {Status.REACHABLE} else Status.UNKNOWN


def _ticks(view: ServiceView) -> list[datetime]:
    """Moments under the timeline: its ends and its middle."""
    return [view.since, view.since + (view.now - view.since) / 2, view.now]


def _record(view: ServiceView) -> dict[str, Any]:
    return {
        "time": view.now,
        "service": view.service,
        "title": called(view.service),
        "rule": wording.STATUS_RULE,
        "countries": [
            {"country": country.code, "sentence": sentence(view, country), "listed": country.listed}
            for country in view.countries
        ],
        "networks": [
            {
                "network": each.place.network,
                "status": each.square.cell.status,
                "since": each.square.since,
                "causes": each.square.cell.causes,
                "targets": each.square.cell.targets,
                "measured": each.square.cell.measured,
                "vantages": each.place.present,
                "seen": each.place.seen,
                "measured_since": each.since,
                "together": each.square.cell.status,
                "interfered": each.square.cell.interfered,
                "parts": each.square.cell.parts,
                "event": each.square.event.id if each.square.event else None,
                "confidence": each.square.event.confidence if each.square.event else None,
            }
            for country in view.countries
            for each in country.standings
        ],
        "listed_beside_observed": view.beside,
        "events": view.events,
    }


def _csv(view: ServiceView) -> web.Response:
    return csv_response(COLUMNS, _rows(view), "service.csv")


def _rows(view: ServiceView) -> Iterator[list[str | int]]:
    """One row for each network beside each listing; lags are whole seconds, negative when the network acted first."""
    for found in view.beside:
        listing = found.listing
        listed = _window(listing.listed) if listing else ["", ""]
        delisted = _window(listing.delisted) if listing and listing.delisted else ["", ""]
        decisions = " ".join(listing.decisions) if listing else ""
        networks: tuple[ObservedNetwork | None, ...] = found.networks or (None,)
        for seen in networks:
            place = [seen.network.country, seen.network.asn] if seen else [listing.country if listing else "", ""]
            blocked = [_iso(seen.blocked), "yes" if seen.found else "", *_lag(seen.block_lag)] if seen else [""] * 4
            unblocked = [_iso(seen.unblocked), *_lag(seen.unblock_lag)] if seen else [""] * 3
            rest = [_iso(seen.since), " ".join(seen.events)] if seen else [""] * 2
            yield [view.service, *place, *listed, decisions, *blocked, *delisted, *unblocked, *rest]


def _window(when: TimeBounds) -> list[str]:
    return [_iso(when.after), _iso(when.before)]


def _lag(lag: Lag | None) -> list[str | int]:
    if lag is None:
        return ["", ""]
    return [round(lag.least), "" if lag.most is None else round(lag.most)]


def _iso(moment: datetime | None) -> str:
    return "" if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
