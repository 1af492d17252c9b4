"""Judge the rows of files in several processes, and give them back in their order."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import islice
from subprocess import PIPE, Popen
from typing import IO

from probe.errors import StateError
from probe.ooni.archive import ArchiveRow
from probe.ooni.judge_process import JudgedRow, judge_rows, receive_judged, send
from probe.ooni.reading import OoniReader

COMMAND = (sys.executable, "-m", "probe.ooni.judge_process")
CHUNK_BYTES = 4 << 20
"""Bytes of measurements that go to a process at once."""
CHUNK_ROWS = 256


def judged_rows(rows: Iterable[ArchiveRow], jobs: int) -> Iterator[JudgedRow]:
    """Judge rows in this many processes; with one, in this one.

    Raises:
        StateError: a process was lost.
    """
    if jobs <= 1:
        reader = OoniReader()
        for row in rows:
            yield from judge_rows((row,), reader)
        return
    yield from _in_processes(rows, jobs)


def _in_processes(rows: Iterable[ArchiveRow], jobs: int) -> Iterator[JudgedRow]:
    chunks = chunks_of(rows)
    processes = [Popen(COMMAND, stdin=PIPE, stdout=PIPE) for _ in range(jobs)]  # noqa: S603 - this program itself
    waiting: deque[Popen[bytes]] = deque()
    try:
        for process, chunk in zip(processes, islice(chunks, jobs), strict=False):
            send(_pipe(process.stdin), chunk)
            waiting.append(process)
        while waiting:
            process = waiting.popleft()
            judged = receive_judged(_pipe(process.stdout))
            if judged is None:
                raise StateError(f"a worker process ended with status {process.wait()}", mend="try with --jobs 1")
            chunk = next(chunks, [])
            if chunk:
                send(_pipe(process.stdin), chunk)
                waiting.append(process)
            yield from judged
    finally:
        for process in processes:
            _end(process)


def chunks_of(rows: Iterable[ArchiveRow]) -> Iterator[list[ArchiveRow]]:
    """The rows in lists of bounded size, none empty."""
    chunk: list[ArchiveRow] = []
    size = 0
    for row in rows:
        chunk.append(row)
        size += len(row.line)
        if size >= CHUNK_BYTES or len(chunk) >= CHUNK_ROWS:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
    assert stream is not None  # noqa: S101 - it was started with pipes
    return stream


def _end(process: Popen[bytes]) -> None:
    with suppress(OSError):
        process.kill()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            with suppress(OSError):
                stream.close()
    process.wait()
