"""SQL of enrolment: tokens and agents."""

from __future__ import annotations

import msgspec

from probe.collector.store import Row, StoreSession

ROLES = ("vantage", "control")
"""What an agent may be: a volunteer's vantage, or a control at an uncensored host."""


class AgentRow(msgspec.Struct, frozen=True):
    """An enrolled agent. `state` is `active` or `revoked`; `flag` says what was odd about its batches."""

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


class TokenRow(msgspec.Struct, frozen=True):
    """A one-time token as it is kept. `agent` used it, None while nobody did."""

    role: str
    sponsor: str
    expires: int
    agent: str | None


_AGENT = "SELECT no, id, pubkey, role, sponsor, asn, cc, state, flag, skew, seen FROM agent"


def add_token(session: StoreSession, digest: bytes, new: TokenRow, now: int) -> None:
    """Keep a token's digest."""
    session.run(
        "INSERT INTO token (hash, role, sponsor, created, expires) VALUES (?, ?, ?, ?, ?)",
        digest,
        new.role,
        new.sponsor,
        now,
        new.expires,
    )


def token(session: StoreSession, digest: bytes) -> TokenRow | None:
    """The token of this digest."""
    row = session.row("SELECT role, sponsor, expires, agent FROM token WHERE hash = ?", digest)
    return TokenRow(*row) if row else None


def spend_token(session: StoreSession, digest: bytes, agent: str, now: int) -> None:
    """Mark a token as used by this agent."""
    session.run("UPDATE token SET used = ?, agent = ? WHERE hash = ?", now, agent, digest)


def add_agent(session: StoreSession, agent: AgentRow) -> None:
    """Enrol an agent; its `no` is chosen here."""
    session.run(
        "INSERT INTO agent (id, pubkey, role, sponsor, asn, cc, created, seen) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        agent.id,
        agent.pubkey,
        agent.role,
        agent.sponsor,
        agent.asn,
        agent.cc,
        agent.seen,
        agent.seen,
    )


def agent(session: StoreSession, agent_id: str) -> AgentRow | None:
    """The agent of this id."""
    return _agent(session.row(f"{_AGENT} WHERE id = ?", agent_id))


def agent_of_key(session: StoreSession, pubkey: bytes) -> AgentRow | None:
    """The agent of this public key."""
    return _agent(session.row(f"{_AGENT} WHERE pubkey = ?", pubkey))


def agents(session: StoreSession) -> list[AgentRow]:
    """All agents, in the order they enrolled."""
    return [AgentRow(*row) for row in session.rows(f"{_AGENT} ORDER BY no")]


def touch(session: StoreSession, no: int, now: int, skew: int) -> None:
    """Note that an agent was heard; also the write without which a duplicate's commit would wait for nothing."""
    session.run("UPDATE agent SET seen = ?, skew = ? WHERE no = ?", now, skew, no)


def flag(session: StoreSession, no: int, word: str) -> None:
    """Note what is odd about an agent."""
    session.run("UPDATE agent SET flag = ? WHERE no = ?", word, no)


def revoke(session: StoreSession, agent_id: str) -> bool:
    """Refuse this agent from now on; False when there is none of that id."""
    return session.run("UPDATE agent SET state = 'revoked' WHERE id = ?", agent_id) > 0


def secret(session: StoreSession, key: str) -> bytes | None:
    """A secret of this collector's own."""
    row = session.row("SELECT value FROM meta WHERE key = ?", key)
    return bytes(row[0]) if row else None


def keep_secret(session: StoreSession, key: str, value: bytes) -> None:
    """Keep a secret, unless there is one already."""
    session.run("INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO NOTHING", key, value)


def _agent(row: Row | None) -> AgentRow | None:
    return AgentRow(*row) if row else None
