"""Writes the log as static files, in the layout of c2sp.org/tlog-tiles, for any web server and any copy."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

from probe.collector.log.checkpoint_memory import CheckpointMemory
from probe.collector.log.own_log import stored_key
from probe.collector.log.tree_reader import bundle_body, tile_body
from probe.collector.store import Store, StoreSession, log_tables
from probe.collector.store.log_tables import OWN
from probe.errors import StateError, StorageError
from probe.formats.checkpoint import unverified
from probe.formats.tiles import TILE_BITS, TILE_WIDTH, TileId, bundle_path, width_of

CHECKPOINT = "checkpoint"
KEY = "key"


async def export_log(store: Store, folder: Path) -> tuple[int, int]:
    """Write what is new of the log to a folder, the checkpoint last.

    Returns:
        The number of entries, and of files written.

    Raises:
        StateError: the database has no log, or the folder's checkpoint does not belong to the beginning of it.
        StorageError: a file cannot be written.
    """
    memory = CheckpointMemory(folder / CHECKPOINT)
    await asyncio.to_thread(memory.load)
    note, key = await store.read(lambda session: _checked(session, memory))
    size = unverified(note).size
    written = 0
    for path, read in _files(size):
        target = folder / path
        if not await asyncio.to_thread(target.exists):
            body = await store.read(read)
            if body is None:
                raise StateError(f"the database lacks {path} of its log", mend="restore a backup")
            await asyncio.to_thread(_write, target, body)
            written += 1
    await asyncio.to_thread(_write, folder / KEY, f"{key}\n".encode())
    await asyncio.to_thread(_write, folder / CHECKPOINT, note)
    return size, written


class _Tile:
    """Reads one tile of the log."""

    def __init__(self, tile: TileId) -> None:
        self.tile = tile

    def __call__(self, session: StoreSession) -> bytes | None:
        return tile_body(session, OWN, *self.tile)


class _Bundle:
    """Reads one bundle of entries of the log."""

    def __init__(self, index: int, width: int) -> None:
        self.index = index
        self.width = width

    def __call__(self, session: StoreSession) -> bytes | None:
        return bundle_body(session, OWN, self.index, self.width)


def _files(size: int) -> Iterator[tuple[str, _Tile | _Bundle]]:
    """Path and reader of every tile and bundle of a log of this size."""
    level = 0
    while size >> TILE_BITS * level:
        for index in range(-(-(size >> TILE_BITS * level) // TILE_WIDTH)):
            tile = TileId(level, index, width_of(level, index, size))
            yield tile.path, _Tile(tile)
            if level == 0:
                yield bundle_path(index, tile.width), _Bundle(index, tile.width)
        level += 1


def _checked(session: StoreSession, memory: CheckpointMemory) -> tuple[bytes, str]:
    """The checkpoint and the key of the log, which continues what the folder has.

    Raises:
        StateError: it does not, or there is no log.
    """
    found, key = log_tables.head(session), stored_key(session)
    if found is None or key is None:
        raise StateError("the database has no log yet", mend="start the collector")
    memory.check(session, found)
    return found.checkpoint, str(key)


def _write(path: Path, body: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f"{path.name}.new")
        draft.write_bytes(body)
        draft.replace(path)
    except OSError as error:
        raise StorageError(f"cannot be written ({error.strerror})", where=str(path), mend="make room") from error
