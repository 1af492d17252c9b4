"""The entries of a collector's transparency log: each is one published revision of an event, as JSON.

An entry has what the collector published and nothing about who reported it, so that a volunteer's data can still be
erased. Words of newer versions are kept in the log as bytes; a reader that does not know them shows no event for them.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import msgspec

from probe.errors import RecordError
from probe.formats.tiles import MAX_ENTRY_BYTES
from probe.model.event import Event

FORMAT = "probe-event-v1"
MAX_TEXT = 2048
"""Characters of a service, target or reason that a reader takes."""
MAX_FUTURE = timedelta(days=1)
"""How far ahead of the reader's clock a time may be."""
_EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
_ID = re.compile(r"[0-9a-f]{16}")
_WORD = re.compile(r"[a-z_]{1,30}")
MAX_NUMBER = 2**31


class LogEntry(msgspec.Struct, frozen=True, kw_only=True, tag=FORMAT, tag_field="format"):
    """A revision of an event as it was published.

    Attributes:
        kind: what the revision announces: `began`, `changed`, `lifted`, `reopened`, `renamed`, `withdrawn`.
        published: by the collector's clock.
        into: the id under which a renamed event continues.
        reason: why an event was withdrawn.
        targets_left_out: targets of the event that the entry had no room for.
    """

    kind: str
    published: datetime
    event: Event
    into: str = ""
    reason: str = ""
    targets_left_out: int = 0


_DECODER = msgspec.json.Decoder(LogEntry)


def encode_entry(entry: LogEntry) -> bytes:
    """The entry's bytes, at most `MAX_ENTRY_BYTES`; targets for which there is no room are left out and counted."""
    body = msgspec.json.encode(entry)
    targets = entry.event.targets
    while len(body) > MAX_ENTRY_BYTES and targets:
        targets = targets[: len(targets) // 2]
        event = msgspec.structs.replace(entry.event, targets=targets)
        left_out = len(entry.event.targets) - len(targets)
        body = msgspec.json.encode(msgspec.structs.replace(entry, event=event, targets_left_out=left_out))
    if len(body) > MAX_ENTRY_BYTES:
        raise RecordError("an event is too large for the log", where=entry.event.id)
    return body


def decode_entry(body: bytes, now: datetime | None = None) -> LogEntry:
    """The entry in these bytes, which may come from anybody.

    Args:
        body: of the entry.
        now: times that are more than a day later are refused; None for no such limit.

    Raises:
        RecordError: it is no entry that this version knows, or a text, number or time is out of bounds.
    """
    try:
        entry = _DECODER.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise RecordError(f"is no entry that this version knows ({str(error)[:200]})") from error
    event = entry.event
    texts = (event.service, entry.reason, event.network.country, *event.targets)
    if not event.service or any(len(text) > MAX_TEXT or not text.isprintable() for text in texts):
        raise RecordError("a text of an entry is out of bounds")
    numbers = (event.revision, event.network.asn, event.vantages, event.networks, entry.targets_left_out)
    if any(not 0 <= each <= 2 * MAX_NUMBER for each in numbers):
        raise RecordError("a number of an entry is out of bounds")
    ids = (event.id, entry.into or event.id)
    if not all(map(_ID.fullmatch, ids)) or not _WORD.fullmatch(entry.kind):
        raise RecordError("an id or a kind of an entry is out of bounds")
    _check_times(entry, now)
    return entry


def _check_times(entry: LogEntry, now: datetime | None) -> None:
    event = entry.event
    for each in (entry.published, event.onset, event.known, event.lifted):
        if each is None:
            continue
        if each.tzinfo is None or each < _EARLIEST or (now is not None and each > now + MAX_FUTURE):
            raise RecordError("a time of an entry is out of bounds")
