"""The head of the usual answer, read at one glance: HTTP/1.1, nothing folded or repeated, a body of a stated length.

A general parser costs as much as a tenth of a whole check, and nine answers in ten need none. Whatever is unlike the
pattern in any way is left to that parser (h11); a test holds the two against each other.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

# RFC 9112 sections 4 and 5, without what deserves a closer look: obs-fold, obs-text, tabs, bare line ends.
_USUAL = re.compile(
    rb"HTTP/1\.1 ([2-5][0-9][0-9])(?: [ -~]*)?\r\n((?:[-!#$%&'*+.^_`|~0-9A-Za-z]+:[ -~]*\r\n)+)\r\n",
)
_WITHOUT_BODY = (204, 304)
_LENGTH = re.compile(rb"[0-9]{1,15}")


@dataclass(frozen=True, slots=True)
class Head:
    """What stands before a body.

    Attributes:
        status: 200 to 599, but none that has no body.
        headers: in order, names lower case, values as octets.
        length: bytes of the body, as the server says.
        size: bytes of the head itself.
    """

    status: int
    headers: list[tuple[str, bytes]]
    length: int
    size: int


def usual_head(data: bytes) -> Head | None:
    """The head with which these bytes begin; None when it is not whole or not of the usual kind."""
    found = _USUAL.match(data)
    if found is None:
        return None
    headers = []
    lengths = []
    for line in found[2].split(b"\r\n")[:-1]:
        field, _, value = line.partition(b":")
        name = field.decode("ascii").lower()
        value = value.strip(b" ")
        if name == "content-length":
            lengths.append(value)
        elif name == "transfer-encoding":
            return None
        headers.append((name, value))
    status = int(found[1])
    if len(lengths) != 1 or not _LENGTH.fullmatch(lengths[0]) or status in _WITHOUT_BODY:
        return None
    return Head(status, headers, int(lengths[0]), found.end())
