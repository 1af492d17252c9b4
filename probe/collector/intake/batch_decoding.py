"""Decode a batch without the verdicts that are not kept: in a national event they are most of its bytes.

A verdict with a word of a newer version (a status, an observation) is kept as the agent sent it, and a status of a
newer version by its word: nothing that a newer agent says is lost, and nothing of it counts as interference.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from hashlib import sha256
from typing import Any

import msgspec

from probe.collector.intake.evidence import Packed, pack_unread
from probe.errors import RecordError
from probe.formats.batch import Batch, ReportedChange, ReportedStatus
from probe.model.transition import Transition
from probe.model.verdict import Status, Verdict

Keeps = Callable[[Batch, Transition], bool]
"""Whether the verdict of a change is kept; the batch has all but its changes."""
STATUSES = {status.value: status for status in Status}


class _UndecodedChange(msgspec.Struct, frozen=True, kw_only=True):
    transition: Transition
    verdict: msgspec.Raw = msgspec.Raw(b"null")


class _UndecodedStatus(ReportedStatus, frozen=True, kw_only=True):
    status: str  # type: ignore[assignment]
    verdict: msgspec.Raw = msgspec.Raw(b"null")  # type: ignore[assignment]


class _UnchangedBatch(Batch, frozen=True, kw_only=True, omit_defaults=True):
    changes: msgspec.Raw = msgspec.Raw(b"[]")  # type: ignore[assignment]
    settled: tuple[_UndecodedStatus, ...] = ()
    control: tuple[msgspec.Raw, ...] = ()  # type: ignore[assignment]


class DecodedBatch(msgspec.Struct, frozen=True, kw_only=True):
    """A batch, and the verdicts that are not in it.

    Attributes:
        batch: a status or a change has no verdict where it is left out or cannot be read.
        changed: for each change the verdict that is not in it, else None.
        settled: for each settled status the verdict that cannot be read, else None.
        unread_control: how many of a control's verdicts cannot be read; they are not in the batch.
    """

    batch: Batch
    changed: tuple[Packed | None, ...]
    settled: tuple[Packed | None, ...]
    unread_control: int


class _VerdictHead(msgspec.Struct, frozen=True, kw_only=True):
    target: str
    status: str


@cache
def _decoders() -> tuple[msgspec.json.Decoder[_UnchangedBatch], msgspec.json.Decoder[tuple[_UndecodedChange, ...]]]:
    return msgspec.json.Decoder(_UnchangedBatch), msgspec.json.Decoder(tuple[_UndecodedChange, ...])


_HEAD = msgspec.json.Decoder(_VerdictHead)
_VERDICT = msgspec.json.Decoder(Verdict)
_UNKNOWN_WORD = re.compile(r"Invalid (enum )?value '[a-z][a-z0-9_.]{0,63}'", re.ASCII)
"""The message of a verdict whose only fault is a word that this version does not know."""


def decode_batch(body: bytes, keeps: Keeps) -> DecodedBatch:
    """Read a batch from its JSON, without the verdicts that are not kept.

    A verdict of another target or status than its change is decoded in any case, so that it is checked.

    Args:
        body: the JSON.
        keeps: asked once for each change with a verdict.

    Raises:
        RecordError: the bytes are not a batch, or a value is out of bounds; the text names the field.
    """
    whole, listed = _decoders()
    try:
        batch = whole.decode(body)
        changes = [_change(batch, each, keeps) for each in listed.decode(batch.changes)]
        statuses = [_status(each) for each in batch.settled]
        verdicts = [_verdict(raw) for raw in batch.control]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RecordError(f"not a batch: {error}") from error
    parts: dict[str, Any] = {name: getattr(batch, name) for name in Batch.__struct_fields__}
    parts["changes"] = tuple(change for change, _ in changes)
    parts["settled"] = tuple(status for status, _ in statuses)
    parts["control"] = tuple(verdict for verdict in verdicts if verdict is not None)
    return DecodedBatch(
        batch=Batch(**parts),
        changed=tuple(packed for _, packed in changes),
        settled=tuple(packed for _, packed in statuses),
        unread_control=verdicts.count(None),
    )


def _change(batch: Batch, found: _UndecodedChange, keeps: Keeps) -> tuple[ReportedChange, Packed | None]:
    transition, raw = found.transition, bytes(found.verdict)
    if raw == b"null":
        return ReportedChange(transition=transition), None
    if not keeps(batch, transition):
        head = _HEAD.decode(raw)
        if (head.target, head.status) == (transition.target, transition.after):
            return ReportedChange(transition=transition), Packed(sha256(raw).digest(), None)
    verdict = _verdict(raw)
    return ReportedChange(transition=transition, verdict=verdict), None if verdict else pack_unread(raw)


def _status(found: _UndecodedStatus) -> tuple[ReportedStatus, Packed | None]:
    raw = bytes(found.verdict)
    verdict = None if raw == b"null" else _verdict(raw)
    parts: dict[str, Any] = {name: getattr(found, name) for name in ReportedStatus.__struct_fields__}
    parts |= {"verdict": verdict, "status": STATUSES.get(found.status, found.status)}
    return ReportedStatus(**parts), None if verdict or raw == b"null" else pack_unread(raw)


def _verdict(raw: bytes | msgspec.Raw) -> Verdict | None:
    """The verdict; None for one with a word of a newer version.

    Raises:
        msgspec.DecodeError: it is no verdict of any version.
    """
    try:
        return _VERDICT.decode(raw)
    except msgspec.ValidationError as error:
        if not _UNKNOWN_WORD.match(str(error)):
            raise
    if type(msgspec.json.decode(raw)) is not dict:
        raise msgspec.ValidationError("a verdict is an object")
    return None
