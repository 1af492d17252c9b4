"""Mutations of a file: bytes cut, doubled and replaced; lines, fields and numbers moved or replaced."""

from __future__ import annotations

import random
import re

PIECES = [
    b"", b"\n", b"\0", b"\xff", b"\x98", b'"', b";", b"|", b"<", b">", b"&#x0;", b"]]>", b"<![CDATA[", b"<!DOCTYPE a [",
    b"&amp;", b"\\u", b"/", b":", b"::", b"/0", b"/33", b"-1", b"0", b"4294967296", b"9" * 30, b"[", b"]", b"{", b"}",
    b",", b"\t", b"\r\n", b"\xef\xbb\xbf", "٣".encode(), "я".encode(), b"xn--", b"*.", b"..", b"null", b"1e999",
    b"\x1f\x8b", b"A" * 300, b"[" * 3000, b'{"a":' * 1500, b"<a>" * 500,
    b"\xed\xa0\x80", b"\\ud800", b"\xc2\x85", b"\xe2\x80\xa8", b"\x0b", b"\x1c", b"%", b"@",
    b"0001-01-01T00:00:00", b"9999-12-31T23:59:59-12:00", b"fe80::1%eth0", b"::ffff:192.0.2.1", b"192.0.2.1/255.0.0.0",
]  # fmt: skip
"""Bytes that often break parsers: separators, line ends, extreme numbers and times, other scripts, odd addresses."""

_FIELDS = re.compile(rb"[\n;|,\t\"<>{}\[\]]")
_NUMBER = re.compile(rb"[0-9]+")
_NUMBERS = [b"0", b"1", b"-1", b"31", b"33", b"128", b"129", b"255", b"256", b"768", b"65536", b"4294967295", b"9" * 19]


def mutate(content: bytes, draw: random.Random) -> bytes:
    """The file with one to four mutations."""
    for _ in range(draw.randint(1, 4)):
        content = draw.choice((_cut, _cut, _cut, _lines, _fields, _number))(content, draw)
    return content


def _cut(content: bytes, draw: random.Random) -> bytes:
    at, length = draw.randrange(len(content) + 1), draw.choice([0, 0, 1, 1, 2, 8, 64, 1000])
    match draw.randrange(4):
        case 0:
            return content[:at] + draw.choice(PIECES) + content[at + length :]
        case 1:
            return content[:at] + draw.randbytes(draw.randint(1, 3)) + content[at + length :]
        case 2:
            start = draw.randrange(len(content) + 1)
            return content[:at] + content[start : start + length] * draw.randint(1, 4) + content[at:]
        case _:
            return content[:at] + content[at + length :] if draw.random() < 0.9 else content[:at]


def _lines(content: bytes, draw: random.Random) -> bytes:
    lines = content.split(b"\n")
    one, other = draw.randrange(len(lines)), draw.randrange(len(lines))
    match draw.randrange(3):
        case 0:
            lines[one], lines[other] = lines[other], lines[one]
        case 1:
            lines.insert(one, lines[other])
        case _:
            del lines[one]
    return b"\n".join(lines)


def _fields(content: bytes, draw: random.Random) -> bytes:
    """Replace one field by another one, repeat it or delete it."""
    bounds = [0, *(match.end() for match in _FIELDS.finditer(content)), len(content) + 1]
    one, other = draw.randrange(len(bounds) - 1), draw.randrange(len(bounds) - 1)
    field = content[bounds[other] : bounds[other + 1] - 1]
    return content[: bounds[one]] + field * draw.randint(0, 2) + content[max(bounds[one], bounds[one + 1] - 1) :]


def _number(content: bytes, draw: random.Random) -> bytes:
    found = list(_NUMBER.finditer(content))
    if not found:
        return content
    match = draw.choice(found)
    return content[: match.start()] + draw.choice(_NUMBERS) + content[match.end() :]
