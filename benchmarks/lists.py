"""Compare readers of registers with `lxml.iterparse` on files of full size, each in a process of its own.

``python -m benchmarks.lists [--records N] [--only FILE]``: makes a dump.xml (1.2 million records, some 330 MB) and a
dump.csv (1.2 million rows, some 245 MB) in a temporary folder, reads them, and prints seconds (by the clock, and of
one core) and the peak of memory. Bound: 150 MiB. The names in them are invented. lxml is no dependency: where it is
missing, its line says so.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from probe.lists.formats import HEAD_BYTES, detect_format
from probe.lists.register_diff import take_snapshot
from probe.lists.registers import clean
from probe.lists.registers.assemble import make_decision, make_entry
from probe.lists.registers.register_entry import RegisterEntry
from probe.lists.selection import Selection

RECORDS = 1_200_000
BOUND = 150
PIECE = 256 * 1024
TYPES, SHARES = (1, 2, 3, 4, 5, 6), (60, 15, 9, 1, 12, 3)
"""Entry types and about how many of a hundred records are of each."""


def xml_of(records: int) -> Iterator[str]:
    """A dump in the layout of 2024, with URLs, masks, addresses of both families and prefixes as in the real mix."""
    draw = random.Random(1)
    yield '<?xml version="1.0" encoding="windows-1251"?>\n'
    yield '<reg:register updateTime="2024-06-11T17:20:03.000+03:00" formatVersion="2.4" xmlns:reg="http://rsoc.ru">\n'
    for number in range(records):
        kind = draw.choice(["domain", "domain", "domain-mask", "", "ip"])
        block = f' blockType="{kind}"' if kind else ""
        name = f"{'*.' if kind == 'domain-mask' else ''}n{number}.example.com"
        address = f"104.{draw.randrange(256)}.{draw.randrange(256)}.{draw.randrange(256)}"
        yield (
            f'<content id="{number}" includeTime="2024-06-05T00:55:02" '
            f'entryType="{draw.choices(TYPES, SHARES)[0]}"{block} ts="2024-06-05T13:40:{number % 60:02}">\n'
            f' <decision date="2024-05-28" number="2-6-14/2024-05-{number % 5000}-АИ" org="ФНС"/>\n'
        )
        if not kind:
            yield f" <url><![CDATA[http://n{number}.example.com/путь]]></url>\n"
        if kind != "ip":
            yield f" <domain><![CDATA[{name}]]></domain>\n"
        yield f" <ip>{address}</ip>\n"
        if number % 11 == 0:
            yield f" <ipv6>2606:4700:3032:0000:0000:0000:{number % 65536:04x}:2495</ipv6>\n"
        yield "</content>\n"
    yield "</reg:register>\n"


def csv_of(records: int) -> Iterator[str]:
    """The mirror's rows, a tenth of them quoted."""
    draw = random.Random(2)
    yield "Updated: 2025-10-01 12:00:00 +0000\n"
    for number in range(records):
        addresses = " | ".join(f"104.{draw.randrange(256)}.{number % 256}.{n}" for n in range(1 + number % 4 * 3))
        url = f"https://n{number}.example.com/a;b" if number % 10 == 0 else ""
        quoted = f'"{url}"' if url else ""
        yield (
            f"{addresses};n{number}.example.com;{quoted};"
            f"ФНС;2-6-14/2025-{number % 5000}-АИ {'доп.' * (number % 32)};2025-05-28\n"
        )


def make(path: Path, parts: Iterator[str]) -> None:
    """Write a file."""
    with path.open("w", encoding="cp1251", newline="") as file:
        file.writelines(parts)


def measured(what: str, path: str) -> None:
    """Read a file in this process, and print its time and memory as JSON."""
    started = time.perf_counter()
    count = READERS[what](path)
    seconds = time.perf_counter() - started
    used = resource.getrusage(resource.RUSAGE_SELF)
    spent = used.ru_utime + used.ru_stime
    print(json.dumps({"records": count, "seconds": seconds, "spent": spent, "peak": used.ru_maxrss / 1024}))


def _ours(path: str) -> int:
    with Path(path).open("rb") as file:
        known = detect_format(file.read(HEAD_BYTES), path)
        file.seek(0)
        return sum(isinstance(item, RegisterEntry) for item in known.read(iter(lambda: file.read(PIECE), b""), path))


def _chosen(path: str) -> int:
    with Path(path).open("rb") as file:
        known = detect_format(file.read(HEAD_BYTES), path)
        file.seek(0)
        return take_snapshot(known.read(iter(lambda: file.read(PIECE), b""), path), Selection()).records


def _lxml(path: str) -> int:
    """The usual loop over lxml's elements: it takes every record's texts and clears the element."""
    from lxml import etree  # noqa: PLC0415 - no dependency of ours

    count = 0
    for _, element in etree.iterparse(path, tag="content", huge_tree=False, resolve_entities=False, no_network=True):
        texts = [(child.tag, child.text) for child in element]
        count += bool(texts)
        element.clear()
        while element.getprevious() is not None:
            del element.getparent()[0]
    return count


def _lxml_cleaned(path: str) -> int:
    """The same loop, with names, addresses and times checked and normalised as in our reader."""
    from lxml import etree  # noqa: PLC0415 - no dependency of ours

    count = 0
    for _, element in etree.iterparse(path, tag="content", huge_tree=False, resolve_entities=False, no_network=True):
        texts = [(child.tag, child.text) for child in element if child.text and child.tag != "decision"]
        decision = element.find("decision")
        record = make_entry(
            texts,
            line=element.sourceline,
            id=element.get("id"),
            entry_type=int(element.get("entryType")),
            decision=make_decision(decision.get("date"), decision.get("number"), decision.get("org")),
            included=clean.moment(element.get("includeTime", "")),
            changed=clean.moment(element.get("ts", "")),
        )
        count += bool(record)
        element.clear()
        while element.getprevious() is not None:
            del element.getparent()[0]
    return count


READERS = {
    "probe": _ours,
    "probe, chosen part kept": _chosen,
    "lxml.iterparse, texts only": _lxml,
    "lxml.iterparse, same records": _lxml_cleaned,
}


def main() -> int:
    """Write the files, read them, print; 1 when a bound is exceeded."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--records", type=int, default=RECORDS)
    options.add_argument("--only", choices=["dump.xml", "dump.csv"], help="one of the two")
    options.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.one:
        measured(*given.one)
        return 0
    broken = 0
    with tempfile.TemporaryDirectory() as folder:
        for name, parts, readers in (
            ("dump.xml", xml_of(given.records), list(READERS)),
            ("dump.csv", csv_of(given.records), list(READERS)[:2]),
        ):
            if given.only not in (None, name):
                continue
            path = Path(folder) / name
            make(path, parts)
            print(f"{name}: {path.stat().st_size / 1e6:.0f} MB, {given.records} records", flush=True)
            for reader in readers:
                broken += _run(reader, path)
            path.unlink()
    return int(broken > 0)


def _run(reader: str, path: Path) -> bool:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.lists", "--one", reader, str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        print(f"  {reader:28} not run: {done.stderr.strip().splitlines()[-1]}")
        return reader.startswith("probe")
    result = json.loads(done.stdout)
    print(
        f"  {reader:28} {result['seconds']:7.1f} s  {result['spent']:7.1f} s of one core  {result['peak']:6.0f} MiB  "
        f"{result['records']} records",
        flush=True,
    )
    return bool(reader.startswith("probe") and result["peak"] > BOUND)


if __name__ == "__main__":
    sys.exit(main())
