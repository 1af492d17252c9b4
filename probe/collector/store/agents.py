"""SQL of enrolment: tokens and agents."""

from __future__ import annotations

import msgspec

from probe.collector.store import Row, StoreSession, audit
from probe.collector.store.audit import AuditAct

ROLES = ("vantage", "control")
"""The roles of agents: a volunteer's vantage, or a control at an uncensored host."""


class AgentRow(msgspec.Struct, frozen=True):
    """An enrolled agent.

    Attributes:
        no: its number in the database.
        pubkey: its Ed25519 key, 32 bytes.
        sponsor: the person or group that vouches for it; empty for none.
        asn, cc: the only network in which it has a vote, and the one of batches that name none; 0 and empty: not known.
        state: `active` or `revoked`.
        flag: what was odd about its batches; empty when nothing was.
        skew: the offset of its clock that was corrected last, in milliseconds.
        seen: time of its last contact, in milliseconds.
        created: when it enrolled, in milliseconds; 0 in a new row for the time of its first contact.
        votes_from: since when its reports count, in milliseconds.
        weight: of its vote, in thousandths.
    """

    no: int
    id: str
    pubkey: bytes
    role: str
    sponsor: str
    asn: int
    cc: str
    state: str
    flag: str
    skew: int
    seen: int
    created: int = 0
    votes_from: int = 0
    weight: int = 1000


class TokenRow(msgspec.Struct, frozen=True):
    """A one-time token as stored. `agent` is the id of the agent that used it, None while it is unused."""

    role: str
    sponsor: str
    expires: int
    agent: str | None


_FOUNDED = "first vantage"
"""Name under which the time of the first enrolment is kept: erasing that vantage does not begin the time anew."""
_AGENT = (
    "SELECT no, id, pubkey, role, sponsor, asn, cc, state, flag, skew, seen, created, votes_from, weight FROM agent"
)


def add_token(session: StoreSession, digest: bytes, new: TokenRow, now: int) -> None:
    """Store the digest of a new token."""
    session.run(
        "INSERT INTO token (hash, role, sponsor, created, expires) VALUES (?, ?, ?, ?, ?)",
        digest,
        new.role,
        new.sponsor,
        now,
        new.expires,
    )


def token(session: StoreSession, digest: bytes) -> TokenRow | None:
    """The token with this digest, locked for its use; None when there is none."""
    row = session.row(
        f"SELECT role, sponsor, expires, agent FROM token WHERE hash = ?{session.for_update}",  # noqa: S608 - a lock
        digest,
    )
    return TokenRow(*row) if row else None


def spend_token(session: StoreSession, digest: bytes, agent: str, now: int) -> None:
    """Mark a token as used by an agent."""
    session.run("UPDATE token SET used = ?, agent = ? WHERE hash = ?", now, agent, digest)


def add_agent(session: StoreSession, agent: AgentRow) -> None:
    """Store a new agent. The database chooses its `no`."""
    session.run(
        "INSERT INTO agent (id, pubkey, role, sponsor, asn, cc, created, seen, votes_from)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        agent.id,
        agent.pubkey,
        agent.role,
        agent.sponsor,
        agent.asn,
        agent.cc,
        agent.created or agent.seen,
        agent.seen,
        agent.votes_from,
    )


def agent(session: StoreSession, agent_id: str) -> AgentRow | None:
    """The agent with this id; None when there is none."""
    return _agent(session.row(f"{_AGENT} WHERE id = ?", agent_id))


def agent_of_key(session: StoreSession, pubkey: bytes) -> AgentRow | None:
    """The agent with this public key; None when there is none."""
    return _agent(session.row(f"{_AGENT} WHERE pubkey = ?", pubkey))


def agents(session: StoreSession) -> list[AgentRow]:
    """All agents, in the order they enrolled."""
    return [AgentRow(*row) for row in session.rows(f"{_AGENT} ORDER BY no")]


def founded(session: StoreSession, now: int) -> int:
    """When the first vantage of this collector enrolled, in milliseconds; from now on it is remembered."""
    row = session.row("SELECT min(created) FROM agent WHERE role = 'vantage'")
    first = now if row is None or row[0] is None else int(row[0])
    store_secret(session, _FOUNDED, str(first).encode())
    return int(secret(session, _FOUNDED) or first)


def touch(session: StoreSession, agent: AgentRow, now: int, skew: int) -> bool:
    """Store an agent's last contact and clock offset. For a duplicate this is the write that the commit waits for.

    Returns:
        Whether there is such an agent: it may have been erased after its row was read, and its number given away.
    """
    return session.run("UPDATE agent SET seen = ?, skew = ? WHERE no = ? AND id = ?", now, skew, agent.no, agent.id) > 0


def adopt_network(session: StoreSession, no: int, asn: int, cc: str) -> None:
    """Store the network of an agent that enrolled without naming it: the first that one of its batches names."""
    session.run(
        "UPDATE agent SET asn = CASE WHEN asn = 0 THEN CAST(? AS BIGINT) ELSE asn END,"
        " cc = CASE WHEN cc = '' THEN CAST(? AS TEXT) ELSE cc END WHERE no = ? AND (asn = 0 OR cc = '')",
        *(asn, cc, no),
    )


def set_network(session: StoreSession, agent_id: str, asn: int, cc: str) -> bool:
    """Store another network of an agent, the only one in which it has a vote. Whether there is one with this id."""
    return session.run("UPDATE agent SET asn = ?, cc = ? WHERE id = ?", asn, cc, agent_id) > 0


def set_weight(session: StoreSession, no: int, weight: int) -> None:
    """Store the weight of an agent's vote, in thousandths."""
    session.run("UPDATE agent SET weight = ? WHERE no = ?", weight, no)


def flag(session: StoreSession, no: int, word: str) -> None:
    """Store the reason why an agent is flagged; a new reason is written to the audit log."""
    flagged = session.row("SELECT id, seen FROM agent WHERE no = ? AND flag <> ?", no, word)
    if flagged is not None:
        audit.record(session, flagged[1], AuditAct.FLAGGED, flagged[0], word)
    session.run("UPDATE agent SET flag = ? WHERE no = ?", word, no)


def revoke(session: StoreSession, agent_id: str) -> bool:
    """Revoke an agent. Whether there is one with this id."""
    return session.run("UPDATE agent SET state = 'revoked' WHERE id = ?", agent_id) > 0


def secret(session: StoreSession, key: str) -> bytes | None:
    """A secret of this collector; None when it has not been stored."""
    row = session.row("SELECT value FROM meta WHERE key = ?", key)
    return bytes(row[0]) if row else None


def store_secret(session: StoreSession, key: str, value: bytes) -> None:
    """Store a secret, unless there is one already."""
    session.run("INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO NOTHING", key, value)


def replace_secret(session: StoreSession, key: str, value: bytes) -> None:
    """Store a secret in the place of the one there is."""
    session.run("DELETE FROM meta WHERE key = ?", key)
    store_secret(session, key, value)


def note_question(session: StoreSession, number: int) -> None:
    """Write how often somebody asked whether the database can be written; it is what `/readyz` writes."""
    session.run(
        "INSERT INTO meta (key, value) VALUES ('ready', ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        number.to_bytes(8, "big"),
    )


def _agent(row: Row | None) -> AgentRow | None:
    return AgentRow(*row) if row else None
