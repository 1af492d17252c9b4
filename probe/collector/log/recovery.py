"""Mends the log of a database that was restored from a backup older than what was published.

The missing entries are in every copy of the log: an export, or a follower's. They are signed for by this log's own
checkpoint, so a copy need not be trusted. The revisions in them come back with them. Where no copy exists, the log can
only begin anew under another key, for to sign other entries in the place of published ones would be a fork.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

import msgspec

from probe.collector.log.checkpoint_memory import MEND, CheckpointMemory
from probe.collector.log.own_log import KEY_SECRET, stored_key
from probe.collector.log.tree_reader import grow
from probe.collector.store import Store, StoreSession, agents, events, log_tables, to_ms
from probe.collector.store.log_tables import OWN, LogHead, NewEntry
from probe.errors import RecordError, StateError
from probe.formats.checkpoint import Checkpoint, open_checkpoint
from probe.formats.log_entry import decode_entry
from probe.formats.signed_note import MAX_NOTE_BYTES, NoteKey
from probe.formats.tiles import MAX_BUNDLE_BYTES, TILE_WIDTH, bundle_path, decode_bundle, width_of
from probe.fuse.revision import NewRevision, RevisionKind


class LogCopy(Protocol):
    """A copy of the log: a `LogClient`, or a folder."""

    async def checkpoint(self, key: NoteKey, witnesses: Iterable[NoteKey] = ()) -> tuple[bytes, Checkpoint]:
        """The copy's checkpoint as a note, and verified."""

    async def entries(self, bundle: int, size: int) -> list[bytes]:
        """The entries of a bundle, not verified."""


class FolderCopy:
    """A copy in the folder that `probe collector log export` wrote."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def checkpoint(self, key: NoteKey, witnesses: Iterable[NoteKey] = ()) -> tuple[bytes, Checkpoint]:
        """The folder's checkpoint as a note, and verified.

        Raises:
            StateError: there is none.
            RecordError: it is no checkpoint of this log.
        """
        note = await asyncio.to_thread(self._read, "checkpoint", MAX_NOTE_BYTES)
        return note, open_checkpoint(note, key, witnesses)

    async def entries(self, bundle: int, size: int) -> list[bytes]:
        """The entries of a bundle, not verified.

        Raises:
            StateError: the file is not there.
            RecordError: it is no bundle.
        """
        width = width_of(0, bundle, size)
        return decode_bundle(await asyncio.to_thread(self._read, bundle_path(bundle, width), MAX_BUNDLE_BYTES), width)

    def _read(self, path: str, limit: int) -> bytes:
        try:
            with (self._folder / path).open("rb") as file:
                return file.read(limit + 1)
        except OSError as error:
            raise StateError(f"cannot be read ({error.strerror})", where=str(self._folder / path)) from error


async def recover(store: Store, copy: LogCopy, memory_file: Path | None) -> tuple[int, int]:
    """Take the entries that the database lacks from a copy of its log.

    Args:
        store: the database.
        copy: of its log.
        memory_file: where the last published checkpoint is remembered.

    Returns:
        The number of entries before and after.

    Raises:
        StateError: the database has no log, or the copy lacks entries that were published.
        RecordError: the copy is of another log or of another history.
    """
    key, head = await store.read(lambda session: (stored_key(session), log_tables.head(session)))
    if key is None or head is None:
        raise StateError("the database has no log", mend=MEND)
    note, found = await copy.checkpoint(key)
    memory = CheckpointMemory(memory_file)
    await asyncio.to_thread(memory.load)
    published = memory.known.size if memory.known else 0
    if found.size < max(published, head.size):
        most = max(published, head.size)
        raise StateError(f"the copy has {found.size} entries, and {most} were published", mend="find a newer copy")
    bodies: list[bytes] = []
    first = head.size // TILE_WIDTH
    for bundle in range(first, -(-found.size // TILE_WIDTH)):
        bodies += (await copy.entries(bundle, found.size))[head.size % TILE_WIDTH if bundle == first else 0 :]
    await store.write(lambda session: _restore(session, head, (note, found), bodies))
    return head.size, found.size


async def begin_anew(store: Store, memory_file: Path | None) -> None:
    """Give up the log: it begins anew under another key, with every revision that the database has.

    Whoever pinned the old key sees a log that is not signed with it, and must be told why.
    """

    def write(session: StoreSession) -> None:
        log_tables.remove(session, OWN)
        agents.replace_secret(session, KEY_SECRET, secrets.token_bytes(32))

    await store.write(write)
    if memory_file is not None:
        await asyncio.to_thread(memory_file.unlink, missing_ok=True)


def _restore(session: StoreSession, head: LogHead, found: tuple[bytes, Checkpoint], bodies: list[bytes]) -> None:
    """Append the entries with their revisions.

    Raises:
        RecordError: they do not lead from the database's log to the signed checkpoint; nothing is kept.
        StateError: the log has changed meanwhile.
    """
    known = log_tables.head(session, lock=True)
    if known != head:
        raise StateError("the log has changed meanwhile", mend="try again")
    new = [_restored(session, body) for body in bodies]
    if grow(session, OWN, head.size, new) != found[1].root:
        said = f"the {head.size} entries of the database are not the beginning of the copy's {found[1].size}"
        raise RecordError(said, mend=MEND)
    size = sum(len(body) for body in bodies)
    changed = msgspec.structs.replace(
        head, size=found[1].size, checkpoint=found[0], latest=found[0], bytes=head.bytes + size
    )
    log_tables.update(session, changed)


def _restored(session: StoreSession, body: bytes) -> NewEntry:
    entry = decode_entry(body)
    kind = RevisionKind(entry.kind)
    revision = NewRevision(event=entry.event, kind=kind, into=entry.into)
    number = events.restore(session, revision, to_ms(entry.published), entry.reason)
    if number is not None and log_tables.logged_among(session, [number]):
        number = None
    return NewEntry(entry.event.id, entry.event.revision, body, number)
