"""An outbox as a file: signed batches that somebody carries to the collector, on a stick or by mail.

JSON Lines, one signed batch a line. The file holds what the agent would have sent over HTTPS and nothing more: no key,
no token, no address. Lines may be repeated and mixed with those of other agents; the collector takes each batch once,
those of one agent in the order of their numbers.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Iterator
from typing import IO

import msgspec

from probe.errors import RecordError
from probe.formats.batch import MAX_COMPRESSED
from probe.formats.jsonlines import without_mark

FORMAT = "probe-outbox-1"
MAX_LINE_BYTES = MAX_COMPRESSED * 4 // 3 + 4096
"""Bytes of one line: the largest batch in base64, and its head."""


class SignedBatch(msgspec.Struct, frozen=True, kw_only=True):
    """A batch as it is sent.

    Attributes:
        format: `FORMAT`.
        agent: id that signed it.
        origin: of the collector for which it is signed.
        seq: its number, for people.
        signature: of the uncompressed body, in base64 (`probe.formats.batch.signed_bytes`).
        body: gzip of the JSON, in base64.
    """

    format: str = FORMAT
    agent: str
    origin: str
    seq: int
    signature: str
    body: str

    @property
    def compressed(self) -> bytes:
        """The body as it is sent over HTTPS.

        Raises:
            RecordError: it is not base64.
        """
        try:
            return base64.b64decode(self.body, validate=True)
        except (binascii.Error, ValueError) as error:
            raise RecordError(f"batch {self.seq} of {self.agent}: the body is not base64") from error


def write(batches: Iterable[SignedBatch]) -> Iterator[bytes]:
    """The lines of a file."""
    encoder = msgspec.json.Encoder()
    for one in batches:
        yield encoder.encode(one) + b"\n"


def read(stream: IO[bytes], where: str) -> Iterator[SignedBatch]:
    """The batches of a file, read one line at a time.

    Args:
        stream: the file.
        where: its name, for errors.

    Raises:
        RecordError: a line is too long or no batch of this format; it names the line, and nothing after it is read.
    """
    decoder = msgspec.json.Decoder(SignedBatch)
    number = 0
    while line := stream.readline(MAX_LINE_BYTES + 1):
        number += 1
        place = f"{where}:{number}"
        if len(line) > MAX_LINE_BYTES:
            raise RecordError(f"a line of more than {MAX_LINE_BYTES} bytes", where=place)
        line = without_mark(line, place) if number == 1 else line
        if not line.strip():
            continue
        try:
            found = decoder.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            mend = "give a file of `probe outbox export`"
            raise RecordError(f"not a signed batch: {error}"[:300], where=place, mend=mend) from error
        if not all(text.isascii() and text.isprintable() for text in (found.agent, found.signature, found.origin)):
            raise RecordError("an agent, signature or origin that cannot be sent", where=place)
        if found.format != FORMAT:
            raise RecordError(f"a file of the format {found.format[:40]!r}", where=place, mend="update this program")
        yield found
