"""JSON Lines: one verdict a line in UTF-8, as `probe check --json` prints them and `probe judge` reads them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import IO

import msgspec

from probe.errors import RecordError
from probe.model.verdict import Verdict

MAX_LINE_BYTES = 4 * 1024 * 1024
"""Bytes of one line. A verdict of a blocked target has tens of kilobytes; a file without line ends must not fill the
memory."""

_encoder = msgspec.json.Encoder()
_verdicts = msgspec.json.Decoder(Verdict)


def write(record: msgspec.Struct) -> bytes:
    """The record as one line of JSON with its line end."""
    return _encoder.encode(record) + b"\n"


def lines_of(stream: IO[bytes], where: str) -> Iterator[bytes]:
    """The lines of a binary stream, none longer than `MAX_LINE_BYTES`.

    Raises:
        RecordError: a line is longer; nothing after it is read.
    """
    number = 0
    while line := stream.readline(MAX_LINE_BYTES + 1):
        number += 1
        if len(line) > MAX_LINE_BYTES:
            raise RecordError(f"longer than {MAX_LINE_BYTES} bytes", where=f"{where}:{number}", mend="give JSON Lines")
        yield line


def read_verdict(line: bytes) -> Verdict:
    """Read one verdict.

    Raises:
        RecordError: the line is not a verdict; the text names the key.
    """
    try:
        return _verdicts.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:  # ValidationError is a DecodeError
        raise RecordError(f"not a verdict: {error}", mend="give lines of `probe check --json`") from error


def read_verdicts(lines: Iterable[bytes], where: str) -> Iterator[Verdict]:
    """Read verdicts one at a time; blank lines are skipped.

    Args:
        lines: with or without their line ends.
        where: name of the file, for the error.

    Raises:
        RecordError: a line is not a verdict; `where` is `file:line`.
    """
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            yield read_verdict(line)
        except RecordError as error:
            raise RecordError(error.what, where=f"{where}:{number}", mend=error.mend) from error.__cause__
