"""What a proof, an event and a log's key prove together, in plain words; for `probe verify`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from probe.collector.web import wording
from probe.errors import RecordError, UsageError
from probe.formats.checkpoint import Checkpoint
from probe.formats.log_entry import LogEntry, decode_entry
from probe.formats.signed_note import NoteKey
from probe.formats.tlog_proof import FIRST_LINE, TlogProof
from probe.fuse.revision import RevisionKind
from probe.model.event import Event

MAX_EVENT_BYTES = 16 * 1024 * 1024
"""Bytes of an event with its revisions that are read."""
_EVENT_URL = re.compile(
    r"(https?://[^?#]+?)(?:/api/v1)?((?:/following/[0-9a-f]{8})?)/(?:e|events)/([0-9a-f]{16})(?:\.json|/proof)?/?"
)


class _ShownRevision(msgspec.Struct, frozen=True):
    event: Event


class _ShownEvent(msgspec.Struct, frozen=True):
    """An event as `/api/v1/events/<id>` shows it."""

    event: Event
    revisions: tuple[_ShownRevision, ...] = ()


class EventAddress(msgspec.Struct, frozen=True):
    """Where an event, its proof and its log are.

    Attributes:
        event: the event as JSON.
        proof: its proof.
        log: the log; its key is there too.
    """

    event: str
    proof: str
    log: str


class ProvenEvent(msgspec.Struct, frozen=True, kw_only=True):
    """A revision of an event that is proven to be in a log.

    Attributes:
        shown: the newest revision that is shown elsewhere, where that was compared with the entry; else 0.
    """

    entry: LogEntry
    index: int
    checkpoint: Checkpoint
    shown: int = 0


def event_address(url: str) -> EventAddress:
    """The addresses that belong to the address of an event's page or data.

    Raises:
        UsageError: it is none.
    """
    found = _EVENT_URL.fullmatch(url.strip())
    if found is None:
        raise UsageError(f"{url[:200]!r} is no event's address", where="EVENT", mend="write https://host/e/ID")
    base, source, event = found.groups()
    data = f"{base}/api/v1{source}/events/{event}"
    return EventAddress(data, f"{data}/proof", f"{base}{source}/log")


def is_proof(body: bytes) -> bool:
    """Whether a file is a proof rather than an event."""
    return body.startswith(FIRST_LINE.encode())


def prove(proof: TlogProof, key: NoteKey, witnesses: Sequence[NoteKey] = (), shown: bytes = b"") -> ProvenEvent:
    """Verify a proof; and that it is of the event that was shown, where one is given.

    Args:
        proof: with the entry as its extra data.
        key: of the log.
        witnesses: keys of witnesses; all of them must have signed.
        shown: the event as JSON, as `/api/v1/events/<id>` gives it.

    Raises:
        RecordError: it does not hold.
    """
    if not proof.extra:
        raise RecordError("the proof has no entry in it", mend="download it from the event's page")
    checkpoint = proof.verify(proof.extra, key, witnesses)
    signed = {each.key for each in checkpoint.witnesses}
    missing = [each.name for each in witnesses if each not in signed]
    if missing:
        raise RecordError(f"the checkpoint is not signed by the witness {missing[0]}")
    entry = decode_entry(proof.extra)
    newest = _compare(shown, entry) if shown else 0
    return ProvenEvent(entry=entry, index=proof.index, checkpoint=checkpoint, shown=newest)


def _compare(shown: bytes, entry: LogEntry) -> int:
    """The newest revision that is shown, if the entry is one of those that are.

    Raises:
        RecordError: it is not.
    """
    try:
        found = msgspec.json.decode(shown[: MAX_EVENT_BYTES + 1], type=_ShownEvent)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise RecordError(f"is no event as /api/v1/events/ID gives it ({str(error)[:100]})") from error
    revisions = [found.event, *(each.event for each in found.revisions)]
    same = [each for each in revisions if (each.id, each.revision) == (entry.event.id, entry.event.revision)]
    if not same:
        raise RecordError(
            f"the proof is of revision {entry.event.revision} of event {entry.event.id}, which is not what is shown"
        )
    for each in same:
        kept = each.targets[: len(each.targets) - entry.targets_left_out]
        if msgspec.structs.replace(each, targets=kept) != entry.event:
            raise RecordError(
                f"what is shown as revision {each.revision} of event {each.id} is not what the log has",
                mend="the collector has changed it after it published it",
            )
    return max(each.revision for each in revisions)


def explanation(found: ProvenEvent, key: NoteKey, *, fetched_key: bool) -> list[str]:
    """Lines that say what is proven and what is not.

    Args:
        found: what was verified.
        key: of the log.
        fetched_key: whether the key came from the same address as the proof.
    """
    entry = found.entry
    known = entry.kind in RevisionKind.__members__.values()
    kind = wording.headline(RevisionKind(entry.kind), entry.event, entry.reason) if known else entry.kind
    first = {RevisionKind.WITHDRAWN: "WITHDRAWN: ", RevisionKind.RENAMED: "CONTINUED AS ANOTHER EVENT: "}
    return [
        f"{first.get(RevisionKind(entry.kind), '') if known else ''}{wording.sentence(entry.event)}.",
        f"Revision {entry.event.revision}: {kind} ({wording.confidence(entry.event)}).",
        "Proven:",
        *(f"  {line}" for line in _proven(found, key)),
        "Not proven:",
        *(f"  {line}" for line in _not_proven(found, fetched_key=fetched_key)),
    ]


def _proven(found: ProvenEvent, key: NoteKey) -> list[str]:
    checkpoint = found.checkpoint
    lines = [
        f"It is entry {found.index} of the {checkpoint.size} of the log {checkpoint.origin},",
        f"signed with the key {key}",
    ]
    if found.shown:
        lines.append(f"Revision {found.entry.event.revision} is shown as the log has it.")
    lines += [
        f"The witness {each.key.name} saw this state of the log at {_time(each.time)}." for each in checkpoint.witnesses
    ]
    return [*lines, "Whoever keeps a checkpoint of this log can tell if an entry is changed or removed later."]


def _not_proven(found: ProvenEvent, *, fetched_key: bool) -> list[str]:
    published = wording.moment(found.entry.published)
    lines = [
        "That the measurements took place. The event's page links the evidence; `probe judge` judges it again.",
        f"When it was published: {published} is the collector's word.",
    ]
    if not found.shown:
        lines.append("That it was not changed or withdrawn by a later revision: its page would show that.")
    elif found.shown > found.entry.event.revision:
        lines.append(f"The later revisions that are shown, up to {found.shown}: the proof is not of them.")
    if not found.checkpoint.witnesses:
        lines.append("That others are shown the same log: compare checkpoints, `probe verify --log URL --since FILE`.")
    if fetched_key:
        lines.append(
            "That the key is the collector's: it came from the same address. Compare it with another source's."
        )
    return lines


def _time(seconds: int) -> str:
    try:
        return wording.moment(datetime.fromtimestamp(seconds, UTC))
    except (OverflowError, ValueError, OSError):
        return f"second {seconds}"
