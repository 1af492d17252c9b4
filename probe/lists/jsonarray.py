"""Stream the items of a JSON array that is too large for memory."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from probe.errors import ListError

MAX_ITEM = 1024 * 1024
"""Characters in one item of the array."""

_CUT = "the download may have been cut short: fetch it again"
_BLANKS = re.compile(r"[ \t\r\n]*")


def items(chunks: Iterable[bytes], name: str) -> Iterator[Any]:
    """The items of the array, one at a time.

    Args:
        chunks: the file (UTF-8) in pieces of any size.
        name: the file's name for messages.

    Raises:
        ListError: the file is not an array, an item is larger than `MAX_ITEM`, or the file ends inside the array.
            `where` is file:line, `what` has the number of items read so far.
    """
    text = _Text(chunks, name)
    if text.peek() != "[":
        raise text.error("the file is no JSON array", _CUT)
    text.skip(1)
    if text.peek() == "]":
        text.skip(1)
        return _end(text)
    while True:
        yield text.item()
        mark = text.peek()
        text.skip(1)
        if mark == "]":
            return _end(text)
        if not mark:
            raise text.error("the file ends inside the array", _CUT)
        if mark != ",":
            raise text.error("neither a comma nor the array's end after an item")


def _end(text: _Text) -> None:
    if text.peek():
        raise text.error("something follows the array")


class _Text:
    """The part of the file in memory."""

    def __init__(self, chunks: Iterable[bytes], name: str) -> None:
        self._chunks = iter(chunks)
        self._name = name
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._scan = json.JSONDecoder(parse_constant=_no_constant).raw_decode
        self._held = ""
        self._at = 0
        self._line = 1
        self._count = 0
        self._ended = False

    def error(self, what: str, mend: str = "") -> ListError:
        return ListError(f"{what} (after {self._count} items)", where=f"{self._name}:{self._line}", mend=mend)

    def peek(self) -> str:
        """Skip blanks and return the next character without consuming it; empty at the end of the file."""
        while True:
            match = _BLANKS.match(self._held, self._at)
            self.skip((match.end() if match else self._at) - self._at)
            if self._at < len(self._held):
                return self._held[self._at]
            if not self._more():
                return ""

    def skip(self, count: int) -> None:
        self._line += self._held.count("\n", self._at, self._at + count)
        self._at += count

    def item(self) -> Any:
        """Consume the next item."""
        self.peek()
        while True:
            try:
                value, end = self._scan(self._held, self._at)
            except (ValueError, RecursionError) as error:
                if len(self._held) - self._at > MAX_ITEM:
                    raise self.error(f"an item is no JSON, or larger than {MAX_ITEM} characters") from error
                # Double what is in memory: an item is then tried a few times, not once for every piece.
                if not self._more(len(self._held) - self._at):
                    raise self.error("an item is no JSON, or the file was cut short", _CUT) from error
                continue
            # A number at the end of what is in memory may continue in the next piece.
            if end == len(self._held) and not isinstance(value, str | list | dict) and self._more():
                continue
            self.skip(end - self._at)
            self._count += 1
            return value

    def _more(self, characters: int = 1) -> bool:
        """Read at least this number of further characters, or the rest; False when the file had already ended."""
        if self._ended:
            return False
        parts = [self._held[self._at :]]
        missing = characters
        try:
            while missing > 0 and not self._ended:
                chunk = next(self._chunks, None)
                self._ended = chunk is None
                parts.append(self._decoder.decode(chunk or b"", final=self._ended))
                missing -= len(parts[-1])
        except UnicodeDecodeError as error:
            raise self.error("the file is not UTF-8") from error
        self._held, self._at = "".join(parts), 0
        return missing < characters


def _no_constant(word: str) -> Any:
    raise ValueError(f"{word} is no JSON")
