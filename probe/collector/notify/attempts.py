"""When a message is tried again, and when it is given up. Pure: chance is given."""

from __future__ import annotations

from enum import StrEnum

import msgspec

FIRST_DELAY_MS = 10_000
"""After the first failed attempt, before chance."""
MAX_DELAY_MS = 3_600_000
"""The delay doubles with every failed attempt, up to this limit."""
GIVE_UP_MS = 86_400_000
"""A message that could not be delivered for this long is given up."""


class Outcome(StrEnum):
    """How an attempt ended."""

    SENT = "sent"
    RETRY = "retry"
    """The receiver may take it later."""
    REFUSED = "refused"
    """The receiver will not take it, however often it is sent."""


class AttemptResult(msgspec.Struct, frozen=True, kw_only=True):
    """The end of one attempt to deliver a message.

    Attributes:
        reason: what went wrong, without any part of the URL; empty when it was sent.
        wait_ms: how long the receiver asked to wait; 0 when it did not.
    """

    outcome: Outcome
    reason: str = ""
    wait_ms: int = 0


SENT = AttemptResult(outcome=Outcome.SENT)


def retry(reason: str, wait_ms: int = 0) -> AttemptResult:
    """A failure that may pass."""
    return AttemptResult(outcome=Outcome.RETRY, reason=reason, wait_ms=min(wait_ms, MAX_DELAY_MS))


def refused(reason: str) -> AttemptResult:
    """A failure that will not pass."""
    return AttemptResult(outcome=Outcome.REFUSED, reason=reason)


def next_attempt(result: AttemptResult, tries: int, age: int, now: int, chance: float) -> int | None:
    """The moment of the next attempt in milliseconds; None when the message is given up.

    Args:
        result: of the last attempt, which was not successful.
        tries: how many attempts there were.
        age: of the message, in milliseconds.
        now: in milliseconds.
        chance: from 0 to 1, so that many messages do not come back at one moment.
    """
    if result.outcome is Outcome.REFUSED or age >= GIVE_UP_MS:
        return None
    delay = min(MAX_DELAY_MS, FIRST_DELAY_MS << min(tries - 1, 20))
    return now + max(result.wait_ms, round(delay * (0.5 + chance / 2)))
