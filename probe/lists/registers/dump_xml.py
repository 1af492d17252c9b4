"""Streaming reader of the official dump (`dump.xml`, the download for operators; format versions 2.2 to 2.4).

::

    <reg:register updateTime=.. formatVersion=..>
      <content id=.. includeTime=.. entryType=.. [blockType=..] [ts=..]>
        <decision date=.. number=.. org=../> <url>..</url>* <domain>..</domain>* <ip>..</ip>*
        <ipSubnet>..</ipSubnet>* <ipv6>..</ipv6>* <ipv6Subnet>..</ipv6Subnet>*
      </content>*

A dump has 300 MB and 1.2 million records, so only one record is in memory at a time. The file is not trusted: a
document type (which allows entity bombs and external files) is refused, and names, texts, records and tags are bounded.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any
from xml.parsers import expat

from probe.errors import ListError
from probe.lists.lines import BadRow
from probe.lists.registers import clean
from probe.lists.registers.assemble import MAX_DECISION, make_decision, make_entry
from probe.lists.registers.register_entry import BlockType, RegisterDecision, RegisterEntry, RegisterItem, SnapshotTime

MAX_TAG = 1024 * 1024
"""Bytes of a tag or a text that has not ended."""
MAX_TEXT = 64 * 1024
"""Characters in one element's text; the longest URL seen has 3,000."""
MAX_RECORD = 4 * 1024 * 1024
"""Characters in one record's texts; the largest seen has some 40,000."""
MAX_TEXTS = 50_000
"""Names, addresses and URLs in one record; the largest seen has some 2,000."""
MAX_DECISIONS = 20_000
"""Decisions in memory that records share; about 8 MB."""
MAX_WORDS = 1000
"""Different names of elements and attributes, which the parser interns; the format has 20."""
TOO_LONG = f"a text longer than {MAX_TEXT} characters, or more than {MAX_RECORD} characters or {MAX_TEXTS} texts"
MAX_DEPTH = 8
"""Nested elements; the format has three."""
STEP = 65536
"""Bytes given to the parser at a time, which bounds the records that wait to be yielded."""

_ENCODINGS = {"windows-1251", "cp1251", "utf-8", "us-ascii"}
_TEXTS = {"url", "domain", "ip", "ipSubnet", "ipv6", "ipv6Subnet"}
_BLOCK_TYPES = {"": BlockType.URL, "default": BlockType.URL} | {kind.value: kind for kind in BlockType}
# A byte that XML forbids would end the reading of 300 MB; replaced by a question mark it spoils one name. 0x98 is
# undefined in windows-1251 but part of characters in UTF-8, so it is replaced in the former only.
_FORBIDDEN = bytes(code for code in range(32) if code not in (9, 10, 13))
_MEND = bytes.maketrans(_FORBIDDEN, b"?" * len(_FORBIDDEN))
_MEND_1251 = bytes.maketrans(_FORBIDDEN + b"\x98", b"?" * (len(_FORBIDDEN) + 1))
_IS_1251 = re.compile(rb"\s*<\?xml[^>]{0,100}encoding\s*=\s*.(windows-|cp)1251", re.IGNORECASE)


def read(chunks: Iterable[bytes], name: str) -> Iterator[RegisterItem]:
    """Read a dump.

    Args:
        chunks: the file in pieces of any size.
        name: of the file, for messages.

    Yields:
        `SnapshotTime`, then the records in the file's order, and a `BadRow` for a malformed record.

    Raises:
        ListError: it is not a dump, has a document type, is not well-formed, or ends too early: when snapshots are
            compared, a missing record would count as delisted. `where` is file:line.
    """
    dump = _Dump(name)
    table: bytes | None = None
    for piece in _steps(chunks):
        table = table or (_MEND_1251 if _IS_1251.match(piece) else _MEND)
        dump.feed(piece.translate(table))
        yield from dump.taken()
    dump.close()
    yield from dump.taken()


def _steps(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in pieces of at most `STEP`, the first long enough to hold the declaration."""
    held = b""
    for chunk in chunks:
        held += chunk
        if len(held) < 256:
            continue
        for start in range(0, len(held), STEP):
            yield held[start : start + STEP]
        held = b""
    if held:
        yield held


class _Dump:
    """The state of the parser: the open elements and the current record."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._items: list[RegisterItem] = []
        self._depth = 0
        self._fed = 0
        self._attributes: dict[str, str] | None = None
        self._line = 0
        self._decision = RegisterDecision()
        self._decisions: dict[tuple[str, ...], RegisterDecision] = {}
        self._texts: list[tuple[str, str]] = []
        self._parts: list[str] = []
        self._room = MAX_RECORD
        self._bad = ""
        parser = self._parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.buffer_size = STEP
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.XmlDeclHandler = self._declaration
        parser.StartDoctypeDeclHandler = self._doctype
        parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)

    def feed(self, piece: bytes) -> None:
        """Parse one piece."""
        self._parse(piece, final=False)
        self._fed += len(piece)
        if len(self._parts) > 1 and sum(map(len, self._parts)) > MAX_TEXT:
            self._bad = TOO_LONG
            self._parts.clear()
        if self._fed - self._parser.CurrentByteIndex > MAX_TAG:
            raise self._error(f"a tag longer than {MAX_TAG} bytes")
        if len(self._parser.intern) > MAX_WORDS:
            raise self._error(f"more than {MAX_WORDS} different elements and attributes", "is it a register at all?")

    def close(self) -> None:
        """Tell the parser that the file has ended."""
        self._parse(b"", final=True)

    def taken(self) -> list[RegisterItem]:
        """The items read since the last call."""
        items, self._items = self._items, []
        return items

    def _parse(self, piece: bytes, *, final: bool) -> None:
        try:
            self._parser.Parse(piece, final)
        except expat.ExpatError as error:
            what = expat.errors.messages.get(error.code, "not well-formed")
            truncated = final or error.code == expat.errors.codes[expat.errors.XML_ERROR_UNCLOSED_TOKEN]
            raise ListError(
                f"not a whole XML file ({what})" if truncated else f"not XML ({what})",
                where=f"{self._name}:{error.lineno}",
                mend="the download may have been cut short: fetch it again" if truncated else "",
            ) from error

    def _error(self, what: str, mend: str = "") -> ListError:
        return ListError(what, where=f"{self._name}:{self._parser.CurrentLineNumber}", mend=mend)

    def _declaration(self, version: str, encoding: str | None, standalone: int) -> None:  # noqa: ARG002 - expat's
        if encoding is not None and encoding.lower() not in _ENCODINGS:
            raise self._error("the encoding is neither windows-1251 nor UTF-8")

    def _doctype(self, *_: Any) -> None:
        raise self._error("has a document type", "a register has none: do not trust this file")

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth == 3:
            if tag in _TEXTS:
                parts = self._parts = []
                # `list.append` itself, which saves a Python call per text.
                self._parser.CharacterDataHandler = parts.append
            elif tag == "decision":
                self._decide(attributes)
        elif self._depth == 2:
            if tag == "content":
                self._attributes, self._line = attributes, self._parser.CurrentLineNumber
                self._decision, self._texts, self._bad, self._room = RegisterDecision(), [], "", MAX_RECORD
        elif self._depth == 1:
            self._root(tag, attributes)
        elif self._depth > MAX_DEPTH:
            raise self._error(f"elements nested deeper than {MAX_DEPTH}", "is it a register at all?")

    def _root(self, tag: str, attributes: dict[str, str]) -> None:
        if tag.rpartition(":")[2] != "register":
            raise self._error("the first element is no register", "give the official dump.xml")
        at = clean.moment(attributes.get("updateTime", ""))
        if at is not None:
            self._items.append(SnapshotTime(at))

    def _decide(self, attributes: dict[str, str]) -> None:
        # Hundreds of thousands of records share one decision, and consumers may keep them all.
        get = attributes.get
        key = (get("date", "")[:MAX_DECISION], get("number", "")[:MAX_DECISION], get("org", "")[:MAX_DECISION])
        found = self._decisions.get(key)
        if found is None:
            if len(self._decisions) >= MAX_DECISIONS:
                self._decisions.clear()
            found = self._decisions[key] = make_decision(*key)
        self._decision = found

    def _end(self, tag: str) -> None:
        self._depth -= 1
        if self._depth == 2 and tag in _TEXTS:
            self._parser.CharacterDataHandler = None
            parts = self._parts
            text = parts[0] if len(parts) == 1 else "".join(parts)
            self._parts = []
            self._room -= len(text) + 1
            if self._room < 0 or len(text) > MAX_TEXT or len(self._texts) >= MAX_TEXTS:
                self._bad = TOO_LONG
            else:
                self._texts.append((tag, text))
        elif self._depth == 1 and self._attributes is not None:
            attributes, self._attributes = self._attributes, None
            self._items.append(self._record(attributes))

    def _record(self, attributes: dict[str, str]) -> RegisterEntry | BadRow:
        if self._bad:
            return BadRow(self._line, f"a record with {self._bad}")
        kind = _BLOCK_TYPES.get(attributes.get("blockType", ""))
        entry = attributes.get("entryType", "0")
        if kind is None or not (entry.isascii() and entry.isdigit() and len(entry) <= 3):
            return BadRow(self._line, "a record of an unknown blockType or entryType")
        return make_entry(
            self._texts,
            line=self._line,
            id=attributes.get("id", "")[:32],
            entry_type=int(entry),
            block_type=kind,
            decision=self._decision,
            included=clean.moment(attributes.get("includeTime", "")),
            changed=clean.moment(attributes.get("ts", "")),
        )
