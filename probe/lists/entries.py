"""What every reader of this room yields: an entry, or a line that is none."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entry:
    """One target of a list.

    Attributes:
        target: as it was written, without blanks around; `probe.model.target.parse` reads it.
        service: name of the service it belongs to; empty when the list names none.
        category: category code of the public test lists (`NEWS`, `COMT`, ..); empty when the list has none.
        source: who added it, as the list says.
        line: where it stood in the file, from 1; 0 when it came from no file.
    """

    target: str
    service: str = ""
    category: str = ""
    source: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that is no entry: counted and shown, never fatal.

    Attributes:
        line: from 1.
        what: what is wrong and how to mend it. From a register never the line itself: it may hold what nobody
            may display.
    """

    line: int
    what: str
