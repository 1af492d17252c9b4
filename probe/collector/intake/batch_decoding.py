"""Decode a batch without the verdicts that are not kept: in a national event they are most of its bytes."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from hashlib import sha256

import msgspec

from probe.errors import RecordError
from probe.formats.batch import Batch, ReportedChange
from probe.model.transition import Transition
from probe.model.verdict import Verdict

Keeps = Callable[[Batch, Transition], bool]
"""Whether the verdict of a change is kept; the batch has all but its changes."""


class _UndecodedChange(msgspec.Struct, frozen=True, kw_only=True):
    transition: Transition
    verdict: msgspec.Raw = msgspec.Raw(b"null")


class _UnchangedBatch(Batch, frozen=True, kw_only=True, omit_defaults=True):
    changes: msgspec.Raw = msgspec.Raw(b"[]")  # type: ignore[assignment]


class _VerdictHead(msgspec.Struct, frozen=True, kw_only=True):
    target: str
    status: str


@cache
def _decoders() -> tuple[msgspec.json.Decoder[_UnchangedBatch], msgspec.json.Decoder[tuple[_UndecodedChange, ...]]]:
    return msgspec.json.Decoder(_UnchangedBatch), msgspec.json.Decoder(tuple[_UndecodedChange, ...])


_HEAD = msgspec.json.Decoder(_VerdictHead)
_VERDICT = msgspec.json.Decoder(Verdict)


def decode_batch(body: bytes, keeps: Keeps) -> tuple[Batch, tuple[bytes | None, ...]]:
    """Read a batch from its JSON, without the verdicts that are not kept.

    A verdict of another target or status than its change is decoded in any case, so that it is checked.

    Args:
        body: the JSON.
        keeps: asked once for each change with a verdict.

    Returns:
        The batch; for each change the SHA-256 of the JSON of a verdict that was left out, else None.

    Raises:
        RecordError: the bytes are not a batch, or a value is out of bounds; the text names the field.
    """
    whole, listed = _decoders()
    try:
        batch = whole.decode(body)
        found = listed.decode(batch.changes)
        pairs = [_change(batch, each, keeps) for each in found]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RecordError(f"not a batch: {error}") from error
    parts = {name: getattr(batch, name) for name in Batch.__struct_fields__}
    return Batch(**parts | {"changes": tuple(change for change, _ in pairs)}), tuple(digest for _, digest in pairs)


def _change(batch: Batch, found: _UndecodedChange, keeps: Keeps) -> tuple[ReportedChange, bytes | None]:
    transition, raw = found.transition, bytes(found.verdict)
    if raw == b"null":
        return ReportedChange(transition=transition), None
    if not keeps(batch, transition):
        head = _HEAD.decode(raw)
        if (head.target, head.status) == (transition.target, transition.after):
            return ReportedChange(transition=transition), sha256(raw).digest()
    return ReportedChange(transition=transition, verdict=_VERDICT.decode(raw)), None
