"""Download lists and registers: on request, only when they have changed, bounded in size and time.

The download goes into a raw file, which is deleted once its reader has filtered it: a register contains entries that
nobody may keep. The filtered list replaces the last good copy only after all of the raw file was read.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from probe.clock import Clock
from probe.errors import DownloadError, StorageError
from probe.lists.shipped import RegisterSource

MAX_REDIRECTS = 5
CHUNK_BYTES = 65536
"""Bytes read from a connection at once."""


class DownloadRecord(msgspec.Struct, frozen=True, kw_only=True):
    """How the last good copy of a list was downloaded; kept beside it as `NAME.json`.

    Attributes:
        url: where it came from.
        fetched: when it was downloaded.
        etag, modified: the server's `ETag` and `Last-Modified`, for a conditional request next time.
    """

    url: str
    fetched: datetime
    etag: str = ""
    modified: str = ""

    def is_fresh(self, now: datetime, seconds: float) -> bool:
        """Whether the copy is younger than so many seconds. One dated ahead is not: the clock was set back since."""
        return 0 <= (now - self.fetched).total_seconds() < seconds


@dataclass(frozen=True, slots=True)
class Download:
    """A raw file that is to be filtered, and the record to write once that has succeeded."""

    raw: Path
    copy: DownloadRecord


@contextmanager
def temporary_raw_file(folder: Path, name: str) -> Iterator[Path]:
    """A file for the raw download that only its owner can read. It is deleted at the end, whatever happened."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        raw = folder / f".{name}.raw"
        os.close(os.open(raw, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600))
    except OSError as error:
        raise StorageError(f"cannot be written: {error.strerror}", where=str(folder)) from error
    try:
        yield raw
    finally:
        with suppress(FileNotFoundError):
            raw.unlink()


def read_record(folder: Path, name: str) -> DownloadRecord | None:
    """The record of the last good copy; None when there is none, or when its list has been deleted."""
    try:
        known = msgspec.json.decode((folder / f"{name}.json").read_bytes(), type=DownloadRecord)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return known if (folder / f"{name}.csv").is_file() else None


def write_record(folder: Path, name: str, copy: DownloadRecord) -> None:
    """Write the record of a copy, once the copy itself is in place."""
    replace_file(folder / f"{name}.json", [msgspec.json.encode(copy)])


def replace_file(path: Path, pieces: Iterator[bytes] | list[bytes]) -> None:
    """Replace a file atomically: at every moment there is the old one or the whole new one.

    Raises:
        StorageError: the disk is full or the folder cannot be written; the old file is unchanged.
    """
    waiting = path.with_name(f".{path.name}.new")
    try:
        with waiting.open("wb") as file:
            for piece in pieces:
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        waiting.replace(path)
    except OSError as error:
        raise StorageError(f"cannot be written: {error.strerror}", where=str(path)) from error
    finally:
        with suppress(OSError):
            waiting.unlink()


async def download(register: RegisterSource, raw: Path, known: DownloadRecord | None, clock: Clock) -> Download | None:
    """Download a register from the first of its URLs that answers.

    Args:
        register: what to download.
        raw: file to write.
        known: record of the last good copy, so that an unchanged list is not downloaded again.
        clock: dates the copy.

    Returns:
        The download; None when the list has not changed.

    Raises:
        DownloadError: the register is no longer published, or no URL gave it within its limits of time and size.
    """
    if register.dead:
        raise DownloadError(f"{register.name} cannot be fetched: {register.dead}")
    failures: list[str] = []
    for url in register.urls:
        try:
            return await _from(url, register, raw, known, clock)
        except DownloadError as error:
            failures.append(str(error))
    kept = f"the copy of {known.fetched:%Y-%m-%d %H:%M} is kept" if known is not None else "there is no earlier copy"
    raise DownloadError(f"{register.name} cannot be fetched ({'; '.join(failures)})", mend=kept)


async def _from(
    url: str, register: RegisterSource, raw: Path, known: DownloadRecord | None, clock: Clock
) -> Download | None:
    import aiohttp  # noqa: PLC0415 - slow to import, and most commands fetch nothing

    # The reader unpacks compressed answers, within its own bounds.
    headers = {"Accept-Encoding": "gzip"}
    if known is not None and known.url == url:
        headers |= {"If-None-Match": known.etag} if known.etag else {}
        headers |= {"If-Modified-Since": known.modified} if known.modified else {}
    try:
        async with (
            aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=register.timeout), auto_decompress=False, trust_env=True
            ) as session,
            session.get(url, headers=headers, max_redirects=MAX_REDIRECTS) as answer,
        ):
            if answer.status == 304 and known is not None:
                return None
            if answer.status != 200:
                raise DownloadError(f"HTTP status {answer.status}", where=url)
            await _store(answer.content.iter_chunked(CHUNK_BYTES), raw, register.max_bytes, url)
            copy = DownloadRecord(
                url=url,
                fetched=clock.now().astimezone(UTC),
                etag=answer.headers.get("ETag", "")[:1000],
                modified=answer.headers.get("Last-Modified", "")[:100],
            )
            return Download(raw, copy)
    except TimeoutError as error:
        raise DownloadError(f"not there within {register.timeout:g} s", where=url) from error
    except aiohttp.ClientError as error:
        raise DownloadError(f"{type(error).__name__}: {error}", where=url) from error


async def _store(pieces: AsyncIterable[bytes], raw: Path, max_bytes: int, url: str) -> None:
    size = 0
    try:
        with raw.open("wb") as file:
            async for piece in pieces:
                size += len(piece)
                if size > max_bytes:
                    raise DownloadError(f"larger than {max_bytes} bytes", where=url)
                file.write(piece)
    except OSError as error:
        if isinstance(error, TimeoutError):
            raise
        raise StorageError(f"cannot be written: {error.strerror}", where=str(raw)) from error
