"""Passes announcements on to the other processes on a database, by LISTEN and NOTIFY.

An announcement is a transaction of its own: transactions that notify commit one after another, and intake must not.
"""

from __future__ import annotations

import contextlib
import secrets
import socket
import threading
from selectors import EVENT_READ, DefaultSelector
from typing import Any

import psycopg

from probe.collector.store import StoreSession
from probe.collector.store.announcements import Announcements
from probe.collector.store.postgres.postgres_tables import connect

CHANNEL = "probe_collector"
RECONNECT_SECONDS = 2.0


class PostgresListener:
    """A thread with a connection that hears what other processes announce.

    Args:
        conninfo: of the database.
        announcements: gets what is heard.
    """

    def __init__(self, conninfo: str, announcements: Announcements) -> None:
        self._conninfo = conninfo
        self._announcements = announcements
        self._name = secrets.token_hex(8)
        self._stopping = threading.Event()
        self._wake, self._woken = socket.socketpair()
        self._thread = threading.Thread(target=self._run, name="store-listen", daemon=True)

    def start(self) -> None:
        """Begin to hear; a second call changes nothing."""
        if not self._thread.is_alive() and not self._stopping.is_set():
            self._thread.start()

    def announce(self, session: StoreSession, topic: str) -> None:
        """Tell the other processes when the transaction commits."""
        session.row("SELECT pg_notify(?, ?)", CHANNEL, f"{self._name} {topic}")

    def stop(self) -> None:
        """End the thread and close its connection."""
        self._stopping.set()
        self._wake.send(b"\0")
        if self._thread.is_alive():
            self._thread.join()
        self._wake.close()
        self._woken.close()

    def _run(self) -> None:
        while not self._stopping.is_set():
            with contextlib.suppress(psycopg.Error), connect(self._conninfo) as connection:
                connection.execute(f"LISTEN {CHANNEL}")
                for topic in self._announcements.topics():  # some may have been missed
                    self._announcements.deliver(topic)
                self._hear(connection)
            self._stopping.wait(RECONNECT_SECONDS)

    def _hear(self, connection: psycopg.Connection[Any]) -> None:
        """Deliver notifications until the thread stops or the connection is lost.

        Raises:
            psycopg.Error: the connection is lost.
        """
        raw = connection.pgconn
        with DefaultSelector() as selector:
            selector.register(raw.socket, EVENT_READ)
            selector.register(self._woken, EVENT_READ)
            while not self._stopping.is_set():
                while (notice := raw.notifies()) is not None:
                    name, _, topic = notice.extra.decode(errors="replace").partition(" ")
                    if name != self._name:
                        self._announcements.deliver(topic)
                selector.select()
                raw.consume_input()
