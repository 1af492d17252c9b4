"""Reader of register changes: the JSON Lines that `probe targets diff --json` prints."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from probe.errors import ListError
from probe.lists.register_diff import RegisterChange

MAX_LINE = 1024 * 1024
"""Bytes of a line. The name with the most addresses in the Russian register (Telegram, 2018) makes about 20 KB."""
MAX_SUBJECT = 255
"""Characters of a name, address or prefix: a DNS name has at most 253 (RFC 1035), a mask two more."""
_DECODER = msgspec.json.Decoder(RegisterChange)
_TIMES = ("after", "before", "included")


def read_changes(lines: Iterable[bytes], where: str) -> Iterator[RegisterChange]:
    """The changes, one per line; empty lines are skipped.

    Args:
        lines: the lines of the file.
        where: the file as messages name it.

    Raises:
        ListError: a line is not a change. The message has file, line and reason, and no text of the entry.
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
    """The error in the values of a change; empty for none. Their types are already checked."""
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
