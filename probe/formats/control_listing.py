r"""The published verdicts of a collector's controls (`/api/v1/control`), and the signature for those who take them.

The collector signs the whole listing with Ed25519 over ``b"probe-control-v1\0" + origin + b"\0" + sha256(body)``. The
origin is signed as well, so that one collector's listing cannot pass for another's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import sha256

import msgspec

from probe.formats.batch import MAX_COMPRESSED
from probe.formats.jsonlines import KeptLine, read_or_keep
from probe.model.verdict import Verdict

DOMAIN = b"probe-control-v1"
KEY_HEADER = "Probe-Control-Key"
"""Header field with the collector's public key, 32 bytes in base64."""
SIGNATURE_HEADER = "Probe-Control-Signature"
"""Header field with the signature, 64 bytes in base64."""
MAX_LISTING_BYTES = 16 * 1024 * 1024
"""Bytes that are read of another collector's listing."""
MAX_VERDICTS = 20_000
"""Verdicts that are taken of it."""
MAX_PART_BYTES = MAX_COMPRESSED - 64 * 1024
"""Bytes of verdicts in one part, before compression, so that a part fits into a batch."""
MAX_PART_VERDICTS = 500


def signed_bytes(origin: str, body: bytes) -> bytes:
    """The bytes that the signature of a listing covers.

    Args:
        origin: of the collector that publishes it, lower case, no final slash.
        body: the listing, uncompressed.
    """
    return DOMAIN + b"\0" + origin.encode() + b"\0" + sha256(body).digest()


def verdicts(body: bytes, where: str) -> list[Verdict]:
    """The verdicts of a listing, at most `MAX_VERDICTS`; those with words of a newer version are left out.

    Raises:
        RecordError: a line is no verdict.
    """
    found: list[Verdict] = []
    for one in read_or_keep(body.splitlines(), where):
        if not isinstance(one, KeptLine):
            found.append(one)
        if len(found) >= MAX_VERDICTS:
            break
    return found


def parts(found: Sequence[Verdict]) -> Iterator[tuple[Verdict, ...]]:
    """The verdicts in parts that fit into a batch each; a verdict that fits into none is left out."""
    part: list[Verdict] = []
    room = MAX_PART_BYTES
    for verdict in found:
        size = len(msgspec.json.encode(verdict))
        if size > MAX_PART_BYTES:
            continue
        if part and (size > room or len(part) >= MAX_PART_VERDICTS):
            yield tuple(part)
            part, room = [], MAX_PART_BYTES
        part.append(verdict)
        room -= size
    if part:
        yield tuple(part)
