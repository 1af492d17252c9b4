"""Follows the logs of other collectors: `probe collector follow URL`.

What a followed collector publishes is copied entry by entry, after its signature, its consistency with what was seen
before, and the inclusion of each entry have been verified. The copy stays when the source is gone, and is served with
the source's own signed checkpoint. A source is not trusted: it can neither touch our events nor our log, and what it
sends is bounded in size and time.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from datetime import datetime
from hashlib import sha256

import aiohttp
import msgspec

from probe.collector.log.log_client import LogClient, LogForkError, log_session
from probe.collector.log.tree_reader import grow, root_at
from probe.collector.state import Collector
from probe.collector.store import StoreSession, agents, followed, log_tables, to_ms
from probe.collector.store.followed import ReceivedEntry
from probe.collector.store.log_tables import LogHead, NewEntry
from probe.errors import ProbeError, RecordError, StorageError, UplinkError, UsageError
from probe.formats import tiles
from probe.formats.checkpoint import Checkpoint, open_checkpoint
from probe.formats.log_entry import decode_entry
from probe.formats.merkle import leaf_hash
from probe.formats.signed_note import NoteKey, parse_key
from probe.formats.tiles import TILE_WIDTH

LOG = logging.getLogger("probe.collector.log.following")
INTERVAL_SECONDS = 60.0
"""Between two looks at a followed log, by the collector's clock."""
LOOK_SECONDS = 2.0
"""Real seconds between two looks at which logs are due."""
PASS_SECONDS = 120.0
"""Real seconds for one look at a log."""
MAX_BUNDLES = 4
"""Bundles of entries that are verified and stored in one transaction."""
MAX_LOG_BYTES = 1024 * 1024 * 1024
"""Bytes of entries that are kept of one log."""
MAX_FOLLOWED = 100
CONCURRENT_LOGS = 4
ACTIVE, FORKED, STOPPED = "active", "forked", "stopped"
MAX_PROBLEM = 500


class Follower:
    """Reads the followed logs; `run_once` is a task of the supervisor.

    Args:
        collector: running.
    """

    def __init__(self, collector: Collector) -> None:
        self._collector = collector

    async def run_once(self) -> None:
        """Wait a moment, then read the logs that are due. What goes wrong with one is kept in its row.

        Raises:
            StorageError: the database cannot be read or written.
        """
        await self._collector.real.sleep(LOOK_SECONDS)
        store = self._collector.store
        heads = [each for each in await store.read(log_tables.followed) if each.state == ACTIVE]
        if not heads:
            return
        now = to_ms(self._collector.clock.now())
        before = now - int(INTERVAL_SECONDS * 1000)
        due = await store.write(
            lambda session: [each for each in heads if followed.claim(session, each.no, now, before)]
        )
        limit = asyncio.Semaphore(CONCURRENT_LOGS)

        async def one(head: LogHead, http: aiohttp.ClientSession) -> None:
            async with limit:
                await self.read_log(head.no, http)

        async with log_session() as http:
            await asyncio.gather(*(one(each, http) for each in due))

    async def read_log(self, no: int, http: aiohttp.ClientSession) -> str:
        """Read one log to its end, and keep what is wrong with it in its row.

        Returns:
            What is wrong; empty when nothing is.

        Raises:
            StorageError: the database cannot be read or written.
        """
        problem, state = "", ACTIVE
        try:
            async with asyncio.timeout(PASS_SECONDS):
                while not await self._read_some(no, http):
                    pass
        except LogForkError as error:
            problem, state = str(error), FORKED
            notes = b"\n".join(error.notes)
            await self._collector.store.write(lambda s: agents.store_secret(s, log_tables.fork_name(no), notes))
            LOG.warning("a followed log is rewritten: %s", error)
        except StorageError:
            raise
        except TimeoutError:
            problem = "takes too long; the next look goes on"
        except ProbeError as error:
            problem = str(error)
        await self._collector.store.write(lambda session: _note_problem(session, no, problem, state))
        return problem

    async def _read_some(self, no: int, http: aiohttp.ClientSession) -> bool:
        """Verify the newest checkpoint and the next entries, and store both; whether that was all.

        Raises:
            ProbeError: the log cannot be read, or something does not verify. Nothing of it is stored.
        """
        collector = self._collector
        head = await collector.store.read(lambda session: log_tables.head(session, no))
        if head is None or head.state != ACTIVE:
            return True
        key, client = parse_key(head.vkey), LogClient(http, head.url)
        note, found = await client.checkpoint(key)
        await self._check_growth(client, head, key, (note, found))
        new = await _next_entries(client, head, found)
        size = head.size + len(new)
        root = await collector.store.read(lambda session: _root_with(session, head, new))
        await client.check_prefix(size, root, found)
        now = collector.clock.now()
        await collector.store.write(lambda session: _keep(session, head, note, found, new, now))
        return size == found.size

    async def _check_growth(
        self, client: LogClient, head: LogHead, key: NoteKey, found: tuple[bytes, Checkpoint]
    ) -> None:
        """Return if the log has only grown since it was last seen."""
        if not head.latest:
            return
        known = (head.latest, open_checkpoint(head.latest, key))
        size = found[1].size
        if size < known[1].size and size <= head.size:
            root = await self._collector.store.read(lambda session: root_at(session, head.no, size))
            if root != found[1].root:
                said = f"a signed checkpoint of {size} entries contradicts the one of {known[1].size} that was seen"
                raise LogForkError(said, where=client.prefix, notes=(known[0], found[0]))
        await client.check_growth(known, found)


async def begin_following(http: aiohttp.ClientSession, url: str, key: NoteKey | None, now: datetime) -> LogHead:
    """The row of a log that is to be followed, after its checkpoint has been verified.

    Args:
        http: the session.
        url: of the collector or of a copy of its log.
        key: of the log; None to take the one that the server names.
        now: the time.

    Raises:
        ProbeError: there is no log, or it is not signed with the key.
    """
    client = LogClient(http, url)
    known = key or await client.key()
    _, found = await client.checkpoint(known)
    return LogHead(
        no=0,
        source=source_of(known),
        origin=found.origin,
        url=client.prefix,
        vkey=str(known),
        size=0,
        checkpoint=b"",
        latest=b"",
        position=0,
        bytes=0,
        state=ACTIVE,
        problem="",
        since=to_ms(now),
        seen=0,
    )


def add_followed(session: StoreSession, new: LogHead) -> LogHead:
    """Store a log that is to be followed; one that was followed before goes on where it was.

    Raises:
        UsageError: it is our own, too many are followed, or it has forked.
    """
    own = log_tables.head(session)
    if own is not None and own.vkey == new.vkey:
        raise UsageError("is the log of this collector itself", where=new.url)
    known = log_tables.head_of(session, new.source)
    if known is not None and known.state == FORKED:
        raise UsageError(f"is not followed any more: {known.problem}", where=known.origin)
    if known is None and len(log_tables.followed(session)) >= MAX_FOLLOWED:
        raise UsageError(f"no more than {MAX_FOLLOWED} collectors are followed", where=new.url)
    no = followed.number_for(session, new)
    stored = log_tables.head(session, no, lock=True)
    assert stored is not None  # noqa: S101 it was stored one line above
    changed = msgspec.structs.replace(stored, url=new.url, state=ACTIVE, problem="", seen=0)
    log_tables.update(session, changed)
    return changed


def source_of(key: NoteKey) -> str:
    """The name of a followed log in our addresses: the same for everybody who follows it."""
    return sha256(str(key).encode()).hexdigest()[:8]


async def _next_entries(client: LogClient, head: LogHead, found: Checkpoint) -> list[NewEntry]:
    """The next entries of a log, not verified: those of `MAX_BUNDLES` bundles.

    Raises:
        UplinkError: they cannot be fetched, or would be more than is kept of one log.
        RecordError: a bundle is none.
    """
    new: list[NewEntry] = []
    first = head.size // TILE_WIDTH
    for bundle in range(first, min(first + MAX_BUNDLES, -(-found.size // TILE_WIDTH))):
        bodies = await client.entries(bundle, found.size)
        skipped = head.size % TILE_WIDTH if bundle == first else 0
        new += [NewEntry(*_named(body), body) for body in bodies[skipped:]]
    if head.bytes + sum(len(each.body) for each in new) > MAX_LOG_BYTES:
        raise UplinkError(f"has more than the {MAX_LOG_BYTES} bytes that are kept of a log", where=client.prefix)
    return new


def _named(body: bytes) -> tuple[str, int]:
    """Id and revision of the event of an entry; empty and 0 where this version does not understand it."""
    try:
        event = decode_entry(body).event
    except RecordError:
        return "", 0
    return event.id, event.revision


def _root_with(session: StoreSession, head: LogHead, new: list[NewEntry]) -> bytes:
    """The root that the copy would have with these entries."""
    edge = log_tables.tiles(session, head.no, tiles.rightmost(head.size))
    fresh = tiles.grown(head.size, edge, [leaf_hash(each.body) for each in new])
    size = head.size + len(new)
    wanted = tiles.root_tiles(size)
    stored = log_tables.tiles(session, head.no, wanted - fresh.keys())
    return tiles.root_from(size, stored | fresh)


def _keep(  # noqa: PLR0917 - what was read of a log
    session: StoreSession, head: LogHead, note: bytes, found: Checkpoint, new: list[NewEntry], now: datetime
) -> None:
    """Store verified entries and the checkpoint, unless another process has done so meanwhile."""
    known = log_tables.head(session, head.no, lock=True)
    if known is None or known.size != head.size or known.latest != head.latest:
        return
    if new:
        grow(session, head.no, head.size, new)
        followed.store_events(session, head.no, list(_understood(head.size, new, now)), to_ms(now))
    size = head.size + len(new)
    changed = msgspec.structs.replace(
        known,
        size=size,
        checkpoint=note if size == found.size else known.checkpoint,
        latest=note,
        bytes=known.bytes + sum(len(each.body) for each in new),
    )
    log_tables.update(session, changed)


def _understood(size: int, new: list[NewEntry], now: datetime) -> Iterator[ReceivedEntry]:
    """The entries that this version understands and whose times are not ahead."""
    for at, each in enumerate(new):
        try:
            yield ReceivedEntry(size + at, decode_entry(each.body, now))
        except RecordError as error:
            LOG.warning("entry %d of a followed log is kept and not shown: %s", size + at, error)


def _note_problem(session: StoreSession, no: int, problem: str, state: str) -> None:
    known = log_tables.head(session, no, lock=True)
    if known is not None and known.state == ACTIVE:
        log_tables.update(session, msgspec.structs.replace(known, problem=problem[:MAX_PROBLEM], state=state))
