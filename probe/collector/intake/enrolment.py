"""Enrolment of an agent: a sponsor's one-time token pays for the registration of one public key.

The agent makes its key itself and sends only the public half. A token has 128 random bits and is good once, for a
limited time, for one role. Only its SHA-256 is stored.
"""

from __future__ import annotations

import base64
import binascii
import secrets
from datetime import datetime, timedelta
from hashlib import sha256

import msgspec

from probe.collector.store import StoreSession, agents, audit, to_ms
from probe.collector.store.agents import AgentRow, TokenRow
from probe.collector.store.audit import AuditAct
from probe.collector.web.responses import ApiError
from probe.fuse.standing import SHADOW_DAYS

TOKEN_BYTES = 16
"""Random bytes of a token; it is written in hexadecimal."""
KEY_BYTES = 32
"""Bytes of a raw Ed25519 public key (RFC 8032)."""
MAX_ASN = 2**32 - 1
"""The highest AS number (RFC 6793)."""


class EnrolmentRequest(msgspec.Struct, frozen=True, kw_only=True):
    """An agent's request for enrolment. `asn` and `country` are used where its batches leave them out."""

    token: str
    public_key: str
    role: str = "vantage"
    asn: int = 0
    country: str = ""


def make_token(session: StoreSession, *, role: str, sponsor: str, now: datetime, ttl: timedelta) -> str:
    """A new token for one volunteer, as text. Only its digest is stored: it cannot be read again."""
    token = secrets.token_hex(TOKEN_BYTES)
    audit.record(session, to_ms(now), AuditAct.TOKEN, note=f"{role}, sponsor {sponsor or 'none'}")
    agents.add_token(session, _digest(token), TokenRow(role, sponsor, to_ms(now + ttl), None), to_ms(now))
    return token


def check_form(enrolment: EnrolmentRequest) -> bytes:
    """The public key of a request whose parts are all within bounds; no look into the database is needed.

    Raises:
        ApiError: a part is out of bounds.
    """
    key = _key(enrolment.public_key)
    if enrolment.role not in agents.ROLES:
        raise ApiError(400, "bad_role", "the role is vantage or control")
    if not 0 <= enrolment.asn <= MAX_ASN or not is_country(enrolment.country):
        raise ApiError(400, "bad_network", "the AS number or the country code is out of bounds")
    return key


def is_token(session: StoreSession, token: str) -> bool:
    """Whether somebody was given this token here, used or not."""
    return agents.token(session, _digest(token)) is not None


def enrol(
    session: StoreSession, enrolment: EnrolmentRequest, now: datetime, shadow: timedelta = timedelta(days=SHADOW_DAYS)
) -> str:
    """Register an agent and return its id; `shadow` is how long a new vantage has no vote.

    A repetition with the same key and token gets the same id: the first answer may have been lost. A vantage that
    enrols within `shadow` of the first one has a vote at once.

    Raises:
        ApiError: the token is unknown, used, expired or for another role, or the key is not a new Ed25519 key.
    """
    key = check_form(enrolment)
    digest = _digest(enrolment.token)
    token = agents.token(session, digest)
    holder = agents.agent_of_key(session, key)
    if token is None:
        raise ApiError(401, "bad_token", "the token is not known here")
    if token.agent is not None:
        if holder is not None and holder.id == token.agent:
            return holder.id
        raise ApiError(401, "spent_token", "the token has been used")
    if token.expires < to_ms(now):
        raise ApiError(401, "expired_token", "the token is out of date; ask the sponsor for another")
    if token.role != enrolment.role:
        raise ApiError(403, "wrong_role", "the token is for another role")
    if holder is not None:
        raise ApiError(409, "known_key", "this key has been enrolled before; make a new one")
    agent = secrets.token_hex(8)
    moment = to_ms(now)
    begins = _votes_from(session, token.role, moment, shadow)
    place = (enrolment.asn, enrolment.country)
    row = AgentRow(0, agent, key, token.role, token.sponsor, *place, "active", "", 0, moment, votes_from=begins)
    agents.add_agent(session, row)
    agents.spend_token(session, digest, agent, moment)
    audit.record(session, moment, AuditAct.ENROLLED, agent, f"{token.role}, sponsor {token.sponsor or 'none'}")
    return agent


def _votes_from(session: StoreSession, role: str, now: int, shadow: timedelta) -> int:
    """Since when an agent that enrols now has a vote, in milliseconds; 0 for at once."""
    shadow_ms = shadow // timedelta(milliseconds=1)
    in_shadow = role == "vantage" and now > agents.founded(session, now) + shadow_ms
    return now + shadow_ms if in_shadow else 0


def is_country(text: str) -> bool:
    """Whether the text has the form of an ISO 3166 alpha-2 code, or is empty for unknown."""
    return not text or (len(text) == 2 and text.isascii() and text.isalpha() and text.isupper())


def _digest(token: str) -> bytes:
    return sha256(token.encode()).digest()


def _key(text: str) -> bytes:
    try:
        key = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        raise ApiError(400, "bad_key", "the public key is not 32 bytes in base64")
    return key
