"""Judged measurements on disk, sorted by time, so that a year of them needs no more memory than a day.

The archive's files are in the order of upload: a client without a network uploads days later. Each input file becomes
one or more *runs*, each sorted in itself; reading merges all runs. A file whose runs are complete is not read again.
"""

from __future__ import annotations

import hashlib
import heapq
import os
import struct
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from operator import attrgetter
from pathlib import Path
from typing import IO

import msgspec

from probe.model.observation import Exchange, Resolution
from probe.model.resolver import Trust
from probe.model.verdict import Evidence, Status
from probe.ooni.reading import JudgedMeasurement

MAX_RUN_RECORDS = 20_000
"""Measurements that are held in memory and sorted, about 100 MB."""
MAX_OPEN_RUNS = 200
"""Runs that are merged at once: systems allow a process 256 or 1,024 open files."""
_LENGTH = struct.Struct(">I")
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(JudgedMeasurement)
_time_of = attrgetter("verdict.time")


class FileCounts(msgspec.Struct, frozen=True):
    """What came of one input file; it stands beside the runs once they are complete.

    Attributes:
        name: of the file.
        read: measurements, those set aside among them.
        set_aside: reason -> how many.
        runs: how many runs it has.
    """

    name: str
    read: int
    set_aside: dict[str, int]
    runs: int


class SortedRuns:
    """The runs in a folder.

    Args:
        folder: where they are; made where it is missing.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def counts_of(self, name: str) -> FileCounts | None:
        """What came of an input file; None where its runs are not complete."""
        try:
            return msgspec.json.decode(self._marker(name).read_bytes(), type=FileCounts)
        except (OSError, msgspec.DecodeError):
            return None

    def write(self, name: str, records: Iterable[JudgedMeasurement]) -> int:
        """Write the runs of one input file; return how many there are."""
        held: list[JudgedMeasurement] = []
        runs = 0
        for one in records:
            held.append(without_what_joining_does_not_read(one))
            if len(held) >= MAX_RUN_RECORDS:
                self._write_run(name, runs, held)
                held, runs = [], runs + 1
        if held:
            self._write_run(name, runs, held)
            runs += 1
        return runs

    def complete(self, name: str, counts: FileCounts) -> None:
        """Note that the runs of an input file are complete."""
        path = self._marker(name)
        part = path.with_name(f"{path.name}.part")
        part.write_bytes(msgspec.json.encode(counts))
        os.replace(part, path)  # noqa: PTH105 - the same as Path.replace, and told apart from str.replace

    def merged(self, names: Iterable[str]) -> Iterator[JudgedMeasurement]:
        """The measurements of complete input files in the order of their times."""
        paths = [
            self._run(name, number)
            for name in dict.fromkeys(names)
            if (counts := self.counts_of(name)) is not None
            for number in range(counts.runs)
        ]
        made: list[Path] = []
        try:
            while len(paths) > MAX_OPEN_RUNS:
                group, paths = paths[:MAX_OPEN_RUNS], paths[MAX_OPEN_RUNS:]
                path = self._folder / f"merged-{os.getpid()}-{len(made)}.run"
                with path.open("wb") as stream:
                    for one in _merged(group):
                        _put(stream, one)
                made.append(path)
                paths.append(path)
            yield from _merged(paths)
        finally:
            for path in made:
                path.unlink(missing_ok=True)

    def _write_run(self, name: str, number: int, records: list[JudgedMeasurement]) -> None:
        records.sort(key=_time_of)
        with self._run(name, number).open("wb") as stream:
            for one in records:
                _put(stream, one)

    def _run(self, name: str, number: int) -> Path:
        return self._folder / f"{_key(name)}-{number:04}.run"

    def _marker(self, name: str) -> Path:
        return self._folder / f"{_key(name)}.done"


def without_what_joining_does_not_read(one: JudgedMeasurement) -> JudgedMeasurement:
    """A measurement with less evidence where its target worked: most do, and nothing judges those again."""
    verdict = one.verdict
    if verdict.status is not Status.REACHABLE:
        return one
    seen = verdict.evidence.observations
    names = [each for each in seen if isinstance(each, Resolution) and each.trust is Trust.SYSTEM and each.hop == 0]
    pages = [msgspec.structs.replace(each, sample="") for each in seen if isinstance(each, Exchange)][:1]
    control = verdict.evidence.control
    slim = Evidence(
        observations=(*names, *pages),
        control=None if control is None else msgspec.structs.replace(control, pages=()),
        source=verdict.evidence.source,
        notes=verdict.evidence.notes,
    )
    return msgspec.structs.replace(one, verdict=msgspec.structs.replace(verdict, evidence=slim))


def _key(name: str) -> str:
    """A file name for an input file: another one where the file has changed."""
    try:
        found = Path(name).stat()
        said = f"{Path(name).resolve()}\0{found.st_size}\0{found.st_mtime_ns}"
    except OSError:
        said = name
    return hashlib.sha256(said.encode("utf-8", "surrogateescape")).hexdigest()[:24]


def _put(stream: IO[bytes], one: JudgedMeasurement) -> None:
    data = _encoder.encode(one)
    stream.write(_LENGTH.pack(len(data)))
    stream.write(data)


def _read_run(stream: IO[bytes]) -> Iterator[JudgedMeasurement]:
    while len(head := stream.read(_LENGTH.size)) == _LENGTH.size:
        yield _decoder.decode(stream.read(_LENGTH.unpack(head)[0]))


def _merged(paths: list[Path]) -> Iterator[JudgedMeasurement]:
    with ExitStack() as stack:
        streams = [stack.enter_context(path.open("rb")) for path in paths]
        yield from heapq.merge(*map(_read_run, streams), key=_time_of)
