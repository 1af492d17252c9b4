"""SQL of subscriptions to alerts."""

from __future__ import annotations

import msgspec

from probe.collector.store import Row, StoreSession

MAX_SUBSCRIPTIONS = 1000


class SubscriptionRow(msgspec.Struct, frozen=True):
    """A subscription as it is stored; `body` has its wishes as JSON. `url` and `body` are secret. Milliseconds."""

    id: str
    channel: str
    url: str
    body: bytes
    created: int
    digest_due: int


_COLUMNS = "SELECT id, channel, url, body, created, digest_due FROM subscription"


def add_subscription(session: StoreSession, row: SubscriptionRow) -> bool:
    """Store a subscription; False when there are too many."""
    count = session.row("SELECT count(*) FROM subscription")
    if count is not None and count[0] >= MAX_SUBSCRIPTIONS:
        return False
    session.run(
        "INSERT INTO subscription (id, channel, url, body, created, digest_due) VALUES (?, ?, ?, ?, ?, ?)",
        *(row.id, row.channel, row.url, row.body, row.created, row.digest_due),
    )
    return True


def subscription(session: StoreSession, subscription_id: str) -> SubscriptionRow | None:
    """The subscription with this id; None when there is none."""
    row = session.row(f"{_COLUMNS} WHERE id = ?", subscription_id)
    return _row(row) if row else None


def subscriptions(session: StoreSession) -> list[SubscriptionRow]:
    """All subscriptions, the oldest first."""
    return [_row(row) for row in session.rows(f"{_COLUMNS} ORDER BY created, id")]


def due_digests(session: StoreSession, now: int) -> list[SubscriptionRow]:
    """The subscriptions whose digest is due."""
    found = session.rows(f"{_COLUMNS} WHERE digest_due > 0 AND digest_due <= ? ORDER BY digest_due, id", now)
    return [_row(row) for row in found]


def set_digest_due(session: StoreSession, subscription_id: str, before: int, due: int) -> bool:
    """Set the moment of the next digest; False when another process has done so since `before` was read."""
    return bool(
        session.run(
            "UPDATE subscription SET digest_due = ? WHERE id = ? AND digest_due = ?", due, subscription_id, before
        )
    )


def remove_subscription(session: StoreSession, subscription_id: str) -> bool:
    """Delete a subscription and the messages that wait for it; False when there is none."""
    session.run("DELETE FROM delivery WHERE subscription = ? AND state IN ('held', 'waiting')", subscription_id)
    return bool(session.run("DELETE FROM subscription WHERE id = ?", subscription_id))


def _row(row: Row) -> SubscriptionRow:
    return SubscriptionRow(*row)
