"""The collector's own transparency log: every published revision of an event becomes an entry, in order.

Revisions are numbered without gaps in the order of their transactions, and the log's row remembers how far it has come.
Appending is one transaction under the lock of that row: entries, hashes and the signed checkpoint become visible
together or not at all, whichever of several collectors appends and whenever one is killed.
"""

from __future__ import annotations

import asyncio
import secrets
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from probe.collector.log.checkpoint_memory import CheckpointMemory
from probe.collector.log.tree_reader import grow
from probe.collector.state import Collector
from probe.collector.store import Store, StoreSession, agents, events, from_ms, log_tables, to_ms
from probe.collector.store.events import Revision
from probe.collector.store.log_tables import OWN, OWN_SOURCE, LogHead, NewEntry
from probe.errors import StateError
from probe.formats.checkpoint import Checkpoint
from probe.formats.log_entry import LogEntry, encode_entry
from probe.formats.merkle import EMPTY_ROOT
from probe.formats.signed_note import NoteKey

TICK_SECONDS = 1.0
"""Real seconds between two looks for new revisions: so many may share a checkpoint."""
MAX_APPENDED = 500
"""Entries in one transaction."""
KEY_SECRET = "transparency log: key"  # noqa: S105 the name of the secret
SUFFIX = "/log"
"""The path of the log below the collector's origin, and the end of its name."""


class OwnLog:
    """Appends to the log and gives its checkpoint; `run_once` is a task of the supervisor.

    Args:
        collector: running.
        memory_file: where the last published checkpoint is remembered; None for nowhere.

    Attributes:
        memory: of the last published checkpoint.
    """

    def __init__(self, collector: Collector, memory_file: Path | None) -> None:
        self._collector = collector
        self.memory = CheckpointMemory(memory_file)
        self._lock = asyncio.Lock()
        self._served = b""

    async def run_once(self) -> None:
        """Wait for the next tick, then append what was published.

        Raises:
            StateError: the database is older than what was published. Nothing is signed.
            StorageError: the database or the file cannot be read or written.
        """
        await self._collector.real.sleep(TICK_SECONDS)
        await self.append_all()

    async def append_all(self) -> None:
        """Append every published revision that is not in the log, and remember the checkpoint."""
        store = self._collector.store
        position, latest = await store.read(_progress)
        if position < 0 or latest > position:
            await self.checkpoint()  # what others published is remembered before anything is signed
            name = log_name(self._collector.origin)
            now = to_ms(self._collector.clock.now())
            while await store.write(lambda session: _append(session, name, self.memory, now)) == MAX_APPENDED:
                pass
        await self.checkpoint()

    async def checkpoint(self) -> bytes:
        """The newest signed checkpoint; empty before the log has begun. It is remembered before it is returned.

        Raises:
            StateError: it does not continue what was published.
            StorageError: the database or the file cannot be read or written.
        """
        async with self._lock:
            await asyncio.to_thread(self.memory.load)
            note = await self._collector.store.read(self._checked)
            if note and note != self._served:
                await asyncio.to_thread(self.memory.keep, note)
                self._served = note
                self._collector.metrics.set("log_entries", float(self.memory.known.size if self.memory.known else 0))
            return note

    def _checked(self, session: StoreSession) -> bytes:
        found = log_tables.head(session)
        if found is None:
            if self.memory.known is not None:
                raise StateError("the database has no log, and one was published", where=str(self.memory.path))
            return b""
        if found.checkpoint != self._served or self.memory.known is None:
            self.memory.check(session, found)
        return found.checkpoint


def log_name(origin: str) -> str:
    """The name of the log of a collector: its address without the scheme (c2sp.org/tlog-tiles)."""
    return origin.partition("://")[2] + SUFFIX


async def own_key(store: Store, origin: str) -> NoteKey:
    """The public key of the collector's log; the log begins at the first call.

    Args:
        store: the database.
        origin: of the collector. A log without entries takes it as its name; one with entries keeps its own.
    """
    return await store.write(lambda session: _identity(session, log_name(origin))[0])


def stored_key(session: StoreSession) -> NoteKey | None:
    """The public key of the collector's log; None before the log has begun."""
    found = log_tables.head(session)
    seed = agents.secret(session, KEY_SECRET)
    if found is None or seed is None:
        return None
    return _public(found.origin, Ed25519PrivateKey.from_private_bytes(seed))


def _public(name: str, private: Ed25519PrivateKey) -> NoteKey:
    return NoteKey(name=name, public=private.public_key().public_bytes_raw())


def _identity(session: StoreSession, name: str) -> tuple[NoteKey, Ed25519PrivateKey, LogHead]:
    """The log's keys and its row, which stays locked; all are made where they are missing."""
    agents.store_secret(session, KEY_SECRET, secrets.token_bytes(32))
    seed = agents.secret(session, KEY_SECRET)
    assert seed is not None  # noqa: S101 it was written two lines above
    private = Ed25519PrivateKey.from_private_bytes(seed)
    log_tables.add(session, _empty(name, private))
    found = log_tables.head(session, lock=True)
    assert found is not None  # noqa: S101 likewise
    if found.size == 0 and found.origin != name:
        found = _empty(name, private)
        log_tables.update(session, found)
    return _public(found.origin, private), private, found


def _empty(name: str, private: Ed25519PrivateKey) -> LogHead:
    note = Checkpoint(origin=name, size=0, root=EMPTY_ROOT).signed(private)
    return LogHead(
        no=OWN,
        source=OWN_SOURCE,
        origin=name,
        url="",
        vkey=str(_public(name, private)),
        size=0,
        checkpoint=note,
        latest=note,
        position=0,
        bytes=0,
        state="active",
        problem="",
        since=0,
        seen=0,
    )


def _progress(session: StoreSession) -> tuple[int, int]:
    """The number of the last revision in the log, -1 before it has begun, and that of the last one published."""
    found = log_tables.head(session)
    return -1 if found is None else found.position, events.latest_revision(session)


def _append(session: StoreSession, name: str, memory: CheckpointMemory, now: int) -> int:
    """Append the next revisions and sign; how many there were.

    Raises:
        StateError: the log does not continue what was published.
    """
    _, private, found = _identity(session, name)
    memory.check(session, found)
    fresh = events.revisions_after(session, found.position, MAX_APPENDED)
    if not fresh:
        return 0
    known = log_tables.logged_among(session, [each.no for each in fresh])  # those that came back from a copy of the log
    new = [_entry(each) for each in fresh if each.no not in known]
    root = grow(session, OWN, found.size, new)
    note = Checkpoint(origin=found.origin, size=found.size + len(new), root=root).signed(private)
    changed = msgspec.structs.replace(
        found,
        size=found.size + len(new),
        checkpoint=note,
        latest=note,
        position=fresh[-1].no,
        bytes=found.bytes + sum(len(each.body) for each in new),
        since=found.since or now,
        seen=now,
    )
    log_tables.update(session, changed)
    return len(fresh)


def _entry(revision: Revision) -> NewEntry:
    event = revision.event
    body = encode_entry(
        LogEntry(
            kind=revision.kind,
            published=from_ms(revision.published),
            event=event,
            into=revision.successor,
            reason=revision.reason,
        )
    )
    return NewEntry(event.id, event.revision, body, revision.no)
