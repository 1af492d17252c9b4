"""Look names up with getaddrinfo, as other programs on this host do: hosts file and all other sources included.

getaddrinfo blocks, so it runs in threads of our own: daemon threads, so that one that hangs in a dead resolver does not
keep the program from ending, and few, so that a dead resolver cannot accumulate them.
"""

from __future__ import annotations

import asyncio
import socket
import threading

from probe.measure.failures import Operation, OperationError, classify, operation_error
from probe.measure.step_timeout import StepTimeout
from probe.model.failure import Failure
from probe.traffic_account import LOOKUP_TRAFFIC, may_spend

MAX_THREADS = 16
"""Lookups in progress at the same time."""

_FAMILIES = {"A": socket.AF_INET, "AAAA": socket.AF_INET6}


class SystemLookups:
    """Ask the system for addresses.

    Attributes:
        patience_seconds: how long the system may take to ask all its resolvers; 0 when not known.
    """

    def __init__(self) -> None:
        self.patience_seconds = 0.0
        self._threads = asyncio.Semaphore(MAX_THREADS)

    async def addresses(self, name: str, rrtype: str, seconds: float) -> tuple[str, ...]:
        """Return the addresses of the type asked for, in the system's order.

        Raises:
            OperationError: there are none, or no thread became free within `seconds` (`LOCAL`).
        """
        if not may_spend(LOOKUP_TRAFFIC):
            raise operation_error(Failure.LOCAL, "the traffic budget is spent")
        try:
            with StepTimeout(seconds):
                await self._threads.acquire()
        except TimeoutError as error:
            raise operation_error(Failure.LOCAL, "every lookup thread is busy") from error
        loop = asyncio.get_running_loop()
        future: asyncio.Future[tuple[str, ...]] = loop.create_future()
        worker = _Worker(name, rrtype, loop, future, self._threads)
        try:
            threading.Thread(target=worker.run, name="lookup", daemon=True).start()
        except RuntimeError as error:  # the system allows no more threads
            self._threads.release()
            raise operation_error(Failure.LOCAL, "no thread") from error
        try:
            with StepTimeout(seconds):
                return await future
        except UnicodeError as error:  # the name cannot be encoded
            raise operation_error(Failure.LOCAL, str(error)) from error
        except OSError as error:
            raise OperationError(classify(error, Operation.LOOKUP)) from error


class _Worker:
    """One lookup in its thread. The thread counts until it ends, also when nobody waits for its result any more."""

    def __init__(
        self,
        name: str,
        rrtype: str,
        loop: asyncio.AbstractEventLoop,
        future: asyncio.Future[tuple[str, ...]],
        threads: asyncio.Semaphore,
    ) -> None:
        self._name = name
        self._family = _FAMILIES[rrtype]
        self._loop = loop
        self._future = future
        self._threads = threads

    def run(self) -> None:
        """Look the name up; the body of the thread."""
        found: tuple[str, ...] = ()
        failed: Exception | None = None
        try:
            answers = socket.getaddrinfo(self._name, None, self._family, socket.SOCK_STREAM)
            found = tuple(dict.fromkeys(str(answer[4][0]) for answer in answers))
        except Exception as error:  # noqa: BLE001 - raised again in the caller
            failed = error
        try:
            self._loop.call_soon_threadsafe(self._done, found, failed)
        except RuntimeError:  # the event loop has ended
            return

    def _done(self, found: tuple[str, ...], failed: Exception | None) -> None:
        self._threads.release()
        if self._future.done():
            return
        if failed is None:
            self._future.set_result(found)
        else:
            self._future.set_exception(failed)
