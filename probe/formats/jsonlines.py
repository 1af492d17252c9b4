"""JSON Lines: one record a line, UTF-8, as `probe check --json` prints them and `probe judge` reads them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import IO

import msgspec

from probe.errors import RecordError
from probe.model.verdict import Verdict

MAX_LINE = 4 * 1024 * 1024
"""Bytes of one line. A verdict of a blocked target is tens of kilobytes; a longer line is no verdict, and unbounded
reading of a file without line ends would fill the memory."""

_encoder = msgspec.json.Encoder()
_verdicts = msgspec.json.Decoder(Verdict)


def write(record: msgspec.Struct) -> bytes:
    """The record as one line, line end included."""
    return _encoder.encode(record) + b"\n"


def lines_of(stream: IO[bytes], where: str) -> Iterator[bytes]:
    """The lines of a binary stream, none longer than `MAX_LINE`.

    Raises:
        RecordError: a longer one; nothing after it is read.
    """
    number = 0
    while line := stream.readline(MAX_LINE + 1):
        number += 1
        if len(line) > MAX_LINE:
            raise RecordError(f"longer than {MAX_LINE} bytes", where=f"{where}:{number}", mend="give JSON Lines")
        yield line


def read_verdict(line: bytes) -> Verdict:
    """One verdict.

    Raises:
        RecordError: the line is none; the text names the offending key.
    """
    try:
        return _verdicts.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:  # ValidationError is a DecodeError
        raise RecordError(f"not a verdict: {error}", mend="give lines of `probe check --json`") from error


def read_verdicts(lines: Iterable[bytes], where: str) -> Iterator[Verdict]:
    """Verdicts, blank lines left out, one at a time.

    Args:
        lines: with or without their line ends.
        where: name of the file, for the error.

    Raises:
        RecordError: a line is no verdict; `where` is `file:line`.
    """
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            yield read_verdict(line)
        except RecordError as error:
            raise RecordError(error.what, where=f"{where}:{number}", mend=error.mend) from error.__cause__
