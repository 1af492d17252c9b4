"""SQL of intake: batches, outbox positions, targets, networks, services, evidence, control verdicts."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

import msgspec

from probe.collector.store import Row, StoreSession, next_number
from probe.collector.store.key_sets import rows_in

_VERDICTS = "control"
"""The counter of controls' verdicts."""
_ERASED = "control erased"
"""The counter that keeps the lowest possible revision, after verdicts of a control were deleted."""

MAX_CONTROL_SILENCE_MS = 3 * 3_600_000
"""A control that has been silent for this long while others were not is not asked any more, in milliseconds."""
_AT_WORK = (
    "agent.role = 'control' AND agent.state = 'active' AND agent.seen >="
    " (SELECT max(other.seen) FROM agent AS other WHERE other.role = 'control' AND other.state = 'active') - ?"
)
_BODIES = (
    "SELECT control.body FROM control JOIN agent ON agent.no = control.agent WHERE control.time >= ?"  # noqa: S608 above
    f" AND {_AT_WORK} ORDER BY control.target, control.time, control.agent"
)
_COUNT_AT_WORK = (
    "SELECT count(DISTINCT agent.no) FROM agent JOIN control ON control.agent = agent.no"  # noqa: S608 above
    f" WHERE {_AT_WORK}"
)


def acked(session: StoreSession, agent: int, epoch: str) -> int:
    """The last sequence number stored of an outbox, 0 when the outbox is new."""
    row = session.row("SELECT acked FROM outbox_position WHERE agent = ? AND epoch = ?", agent, epoch)
    return int(row[0]) if row else 0


def advance(session: StoreSession, agent: int, epoch: str, seq: int, now: int) -> None:
    """Store that an outbox has been received up to this number."""
    session.run(
        "INSERT INTO outbox_position (agent, epoch, acked, since) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (agent, epoch) DO UPDATE SET acked = excluded.acked",
        agent,
        epoch,
        seq,
        now,
    )


def newer_epoch(session: StoreSession, agent: int, epoch: str) -> bool:
    """Whether the agent began another outbox after this one."""
    row = session.row(
        "SELECT 1 FROM outbox_position WHERE agent = ? AND epoch <> ?"
        " AND since > (SELECT since FROM outbox_position WHERE agent = ? AND epoch = ?)",
        agent,
        epoch,
        agent,
        epoch,
    )
    return row is not None


def batch_digest(session: StoreSession, agent: int, epoch: str, seq: int) -> bytes | None:
    """The SHA-256 of a stored batch; None when it never came or its row has been deleted."""
    row = session.row("SELECT sha256 FROM batch WHERE agent = ? AND epoch = ? AND seq = ?", agent, epoch, seq)
    return bytes(row[0]) if row else None


def add_batch(
    session: StoreSession, key: tuple[int, str, int], sha256: bytes, times: tuple[int, int, int], raw: Row
) -> None:
    """Store a batch.

    Args:
        session: the transaction.
        key: agent, epoch, sequence number.
        sha256: of the signed body.
        times: received, sent, shift applied to the agent's times.
        raw: the body as received and its signature, for later verification; two Nones for a batch without changes.
    """
    session.run(
        "INSERT INTO batch (agent, epoch, seq, sha256, received, sent, skew, body, signature)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        *key,
        sha256,
        *times,
        *raw,
    )


def forget_batches(session: StoreSession, before: int, limit: int) -> int:
    """Delete up to `limit` batches without changes received before a moment; how many were deleted."""
    return session.run(
        "DELETE FROM batch WHERE (agent, epoch, seq) IN"
        " (SELECT agent, epoch, seq FROM batch WHERE received < ? AND body IS NULL LIMIT ?)",
        before,
        limit,
    )


class TargetRow(msgspec.Struct, frozen=True):
    """A target: its number, and its service by the votes of agents or itself when it belongs to none."""

    no: int
    service: str


def target_rows(session: StoreSession, texts: Collection[str]) -> dict[str, TargetRow]:
    """Text -> the target's row; new targets get one."""
    if not texts:
        return {}
    found = _target_rows(session, texts)
    missing = sorted(text for text in texts if text not in found)
    if missing:
        session.many(
            "INSERT INTO target (text) VALUES (?) ON CONFLICT (text) DO NOTHING", [(text,) for text in missing]
        )
        found |= _target_rows(session, missing)
    return found


def _target_rows(session: StoreSession, texts: Collection[str]) -> dict[str, TargetRow]:
    rows = rows_in(session, "SELECT text, no, service FROM target WHERE text IN", texts)
    return {text: TargetRow(no, service or text) for text, no, service in rows}


def target_number(session: StoreSession, text: str) -> int:
    """The number of a target; a new target gets one."""
    row = session.row("SELECT no FROM target WHERE text = ?", text)
    if row is None:
        session.run("INSERT INTO target (text) VALUES (?) ON CONFLICT (text) DO NOTHING", text)
        row = session.row("SELECT no FROM target WHERE text = ?", text)
    assert row is not None  # noqa: S101 this transaction stored it, or waited for another that did
    return int(row[0])


def network_number(session: StoreSession, asn: int, cc: str) -> int:
    """The number of a network; a new network gets one."""
    row = session.row("SELECT no FROM network WHERE asn = ? AND cc = ?", asn, cc)
    if row is None:
        session.run("INSERT INTO network (asn, cc) VALUES (?, ?) ON CONFLICT (asn, cc) DO NOTHING", asn, cc)
        row = session.row("SELECT no FROM network WHERE asn = ? AND cc = ?", asn, cc)
    assert row is not None  # noqa: S101 this transaction stored it, or waited for another that did
    return int(row[0])


def service_of(session: StoreSession, target: int) -> str:
    """The service of a target, by the votes of agents; the target itself when it belongs to none."""
    row = session.row("SELECT CASE WHEN service = '' THEN text ELSE service END FROM target WHERE no = ?", target)
    return str(row[0]) if row else ""


def count_services(
    session: StoreSession, agent: int, services: Mapping[str, str], targets: Mapping[str, TargetRow]
) -> dict[str, TargetRow]:
    """Store which service an agent assigns each target to; the rows of the targets after that.

    The service with the most votes wins, the first by name among equals: the order of the votes does not matter. Votes
    are counted again only where one that is new can change that: one for the service that has the target cannot.
    """
    numbers = [targets[text].no for text in services]
    stored: dict[int, str] = dict(
        rows_in(session, "SELECT target, service FROM membership WHERE agent = ? AND target IN", numbers, (agent,))
    )
    changed = {targets[text].no: name for text, name in services.items() if stored.get(targets[text].no) != name}
    session.many(
        "INSERT INTO membership (target, agent, service) VALUES (?, ?, ?)"
        " ON CONFLICT (target, agent) DO UPDATE SET service = excluded.service",
        sorted((target, agent, name) for target, name in changed.items()),
    )
    locked = "SELECT no, CASE WHEN service = '' THEN text ELSE service END FROM target WHERE no IN"
    current: dict[int, str] = dict(rows_in(session, locked, sorted(changed), end=f"ORDER BY no {session.for_update}"))
    for target in [target for target, name in sorted(changed.items()) if current[target] != name]:
        _count_votes(session, target)
        current[target] = service_of(session, target)
    return {text: TargetRow(row.no, current.get(row.no, row.service)) for text, row in targets.items()}


def vote(session: StoreSession, target: int, agent: int, service: str) -> tuple[str, str]:
    """Store which service an agent assigns a target to; the target's service before and after."""
    before = TargetRow(target, service_of(session, target))
    return before.service, count_services(session, agent, {"": service}, {"": before})[""].service


def recount_votes(session: StoreSession, target: int) -> tuple[str, str]:
    """Count the votes on a target's service again, after some were deleted; the service before and after."""
    _lock_target(session, target)
    before = service_of(session, target)
    _count_votes(session, target)
    return before, service_of(session, target)


def _lock_target(session: StoreSession, target: int) -> None:
    """Have other votes on a target wait, for they are counted after they were stored."""
    session.row(f"SELECT no FROM target WHERE no = ?{session.for_update}", target)  # noqa: S608 - a lock


def _count_votes(session: StoreSession, target: int) -> None:
    session.run(
        "UPDATE target SET service = coalesce((SELECT service FROM membership WHERE target = ?"
        " GROUP BY service ORDER BY count(*) DESC, service LIMIT 1), '') WHERE no = ?",
        target,
        target,
    )


def add_evidence(session: StoreSession, bodies: Iterable[tuple[bytes, bytes]], now: int) -> None:
    """Store verdicts' compressed JSON under their digests, unless they are there already."""
    session.many(
        "INSERT INTO evidence (sha256, body, first_seen) VALUES (?, ?, ?) ON CONFLICT (sha256) DO NOTHING",
        [(digest, body, now) for digest, body in sorted(bodies)],
    )


def evidence(session: StoreSession, digest: bytes) -> bytes | None:
    """The compressed JSON with this digest; None when there is none."""
    row = session.row("SELECT body FROM evidence WHERE sha256 = ?", digest)
    return bytes(row[0]) if row else None


def set_control(session: StoreSession, target: int, agent: int, time: int, body: bytes) -> None:
    """Store a control's verdict of a target, unless it has a newer one; each control has its own."""
    session.run(
        "INSERT INTO control (target, agent, time, revision, body) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (target, agent) DO UPDATE SET time = excluded.time,"
        " revision = excluded.revision, body = excluded.body WHERE excluded.time > control.time",
        target,
        agent,
        time,
        next_number(session, _VERDICTS),
        body,
    )


def control_revision(session: StoreSession) -> int:
    """A number that grows with every stored verdict of a control, and with every deletion of some."""
    row = session.row(
        "SELECT coalesce(max(number), 0) FROM (SELECT max(revision) AS number FROM control"
        " UNION ALL SELECT value FROM counter WHERE name = ?) AS numbers",
        _ERASED,
    )
    return int(row[0]) if row else 0


def raise_control_revision(session: StoreSession) -> None:
    """Raise the revision before verdicts of controls are deleted, so that no number stands for two contents."""
    session.run(
        "INSERT INTO counter (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        _ERASED,
        next_number(session, _VERDICTS),
    )


def control_bodies(session: StoreSession, since: int) -> list[bytes]:
    """The newest verdict of each target from each control at work, compressed, of those measured since a moment.

    They are ordered by target and time. Controls that disagree about a target both stand: agents then conclude nothing
    from either, so that no single control makes a verdict. A control is at work that was in contact as late as
    `MAX_CONTROL_SILENCE_MS` before the last contact of any.
    """
    found = session.rows(_BODIES, since, MAX_CONTROL_SILENCE_MS)
    return [bytes(row[0]) for row in found]


def controls_at_work(session: StoreSession) -> int:
    """The number of controls whose verdicts are served; a single one decides alone what counts as down."""
    row = session.row(_COUNT_AT_WORK, MAX_CONTROL_SILENCE_MS)
    return int(row[0]) if row else 0


def control_body(session: StoreSession, target: str) -> bytes | None:
    """The controls' newest verdict of a target, compressed; None when there is none."""
    row = session.row(
        "SELECT body FROM control WHERE target = (SELECT no FROM target WHERE text = ?) ORDER BY time DESC LIMIT 1",
        target,
    )
    return bytes(row[0]) if row else None
