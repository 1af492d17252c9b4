"""Register history as lines of JSON: what `probe targets diff --json` prints, read again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from probe.errors import ListError
from probe.lists.register_diff import RegisterChange

MAX_LINE = 1024 * 1024
"""Bytes of a line. A name of the Russian register with the most addresses known (Telegram, 2018) makes some 20 KB."""
MAX_SUBJECT = 255
"""Characters of a name, address or prefix: DNS allows a name 253 (RFC 1035), and a mask has two more."""
_DECODER = msgspec.json.Decoder(RegisterChange)
_TIMES = ("after", "before", "included")


def read_changes(lines: Iterable[bytes], where: str) -> Iterator[RegisterChange]:
    """The changes, one a line; empty lines are passed over.

    Args:
        lines: of the file.
        where: the file as messages shall name it.

    Raises:
        ListError: a line is no change; the text has file, line and what is wrong, and nothing of the entry itself.
    """
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        place = f"{where}:{number}"
        if len(line) > MAX_LINE:
            raise ListError(f"a line of more than {MAX_LINE} bytes", where=place)
        try:
            change = _DECODER.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            mend = "give it what `probe targets diff OLD NEW --json` prints"
            raise ListError(f"no change of a register ({str(error)[:MAX_SUBJECT]})", where=place, mend=mend) from error
        if wrong := _wrong(change):
            raise ListError(wrong, where=place)
        yield change


def _wrong(change: RegisterChange) -> str:
    """What makes no sense in a change whose types are right; empty when all does."""
    if not 0 < len(change.subject) <= MAX_SUBJECT:
        return f"a subject of {len(change.subject)} characters"
    if any(not 0 < len(text) <= MAX_SUBJECT for text in change.addresses):
        return "an address that is none"
    if max(map(len, (change.service, change.decision.number, change.decision.authority))) > MAX_SUBJECT:
        return f"a text of more than {MAX_SUBJECT} characters"
    times = {key: value for key in _TIMES if (value := getattr(change, key)) is not None}
    naive = next((key for key, value in times.items() if value.tzinfo is None), "")
    if naive:
        return f"the time {naive!r} lacks its zone"
    if change.after and change.before and change.before < change.after:
        return "`before` is earlier than `after`"
    return ""
