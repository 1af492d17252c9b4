"""How many connections may be open: in all, and for each source that is not known yet.

A connection is known once a request on it named an enrolled agent. Where all places are taken, the connection that has
been unknown for longest is closed: so an agent finds a place while thousands of strangers hold theirs.
"""

from __future__ import annotations

import sys
from collections import Counter, OrderedDict
from typing import Protocol

from probe.collector.connections.client_prefix import Client
from probe.collector.metrics import Metrics

MAX_OPEN = 16_384
"""Open connections of a collector, where the system allows as many descriptors."""
RESERVED_DESCRIPTORS = 256
"""Descriptors for the database, pages and outgoing connections."""
MIN_OPEN = 64
MAX_UNKNOWN_OF_SOURCE = 128
"""Open connections of one prefix that named no agent. A carrier's NAT has many readers behind one prefix."""


class Closable(Protocol):
    """A connection that can be closed at once."""

    def drop(self) -> None:
        """Close without waiting for what is not sent yet."""


class ConnectionLimits:
    """Counts the open connections.

    Args:
        metrics: gets `connections_open`, and `connections_ended_total` by reason.
        most: open connections in all; 0: what the system allows, at most `MAX_OPEN`.
        of_source: open connections of one source that named no agent.
    """

    def __init__(self, metrics: Metrics, most: int = 0, of_source: int = MAX_UNKNOWN_OF_SOURCE) -> None:
        self.most = most or allowed_connections()
        self.of_source = of_source
        self._metrics = metrics
        self._open: dict[Closable, bytes] = {}
        self._unknown: OrderedDict[Closable, None] = OrderedDict()
        self._of_source: Counter[bytes] = Counter()
        metrics.register("connections_open", lambda: float(len(self._open)))

    def admit(self, connection: Closable, client: Client) -> bool:
        """Count a new connection; False where its source has too many. It may close another one to make room."""
        source = client.source
        if source and self._of_source[source] >= self.of_source:
            self.count("source")
            return False
        if len(self._open) >= self.most:
            if not self._unknown:
                self.count("full")
                return False
            oldest = next(iter(self._unknown))
            self.count("evicted")
            self.release(oldest)
            oldest.drop()
        self._open[connection] = source
        self._unknown[connection] = None
        if source:
            self._of_source[source] += 1
        return True

    def replace(self, connection: Closable, successor: Closable) -> None:
        """Let another object stand for a connection, as old as before among its equals, or younger."""
        if connection in self._open:
            self._open[successor] = self._open.pop(connection)
            del self._unknown[connection]
            self._unknown[successor] = None

    def known(self, connection: Closable) -> None:
        """An enrolled agent speaks on this connection: it is neither counted for its source nor closed for others."""
        if connection in self._unknown:
            del self._unknown[connection]
            self._uncount(self._open[connection])
            self._open[connection] = b""

    def release(self, connection: Closable) -> None:
        """A connection has ended."""
        source = self._open.pop(connection, None)
        if source is not None:
            self._unknown.pop(connection, None)
            self._uncount(source)

    def count(self, reason: str) -> None:
        """Count a connection that the collector refused or ended, with the reason: one of a few words."""
        self._metrics.add("connections_ended_total", reason=reason)

    def _uncount(self, source: bytes) -> None:
        if source:
            self._of_source[source] -= 1
            if not self._of_source[source]:
                del self._of_source[source]


def allowed_connections() -> int:
    """The connections that the limit of descriptors allows, after this process has raised it as far as it may."""
    if sys.platform == "win32":
        return MAX_OPEN
    import resource  # noqa: PLC0415 - not on Windows

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_OPEN + RESERVED_DESCRIPTORS
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        except (OSError, ValueError):  # macOS refuses what its kernel does not have
            soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if soft == resource.RLIM_INFINITY:
        return MAX_OPEN
    return max(MIN_OPEN, min(MAX_OPEN, soft - RESERVED_DESCRIPTORS))
