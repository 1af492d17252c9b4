"""Enrolment: exchange a sponsor's one-time token for the registration of this agent's public key at a collector."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from probe.agent.collector_client import ENROL_PATH, CollectorClient
from probe.agent.identity import KEY_FILE, Enrolment, load_or_create_key, write_enrolment
from probe.clock import Clock
from probe.errors import EnrolmentRefusedError, UplinkError, UsageError
from probe.settings import Settings

MAX_TOKEN_LENGTH = 500


class _EnrolReply(msgspec.Struct):
    agent: str


class _ErrorDetail(msgspec.Struct):
    code: str = ""
    message: str = ""


class _ErrorReply(msgspec.Struct):
    error: _ErrorDetail = msgspec.field(default_factory=_ErrorDetail)


def origin_of(url: str) -> str:
    """The origin for which batches are signed: lower case, no path, no default port.

    Raises:
        UsageError: the text is no http or https URL.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), 0
    name = parts.hostname or " "
    if parts.scheme not in ("http", "https") or not name.isprintable() or " " in name or port == 0:
        raise UsageError(f"{url!r} is not a collector's address", mend="write https://host")
    host = f"[{name}]" if ":" in name else name
    default = {"http": 80, "https": 443}[parts.scheme]
    return f"{parts.scheme}://{host}" + ("" if port in (None, default) else f":{port}")


def read_token(path: Path) -> str:
    """The token in a file.

    Raises:
        UplinkError: the file cannot be read.
    """
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UplinkError("the token cannot be read", where=str(path), mend="name another file") from error


async def enrol(
    client: CollectorClient, origin: str, token: str, *, folder: Path, settings: Settings, clock: Clock
) -> Enrolment:
    """Register this agent's key and keep the collector's answer in the state folder.

    The key is created when there is none. It is replaced when the collector knows it from an earlier enrolment, of
    which the folder holds nothing any more; the old one stays beside it as `agent.key.old`.

    Args:
        client: reaches the collector.
        origin: the collector's.
        token: from the sponsor.
        folder: of the agent's state.
        settings: role and network to register with.
        clock: dates the enrolment.

    Raises:
        EnrolmentRefusedError: the collector refuses the token.
        UplinkError: the collector does not answer.
        UsageError: the token is malformed.
        StateError: the key in the folder cannot be used.
        StorageError: the folder cannot be written.
    """
    if not token or len(token) > MAX_TOKEN_LENGTH or not token.isprintable():
        raise UsageError("the token is empty or no token", mend="ask the collector's operator for one")
    agent = await _request(client, token, folder, settings)
    if agent is None:
        (folder / KEY_FILE).replace(folder / f"{KEY_FILE}.old")
        agent = await _request(client, token, folder, settings)
    if agent is None:
        raise EnrolmentRefusedError("the collector knows this key already", where=origin, mend="empty the state folder")
    enrolment = Enrolment(agent=agent, origin=origin, url=client.urls[0], role=settings.agent.role, time=clock.now())
    write_enrolment(folder, enrolment)
    return enrolment


async def _request(client: CollectorClient, token: str, folder: Path, settings: Settings) -> str | None:
    """The id that the collector gives to the key in this folder; None when it knows the key under another id."""
    body = msgspec.json.encode(
        {
            "token": token,
            "public_key": load_or_create_key(folder).public,
            "role": settings.agent.role,
            "asn": settings.network.asn,
            "country": settings.network.country,
        }
    )
    reply = await client.post(ENROL_PATH, body, {"Content-Type": "application/json"})
    where = client.urls[0]
    if isinstance(reply, str):
        raise UplinkError(f"not enrolled: {reply}", mend="try again when the collector answers")
    try:
        if reply.status == 200:
            return msgspec.json.decode(reply.body, type=_EnrolReply).agent
        error = msgspec.json.decode(reply.body, type=_ErrorReply).error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
        raise UplinkError(
            f"not enrolled: the answer ({reply.status}) is not a collector's", where=where, mend="look at the address"
        ) from fault
    if error.code == "known_key":
        return None
    message = " ".join(error.message.split())[:200] or f"status {reply.status}"
    refusal = UplinkError if reply.status >= 500 or reply.status == 429 else EnrolmentRefusedError
    raise refusal(f"not enrolled: {message}", where=where, mend="ask the collector's operator for a new token")
