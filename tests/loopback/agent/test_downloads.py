"""Downloads of lists from a real server on loopback."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import web

from probe.agent.downloads import (
    DownloadRecord,
    download,
    read_record,
    replace_file,
    temporary_raw_file,
    write_record,
)
from probe.clock import Clock
from probe.errors import DownloadError, StorageError
from probe.lists.shipped import RegisterSource

BODY = b"url,category_code\nhttps://a.example/,NEWS\n"


class Source:
    """A tiny server that counts what it is asked for."""

    def __init__(self) -> None:
        self.url = ""
        self.asked: list[web.Request] = []
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.answer: Callable[[], web.StreamResponse] = lambda: web.Response(body=BODY, headers={"ETag": '"1"'})

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """The answer, or status 304 to a request with the current entity tag."""
        self.asked.append(request)
        await self.may_answer.wait()
        if request.headers.get("If-None-Match") == '"1"':
            return web.Response(status=304)
        return self.answer()


@pytest.fixture
async def source() -> AsyncIterator[Source]:
    """A server on a free port of 127.0.0.1."""
    made = Source()
    app = web.Application()
    app.router.add_get("/{name:.*}", made.serve)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}/list.csv"
    yield made
    made.may_answer.set()
    await runner.cleanup()


def register(*urls: str, max_bytes: int = 10_000, timeout: float = 60, dead: str = "") -> RegisterSource:
    """A list at those addresses."""
    return RegisterSource(
        name="mine", title="Mine", format="testlist", urls=urls, max_bytes=max_bytes, timeout=timeout, every=3600,
        terms="none", checked=date(2026, 1, 2), dead=dead,
    )  # fmt: skip


async def test_a_list_is_downloaded_with_its_record(source: Source, tmp_path: Path) -> None:
    """The entity tag is kept for the next request."""
    with temporary_raw_file(tmp_path, "mine") as raw:
        fetched = await download(register(source.url), raw, None, Clock())
        assert fetched is not None
        assert fetched.raw.read_bytes() == BODY
        assert (fetched.copy.url, fetched.copy.etag) == (source.url, '"1"')


async def test_an_unchanged_list_is_not_downloaded(source: Source, tmp_path: Path) -> None:
    """The server answers 304 to a conditional request."""
    known = DownloadRecord(url=source.url, fetched=Clock().now(), etag='"1"', modified="Sat, 03 Jan 2026 00:00:00 GMT")
    with temporary_raw_file(tmp_path, "mine") as raw:
        assert await download(register(source.url), raw, known, Clock()) is None
    assert source.asked[0].headers["If-Modified-Since"] == "Sat, 03 Jan 2026 00:00:00 GMT"


async def test_a_request_without_a_known_entity_tag_is_unconditional(source: Source, tmp_path: Path) -> None:
    """An empty `If-None-Match` is not sent."""
    known = DownloadRecord(url=source.url, fetched=Clock().now(), etag="")
    with temporary_raw_file(tmp_path, "mine") as raw:
        assert await download(register(source.url), raw, known, Clock()) is not None
    assert "If-None-Match" not in source.asked[0].headers


async def test_a_mirror_is_asked_without_another_servers_entity_tag(source: Source, tmp_path: Path) -> None:
    """An entity tag is valid for one server only."""
    known = DownloadRecord(url="https://other.example/", fetched=Clock().now(), etag='"1"')
    with temporary_raw_file(tmp_path, "mine") as raw:
        assert await download(register(source.url), raw, known, Clock()) is not None


async def test_the_next_url_is_tried_when_one_fails(source: Source, tmp_path: Path) -> None:
    """The first URL refuses the connection."""
    with temporary_raw_file(tmp_path, "mine") as raw:
        fetched = await download(register("http://127.0.0.1:9/x", source.url), raw, None, Clock())
        assert fetched is not None


async def test_a_download_that_is_too_large_is_refused(source: Source, tmp_path: Path) -> None:
    """The download stops at the limit."""
    source.answer = lambda: web.Response(body=b"x" * 20_000)
    with temporary_raw_file(tmp_path, "mine") as raw, pytest.raises(DownloadError, match="larger than 10000 bytes"):
        await download(register(source.url), raw, None, Clock())


async def test_a_compressed_download_is_stored_compressed(source: Source, tmp_path: Path) -> None:
    """The reader of lists bounds the decompressed size: a small answer may hold a large file."""
    source.answer = lambda: web.Response(body=gzip.compress(BODY), headers={"Content-Encoding": "gzip"})
    with temporary_raw_file(tmp_path, "mine") as raw:
        fetched = await download(register(source.url), raw, None, Clock())
        assert fetched is not None
        assert gzip.decompress(fetched.raw.read_bytes()) == BODY


async def test_a_download_that_takes_too_long_is_refused(source: Source, tmp_path: Path) -> None:
    """The limit holds for the whole download; here no answer comes."""
    source.may_answer.clear()
    with temporary_raw_file(tmp_path, "mine") as raw, pytest.raises(DownloadError, match=r"not there within 0\.05 s"):
        await download(register(source.url, timeout=0.05), raw, None, Clock())


async def test_the_error_lists_each_urls_failure_and_the_copy_that_is_kept(source: Source, tmp_path: Path) -> None:
    """The error names each URL's failure and the copy that stays."""
    source.answer = lambda: web.Response(status=503)
    known = DownloadRecord(url="x", fetched=datetime(2026, 1, 2, 3, 4, tzinfo=UTC))
    with temporary_raw_file(tmp_path, "mine") as raw, pytest.raises(DownloadError) as caught:
        await download(register(source.url, "http://127.0.0.1:9/x"), raw, known, Clock())
    assert f"{source.url}: HTTP status 503; http://127.0.0.1:9/x: ClientConnector" in str(caught.value)
    assert caught.value.mend == "the copy of 2026-01-02 03:04 is kept"


async def test_a_register_that_is_no_longer_published_is_not_requested(source: Source, tmp_path: Path) -> None:
    """The error gives the reason."""
    with pytest.raises(DownloadError, match="cannot be fetched: since 2025"):
        await download(register(source.url, dead="since 2025"), tmp_path / "raw", None, Clock())
    assert source.asked == []


class TestFiles:
    """Raw files are deleted, and good copies are kept."""

    def test_the_raw_file_is_deleted_after_an_error_too(self, tmp_path: Path) -> None:
        """It may hold data that must not be kept. Meanwhile only its owner can read it."""
        modes = []

        def work() -> None:
            with temporary_raw_file(tmp_path / "new", "mine") as raw:
                modes.append(raw.stat().st_mode & 0o777)
                raise RuntimeError

        with pytest.raises(RuntimeError):
            work()
        assert modes == [0o600]
        assert list((tmp_path / "new").iterdir()) == []

    def test_the_record_of_a_copy_is_kept_beside_its_list(self, tmp_path: Path) -> None:
        """It counts as missing when the list is missing or the record is damaged."""
        copy = DownloadRecord(url="u", fetched=Clock().now(), etag="e")
        write_record(tmp_path, "mine", copy)
        assert read_record(tmp_path, "mine") is None
        replace_file(tmp_path / "mine.csv", [BODY])
        assert read_record(tmp_path, "mine") == copy
        (tmp_path / "mine.json").write_text(json.dumps({"url": 5}))
        assert read_record(tmp_path, "mine") is None

    def test_an_old_file_stays_when_the_new_one_fails(self, tmp_path: Path) -> None:
        """At every moment there is one complete file."""
        place = tmp_path / "mine.csv"
        place.write_text("old")

        def pieces() -> AsyncIterator[bytes]:
            yield b"half"
            raise ValueError

        with pytest.raises(ValueError):  # noqa: PT011 - the generator's own
            replace_file(place, pieces())  # type: ignore[arg-type]
        assert [path.name for path in tmp_path.iterdir()] == ["mine.csv"]
        assert place.read_text() == "old"

    def test_a_path_that_cannot_be_written_is_named(self, tmp_path: Path) -> None:
        """The error is a `StorageError` of one line."""
        with pytest.raises(StorageError, match="cannot be written"):
            replace_file(tmp_path / "none" / "mine.csv", [b""])


def test_a_copy_is_fresh_for_the_interval_and_never_when_dated_ahead() -> None:
    """A clock that was set back leaves copies of unknown age."""
    now = Clock().now()
    copy = DownloadRecord(url="u", fetched=now)

    assert copy.is_fresh(now + timedelta(seconds=3599), 3600)
    assert not copy.is_fresh(now + timedelta(seconds=3600), 3600)
    assert not copy.is_fresh(now - timedelta(seconds=1), 3600)
