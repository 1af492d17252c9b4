"""What to do about each answer of a collector: one closed table. Pure.

Every way an upload can end falls into one of few actions, chosen by what to do next and not by what went wrong. An
answer that nobody foresaw is retried with patience: a proxy, a captive portal or a censor may have spoken in the
collector's place.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Action(StrEnum):
    """What the agent does next."""

    DONE = "done"
    """The batch is kept by the collector: go on with the next."""
    REWIND = "rewind"
    """The collector lacks earlier batches: send again from the one it names."""
    NEW_EPOCH = "restart"
    """Its history and ours do not fit together (state copied or restored): go on under a new epoch."""
    DROP_CONTENT = "discard"
    """It will never take this content: send the number again without it, so that no gap remains."""
    RETRY = "retry"
    """Not now: the next address, then back-off."""
    ENROL = "enrol"
    """It does not know this agent: enrol again if there is a token, else wait for a person."""
    STOP = "stop"
    """It has shut this agent out: send nothing more until a person has acted."""


class CollectorReply(msgspec.Struct, frozen=True, kw_only=True):
    """A collector's answer, classify_reply.

    Attributes:
        number: `acked` of a 200, `expected` of a 409; 0 when there was none.
        wait: seconds the collector asks us to wait; 0 when it did not say.
        text: a few words for a person.
    """

    action: Action
    status: int = 0
    number: int = 0
    wait: float = 0.0
    text: str = ""


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
"""HTTP status -> action; any other status, and no answer at all, is `RETRY`."""

MAX_RETRY_AFTER_SECONDS = 3600.0
"""Seconds: a Retry-After beyond it is not believed."""


class _Body(msgspec.Struct):
    acked: int = 0
    expected: int = 0
    error: dict[str, str] = {}


def classify_reply(status: int, body: bytes, retry_after: str = "") -> CollectorReply:
    """Classify an answer.

    Args:
        status: of HTTP.
        body: of the answer, as much as was read of it.
        retry_after: that header's value (RFC 9110 10.2.3), seconds; a date is taken for 60 s.
    """
    try:
        content = msgspec.json.decode(body, type=_Body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        content = None
    action = ACTION_BY_STATUS.get(status, Action.RETRY)
    if content is None and action is not Action.RETRY:
        # Not the collector's voice: its answers are JSON, whatever their status.
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
    )


def _seconds(retry_after: str) -> float:
    if not retry_after:
        return 0.0
    return min(float(retry_after), MAX_RETRY_AFTER_SECONDS) if retry_after.isascii() and retry_after.isdigit() else 60.0
