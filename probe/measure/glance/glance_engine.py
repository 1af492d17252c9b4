"""Run glances: draw requests as limits allow, resolve, connect, and report each result as soon as it is known.

One call of the event loop handles many glances. A glance has a slot of the pace limiter, of the sockets and of the
round's budget only while it is connected.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import TracebackType
from typing import Self

from probe.measure.dns_udp import LATE_ANSWER_SECONDS
from probe.measure.failures import operation_error
from probe.measure.glance.admission import Admission, WaitingGlance
from probe.measure.glance.client_hello import ClientHelloTemplates
from probe.measure.glance.deadlines import Deadlines
from probe.measure.glance.poller import Poller, make_poller
from probe.measure.glance.shared_resolver import SharedResolver
from probe.measure.glance.single_glance import GlanceParts, SingleGlance
from probe.measure.tools import Tools
from probe.model.failure import Failure
from probe.model.glance import GlanceKind, GlanceRequest, GlanceResult
from probe.model.resolver import PlainResolver

_NAME = GlanceKind.NAME
STARTS_PER_TURN = 64
"""Glances that are begun before answers are read: a host that only begins takes its own lateness for silence."""


class _Run:
    """The requests of one caller.

    Attributes:
        under_way: glances that have no result yet.
    """

    def __init__(
        self,
        requests: Iterator[GlanceRequest],
        on_result: Callable[[GlanceResult], None],
        stopping: asyncio.Event | None,
        done: asyncio.Future[None],
    ) -> None:
        self.under_way: set[WaitingGlance] = set()
        self._requests: Iterator[GlanceRequest] | None = requests
        self._next: GlanceRequest | None = None
        self._on_result = on_result
        self._stopping = stopping
        self._done = done

    @property
    def is_stopping(self) -> bool:
        """Whether glances that have not begun are no longer wanted."""
        return self._stopping is not None and self._stopping.is_set()

    def peek(self) -> GlanceRequest | None:
        """Return the next request; None after the last."""
        if self._requests is None:
            return None
        if self.is_stopping:
            self._next = self._requests = None
        elif self._next is None:
            try:
                self._next = next(self._requests, None)
            except Exception as error:  # noqa: BLE001 - raised in `GlanceEngine.run`
                self.fail(error)
            if self._next is None:
                self._requests = None
        return self._next

    def take(self) -> None:
        """Take out the request that `peek` returned."""
        self._next = None

    def on_end(self, glance: SingleGlance, result: GlanceResult) -> None:
        """Report a result; what the caller raises ends the run."""
        self.under_way.discard(glance)
        if self._done.done():
            return
        try:
            self._on_result(result)
        except BaseException as error:  # noqa: BLE001 - raised in `GlanceEngine.run`
            self.fail(error)

    def drop(self, glances: Iterable[WaitingGlance]) -> None:
        """End glances without a result."""
        for glance in tuple(glances):
            self.under_way.discard(glance)
            glance.drop()

    def fail(self, error: BaseException) -> None:
        """End the run with an exception."""
        if not self._done.done():
            self._done.set_exception(error)

    def end_if_done(self) -> bool:
        """End the run after its last result; return whether it has ended."""
        if self._done.done():
            return True
        if self.under_way or self.peek() is not None:
            return False
        if not self._done.done():
            self._done.set_result(None)
        return True


class GlanceEngine:
    """Glances at many targets. Use as `async with GlanceEngine(tools) as engine:`.

    Args:
        tools: time-out, pace limiter, budget, limit of sockets, and the network's resolvers.
        resolvers: `udp:ADDRESS:PORT`, asked in place of the network's resolvers; the first only.
        listen_seconds: how long to wait for a second answer of the resolver before a result is reported; 0 for not at
            all. A forged answer that came second is missed then.
        poller: makes the poller; the system's best one when None.
    """

    def __init__(
        self,
        tools: Tools,
        *,
        resolvers: Sequence[str] = (),
        listen_seconds: float = LATE_ANSWER_SECONDS,
        poller: Callable[[asyncio.AbstractEventLoop, Callable[[], None]], Poller] = make_poller,
    ) -> None:
        self._tools = tools
        self._resolvers = tuple(resolvers)
        self._listen_seconds = listen_seconds
        self._make_poller = poller
        self._runs: deque[_Run] = deque()
        self._shared: dict[str, SharedResolver] = {}
        self._retired: list[SharedResolver] = []
        self._filling = False
        self._asked: SharedResolver | Exception | None = None
        """The resolver to ask, during one `_fill`; found out when it is needed."""

    async def __aenter__(self) -> Self:
        loop = self._loop = asyncio.get_running_loop()
        self._poller = self._make_poller(loop, self._fill)
        self._deadlines = Deadlines(loop, self._poller.read_arrived, self._on_tick)
        self._admission = Admission(self._tools, loop.time)
        self._parts = GlanceParts(
            self._tools,
            self._poller,
            self._deadlines,
            self._admission,
            ClientHelloTemplates(),
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for run in tuple(self._runs):
            self._end(run)
        for resolver in (*self._shared.values(), *self._retired):
            resolver.close()
        self._deadlines.close()
        self._poller.close()

    async def run(
        self,
        requests: Iterable[GlanceRequest],
        on_result: Callable[[GlanceResult], None],
        *,
        stopping: asyncio.Event | None = None,
    ) -> None:
        """Glance at all of these; return after the last result. Several runs may be in progress.

        Args:
            requests: drawn as limits allow, so they may be many and made on the way.
            on_result: called once for each, in no order.
            stopping: when it is set, no more requests are drawn, and those that wait for a connection are dropped
                without a result.
        """
        done = self._loop.create_future()
        run = _Run(iter(requests), on_result, stopping, done)
        self._runs.append(run)
        try:
            self._fill()
            await done
        finally:
            self._end(run)

    async def glance(self, request: GlanceRequest) -> GlanceResult:
        """Glance at one target."""
        results: list[GlanceResult] = []
        await self.run((request,), results.append)
        return results[0]

    def _fill(self) -> None:
        """Begin as many glances as limits allow, of each run in turn."""
        if self._filling or not self._runs:
            return
        self._filling = True
        try:
            self._admission.admit_freed()
            self._asked = None
            for _ in range(STARTS_PER_TURN):
                if not self._begin_next():
                    break
            else:
                self._loop.call_soon(self._fill)
        finally:
            self._filling = False
        for run in tuple(self._runs):
            if run.end_if_done():
                self._runs.remove(run)
        if self._admission.waiting:
            self._deadlines.keep_ticking()

    def _begin_next(self) -> bool:
        """Begin one glance; return whether one was begun."""
        runs = self._runs
        for _ in range(len(runs)):
            run = runs[0]
            if len(runs) > 1:
                runs.rotate(-1)
            request = run.peek()
            if request is not None and self._has_room(request):
                run.take()
                glance = SingleGlance(request, self._parts, run.on_end)
                run.under_way.add(glance)
                try:
                    glance.begin(self._asked)
                except Exception as error:  # noqa: BLE001 - as everywhere: a fault of ours ends one glance
                    glance.broken(error)
                return True
        return False

    def _has_room(self, request: GlanceRequest) -> bool:
        if not request.address:
            if self._asked is None:
                self._asked = self._resolver()
            if isinstance(self._asked, SharedResolver):
                if not self._asked.has_room:
                    return False
                if request.kind is _NAME:
                    return True
        return self._admission.has_room

    def _resolver(self) -> SharedResolver | Exception:
        """Return the resolver to ask, the first that is not known to be dead; the error where there is none."""
        text = self._resolvers[0] if self._resolvers else self._tools.resolvers.first_alive()
        shared = self._shared.get(text)
        if shared is not None and not shared.is_old:
            return shared
        server = PlainResolver.parse(text)
        if server is None:
            return operation_error(Failure.LOCAL, "no resolver over UDP is known")
        if shared is not None:
            shared.retire()
            self._retired = [one for one in self._retired if not one.is_closed] + [shared]
            del self._shared[text]
        try:
            shared = SharedResolver(server, self._poller, self._deadlines, self._tools.timeout, self._listen_seconds)
        except OSError as error:
            return error
        self._shared[text] = shared
        return shared

    def _on_tick(self) -> None:
        self._admission.admit_waiting()
        for run in self._runs:
            if run.is_stopping:
                run.drop(self._admission.drop(run.under_way))
        self._fill()

    def _end(self, run: _Run) -> None:
        """Drop what is left of a run that ended early."""
        if run in self._runs:
            self._runs.remove(run)
        if run.under_way:
            self._admission.drop(run.under_way)
            run.drop(run.under_way)
