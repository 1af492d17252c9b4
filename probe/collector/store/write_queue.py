"""The queue in front of an engine's writers, with a lane of their own for large writes.

A heartbeat takes a hundredth of the time of a batch with hundreds of changes. In one queue it would wait for all of
them; here it waits for the one that is being written. After `MAX_SMALL_IN_A_ROW` small writes a large one has its turn.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import Generic, TypeVar

Item = TypeVar("Item")
MAX_SMALL_IN_A_ROW = 400
"""Small writes that are taken before a large one that waits."""


class WriteQueue(Generic[Item]):
    """Writes that wait, for any number of threads. After `close` the rest is given out, then None to every thread."""

    def __init__(self) -> None:
        self._small: deque[Item] = deque()
        self._large: deque[Item] = deque()
        self._changed = threading.Condition()
        self._in_a_row = 0
        self._closed = False

    def put(self, item: Item | None, *, large: bool = False) -> None:
        """Add a write at the end of its lane; None closes the queue."""
        with self._changed:
            if item is None:
                self._closed = True
                self._changed.notify_all()
                return
            (self._large if large else self._small).append(item)
            self._changed.notify()

    def get(self) -> Item | None:
        """The next write, waiting for one; None once the queue is closed and empty."""
        with self._changed:
            while not self._small and not self._large and not self._closed:
                self._changed.wait()
            return self._next()

    def get_nowait(self) -> Item | None:
        """The next write; None when none waits now."""
        with self._changed:
            return self._next()

    def qsize(self) -> int:
        """The number of writes that wait."""
        return len(self._small) + len(self._large)

    def _next(self) -> Item | None:
        large_is_due = bool(self._large) and self._in_a_row >= MAX_SMALL_IN_A_ROW
        if self._small and not large_is_due:
            self._in_a_row += 1
            return self._small.popleft()
        self._in_a_row = 0
        return self._large.popleft() if self._large else None
