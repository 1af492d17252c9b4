"""Classify each reply of a collector by what the agent does next: one closed table. Pure.

A reply that the table does not contain is retried with back-off: it may come from a proxy, a captive portal or a censor
in the collector's place.
"""

from __future__ import annotations

import re
from datetime import datetime
from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta


class Action(StrEnum):
    """What the agent does after a reply."""

    DONE = "done"
    """The collector has stored the batch: send the next."""
    REWIND = "rewind"
    """The collector lacks earlier batches: send again from the number in its reply."""
    NEW_EPOCH = "restart"
    """Its history and ours differ (state was copied or restored): continue under a new epoch."""
    DROP_CONTENT = "discard"
    """It will never accept this content: send the same number without content, so that no gap remains."""
    RETRY = "retry"
    """Not now: try the next URL, then back off."""
    ENROL = "enrol"
    """It does not know this agent: enrol again with the token file, else wait for the operator."""
    STOP = "stop"
    """It has revoked this agent: send nothing more until a person has acted."""


class CollectorReply(msgspec.Struct, frozen=True, kw_only=True):
    """A classified reply.

    Attributes:
        action: what to do next.
        status: HTTP status; 0 when there was no reply.
        number: `acked` of a 200, `expected` of a 409; 0 when there is none.
        wait: seconds that the collector asks to wait; 0 when it does not say.
        text: a few words for the log.
        vantage: the public name that the collector gives to this vantage; empty when it does not say.
        clock: the collector's time when it answered; None when it does not say.
    """

    action: Action
    status: int = 0
    number: int = 0
    wait: float = 0.0
    text: str = ""
    vantage: str = ""
    clock: datetime | None = None


ACTION_BY_STATUS: dict[int, Action] = {
    200: Action.DONE,
    400: Action.DROP_CONTENT,
    401: Action.ENROL,
    403: Action.STOP,
    409: Action.REWIND,
    413: Action.DROP_CONTENT,
    415: Action.DROP_CONTENT,
    422: Action.NEW_EPOCH,
    429: Action.RETRY,
    503: Action.RETRY,
}
"""HTTP status -> action. Any other status is `RETRY`, and so is no reply."""

_NAME = re.compile(r"[a-z0-9]{1,64}", re.ASCII)
"""The form of a public name."""
MAX_RETRY_AFTER_SECONDS = 3600.0
"""A longer Retry-After is cut to this."""


class _Body(msgspec.Struct):
    acked: int = 0
    expected: int = 0
    error: dict[str, str] = {}
    vantage: str = ""
    clock: Annotated[datetime, Meta(tz=True)] | None = None


def classify_reply(status: int, body: bytes, retry_after: str = "") -> CollectorReply:
    """Classify a reply.

    Args:
        status: HTTP status.
        body: as much of the body as was read.
        retry_after: value of that header (RFC 9110 section 10.2.3) in seconds; a date counts as 60 s.
    """
    try:
        content = msgspec.json.decode(body, type=_Body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        content = None
    action = ACTION_BY_STATUS.get(status, Action.RETRY)
    if content is None and action is not Action.RETRY:
        # The collector's own replies are JSON, whatever their status.
        return CollectorReply(action=Action.RETRY, status=status, text="the answer is not a collector's")
    if content is None:
        content = _Body()
    if (action is Action.DONE and content.acked < 1) or (action is Action.REWIND and content.expected < 1):
        return CollectorReply(action=Action.RETRY, status=status, text="the answer lacks its number")
    return CollectorReply(
        action=action,
        status=status,
        number=content.acked if action is Action.DONE else content.expected,
        wait=_seconds(retry_after),
        text=" ".join(content.error.get("message", "").split())[:200],
        vantage=content.vantage if _NAME.fullmatch(content.vantage) else "",
        clock=content.clock,
    )


def _seconds(retry_after: str) -> float:
    if not retry_after:
        return 0.0
    return min(float(retry_after), MAX_RETRY_AFTER_SECONDS) if retry_after.isascii() and retry_after.isdigit() else 60.0
