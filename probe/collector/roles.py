"""What a collector process does: all of it by default, or apart, several processes on one database.

| role | does |
| --- | --- |
| intake | takes in what agents send, and answers them |
| fuse | fuses reports into events, logs what is published, and does the periodic work on the database |
| notify | sends alerts |
| web | serves pages, feeds, API and data |

Every process answers `/healthz`, `/readyz` and `/metrics`. Work is claimed in the database, so that several processes
may have the same role.
"""

from __future__ import annotations

from enum import StrEnum

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from probe.collector.state import Collector
from probe.collector.web.responses import ApiError
from probe.errors import UsageError

_EVERY_PROCESS = frozenset({"/healthz", "/readyz", "/metrics"})
_INTAKE = frozenset({"/api/v1/enrol", "/api/v1/batches", "/api/v1/forget", "/api/v1/control"})
_RETRY_SECONDS = 60
_LOOK_SECONDS = 1.0


class ProcessRole(StrEnum):
    """A part of a collector's work."""

    INTAKE = "intake"
    FUSE = "fuse"
    NOTIFY = "notify"
    WEB = "web"


ALL_ROLES = frozenset(ProcessRole)


def parse_roles(text: str) -> frozenset[ProcessRole]:
    """The roles of a list such as `intake,fuse`.

    Raises:
        UsageError: a word of it is no role, or it is empty.
    """
    words = [word.strip() for word in text.split(",") if word.strip()]
    unknown = [word for word in words if word not in set(ProcessRole)]
    if unknown or not words:
        named = f"{unknown[0]!r} is no role" if unknown else "no role is named"
        raise UsageError(named, where="--roles", mend=f"choose from {', '.join(ProcessRole)}")
    return frozenset(map(ProcessRole, words))


def role_middleware(roles: frozenset[ProcessRole]) -> Middleware:
    """A middleware that answers 503 to requests for the roles that this process does not have.

    With 404 an agent that a proxy sends to the wrong process would take its batch for refused.
    """

    @web.middleware
    async def only_these(request: web.Request, handler: Handler) -> web.StreamResponse:
        needed = ProcessRole.INTAKE if request.path in _INTAKE else ProcessRole.WEB
        if needed in roles or request.path in _EVERY_PROCESS:
            return await handler(request)
        text = "this process of the collector does not serve this"
        raise ApiError(503, "not_served_here", text, retry_after=_RETRY_SECONDS)

    return only_these


async def look_for_marks(collector: Collector) -> None:
    """Wait a moment, then have the fuser look for marks: those of another process set no event in this one."""
    await collector.real.sleep(_LOOK_SECONDS)
    collector.fusion_requested.set()
