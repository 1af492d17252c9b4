"""The collector's HTTP server: routes, headers of every answer, start and orderly stop of the process."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path

from aiohttp import web

from probe.clock import Clock
from probe.collector.connections.client_prefix import DEFAULT_PROXIES, TrustedProxies
from probe.collector.connections.connection_gate import ConnectionGate, GuardedSite
from probe.collector.connections.connection_limits import ConnectionLimits
from probe.collector.fusing.fuser import Fuser, fuse_some
from probe.collector.fusing.upkeep import Upkeep
from probe.collector.intake import agents_api, forget_api
from probe.collector.log import log_api
from probe.collector.log.checkpoint_memory import memory_file_of
from probe.collector.log.following import Follower
from probe.collector.log.own_log import OwnLog
from probe.collector.metrics import CONTENT_TYPE
from probe.collector.notify.notifier import notifying
from probe.collector.own_control import signature_fields
from probe.collector.roles import ALL_ROLES, ProcessRole, look_for_marks, role_middleware
from probe.collector.state import STATE, Collector, vantage_secret
from probe.collector.store.database_url import open_store
from probe.collector.web import (
    alerts_page,
    api,
    bulk_data,
    feeds,
    followed_pages,
    html_pages,
    openapi,
    place_pages,
    reading_pages,
    service_pages,
    vantage_pages,
)
from probe.collector.web.responses import ApiError, json_response, storage_unavailable
from probe.errors import SettingsError, StorageError
from probe.formats.batch import MAX_COMPRESSED

LOG = logging.getLogger("probe.collector")
DRAIN_SECONDS = 20.0
"""How long open requests may take to finish after SIGTERM."""
SWITCH_SECONDS = 0.0005
"""How long a busy thread keeps the interpreter lock. SQLite releases the lock at every statement, and the writer thread
then waits for the event loop: with Python's 5 ms this wait limited intake."""
HEADERS = {
    # Nothing but our own files; forms, frames and scripts of others have no place here.
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Server": "probe",
}
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@web.middleware
async def error_middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Add the security headers to every answer, and turn every failure into the one JSON form or an error page.

    No answer shows an exception or a path of this program.
    """
    try:
        answer = await handler(request)
    except ApiError as refusal:
        request.app[STATE].metrics.add("refusals_total", code=refusal.code)
        answer = refusal.response()
    except StorageError as error:
        request.app[STATE].readiness.note_failure(error)
        answer = storage_unavailable(error).response()
    except web.HTTPException as error:
        if error.status < 400:
            error.headers.update(HEADERS)
            raise
        if "text/html" in request.headers.get("Accept", "") and not request.path.startswith("/api/"):
            answer = html_pages.error_page(request, error.status)
        else:
            code = {404: "not_found", 405: "method_not_allowed", 413: "too_large"}.get(error.status, "bad_request")
            answer = ApiError(error.status, code, error.reason).response()
    except Exception:
        LOG.exception("a request for %s failed", request.path[:200])
        answer = ApiError(500, "internal", "a fault of this program; it has been logged").response()
    for name, value in HEADERS.items():
        answer.headers.setdefault(name, value)
    return answer


@web.middleware
async def limits_middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Limit the requests of strangers. Batches and enrolments count by agent and by token in their own handlers."""
    if request.path in {"/api/v1/batches", "/api/v1/enrol"}:
        return await handler(request)
    collector = request.app[STATE]
    return await collector.strangers.handled(request, handler, collector.real.monotonic())


async def healthz(request: web.Request) -> web.Response:
    """`/healthz`: 200 as long as the process answers."""
    del request
    return json_response({"status": "ok"})


async def readyz(request: web.Request) -> web.Response:
    """`/readyz`: the database can be read and written, and no essential background task fails."""
    collector = request.app[STATE]
    reason = await collector.readiness.unready()
    tasks = collector.supervisor.states()
    if reason is not None:
        raise ApiError(503, reason.code, reason.message, retry_after=5, tasks=tasks)
    return json_response({"status": "ready", "tasks": tasks})


async def metrics(request: web.Request) -> web.Response:
    """`/metrics`: counters and gauges for Prometheus."""
    return web.Response(text=request.app[STATE].metrics.text(), headers={"Content-Type": CONTENT_TYPE})


def _empty_application(roles: frozenset[ProcessRole]) -> web.Application:
    middlewares = [error_middleware, limits_middleware, role_middleware(roles)]
    return web.Application(middlewares=middlewares, client_max_size=MAX_COMPRESSED)


def _routes() -> list[web.AbstractRouteDef]:
    """The routes of agents, pages, data and operation."""
    return [
        web.post("/api/v1/enrol", agents_api.post_enrol),
        web.post("/api/v1/batches", agents_api.post_batch),
        web.post("/api/v1/forget", forget_api.post_forget),
        web.get("/api/v1/control", agents_api.get_control),
        web.get("/", html_pages.get_board),
        web.get("/e/{id:[0-9a-f]{16}}", html_pages.get_event),
        web.get("/s/{service:.+}", service_pages.get_service),
        web.get("/badge/{service:.+}.svg", service_pages.get_badge),
        web.get("/methods", reading_pages.get_methods),
        web.get("/glossary", reading_pages.get_glossary),
        web.get("/about", reading_pages.get_about),
        web.get("/help", reading_pages.get_about),
        web.get("/cc/{cc:[A-Za-z]{2}}", place_pages.get_country),
        web.get("/as/{asn:(?:[Aa][Ss])?[0-9]{1,10}}", place_pages.get_network),
        web.get("/v/{name:[a-z2-7]{8}}", vantage_pages.get_vantage),
        web.get("/feed.atom", feeds.get_feed),
        web.get("/alerts", alerts_page.get_alerts),
        web.get(openapi.PATH, openapi.get_openapi),
        web.static("/static", html_pages.STATIC),
        web.get("/healthz", healthz),
        web.get("/readyz", readyz),
        web.get("/metrics", metrics),
    ]


def application(
    collector: Collector, checkpoint_file: Path | None = None, roles: frozenset[ProcessRole] = ALL_ROLES
) -> web.Application:
    """The web application with the routes of these roles; `checkpoint_file` remembers the log's last checkpoint."""
    app = _empty_application(roles)
    app[STATE] = collector
    sign: agents_api.SignListing = partial(signature_fields, collector)
    app[agents_api.SIGN_CONTROL] = sign
    app[html_pages.BOARD] = html_pages.BoardCache(collector)
    app[service_pages.SERVICE_VIEWS] = service_pages.ServiceViewCache(collector)
    app[html_pages.TEMPLATES] = html_pages.templates()
    app[log_api.OWN_LOG] = OwnLog(collector, checkpoint_file)
    app.add_routes([*_routes(), *api.routes(), *bulk_data.routes(), *log_api.routes(), *followed_pages.routes()])
    app[bulk_data.SLOTS] = asyncio.Semaphore(bulk_data.MAX_DOWNLOADS)
    app[openapi.DOCUMENT] = openapi.openapi_document(app, collector.origin)
    return app


@contextlib.asynccontextmanager
async def running(
    db: Path | str,
    listen: str,
    origin: str,
    clock: Clock,
    trusted_proxies: Sequence[str] = (),
    *,
    connections: int = 0,
    roles: frozenset[ProcessRole] = ALL_ROLES,
) -> AsyncIterator[tuple[Collector, str]]:
    """Run a collector; gives (collector, URL of its board). At the end open requests are finished and marks are fused.

    Args:
        db: the database file.
        listen: `HOST:PORT`.
        origin: under which agents know the collector; empty: that of `listen`.
        clock: of the collector.
        trusted_proxies: networks whose `X-Forwarded-For` is believed; by default this host and private networks.
        connections: open at most; 0: what the system allows.
        roles: what this process does.

    Raises:
        StateError: the database is of a newer version or not a collector's.
        SettingsError: the address cannot be listened on.
    """
    host, port = parse_listen(listen)
    proxies = TrustedProxies(trusted_proxies or DEFAULT_PROXIES)
    store = open_store(db)
    try:
        own = origin or f"http://{_bracketed(host)}:{port}"
        collector = Collector(store, clock, own, await vantage_secret(store), proxies)
        app = application(collector, memory_file_of(db), roles)
        try:
            async with _listening(app, host, port, connections) as page, contextlib.AsyncExitStack() as tasks:
                await _start_tasks(app, roles, tasks)
                yield collector, page
        finally:
            await _publish_rest(collector, roles)
    finally:
        await store.close()


async def _publish_rest(collector: Collector, roles: frozenset[ProcessRole]) -> None:
    """Fuse what is marked still. Where the database cannot be written, the next start does it."""
    with contextlib.suppress(StorageError):
        # The fuser may have been stopped while its result waited for the commit. Fusing again before that
        # commit would publish the same revisions twice, so an empty write goes first.
        await collector.store.write(lambda _: None)
        if ProcessRole.FUSE in roles:
            await fuse_some(collector, by_force=True)


async def _start_tasks(app: web.Application, roles: frozenset[ProcessRole], tasks: contextlib.AsyncExitStack) -> None:
    """Start the background tasks of these roles; they end with the stack."""
    collector = app[STATE]
    supervise = collector.supervisor.supervise
    if ProcessRole.FUSE in roles:
        await tasks.enter_async_context(supervise("fuser", Fuser(collector).run_once))
        await tasks.enter_async_context(supervise("upkeep", Upkeep(collector).run_once))
        await tasks.enter_async_context(supervise("log", app[log_api.OWN_LOG].run_once, essential=False))
        await tasks.enter_async_context(supervise("following", Follower(collector).run_once, essential=False))
        if ProcessRole.INTAKE not in roles:
            await tasks.enter_async_context(supervise("marks", partial(look_for_marks, collector)))
    if ProcessRole.NOTIFY in roles:
        await tasks.enter_async_context(notifying(collector))


@contextlib.asynccontextmanager
async def _listening(app: web.Application, host: str, port: int, connections: int) -> AsyncIterator[str]:
    """Listen while the block runs, then finish open requests; gives the URL of the board.

    Raises:
        SettingsError: the address cannot be listened on.
    """
    # `GuardedHandler` has what is set for a connection.
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=DRAIN_SECONDS)
    await runner.setup()
    collector = app[STATE]
    limits = ConnectionLimits(collector.metrics, connections)
    gate = ConnectionGate(lambda: _server_of(runner), limits, collector.strangers.proxies)
    try:
        await _listen(runner, host, port, gate)
        yield _board_url(runner, host)
    finally:
        gate.close()
        await runner.cleanup()


Companion = Callable[[Collector], contextlib.AbstractAsyncContextManager[None]]
"""Runs something of the process beside its collector, for as long as the block lasts."""


async def serve(  # noqa: PLR0917 - what a command line gives
    db: Path | str,
    listen: str,
    origin: str,
    clock: Clock,
    announce: Callable[[str], None],
    companions: Sequence[Companion] = (),
    trusted_proxies: Sequence[str] = (),
    *,
    roles: frozenset[ProcessRole] = ALL_ROLES,
) -> None:
    """Serve until SIGTERM or an interrupt, then finish open requests and stop.

    Args:
        db: the address of the database.
        listen: `HOST:PORT`.
        origin: under which agents know the collector; empty: that of `listen`.
        clock: of the collector.
        announce: told the URL of the board once it is served.
        companions: run beside the collector and end before it.
        trusted_proxies: networks whose `X-Forwarded-For` is believed.
        roles: what this process does.
    """
    sys.setswitchinterval(SWITCH_SECONDS)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        try:
            loop.add_signal_handler(number, stop.set)
        except NotImplementedError:  # Windows: the default handlers raise KeyboardInterrupt
            break
    async with (
        running(db, listen, origin, clock, trusted_proxies, roles=roles) as (collector, page),
        contextlib.AsyncExitStack() as stack,
    ):
        for companion in companions:
            await stack.enter_async_context(companion(collector))
        announce(page)
        await stop.wait()


def parse_listen(text: str) -> tuple[str, int]:
    """Host and port of `HOST:PORT`, with an IPv6 address in brackets.

    Raises:
        SettingsError: the text has another form.
    """
    host, separator, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not separator or not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise SettingsError(f"{text!r} is no address to listen on", where="--listen", mend="write 127.0.0.1:8017")
    return host, int(port)


async def _listen(runner: web.AppRunner, host: str, port: int, gate: ConnectionGate) -> None:
    try:
        await GuardedSite(runner, host, port, gate).start()
    except OSError as error:
        reason = error.strerror or str(error)
        raise SettingsError(
            f"cannot listen on {host}:{port} ({reason})", where="--listen", mend="choose another port"
        ) from error


def _server_of(runner: web.AppRunner) -> web.Server:
    assert runner.server is not None  # noqa: S101 it is set up before anything connects
    return runner.server


def _board_url(runner: web.AppRunner, host: str) -> str:
    port = runner.addresses[0][1]
    return f"http://{_bracketed(host)}:{port}/"


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
