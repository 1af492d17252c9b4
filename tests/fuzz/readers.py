"""A fuzzer for every reader: small good files, broken at random, must give items or a ListError and nothing else.

``python -m tests.fuzz.readers SECONDS [FORMAT]`` runs it for so long on each format and prints what it found. Inputs
are mutations of the files below and of the real samples where they are beside the project; the seed is printed, so a
finding can be had again. What it finds becomes a test of the reader's own.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Iterator

from probe.errors import ListError
from probe.lists.registry import FORMATS, HEAD, Format, sniff
from tests.required import SHARED_DATA

GOOD: dict[str, bytes] = {
    "dump-xml": (
        '<?xml version="1.0" encoding="windows-1251"?>\n'
        '<reg:register updateTime="2024-06-11T17:20:03.000+03:00" formatVersion="2.4" xmlns:reg="http://rsoc.ru">'
        '<content id="7" includeTime="2024-06-05T00:55:02" entryType="4" blockType="domain" ts="2024-06-05T13:40:02">'
        '<decision date="2017-04-28" number="7-Restricting" org="суд"/><url><![CDATA[http://a.example/тайна]]></url>'
        "<domain><![CDATA[*.a.example]]></domain><ip>192.0.2.1</ip><ipSubnet>203.0.113.0/24</ipSubnet>"
        "<ipv6>2001:db8::1</ipv6></content></reg:register>"
    ).encode("cp1251"),
    "zi-csv": (
        "Updated: 2021-12-07 16:54:00 +0000\n"
        '192.0.2.1 | 2001:db8::1;a.example;"http://a.example/x;y";суд;2-1;2013-06-10\n'
        "203.0.113.0/24;*.b.example;;Роскомнадзор;7-Restricting;2017-04-28\n192.0.2.1;c.example\n"
    ).encode("cp1251"),
    "antifilter": b"a.example\n192.0.2.1\n203.0.113.0/24\n*.b.example\n",
    "roskomsvoboda": b'[{"appearDate": "2017-04-28", "domains": ["a.example"], "ips": ["192.0.2.1"]}, "b"]',
    "ripestat": b"""{"data_call_name": "announced-prefixes", "status": "ok", "data": {"resource": "64500", "prefixes": [
        {"prefix": "192.0.2.0/24", "timelines": [{"starttime": "2026-06-04T00:00:00", "endtime": "soon"}]}
        ]}}""",
    "ipverse": b"""{"asn": 64500, "metadata": {"handle": "H"},
        "prefixes": {"ipv4": ["192.0.2.0/24"], "ipv6": ["2001:db8::/32"]}}""",
    "delegated": b"2.3|apnic|20260618|92||20260617|+1000\napnic|*|ipv4|*|82|summary\n"
    b"apnic|CN|ipv4|1.12.0.0|768|20100511|allocated\napnic|CN|ipv6|240d:c000::|28|20130802|allocated|A9T\n"
    b"apnic|CN|asn|45056|60|20080201|allocated\n",
    "pfx2as": b"192.0.2.0\t24\t64500\n198.51.100.0\t24\t64500_64501\n2001:db8::\t32\t64500,64502\n",
    "bgptools": b'{"CIDR": "192.0.2.0/24", "ASN": 64500, "Hits": 6}\n{"CIDR": "2001:db8::/32", "ASN": 1, "Hits": 6}\n',
    "ip2asn": b"192.0.2.0\t192.0.4.255\t64500\tCN\tNET\n10.0.0.0\t10.255.255.255\t0\tNone\tNot routed\n",
    "prefix-list": b"# AS64500 (NET)\n192.0.2.0/24\n2001:db8::/32\n",
    "testlist": b'url,category_code,category_description,source\nhttps://a.example/,NEWS,"News, all",x\n',
}
"""One small good file a format; databases of MaxMind have their own test."""

PIECES = [
    b"", b"\n", b"\0", b"\xff", b"\x98", b'"', b";", b"|", b"<", b">", b"&#x0;", b"]]>", b"<![CDATA[", b"<!DOCTYPE a [",
    b"&amp;", b"\\u", b"/", b":", b"::", b"/0", b"/33", b"-1", b"0", b"4294967296", b"9" * 30, b"[", b"]", b"{", b"}",
    b",", b"\t", b"\r\n", b"\xef\xbb\xbf", "٣".encode(), "я".encode(), b"xn--", b"*.", b"..", b"null", b"1e999",
    b"\x1f\x8b", b"A" * 300,
]  # fmt: skip
"""What breaks parsers: separators, ends, edges of numbers, other alphabets."""


def samples(known: Format) -> list[bytes]:
    """The good files of a format."""
    found = [GOOD[known.name]] if known.name in GOOD else []
    if SHARED_DATA.is_dir():
        for path in sorted(SHARED_DATA.glob("[prt]*/*")):
            content = path.read_bytes()
            if sniff(content[:HEAD], path.name).name == known.name:
                found.append(content[:20_000])
    return found


def broken(content: bytes, draw: random.Random) -> bytes:
    """The file with one to four wounds."""
    for _ in range(draw.randint(1, 4)):
        at, length = draw.randrange(len(content) + 1), draw.choice([0, 0, 1, 1, 2, 8, 64, 1000])
        match draw.randrange(4):
            case 0:
                content = content[:at] + draw.choice(PIECES) + content[at + length :]
            case 1:
                content = content[:at] + draw.randbytes(draw.randint(1, 3)) + content[at + length :]
            case 2:
                start = draw.randrange(len(content) + 1)
                content = content[:at] + content[start : start + length] * draw.randint(1, 4) + content[at:]
            case _:
                content = content[:at] + content[at + length :] if draw.random() < 0.9 else content[:at]
    return content


def pieces(content: bytes, size: int) -> Iterator[bytes]:
    """The file as it comes over a network."""
    return (content[at : at + size] for at in range(0, len(content), size))


def fuzz(known: Format, seconds: float, seed: int, at_most: int = 10**9) -> tuple[int, str]:
    """Run one reader on broken files; how many, and the first fault with its input, or an empty text."""
    draw, files = random.Random(seed), samples(known)
    until, count = time.monotonic() + seconds, 0
    while files and count < at_most and time.monotonic() < until:
        content = broken(draw.choice(files), draw)
        size = draw.choice([1, 7, 100, 65536])
        try:
            list(known.read(pieces(content, size), "f"))
        except ListError:
            pass
        except Exception as error:  # noqa: BLE001 - finding any other is the point
            return count, f"{type(error).__name__}: {error} on {content!r} in pieces of {size}"
        count += 1
    return count, ""


def main() -> int:
    """Every format in turn, or the one that is named."""
    seconds, names = float(sys.argv[1]), sys.argv[2:]
    faults = 0
    for known in FORMATS:
        if known.name not in (names or GOOD):
            continue
        seed = random.SystemRandom().randrange(10**9)
        count, fault = fuzz(known, seconds, seed)
        print(f"{known.name:14} {count:9} files, seed {seed}: {fault or 'nothing found'}", flush=True)  # noqa: T201
        faults += bool(fault)
    return int(faults > 0)


if __name__ == "__main__":
    sys.exit(main())
