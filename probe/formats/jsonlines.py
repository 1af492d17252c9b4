"""JSON Lines: one verdict a line in UTF-8, as `probe check --json` prints them and `probe judge` reads them."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator
from datetime import datetime
from functools import cache
from typing import IO, NamedTuple

import msgspec

from probe.errors import RecordError
from probe.model.verdict import Verdict

MAX_LINE_BYTES = 4 * 1024 * 1024
"""Bytes of one line. A verdict of a blocked target has tens of kilobytes; a file without line ends must not fill the
memory."""

_encoder = msgspec.json.Encoder()


@cache
def _verdicts() -> msgspec.json.Decoder[Verdict]:
    """The decoder of verdicts. Making it takes as long as measuring a target, so only a reader makes one."""
    return msgspec.json.Decoder(Verdict)


def write(record: msgspec.Struct) -> bytes:
    """The record as one line of JSON with its line end."""
    return _encoder.encode(record) + b"\n"


class KeptLine(NamedTuple):
    """A verdict that this version cannot read, because a word in it is of a newer version, or its target has no form.

    Attributes:
        line: as it stood in the file.
        where: `file:line`.
        what: which word is unknown.
    """

    line: bytes
    where: str
    what: str


class _Head(msgspec.Struct):
    """What a verdict of any version has."""

    time: datetime
    target: str
    status: str


@cache
def _heads() -> msgspec.json.Decoder[_Head]:
    return msgspec.json.Decoder(_Head)


def without_mark(line: bytes, where: str) -> bytes:
    """The first line of a file without the byte order mark that Windows' editors write.

    Raises:
        RecordError: the file is UTF-16, as PowerShell's `>` writes it.
    """
    if line.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise RecordError("the file is UTF-16", where=where, mend="save it as UTF-8")
    return line.removeprefix(codecs.BOM_UTF8)


def lines_of(stream: IO[bytes], where: str) -> Iterator[bytes]:
    """The lines of a binary stream, none longer than `MAX_LINE_BYTES`. A byte order mark before a line is left out.

    Raises:
        RecordError: a line is longer, and nothing after it is read; or the file is UTF-16.
    """
    number = 0
    while line := stream.readline(MAX_LINE_BYTES + 1):
        number += 1
        line = without_mark(line, where) if number == 1 else line.removeprefix(codecs.BOM_UTF8)
        if len(line) > MAX_LINE_BYTES:
            raise RecordError(f"longer than {MAX_LINE_BYTES} bytes", where=f"{where}:{number}", mend="give JSON Lines")
        yield line


def read_verdict(line: bytes) -> Verdict:
    """Read one verdict.

    Raises:
        RecordError: the line is not a verdict; the text names the key.
    """
    try:
        return _verdicts().decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:  # ValidationError is a DecodeError
        raise RecordError(f"not a verdict: {error}", mend="give lines of `probe check --json`") from error


def read_or_keep(lines: Iterable[bytes], where: str) -> Iterator[Verdict | KeptLine]:
    """Read verdicts as `read_verdicts` does, and keep those with words of a newer version as they are.

    Args:
        lines: with or without their line ends.
        where: name of the file, for messages.

    Raises:
        RecordError: a line is no verdict of any version.
    """
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            yield read_verdict(line)
        except RecordError as error:
            if not isinstance(error.__cause__, msgspec.ValidationError) or not _is_of_any_version(line):
                raise RecordError(error.what, where=f"{where}:{number}", mend=error.mend) from error.__cause__
            yield KeptLine(line, f"{where}:{number}", str(error.__cause__))


def _is_of_any_version(line: bytes) -> bool:
    try:
        _heads().decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    return True


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
