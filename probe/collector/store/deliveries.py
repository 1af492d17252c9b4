"""SQL of messages and their deliveries. A process that delivers a message holds a lease on it meanwhile."""

from __future__ import annotations

import msgspec

from probe.collector.store import StoreSession

HELD = "held"
"""Kept for the subscription's next digest."""
WAITING = "waiting"
SENT = "sent"
FAILED = "failed"
MAX_AHEAD_MS = 7_200_000
"""A moment further ahead than this was written by a clock that was wrong; it counts as past."""


class Delivery(msgspec.Struct, frozen=True):
    """A message for one subscription, under its idempotency key. Times in milliseconds."""

    id: str
    subscription: str
    channel: str
    created: int
    body: bytes
    tries: int = 0
    state: str = WAITING
    reason: str = ""
    finished: int | None = None
    lease: int = 0


_COLUMNS = "SELECT id, subscription, channel, created, body, tries, state, reason, finished, lease FROM delivery"


def add_delivery(session: StoreSession, delivery: Delivery) -> None:
    """Store a message, unless one with its key is stored."""
    session.run(
        "INSERT INTO delivery (id, subscription, channel, created, due, state, reason, finished, tries, body)"
        " VALUES (?, ?, ?, ?, 0, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING",
        *(delivery.id, delivery.subscription, delivery.channel, delivery.created),
        *(delivery.state, delivery.reason, delivery.finished, delivery.tries, delivery.body),
    )


def take_held(session: StoreSession, subscription: str) -> list[Delivery]:
    """Delete and return the messages that wait for a subscription's digest, the oldest first."""
    found = session.rows(f"{_COLUMNS} WHERE subscription = ? AND state = 'held' ORDER BY created, id", subscription)
    session.run("DELETE FROM delivery WHERE subscription = ? AND state = 'held'", subscription)
    return [Delivery(*row) for row in found]


def claimable(session: StoreSession, now: int, limit: int) -> list[Delivery]:
    """The oldest waiting message of each subscription, where it is due and nobody holds it.

    Messages of one subscription go out in their order; one that fails delays those after it, and no other subscription.
    """
    far = now + MAX_AHEAD_MS
    found = session.rows(
        f"{_COLUMNS} WHERE state = 'waiting' AND (due <= ? OR due > ?) AND (lease <= ? OR lease > ?)"  # noqa: S608 only a constant
        " AND NOT EXISTS (SELECT 1 FROM delivery AS earlier WHERE earlier.subscription = delivery.subscription"
        "  AND earlier.state = 'waiting' AND (earlier.created < delivery.created"
        "  OR (earlier.created = delivery.created AND earlier.id < delivery.id)))"
        " ORDER BY created, id LIMIT ?",
        *(now, far, now, far, limit),
    )
    return [Delivery(*row) for row in found]


def claim(session: StoreSession, delivery: Delivery, until: int) -> bool:
    """Take a lease on a message and count the attempt; False when another process has one since it was read."""
    return bool(
        session.run(
            "UPDATE delivery SET lease = ?, tries = tries + 1 WHERE id = ? AND state = 'waiting' AND lease = ?",
            *(until, delivery.id, delivery.lease),
        )
    )


def finish(  # noqa: PLR0917 - one column each
    session: StoreSession, delivery_id: str, lease: int, state: str, reason: str, now: int
) -> bool:
    """Record the end of a delivery; False when the lease is another's by now."""
    return bool(
        session.run(
            "UPDATE delivery SET state = ?, reason = ?, finished = ?, lease = 0"
            " WHERE id = ? AND lease = ? AND state = 'waiting'",
            *(state, reason, now, delivery_id, lease),
        )
    )


def postpone(session: StoreSession, delivery_id: str, lease: int, reason: str, due: int) -> bool:
    """Record a failed attempt and the moment of the next one; False when the lease is another's by now."""
    return bool(
        session.run(
            "UPDATE delivery SET reason = ?, due = ?, lease = 0 WHERE id = ? AND lease = ? AND state = 'waiting'",
            *(reason, due, delivery_id, lease),
        )
    )


def recent(session: StoreSession, limit: int) -> list[Delivery]:
    """The newest messages, whatever became of them."""
    return [Delivery(*row) for row in session.rows(f"{_COLUMNS} ORDER BY created DESC, id LIMIT ?", limit)]


def backlog(session: StoreSession) -> tuple[int, int]:
    """How many messages wait, and when the oldest of them was made; 0 when none does."""
    row = session.row("SELECT count(*), coalesce(min(created), 0) FROM delivery WHERE state = 'waiting'")
    return (int(row[0]), int(row[1])) if row else (0, 0)


def forget_deliveries(session: StoreSession, before: int) -> None:
    """Delete messages that were made before a moment and do not wait."""
    session.run("DELETE FROM delivery WHERE created < ? AND state IN ('sent', 'failed')", before)
