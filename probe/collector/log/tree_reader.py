"""Roots and proofs of a stored log, from its tiles in the database."""

from __future__ import annotations

from collections.abc import Sequence

from probe.collector.store import StoreSession, log_tables
from probe.collector.store.log_tables import NewEntry
from probe.errors import RecordError
from probe.formats import tiles
from probe.formats.checkpoint import unverified
from probe.formats.merkle import leaf_hash
from probe.formats.tlog_proof import TlogProof


def root_at(session: StoreSession, no: int, size: int) -> bytes:
    """The root of the first `size` entries of a log.

    Raises:
        RecordError: the log has fewer.
    """
    wanted = tiles.root_tiles(size)
    found = log_tables.tiles(session, no, wanted)
    if len(found) != len(wanted):
        raise RecordError(f"has fewer than {size} entries")
    return tiles.root_from(size, found)


def grow(session: StoreSession, no: int, size: int, new: Sequence[NewEntry]) -> bytes:
    """Append entries to a log with their hashes, under the lock of its row, and return the new root.

    Args:
        session: of the transaction that writes the log's row as well.
        no: of the log.
        size: that the log has.
        new: the entries.
    """
    edge = log_tables.tiles(session, no, tiles.rightmost(size))
    log_tables.append(session, no, size, new)
    log_tables.store_tiles(session, no, tiles.grown(size, edge, [leaf_hash(each.body) for each in new]))
    return root_at(session, no, size + len(new))


def proof_of(session: StoreSession, no: int, index: int) -> TlogProof | None:
    """The proof that an entry is in the log's newest complete checkpoint, with the entry; None when it is not yet."""
    known = log_tables.head(session, no)
    found = log_tables.entries(session, no, index, 1)
    if known is None or not known.checkpoint or not found:
        return None
    size = unverified(known.checkpoint).size
    if index >= size:
        return None
    hashes = tiles.inclusion_from(index, size, log_tables.tiles(session, no, tiles.inclusion_tiles(index, size)))
    return TlogProof(index=index, hashes=tuple(hashes), checkpoint=known.checkpoint, extra=found[0])


def tile_body(session: StoreSession, no: int, level: int, index: int, width: int) -> bytes | None:
    """A tile of a log; None when the log has not so many hashes there."""
    wanted = tiles.TileId(level, index, width)
    return log_tables.tiles(session, no, [wanted]).get(wanted)


def bundle_body(session: StoreSession, no: int, index: int, width: int) -> bytes | None:
    """A bundle of entries of a log; None when the log has not so many there."""
    found = log_tables.entries(session, no, index * tiles.TILE_WIDTH, width)
    return tiles.encode_bundle(found) if len(found) == width else None
