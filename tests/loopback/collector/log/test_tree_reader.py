"""Roots and proofs that are computed from the tiles in a database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from probe.collector.log.tree_reader import bundle_body, grow, proof_of, root_at, tile_body
from probe.collector.store import log_tables
from probe.collector.store.log_tables import LogHead, NewEntry
from probe.collector.store.sqlite.sqlite_file import open_file
from probe.collector.store.sqlite.sqlite_store import SqliteSession
from probe.errors import RecordError
from probe.formats.merkle import EMPTY_ROOT, leaf_hash, root_of
from probe.formats.tiles import decode_bundle

BODIES = [b"entry %d" % number for number in range(600)]


@pytest.fixture
def session() -> Iterator[SqliteSession]:
    """An empty database in memory with a log of 600 entries that were appended in pieces."""
    connection = open_file(Path(":memory:"), create=True)
    made = SqliteSession(connection)
    for at in range(0, 600, 150):
        grow(made, 7, at, [NewEntry("a" * 16, number, BODIES[number]) for number in range(at, at + 150)])
    yield made
    connection.close()


def test_the_root_of_every_size_is_known(session: SqliteSession) -> None:
    for size in (0, 1, 255, 256, 257, 512, 599, 600):
        assert root_at(session, 7, size) == root_of(map(leaf_hash, BODIES[:size]))
    assert root_at(session, 8, 0) == EMPTY_ROOT
    with pytest.raises(RecordError, match="fewer than 601"):
        root_at(session, 7, 601)


def test_tiles_and_bundles_are_as_wide_as_was_asked_or_not_there(session: SqliteSession) -> None:
    """Two logs of one database are apart."""
    assert tile_body(session, 7, 0, 2, 88) == b"".join(map(leaf_hash, BODIES[512:]))
    assert tile_body(session, 7, 0, 2, 89) is None
    assert tile_body(session, 7, 1, 0, 2) is not None
    assert tile_body(session, 8, 0, 0, 1) is None
    bundle = bundle_body(session, 7, 2, 88)
    assert bundle is not None
    assert decode_bundle(bundle, 88) == BODIES[512:]
    assert bundle_body(session, 7, 2, 89) is None
    assert bundle_body(session, 8, 0, 1) is None


def test_an_entry_that_no_checkpoint_covers_has_no_proof_yet(session: SqliteSession) -> None:
    """A log without a row has no checkpoint; an entry that is not there has no proof either."""
    assert proof_of(session, 7, 0) is None
    row = LogHead(
        no=7, source="s", origin="o", url="", vkey="", size=600, checkpoint=b"", latest=b"", position=0, bytes=0,
        state="active", problem="", since=0, seen=0,
    )  # fmt: skip
    log_tables.add(session, row)
    assert proof_of(session, 7, 0) is None
    assert proof_of(session, 7, 700) is None
