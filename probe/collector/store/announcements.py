"""Hints between the parts of a collector, and between its processes: "there are new marks", "there are new revisions".

A hint has a topic and no content: whoever hears it reads the database. It may be lost (a connection breaks, an engine
has no way to other processes), so whoever listens also looks from time to time.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable
from typing import Final

MARKS: Final = "marks"
"""Services were marked to be fused again."""
REVISIONS: Final = "revisions"
"""Revisions of events were published."""
Listener = Callable[[], None]


class Announcements:
    """The listeners of one process. A listener is called in the event loop that it was added in."""

    def __init__(self) -> None:
        self._listeners: defaultdict[str, list[tuple[asyncio.AbstractEventLoop, Listener]]] = defaultdict(list)

    def listen(self, topic: str, listener: Listener) -> Callable[[], None]:
        """Call a listener whenever something of a topic is announced; gives a function that ends this."""
        entry = (asyncio.get_running_loop(), listener)
        self._listeners[topic].append(entry)

        def end() -> None:
            if entry in self._listeners[topic]:
                self._listeners[topic].remove(entry)

        return end

    def deliver(self, topic: str) -> None:
        """Have the listeners of a topic called; from any thread."""
        for loop, listener in tuple(self._listeners[topic]):
            if not loop.is_closed():
                loop.call_soon_threadsafe(listener)

    def topics(self) -> list[str]:
        """The topics that anybody listens to."""
        return [topic for topic, listeners in tuple(self._listeners.items()) if listeners]
