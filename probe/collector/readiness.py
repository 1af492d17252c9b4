"""Whether a collector is ready: its database takes a write, has room and is whole, and no essential task fails.

A load balancer asks every few seconds, and anybody may ask: the answer holds for a second, so that asking costs at most
one commit a second.
"""

from __future__ import annotations

import asyncio
import re
import shutil
from pathlib import Path

import msgspec

from probe.clock import Clock
from probe.collector.store import Store, agents
from probe.collector.supervision import Supervisor
from probe.errors import StorageError

READY_SECONDS = 5.0
"""How long the database may take to answer."""
ANSWER_SECONDS = 1.0
"""How long an answer is given again."""
MIN_FREE_BYTES = 16 * 1024 * 1024
"""Room on the database's disk. With less, a write that finds a place in the log succeeds, and the next one fails."""
_CORRUPT = re.compile(r"malformed|corrupt|not a database|disk i/o", re.IGNORECASE)


class Unready(msgspec.Struct, frozen=True):
    """Why a collector is not ready: a stable word for programs, and a sentence."""

    code: str
    message: str


class Readiness:
    """Answers whether a collector is ready.

    Args:
        store: its database.
        supervisor: its background tasks.
        clock: real time.
    """

    def __init__(self, store: Store, supervisor: Supervisor, clock: Clock) -> None:
        self._store = store
        self._supervisor = supervisor
        self._clock = clock
        self._corrupt = False
        self._asked = 0
        self._answer: Unready | None = None
        self._valid_until = float("-inf")
        self._lock = asyncio.Lock()

    async def unready(self) -> Unready | None:
        """Why the collector is not ready; None when it is."""
        async with self._lock:
            if self._clock.monotonic() >= self._valid_until:
                self._answer = await self._of_database()
                self._valid_until = self._clock.monotonic() + ANSWER_SECONDS
        failing = self._supervisor.failing()
        if self._answer is None and failing:
            return Unready("task_failing", f"a background task fails: {', '.join(failing)}")
        return self._answer

    def note_failure(self, error: StorageError) -> None:
        """Somebody's use of the database failed. One that shows damage keeps the collector from being ready again."""
        self._corrupt = self._corrupt or _CORRUPT.search(str(error)) is not None
        self._valid_until = float("-inf")

    async def _of_database(self) -> Unready | None:
        self._asked += 1
        try:
            async with asyncio.timeout(READY_SECONDS):
                await self._store.write(lambda session: agents.note_question(session, self._asked))
                await self._store.read(lambda session: agents.secret(session, "vantage"))
        except StorageError as error:
            self._corrupt = self._corrupt or _CORRUPT.search(str(error)) is not None
            if not self._corrupt:
                return Unready("unavailable", "the database cannot be written")
        except TimeoutError:
            return Unready("unavailable", "the database does not answer")
        if self._corrupt:
            return Unready("corrupt", "the database is damaged: restore a backup")
        if await asyncio.to_thread(self._is_full):
            return Unready("disk_full", "the disk of the database is full")
        return None

    def _is_full(self) -> bool:
        path = getattr(self._store, "path", None)
        if not isinstance(path, Path) or not path.exists():
            return False
        return shutil.disk_usage(path.parent).free < MIN_FREE_BYTES
