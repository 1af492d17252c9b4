"""Reads a transparency log over HTTP and verifies what it reads: signature, consistency, entries.

The log's server is not trusted. Every answer is bounded in size and time, redirects are not followed, and nothing is
returned that does not follow from a signed checkpoint.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import aiohttp

from probe.errors import RecordError, SettingsError, UplinkError
from probe.formats import tiles
from probe.formats.checkpoint import Checkpoint, open_checkpoint
from probe.formats.merkle import EMPTY_ROOT, HASH_BYTES, consistent
from probe.formats.signed_note import MAX_NOTE_BYTES, NoteKey, parse_key
from probe.formats.tiles import TILE_WIDTH, TileId, bundle_path, decode_bundle

REQUEST_SECONDS = 60.0
"""Real seconds for one answer."""
MAX_KEY_BYTES = 4096
CONCURRENT_TILES = 4
LOG_PATH = "/log"


class MissingResourceError(UplinkError):
    """A log does not have a resource (status 404 or 410)."""


class LogForkError(RecordError):
    """Two checkpoints that one key has signed contradict each other: the log was rewritten.

    Args:
        what: what contradicts.
        where: the log.
        notes: the two signed checkpoints, which prove it to anybody.
    """

    def __init__(self, what: str, *, where: str, notes: tuple[bytes, bytes]) -> None:
        super().__init__(what, where=where, mend="keep both checkpoints: they prove it to anybody")
        self.notes = notes


class LogClient:
    """A log at an address.

    Args:
        http: the session, which does not inflate.
        url: of a collector, or of a log, which ends in `/log`.

    Attributes:
        prefix: the address of the log.
    """

    def __init__(self, http: aiohttp.ClientSession, url: str) -> None:
        self._http = http
        self.prefix = log_prefix(url)

    async def key(self) -> NoteKey:
        """The key that the server names. It proves nothing by itself: compare it with one from elsewhere.

        Raises:
            UplinkError: the server does not answer, or with something else.
            UsageError: it is no key.
        """
        return parse_key((await self.get("key", MAX_KEY_BYTES)).decode(errors="replace"))

    async def checkpoint(self, key: NoteKey, witnesses: Iterable[NoteKey] = ()) -> tuple[bytes, Checkpoint]:
        """The newest checkpoint as a note, and verified.

        Raises:
            UplinkError: the server does not answer, or with something else.
            RecordError: it is no checkpoint that the key has signed.
        """
        note = await self.get("checkpoint", MAX_NOTE_BYTES)
        return note, open_checkpoint(note, key, witnesses)

    async def check_growth(self, known: tuple[bytes, Checkpoint], found: tuple[bytes, Checkpoint]) -> None:
        """Return if the log of the found checkpoint begins with all entries of the known one.

        Args:
            known: a checkpoint of before, as a note and verified.
            found: the checkpoint of now, likewise.

        Raises:
            LogForkError: two signed checkpoints contradict each other.
            RecordError: the log does not show that it has grown from the known checkpoint, or shows an older one.
            UplinkError: a tile cannot be fetched.
        """
        old, new = known[1], found[1]
        if old.size == new.size and old.root != new.root:
            said = f"two signed checkpoints of {old.size} entries have different contents"
            raise LogForkError(said, where=self.prefix, notes=(known[0], found[0]))
        if new.size < old.size:
            said = f"shows a checkpoint of {new.size} entries, and had {old.size} before"
            raise RecordError(said, where=self.prefix, mend="ask its operator; it may be a copy that lags behind")
        await self.check_prefix(old.size, old.root, new)

    async def check_prefix(self, size: int, root: bytes, whole: Checkpoint) -> None:
        """Return if the first `size` entries of the log have this root.

        Raises:
            RecordError: they have another one, or the log does not prove it.
            UplinkError: a tile cannot be fetched.
        """
        if size == 0:
            proven = root == EMPTY_ROOT
        else:
            found = await self._tiles(tiles.consistency_tiles(size, whole.size))
            proof = tiles.consistency_from(size, whole.size, found)
            proven = consistent(size, whole.size, root, whole.root, proof)
        if not proven:
            said = f"its {whole.size} entries do not begin with the {size} that were published before"
            raise RecordError(said, where=self.prefix, mend="keep the checkpoint you have, and ask its operator")

    async def entries(self, bundle: int, size: int) -> list[bytes]:
        """The entries of a bundle of the log at this size, not verified.

        Raises:
            UplinkError: it cannot be fetched.
            RecordError: it is no bundle.
        """
        width = tiles.width_of(0, bundle, size)
        try:
            body = await self.get(bundle_path(bundle, width), width * (tiles.MAX_ENTRY_BYTES + 2))
        except MissingResourceError:
            if width == TILE_WIDTH:
                raise
            # A log may delete a partial bundle once the full one is there (tlog-tiles).
            whole = await self.get(bundle_path(bundle, TILE_WIDTH), tiles.MAX_BUNDLE_BYTES)
            return decode_bundle(whole, TILE_WIDTH)[:width]
        return decode_bundle(body, width)

    async def get(self, path: str, limit: int) -> bytes:
        """A resource of the log.

        Raises:
            UplinkError: the server does not answer, answers with another status, or with more bytes.
        """
        return await fetch(self._http, f"{self.prefix}/{path}", limit)

    async def _tiles(self, wanted: Iterable[TileId]) -> dict[TileId, bytes]:
        """Tiles of the log; none of them is verified."""
        limit = asyncio.Semaphore(CONCURRENT_TILES)

        async def one(tile: TileId) -> bytes:
            async with limit:
                return await self._tile(tile)

        order = sorted(wanted)
        return dict(zip(order, await asyncio.gather(*map(one, order)), strict=True))

    async def _tile(self, tile: TileId) -> bytes:
        length = tile.width * HASH_BYTES
        try:
            body = await self.get(tile.path, length)
        except MissingResourceError:
            if tile.width == TILE_WIDTH:
                raise
            body = (await self.get(tile._replace(width=TILE_WIDTH).path, tiles.MAX_TILE_BYTES))[:length]
        if len(body) != length:
            raise RecordError(f"{tile.path} has not {tile.width} hashes", where=self.prefix)
        return body


@asynccontextmanager
async def log_session() -> AsyncIterator[aiohttp.ClientSession]:
    """A session for a `LogClient`: bounded in time, with the proxy of the environment; it does not inflate."""
    timeout = aiohttp.ClientTimeout(total=REQUEST_SECONDS)
    headers = {"Accept-Encoding": "gzip, identity"}
    async with aiohttp.ClientSession(
        timeout=timeout, trust_env=True, auto_decompress=False, headers=headers, cookie_jar=aiohttp.DummyCookieJar()
    ) as http:
        yield http


async def fetch(http: aiohttp.ClientSession, url: str, limit: int) -> bytes:
    """The body of an answer of status 200, inflated, at most `limit` bytes.

    Raises:
        UplinkError: the server does not answer, answers with another status, or with more bytes.
    """
    try:
        async with http.get(url, allow_redirects=False) as answer:
            if answer.status in (404, 410):
                raise MissingResourceError(f"answers with status {answer.status}", where=url)
            if answer.status != 200:
                raise UplinkError(f"answers with status {answer.status}", where=url)
            coding = answer.headers.get("Content-Encoding", "identity").strip().lower()
            if coding not in ("identity", "gzip"):
                raise UplinkError(f"answers in the coding {coding[:20]}", where=url)
            inflater = zlib.decompressobj(31) if coding == "gzip" else None
            body = bytearray()
            async for piece in answer.content.iter_chunked(65_536):
                body += piece if inflater is None else inflater.decompress(piece, limit + 1 - len(body))
                if len(body) > limit:
                    raise UplinkError(f"answers with more than {limit} bytes", where=url)
            if inflater is not None and not inflater.eof:
                raise UplinkError("answers with a body that is cut off", where=url)
            return bytes(body)
    except (aiohttp.ClientError, zlib.error, TimeoutError, ValueError) as error:
        raise UplinkError(f"cannot be fetched: {error or 'no answer in time'}", where=url) from error


def log_prefix(url: str) -> str:
    """The address of the log of a collector; an address that ends in `/log` is one already.

    Raises:
        SettingsError: it is no address of a web server.
    """
    text = url.strip().rstrip("/")
    scheme, separator, rest = text.partition("://")
    plain = rest and rest.isprintable() and not any(each in rest for each in "?#@ \\")
    if scheme.lower() not in ("http", "https") or not separator or not plain or rest.startswith("/"):
        raise SettingsError(f"{url[:200]!r} is no collector's address", where="URL", mend="write https://host")
    return text if text.endswith(LOG_PATH) else text + LOG_PATH
