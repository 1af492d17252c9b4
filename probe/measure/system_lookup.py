"""getaddrinfo, as other programs on this host use it: it shows the hosts file and whatever else is configured.

It blocks, so it runs in threads of our own: daemons, so that one that hangs in a dead resolver does not keep the
program from ending, and few, so that a dead resolver cannot pile them up.
"""

from __future__ import annotations

import asyncio
import socket
import threading

from probe.measure.failures import Operation, OperationError, classify, operation_error
from probe.measure.step_timeout import StepTimeout
from probe.model.failure import Failure

THREADS = 16
"""Look-ups under way at once."""

_FAMILIES = {"A": socket.AF_INET, "AAAA": socket.AF_INET6}


class SystemLookups:
    """Asks the system for addresses."""

    def __init__(self) -> None:
        self._places = asyncio.Semaphore(THREADS)

    async def addresses(self, name: str, rrtype: str, seconds: float) -> tuple[str, ...]:
        """The addresses of the type asked for, in the system's order.

        Raises:
            OperationError: there are none, or no thread came free within `seconds` (which says nothing about the
                network).
        """
        try:
            with StepTimeout(seconds):
                await self._places.acquire()
        except TimeoutError as error:
            raise operation_error(Failure.LOCAL, "every look-up thread is busy") from error
        loop = asyncio.get_running_loop()
        future: asyncio.Future[tuple[str, ...]] = loop.create_future()
        worker = _Worker(name, rrtype, loop, future, self._places)
        try:
            threading.Thread(target=worker.run, name="lookup", daemon=True).start()
        except RuntimeError as error:  # the system allows no more threads
            self._places.release()
            raise operation_error(Failure.LOCAL, "no thread") from error
        try:
            with StepTimeout(seconds):
                return await future
        except UnicodeError as error:  # the name cannot even be written
            raise operation_error(Failure.LOCAL, str(error)) from error
        except OSError as error:
            raise OperationError(classify(error, Operation.LOOKUP)) from error


class _Worker:
    """One look-up in its thread; gives its place back when the thread ends, not when the asker stops waiting."""

    def __init__(
        self,
        name: str,
        rrtype: str,
        loop: asyncio.AbstractEventLoop,
        future: asyncio.Future[tuple[str, ...]],
        places: asyncio.Semaphore,
    ) -> None:
        self._name = name
        self._family = _FAMILIES[rrtype]
        self._loop = loop
        self._future = future
        self._places = places

    def run(self) -> None:
        """The thread's body."""
        found: tuple[str, ...] = ()
        failed: Exception | None = None
        try:
            answers = socket.getaddrinfo(self._name, None, self._family, socket.SOCK_STREAM)
            found = tuple(dict.fromkeys(str(answer[4][0]) for answer in answers))
        except Exception as error:  # noqa: BLE001 - handed over to the asker, who tells it apart
            failed = error
        try:
            self._loop.call_soon_threadsafe(self._done, found, failed)
        except RuntimeError:  # the loop has ended meanwhile
            return

    def _done(self, found: tuple[str, ...], failed: Exception | None) -> None:
        self._places.release()
        if self._future.done():
            return
        if failed is None:
            self._future.set_result(found)
        else:
            self._future.set_exception(failed)
