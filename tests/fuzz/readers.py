"""A fuzzer for every reader: mutated files must give sound items or a ListError and nothing else.

``python -m tests.fuzz.readers --seconds 600 [--reader NAME] [--seed N]`` fuzzes each reader for a number of seconds *of
one core*, half a minute in turn, and prints the findings. Where atheris is installed (it is no dependency),
coverage guides it (`tests.fuzz.guided`); else inputs are mutations of the files below and of the real samples where
they are beside the project, and the printed seed repeats a finding. Each finding becomes a test of the reader.
"""

from __future__ import annotations

import argparse
import importlib.util
import ipaddress
import random
import re
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from probe.errors import ListError
from probe.lists import catalogue, changes, shipped, unpack
from probe.lists.formats import FORMATS, HEAD_BYTES, detect_format
from probe.lists.lines import BadRow, ListEntry, split
from probe.lists.prefixes.prefix import Prefix
from probe.lists.registers import clean
from probe.lists.registers.register_entry import RegisterEntry
from probe.model.target import parse
from tests.fuzz.mutations import mutate
from tests.fuzz.seeds import SEEDS
from tests.required import SHARED_DATA

SLICE = 30.0
"""Seconds of one core in each turn of a reader."""
PIECE_SIZES = (1, 7, 100, 65536)
SAMPLE = 4_000
"""Bytes of a real sample that are used: its beginning, and its head with its end."""


@dataclass(frozen=True, slots=True)
class Reader:
    """A reader under test: pieces of a file and its name -> items."""

    name: str
    read: Callable[[Iterable[bytes], str], Iterable[object]]


def _services(chunks: Iterable[bytes], name: str) -> Iterable[object]:
    content = b"".join(chunks)
    stem = re.search(rb'^name = "([a-z0-9-]+)"', content, re.MULTILINE)
    return catalogue.load({f"{stem[1].decode()}.toml" if stem else name: content})


def _registers(chunks: Iterable[bytes], name: str) -> Iterable[object]:
    return shipped.registers(b"".join(chunks), name).values()


def _anchors(chunks: Iterable[bytes], name: str) -> Iterable[object]:
    return shipped.anchors(b"".join(chunks), name)


def _changes(chunks: Iterable[bytes], name: str) -> Iterable[object]:
    return changes.read_changes(split(chunks, name), name)


def _zipped(chunks: Iterable[bytes], name: str) -> Iterable[object]:
    return [b"".join(unpack.unpack(chunks, name, 1_000_000))]


READERS = (
    *(Reader(known.name, known.read) for known in FORMATS),
    Reader("services", _services),
    Reader("registers", _registers),
    Reader("anchors", _anchors),
    Reader("changes", _changes),
    Reader("gzip", _zipped),
)
"""The reader of every registered format, and of the other files from outside."""


def samples(reader: Reader) -> list[bytes]:
    """The seed files of a reader."""
    found = [*SEEDS[reader.name]]
    if SHARED_DATA.is_dir():
        for path in sorted(SHARED_DATA.glob("[prt]*/*")):
            content = path.read_bytes()
            if detect_format(content[:HEAD_BYTES], path.name).name == reader.name:
                found += [content[:SAMPLE], content[:600] + content[600:][-SAMPLE:]]
    return found


def pieces(content: bytes, size: int) -> Iterator[bytes]:
    """The file in pieces, as a network delivers it."""
    return (content[at : at + size] for at in range(0, len(content), size))


def outcome(reader: Reader, content: bytes, size: int) -> list[object]:
    """The items that a reader yields for a file, and the text of the ListError with which it ended.

    Raises:
        Exception: the reader has a fault.
    """
    seen: list[object] = []
    try:
        for item in reader.read(pieces(content, size), "f"):
            sound(item)
            seen.append(item)
    except ListError as error:
        seen.append(str(error))
    return seen


def sound(item: object) -> None:
    """Check that an item is as documented.

    Raises:
        ValueError: it is not.
    """
    match item:
        case RegisterEntry():
            fine = all(clean.host_name(host) == host for host in item.hosts) and item.unreadable >= 0 and item.urls >= 0
            fine = fine and all(str(ipaddress.ip_address(text)) == text for text in item.addresses)
            fine = fine and all(str(ipaddress.ip_network(text)) == text for text in item.networks)
            fine = fine and all(at is None or at.utcoffset() is not None for at in (item.included, item.changed))
        case Prefix():
            fine = str(ipaddress.ip_network(item.network)) == item.network and item.line >= 1
        case ListEntry():
            fine = bool(parse(item.target)) and item.target == item.target.strip()
        case BadRow():
            fine = item.line >= 1 and len(item.what) <= 2000  # a hundred characters, each escaped
        case _:
            fine = True
    if not fine:
        raise ValueError(f"an unsound item: {item!r:.300}")


def check(reader: Reader, content: bytes) -> None:
    """Read one file in pieces of a size that depends on its content; sometimes in two sizes, with the same outcome.

    Raises:
        Exception: the reader has a fault.
    """
    mark = zlib.crc32(content)
    size = PIECE_SIZES[mark % 4]
    seen = outcome(reader, content, size)
    if mark % 16 < 4 and not _agree(seen, other := outcome(reader, content, 65536 if size < 65536 else 3)):
        raise ValueError(f"in pieces of {size}: {seen!r:.300}, otherwise: {other!r:.300}")


def _agree(one: list[object], other: list[object]) -> bool:
    """Whether items and end agree. Before an error the number of items may differ."""
    if one and other and isinstance(one[-1], str) and isinstance(other[-1], str):
        shorter = min(len(one), len(other)) - 1
        return one[:shorter] == other[:shorter]
    return one == other


def fuzz(reader: Reader, seconds: float, seed: int, at_most: int = 10**9) -> tuple[int, str]:
    """Run one reader on broken files for `seconds` of one core.

    Returns:
        How many, and the first fault with its input, or an empty text.
    """
    draw, files = random.Random(seed), samples(reader)
    until, count = time.process_time() + seconds, 0
    while count < at_most and time.process_time() < until:
        content = mutate(draw.choice(files), draw)
        try:
            check(reader, content)
        except Exception as error:  # noqa: BLE001 - finding any other is the point
            return count, f"{type(error).__name__}: {error} on {content!r}"
        count += 1
    return count, ""


def main() -> int:
    """Run every reader in turn, or the named one; 1 when a fault was found."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seconds", type=float, default=600.0)
    options.add_argument("--reader", choices=[reader.name for reader in READERS], action="append")
    options.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**9))
    options.add_argument("--kept", help="folder that keeps the inputs that reached new lines, and the findings")
    given = options.parse_args()
    chosen = [reader for reader in READERS if reader.name in (given.reader or [known.name for known in READERS])]
    spent = dict.fromkeys((reader.name for reader in chosen), 0.0)
    guided = importlib.util.find_spec("atheris") is not None
    faults = 0
    with tempfile.TemporaryDirectory() as folder:
        kept = Path(given.kept or folder)
        while waiting := [reader for reader in chosen if spent[reader.name] < given.seconds]:
            for reader in waiting:
                seconds = min(SLICE, given.seconds - spent[reader.name])
                seed = given.seed + int(spent[reader.name])
                count, fault = _guided(reader, seconds, seed, kept) if guided else fuzz(reader, seconds, seed)
                spent[reader.name] += seconds
                faults += bool(fault)
                how = "guided" if guided else "blind"
                print(  # noqa: T201 - a command
                    f"{reader.name:22} {spent[reader.name]:5.0f} s {count:9} files ({how}), seed {seed}: "
                    f"{fault or 'nothing found'}",
                    flush=True,
                )
    return int(faults > 0)


def _guided(reader: Reader, seconds: float, seed: int, kept: Path) -> tuple[int, str]:
    """A slice in a process of its own, since the library ends the process that it runs in."""
    command = [sys.executable, "-m", "tests.fuzz.guided", reader.name, str(seconds), str(seed), str(kept)]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    count = next((int(line.split()[1]) for line in done.stdout.splitlines() if line.startswith("files ")), 0)
    if done.returncode == 0:
        return count, ""
    said = [line.strip() for line in done.stderr.splitlines() if line.strip() and not line.startswith("#")]
    return count, " / ".join(said[-25:])


if __name__ == "__main__":
    sys.exit(main())
