"""Split files into lines of bounded length, and the records that readers make of a line: an entry or a bad row.

Every line-based reader uses it, so no file makes a reader hold more than one line of `MAX_LINE` bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import IO, TypeVar

import msgspec

from probe.errors import ListError

AnyItem = TypeVar("AnyItem")

MAX_LINE = 1024 * 1024
"""Bytes in a line. The longest row seen in a register mirror has about 2,000 addresses (40 KB)."""

MAX_LIST_BYTES = 1024 * 1024 * 1024
"""Bytes of a list of targets; a million URLs have about 100 MB."""

_BOM = b"\xef\xbb\xbf"


class ListEntry(msgspec.Struct, frozen=True):
    """One target of a list.

    Attributes:
        target: as written, without surrounding blanks; `probe.model.target.parse` reads it.
        service: the service it belongs to; empty when the list names none.
        category: category code of the public test lists (`NEWS`, `COMT`, ..); empty when the list has none.
        source: who added it, as the list says.
        line: its line in the file, from 1; 0 when it came from no file.
    """

    target: str
    service: str = ""
    category: str = ""
    source: str = ""
    line: int = 0


class BadRow(msgspec.Struct, frozen=True):
    """A malformed row: counted and reported, never fatal.

    Attributes:
        line: its line in the file, from 1.
        what: what is wrong and how to mend it. It never quotes a register's row, which may hold what must not be shown.
    """

    line: int
    what: str


def split(chunks: Iterable[bytes], name: str) -> Iterator[bytes]:
    r"""The lines of a file that comes in pieces of any size, without their ends (`\n`, `\r\n`).

    A byte order mark at the start is removed.

    Raises:
        ListError: a line is longer than `MAX_LINE`; `where` is file:line.
    """
    begun: list[bytes] = []  # the pieces of a line that has not ended: joined once, however many they are
    size = number = 0
    for chunk in _without_mark(chunks):
        head, *lines = chunk.split(b"\n")
        if head:
            begun.append(head)
            size += len(head)
        for line in lines:
            number += 1
            if size > MAX_LINE:
                raise _too_long(name, number)
            yield b"".join(begun).removesuffix(b"\r")
            begun, size = [line] if line else [], len(line)
        if size > MAX_LINE:
            raise _too_long(name, number + 1)
    if begun:
        yield b"".join(begun).removesuffix(b"\r")


def _without_mark(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The pieces without a byte order mark, which may itself be split over pieces."""
    head: bytes | None = b""
    for chunk in chunks:
        if head is None:
            yield chunk
        elif len(head) + len(chunk) < len(_BOM):
            head += chunk
        else:
            yield (head + chunk).removeprefix(_BOM)
            head = None
    if head:
        yield head


def decode(lines: Iterable[bytes], name: str, encoding: str = "utf-8") -> Iterator[str]:
    """The lines as text.

    Raises:
        ListError: a line is not valid in this encoding; `where` is file:line.
    """
    for number, line in enumerate(lines, start=1):
        try:
            yield line.decode(encoding)
        except UnicodeDecodeError as error:
            raise ListError(
                f"byte {error.start + 1} of the line is not {encoding.upper()}",
                where=f"{name}:{number}",
                mend="save the file as UTF-8" if encoding == "utf-8" else "",
            ) from error


def text_lines(chunks: Iterable[bytes], name: str) -> Iterator[str]:
    """The lines of a UTF-8 file that comes in pieces.

    Raises:
        ListError: as `split` and `decode`.
    """
    return decode(split(chunks, name), name)


def lines_with_faults(stream: IO[bytes], name: str) -> Iterator[str]:
    """The lines of a list of targets as text. A faulty line is given in a form that its reader makes a bad row.

    A byte that is not UTF-8 becomes a surrogate escape (PEP 383). Of a line longer than `MAX_LINE` only the beginning
    is given, which is still longer than that.

    Raises:
        ListError: the list has more than `MAX_LIST_BYTES`.
    """
    size = 0
    while line := stream.readline(MAX_LINE + 1):
        yield line.decode("utf-8", errors="surrogateescape")
        size += len(line)
        while len(line) > MAX_LINE and not line.endswith(b"\n"):
            line = stream.readline(MAX_LINE + 1)
            size += len(line)
            if size > MAX_LIST_BYTES:
                break
        if size > MAX_LIST_BYTES:
            raise ListError(f"larger than {MAX_LIST_BYTES} bytes", where=name, mend="is it a list at all?")


class LastByte:
    """The last byte of a file, known once its pieces have been read."""

    def __init__(self) -> None:
        self._byte = b""

    @property
    def ends_line(self) -> bool:
        """Whether the file ends with a line end."""
        return self._byte == b"\n"

    def follow(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """The same pieces."""
        for piece in pieces:
            self._byte = piece[-1:] or self._byte
            yield piece


def refuse_cut_row(items: Iterable[AnyItem], last: LastByte, name: str) -> Iterator[AnyItem]:
    """The same items of a table that a program wrote.

    Raises:
        ListError: after the last item, where it is malformed and its line does not end: the file was cut.
    """
    item: AnyItem | None = None
    for item in items:
        yield item
    if isinstance(item, BadRow) and not last.ends_line:
        raise ListError(
            "ends within a line",
            where=f"{name}:{item.line}",
            mend="the download may have been cut short: fetch it again (`probe targets diff --any-size` accepts it)",
        )


def _too_long(name: str, number: int) -> ListError:
    return ListError(f"line longer than {MAX_LINE} bytes", where=f"{name}:{number}", mend="is it a list at all?")
