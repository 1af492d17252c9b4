"""Pages to read: `/methods`, `/glossary` and `/about`."""

from __future__ import annotations

from aiohttp import web

from probe.collector.web import wording
from probe.collector.web.html_pages import render


async def get_methods(request: web.Request) -> web.Response:
    """`/methods`: how a measurement becomes an event, and what cannot be said."""
    return render(request, "methods.html")


async def get_glossary(request: web.Request) -> web.Response:
    """`/glossary`: every status and cause in words."""
    return render(request, "glossary.html", statuses=wording.STATUS, causes=wording.CAUSE, rule=wording.STATUS_RULE)


async def get_about(request: web.Request) -> web.Response:
    """`/about`, also `/help`: what this is, how to help, how to cite."""
    return render(request, "about.html")
